//! The right to send a mail: an exclusive lock on its immutable file, held as long as the claim lives; the kernel frees
//! it if its holder dies.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::entry_file::{Content, content_of, open, read_block};
use super::{Entry, Error, Progress, QueueId, Record, Spool, files, journal, unrecorded};
use crate::interval::later;
use crate::outcome::{EnhancedStatus, Outcome, Scope, Stage, Status};
use crate::trust::plain;

/// A mail that no other process will touch.
#[derive(Debug)]
pub(crate) struct Claim {
    spool: Spool,
    file: File,
    content_at: u64,
    /// The envelope, and all other facts of the mail.
    pub(crate) entry: Entry,
    /// Its journal so far.
    pub(crate) progress: Progress,
}

/// An entry in an open file that no spool keeps.
#[derive(Debug)]
pub(crate) struct Carried {
    file: File,
    content_at: u64,
    /// The envelope, and all other facts of the mail.
    pub(crate) entry: Entry,
}

impl Carried {
    /// Reads the envelope block of an entry's file.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Damaged`].
    pub(crate) fn read(file: File) -> Result<Self, Error> {
        let (entry, content_at) = read_block(&file, Path::new("stdin"))?;
        Ok(Self { file, content_at, entry })
    }

    /// The message, from its start.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn content(&self) -> Result<Content<'_>, Error> {
        content_of(&self.file, self.content_at, self.entry.size, Path::new("stdin"))
    }
}

impl Spool {
    /// Claims a mail; `None` if another process has it or it is gone.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Damaged`] if the file is no entry.
    pub(crate) fn claim(&self, id: &QueueId) -> Result<Option<Claim>, Error> {
        let path = self.file("queue", id);
        let fail = |source| Error::Read { path: path.clone(), source };
        if unrecorded::is_set_aside(id) {
            return Ok(None);
        }
        let Some(file) = open(&path)? else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        // The process that had it before may have finished it between our open and our lock.
        if file.metadata().map_err(fail)?.nlink() == 0 || !fs::exists(&path).map_err(fail)? {
            return Ok(None);
        }
        let (entry, content_at) = read_block(&file, &path)?;
        let progress = journal::read(&self.journal(id)).map_err(fail)?;
        Ok(Some(Claim { spool: self.clone(), file, content_at, entry, progress }))
    }

    /// Reads an entry and its journal without claiming it; `None` if it is gone.
    ///
    /// # Errors
    /// As [`Spool::claim`].
    pub(crate) fn peek(&self, id: &QueueId) -> Result<Option<(Entry, Progress)>, Error> {
        let path = self.file("queue", id);
        let fail = |source| Error::Read { path: path.clone(), source };
        let Some(file) = open(&path)? else { return Ok(None) };
        let entry = read_block(&file, &path)?.0;
        Ok(Some((entry, journal::read(&self.journal(id)).map_err(fail)?)))
    }

    /// A person has held the mail back.
    pub(crate) fn is_held(&self, id: &QueueId) -> bool {
        self.hold(id).exists()
    }

    fn hold(&self, id: &QueueId) -> PathBuf {
        self.directory("queue").join(format!("{id}.hold"))
    }

    pub(super) fn journal(&self, id: &QueueId) -> PathBuf {
        self.directory("queue").join(format!("{id}.journal"))
    }
}

impl Claim {
    /// The places, in the entry's list, of the recipients that still wait for the mail.
    pub(crate) fn open(&self) -> Vec<usize> {
        (0..self.entry.recipients.len()).filter(|n| !self.progress.is_settled(*n)).collect()
    }

    /// One of those recipients has not been tried, or may be tried again by now.
    /// A next attempt further ahead than `longest` was written while the clock was wrong.
    pub(crate) fn is_due(&self, now: jiff::Timestamp, longest: Duration) -> bool {
        if self.spool.is_held(&self.entry.id) {
            return false;
        }
        let next = |n: &usize| self.progress.last.get(n).and_then(|record| record.next_attempt);
        let latest = later(now, longest).unwrap_or(jiff::Timestamp::MAX);
        self.open().iter().any(|n| next(n).is_none_or(|next| next <= now || next > latest))
    }

    /// Holds the mail back from every attempt, or frees it.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn hold(&self, is_held: bool) -> Result<(), Error> {
        let path = self.spool.hold(&self.entry.id);
        let done = match is_held {
            true => plain::open(&path, OpenOptions::new().write(true).create(true).mode(0o600)).map(drop),
            false if self.spool.is_held(&self.entry.id) => fs::remove_file(&path),
            false => Ok(()),
        };
        done.map_err(|source| Error::Write { path, source })
    }

    /// The spool that holds it.
    pub(crate) fn spool(&self) -> &Spool {
        &self.spool
    }

    /// The message, from its start.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn content(&self) -> Result<Content<'_>, Error> {
        content_of(&self.file, self.content_at, self.entry.size, &self.spool.file("queue", &self.entry.id))
    }

    /// Writes records to the journal; returns once they are on disk.
    ///
    /// # Errors
    /// [`Error::Write`]; if somebody has the mail, it is held then, so that nobody gets it twice.
    pub(crate) fn record(&mut self, records: &[Record]) -> Result<(), Error> {
        let path = self.spool.journal(&self.entry.id);
        // A second attempt may succeed at once; it closes the torn line of the first.
        let written = journal::append(&path, records).or_else(|_| journal::append(&path, records));
        if let Err(source) = written {
            if records.iter().any(|record| record.outcome.status == Status::Sent) {
                unrecorded::set_aside(self.entry.id);
                // Nobody tries a mail that is held, or that lies in failed/. If neither can be, this process knows.
                let _ = self.hold(true).or_else(|_| self.put_away());
            }
            return Err(Error::Write { path, source });
        }
        for record in records {
            self.progress.last.insert(record.recipient, record.clone());
        }
        self.spool.show_readers(&self.entry);
        Ok(())
    }

    /// Makes sure that the outcome of an attempt can be written down: if a recipient had the mail and the journal did
    /// not say so, the recipient would get it again and again.
    ///
    /// # Errors
    /// [`Error::Write`]; then the mail must not be tried.
    pub(crate) fn reserve(&self) -> Result<(), Error> {
        let path = self.spool.journal(&self.entry.id);
        journal::reserve(&path, self.open().len()).map_err(|source| Error::Write { path, source })
    }

    /// As [`remove`](Self::remove), for a mail that was refused for a recipient: the journal stays, for callers who
    /// wait to hear of it, and is swept later.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn remove_reported(self) -> Result<(), Error> {
        let path = self.spool.file("queue", &self.entry.id);
        self.let_members_go()
            .and_then(|()| fs::remove_file(&path))
            .and_then(|()| files::sync_directory(&self.spool.directory("queue")))
            .map_err(|source| Error::Write { path, source })?;
        self.clear_names();
        Ok(())
    }

    /// All recipients have it: takes the mail out of the queue for good. The removal is itself the record, so it is on
    /// disk when this returns; the journal goes after it.
    ///
    /// # Errors
    /// [`Error::Write`]; then the mail may still stand in the queue.
    pub(crate) fn remove(self) -> Result<(), Error> {
        Self::remove_all(vec![self]).pop().unwrap_or(Ok(()))
    }

    /// As [`remove`](Self::remove), for mails that were answered together: one sync serves all of them. Returns a
    /// result for each, in their order.
    pub(crate) fn remove_all(claims: Vec<Self>) -> Vec<Result<(), Error>> {
        let path = |claim: &Self| claim.spool.file("queue", &claim.entry.id);
        let mut results: Vec<io::Result<()>> = claims.iter().map(Self::take_away).collect();
        let sync = |claim: &Self| files::sync_directory(&claim.spool.directory("queue"));
        let synced = claims.first().map_or(Ok(()), |claim| sync(claim).or_else(|_| sync(claim)));
        if let Err(error) = synced {
            let again = |()| Err(io::Error::new(error.kind(), error.to_string()));
            results = results.into_iter().map(|removed| removed.and_then(again)).collect();
        }
        let is_gone =
            |(claim, removed): &(&Self, &io::Result<()>)| removed.is_ok() && !claim.spool.stands(&claim.entry.id);
        for (claim, _) in claims.iter().zip(&results).filter(is_gone) {
            // Without its entry a journal means nothing; a journal that stays is swept.
            let _ = fs::remove_file(claim.spool.journal(&claim.entry.id));
            claim.clear_names();
        }
        let named = |(claim, removed): (&Self, io::Result<()>)| {
            removed.map_err(|source| Error::Write { path: path(claim), source })
        };
        claims.iter().zip(results).map(named).collect()
    }

    /// Takes the file out of the queue: without that everybody would get the mail again. If it cannot be unlinked, it
    /// becomes debris of `tmp/`, or the journal says that everybody has it; else this process leaves it alone.
    fn take_away(&self) -> io::Result<()> {
        self.let_members_go()?;
        let path = self.spool.file("queue", &self.entry.id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let debris = self.spool.file("tmp", &self.entry.id);
                let away = fs::remove_file(&path).or_else(|_| fs::rename(&path, debris));
                away.or_else(|_| self.record_sent()).inspect_err(|_| {
                    unrecorded::set_aside(self.entry.id);
                    let _ = self.hold(true);
                })
            }
            done => done,
        }
    }

    /// Moves mail and journal to `failed/`: that needs no room. Without its journal a mail must not stand in the queue,
    /// so that the journal follows.
    fn put_away(&self) -> Result<(), Error> {
        let id = &self.entry.id;
        let (queue, failed) = (self.spool.directory("queue"), self.spool.directory("failed"));
        let path = failed.join(id.as_str());
        fs::rename(self.spool.file("queue", id), &path)
            .and_then(|()| files::sync_directory(&failed))
            .and_then(|()| files::sync_directory(&queue))
            .and_then(|()| fs::rename(self.spool.journal(id), failed.join(format!("{id}.journal"))))
            .map_err(|source| Error::Write { path, source })
    }

    fn record_sent(&self) -> io::Result<()> {
        let outcome = Outcome {
            status: Status::Sent,
            stage: Stage::Content,
            scope: Scope::Message,
            enhanced: EnhancedStatus::new(2, 0, 0),
            reason: "taken; the mail could not be taken out of the queue".to_string(),
        };
        let at = jiff::Timestamp::now();
        let record = |recipient| Record { at, recipient, outcome: outcome.clone(), next_attempt: None, report: None };
        let records: Vec<Record> = self.open().into_iter().map(record).collect();
        journal::append(&self.spool.journal(&self.entry.id), &records)
    }

    /// Some recipient will never have it: keeps mail and journal in `failed/`, for a person to look at.
    ///
    /// # Errors
    /// [`Error::Write`]; then the mail still stands in the queue.
    pub(crate) fn fail(self) -> Result<(), Error> {
        self.fail_with(&[])
    }

    /// As [`fail`](Self::fail), with records that the journal gets in `failed/` only: as long as the mail stands in the
    /// queue they do not hold.
    ///
    /// # Errors
    /// As [`fail`](Self::fail).
    pub(crate) fn fail_with(self, records: &[Record]) -> Result<(), Error> {
        let id = &self.entry.id;
        let (path, failed) = (self.spool.journal(id), self.spool.directory("failed"));
        // The journal comes first: an entry without it would be sent again if it came back.
        let copy = failed.join(format!("{id}.journal"));
        let keep = || -> io::Result<()> {
            // A crash cut an earlier try short and left this file.
            let _ = fs::remove_file(&copy);
            let mut kept = files::create_new(&copy)?;
            match plain::open(&path, OpenOptions::new().read(true)) {
                Ok(mut journal) => io::copy(&mut journal, &mut kept).map(drop)?,
                // Nothing was recorded of it: it was refused at the first attempt.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            if records.is_empty() { kept.sync_all() } else { journal::append(&copy, records) }
        };
        let moved = keep()
            .and_then(|()| self.let_members_go())
            .and_then(|()| fs::rename(self.spool.file("queue", id), failed.join(id.as_str())))
            .and_then(|()| files::sync_directory(&failed))
            .and_then(|()| files::sync_directory(&self.spool.directory("queue")));
        moved.map_err(|source| Error::Write { path: failed.join(id.as_str()), source })?;
        let _ = fs::remove_file(path);
        self.clear_names();
        Ok(())
    }

    /// Takes away what stood beside the entry. Most mails are not held, and are no digest; a name that stays is swept.
    fn clear_names(&self) {
        let _ = fs::remove_file(self.spool.hold(&self.entry.id));
        if !self.entry.members.is_empty() {
            let _ = fs::remove_file(self.spool.digest_mark(&self.entry.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::tests::queued;
    use std::io::Read;

    use super::*;

    fn record(recipient: usize, status: Status) -> Record {
        let outcome = Outcome {
            status,
            stage: Stage::Content,
            scope: Scope::Recipient,
            enhanced: EnhancedStatus::new(2, 0, 0),
            reason: "250 ok".into(),
        };
        Record { at: jiff::Timestamp::UNIX_EPOCH, recipient, outcome, next_attempt: None, report: None }
    }

    #[test]
    fn mail_can_be_claimed_once_and_read_again_and_again() {
        let (_keep, spool, id) = queued(&["a@x.org"]);
        let claim = spool.claim(&id).unwrap().unwrap();
        assert!(spool.claim(&id).unwrap().is_none());
        for _ in 0..2 {
            let mut text = String::new();
            claim.content().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "Subject: x\r\n\r\nbody\r\n");
        }
        drop(claim);
        assert!(spool.claim(&id).unwrap().is_some());
    }

    #[test]
    fn removed_mail_is_gone() {
        let (_keep, spool, id) = queued(&["a@x.org"]);
        spool.claim(&id).unwrap().unwrap().remove().unwrap();
        assert!(spool.claim(&id).unwrap().is_none());
        assert!(spool.ids().unwrap().is_empty());
        assert_eq!(fs::read_dir(spool.directory("queue")).unwrap().count(), 0);
    }

    #[test]
    fn held_mail_leaves_nothing_that_holds_it() {
        let ends: [fn(Claim) -> Result<(), Error>; 3] = [Claim::remove, Claim::remove_reported, Claim::fail];
        for end in ends {
            let (_keep, spool, id) = queued(&["a@x.org"]);
            let mut claim = spool.claim(&id).unwrap().unwrap();
            claim.hold(true).unwrap();
            claim.record(&[record(0, Status::Bounced)]).unwrap();
            assert!(spool.is_held(&id));
            end(claim).unwrap();
            assert!(!spool.is_held(&id));
        }
    }

    #[test]
    fn mails_are_removed_together_and_one_that_is_gone_is_named() {
        let (_keep, spool, first) = queued(&["a@x.org"]);
        let mut second = spool.claim(&first).unwrap().unwrap().entry.clone();
        second.id = QueueId::new();
        let block = fs::read_to_string(spool.file("queue", &first)).unwrap();
        fs::write(spool.file("queue", &second.id), block.replace(first.as_str(), second.id.as_str())).unwrap();
        let claims: Vec<Claim> = [first, second.id].iter().map(|id| spool.claim(id).unwrap().unwrap()).collect();
        fs::remove_file(spool.file("queue", &first)).unwrap();
        let results = Claim::remove_all(claims);
        assert!(results[0].is_err() && results[1].is_ok(), "{results:?}");
        assert!(spool.ids().unwrap().is_empty());
    }

    #[test]
    fn settled_recipients_stay_settled_for_the_next_claim() {
        let (_keep, spool, id) = queued(&["a@x.org", "b@x.org"]);
        let mut claim = spool.claim(&id).unwrap().unwrap();
        claim.record(&[record(0, Status::Sent), record(1, Status::Deferred)]).unwrap();
        drop(claim);
        let mut claim = spool.claim(&id).unwrap().unwrap();
        assert!(claim.progress.is_settled(0) && !claim.progress.is_settled(1));
        claim.record(&[record(1, Status::Bounced)]).unwrap();
        claim.fail().unwrap();
        assert!(spool.ids().unwrap().is_empty());
        let mut kept: Vec<_> =
            fs::read_dir(spool.directory("failed")).unwrap().map(|f| f.unwrap().file_name()).collect();
        kept.sort();
        assert_eq!(kept, [id.to_string().as_str(), format!("{id}.journal").as_str()]);
    }

    #[test]
    fn what_has_taken_the_place_of_an_entry_or_a_journal_is_named_and_not_waited_for() {
        let (_keep, spool, id) = queued(&["a@x.org"]);
        let pipe = |path: &Path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        pipe(&spool.journal(&id));
        assert!(spool.peek(&id).is_err() && spool.claim(&id).is_err());
        fs::remove_file(spool.journal(&id)).unwrap();
        let mut claim = spool.claim(&id).unwrap().unwrap();
        pipe(&spool.journal(&id));
        assert!(claim.record(&[record(0, Status::Sent)]).is_err() && claim.reserve().is_err());
        drop(claim);
        // Another mail: its records could not be written, so it is set aside.
        let (_keep, spool, id) = queued(&["a@x.org"]);
        let path = spool.file("queue", &id);
        fs::remove_file(&path).unwrap();
        pipe(&path);
        for taken in [spool.peek(&id).err(), spool.claim(&id).err(), spool.show(&id).err()] {
            assert!(matches!(taken, Some(Error::Damaged { .. })), "{taken:?}");
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(matches!(spool.peek(&id), Err(Error::Damaged { .. })));
        for name in ["relay.lock", "relay.clock", "relay.remarks", "relay.sent"] {
            pipe(&spool.directory("queue").join(name));
        }
        assert!(spool.lead().is_err());
        assert_eq!(spool.clock(), None);
        assert!(!spool.is_remarked("a:465", "x", jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(spool.sent("a:465", jiff::Timestamp::UNIX_EPOCH), []);
        let sent = crate::pace::Sent { at: jiff::Timestamp::UNIX_EPOCH, uid: 0, recipients: 1 };
        assert!(spool.note_sent("a:465", &sent).is_err());
    }

    #[test]
    fn cut_or_strange_files_are_named_not_sent() {
        let (_keep, spool, id) = queued(&["a@x.org"]);
        let path = spool.file("queue", &id);
        let whole = fs::read(&path).unwrap();
        for cut in [0, 5, whole.len() - 25, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            let error = spool.claim(&id).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{cut}: {error}");
        }
    }
}

//! Repeats of a job's mail (`docs/spool.md`): a mail is folded by a line in its journal, and a digest holds such mails
//! whole. They stay in the queue until the digest has come to its end.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Claim, Error, Fold, QueueId, Spool, files, journal};

impl Spool {
    /// Names an id as that of a digest which is about to be written. Returns once the name is on disk.
    ///
    /// # Errors
    /// [`Error::Write`]; then the digest must not be written.
    pub(crate) fn mark_digest(&self, id: &QueueId) -> Result<(), Error> {
        let path = self.digest_mark(id);
        files::create_new(&path)
            .and_then(|_| files::sync_directory(&self.directory("queue")))
            .map_err(|source| Error::Write { path, source })
    }

    /// The mails in those of these digests that stand in the queue: none of them is tried.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Damaged`]: nobody knows the members of a digest.
    pub(crate) fn members_of(&self, digests: &[QueueId]) -> Result<HashSet<QueueId>, Error> {
        let mut members = HashSet::new();
        for id in digests {
            if let Some((digest, _)) = self.peek(id)? {
                members.extend(digest.members);
            }
        }
        Ok(members)
    }

    pub(super) fn digest_mark(&self, id: &QueueId) -> PathBuf {
        self.file("queue", id).with_extension("digest")
    }
}

impl Claim {
    /// The mail waits for the digest of its job that is due then, although it may be new. Returns once that is on disk.
    ///
    /// # Errors
    /// [`Error::Write`]; then the mail leaves by itself.
    pub(crate) fn fold(&mut self, due: jiff::Timestamp, is_new: bool, why: &str) -> Result<(), Error> {
        let fold = Fold::Folded { due, is_new };
        note(self.spool(), &self.entry.id, &fold, why)?;
        self.spool().show_readers(&self.entry);
        self.progress.fold = fold;
        Ok(())
    }

    /// Takes a digest apart that was refused for what it is: its members leave by themselves, and are never folded
    /// again.
    ///
    /// # Errors
    /// [`Error::Write`]; then the digest still stands in the queue.
    pub(crate) fn take_apart(mut self, why: &str) -> Result<(), Error> {
        let members = std::mem::take(&mut self.entry.members);
        for member in members.iter().filter(|member| self.spool().stands(member)) {
            note(self.spool(), member, &Fold::Single, why)?;
        }
        self.remove()
    }

    /// Takes the members of a digest out of the queue: it has come to its end. Returns once that is on disk.
    pub(super) fn let_members_go(&self) -> io::Result<()> {
        if self.entry.members.is_empty() {
            return Ok(());
        }
        for member in &self.entry.members {
            match fs::remove_file(self.spool().file("queue", member)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        files::sync_directory(&self.spool().directory("queue"))?;
        for member in &self.entry.members {
            // Without its entry a journal means nothing; one that stays is swept.
            let _ = fs::remove_file(self.spool().journal(member));
        }
        Ok(())
    }
}

fn note(spool: &Spool, id: &QueueId, fold: &Fold, why: &str) -> Result<(), Error> {
    let path = spool.journal(id);
    journal::append_fold(&path, fold, why).map_err(|source| Error::Write { path, source })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::Draft;
    use super::super::entry::tests::example;
    use super::super::tests::empty_spool;
    use super::*;

    fn put(spool: &Spool, members: &[QueueId]) -> QueueId {
        let mut entry = example(&["a@x.org"]);
        entry.members = members.to_vec();
        if !members.is_empty() {
            spool.mark_digest(&entry.id).unwrap();
        }
        let mut draft = Draft::create(spool, entry.id).unwrap();
        draft.envelope(&entry).unwrap();
        draft.write_all(b"Subject: x\r\n\r\nbody\r\n").unwrap();
        draft.commit().unwrap();
        entry.id
    }

    fn claim(spool: &Spool, id: &QueueId) -> Claim {
        spool.claim(id).unwrap().unwrap()
    }

    #[test]
    fn members_wait_while_their_digest_stands_and_go_with_it() {
        type End = fn(Claim) -> Result<(), Error>;
        for end in [Claim::remove as End, Claim::remove_reported, Claim::fail] {
            let (_directory, spool) = empty_spool();
            let (alone, members) = (put(&spool, &[]), [put(&spool, &[]), put(&spool, &[])]);
            claim(&spool, &members[0]).fold(jiff::Timestamp::MAX, false, "a repeat").unwrap();
            let digest = put(&spool, &members);
            let queue = spool.queue().unwrap();
            assert_eq!((queue.mails.len(), queue.digests.as_slice()), (4, &[digest][..]));
            assert_eq!(spool.members_of(&queue.digests).unwrap(), HashSet::from(members));
            end(claim(&spool, &digest)).unwrap();
            let queue = spool.queue().unwrap();
            assert_eq!(queue.mails.iter().map(|mail| mail.id).collect::<Vec<_>>(), [alone]);
            assert!(spool.members_of(&queue.digests).unwrap().is_empty());
            assert!(!spool.journal(&members[0]).exists());
        }
    }

    #[test]
    fn digest_that_was_taken_apart_leaves_its_members_by_themselves() {
        let (_directory, spool) = empty_spool();
        let (kept, removed) = (put(&spool, &[]), put(&spool, &[]));
        claim(&spool, &kept).fold(jiff::Timestamp::MAX, false, "a repeat").unwrap();
        let digest = put(&spool, &[kept, removed]);
        claim(&spool, &removed).remove().unwrap();
        claim(&spool, &digest).take_apart("552 5.3.4 too big").unwrap();
        let queue = spool.queue().unwrap();
        assert_eq!(queue.mails.iter().map(|mail| mail.id).collect::<Vec<_>>(), [kept]);
        assert!(spool.members_of(&queue.digests).unwrap().is_empty());
        let progress = claim(&spool, &kept).progress;
        assert_eq!((progress.fold, progress.last.len()), (Fold::Single, 0));
        assert!(!spool.journal(&removed).exists());
    }

    #[test]
    fn digest_whose_members_cannot_go_stays() {
        let (_directory, spool) = empty_spool();
        let stuck = QueueId::new();
        fs::create_dir(spool.file("queue", &stuck)).unwrap();
        let digest = put(&spool, &[stuck]);
        for end in [Claim::remove, Claim::remove_reported, Claim::fail] {
            end(claim(&spool, &digest)).unwrap_err();
            assert!(spool.stands(&digest));
        }
    }
}

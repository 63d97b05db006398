//! What people see of mails: root all that stands on disk, and the group of `readers` a list.
//!
//! A reader may read the names in `queue/`, but pass no further: whoever can open a file there can also lock it, and
//! the relay would wait. `list/` has a copy of what the listing says of each mail that waits, and no relay reads it.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirEntryExt, PermissionsExt};

use super::entry::MOST_BLOCK;
use super::entry_file::open;
use super::{Entry, Error, NOBODY, Progress, QueueId, Spool, UnderWay, files};
use crate::dsn;
use crate::trust::plain;

/// The directory that readers may read.
pub(super) const LIST: &str = "list";
/// The mode of a file in it.
const MODE: u32 = 0o640;
/// The most mails that one call adds to the list.
const MOST_NEW: usize = 10_000;
/// The name of the clock there, as in the queue.
const CLOCK: &str = "relay.clock";

/// A mail as a reader sees it.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Its name.
    pub(crate) id: QueueId,
    /// What the list says of it; nothing before a relay has looked at it.
    pub(crate) said: Option<(Entry, Progress)>,
    /// A person has held it back.
    pub(crate) is_held: bool,
    /// A relay has claimed it.
    pub(crate) is_under_way: bool,
}

impl Spool {
    /// All that stands on disk about a mail, for people: envelope block, journal, header section. `None` if it is gone.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn show(&self, id: &QueueId) -> Result<Option<Vec<u8>>, Error> {
        let path = self.queued_or_waiting(id);
        let fail = |source| Error::Read { path: path.clone(), source };
        let Some(file) = open(&path)? else { return Ok(None) };
        let mut text = Vec::new();
        let mut lines = BufReader::new(file.take(MOST_BLOCK));
        for _ in 0..2 {
            // The block ends with an empty line, the header section with one in wire form.
            loop {
                let start = text.len();
                if lines.read_until(b'\n', &mut text).map_err(fail)? == 0 || matches!(&text[start..], b"\n" | b"\r\n") {
                    break;
                }
            }
            if text.starts_with(b"mailx-t-entry") && !text.ends_with(b"\r\n") {
                text.extend(plain::read(&self.journal(id)).unwrap_or_default());
                text.push(b'\n');
            }
        }
        Ok(Some(text))
    }

    /// Puts a mail into the list, or how it stands with it now. The list can be made anew, so nothing is synced, and a
    /// disk that does not take it costs no mail.
    pub(super) fn show_readers(&self, entry: &Entry) {
        if self.directory(LIST).is_dir() {
            let journal = plain::read(&self.journal(&entry.id)).unwrap_or_default();
            let _ = self.write_to_list(entry.id.as_str(), &[told(entry).block().0.as_bytes(), &journal].concat());
        }
    }

    fn write_to_list(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let place = self.directory(LIST).join(name);
        let new = place.with_extension("new");
        let _ = fs::remove_file(&new);
        let mut file = files::create(&new, MODE)?;
        // The caller's umask does not matter.
        file.set_permissions(Permissions::from_mode(MODE))?;
        file.write_all(text)?;
        fs::rename(&new, &place)
    }

    /// Brings the list up to the queue as it is now: the leader's last act. `is_whole` says whether mails are added
    /// that no attempt has put there.
    pub(crate) fn update_list(&self, is_whole: bool) {
        let (Ok(names), Ok(ids)) = (fs::read_dir(self.directory(LIST)), self.ids()) else { return };
        let (queued, mut listed): (HashSet<&QueueId>, HashSet<QueueId>) = (ids.iter().collect(), HashSet::new());
        for found in names.flatten() {
            let name = found.file_name();
            let name = name.to_str().unwrap_or_default();
            match QueueId::parse(name.strip_suffix(".new").unwrap_or(name)) {
                Some(id) if !queued.contains(&id) => drop(fs::remove_file(found.path())),
                Some(id) if name == id.as_str() => drop(listed.insert(id)),
                _ => {}
            }
        }
        let missing = ids.iter().filter(|id| is_whole && !listed.contains(id)).take(MOST_NEW);
        for (entry, _) in missing.filter_map(|id| self.peek(id).ok().flatten()) {
            self.show_readers(&entry);
        }
        let clock = plain::read(&self.directory("queue").join(CLOCK));
        let _ = match clock {
            Ok(text) => self.write_to_list(CLOCK, &text),
            Err(_) => fs::remove_file(self.directory(LIST).join(CLOCK)),
        };
    }

    /// The queue as a reader sees it, who has no right to its files, oldest mail first.
    ///
    /// # Errors
    /// [`Error::Read`] if the caller is no reader either.
    pub(crate) fn shown(&self) -> Result<Vec<Shown>, Error> {
        let path = self.directory("queue");
        let fail = |source| Error::Read { path: path.clone(), source };
        let (mut mails, mut held, mut lock) = (Vec::new(), HashSet::new(), None);
        for found in fs::read_dir(&path).map_err(fail)? {
            let found = found.map_err(fail)?;
            let name = found.file_name();
            let Some(name) = name.to_str() else { continue };
            mails.extend(QueueId::parse(name).map(|id| (id, found.ino())));
            held.extend(name.strip_suffix(".hold").and_then(QueueId::parse));
            lock = lock.or((name == "relay.lock").then(|| found.ino()));
        }
        mails.sort_unstable_by_key(|(id, _)| *id);
        let under_way = UnderWay::under(lock);
        let shown = |(id, inode): (QueueId, u64)| Shown {
            id,
            said: self.said(&id),
            is_held: held.contains(&id),
            is_under_way: under_way.has_inode(inode),
        };
        Ok(mails.into_iter().map(shown).collect())
    }

    fn said(&self, id: &QueueId) -> Option<(Entry, Progress)> {
        let text = plain::read_text(&self.file(LIST, id)).ok()?;
        let (block, journal) = text.split_once("\n\n")?;
        Some((Entry::parse(block).ok()?, Progress::parse(journal)))
    }

    /// The clock as a reader sees it.
    pub(super) fn clock_in_list(&self) -> Option<String> {
        plain::read_text(&self.directory(LIST).join(CLOCK)).ok()
    }

    /// The caller may look into the files of the queue, not only at their names.
    pub(super) fn check_is_open(&self) -> Result<(), Error> {
        let path = self.directory("queue");
        fs::metadata(path.join(".")).map(drop).map_err(|source| Error::Read { path, source })
    }
}

/// What the listing says of a mail, and no more.
fn told(entry: &Entry) -> Entry {
    let (repairs, dsn) = (vec![], dsn::OfMail::default());
    // A command may hold a secret; the listing only has to tell one job from another.
    let job = entry.job.as_ref().map(|name| format!("{:016x}", hash(&(entry.uid, name))));
    let mut told = Entry { uid: NOBODY, reverse_path: None, repairs, dsn, job, ..entry.clone() };
    for recipient in &mut told.recipients {
        (recipient.original, recipient.dsn) = (None, dsn::OfRecipient::default());
    }
    told
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::directory::tests::queued;
    use super::*;

    #[test]
    fn list_follows_the_queue_and_says_no_more_than_the_listing() {
        let (_keep, spool, id) = queued(&["a@x.org", "b@x.org"]);
        spool.update_list(true);
        assert!(spool.shown().unwrap()[0].said.is_none(), "a spool without readers has no list");
        fs::create_dir(spool.directory(LIST)).unwrap();
        spool.update_list(false);
        assert!(spool.shown().unwrap()[0].said.is_none(), "a successor sends it");
        spool.update_list(true);
        let (entry, _) = spool.peek(&id).unwrap().unwrap();
        assert_eq!(spool.shown().unwrap()[0].said, Some((told(&entry), Progress::default())));
        let text = fs::read_to_string(spool.file(LIST, &id)).unwrap();
        assert!(text.contains("a@x.org") && !text.contains("Subject") && !text.contains("original-to"), "{text}");
        let claim = spool.claim(&id).unwrap().unwrap();
        claim.hold(true).unwrap();
        assert!(spool.shown().unwrap()[0].is_held);
        claim.remove().unwrap();
        assert!(spool.shown().unwrap().is_empty(), "names in the queue count");
        spool.update_list(false);
        assert_eq!(fs::read_dir(spool.directory(LIST)).unwrap().count(), 0);
    }
}

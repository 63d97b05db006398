//! A mail being written: in `tmp/` until it is whole, then synced and renamed into `queue/`. The directory's sync after
//! that is the moment of acceptance.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::entry::MOST_BLOCK;
use super::files::rename_new;
use super::{Entry, Error, QueueId, Spool, files};

/// Large enough that a common mail is one write.
const BUFFER: usize = 64 << 10;

/// The mode of a mail in `drop/`: the service's group, which the directory hands down, may read it. The sticky bit
/// means nothing on a file (chmod(2)), and a plain copy has none: it tells the mail that its owner has left from a copy
/// that another user had the owner make.
const LEFT: u32 = 0o1640;

/// A queue file that does not count yet. If dropped, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    /// Its name once it counts.
    target: PathBuf,
    /// The directory to sync, so that the name lasts; `None` if we have no right to open it.
    directory: Option<PathBuf>,
    file: BufWriter<File>,
    size_at: u64,
    message: u64,
    /// The name at `path` is ours to remove.
    named: bool,
    /// Its final name is that of an accepted mail already.
    replaces: bool,
}

impl Draft {
    /// Starts the file of an entry for the queue.
    ///
    /// # Errors
    /// [`Error::Create`] if `tmp/` takes no file.
    pub(crate) fn create(spool: &Spool, id: QueueId) -> Result<Self, Error> {
        Self::at(spool.file("tmp", &id), spool.file("queue", &id), Some(spool.directory("queue")), 0o600)
    }

    /// Starts the file of an entry that replaces the one in the queue; the caller has the claim to that one.
    ///
    /// # Errors
    /// [`Error::Create`] if `tmp/` takes no file.
    pub(crate) fn replace(spool: &Spool, id: QueueId) -> Result<Self, Error> {
        // A crash cut an earlier try short and left this file: the claim makes sure that no other process writes it.
        let _ = fs::remove_file(spool.file("tmp", &id));
        let mut draft = Self::create(spool, id)?;
        draft.replaces = true;
        Ok(draft)
    }

    /// Starts the file of an entry for `drop/`, for callers who have no right to the queue.
    ///
    /// # Errors
    /// [`Error::Create`] if `drop/` takes no file.
    pub(crate) fn create_in_drop(spool: &Spool, id: QueueId) -> Result<Self, Error> {
        let target = spool.file("drop", &id);
        Self::at(target.with_extension("new"), target, None, LEFT)
    }

    /// Starts the file of an entry that waits for a configuration. Only those who have the queue can make one, so its
    /// envelope block is believed.
    ///
    /// # Errors
    /// [`Error::Create`] if `tmp/` takes no file.
    pub(crate) fn create_to_wait(spool: &Spool, id: QueueId) -> Result<Self, Error> {
        Self::at(spool.file("tmp", &id), spool.waiting_file(&id), Some(spool.directory("tmp")), 0o600)
    }

    /// Starts the file of an entry that no spool can keep, to be carried to the smarthost at once. It lies in the
    /// system's directory for temporary files and is [handed over](Self::hand_over) instead of committed.
    ///
    /// On a machine that is read-only altogether it lies in memory: in that case no body is larger than the part that a
    /// [`Spill`](super::Spill) holds in memory itself.
    ///
    /// # Errors
    /// [`Error::Create`] if there is no room either.
    pub(crate) fn create_to_carry(id: QueueId) -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("mailx-t.{id}"));
        Self::at(path.clone(), path, None, 0o600).or_else(|error| {
            let file = memfd_create(c"mailx-t", MFdFlags::MFD_CLOEXEC).map_err(|_| error)?;
            let file = BufWriter::with_capacity(BUFFER, File::from(file));
            let nowhere = PathBuf::from("memory");
            Ok(Self {
                path: nowhere.clone(),
                target: nowhere,
                directory: None,
                file,
                size_at: 0,
                message: 0,
                named: false,
                replaces: false,
            })
        })
    }

    fn at(path: PathBuf, target: PathBuf, directory: Option<PathBuf>, mode: u32) -> Result<Self, Error> {
        let fail = |source| Error::Create { path: path.clone(), source };
        let file = files::create(&path, mode).map_err(fail)?;
        // The caller's umask does not matter.
        if mode != 0o600 {
            file.set_permissions(fs::Permissions::from_mode(mode)).map_err(fail)?;
        }
        let file = BufWriter::with_capacity(BUFFER, file);
        Ok(Self { path, target, directory, file, size_at: 0, message: 0, named: true, replaces: false })
    }

    /// Writes the envelope block; the message follows through [`Write`].
    ///
    /// # Errors
    /// [`Error::Envelope`] for a block that nobody would read, [`Error::Write`].
    pub(crate) fn envelope(&mut self, entry: &Entry) -> Result<(), Error> {
        let (block, size_at) = entry.block();
        if block.len() as u64 > MOST_BLOCK {
            return Err(Error::Envelope { recipients: entry.recipients.len() });
        }
        self.size_at = size_at as u64;
        self.file.write_all(block.as_bytes()).map_err(|source| self.failed(source))
    }

    /// Octets of the message so far.
    pub(crate) fn message(&self) -> u64 {
        self.message
    }

    /// Makes the mail exist: sync, rename, sync of the directory. After this it is accepted.
    ///
    /// # Errors
    /// [`Error::Write`]; then nothing has been accepted.
    pub(crate) fn commit(mut self) -> Result<u64, Error> {
        let size = self.message;
        self.publish(size).map_err(|source| self.failed(source))?;
        Ok(size)
    }

    fn publish(&mut self, size: u64) -> io::Result<()> {
        self.file.flush()?;
        let file = self.file.get_ref();
        file.write_all_at(Entry::size_digits(size).as_bytes(), self.size_at)?;
        file.sync_all()?;
        // An accepted mail never gives way to another, even if chance gives both the same id.
        let rename = |from: &Path, to: &Path| if self.replaces { fs::rename(from, to) } else { rename_new(from, to) };
        rename(&self.path, &self.target)?;
        self.named = false;
        let last = match &self.directory {
            Some(directory) => files::sync_directory(directory),
            None => file.sync_all(),
        };
        last.inspect_err(|_| {
            // A mail that may not be on disk is not accepted. The caller will hear so, and must not be wrong.
            if !self.replaces {
                let _ = fs::remove_file(&self.target);
            }
        })
    }

    /// The whole entry as an open file without a name, at its start.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn hand_over(mut self) -> Result<File, Error> {
        let finish = |draft: &mut Self| -> io::Result<File> {
            draft.file.flush()?;
            let mut file = draft.file.get_ref().try_clone()?;
            file.write_all_at(Entry::size_digits(draft.message).as_bytes(), draft.size_at)?;
            file.rewind()?;
            Ok(file)
        };
        // Its name goes when the draft is dropped.
        finish(&mut self).map_err(|source| self.failed(source))
    }

    /// Leaves nothing behind.
    ///
    /// # Errors
    /// [`Error::Write`] if even that fails.
    pub(crate) fn discard(mut self) -> Result<(), Error> {
        self.named = false;
        fs::remove_file(&self.path).map_err(|source| self.failed(source))
    }

    /// The error for a write through [`Write`] that failed.
    pub(crate) fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

/// Writes octets of the message.
impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.message += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.named {
            // Debris is swept later; nobody is there to be told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::example;
    use super::super::tests::empty_spool;
    use super::*;

    fn files(spool: &Spool, name: &str) -> usize {
        fs::read_dir(spool.directory(name)).unwrap().count()
    }

    #[test]
    fn committed_mail_stands_in_the_queue_and_nowhere_else() {
        let (_keep, spool) = empty_spool();
        let entry = example(&["a@x.org"]);
        let mut draft = Draft::create(&spool, entry.id).unwrap();
        draft.envelope(&entry).unwrap();
        draft.write_all(b"Subject: x\r\n\r\nbody\r\n").unwrap();
        assert_eq!(draft.commit().unwrap(), 20);
        assert_eq!((files(&spool, "queue"), files(&spool, "tmp")), (1, 0));
        let text = fs::read_to_string(spool.file("queue", &entry.id)).unwrap();
        assert!(text.contains("size: 000000000000020\n\nSubject: x\r\n"));
    }

    #[test]
    fn abandoned_draft_leaves_nothing() {
        let (_keep, spool) = empty_spool();
        let entry = example(&["a@x.org"]);
        let mut draft = Draft::create(&spool, entry.id).unwrap();
        draft.envelope(&entry).unwrap();
        drop(draft);
        assert_eq!((files(&spool, "queue"), files(&spool, "tmp")), (0, 0));
    }

    #[test]
    fn envelope_that_nobody_could_read_is_not_accepted() {
        let (_keep, spool) = empty_spool();
        let mut entry = example(&["a@x.org"]);
        let room = MOST_BLOCK as usize - entry.block().0.len();
        for (longer, fits) in [(room, true), (room + 1, false)] {
            entry.id = QueueId::new();
            entry.originator = "x".repeat(longer + "alice".len());
            let mut draft = Draft::create(&spool, entry.id).unwrap();
            let begun = draft.envelope(&entry);
            assert_eq!(begun.is_ok(), fits, "{begun:?}");
            if fits {
                draft.commit().unwrap();
                assert!(spool.claim(&entry.id).unwrap().is_some());
            }
        }
    }
}

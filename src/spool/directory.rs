//! The directory of a spool: its parts, the names in them, and the debris of crashes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Error, QueueId, files};

/// A file that nobody has touched for so long was left by a crash.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// A mail in the queue, as far as the names there tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    /// Its name.
    pub(crate) id: QueueId,
    /// It has a journal.
    pub(crate) is_tried: bool,
}

/// The names in the queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    /// All mails: first those that nobody has tried, then the others, each oldest first.
    pub(crate) mails: Vec<Queued>,
    /// Those that are, or were, digests.
    pub(crate) digests: Vec<QueueId>,
}

/// A spool directory.
#[derive(Clone, Debug)]
pub struct Spool {
    root: PathBuf,
}

impl Spool {
    /// The spool at `root`; the disk is not touched yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory for small files of the relay's own, named `relay.` and a word: only the service reads there.
    pub(crate) fn state(&self) -> PathBuf {
        self.directory("queue")
    }

    pub(super) fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The mail stands in the queue, as far as that can be seen.
    pub(crate) fn stands(&self, id: &QueueId) -> bool {
        std::fs::exists(self.file("queue", id)).unwrap_or(true)
    }

    /// The octets that a mail in the queue takes up; of one that is gone, as many as there could be.
    pub(crate) fn size_of(&self, id: &QueueId) -> u64 {
        fs::metadata(self.file("queue", id)).map_or(u64::MAX, |file| file.len())
    }

    pub(super) fn file(&self, directory: &str, id: &QueueId) -> PathBuf {
        self.root.join(directory).join(id.as_str())
    }

    /// `failed/ID.KIND`, or if that is taken, the same under a new id: no file in there is ever replaced.
    pub(super) fn free_in_failed(&self, id: &QueueId, kind: &str) -> PathBuf {
        let place = |id: &QueueId| self.file("failed", id).with_extension(kind);
        let mut free = place(id);
        while fs::symlink_metadata(&free).is_ok() {
            free = place(&id.anew());
        }
        free
    }

    /// The names in `drop/` that could be mails, oldest first.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be listed.
    pub(crate) fn left(&self) -> Result<Vec<QueueId>, Error> {
        self.names("drop", QueueId::parse)
    }

    /// Lists the queue, by its names alone.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be listed.
    pub(crate) fn queue(&self) -> Result<Queue, Error> {
        let (mut tried, mut digests) = (HashSet::new(), Vec::new());
        let ids = self.names("queue", |name| match name.split_once('.') {
            Some((id, "journal")) => QueueId::parse(id).filter(|id| !tried.insert(*id)),
            Some((id, "digest")) => {
                digests.extend(QueueId::parse(id));
                None
            }
            _ => QueueId::parse(name),
        })?;
        let mut mails: Vec<Queued> = ids.into_iter().map(|id| Queued { id, is_tried: tried.contains(&id) }).collect();
        mails.sort_by_key(|queued| queued.is_tried);
        Ok(Queue { mails, digests })
    }

    /// The ids of all mails in the queue, oldest first. A reader, who may read the names alone, is refused.
    ///
    /// # Errors
    /// [`Error::Read`] if the queue cannot be listed.
    pub(crate) fn ids(&self) -> Result<Vec<QueueId>, Error> {
        self.check_is_open()?;
        self.names("queue", QueueId::parse)
    }

    /// The ids of the names in a directory, oldest first.
    pub(super) fn names(
        &self,
        directory: &str,
        mut id_of: impl FnMut(&str) -> Option<QueueId>,
    ) -> Result<Vec<QueueId>, Error> {
        let path = self.directory(directory);
        let fail = |source| Error::Read { path: path.clone(), source };
        let mut ids = Vec::new();
        for found in fs::read_dir(&path).map_err(fail)? {
            ids.extend(found.map_err(fail)?.file_name().to_str().and_then(&mut id_of));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Takes away the remains of crashes: drafts that nobody is writing any more, and files beside entries that are
    /// gone. It takes only files older than a day, and only those with our own names.
    ///
    /// # Errors
    /// [`Error::Read`] if a directory cannot be listed.
    pub(crate) fn sweep(&self) -> Result<(), Error> {
        let stem =
            |name: &str, ends: &[&str]| ends.iter().find_map(|end| QueueId::parse(name.strip_suffix(end)?)).is_some();
        self.sweep_one("tmp", &|name| stem(name, &["", ".body", ".gz"]))?;
        self.sweep_one("queue", &|name| {
            let is_beside = stem(name, &[".journal", ".hold", ".digest"]);
            let is_gone = |id: &str| self.directory("queue").join(id).try_exists().is_ok_and(|is_there| !is_there);
            is_beside && name.split('.').next().is_some_and(is_gone)
        })?;
        match self.sweep_one("drop", &|name| stem(name, &[".new"])) {
            // A user's own spool has no such directory.
            Err(Error::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
            swept => swept,
        }
    }

    fn sweep_one(&self, directory: &str, is_debris: &dyn Fn(&str) -> bool) -> Result<(), Error> {
        let path = self.directory(directory);
        let fail = |source| Error::Read { path: path.clone(), source };
        for found in fs::read_dir(&path).map_err(fail)? {
            let found = found.map_err(fail)?;
            let age = || found.metadata().ok()?.modified().ok()?.elapsed().ok();
            let is_ours = found.file_name().to_str().is_some_and(is_debris);
            if is_ours && age().is_some_and(|age| age > OLD) {
                // Another process may have been faster.
                let _ = fs::remove_file(found.path());
            }
        }
        Ok(())
    }

    /// Keeps bytes that could not become a mail, in `failed/`, synced; returns the path.
    ///
    /// # Errors
    /// [`Error::Create`] if no byte was taken, [`Error::Write`] if they cannot all be kept there.
    pub(crate) fn rescue(&self, bytes: &mut dyn std::io::Read) -> Result<PathBuf, Error> {
        let id = QueueId::of_user(0);
        let path = self.root.join("failed").join(format!("{id}.input"));
        let mut file = files::create_new(&path).map_err(|source| Error::Create { path: path.clone(), source })?;
        let mut keep = || -> std::io::Result<()> {
            std::io::copy(bytes, &mut file)?;
            file.sync_all()?;
            files::sync_directory(&self.directory("failed"))
        };
        keep().map_err(|source| {
            // Half a file must not stay.
            let _ = fs::remove_file(&path);
            Error::Write { path: path.clone(), source }
        })?;
        Ok(path)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::super::Draft;
    use super::super::entry::tests::example;
    use super::super::tests::empty_spool;
    use super::*;

    #[test]
    fn debris_is_swept_when_it_is_old_and_nothing_else_is() {
        let (_keep, spool, id) = queued(&["a@x.org"]);
        let gone = QueueId::new();
        let names = [
            format!("tmp/{gone}"),
            format!("tmp/{gone}.body"),
            format!("tmp/{gone}.gz"),
            format!("drop/{gone}.new"),
            format!("queue/{gone}.journal"),
            format!("queue/{gone}.hold"),
            format!("queue/{gone}.digest"),
            format!("queue/{id}.journal"),
            format!("queue/{id}.hold"),
            format!("queue/{id}.digest"),
            format!("tmp/{gone}.drop"),
            "tmp/other".to_string(),
        ];
        let place = |name: &String| spool.root().join(name);
        names.iter().for_each(|name| fs::write(place(name), "x").unwrap());
        spool.sweep().unwrap();
        assert!(names.iter().all(|name| place(name).exists()), "all of it is fresh");
        let old = std::time::SystemTime::now() - OLD * 2;
        for name in &names {
            File::options().write(true).open(place(name)).unwrap().set_modified(old).unwrap();
        }
        spool.sweep().unwrap();
        let left: Vec<bool> = names.iter().map(|name| place(name).exists()).collect();
        assert_eq!(left, [false, false, false, false, false, false, false, true, true, true, true, true]);
        assert!(spool.claim(&id).unwrap().is_some());
    }

    pub(in crate::spool) fn queued(recipients: &[&str]) -> (tempfile::TempDir, Spool, QueueId) {
        let (directory, spool) = empty_spool();
        let entry = example(recipients);
        let mut draft = Draft::create(&spool, entry.id).unwrap();
        draft.envelope(&entry).unwrap();
        draft.write_all(b"Subject: x\r\n\r\nbody\r\n").unwrap();
        draft.commit().unwrap();
        (directory, spool, entry.id)
    }

    #[test]
    fn rescue_into_a_missing_spool_takes_no_byte_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = &b"Subject: x\n"[..];
        let error = Spool::new(directory.path().join("none")).rescue(&mut bytes).unwrap_err();
        assert!(matches!(error, Error::Create { .. }), "{error}");
        assert_eq!(bytes.len(), 11);
    }
}

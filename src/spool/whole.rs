//! A message that is larger than a mail may be, kept whole: compressed (gzip, RFC 1952), under a name that its mail
//! tells. It stands there, synced, before that mail is accepted.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;

use super::spill::LEVEL;
use super::{Error, QueueId, Spill, Spool, files};

/// A file that is removed again unless the mail it belongs to is accepted.
#[derive(Debug)]
#[must_use]
pub(crate) struct Whole {
    path: PathBuf,
    is_kept: bool,
}

impl Spool {
    /// Keeps a message in `failed/ID.gz`: `head`, then `body`. If that name is taken, it gets another: a user who
    /// leaves a mail in `drop/` chooses its id, and must not remove another user's whole.
    ///
    /// # Errors
    /// [`Error::Create`] or [`Error::Write`].
    pub(crate) fn keep_whole(&self, id: &QueueId, head: &[u8], body: &mut Spill) -> Result<Whole, Error> {
        let draft = self.directory("tmp").join(format!("{id}.gz"));
        // A crash left this file: a mail out of drop/ has the same name at the next try.
        let _ = fs::remove_file(&draft);
        Whole::make(&draft, self.free_in_failed(id, "gz"), &mut |file| write(head, body, file))
    }

    /// As [`keep_whole`](Self::keep_whole), for a message that stands in the queue already. A file of that name stays:
    /// it is the same, or the larger message that this one was cut from.
    ///
    /// # Errors
    /// As [`keep_whole`](Self::keep_whole).
    pub(crate) fn keep_queued(&self, id: &QueueId, content: &mut dyn Read) -> Result<Whole, Error> {
        let path = self.place_of_whole(id);
        if path.exists() {
            return Ok(Whole { path, is_kept: true });
        }
        let draft = self.directory("tmp").join(format!("{id}.gz"));
        // A crash left this file: the claim makes sure that no other process writes it.
        let _ = fs::remove_file(&draft);
        Whole::make(&draft, path, &mut |file| {
            let mut gz = GzEncoder::new(file, LEVEL);
            io::copy(content, &mut gz)?;
            gz.finish().map(drop)
        })
    }

    /// The place of the whole of a mail that is too large.
    pub(crate) fn place_of_whole(&self, id: &QueueId) -> PathBuf {
        self.directory("failed").join(format!("{id}.gz"))
    }
}

impl Whole {
    /// Keeps a message as `ID.gz` in a directory of the user's own, for a user who has no right to the spool.
    ///
    /// # Errors
    /// [`Error::Create`] or [`Error::Write`].
    pub(crate) fn keep_in(place: &Path, id: &QueueId, head: &[u8], body: &mut Spill) -> Result<Self, Error> {
        let fail = |source| Error::Create { path: place.to_path_buf(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(place).map_err(fail)?;
        let draft = place.join(format!("{id}.gz.new"));
        Self::make(&draft, place.join(format!("{id}.gz")), &mut |file| write(head, body, file))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The mail is accepted: it stays.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }

    fn make(draft: &Path, path: PathBuf, fill: &mut dyn FnMut(&mut File) -> io::Result<()>) -> Result<Self, Error> {
        let mut file =
            files::create_new(draft).map_err(|source| Error::Create { path: draft.to_path_buf(), source })?;
        let made = fill(&mut file).and_then(|()| file.sync_all()).and_then(|()| fs::rename(draft, &path));
        if let Err(source) = made {
            // Half a file must not stay; a file that an earlier try has finished does.
            let _ = fs::remove_file(draft);
            return Err(Error::Write { path, source });
        }
        let whole = Self { path, is_kept: false };
        match whole.path.parent().map_or(Ok(()), files::sync_directory) {
            Ok(()) => Ok(whole),
            Err(source) => Err(Error::Write { path: whole.path.clone(), source }),
        }
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Two members of a gzip file read as one text.
fn write(head: &[u8], body: &mut Spill, file: &mut File) -> io::Result<()> {
    let mut gz = GzEncoder::new(&mut *file, LEVEL);
    gz.write_all(head)?;
    gz.finish()?;
    body.compress(file)
}

#[cfg(test)]
mod tests {
    use flate2::read::MultiGzDecoder;

    use super::super::tests::empty_spool;
    use super::*;

    fn text(path: &Path) -> String {
        let mut text = String::new();
        MultiGzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn whole_message_stands_in_failed_once_its_mail_is_accepted() {
        let (directory, spool) = empty_spool();
        for most in [5, 500] {
            let id = QueueId::new();
            let mut body = Spill::new(&spool, most);
            body.write_all(b"one\n").unwrap();
            body.write_all(b"two\n").unwrap();
            let whole = spool.keep_whole(&id, b"Subject: x\n\n", &mut body).unwrap();
            let path = whole.path().to_path_buf();
            assert_eq!(path, directory.path().join("failed").join(format!("{id}.gz")));
            assert_eq!(text(&path), "Subject: x\n\none\ntwo\n");
            drop(whole);
            assert!(!path.exists());
            spool.keep_whole(&id, b"", &mut body).unwrap().keep();
            assert!(path.exists());
            assert_eq!(fs::read_dir(directory.path().join("tmp")).unwrap().count(), 0);
        }
    }

    #[test]
    fn whole_of_another_mail_is_not_replaced() {
        let (_directory, spool) = empty_spool();
        let (id, mut body) = (QueueId::new(), Spill::new(&spool, 500));
        spool.keep_whole(&id, b"first", &mut body).unwrap().keep();
        let second = spool.keep_whole(&id, b"second", &mut body).unwrap();
        assert_eq!(text(second.path()), "second");
        drop(second);
        assert_eq!(text(&spool.place_of_whole(&id)), "first");
    }

    #[test]
    fn larger_message_that_a_queued_one_was_cut_from_is_not_replaced() {
        let (_directory, spool) = empty_spool();
        let id = QueueId::new();
        spool.keep_queued(&id, &mut &b"whole"[..]).unwrap().keep();
        let again = spool.keep_queued(&id, &mut &b"cut"[..]).unwrap();
        let path = again.path().to_path_buf();
        drop(again);
        assert_eq!(text(&path), "whole");
    }
}

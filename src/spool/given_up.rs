//! A file in `failed/` that a person wants sent after all: a mail with its journal, input that could not become a mail,
//! or a file out of `drop/`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::entry_file::{Content, content_of, read_block};
use super::{Entry, Error, QueueId, Spool, files, journal};
use crate::outcome::Status;
use crate::trust::plain;

/// The first words of input whose caller named recipients, and the rest of that line.
const ENVELOPE_TO: &[u8] = b"X-Envelope-To: ";

/// A file in `failed/`.
#[derive(Debug)]
pub(crate) struct GivenUp {
    path: PathBuf,
    journal: Option<PathBuf>,
    file: File,
    /// The form of its content.
    pub(crate) form: Form,
}

/// The form of such a file.
#[derive(Debug)]
pub(crate) enum Form {
    /// A mail, and the user whose it is; its envelope names the recipients who do not have it.
    Entry {
        /// The envelope.
        entry: Box<Entry>,
        /// The uid of the user.
        uid: u32,
        /// The place of the message in the file.
        content_at: u64,
    },
    /// A message as it was handed in, for these recipients besides those that its fields name.
    Input {
        /// As the caller named them.
        operands: Vec<u8>,
    },
}

impl Spool {
    /// The file of that id in `failed/`; `None` if there is no such file.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Damaged`] for a file that is no mail.
    pub(crate) fn given_up(&self, id: &QueueId) -> Result<Option<GivenUp>, Error> {
        for kind in ["", "refused", "input"] {
            let path = self.file("failed", id).with_extension(kind);
            let fail = |source| Error::Read { path: path.clone(), source };
            let mut file = match plain::open(&path, OpenOptions::new().read(true)) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                opened => opened.map_err(fail)?,
            };
            if kind == "input" {
                let operands = operands(&mut file).map_err(fail)?;
                return Ok(Some(GivenUp { path, journal: None, file, form: Form::Input { operands } }));
            }
            let owner = file.metadata().map_err(fail)?.uid();
            let (mut entry, content_at) = read_block(&file, &path)?;
            let place = self.directory("failed").join(format!("{id}.journal"));
            let progress = journal::read(&place).map_err(fail)?;
            let has_it = |n: usize| progress.last.get(&n).is_some_and(|record| record.outcome.status == Status::Sent);
            let mut n = 0..;
            entry.recipients.retain(|_| !n.next().is_some_and(has_it));
            // What a user has left in drop/ says whose it is by its owner alone.
            let uid = if kind == "refused" { owner } else { entry.uid };
            let form = Form::Entry { entry: Box::new(entry), uid, content_at };
            return Ok(Some(GivenUp { path, journal: Some(place), file, form }));
        }
        Ok(None)
    }

    /// The ids of all such files, each once.
    ///
    /// # Errors
    /// [`Error::Read`] if `failed/` cannot be listed.
    pub(crate) fn all_given_up(&self) -> Result<Vec<QueueId>, Error> {
        let failed = self.failed()?;
        let mut ids = [failed.mails, failed.inputs, failed.refused].concat();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }
}

impl GivenUp {
    /// Everybody has it.
    pub(crate) fn is_for_nobody(&self) -> bool {
        matches!(&self.form, Form::Entry { entry, .. } if entry.recipients.is_empty())
    }

    /// The message, from its start.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn content(&self) -> Result<Content<'_>, Error> {
        match &self.form {
            Form::Entry { entry, content_at, .. } => content_of(&self.file, *content_at, entry.size, &self.path),
            Form::Input { operands } => {
                let at = if operands.is_empty() { 0 } else { (ENVELOPE_TO.len() + operands.len() + 1) as u64 };
                let fail = |source| Error::Read { path: self.path.clone(), source };
                let size = self.file.metadata().map_err(fail)?.len();
                content_of(&self.file, at, size.saturating_sub(at), &self.path)
            }
        }
    }

    /// It stands in the queue: the file goes.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn remove(self) -> Result<(), Error> {
        let failed = self.path.parent().unwrap_or(&self.path).to_path_buf();
        let removed = fs::remove_file(&self.path).and_then(|()| files::sync_directory(&failed));
        removed.map_err(|source| Error::Write { path: self.path.clone(), source })?;
        // Without its mail a journal means nothing.
        self.journal.map(fs::remove_file);
        Ok(())
    }
}

/// The recipients in the first line, if the rescue has put one before the input.
fn operands(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    Read::by_ref(file).take(64 << 10).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.strip_prefix(ENVELOPE_TO).map(<[u8]>::to_vec).unwrap_or_default())
}

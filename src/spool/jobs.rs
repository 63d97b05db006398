//! `queue/relay.jobs`: what the relay knows of each job. Its loss only has mails leave singly, so nothing is synced.

use std::fs;

use super::{Error, Spool, files};
use crate::trust::plain;

/// A longer file is none of ours.
const MOST: u64 = 8 << 20;

impl Spool {
    /// The text of the file; empty if there is none that can be read.
    pub(crate) fn jobs(&self) -> String {
        let path = self.directory("queue").join("relay.jobs");
        if fs::metadata(&path).is_ok_and(|file| file.len() > MOST) {
            return String::new();
        }
        plain::read_text(&path).unwrap_or_default()
    }

    /// Writes the file anew.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn set_jobs(&self, text: &str) -> Result<(), Error> {
        let (new, path) = (self.directory("tmp").join("relay.jobs"), self.directory("queue").join("relay.jobs"));
        files::write_new(&new, text)
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|source| Error::Write { path: path.clone(), source })
    }
}

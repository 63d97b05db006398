//! Errors of the disk.

use std::io;
use std::path::PathBuf;

/// Trouble with the spool: the file, the act that failed, the reason.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory cannot be made.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// Its path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file in the queue is not what `docs/spool.md` says it must be.
    #[error("{} is no queue entry: {why}: move it away and look at it", path.display())]
    Damaged {
        /// Its path.
        path: PathBuf,
        /// The fault in it.
        why: String,
    },
    /// The envelope is larger than any that could be read again.
    #[error("the mail has {recipients} recipients, more than the envelope of one mail holds: send it in parts")]
    Envelope {
        /// The number of recipients it has.
        recipients: usize,
    },
    /// Nobody has heard of the group of `readers`.
    #[error("readers in [spool] names the group {0}, which this machine does not have: groupadd {0}, or name another")]
    NoGroup(String),
    /// A directory has other uses, so it cannot become a spool.
    #[error("{} is no spool and not empty: set path in [spool] to a directory of its own", .0.display())]
    NoSpool(PathBuf),
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file cannot be written, synced or put in its place.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Its path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl Error {
    /// The caller has no right to what was asked for.
    pub(crate) fn is_denied(&self) -> bool {
        match self {
            Error::Create { source, .. } | Error::Read { source, .. } | Error::Write { source, .. } => {
                source.kind() == io::ErrorKind::PermissionDenied
            }
            Error::Damaged { .. } | Error::Envelope { .. } | Error::NoGroup(_) | Error::NoSpool(_) => false,
        }
    }

    /// Another process writes a mail under the same name, or has put one into the queue; nothing of ours is left.
    pub(crate) fn is_about_a_taken_name(&self) -> bool {
        let (Error::Create { source, .. } | Error::Write { source, .. }) = self else { return false };
        source.kind() == io::ErrorKind::AlreadyExists
    }
}

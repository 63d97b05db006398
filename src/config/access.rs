//! The rights of others to a configuration file, which names commands and may hold a password.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::error::Error;
use crate::system;
use crate::trust::{DecidingFile, Fault};

/// No configuration is larger, in bytes.
pub(super) const MOST: u64 = 16 << 20;

/// Opens a configuration. It names commands: it and its directory have to be root's or the caller's own, and nobody
/// else may write them.
///
/// # Errors
/// [`Error::Missing`], [`Error::Unreadable`] or [`Error::Foreign`].
pub(super) fn open(path: &Path) -> Result<DecidingFile, Error> {
    let opened = DecidingFile::open(path).and_then(|file| file.judge(&[system::caller().uid]).map(|()| file));
    opened.map_err(|fault| match fault {
        Fault::Io(error) if error.kind() == io::ErrorKind::NotFound => Error::Missing(path.to_path_buf()),
        Fault::Io(source) => Error::Unreadable { path: path.to_path_buf(), source },
        fault => Error::Foreign { path: path.to_path_buf(), why: fault.to_string() },
    })
}

/// The file is called `log` or `*.log`. No program runs or obeys a file for such a name, so its lines may hold any
/// text.
pub(super) fn is_called_log(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "log") || file.extension().is_some_and(|extension| extension == "log")
}

/// Others than its owner may use the file, except the one group that may read it.
pub(super) fn is_exposed(found: &Metadata, readers: Option<u32>) -> bool {
    is_open(found.mode(), found.gid(), readers)
}

fn is_open(mode: u32, group: u32, readers: Option<u32>) -> bool {
    let closed = if readers == Some(group) { 0o037 } else { 0o077 };
    mode & closed != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_that_could_pass_for_a_program_is_not_called_one() {
        for (path, is_log) in [
            ("/d/log", true),
            ("/d/mail.log", true),
            ("/d/x.php", false),
            ("/d/log.php", false),
            ("/d/.bashrc", false),
            ("/d/.log", false),
            ("/d/authorized_keys", false),
        ] {
            assert_eq!(is_called_log(Path::new(path)), is_log, "{path}");
        }
    }

    #[test]
    fn machine_file_with_a_password_may_be_read_by_the_group_of_the_service() {
        for (mode, group, is_exposed) in [
            (0o640, 997, false),
            (0o440, 997, false),
            (0o640, 100, true),
            (0o660, 997, true),
            (0o670, 997, true),
            (0o644, 997, true),
        ] {
            assert_eq!(is_open(mode, group, Some(997)), is_exposed, "{mode:o} {group}");
        }
        assert!(is_open(0o640, 997, None));
    }
}

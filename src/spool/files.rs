//! Files of the spool that are made anew, and directories that last.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

/// Creates a file that did not exist and that only we may read.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    create(path, 0o600)
}

/// Makes a small file to be renamed; a file of its name that an earlier process has left goes.
pub(super) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(path);
    create_new(path)?.write_all(text.as_bytes())
}

/// Creates a file that did not exist, with that mode.
pub(super) fn create(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)
}

/// Renames a file to a name that nothing has; a file of that name stays, and the error says so.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        // This file system cannot promise it, such as NFS.
        Err(Errno::EINVAL | Errno::ENOSYS) if !to.exists() => fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

/// Makes renames into a directory, and removals from it, last (fsync(2) says when this is needed).
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

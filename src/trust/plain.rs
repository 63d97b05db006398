//! Files that we have made ourselves, opened again by their names: regular files, and never a file of another kind that
//! somebody has put in their place.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// Opens a regular file without following a link of its name, and without waiting for anybody (a FIFO has two ends).
///
/// # Errors
/// Those of the system; [`io::ErrorKind::InvalidData`] if it is no regular file.
pub(crate) fn open(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = how.custom_flags(flags.bits()).open(path).map_err(|error| match error.raw_os_error() {
        Some(nix::libc::ELOOP | nix::libc::ENXIO) => no_file(),
        _ => error,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

/// The octets of such a file.
///
/// # Errors
/// As [`open`].
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, OpenOptions::new().read(true))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// As [`read`], for a text.
///
/// # Errors
/// As [`open`].
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&read(path)?).into_owned())
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is no regular file")
}

/// True if [`open`] refused the kind of the file.
pub(crate) fn is_no_file(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn what_stands_in_the_place_of_a_file_is_neither_followed_nor_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::write(at("file"), "text").unwrap();
        assert_eq!(read_text(&at("file")).unwrap(), "text");
        symlink(at("file"), at("link")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
        // A reader makes it open for writing.
        let _reader = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(at("pipe")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        for name in ["link", "pipe", "directory"] {
            assert!(is_no_file(&read(&at(name)).unwrap_err()), "{name}");
            let appended = open(&at(name), OpenOptions::new().append(true).create(true));
            assert!(appended.is_err(), "{name}");
        }
        assert_eq!(read(&at("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read(at("file")).unwrap(), b"text");
    }
}

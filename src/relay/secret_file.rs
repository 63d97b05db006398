//! Files that hold a secret: passwords, tokens, private keys, and what systemd provides.
//!
//! A file that others may read, or that somebody else could have written, is refused. The first line counts, byte for byte:
//! `#`, `=` and blanks belong to a password.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use super::permissions::{Reader, closed_above};
use super::{CredentialsError, Secret};

/// No password is longer. OAuth tokens reach some kilobytes.
pub(super) const MOST_BYTES: u64 = 64 * 1024;

/// The first line of a file that is closed to others; `key` is the setting that names the file.
pub(super) fn guarded_line(key: &'static str, path: &Path) -> Result<Secret, CredentialsError> {
    let bytes = guarded(path).map_err(|why| CredentialsError::File { key, path: path.to_path_buf(), why })?;
    first_line(key, &bytes)
}

/// The content of a file that is closed to others, or what is wrong with the file and what to do.
pub(super) fn guarded(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_file(path, Access::Guarded)
}

/// The content of a file whose maker keeps others out of it, or what is wrong with the file and what to do.
pub(super) fn provided(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_file(path, Access::Provided)
}

/// The secret in the first line of what was read, whose end is LF or CRLF; `key` is the setting that it came from.
pub(super) fn first_line(key: &'static str, bytes: &[u8]) -> Result<Secret, CredentialsError> {
    let line = match bytes.iter().position(|b| *b == b'\n') {
        Some(end) => bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]),
        None => bytes,
    };
    text(key, line)
}

/// The secret that these bytes are.
pub(super) fn text(key: &'static str, bytes: &[u8]) -> Result<Secret, CredentialsError> {
    let wrong = |why| CredentialsError::Text { key, why };
    match std::str::from_utf8(bytes) {
        Err(_) => Err(wrong("is not UTF-8")),
        Ok("") => Err(wrong("is empty")),
        // RFC 4616 section 2: NUL separates the parts of a PLAIN response.
        Ok(text) if text.contains('\0') => Err(wrong("holds a NUL byte")),
        Ok(text) => Ok(Secret::from(text.to_owned())),
    }
}

#[derive(PartialEq)]
enum Access {
    /// Owner and mode must keep others out.
    Guarded,
    /// The maker of the file sees to that.
    Provided,
}

fn read_file(path: &Path, access: Access) -> Result<Zeroizing<Vec<u8>>, String> {
    // Without O_NONBLOCK, opening a FIFO would wait for its writer.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(path)
        .map_err(|error| format!("cannot be opened: {error}: {}", cure(path, &error)))?;
    let state = file.metadata().map_err(|error| error.to_string())?;
    if !state.is_file() {
        return Err("is not a regular file: name a file".to_owned());
    }
    if access == Access::Guarded {
        Reader::this().guard((state.uid(), state.gid()), state.mode())?;
    }
    // A buffer that grows would leave copies of the secret behind.
    let size = usize::try_from(state.len().min(MOST_BYTES)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    Ok(bytes)
}

/// What to do about a file that cannot be opened.
fn cure(path: &Path, error: &io::Error) -> String {
    match (error.kind(), fs::metadata(path)) {
        (io::ErrorKind::NotFound, _) => "check the path".to_owned(),
        (io::ErrorKind::PermissionDenied, Ok(state)) => Reader::this().let_in(state.uid()),
        (io::ErrorKind::PermissionDenied, Err(_)) => Reader::this().let_through(closed_above(path)),
        _ => "check path, owner and mode".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read(content: &[u8], mode: u32) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        fs::write(&path, content).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        read_at(&path)
    }

    fn read_at(path: &Path) -> Result<String, String> {
        let secret = guarded_line("password-file", path).map_err(|error| error.to_string())?;
        Ok(secret.reveal().to_owned())
    }

    #[test]
    fn first_line_is_kept_byte_for_byte() {
        for (content, secret) in [
            (&b"# a=b \xc3\xa9 \n"[..], "# a=b \u{e9} "),
            (b"x", "x"),
            (b"x\r\nuser: me\n", "x"),
            (b" \n", " "),
            (b"x\ry\n", "x\ry"),
        ] {
            assert_eq!(read(content, 0o600).as_deref(), Ok(secret));
        }
    }

    #[test]
    fn unusable_text_is_refused_without_being_shown() {
        for content in [&b"\nx"[..], b"", b"geheim\xff\n", b"geheim\0\n"] {
            let error = read(content, 0o600).unwrap_err();
            assert!(error.contains("password-file") && !error.contains("geheim"), "{error}");
        }
    }

    #[test]
    fn file_that_others_may_read_or_write_is_refused() {
        for (mode, is_fine) in [(0o600, true), (0o640, true), (0o400, true), (0o644, false), (0o620, false)] {
            assert_eq!(read(b"x", mode).is_ok(), is_fine, "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read_at(directory.path()).unwrap_err().contains("not a regular file"));
        assert!(read_at(&directory.path().join("none")).unwrap_err().contains("cannot be opened"));
    }
}

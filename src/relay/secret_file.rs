//! Files that hold a secret: passwords, tokens, private keys, and what systemd provides.
//!
//! A file that others may read, or that somebody else could have written, is refused. The first line counts, byte for
//! byte: `#`, `=` and blanks belong to a password. A byte order mark before it does not.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::{CredentialsError, Secret};
use crate::trust::reader::{Reader, closed_above};
use crate::trust::{DecidingFile, Fault};

/// No password is longer. OAuth tokens reach some kilobytes.
pub(super) const MOST_BYTES: u64 = 64 * 1024;
/// A bundle of all authorities there are takes a quarter of a megabyte.
const MOST_CERTIFICATES: u64 = 16 << 20;

/// The first line of a file that is closed to others; `key` is the setting that names the file.
pub(super) fn guarded_line(key: &'static str, path: &Path) -> Result<Secret, CredentialsError> {
    let of_file =
        |why: String| CredentialsError::File { key, path: path.to_path_buf(), why: or_command(key, path, why) };
    first_line(key, &guarded(path).map_err(of_file)?).map_err(|error| match error {
        CredentialsError::Text { why, .. } => of_file(format!("the secret {why}: check what it holds")),
        other => other,
    })
}

/// A secret that a container was given may be open to all in it, and nobody there can change its mode. To take it from
/// a command is to say that this is known.
fn or_command(key: &str, path: &Path, why: String) -> String {
    let is_fixed = || fs::metadata(path).is_ok_and(|found| found.mode() & 0o222 == 0 || why.ends_with("read-only"));
    if key == "password-file" && why.contains(" opens it to ") && is_fixed() {
        format!("{why}; or, where it cannot be changed, set password-command = \"cat {}\"", path.display())
    } else {
        why
    }
}

/// The content of a file that is closed to others, or what is wrong with the file and what to do.
pub(super) fn guarded(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_file(path, Access::Guarded)
}

/// The content of a file whose maker keeps others out of it, or what is wrong with the file and what to do.
pub(super) fn provided(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_file(path, Access::Provided)
}

/// The first line of a file that a variable of the environment names, in a container. Whoever runs that sees to the
/// file's mode.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(crate) fn provided_line(path: &Path) -> Result<String, String> {
    let line = first_line("", &provided(path)?).map_err(|error| match error {
        CredentialsError::Text { why, .. } => why.to_owned(),
        other => other.to_string(),
    })?;
    Ok(line.reveal().to_owned())
}

/// The secret in the first line of what was read, whose end is LF or CRLF; `key` is the setting that it came from.
pub(super) fn first_line(key: &'static str, bytes: &[u8]) -> Result<Secret, CredentialsError> {
    // Notepad and PowerShell write a byte order mark, which no login can want.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let line = match bytes.iter().position(|b| *b == b'\n') {
        Some(end) => bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]),
        None => bytes,
    };
    if line.is_empty() && !bytes.trim_ascii().is_empty() {
        return Err(CredentialsError::Text { key, why: "has an empty first line, which is the one that counts" });
    }
    text(key, line)
}

/// The secret that these bytes are.
pub(super) fn text(key: &'static str, bytes: &[u8]) -> Result<Secret, CredentialsError> {
    let wrong = |why| CredentialsError::Text { key, why };
    match std::str::from_utf8(bytes) {
        Err(_) if bytes.starts_with(b"\xff\xfe") => Err(wrong("is UTF-16, not UTF-8")),
        Err(_) => Err(wrong("is not UTF-8")),
        Ok("") => Err(wrong("is empty")),
        // RFC 4616 section 2: NUL separates the parts of a PLAIN response.
        Ok(text) if text.contains('\0') => Err(wrong("holds a NUL byte")),
        Ok(text) => Ok(Secret::from(text.to_owned())),
    }
}

/// The content of a file that everybody may read and nobody else may have written, such as a certificate.
pub(super) fn trusted(path: &Path) -> Result<Vec<u8>, String> {
    let opened = DecidingFile::open(path).and_then(|file| file.judge(&[]).map(|()| file));
    let bytes = opened.and_then(|file| Ok(file.read(MOST_CERTIFICATES)?));
    bytes.map_err(|fault| match fault {
        Fault::Io(error) => format!("{error}: check path and mode"),
        other => other.to_string(),
    })
}

#[derive(PartialEq)]
enum Access {
    /// Owner and mode must keep others out.
    Guarded,
    /// The maker of the file sees to that.
    Provided,
}

fn read_file(path: &Path, access: Access) -> Result<Zeroizing<Vec<u8>>, String> {
    let opened = DecidingFile::open(path).map_err(|fault| match fault {
        Fault::Io(error) => format!("cannot be opened: {error}: {}", cure(path, &error)),
        other => other.to_string(),
    })?;
    if access == Access::Guarded {
        let found = opened.metadata();
        let kept = Reader::this().guard((found.uid(), found.gid()), found.mode());
        kept.map_err(|why| if opened.is_read_only() { format!("{why}, and it was mounted read-only") } else { why })?;
        opened.judge(&[]).map_err(|fault| fault.to_string())?;
    }
    // A buffer that grows would leave copies of the secret behind.
    let size = usize::try_from(opened.metadata().len().min(MOST_BYTES)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    let file = opened.into_file();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    Ok(bytes)
}

/// The cure for a file that cannot be opened.
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
            (b"\xef\xbb\xbfx\r\n", "x"),
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
    fn secret_of_a_container_that_all_may_read_has_its_way_out() {
        let told = |mode| read(b"x", mode).unwrap_err();
        assert!(
            told(0o444).contains("mode 0444 opens it to every user: chmod o= it; or, where it cannot be changed, set ")
        );
        assert!(told(0o444).contains("/password\""), "{}", told(0o444));
        assert!(!told(0o644).contains("password-command"), "{}", told(0o644));
    }

    #[test]
    fn file_in_a_directory_that_others_may_write_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        fs::write(&path, "x").unwrap();
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
        let told = read_at(&path).unwrap_err();
        assert!(told.contains(", which has mode 0777: others can put another in its place"), "{told}");
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read_at(directory.path()).unwrap_err().contains("not a regular file"));
        nix::unistd::mkfifo(&directory.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(read_at(&directory.path().join("pipe")).unwrap_err().contains("not a regular file"));
        assert!(read_at(&directory.path().join("none")).unwrap_err().contains("cannot be opened"));
    }
}

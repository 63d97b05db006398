//! Where a password is read from: a file, a command, a systemd credential, the settings themselves.
//!
//! A file and a command give their first line, byte for byte: `#`, `=` and blanks belong to a password.
//! A file that others may read, or that somebody else could have written, is refused. A command runs with
//! next to no environment and is killed when its time is over.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use zeroize::Zeroizing;

use super::reader::{Reader, closed_above};
use super::{CredentialsError, Secret, Smarthost, grant};

/// No password is longer; OAuth tokens reach some kilobytes.
const MOST_BYTES: u64 = 64 * 1024;

/// Where a secret is to be found.
pub(super) enum Source<'a> {
    Command(&'a str),
    Credential(&'a str),
    File(&'a Path),
    Inline(&'a Secret),
    /// A token by the refresh-token grant.
    Grant(&'a Smarthost),
    TokenCommand(&'a str),
}

impl<'a> Source<'a> {
    pub(super) fn named_in(smarthost: &'a Smarthost) -> Vec<Self> {
        [
            smarthost.password_file.as_deref().map(Source::File),
            smarthost.password_command.as_deref().map(Source::Command),
            smarthost.password_credential.as_deref().map(Source::Credential),
            smarthost.password.as_ref().map(Source::Inline),
            smarthost.refresh_token_file.is_some().then_some(Source::Grant(smarthost)),
            smarthost.token_command.as_deref().map(Source::TokenCommand),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub(super) fn key(&self) -> &'static str {
        match self {
            Source::Command(_) => "password-command",
            Source::Credential(_) => "password-credential",
            Source::File(_) => "password-file",
            Source::Inline(_) => "password",
            Source::Grant(_) => "refresh-token-file",
            Source::TokenCommand(_) => "token-command",
        }
    }

    /// The secret, and whether it is a token that was kept from before.
    pub(super) fn secret(&self, limit: Duration, tokens: Option<&Path>) -> Result<(Secret, bool), CredentialsError> {
        let secret = match self {
            Source::Command(line) | Source::TokenCommand(line) => {
                let bytes = run(line, limit).map_err(|why| CredentialsError::Command { key: self.key(), why })?;
                text(self.key(), first_line(&bytes))
            }
            Source::Credential(name) => {
                let bytes = systemd_credential(name)
                    .map_err(|why| CredentialsError::Credential { name: (*name).to_owned(), why })?;
                text(self.key(), first_line(&bytes))
            }
            Source::File(path) => guarded_line(self.key(), path),
            Source::Grant(smarthost) => {
                let access = grant::access(smarthost, tokens)?;
                return Ok((access.token, access.is_kept));
            }
            Source::Inline(secret) => text(self.key(), secret.reveal().as_bytes()),
        };
        Ok((secret?, false))
    }
}

/// The first line of a file that is closed to others.
pub(super) fn guarded_line(key: &'static str, path: &Path) -> Result<Secret, CredentialsError> {
    let bytes = guarded(path).map_err(|why| CredentialsError::File { key, path: path.to_path_buf(), why })?;
    text(key, first_line(&bytes))
}

/// A file that is closed to others, or what is wrong with it and what to do.
pub(super) fn guarded(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_file(path, Access::Guarded)
}

fn text(key: &'static str, line: &[u8]) -> Result<Secret, CredentialsError> {
    let wrong = |why| CredentialsError::Text { key, why };
    match std::str::from_utf8(line) {
        Err(_) => Err(wrong("is not UTF-8")),
        Ok("") => Err(wrong("is empty")),
        // RFC 4616 section 2: NUL separates the parts of a PLAIN response.
        Ok(text) if text.contains('\0') => Err(wrong("holds a NUL byte")),
        Ok(text) => Ok(Secret::from(text.to_owned())),
    }
}

/// What is before the first line end, be it LF or CRLF.
fn first_line(bytes: &[u8]) -> &[u8] {
    match bytes.iter().position(|b| *b == b'\n') {
        Some(end) => bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]),
        None => bytes,
    }
}

#[derive(PartialEq)]
enum Access {
    /// Owner and mode must keep others out.
    Guarded,
    /// Whoever made the file sees to that.
    Provided,
}

fn read_file(path: &Path, access: Access) -> Result<Zeroizing<Vec<u8>>, String> {
    // Without O_NONBLOCK the opening of a FIFO would wait for its writer.
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
    // A buffer that grows would leave copies behind.
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

/// Credentials that systemd has put in place, systemd.exec(5).
fn systemd_credential(name: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err("is not the name of a credential".to_owned());
    }
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or("no CREDENTIALS_DIRECTORY in the environment")?;
    read_file(&Path::new(&directory).join(name), Access::Provided)
}

/// The output of a shell command, which is killed with all its children when `limit` is over.
fn run(line: &str, limit: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
    let kept = ["PATH", "HOME", "LANG"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut child = Command::new("/bin/sh")
        .args(["-c", line])
        .env_clear()
        .envs(kept)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    let group = i32::try_from(child.id()).ok().map(Pid::from_raw);
    let (sender, receiver) = mpsc::channel();
    let mut reader = move || -> io::Result<(Zeroizing<Vec<u8>>, ExitStatus)> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
        if let Some(output) = child.stdout.take() {
            output.take(MOST_BYTES).read_to_end(&mut bytes)?;
        }
        Ok((bytes, child.wait()?))
    };
    std::thread::Builder::new()
        .spawn(move || sender.send(reader()))
        .map_err(|error| format!("cannot be read: {error}"))?;
    match receiver.recv_timeout(limit) {
        Ok(Ok((bytes, status))) if status.success() => Ok(bytes),
        Ok(Ok((_, status))) => Err(format!("failed with {status}")),
        Ok(Err(error)) => Err(format!("cannot be read: {error}")),
        Err(_) => {
            if let Some(group) = group {
                // The thread reaps it; should it be gone already, there is nobody to kill.
                let _ = killpg(group, Signal::SIGKILL);
            }
            Err(format!("not done within {limit:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::super::{Client, Credentials};
    use super::*;

    fn smarthost() -> Smarthost {
        Smarthost { user: Some("me".to_owned()), ..Smarthost::new("a") }
    }

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, Smarthost) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        std::fs::write(&path, content).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (directory, Smarthost { password_file: Some(path), ..smarthost() })
    }

    fn read(smarthost: &Smarthost) -> Result<String, String> {
        let credentials = Credentials::read(smarthost, &Client::named("me")).map_err(|error| error.to_string())?;
        Ok(credentials.expect("a login is wanted").secret().reveal().to_owned())
    }

    fn command(line: &str) -> Smarthost {
        Smarthost { password_command: Some(line.to_owned()), ..smarthost() }
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
            let (_directory, smarthost) = file(content, 0o600);
            assert_eq!(read(&smarthost).as_deref(), Ok(secret));
        }
    }

    #[test]
    fn unusable_text_is_refused_without_being_shown() {
        for content in [&b"\nx"[..], b"", b"geheim\xff\n", b"geheim\0\n"] {
            let (_directory, smarthost) = file(content, 0o600);
            let error = read(&smarthost).unwrap_err();
            assert!(error.contains("password-file") && !error.contains("geheim"), "{error}");
        }
    }

    #[test]
    fn file_that_others_may_read_or_write_is_refused() {
        for (mode, is_fine) in [(0o600, true), (0o640, true), (0o400, true), (0o644, false), (0o620, false)] {
            let (_directory, smarthost) = file(b"x", mode);
            assert_eq!(read(&smarthost).is_ok(), is_fine, "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let (directory, mut smarthost) = file(b"x", 0o600);
        smarthost.password_file = Some(directory.path().to_owned());
        assert!(read(&smarthost).unwrap_err().contains("not a regular file"));
        smarthost.password_file = Some(directory.path().join("none"));
        assert!(read(&smarthost).unwrap_err().contains("cannot be opened"));
    }

    #[test]
    fn command_gives_its_first_line() {
        assert_eq!(read(&command("echo 'a b'; echo second")).as_deref(), Ok("a b"));
        assert_eq!(read(&command("cat; echo \"x$CARGO_MANIFEST_DIR\"")).as_deref(), Ok("x"));
        assert!(read(&command("echo geheim; exit 3")).unwrap_err().contains("exit status: 3"));
        assert!(read(&command("true")).unwrap_err().contains("is empty"));
    }

    #[test]
    fn slow_command_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let mark = directory.path().join("group");
        let line = format!("echo $$ > '{}'; sleep 60 | cat; echo x", mark.display());
        let smarthost = Smarthost { connect_timeout: Duration::from_secs(2), ..command(&line) };
        assert!(read(&smarthost).unwrap_err().contains("not done within 2s"));
        let group = Pid::from_raw(std::fs::read_to_string(&mark).unwrap().trim().parse().unwrap());
        let start = Instant::now();
        while killpg(group, None).is_ok() {
            assert!(start.elapsed() < Duration::from_secs(60), "still running");
            std::thread::yield_now();
        }
    }

    #[test]
    fn credential_is_a_name_and_not_a_path() {
        for name in ["../x", "", "/etc/passwd", ".."] {
            let smarthost = Smarthost { password_credential: Some(name.to_owned()), ..smarthost() };
            assert!(read(&smarthost).unwrap_err().contains("not the name"), "{name}");
        }
    }
}

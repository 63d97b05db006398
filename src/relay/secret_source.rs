//! The places that the settings may name for a secret: a file, a command, a systemd credential, a token endpoint, or
//! the settings themselves.
//!
//! A command gives its first line of output. It runs with next to no environment, and is killed when its time is over.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use zeroize::Zeroizing;

use super::secret_file::{self, MOST_BYTES};
use super::{CredentialsError, Secret, Smarthost, access_token};

/// A place that holds a secret, as the settings name it.
pub(super) enum SecretSource<'a> {
    Command(&'a str),
    Credential(&'a str),
    File(&'a Path),
    Inline(&'a Secret),
    /// An access token that a token endpoint gives for a refresh token.
    RefreshToken(&'a Smarthost),
    TokenCommand(&'a str),
}

impl<'a> SecretSource<'a> {
    /// All places that `smarthost` names.
    pub(super) fn named_in(smarthost: &'a Smarthost) -> Vec<Self> {
        [
            smarthost.password_file.as_deref().map(SecretSource::File),
            smarthost.password_command.as_deref().map(SecretSource::Command),
            smarthost.password_credential.as_deref().map(SecretSource::Credential),
            smarthost.password.as_ref().map(SecretSource::Inline),
            smarthost.refresh_token_file.is_some().then_some(SecretSource::RefreshToken(smarthost)),
            smarthost.token_command.as_deref().map(SecretSource::TokenCommand),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The setting that names the place.
    pub(super) fn key(&self) -> &'static str {
        match self {
            SecretSource::Command(_) => "password-command",
            SecretSource::Credential(_) => "password-credential",
            SecretSource::File(_) => "password-file",
            SecretSource::Inline(_) => "password",
            SecretSource::RefreshToken(_) => "refresh-token-file",
            SecretSource::TokenCommand(_) => "token-command",
        }
    }

    /// The secret, and whether it is a token that an earlier run has kept in the directory `tokens`. A command may take
    /// `limit`.
    pub(super) fn read(&self, limit: Duration, tokens: Option<&Path>) -> Result<(Secret, bool), CredentialsError> {
        let key = self.key();
        let secret = match self {
            SecretSource::Command(line) | SecretSource::TokenCommand(line) => {
                let output = run(line, limit).map_err(|why| CredentialsError::Command { key, why })?;
                secret_file::first_line(key, &output)?
            }
            SecretSource::Credential(name) => {
                let bytes = systemd_credential(name)
                    .map_err(|why| CredentialsError::Credential { name: (*name).to_owned(), why })?;
                secret_file::first_line(key, &bytes)?
            }
            SecretSource::File(path) => secret_file::guarded_line(key, path)?,
            SecretSource::Inline(secret) => secret_file::text(key, secret.reveal().as_bytes())?,
            SecretSource::RefreshToken(smarthost) => {
                let token = access_token::obtain(smarthost, tokens)?;
                return Ok((token.secret, token.is_kept));
            }
        };
        Ok((secret, false))
    }
}

/// Credentials that systemd has put in place, systemd.exec(5).
fn systemd_credential(name: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err("is not the name of a credential".to_owned());
    }
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or("no CREDENTIALS_DIRECTORY in the environment")?;
    secret_file::provided(&Path::new(&directory).join(name))
}

/// The output of a shell command, which is killed with all its children when `limit` is over.
fn run(line: &str, limit: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
    let kept = ["PATH", "HOME", "LANG"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let child = Command::new("/bin/sh")
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
    std::thread::Builder::new()
        .spawn(move || sender.send(output(child)))
        .map_err(|error| format!("cannot be read: {error}"))?;
    match receiver.recv_timeout(limit) {
        Ok(Ok((bytes, status))) if status.success() => Ok(bytes),
        Ok(Ok((_, status))) => Err(format!("failed with {status}")),
        Ok(Err(error)) => Err(format!("cannot be read: {error}")),
        Err(_) => {
            if let Some(group) = group {
                // The thread reaps it. If it is gone already, there is nobody to kill.
                let _ = killpg(group, Signal::SIGKILL);
            }
            Err(format!("not done within {limit:?}"))
        }
    }
}

/// The output of `child`, and its end.
fn output(mut child: Child) -> io::Result<(Zeroizing<Vec<u8>>, ExitStatus)> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    if let Some(output) = child.stdout.take() {
        output.take(MOST_BYTES).read_to_end(&mut bytes)?;
    }
    Ok((bytes, child.wait()?))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::OpenOptionsExt;

    use nix::fcntl::OFlag;
    use nix::poll::{PollFd, PollFlags, poll};
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    /// All the time a busy machine needs.
    const ENOUGH: Duration = Duration::from_secs(30);

    fn read(source: &SecretSource<'_>, limit: Duration) -> Result<String, String> {
        let (secret, _) = source.read(limit, None).map_err(|error| error.to_string())?;
        Ok(secret.reveal().to_owned())
    }

    fn output_of(line: &str) -> Result<String, String> {
        read(&SecretSource::Command(line), ENOUGH)
    }

    #[test]
    fn command_gives_its_first_line() {
        assert_eq!(output_of("echo 'a b'; echo second").as_deref(), Ok("a b"));
        assert_eq!(output_of("cat; echo \"x$CARGO_MANIFEST_DIR\"").as_deref(), Ok("x"));
        assert!(output_of("echo geheim; exit 3").unwrap_err().contains("exit status: 3"));
        assert!(output_of("true").unwrap_err().contains("is empty"));
    }

    #[test]
    fn slow_command_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        // A process that has ended holds no file, also where PID 1 leaves zombies, as in many containers.
        let held = directory.path().join("held");
        mkfifo(&held, Mode::S_IRWXU).unwrap();
        let fifo = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&held).unwrap();
        let line = format!("exec 9>'{}'; sleep 600 | cat; echo x", held.display());
        let slow = read(&SecretSource::Command(&line), Duration::from_secs(2));
        assert!(slow.unwrap_err().contains("not done within 2s"));
        let nobody_holds_it = || matches!((&fifo).read(&mut [0]), Ok(0));
        if !nobody_holds_it() {
            poll(&mut [PollFd::new(fifo.as_fd(), PollFlags::POLLIN)], 60_000u16).unwrap();
        }
        assert!(nobody_holds_it(), "still running");
    }

    #[test]
    fn credential_is_a_name_and_not_a_path() {
        for name in ["../x", "", "/etc/passwd", ".."] {
            let refused = read(&SecretSource::Credential(name), ENOUGH);
            assert!(refused.unwrap_err().contains("not the name"), "{name}");
        }
    }
}

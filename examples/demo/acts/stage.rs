//! The parts that a mail needs on its way: the programs, their configuration, and a smarthost, which can be away.

use std::error::Error;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::smarthost::{Authority, Received, Running, Smarthost};

pub(super) const ACCOUNT: &str = "mail@example.com";
pub(super) const PASSWORD: &str = "a demonstration's password";
/// Far longer than any mail takes here.
const LIMIT: Duration = Duration::from_secs(60);

/// A machine with a smarthost.
pub(super) struct Stage {
    /// The programs' names, certificate, password, configuration, spool and log.
    home: tempfile::TempDir,
    authority: Authority,
    port: u16,
    /// Nobody listens without it.
    running: Option<Running>,
    /// The mails of smarthosts that have ended.
    earlier: Vec<Received>,
}

impl Stage {
    /// The steps that an administrator takes once.
    pub(super) fn set(programs: &Path) -> Result<Self, Box<dyn Error>> {
        let home = tempfile::tempdir()?;
        let authority = Authority::new();
        let running = strict(authority.clone(), 0).start();
        let port = running.port();
        let stage = Self { home, authority, port, running: Some(running), earlier: Vec::new() };
        // Whatever the umask is, mailx-t refuses files that others may write.
        fs::set_permissions(stage.home.path(), fs::Permissions::from_mode(0o700))?;
        fs::create_dir(stage.path("bin"))?;
        for (name, program) in
            [("mailx-t", "mailx-t"), ("sendmail", "mailx-t"), ("mailq", "mailx-t"), ("mailx-t-relay", "mailx-t-relay")]
        {
            symlink(programs.join(program), stage.path("bin").join(name))?;
        }
        stage.configure()?;
        Ok(stage)
    }

    fn configure(&self) -> Result<(), Box<dyn Error>> {
        let put = |path: PathBuf, octets: &[u8]| {
            fs::write(&path, octets).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)))
        };
        put(self.path("ca.pem"), &self.authority.pem())?;
        put(self.path("password"), PASSWORD.as_bytes())?;
        let place = |name: &str| self.path(name).display().to_string();
        let text = format!(
            "[smarthost]\nhost = \"localhost\"\nport = {}\nuser = \"{ACCOUNT}\"\npassword-file = \"{}\"\n\
             ca-file = \"{}\"\n\n[recipients]\naliases-file = \"{}\"\n\n[recipients.aliases]\n\
             root = \"ops@example.com\"\n\n[spool]\npath = \"{}\"\n\n[log]\ntarget = \"{}\"\n",
            self.port,
            place("password"),
            place("ca.pem"),
            place("aliases"),
            place("spool"),
            place("log"),
        );
        put(self.config(), text.as_bytes())?;
        let made = self.call(&["mailx-t", "ctl", "init"], "")?;
        if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into()) }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// The port of the smarthost, which it keeps.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The smarthost, while it is up.
    pub(super) fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Calls a program by that name with the environment of a cron job, and with our configuration.
    pub(super) fn call(&self, call: &[&str], stdin: &str) -> Result<Output, Box<dyn Error>> {
        let (name, arguments) = call.split_first().ok_or("no program is named")?;
        let mut command = Command::new(self.path("bin").join(name));
        command.env_clear().envs([("SHELL", "/bin/sh"), ("PATH", "/usr/bin:/bin")]);
        command.env("MAILX_T_CONFIG", self.config());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut pipe = child.stdin.take().ok_or("no pipe to the program")?;
        let written = pipe.write_all(stdin.as_bytes());
        drop(pipe);
        match written {
            // A broken pipe: the program has no use for it.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(child.wait_with_output()?),
        }
    }

    /// The mail with that number, from 0, once it has arrived.
    pub(super) fn arrived(&self, number: usize) -> Option<Received> {
        let running = self.running.as_ref()?;
        running.wait_for((number + 1).saturating_sub(self.earlier.len()), LIMIT);
        self.earlier.iter().cloned().chain(running.mails()).nth(number)
    }

    /// Waits until the relay, which writes its last line before it lets go of the connection, has let go.
    pub(super) fn wait_until_idle(&self) {
        self.running.iter().for_each(|running| _ = running.wait_until_idle(LIMIT));
    }

    /// Nobody listens from here on.
    pub(super) fn stop_smarthost(&mut self) {
        self.wait_until_idle();
        if let Some(running) = self.running.take() {
            self.earlier.extend(running.mails());
        }
    }

    /// The same smarthost listens again.
    pub(super) fn start_smarthost(&mut self) {
        self.running = Some(strict(self.authority.clone(), self.port).start());
    }
}

/// A smarthost that takes from the account what the account has written, and nothing else.
fn strict(authority: Authority, port: u16) -> Smarthost {
    let smarthost = Smarthost::new().authority(authority).port(port).account(ACCOUNT, PASSWORD);
    smarthost.mail_from_must_be_login().header_from_must_be_login()
}

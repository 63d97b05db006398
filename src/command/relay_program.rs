//! From the door to the relay: starts the other program, and listens to the outcomes if the caller waits. The mail is
//! on disk before this begins; nothing here can lose it.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::outcome_notice::Notice;
use crate::config::{Config, Source};
use crate::error::{self, Error};
use crate::relay::provider;
use crate::system;

/// Starts the relay with `arguments` and leaves it to itself.
pub(crate) fn start(config: &Config, arguments: &[&str]) -> Result<(), Error> {
    let mut command = command(config, arguments)?;
    command.stdout(Stdio::null()).stderr(Stdio::null());
    // Earlier mails of a session have left relays to themselves, and some of these have ended.
    system::bury_children();
    spawn(config, command).map(drop)
}

/// The lines that the relay told until it ended, or until the wait was over.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The outcomes.
    pub(crate) notices: Vec<Notice>,
    /// Its complaints, for people.
    pub(crate) complaints: Vec<String>,
    /// It has ended; a relay that has not goes on without us.
    pub(crate) is_over: bool,
}

/// The limits of the time for which the door listens to the relay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// The end of the wait.
    pub(crate) until: Instant,
    /// The door waits for so many outcomes. The relay may go on with other mails.
    pub(crate) outcomes: usize,
}

/// Starts the relay and listens within the limits.
pub(crate) fn start_and_listen(config: &Config, arguments: &[&str], patience: Patience) -> Result<Told, Error> {
    listen(config, command(config, arguments)?, "", patience)
}

/// Has the relay carry the mail in an open file to the smarthost, and listens as [`start_and_listen`].
///
/// Its stdin is the mail, so settings of the environment form go over the socket that it tells on.
///
/// # Errors
/// The relay cannot be started.
pub(crate) fn carry_and_listen(config: &Config, mail: File, patience: Patience) -> Result<Told, Error> {
    let (mut command, settings) = match &config.source {
        Source::Environment(environment) => {
            let mut command = relay()?;
            command.args(["--environment-on-stdout", "carry"]);
            (command, environment.to_lines())
        }
        _ => (command(config, &["carry"])?, String::new()),
    };
    command.stdin(mail);
    listen(config, command, &settings, patience)
}

/// Starts the relay with a socket as its stdout, writes the settings there, and reads what it tells.
fn listen(config: &Config, mut command: Command, settings: &str, patience: Patience) -> Result<Told, Error> {
    let (mut ours, theirs) = UnixStream::pair().map_err(trouble)?;
    let complaints = theirs.try_clone().map_err(trouble)?;
    command.stdout(OwnedFd::from(theirs)).stderr(OwnedFd::from(complaints));
    system::hear_of_children();
    let mut relay = spawn(config, command)?;
    // A relay that is gone already tells nothing, which is noticed below.
    let _ = ours.write_all(settings.as_bytes()).and_then(|()| ours.shutdown(Shutdown::Write));
    let mut lines = BufReader::new(ours);
    let mut told = Told::default();
    let mut line = String::new();
    while told.notices.len() < patience.outcomes {
        let left = patience.until.saturating_duration_since(Instant::now());
        if left.is_zero() || lines.get_ref().set_read_timeout(Some(left)).is_err() {
            return Ok(told);
        }
        match lines.read_line(&mut line) {
            Err(_) => return Ok(told),
            Ok(0) => {
                // No process of the relay holds our socket any more: it has ended, or is about to.
                let status = relay.wait().ok().filter(|status| !status.success());
                if let Some(status) = status.filter(|_| told.notices.is_empty() && told.complaints.is_empty()) {
                    told.complaints.push(format!("mailx-t-relay told nothing before its end ({status})"));
                }
                return Ok(Told { is_over: true, ..told });
            }
            Ok(_) => match Notice::parse(line.trim_end_matches('\n')) {
                Some(notice) => told.notices.push(notice),
                None => told.complaints.push(line.trim().to_string()),
            },
        }
        line.clear();
    }
    Ok(told)
}

/// Starts the relay and waits for its end; its output is ours. Returns whether it ended well.
pub(crate) fn start_and_wait(config: &Config, arguments: &[&str]) -> Result<bool, Error> {
    let mut command = command(config, arguments)?;
    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    // Its progress bar depends on the kind of terminal.
    command.envs(std::env::var_os("TERM").map(|term| ("TERM", term)));
    // A person reads its sentences.
    command.envs(provider::LOCALE.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    system::hear_of_children();
    let mut child = command.spawn().map_err(trouble)?;
    send_settings(config, &mut child);
    Ok(child.wait().map_err(trouble)?.success())
}

/// Becomes the relay, with our output: a signal to this process reaches it, and its exit status is ours.
///
/// # Errors
/// The relay cannot be started. If it can, this does not return.
pub(crate) fn become_relay(config: &Config, arguments: &[&str]) -> Result<Infallible, Error> {
    let mut command = command(config, arguments)?;
    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    if let Source::Environment(environment) = &config.source {
        let lines = environment.to_lines();
        // Nobody reads before this process is the relay. Every pipe holds so much (pipe(7)).
        if lines.len() > nix::libc::PIPE_BUF {
            return Err(error::Relay::EnvironmentTooLong.into());
        }
        let (theirs, mut ours) = io::pipe().map_err(trouble)?;
        ours.write_all(lines.as_bytes()).map_err(trouble)?;
        command.stdin(theirs);
    }
    Err(trouble(command.exec()))
}

/// Starts the relay in a directory of its own. The relay has no descriptor of ours but those that it is given, since
/// cron waits for every holder of its pipes. The command holds our end of these too, and ends here.
fn spawn(config: &Config, mut command: Command) -> Result<Child, Error> {
    let mut child = command.current_dir("/").spawn().map_err(trouble)?;
    send_settings(config, &mut child);
    Ok(child)
}

/// The path of the relay.
///
/// # Errors
/// [`error::Relay::Missing`]: there is no relay, and no mail would ever leave.
pub(crate) fn program() -> Result<PathBuf, Error> {
    Ok(system::relay_program().ok_or(error::Relay::Missing)?)
}

fn command(config: &Config, arguments: &[&str]) -> Result<Command, Error> {
    let mut command = relay()?;
    match &config.source {
        Source::Environment(_) => command.arg("--environment-on-stdin").stdin(Stdio::piped()),
        Source::System(path) => command.arg("--config").arg(path).stdin(Stdio::null()),
        Source::User(path) => command.arg("--user-config").arg(path).stdin(Stdio::null()),
    };
    command.args(arguments);
    Ok(command)
}

/// The relay, with an environment of our own making.
fn relay() -> Result<Command, Error> {
    let mut command = Command::new(program()?);
    command.env_clear().envs(system::relay_environment());
    Ok(command)
}

/// Writes the environment form to a pipe, since its URL holds the password.
fn send_settings(config: &Config, child: &mut Child) {
    if let (Source::Environment(environment), Some(mut pipe)) = (&config.source, child.stdin.take()) {
        // A relay that is gone already tells nothing, which the door notices.
        let _ = pipe.write_all(environment.to_lines().as_bytes());
    }
}

fn trouble(error: io::Error) -> Error {
    error::Relay::Start(error).into()
}

//! The face of the other program, `mailx-t-relay`. The door starts it, timers do, and people who look into something.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use clap::{Parser, Subcommand};

use super::progress::Progress;
use super::{screen, terminal};
use crate::command::check::findings::Form;
use crate::command::check::{Reach, probe};
use crate::command::delivery::flush::{self, End};
use crate::command::delivery::{carry_unkept, serve};
use crate::command::outcome_notice::Notice;
use crate::command::selection::{Matching, Selection};
use crate::config::{self, Config, Environment, Source, WrongEnvironment};
use crate::confinement;
use crate::error::{self, Error, Exit};
use crate::interval;
use crate::log;
use crate::relay::Dialogue;
use crate::spool::{QueueId, Spool};
use crate::system;

/// Takes mail from the spool to the smarthost.
#[derive(Parser)]
#[command(name = "mailx-t-relay", version, disable_help_subcommand = true)]
struct Arguments {
    /// Another configuration than /etc/mailx-t/config.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A user's own configuration, whose spool is the user's own
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    user_config: Option<PathBuf>,
    /// Settings come as NAME=value lines on stdin
    #[arg(long, conflicts_with_all = ["config", "user_config"])]
    environment_on_stdin: bool,
    /// They come over the socket that is stdout, since stdin is the mail
    #[arg(long, conflicts_with_all = ["config", "user_config", "environment_on_stdin"])]
    environment_on_stdout: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Send one mail that no spool keeps, an open file on stdin, and tell its outcomes on stdout
    Carry,
    /// Send one mail, and tell its outcomes on stdout
    Deliver {
        /// Its queue id
        #[arg(value_parser = queue_id)]
        id: QueueId,
    },
    /// Send every mail in the queue
    Flush {
        /// Only what the retry clock says
        #[arg(long)]
        due: bool,
        /// Only mails in whose id (I), recipient (R) or sender (S) the text occurs: R=example.org; !R= all others
        #[arg(long, conflicts_with = "due")]
        matching: Option<Matching>,
        /// Folded mails too, one by one
        #[arg(long, conflicts_with_all = ["due", "matching"])]
        unfold: bool,
        /// Tell each outcome
        #[arg(long)]
        verbose: bool,
        /// Show the dialogue with the smarthost on stderr, without secrets
        #[arg(long)]
        dialogue: bool,
    },
    /// Serve drop/ and the retry clock until told to stop
    Serve {
        /// How often to look at the retry clock
        #[arg(long, value_parser = every, default_value = "5m")]
        every: Duration,
        /// Stay with whoever started us
        #[arg(long)]
        stay: bool,
    },
    /// Try everything up to the mail itself; send nothing
    Probe {
        /// Leave the network alone
        #[arg(long)]
        offline: bool,
        /// How to tell: plain, coloured or json
        #[arg(long, value_parser = form, default_value = "plain")]
        form: Form,
        /// Show the dialogue with the smarthost on stderr, without secrets
        #[arg(long)]
        dialogue: bool,
    },
}

fn queue_id(text: &str) -> Result<QueueId, String> {
    QueueId::parse(text).ok_or_else(|| "not a queue id".to_string())
}

fn form(text: &str) -> Result<Form, String> {
    Form::from_name(text).ok_or_else(|| "expected plain, coloured or json".to_string())
}

fn every(text: &str) -> Result<Duration, String> {
    interval::parse(text)
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "expected a length of time such as 5m".to_string())
}

/// The program `mailx-t-relay`.
pub fn relay() -> ExitCode {
    error::install_panic_hook();
    system::settle();
    system::survive_file_size_limit();
    system::hear_of_children();
    confinement::forbid_core_dumps();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(asked) => {
            let _ = asked.print();
            return if asked.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() };
        }
    };
    match run(arguments) {
        Ok(()) => Exit::Ok.into(),
        // `probe` has told the findings.
        Err(error @ Error::Check(_)) => error.exit().into(),
        Err(error) => {
            terminal::complain(&error.to_string());
            error.exit().into()
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let settings = source(&arguments)?;
    let config = Config::load_as_service(settings.clone())?;
    confine(&config, &arguments.verb);
    if !matches!(arguments.verb, Verb::Probe { .. }) {
        system::go_on_in_background();
    }
    match arguments.verb {
        Verb::Carry => carry_stdin(&config),
        Verb::Deliver { id } => deliver_one(&config, id),
        Verb::Flush { due: true, verbose, dialogue, .. } => flush_due(&config, verbose, Dialogue::shown_if(dialogue)),
        Verb::Flush { matching, unfold, verbose, dialogue, .. } => {
            let all = if unfold { Selection::Unfolded } else { Selection::All };
            let selection = matching.map_or(all, Selection::Matching);
            flush_now(&config, &selection, verbose, Dialogue::shown_if(dialogue))
        }
        Verb::Serve { every, stay } => {
            if !stay {
                system::detach();
            }
            serve::run(every, &|| Ok(Config::load(settings.clone())?))
        }
        Verb::Probe { offline, form, dialogue } => {
            let reach = if offline { Reach::Offline } else { Reach::Online };
            probe::run(&config, reach, Dialogue::shown_if(dialogue), form, &mut io::stdout())
        }
    }
}

/// Gives up the access to files that the verb does not need.
fn confine(config: &Config, verb: &Verb) {
    // A daemon reads its settings anew, and they may name another spool or a command.
    if !matches!(verb, Verb::Serve { .. } | Verb::Probe { .. }) && !config.has_commands() {
        let spools = [Some(config.spool_path()), config.for_system_spool().map(|other| other.spool_path())];
        let places: Vec<PathBuf> = spools.into_iter().flatten().flat_map(|root| Spool::new(root).places()).collect();
        confinement::confine(&places, config.log.file());
    }
}

fn carry_stdin(config: &Config) -> Result<(), Error> {
    system::detach();
    let file = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(Error::Input)?);
    carry_unkept::run(config, file, &mut |notice| tell(&notice.line()))
}

fn deliver_one(config: &Config, id: QueueId) -> Result<(), Error> {
    system::detach();
    // The caller who waits for this mail does not hear about the others that are due.
    let end = flush::run(config, &Selection::One(id), Dialogue::Hidden, &mut |notice| {
        if notice.id == id.as_str() {
            tell(&notice.line());
        }
    });
    go_on(logged(end)?)
}

fn flush_due(config: &Config, is_verbose: bool, dialogue: Dialogue) -> Result<(), Error> {
    system::detach();
    logged(flush::run_left_elsewhere(config, dialogue, &mut |notice| tell_if(is_verbose, notice)))?;
    let end = flush::run(config, &Selection::Due, dialogue, &mut |notice| tell_if(is_verbose, notice));
    go_on(logged(end)?)
}

/// Runs the queue in the foreground; a run of the whole queue shows its progress at a terminal.
fn flush_now(config: &Config, selection: &Selection, is_verbose: bool, dialogue: Dialogue) -> Result<(), Error> {
    flush::run_left_elsewhere(config, dialogue, &mut |notice| tell_if(is_verbose, notice))?;
    let waiting = Spool::new(config.spool_path()).ids()?.len();
    let mut progress =
        if matches!(selection, Selection::All | Selection::Unfolded) { Progress::of(waiting) } else { None };
    let done = flush::run_in_turn(config, selection, dialogue, &mut |notice| match &mut progress {
        Some(progress) => {
            progress.aside(|| tell_if(is_verbose, notice));
            progress.told(notice);
        }
        None => tell_if(is_verbose, notice),
    });
    if let Some(progress) = progress {
        progress.finish();
    }
    done
}

/// Logs an error, since a caller who started the relay and left has no stderr for it.
fn logged<T>(done: Result<T, Error>) -> Result<T, Error> {
    done.inspect_err(|error| log::error(&error.to_string()))
}

/// Hands over at the end of a term: if mail is left, a new relay takes over, with a fresh look at everything.
fn go_on(end: End) -> Result<(), Error> {
    if end != End::TermOver {
        return Ok(());
    }
    let program = std::env::current_exe();
    // The new relay gets the same settings and another verb. The environment form came over a pipe and cannot be read
    // twice, so the next caller or timer takes over there.
    let settings = std::env::args_os().skip(1).take_while(|a| a != "deliver" && a != "flush");
    let started = program.and_then(|program| {
        Command::new(program)
            .args(settings)
            .args(["flush", "--due"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    });
    Ok(started.map(drop).map_err(error::Relay::HandOver)?)
}

fn tell_if(is_verbose: bool, notice: &Notice) {
    if is_verbose {
        tell(&format!("{notice}\n"));
    }
}

/// Writes to the door, which may have stopped listening.
fn tell(text: &str) {
    let mut out = screen::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The settings that the arguments name.
fn source(arguments: &Arguments) -> Result<Source, Error> {
    if arguments.environment_on_stdin {
        return environment(io::stdin());
    }
    if arguments.environment_on_stdout {
        return environment(File::from(io::stdout().as_fd().try_clone_to_owned().map_err(Error::Input)?));
    }
    Ok(match &arguments.user_config {
        Some(path) => Source::User(path.clone()),
        None => config::locate(arguments.config.as_deref()),
    })
}

/// The settings that the door writes as lines.
fn environment(mut from: impl Read) -> Result<Source, Error> {
    let mut lines = String::new();
    from.read_to_string(&mut lines).map_err(Error::Input)?;
    let environment = Environment::from_lines(&lines).ok_or_else(|| config::Error::from(WrongEnvironment::Missing))?;
    Ok(Source::Environment(environment))
}

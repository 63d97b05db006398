//! From argv to a command: the face that was meant reads the arguments, and a verb's own request is made of them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use super::common::Common;
use super::getopt::{self, Line, Word};
use super::mail::MailArguments;
use super::mail::startup::Startup;
use super::names::{self, Face};
use super::postqueue::{self, Act};
use super::sendmail::SendmailArguments;
use super::sendmail::mode::{DeliveryMode, Mode, Run};
use super::terminal::People;
use super::{ctl, mail, sendmail};
use crate::command::submission::request::{Delivery, Input, Request};
use crate::command::{converse, list, run_daemon, run_queue};
use crate::envelope::{Destination, Operand};
use crate::error::{Error, Usage};
use crate::message::may_be_addresses;

/// A command, and warnings about its command line, which never cost a mail.
#[derive(Debug)]
pub struct Asked {
    /// The command.
    pub command: Command,
    /// The warnings, to be told first.
    pub(crate) notes: Vec<String>,
}

impl From<Command> for Asked {
    fn from(command: Command) -> Self {
        Self { command, notes: Vec::new() }
    }
}

/// A command of the door.
#[derive(Debug)]
pub enum Command {
    /// `mailx-t ctl ...`.
    Control(ctl::Control),
    /// `sendmail -bs`.
    Converse {
        /// Another configuration than the usual one.
        config: Option<PathBuf>,
        /// The properties of each of its mails.
        defaults: converse::Defaults,
    },
    /// `--help`.
    Help,
    /// There is nothing to do (newaliases: the alias file is read each time; `sendmail -qQ`: there is no quarantine).
    Nothing,
    /// mailq, `sendmail -bp`.
    List {
        /// Another configuration than the usual one.
        config: Option<PathBuf>,
        /// The form of the listing.
        form: list::Form,
    },
    /// `sendmail -q`.
    RunQueue {
        /// Another configuration than the usual one.
        config: Option<PathBuf>,
        /// The mails that are meant.
        which: run_queue::Which,
        /// Tell each outcome.
        verbose: bool,
    },
    /// `sendmail -bd -q5m`, `sendmail -q30m`.
    Serve {
        /// Another configuration than the usual one.
        config: Option<PathBuf>,
        /// The time between two queue runs.
        every: Duration,
        /// In the background, or as long as the caller.
        place: run_daemon::Place,
    },
    /// A mail to send.
    Submit {
        /// Another configuration than the usual one.
        config: Option<PathBuf>,
        /// The mail.
        request: Request,
        /// A person types the mail.
        typing: Typing,
    },
    /// `sendmail -bv`.
    Verify {
        /// Another configuration than the usual one.
        config: Option<PathBuf>,
        /// The recipients that the caller asks about.
        destination: Destination,
    },
    /// `--version`.
    Version,
}

impl Command {
    /// A run of the whole queue sends folded mails one by one.
    fn unfolded_if(mut self, is_asked: bool) -> Self {
        if let (true, Self::RunQueue { which: which @ run_queue::Which::All, .. }) = (is_asked, &mut self) {
            *which = run_queue::Which::Unfolded;
        }
        self
    }

    /// A mail is on stdin.
    pub(super) fn reads_mail(&self) -> bool {
        matches!(self, Self::Submit { .. } | Self::Verify { .. })
    }
}

/// The treatment of a mail that a person types; nothing of it applies if stdin is no terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Typing {
    /// Say how it ends.
    pub(crate) is_typed: bool,
    /// Ask for the subject first.
    pub(crate) asks_subject: bool,
    /// A line of a lone dot ends it.
    pub(crate) ends_at_dot: bool,
}

/// Between two queue runs of a daemon that was given no time: Postfix's queue_run_delay.
const USUAL_INTERVAL: Duration = Duration::from_secs(300);

/// The command that argv asks for.
///
/// # Errors
/// [`Error::Usage`].
pub fn command(argv0: &OsStr, arguments: Vec<OsString>, people: People) -> Result<Asked, Error> {
    let (face, mut line) = names::face(argv0, &arguments);
    if face == Face::Ctl {
        return Ok(Command::Control(ctl::read(&arguments)?).into());
    }
    // clap reads all that follow the word `ctl`. In other lines the common options may stand anywhere, also last.
    let for_ctl = if face == Face::OurCtl { line.cut_at_operand() } else { Vec::new() };
    let common = Common::take(&mut line, face.is_own())?;
    if common.help {
        return Ok(Command::Help.into());
    }
    if common.version {
        return Ok(Command::Version.into());
    }
    let is_rehearsal = common.dry_run;
    let mut asked = match face {
        Face::Ctl | Face::OurCtl => control(common.config, for_ctl),
        Face::Mail => mail_face(mail::parse(line), common.config, people),
        Face::OurMail => mail_face(mail::parse_as_ours(line), common.config, people),
        Face::Postqueue => postqueue_face(line, common.config),
        Face::Mailq | Face::MailxT | Face::Newaliases | Face::Runq | Face::Sendmail => {
            sendmail_face(face, line, common, people)
        }
    }?;
    if is_rehearsal {
        asked.command = rehearsal(asked.command)?;
    }
    Ok(asked)
}

/// Administration: clap hears of the configuration that was named before its word.
fn control(config: Option<PathBuf>, arguments: Vec<OsString>) -> Result<Asked, Error> {
    let config = config.map(|path| [OsString::from("--config"), path.into_os_string()]);
    let arguments: Vec<OsString> = config.into_iter().flatten().chain(arguments).collect();
    Ok(Command::Control(ctl::read(&arguments)?).into())
}

/// The mail is only shown.
fn rehearsal(mut command: Command) -> Result<Command, Error> {
    match &mut command {
        Command::Submit { request, .. } => request.delivery = Delivery::Never,
        _ => return Err(Usage::NothingToRehearse.into()),
    }
    Ok(command)
}

fn postqueue_face(line: Line<'_>, config: Option<PathBuf>) -> Result<Asked, Error> {
    let asked = postqueue::parse(line).map_err(wrong_option)?;
    let run = |which| Command::RunQueue { config: config.clone(), which, verbose: asked.verbose };
    let command = match asked.act.ok_or(Usage::PostqueueUnasked)? {
        Act::List(form) => Command::List { config: config.clone(), form },
        Act::Flush => run(run_queue::Which::All),
        Act::FlushSome(matching) => run(run_queue::Which::Matching(matching)),
    };
    Ok(Asked { command, notes: ignored(&asked.unknown).into_iter().collect() })
}

fn sendmail_face(face: Face, line: Line<'_>, common: Common, people: People) -> Result<Asked, Error> {
    let is_bare = line.is_empty();
    // Only sendmail's own name is called by programs, with options of whatever mailer they were written for.
    if face == Face::MailxT
        && let Some(option) = sendmail::long_option(&line)
    {
        return Err(wrong_option(mail::wrong_long(option)));
    }
    let is_only_words = line.words().all(|word| matches!(word, Word::Operand(_)));
    let mut arguments = sendmail::parse(line).map_err(wrong_option)?;
    if let Some(words) = control_words(&arguments.operands).filter(|_| face == Face::MailxT && is_only_words) {
        return Err(Usage::ControlMeant { words }.into());
    }
    match face {
        Face::MailxT => arguments = arguments.for_own_name(),
        Face::Mailq => arguments.mode = Mode::List,
        Face::Newaliases => arguments.mode = Mode::Aliases,
        Face::Runq => arguments.mode = Mode::FlushQueue(Run::All),
        _ => {}
    }
    if face == Face::MailxT && is_bare && people.at_stdin {
        return Err(Usage::NothingAsked.into());
    }
    // postqueue's letter, which no sendmail has.
    let is_json = common.json || arguments.unknown.iter().any(|option| option == "-j");
    let form = if is_json { list::Form::Json } else { list::Form::Text };
    arguments.unknown.retain(|option| arguments.mode != Mode::List || option != "-j");
    let mut notes: Vec<String> = ignored(&arguments.unknown).into_iter().collect();
    if arguments.mode == Mode::Deliver {
        notes.extend(no_sender(arguments.reverse_path.as_deref()));
    }
    let config = common.config.or_else(|| arguments.config.clone());
    let command = match arguments.mode {
        Mode::List => Command::List { config, form },
        _ => sendmail_command(face, &arguments, config, people)?.unfolded_if(common.unfold),
    };
    Ok(Asked { command, notes })
}

/// The words, if the first is a verb of administration and no word is an address: `mailx-t check`.
fn control_words(operands: &[OsString]) -> Option<String> {
    let words: Vec<&str> = operands.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    let is_meant =
        words.first().is_some_and(|first| ctl::is_verb(first)) && !words.iter().any(|word| word.contains('@'));
    is_meant.then(|| words.join(" "))
}

/// The command for each of sendmail's modes, except that of mailq.
fn sendmail_command(
    face: Face,
    arguments: &SendmailArguments,
    config: Option<PathBuf>,
    people: People,
) -> Result<Command, Error> {
    match &arguments.mode {
        Mode::Deliver => Ok(deliver(face, arguments, config, people)),
        Mode::FlushQueue(Run::All) => {
            Ok(Command::RunQueue { config, which: run_queue::Which::All, verbose: arguments.verbose })
        }
        Mode::FlushQueue(Run::Matching(matching)) => {
            let which = run_queue::Which::Matching(matching.clone());
            Ok(Command::RunQueue { config, which, verbose: arguments.verbose })
        }
        Mode::FlushQueue(Run::Nothing) => Ok(Command::Nothing),
        Mode::FlushQueue(Run::Every(every)) => {
            Ok(Command::Serve { config, every: *every, place: run_daemon::Place::Background })
        }
        Mode::Daemon { every, stays } => {
            let place = if *stays { run_daemon::Place::Foreground } else { run_daemon::Place::Background };
            Ok(Command::Serve { config, every: every.unwrap_or(USUAL_INTERVAL), place })
        }
        Mode::Aliases => Ok(Command::Nothing),
        Mode::Smtp => Ok(converse(arguments, config)),
        Mode::Verify => Ok(Command::Verify { config, destination: destination(arguments) }),
        Mode::Version => Ok(Command::Version),
        other => Err(Usage::NotServed { option: other.option(), instead: other.instead() }.into()),
    }
}

fn deliver(face: Face, arguments: &SendmailArguments, config: Option<PathBuf>, people: People) -> Command {
    let is_handler = face == Face::MailxT && arguments.operands.is_empty();
    let submit = Request {
        input: Input::Formatted,
        dots_may_be_doubled: !arguments.keep_dots,
        destination: destination(arguments),
        sender: sender(arguments.reverse_path.as_deref()),
        full_name: arguments.full_name.as_deref().map(text),
        is_from_cron: is_handler,
        dsn: arguments.dsn.clone(),
        delivery: delivery(arguments.delivery, arguments.verbose || is_handler, people),
        verbose: arguments.verbose,
        may_be_folded: !arguments.verbose && !people.at_stdin && !people.at_stderr,
    };
    let ends_at_dot = people.at_stdin && !arguments.keep_dots;
    let typing = Typing { is_typed: people.at_stdin, asks_subject: false, ends_at_dot };
    Command::Submit { config, request: submit, typing }
}

/// Each mail is answered as soon as it is kept: `-odi` and `-v` have nothing to wait for.
fn converse(arguments: &SendmailArguments, config: Option<PathBuf>) -> Command {
    let delivery = match arguments.delivery {
        DeliveryMode::Queue => Delivery::Queue,
        _ => Delivery::Background,
    };
    let full_name = arguments.full_name.as_deref().map(text);
    Command::Converse { config, defaults: converse::Defaults { full_name, delivery } }
}

fn destination(arguments: &SendmailArguments) -> Destination {
    Destination {
        operands: named(&arguments.operands),
        extract: arguments.extract_recipients,
        notify: arguments.notify,
    }
}

fn mail_face(
    arguments: Result<MailArguments, getopt::WrongOption>,
    config: Option<PathBuf>,
    people: People,
) -> Result<Asked, Error> {
    let arguments = arguments.map_err(wrong_option)?;
    let startup = Startup::of_caller(!arguments.without_startup, !arguments.without_system_startup);
    let arguments = arguments.or_of(|name| startup.variable(name)).with_people(|argument| startup.unaliased(argument));
    if arguments.version {
        return Ok(Command::Version.into());
    }
    if arguments.reading {
        return Err(Usage::Reading.into());
    }
    let composed = mail::composed::compose(&arguments);
    if composed.recipients.is_empty() && !arguments.formatted {
        return Err(Usage::Recipientless { sender: arguments.from.as_deref().map(text) }.into());
    }
    let submit = Request {
        input: composed.input,
        dots_may_be_doubled: false,
        destination: Destination {
            operands: composed.recipients.into_iter().map(Operand::from).collect(),
            extract: arguments.formatted,
            notify: arguments.notify,
        },
        sender: sender(arguments.from.as_deref().or(arguments.reverse_path.as_deref())),
        full_name: arguments.full_name.as_deref().map(text),
        is_from_cron: false,
        dsn: arguments.dsn.clone(),
        delivery: if arguments.rehearsal {
            Delivery::Never
        } else {
            delivery(arguments.delivery, arguments.verbose, people)
        },
        verbose: arguments.verbose,
        may_be_folded: !arguments.verbose && !people.at_stdin && !people.at_stderr,
    };
    let mut notes = composed.notes;
    notes.extend(ignored(&arguments.unknown));
    notes.extend(no_sender(arguments.from.as_deref().or(arguments.reverse_path.as_deref())));
    let asks_subject = people.at_stdin && arguments.subject.is_none() && !arguments.formatted;
    let typing = Typing { is_typed: people.at_stdin, asks_subject, ends_at_dot: people.at_stdin };
    Ok(Asked { command: Command::Submit { config: config.or(arguments.config), request: submit, typing }, notes })
}

fn wrong_option(usage: getopt::WrongOption) -> Error {
    Usage::Option(usage.into()).into()
}

/// The warning about options that nobody knows.
fn ignored(unknown: &[String]) -> Option<String> {
    (!unknown.is_empty()).then(|| format!("ignored unknown options: {}", unknown.join(" ")))
}

/// The delivery that was asked for. Callers with `-odi` or `-v`, crond's handler and people at a terminal wait for the
/// outcome.
fn delivery(asked: DeliveryMode, is_waiting: bool, people: People) -> Delivery {
    match asked {
        DeliveryMode::Queue => Delivery::Queue,
        DeliveryMode::Wait => Delivery::Wait,
        DeliveryMode::Background if !is_waiting => Delivery::Background,
        _ if is_waiting || people.at_stdin || people.at_stderr => Delivery::Wait,
        _ => Delivery::Background,
    }
}

/// The warning about a sender that is no address.
fn no_sender(asked: Option<&OsStr>) -> Option<String> {
    let sender = asked.filter(|sender| !may_be_addresses(sender.as_bytes()))?;
    Some(format!("sender \"{}\" is no address", crate::outcome::clean(&text(sender))))
}

/// `-f ''` and `-f <>` mean the null sender, which says nothing about who it is from.
fn sender(asked: Option<&OsStr>) -> Option<String> {
    asked
        .filter(|sender| may_be_addresses(sender.as_bytes()))
        .map(text)
        .filter(|sender| !matches!(sender.trim(), "" | "<>"))
}

fn text(argument: &OsStr) -> String {
    crate::message::text(argument.as_bytes())
}

fn named(arguments: &[OsString]) -> Vec<Operand> {
    arguments.iter().map(|argument| argument.as_bytes().to_vec().into()).collect()
}

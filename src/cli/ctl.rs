//! `mailx-t ctl`: clap reads its verbs, and each is run here.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{help, screen, terminal};
use crate::command::queue::{self, Act, Which};
use crate::command::run_queue::Detail;
use crate::command::{check, import, init, list, requeue, send_test, show};
use crate::config::import::Kind;
use crate::config::{self, Config};
use crate::error::{Error, Usage};
use crate::relay::Dialogue;
use crate::spool::QueueId;

/// Administration of mailx-t.
#[derive(Debug, Parser)]
#[command(name = "mailx-t ctl", version, disable_help_subcommand = true)]
pub struct Arguments {
    /// Another configuration than /etc/mailx-t/config.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Try configuration, spool, connection, login and sender; send nothing
    Check {
        /// Leave the network alone
        #[arg(long)]
        offline: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// Show the dialogue with the smarthost on stderr, without secrets
        #[arg(short, long)]
        verbose: bool,
    },
    /// Turn the settings of another mailer into a configuration, and print it
    Import {
        /// msmtprc, mail.rc, ssmtp.conf, main.cf, remotes, dma.conf, update-exim4.conf.conf, esmtprc; or a directory
        file: PathBuf,
        /// Whose they are, if unclear: dma, esmtp, exim, mailrc, msmtp, nullmailer, postfix, ssmtp, uci
        #[arg(long, value_name = "KIND", value_parser = Kind::from_name, value_hint = clap::ValueHint::Other)]
        from: Option<Kind>,
        /// The address to send as, where nothing in the file says it
        #[arg(long, value_name = "ADDRESS", value_hint = clap::ValueHint::EmailAddress)]
        sender: Option<lettre::Address>,
        /// Write configuration and password file instead
        #[arg(long)]
        write: bool,
        /// Replace those that are there, and write even if a login did not come out
        #[arg(long, requires = "write")]
        force: bool,
    },
    /// Make the spool and a commented configuration where they are missing
    Init {
        /// Fill in the smarthost of a well-known provider (qq, gmail, ...), or of a domain by its DNS
        #[arg(long, value_name = "NAME|DOMAIN", value_hint = clap::ValueHint::Other)]
        provider: Option<String>,
    },
    /// Send a mail and tell what the smarthost says
    Test {
        /// Who gets it [default: who gets mail without a known recipient]
        #[arg(value_name = "ADDRESS", value_hint = clap::ValueHint::EmailAddress)]
        to: Option<String>,
        /// Show the dialogue with the smarthost on stderr, without secrets
        #[arg(short, long)]
        verbose: bool,
    },
    /// Look at the mails in the queue, and at single ones
    #[command(subcommand)]
    Queue(Queue),
}

#[derive(Debug, Subcommand)]
enum Queue {
    /// List them, as mailq does
    List {
        /// One JSON object a line, as postqueue -j
        #[arg(long)]
        json: bool,
    },
    /// All that is known of one: how it stands with each recipient, the next try, the header section
    Show {
        /// As it stands on disk: envelope, journal, header section
        #[arg(long)]
        raw: bool,
        #[arg(value_parser = queue_id)]
        id: QueueId,
    },
    /// Put one, or all, of what lies in failed/ back into the queue
    Requeue {
        #[arg(value_name = "ID|all", value_parser = which_failed)]
        which: Which,
    },
    /// Try one, or all, now
    Retry {
        #[arg(value_name = "ID|all", value_parser = which)]
        which: Which,
    },
    /// Keep one, or all, and try it no more until released
    Hold {
        #[arg(value_name = "ID|all", value_parser = which)]
        which: Which,
    },
    /// Hold one, or all, no longer
    Release {
        #[arg(value_name = "ID|all", value_parser = which)]
        which: Which,
    },
    /// Take one, or all, out of the queue unsent
    Remove {
        #[arg(value_name = "ID|all", value_parser = which)]
        which: Which,
    },
    /// Give one, or all, up and report it to its sender
    Bounce {
        #[arg(value_name = "ID|all", value_parser = which)]
        which: Which,
    },
}

fn queue_id(text: &str) -> Result<QueueId, String> {
    QueueId::parse(text.trim_end_matches(['*', '!'])).ok_or_else(|| "not a queue id".to_string())
}

/// As [`which`]; the names in failed/ may have an end.
fn which_failed(text: &str) -> Result<Which, String> {
    let name = text.rsplit('/').next().unwrap_or(text);
    which(name.split('.').next().unwrap_or(name))
}

fn which(text: &str) -> Result<Which, String> {
    if text.eq_ignore_ascii_case("all") { Ok(Which::All) } else { queue_id(text).map(Which::One) }
}

/// Whether the word is a verb of administration.
pub(crate) fn is_verb(word: &str) -> bool {
    let verbs = <Arguments as clap::CommandFactory>::command();
    word == "help" || verbs.get_subcommands().any(|verb| verb.get_name() == word)
}

/// A command of `mailx-t ctl`.
#[derive(Debug)]
pub enum Control {
    /// A verb.
    Do(Arguments),
    /// clap's help or version text.
    Print(String),
}

/// Reads the arguments of `mailx-t ctl`.
///
/// # Errors
/// [`Error::Usage`].
pub(crate) fn read(arguments: &[OsString]) -> Result<Control, Error> {
    // `help queue` is `queue --help`.
    let mut arguments = arguments.to_vec();
    let first = if arguments.first().is_some_and(|first| first == "--config") { 2 } else { 0 };
    if arguments.get(first).is_some_and(|word| word == "help") {
        arguments.remove(first);
        arguments.push("--help".into());
    }
    let argv = std::iter::once(OsString::from("mailx-t ctl")).chain(arguments);
    match Arguments::try_parse_from(argv) {
        Ok(arguments) => Ok(Control::Do(arguments)),
        Err(asked) if !asked.use_stderr() => Ok(Control::Print(asked.to_string())),
        Err(wrong) => Err(Usage::Option(usage(&wrong.to_string()).into()).into()),
    }
}

/// Runs it.
///
/// # Errors
/// The errors of the verb.
pub(crate) fn run(control: Control) -> Result<(), Error> {
    let arguments = match control {
        Control::Do(arguments) => arguments,
        Control::Print(text) => return help::print(&text),
    };
    let load = || Config::load_as_service(config::locate(arguments.config.as_deref()));
    let mut out = screen::stdout();
    match arguments.verb {
        Verb::Check { offline, json, verbose } => {
            let reach = if offline { check::Reach::Offline } else { check::Reach::Online };
            // Its findings are fit to print, and may be coloured.
            check::run(&load()?, reach, Dialogue::shown_if(verbose), check_form(json), &mut io::stdout())
        }
        Verb::Test { to, verbose } => {
            let detail = if verbose { Detail::Dialogue } else { Detail::Outcomes };
            send_test::run(&load()?, to, detail, &mut out)
        }
        Verb::Import { file, from, sender, write, force } => {
            let output = match (write, force) {
                (false, _) => import::Output::Print,
                (true, false) => import::Output::Write,
                (true, true) => import::Output::Replace,
            };
            let job = import::Job { file, kind: from, sender, target: arguments.config, output };
            import::run(&job, &mut out, &mut |note| terminal::complain(note))
        }
        Verb::Init { provider } => {
            let mut ask = |question: &str, is_secret| terminal::ask(question, is_secret);
            let person: Option<init::Ask<'_>> = if terminal::is_a_talk() { Some(&mut ask) } else { None };
            init::run(arguments.config.as_deref(), provider.as_deref(), person, &mut out)
        }
        Verb::Queue(asked) => run_on_queue(&load()?, asked),
    }
}

/// The form of the findings: with colours for a person at a terminal, unless they want none (no-color.org).
fn check_form(json: bool) -> check::Form {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if json {
        check::Form::Json
    } else if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() && !is_dumb {
        check::Form::Coloured
    } else {
        check::Form::Plain
    }
}

fn run_on_queue(config: &Config, asked: Queue) -> Result<(), Error> {
    let mut out = screen::stdout();
    let (act, which) = match asked {
        Queue::List { json } => {
            let form = if json { list::Form::Json } else { list::Form::Text };
            return list::run(config, terminal::listing(form), &mut out);
        }
        Queue::Show { id, raw: true } => return show::raw(config, &id, &mut out),
        Queue::Show { id, raw: false } => return show::run(config, &id, &mut out),
        Queue::Requeue { which } => return requeue::run(config, &which, &mut out),
        Queue::Retry { which } => return queue::retry(config, &which),
        Queue::Hold { which } => (Act::Hold, which),
        Queue::Release { which } => (Act::Release, which),
        Queue::Remove { which } => (Act::Remove, which),
        Queue::Bounce { which } => (Act::Bounce, which),
    };
    queue::run(config, act, &which, &mut out)
}

/// clap's sentence and its tip, without the usage, which `--help` shows better. If a word is missing, an example stands
/// in their place.
fn usage(text: &str) -> String {
    let useful = |line: &&str| line.starts_with("error: ") || line.trim_start().starts_with("tip: ");
    let said: Vec<&str> = text.lines().filter(useful).map(|line| line.trim().trim_start_matches("error: ")).collect();
    if said.is_empty() {
        // clap has nothing to say but its help.
        let (verb, examples) = if text.contains("Usage: mailx-t ctl queue ") {
            ("ctl queue", "list or retry")
        } else {
            ("ctl", "check or init")
        };
        return format!("{verb} needs a verb, such as {examples}: see mailx-t {verb} --help");
    }
    let what = missing(text).unwrap_or_else(|| said.join(": "));
    format!("ctl: {what}: see mailx-t ctl --help")
}

/// The words of the usage, each with its value in an example.
const EXAMPLES: [(&str, &str); 4] =
    [("[OPTIONS] ", ""), ("<ID|all>", "6645F0AB1C2D000"), ("<ID>", "6645F0AB1C2D000"), ("<FILE>", "/etc/msmtprc")];

/// The words that are missing, which clap puts below its sentence, and a call that has them.
fn missing(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("required arguments were not provided:\n")?;
    let words: Vec<&str> = rest.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let call = rest.lines().find_map(|line| line.strip_prefix("Usage: "))?;
    let call = EXAMPLES.iter().fold(call.to_string(), |call, (word, example)| call.replace(word, example));
    Some(format!("{} is missing, as in {call}", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_verb_gets_one_line_with_a_tip() {
        let wrong = read(&["chekc".into()]).unwrap_err().to_string();
        assert!(wrong.contains("'chekc'") && wrong.contains("'check'") && wrong.lines().count() == 1, "{wrong}");
        assert!(read(&[]).unwrap_err().to_string().contains("needs a verb"));
        for (words, shown) in
            [(&["help"][..], "Usage: mailx-t ctl "), (&["help", "queue"], "Usage: mailx-t ctl queue ")]
        {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let Ok(Control::Print(text)) = read(&words) else { panic!("{words:?} is no help") };
            assert!(text.contains(shown), "{text}");
        }
    }

    #[test]
    fn word_that_is_missing_is_named_with_an_example() {
        let asked = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            read(&words).unwrap_err().to_string()
        };
        for verb in ["hold", "release", "remove", "retry", "bounce"] {
            let expected = format!("ctl: <ID|all> is missing, as in mailx-t ctl queue {verb} 6645F0AB1C2D000: see");
            assert!(asked(&["queue", verb]).starts_with(&expected), "{}", asked(&["queue", verb]));
        }
        assert!(asked(&["queue", "show"]).starts_with("ctl: <ID> is missing, as in mailx-t ctl queue show 6645"));
        assert!(asked(&["import"]).contains("<FILE> is missing, as in mailx-t ctl import /etc/msmtprc: see"));
        assert!(asked(&["queue"]).starts_with("ctl queue needs a verb, such as list"), "{}", asked(&["queue"]));
    }

    #[test]
    fn control_grammar_is_sound() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}

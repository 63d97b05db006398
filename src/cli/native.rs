//! mailx-t's own face: the long options every name knows, and `mailx-t ctl`.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::getopt::{self, Grammar, Word};
use super::{Command, terminal};
use crate::command::queue::{self, Act, Which};
use crate::command::{check, import, init, list, send_test};
use crate::config::import::Kind;
use crate::config::{self, Config};
use crate::error::{Error, Usage};
use crate::spool::QueueId;

/// The whole of `--help`.
const HELP: &str = "\
mailx-t keeps every mail safe on disk and relays it through your smarthost.

  echo BODY | mailx-t -s SUBJECT ADDRESS...   send a text
  sendmail -t < MESSAGE                       send a message as its fields say
  mailx-t ctl check                           is all well? (first: ctl init)

For a mail (all letters of sendmail and mail work: man mailx-t, man sendmail):
  -s SUBJECT     the subject; stdin is then the body
  -t             stdin is a message; its To, Cc and Bcc name recipients
  -c, -b ADDRESS (after -s) copy, blind copy; -a FILE attaches
  -f ADDRESS     the sender asked for; -F NAME the sender's name
  -odi, -odq     wait for the outcome; leave it to the next queue run
  -v             wait, and tell the outcome
  --dry-run      show what would leave, and to whom; send nothing
  --config FILE  another configuration than /etc/mailx-t/config.toml

For the machine:
  crond -m /usr/local/bin/mailx-t   send what cron jobs print
  mailq, mailx-t -q                 what waits; try all of it now
  mailx-t ctl VERB                  see mailx-t ctl --help
  --help, --version
";

/// The long options that every name knows; `--json` is for listings.
pub(crate) const LONG: &[&str] = &["config", "dry-run", "help", "version"];

/// The one that has a value, with its value glued to it.
const GLUED_CONFIG: &[u8] = b"--config=";

/// What the long options say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Long {
    /// `--config FILE`.
    pub(crate) config: Option<PathBuf>,
    /// `--dry-run`.
    pub(crate) dry_run: bool,
    /// `--help`.
    pub(crate) help: bool,
    /// `--json`, for listings.
    pub(crate) json: bool,
    /// `--version`.
    pub(crate) version: bool,
}

/// Takes the long options off the arguments, up to `--`; what is another option's value is none.
///
/// # Errors
/// `--config` without a file.
pub(crate) fn take_long(grammar: &Grammar, arguments: &[OsString]) -> Result<(Long, Vec<OsString>), Error> {
    let mut long = Long::default();
    let mut rest = Vec::new();
    for (argument, words) in getopt::steps(grammar, arguments) {
        match words.into_iter().next() {
            Some(Word::Long { option, value }) if knows(&option) => long.obey(option.as_bytes(), value)?,
            _ => rest.extend_from_slice(argument),
        }
    }
    Ok((long, rest))
}

impl Long {
    fn obey(&mut self, option: &[u8], value: Option<OsString>) -> Result<(), Error> {
        match option {
            b"--dry-run" => self.dry_run = true,
            b"--help" => self.help = true,
            b"--json" => self.json = true,
            b"--version" => self.version = true,
            _ => {
                let glued = option.strip_prefix(GLUED_CONFIG).map(|file| OsStr::from_bytes(file).to_owned());
                let file = glued.or(value).ok_or(Usage::ConfigWithoutFile)?;
                self.config = Some(PathBuf::from(file));
            }
        }
        Ok(())
    }
}

/// Whether a long option, as it is written, is one that every name knows.
pub(super) fn knows(option: &OsStr) -> bool {
    let option = option.as_bytes();
    let is_name = |name: &str| option.strip_prefix(b"--").is_some_and(|written| written == name.as_bytes());
    option.starts_with(GLUED_CONFIG) || is_name("json") || LONG.iter().any(|name| is_name(name))
}

/// Whether its value is the next argument.
pub(super) fn takes_next(option: &OsStr) -> bool {
    option == "--config"
}

/// Prints the help.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn help() -> Result<(), Error> {
    print(HELP)
}

/// Prints program and version on one line.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn version() -> Result<(), Error> {
    print(concat!("mailx-t ", env!("CARGO_PKG_VERSION"), "\n"))
}

fn print(text: &str) -> Result<(), Error> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Error::Output),
    }
}

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
        /// msmtprc, ssmtp.conf, mail.rc, .mailrc, nullmailer's remotes, dma.conf, main.cf, update-exim4.conf.conf
        file: PathBuf,
        /// Whose settings they are, where the file does not tell: dma, exim, mailrc, msmtp, nullmailer, postfix, ssmtp
        #[arg(long, value_name = "KIND", value_parser = Kind::from_name)]
        from: Option<Kind>,
        /// The address to send as, where nothing in the file says it
        #[arg(long, value_name = "ADDRESS")]
        sender: Option<lettre::Address>,
        /// Write configuration and password file instead
        #[arg(long)]
        write: bool,
        /// Replace those that are there
        #[arg(long, requires = "write")]
        force: bool,
    },
    /// Make the spool and a commented configuration where they are missing
    Init {
        /// Fill in the smarthost of a well-known provider (qq, gmail, ...), or of a domain by its DNS
        #[arg(long, value_name = "NAME|DOMAIN")]
        provider: Option<String>,
    },
    /// Send a mail and tell what the smarthost says
    Test {
        /// Who gets it [default: who gets mail for nobody]
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
    /// All that is known of one: envelope, attempts, header section
    Show {
        #[arg(value_parser = queue_id)]
        id: QueueId,
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

fn which(text: &str) -> Result<Which, String> {
    if text.eq_ignore_ascii_case("all") { Ok(Which::All) } else { queue_id(text).map(Which::One) }
}

/// What `mailx-t ctl` is asked.
#[derive(Debug)]
pub enum Control {
    /// A verb.
    Do(Arguments),
    /// clap's help or version text.
    Print(String),
}

/// What `mailx-t ctl ARGUMENTS` asks for.
///
/// # Errors
/// [`Error::Usage`].
pub(crate) fn control(arguments: &[OsString]) -> Result<Command, Error> {
    let argv = std::iter::once(OsString::from("mailx-t ctl")).chain(arguments.iter().cloned());
    match Arguments::try_parse_from(argv) {
        Ok(arguments) => Ok(Command::Control(Control::Do(arguments))),
        Err(asked) if !asked.use_stderr() => Ok(Command::Control(Control::Print(asked.to_string()))),
        Err(wrong) => Err(Usage::Option(usage(&wrong.to_string()).into()).into()),
    }
}

/// Runs it.
///
/// # Errors
/// Those of the verb.
pub(crate) fn run(control: Control) -> Result<(), Error> {
    let arguments = match control {
        Control::Do(arguments) => arguments,
        Control::Print(text) => return print(&text),
    };
    let mut out = io::stdout();
    match arguments.verb {
        Verb::Check { offline, json, verbose } => {
            let config = Config::load_as_service(config::locate(arguments.config.as_deref()))?;
            let reach = if offline { check::Reach::Offline } else { check::Reach::Online };
            let form = match json {
                true => check::Form::Json,
                false if out.is_terminal() && std::env::var_os("NO_COLOR").is_none() => check::Form::Coloured,
                false => check::Form::Plain,
            };
            check::run(&config, check::Request { reach, form, verbose }, &mut out)
        }
        Verb::Test { to, verbose } => {
            let config = Config::load_as_service(config::locate(arguments.config.as_deref()))?;
            send_test::run(&config, &send_test::Request { to, verbose }, &mut out)
        }
        Verb::Import { file, from, sender, write, force } => {
            let output = match (write, force) {
                (false, _) => import::Output::Print,
                (true, false) => import::Output::Write,
                (true, true) => import::Output::Replace,
            };
            let request = import::Request { file, kind: from, sender, target: arguments.config, output };
            import::run(&request, &mut out, &mut |note| terminal::complain(note))
        }
        Verb::Init { provider } => init::run(arguments.config.as_deref(), provider.as_deref(), &mut out),
        Verb::Queue(asked) => {
            run_on_queue(&Config::load_as_service(config::locate(arguments.config.as_deref()))?, asked)
        }
    }
}

fn run_on_queue(config: &Config, asked: Queue) -> Result<(), Error> {
    let mut out = io::stdout();
    let (act, which) = match asked {
        Queue::List { json } => {
            let form = if json { list::Form::Json } else { list::Form::Text };
            return list::run(config, terminal::listing(form), &mut out);
        }
        Queue::Show { id } => return queue::show(config, &id, &mut out),
        Queue::Retry { which } => return queue::retry(config, &which),
        Queue::Hold { which } => (Act::Hold, which),
        Queue::Release { which } => (Act::Release, which),
        Queue::Remove { which } => (Act::Remove, which),
        Queue::Bounce { which } => (Act::Bounce, which),
    };
    queue::run(config, act, &which, &mut out)
}

/// clap's sentence and its tip, without the usage that `--help` gives better; of that an example, where a word is missing.
fn usage(text: &str) -> String {
    let useful = |line: &&str| line.starts_with("error: ") || line.trim_start().starts_with("tip: ");
    let said: Vec<&str> = text.lines().filter(useful).map(|line| line.trim().trim_start_matches("error: ")).collect();
    if said.is_empty() {
        // All that clap has to say is the help.
        return match text.contains("Usage: mailx-t ctl queue ") {
            true => "ctl queue needs a verb, such as list or retry: see mailx-t ctl queue --help".to_string(),
            false => "ctl needs a verb, such as check or init: see mailx-t ctl --help".to_string(),
        };
    }
    let what = missing(text).unwrap_or_else(|| said.join(": "));
    format!("ctl: {what}: see mailx-t ctl --help")
}

/// What stands for a word in an example.
const EXAMPLES: [(&str, &str); 4] =
    [("[OPTIONS] ", ""), ("<ID|all>", "0KCX3T1M2A7Q4ZD"), ("<ID>", "0KCX3T1M2A7Q4ZD"), ("<FILE>", "/etc/msmtprc")];

/// The words that clap found missing, which stand below its sentence, and a call that has them.
fn missing(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("required arguments were not provided:\n")?;
    let words: Vec<&str> = rest.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let call = rest.lines().find_map(|line| line.strip_prefix("Usage: "))?;
    let call = EXAMPLES.iter().fold(call.to_string(), |call, (word, example)| call.replace(word, example));
    Some(format!("{} is missing, as in {call}", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::super::sendmail;
    use super::*;

    fn take(arguments: &[&str]) -> (Long, Vec<OsString>) {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        take_long(&sendmail::GRAMMAR, &arguments).unwrap()
    }

    #[test]
    fn long_options_may_stand_among_letters() {
        let (long, rest) = take(&["-t", "--config", "/c", "-i", "--version"]);
        assert_eq!((long.config, long.version), (Some(PathBuf::from("/c")), true));
        assert_eq!(rest, ["-t", "-i"]);
        assert_eq!(take(&["--config=/c"]).0.config, Some(PathBuf::from("/c")));
    }

    #[test]
    fn help_fits_a_screen() {
        // A program's own line at the bottom is the prompt.
        assert!(HELP.lines().count() < 24, "{} lines", HELP.lines().count());
        let wide: Vec<&str> = HELP.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:?}");
    }

    #[test]
    fn after_two_dashes_nothing_is_an_option() {
        let (long, rest) = take(&["--", "--help"]);
        assert!(!long.help);
        assert_eq!(rest, ["--", "--help"]);
    }

    #[test]
    fn wrong_verb_gets_one_line_with_a_tip() {
        let wrong = control(&["chekc".into()]).unwrap_err().to_string();
        assert!(wrong.contains("'chekc'") && wrong.contains("'check'") && wrong.lines().count() == 1, "{wrong}");
        assert!(control(&[]).unwrap_err().to_string().contains("needs a verb"));
    }

    #[test]
    fn word_that_is_missing_is_named_with_an_example() {
        let asked = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            control(&words).unwrap_err().to_string()
        };
        for verb in ["hold", "release", "remove", "retry", "bounce"] {
            let expected = format!("ctl: <ID|all> is missing, as in mailx-t ctl queue {verb} 0KCX3T1M2A7Q4ZD: see");
            assert!(asked(&["queue", verb]).starts_with(&expected), "{}", asked(&["queue", verb]));
        }
        assert!(asked(&["queue", "show"]).starts_with("ctl: <ID> is missing, as in mailx-t ctl queue show 0KCX"));
        assert!(asked(&["import"]).contains("<FILE> is missing, as in mailx-t ctl import /etc/msmtprc: see"));
        assert!(asked(&["queue"]).starts_with("ctl queue needs a verb, such as list"), "{}", asked(&["queue"]));
    }

    #[test]
    fn control_grammar_is_sound() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}

//! The program that `-b` and `-q` ask sendmail for, and the time at which a mail is to leave (`-od`).
//!
//! sendmail is a mailer, a queue runner, a daemon and more under one name. This file reads only what is asked, in
//! sendmail's own grammar (its manual, and `main.c` for the first letter that counts). The door decides whether that
//! can be served.

use std::time::Duration;

use crate::command::selection::{By, Matching};
use crate::{interval, message, outcome};

/// One of the programs that sendmail is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Build the alias database (`-bi`, `-I`, newaliases).
    Aliases,
    /// Serve until told to stop (`-bd`, `-bD`), with a queue run every so often (`-q5m`).
    Daemon {
        /// The time between two queue runs.
        every: Option<Duration>,
        /// In the foreground (`-bD`).
        stays: bool,
    },
    /// Take a message from stdin (`-bm`, or no mode).
    #[default]
    Deliver,
    /// Run the queue (`-q`).
    FlushQueue(Run),
    /// List the queue (`-bp`, mailq).
    List,
    /// Speak SMTP on stdin and stdout (`-bs`).
    Smtp,
    /// A mode that only sendmail itself has: the option as given (`-bt`).
    Unsupported(String),
    /// Say where addresses lead, deliver nothing (`-bv`).
    Verify,
    /// Tell program and version (Exim's `-bV`, sendmail's `-d0.1`).
    Version,
}

/// The mails of a queue run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// All, now, once (`-q`).
    All,
    /// All, again and again (`-q30m`).
    Every(Duration),
    /// Some, now (`-qR…`, `-q!R…`).
    Matching(Matching),
    /// Those that are lost or in quarantine (`-qL`, `-qQ…`): there are none.
    Nothing,
}

/// The time at which the caller wants the mail to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DeliveryMode {
    /// At once; nobody waits for it (`-odb`).
    Background,
    /// The caller does not say.
    #[default]
    Default,
    /// With the next queue run (`-odq`, `-odd`).
    Queue,
    /// At once; the exit status tells the outcome (`-odi`, `-odf`).
    Wait,
}

impl Mode {
    /// The mode of `-bX`: only the first letter counts, as in sendmail.
    pub(crate) fn from_letter(value: &[u8]) -> Self {
        match value {
            [letter @ (b'D' | b'd'), ..] => Self::Daemon { every: None, stays: *letter == b'D' },
            [b'i', ..] => Self::Aliases,
            [b'm', ..] => Self::Deliver,
            [b'p', ..] => Self::List,
            [b's', ..] => Self::Smtp,
            [b'V'] => Self::Version,
            [b'v', ..] => Self::Verify,
            _ => unsupported('b', value),
        }
    }

    /// The option that asks for this mode.
    pub(crate) fn option(&self) -> String {
        match self {
            Self::Aliases => "-bi".to_string(),
            Self::Daemon { .. } => "-bd".to_string(),
            Self::Deliver => "-bm".to_string(),
            Self::FlushQueue(Run::All) => "-q".to_string(),
            Self::FlushQueue(Run::Every(_)) => "-q with an interval".to_string(),
            Self::FlushQueue(Run::Matching(matching)) => format!("-q{}", matching.by.letter()),
            Self::FlushQueue(Run::Nothing) => "-qQ".to_string(),
            Self::List => "-bp (mailq)".to_string(),
            Self::Smtp => "-bs".to_string(),
            Self::Unsupported(option) => option.clone(),
            Self::Verify => "-bv".to_string(),
            Self::Version => "-bV".to_string(),
        }
    }

    /// The advice that follows the option of a mode that is not served; empty if there is no other way.
    pub(crate) fn instead(&self) -> &'static str {
        match self {
            Self::Unsupported(option) if option.starts_with("-bt") => {
                ": there are no rewriting rules to test; -bv ADDRESS says where an address leads"
            }
            Self::Unsupported(option) if option.starts_with("-bh") => {
                ": one smarthost takes all mail; mailq says what trouble there is with it"
            }
            Self::Unsupported(option) if option.starts_with("-bH") => {
                ": no status of hosts is kept; -q tries the smarthost now, whatever trouble there was"
            }
            Self::Unsupported(option) if option == "--pretend" => ": --dry-run shows the mail that would leave",
            Self::Unsupported(option) if option == "--serverinfo" => ": mailx-t ctl check asks the smarthost",
            _ => "",
        }
    }

    /// Applies `-q` to this mode: it gives a daemon its interval, makes a queue run of mere delivery, and leaves any
    /// other mode as it is.
    #[must_use]
    pub(crate) fn with_run(self, value: &[u8]) -> Self {
        match (self, Run::from_value(value)) {
            (Self::Daemon { stays, .. }, Some(Run::Every(time))) => Self::Daemon { every: Some(time), stays },
            (Self::Deliver, Some(run)) => Self::FlushQueue(run),
            (Self::Deliver, None) => unsupported('q', value),
            (mode, _) => mode,
        }
    }
}

impl Run {
    /// The run that `-q…` asks for; `None` if it has no such form. There are no queue groups, so `-qG…` means all. No
    /// mail is lost or in quarantine, so `-q!L` and `-q!Q…` mean all too.
    fn from_value(value: &[u8]) -> Option<Self> {
        let (is_negated, value) = value.strip_prefix(b"!").map_or((false, value), |rest| (true, rest));
        let selected = value.split_first().and_then(|(letter, text)| Some((By::from_letter(*letter)?, text)));
        if let Some((by, text)) = selected {
            return Some(Self::Matching(Matching { by, text: message::text(text), is_negated }));
        }
        match value {
            [b'L' | b'Q', ..] => Some(if is_negated { Self::All } else { Self::Nothing }),
            _ if is_negated => None,
            [] | [b'f' | b'G', ..] => Some(Self::All),
            [b'p', time @ ..] | time => Self::every(time),
        }
    }

    /// An interval; a number without a unit means minutes, as sendmail's manual says.
    fn every(time: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(time).ok()?;
        let interval = match text.parse::<u32>() {
            Ok(minutes) => Duration::from_secs(u64::from(minutes) * 60),
            Err(_) => interval::parse(text)?,
        };
        Some(if interval.is_zero() { Self::All } else { Self::Every(interval) })
    }
}

impl DeliveryMode {
    /// The delivery mode that sendmail's DeliveryMode names by its first letter; `f` is Exim's word for `i`.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        match name.first()?.to_ascii_lowercase() {
            b'b' => Some(Self::Background),
            b'd' | b'q' => Some(Self::Queue),
            b'f' | b'i' => Some(Self::Wait),
            _ => None,
        }
    }
}

fn unsupported(letter: char, value: &[u8]) -> Mode {
    Mode::Unsupported(outcome::clean(&format!("-{letter}{}", String::from_utf8_lossy(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(b: &str, q: Option<&str>) -> Mode {
        let mode = Mode::from_letter(b.as_bytes());
        q.map_or(mode.clone(), |q| mode.with_run(q.as_bytes()))
    }

    fn matching(by: By, text: &str, is_negated: bool) -> Run {
        Run::Matching(Matching { by, text: text.into(), is_negated })
    }

    fn minutes(number: u64) -> Duration {
        Duration::from_secs(number * 60)
    }

    #[test]
    fn each_mode_is_known_by_its_letter() {
        let modes = [
            ("d", Mode::Daemon { every: None, stays: false }),
            ("D", Mode::Daemon { every: None, stays: true }),
            ("i", Mode::Aliases),
            ("m", Mode::Deliver),
            ("p", Mode::List),
            ("pc", Mode::List),
            ("s", Mode::Smtp),
            ("v", Mode::Verify),
        ];
        for (letter, mode) in modes {
            assert_eq!(asked(letter, None), mode, "-b{letter}");
        }
    }

    #[test]
    fn mode_of_sendmail_alone_is_named_as_it_was_given() {
        for letter in ["t", "h", "H", "P", "S", "a", "", "z"] {
            assert_eq!(asked(letter, None), Mode::Unsupported(format!("-b{letter}")));
        }
        for letter in ["t", "h", "H"] {
            assert!(!Mode::from_letter(letter.as_bytes()).instead().is_empty(), "-b{letter}");
        }
        assert_eq!(Mode::from_letter(b"\xff\n"), Mode::Unsupported("-b\u{fffd}".into()));
    }

    #[test]
    fn queue_run_takes_all_forms_of_sendmail() {
        let runs = [
            ("", Run::All),
            ("f", Run::All),
            ("ff", Run::All),
            ("Gmain", Run::All),
            ("0", Run::All),
            ("30m", Run::Every(minutes(30))),
            ("1h30m", Run::Every(minutes(90))),
            ("15", Run::Every(minutes(15))),
            ("p5m", Run::Every(minutes(5))),
            ("IABC", matching(By::Id, "ABC", false)),
            ("Rroot@x", matching(By::Recipient, "root@x", false)),
            ("S", matching(By::Sender, "", false)),
            ("!Rroot@x", matching(By::Recipient, "root@x", true)),
            ("L", Run::Nothing),
            ("Qspam", Run::Nothing),
            ("!L", Run::All),
            ("!Qspam", Run::All),
        ];
        for (value, run) in runs {
            assert_eq!(asked("m", Some(value)), Mode::FlushQueue(run), "-q{value}");
        }
        for value in ["!", "!30m", "!G", "!!R", "soon", "-5m", "p"] {
            assert_eq!(asked("m", Some(value)), Mode::Unsupported(format!("-q{value}")));
        }
    }

    #[test]
    fn queue_interval_belongs_to_the_daemon_and_bends_no_other_mode() {
        assert_eq!(asked("d", Some("5m")), Mode::Daemon { every: Some(minutes(5)), stays: false });
        assert_eq!(asked("d", Some("")), Mode::Daemon { every: None, stays: false });
        assert_eq!(asked("p", Some("Rroot")), Mode::List);
        assert_eq!(asked("s", Some("!")), Mode::Smtp);
    }
}

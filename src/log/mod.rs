//! One line when a mail is accepted, one line for each recipient and attempt, and sentences about what else there is: in
//! Postfix's words (smtp(8)), which log analysers read, or as JSON.
//!
//! The `log` crate carries the lines; env_logger takes them to the system log's socket, a file or stderr. The
//! configuration alone decides what is logged, never the caller's environment.

mod defect;
mod event;
mod line;
mod target;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ::log::Level;
use serde::{Deserialize, Deserializer};

pub(crate) use defect::defect;
pub(crate) use event::{Accepted, Attempt};
use line::Line;
pub(crate) use target::open;

use crate::outcome::Scope;

/// `[log]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The target of the lines.
    pub(crate) target: Target,
    /// The form of the lines.
    pub(crate) format: Format,
}

/// The target of the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Target {
    /// Appended to a file.
    File(PathBuf),
    /// This process's stderr.
    Stderr,
    /// The system log, facility mail.
    #[default]
    Syslog,
}

impl Settings {
    /// The file that the log goes to, if it goes to one.
    pub(crate) fn file(&self) -> Option<&Path> {
        if let Target::File(path) = &self.target { Some(path) } else { None }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stderr => f.write_str("stderr"),
            Self::Syslog => f.write_str("syslog"),
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match String::deserialize(from)?.as_str() {
            "stderr" => Ok(Self::Stderr),
            "syslog" => Ok(Self::Syslog),
            path if path.starts_with('/') => Ok(Self::File(PathBuf::from(path))),
            _ => Err(serde::de::Error::custom("expected \"syslog\", \"stderr\" or the absolute path of a file")),
        }
    }
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// One JSON object a line.
    Json,
    /// Postfix's fields.
    #[default]
    Postfix,
}

/// The form of the lines of this process, from when its log was opened.
static FORMAT: OnceLock<Format> = OnceLock::new();

/// Says what is wrong and has to be mended by a person.
pub(crate) fn error(sentence: &str) {
    About(None).error(sentence);
}

/// Says what was done.
pub(crate) fn info(sentence: &str) {
    About(None).info(sentence);
}

/// Says what trouble there is with a smarthost.
pub(crate) fn trouble(scope: Scope, sentence: &str) {
    About(None).trouble(scope, sentence);
}

/// The mail that a sentence is about, by its queue id.
pub(crate) fn mail(id: &str) -> About<'_> {
    About(Some(id))
}

/// What a sentence is about: one mail, or none.
#[derive(Clone, Copy)]
pub(crate) struct About<'a>(Option<&'a str>);

impl About<'_> {
    /// A sentence about trouble that a person has to mend.
    pub(crate) fn error(self, sentence: &str) {
        self.note(Level::Error, sentence);
    }

    /// A sentence about an act of ours.
    pub(crate) fn info(self, sentence: &str) {
        self.note(Level::Info, sentence);
    }

    /// A sentence about trouble with a smarthost: an error if a person has to mend it, else for information.
    pub(crate) fn trouble(self, scope: Scope, sentence: &str) {
        match scope {
            Scope::Configuration => self.error(sentence),
            Scope::Host | Scope::Message | Scope::Recipient => self.info(sentence),
        }
    }

    /// A sentence that is worth a person's look.
    pub(crate) fn warn(self, sentence: &str) {
        self.note(Level::Warn, sentence);
    }

    fn note(self, level: Level, sentence: &str) {
        hand(&event::note(level, self.0, sentence));
    }
}

/// Hands a line to the log.
fn hand(line: &Line<'_>) {
    let format = FORMAT.get().copied().unwrap_or_default();
    ::log::log!(target: target::WRITTEN, line.level, "{}", line.written(format));
}

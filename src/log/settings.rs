//! The settings of the log: its target, and the form of its lines.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

/// The longest name of a program in a log.
const MOST_OCTETS: usize = 32;

/// `[log]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The name in front of the parts of the program.
    pub(crate) name: Name,
    /// The target of the lines.
    pub(crate) target: Target,
    /// The form of the lines.
    pub(crate) format: Format,
}

/// The name that stands in front of each line, as Postfix's `syslog_name` (postconf(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

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

impl Default for Name {
    fn default() -> Self {
        Self("mailx-t".to_string())
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 3164 section 4.1.3 has letters and digits in a tag; readers of logs also know what Postfix's own names hold.
impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let is_known = |octet: u8| octet.is_ascii_alphanumeric() || b"-._/".contains(&octet);
        if (1..=MOST_OCTETS).contains(&name.len()) && name.bytes().all(is_known) {
            return Ok(Self(name));
        }
        Err(serde::de::Error::custom("expected a name of 1 to 32 letters, digits, \"-\", \".\", \"_\" and \"/\""))
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

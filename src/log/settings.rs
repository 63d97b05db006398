//! The settings of the log: its target, and the form of its lines.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

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

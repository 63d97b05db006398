//! The reasons why the settings of another mailer make no configuration.

use std::io;
use std::path::PathBuf;

use super::kind;
use crate::config;
use crate::outcome::clean;

/// The reason why nothing can be made of the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is something at the target already.
    #[error("{} exists: --force replaces it", .0.display())]
    Exists(PathBuf),
    /// The other mailer logs in, and the configuration would not.
    #[error("{0}: nothing is written: --force writes the configuration without login")]
    NoLogin(String),
    /// The file is one of a mailer that is not read.
    #[error("{} is not read: it is {what}. By hand, or with ctl init --provider: {instead}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// The directory holds no settings.
    #[error("{}: there are no settings in it that are read here: name the file; known are {}", .0.display(), kind::names())]
    NoneThere(PathBuf),
    /// The directory holds settings of several mailers.
    #[error("{}: there are several: name the one that mail leaves by: {}", path.display(), listed(found))]
    SeveralThere {
        /// The directory.
        path: PathBuf,
        /// The files.
        found: Vec<PathBuf>,
    },
    /// The file names no address that mail leaves as.
    #[error("{}: nothing in it says which address mail leaves from: say --sender ADDRESS", .0.display())]
    NoSender(PathBuf),
    /// The file names no smarthost.
    #[error("{}: it names no smarthost that mail could go to", .0.display())]
    NoSmarthost(PathBuf),
    /// The file may belong to any mailer.
    #[error("{}: neither its name nor its content says whose settings these are: say --from KIND; known are {}", .0.display(), kind::names())]
    Unknown(PathBuf),
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Our own reader refuses the configuration.
    #[error("{}: it makes no configuration: {source}", path.display())]
    Unusable {
        /// The file that was imported.
        path: PathBuf,
        /// The fault in the configuration.
        source: Box<config::Error>,
    },
    /// The configuration has no form in TOML.
    #[error("{}: {}", path.display(), clean(&source.to_string()))]
    Unwritable {
        /// The file that was imported.
        path: PathBuf,
        /// The reason.
        source: toml::ser::Error,
    },
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

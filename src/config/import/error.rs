//! The reasons why the settings of another mailer make no configuration.

use std::io;
use std::path::PathBuf;

use crate::config;
use crate::outcome::clean;

/// The reason why nothing can be made of the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is something at the target already.
    #[error("{} exists: --force replaces it", .0.display())]
    Exists(PathBuf),
    /// The file names no address that mail leaves as.
    #[error("{}: nothing in it says which address mail leaves from: say --sender ADDRESS", .0.display())]
    NoSender(PathBuf),
    /// The file names no smarthost.
    #[error("{}: it names no smarthost that mail could go to", .0.display())]
    NoSmarthost(PathBuf),
    /// The file may belong to any mailer.
    #[error("{}: neither its name nor its content says whose settings these are: say --from KIND", .0.display())]
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

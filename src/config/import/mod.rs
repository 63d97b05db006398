//! The settings that people already have for another mailer, turned into ours.
//!
//! One file for each mailer reads its syntax into `Imported`, which writes our configuration. Whatever is not
//! carried over is told, with its line and the reason. A secret goes to the password file alone: none stands in
//! the configuration or in a sentence. That a certificate was not looked at is never carried over.

mod dma;
mod exim;
mod files;
mod imported;
mod mailrc;
mod msmtp;
mod nullmailer;
mod postfix;
mod ssmtp;
mod tables;
mod words;

use std::path::{Path, PathBuf};

pub(crate) use imported::{Imported, Written};

use files::Files;

/// Whose settings they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// dma.conf and auth.conf.
    Dma,
    /// Debian's update-exim4.conf.conf and passwd.client.
    Exim,
    /// mail.rc and .mailrc of heirloom mailx and s-nail.
    Mailrc,
    /// msmtprc.
    Msmtp,
    /// nullmailer's remotes and what lies beside it.
    Nullmailer,
    /// main.cf with relayhost, and the maps it names.
    Postfix,
    /// ssmtp.conf and revaliases.
    Ssmtp,
}

/// Names of kinds and of their files, and what stands at the start of a line in no other.
const KINDS: [(Kind, &str, &[&str], &[&str]); 7] = [
    (Kind::Dma, "dma", &["dma.conf"], &["SMARTHOST "]),
    (Kind::Exim, "exim", &["update-exim4.conf.conf"], &["dc_smarthost="]),
    (Kind::Mailrc, "mailrc", &["mail.rc", ".mailrc", "mailrc", "s-nail.rc", "nail.rc"], &["set "]),
    (Kind::Msmtp, "msmtp", &["msmtprc", ".msmtprc"], &["account ", "defaults", "host "]),
    (Kind::Nullmailer, "nullmailer", &["remotes", "nullmailer"], &[]),
    (Kind::Postfix, "postfix", &["main.cf"], &["relayhost"]),
    (Kind::Ssmtp, "ssmtp", &["ssmtp.conf"], &["mailhub="]),
];

impl Kind {
    /// The kind of that name.
    ///
    /// # Errors
    /// A sentence with the names there are.
    pub fn from_name(name: &str) -> Result<Self, String> {
        let found = KINDS.iter().find(|(_, known, ..)| known.eq_ignore_ascii_case(name)).map(|(kind, ..)| *kind);
        found.ok_or_else(|| format!("known are {}", KINDS.map(|(_, name, ..)| name).join(", ")))
    }

    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, ..)| name)
    }

    /// The kind that a file's name tells, or else its content.
    fn guess(path: &Path, text: &str) -> Option<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let by_name = KINDS.iter().find(|(_, _, names, _)| names.contains(&&*name));
        let starts = |start: &str| text.lines().any(|line| line.trim_start().starts_with(start));
        let by_content = || KINDS.iter().find(|(.., starting)| starting.iter().any(|start| starts(start)));
        by_name.or_else(by_content).map(|(kind, ..)| *kind)
    }
}

/// Why nothing can be made of the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is something at the target already.
    #[error("{} exists: --force replaces it", .0.display())]
    Exists(PathBuf),
    /// What it says makes no configuration.
    #[error("{}: {what}", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// What is missing, and what to do.
        what: String,
    },
    /// Nobody knows whose settings they are.
    #[error("{}: neither its name nor its content says whose settings these are: say --from KIND", .0.display())]
    Unknown(PathBuf),
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Reads the settings of another mailer; `kind` where the file itself does not tell.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Unreadable`].
pub(crate) fn read(path: &Path, kind: Option<Kind>) -> Result<Imported, Error> {
    // nullmailer's settings are a directory of files.
    let path = if path.is_dir() { path.join("remotes") } else { path.to_path_buf() };
    let unreadable = |source| Error::Unreadable { path: path.clone(), source };
    let files = Files::open(&path).map_err(unreadable)?;
    let kind = kind.or_else(|| Kind::guess(&path, &files.text)).ok_or_else(|| Error::Unknown(path.clone()))?;
    Ok(of_files(kind, &files))
}

fn of_files(kind: Kind, files: &Files) -> Imported {
    let mut imported = Imported::new(kind, &files.path);
    match kind {
        Kind::Dma => dma::read(files, &mut imported),
        Kind::Exim => exim::read(files, &mut imported),
        Kind::Mailrc => mailrc::read(files, &mut imported),
        Kind::Msmtp => msmtp::read(files, &mut imported),
        Kind::Nullmailer => nullmailer::read(files, &mut imported),
        Kind::Postfix => postfix::read(files, &mut imported),
        Kind::Ssmtp => ssmtp::read(files, &mut imported),
    }
    imported
}

/// For the properties that hold for any text: its settings, with nothing beside it.
#[doc(hidden)]
pub fn of_text(kind: Kind, text: &str) -> Imported {
    of_files(kind, &Files::alone(Path::new("settings"), text))
}

//! The settings that people already have for another mailer, turned into ours.
//!
//! One file for each mailer reads its syntax into `Imported`, which writes our configuration. Whatever is not
//! carried over is told, with its line and the reason. A secret goes to the password file alone: none stands in
//! the configuration or in a sentence. That a certificate was not looked at is never carried over.

mod account;
mod dma;
mod error;
mod exim;
mod files;
mod imported;
mod kind;
mod mailrc;
mod msmtp;
mod nullmailer;
mod postfix;
mod ssmtp;
mod tables;
mod words;
mod written;

use std::path::Path;

pub use error::Error;
pub use imported::Imported;
pub use kind::Kind;
pub(crate) use written::Written;
pub use written::write;

use files::Files;

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

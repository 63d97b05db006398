//! Turns the settings that people have for another mailer into ours.
//!
//! One file for each mailer reads its syntax into `Imported`; `written` makes our configuration of that. A note tells
//! of each setting that is left out, with its line and the reason. A secret goes to a password file alone: none stands
//! in the configuration or in a sentence. Trust in any certificate is never carried over.

mod account;
mod dma;
mod error;
mod esmtp;
mod exim;
mod files;
mod foreign;
mod imported;
mod kind;
pub(crate) mod mailrc;
mod msmtp;
mod nullmailer;
mod password_command;
mod postfix;
mod ssmtp;
mod tables;
mod uci;
mod words;
mod written;

use std::path::{Path, PathBuf};

pub use error::Error;
pub use imported::Imported;
pub use kind::Kind;
pub(crate) use written::Written;
pub use written::write;

use files::Files;

/// Reads the settings of another mailer; `kind` where the file itself does not tell.
///
/// # Errors
/// [`Error::Foreign`], [`Error::NoneThere`], [`Error::SeveralThere`], [`Error::Unknown`] or [`Error::Unreadable`].
pub(crate) fn read(path: &Path, kind: Option<Kind>) -> Result<Imported, Error> {
    let path = if path.is_dir() { only_of(path, kind)? } else { path.to_path_buf() };
    let unreadable = |source| Error::Unreadable { path: path.clone(), source };
    let files = Files::open(&path).map_err(unreadable)?;
    let kind = match kind.or_else(|| Kind::of_name(&path)) {
        Some(kind) => kind,
        None => told(&path, &files.text)?,
    };
    Ok(of_files(kind, &files))
}

/// The file with settings that lies in the directory.
fn only_of(directory: &Path, kind: Option<Kind>) -> Result<PathBuf, Error> {
    match kind::search(directory, kind).as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Error::NoneThere(directory.to_path_buf())),
        found => Err(Error::SeveralThere { path: directory.to_path_buf(), found: found.to_vec() }),
    }
}

/// The kind that the content tells, unless it is that of a mailer that is not read.
fn told(path: &Path, text: &str) -> Result<Kind, Error> {
    if let Some(foreign) = foreign::find(path, text) {
        return Err(Error::Foreign { path: path.to_path_buf(), what: foreign.what, instead: foreign.instead });
    }
    Kind::of_content(text).ok_or_else(|| Error::Unknown(path.to_path_buf()))
}

fn of_files(kind: Kind, files: &Files) -> Imported {
    let mut imported = Imported::new(kind, &files.path);
    match kind {
        Kind::Dma => dma::read(files, &mut imported),
        Kind::Esmtp => esmtp::read(files, &mut imported),
        Kind::Exim => exim::read(files, &mut imported),
        Kind::Mailrc => mailrc::read(files, &mut imported),
        Kind::Msmtp => msmtp::read(files, &mut imported),
        Kind::Nullmailer => nullmailer::read(files, &mut imported),
        Kind::Postfix => postfix::read(files, &mut imported),
        Kind::Ssmtp => ssmtp::read(files, &mut imported),
        Kind::Uci => uci::read(files, &mut imported),
    }
    imported
}

/// Reads a text that lies beside no other file, for tests of properties that hold for any text.
#[doc(hidden)]
pub fn of_text(kind: Kind, text: &str) -> Imported {
    of_files(kind, &Files::alone(Path::new("settings"), text))
}

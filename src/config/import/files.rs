//! The file to import, and the files that lie beside it or that it names.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::imported::Imported;
use crate::outcome::clean;
use crate::system;
use crate::trust::{DecidingFile, Fault};

/// No settings of a mailer are larger.
const MOST: u64 = 1 << 20;

/// A file, its text, and the places of others.
pub(super) struct Files {
    pub(super) path: PathBuf,
    pub(super) text: String,
    is_alone: bool,
}

/// A further file that cannot be read, and why.
pub(super) struct Absent {
    path: PathBuf,
    error: io::Error,
}

impl Absent {
    /// There is no such file.
    pub(super) fn is_missing(&self) -> bool {
        self.error.kind() == io::ErrorKind::NotFound
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = clean(&self.path.display().to_string());
        match self.error.kind() {
            io::ErrorKind::NotFound => write!(f, "{path} is not there"),
            io::ErrorKind::PermissionDenied if !system::is_root() => {
                write!(f, "{path} is closed to you: import as root, or as its owner")
            }
            _ => write!(f, "{path} cannot be read: {}", self.error),
        }
    }
}

impl Files {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_path_buf(), text: text(path)?, is_alone: false })
    }

    /// A text with no file beside it.
    pub(super) fn alone(path: &Path, text: &str) -> Self {
        Self { path: path.to_path_buf(), text: text.to_string(), is_alone: true }
    }

    /// Another text in place of the file's own.
    pub(super) fn of_text(&self, text: &str) -> Self {
        Self { path: self.path.clone(), text: text.to_string(), is_alone: self.is_alone }
    }

    /// The file of that name: beside this one, as in a copied set of files, else at the path that the name is.
    pub(super) fn named(&self, name: &str) -> Result<(PathBuf, String), Absent> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let mut absent = Absent { path: PathBuf::from(name), error: missing() };
        for path in self.places(name) {
            match text(&path) {
                Ok(text) => return Ok((path, text)),
                // What is there and closed says more than what is not there.
                Err(error) if absent.is_missing() && error.kind() != io::ErrorKind::NotFound => {
                    absent = Absent { path, error };
                }
                Err(_) => {}
            }
        }
        Err(absent)
    }

    /// As [`Files::named`], for a file that need not be there. A note tells of one that is there and cannot be read.
    pub(super) fn beside(&self, name: &str, imported: &mut Imported) -> Option<(PathBuf, String)> {
        self.named(name)
            .inspect_err(|absent| {
                if !absent.is_missing() {
                    imported.note(0, &absent.to_string());
                }
            })
            .ok()
    }

    /// There is a file of that name, whatever it holds.
    pub(super) fn is_there(&self, name: &str) -> bool {
        self.places(name).iter().any(|path| path.is_file())
    }

    fn places(&self, name: &str) -> Vec<PathBuf> {
        let Some(file_name) = Path::new(name).file_name().filter(|_| !self.is_alone) else { return Vec::new() };
        vec![self.path.with_file_name(file_name), PathBuf::from(name)]
    }

    /// The lines that are neither empty nor a comment, numbered from 1, without blanks around them.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        lines(&self.text)
    }
}

/// As [`Files::lines`], for another text.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// A device or a pipe has no end.
fn text(path: &Path) -> io::Result<String> {
    let opened = DecidingFile::open(path).map_err(|fault| match fault {
        Fault::Io(error) => error,
        _ => io::Error::new(io::ErrorKind::InvalidInput, "it is no file"),
    })?;
    let mut bytes = Vec::new();
    opened.into_file().take(MOST).read_to_end(&mut bytes)?;
    // Editors of other systems leave a byte order mark, which would be part of the first word.
    Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_string())
}

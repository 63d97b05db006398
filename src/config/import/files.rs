//! The file to import, and the files that lie beside it or that it names.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::trust::{DecidingFile, Fault};

/// No settings of a mailer are larger.
const MOST: u64 = 1 << 20;

/// A file, its text, and the places of others.
pub(super) struct Files {
    pub(super) path: PathBuf,
    pub(super) text: String,
    is_alone: bool,
}

impl Files {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_path_buf(), text: text(path)?, is_alone: false })
    }

    /// A text with no file beside it.
    pub(super) fn alone(path: &Path, text: &str) -> Self {
        Self { path: path.to_path_buf(), text: text.to_string(), is_alone: true }
    }

    /// The file of that name: beside this one, as in a copied set of files, else at the path that the name is.
    pub(super) fn named(&self, name: &str) -> Option<(PathBuf, String)> {
        let file_name = Path::new(name).file_name()?;
        let places = [self.path.with_file_name(file_name), PathBuf::from(name)];
        let readable = |path: PathBuf| text(&path).ok().map(|text| (path, text));
        places.into_iter().filter(|_| !self.is_alone).find_map(readable)
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
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

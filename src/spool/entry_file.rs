//! The file of an entry: its envelope block, and the message behind it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::entry::MOST_BLOCK;
use super::{Entry, Error};
use crate::trust::plain;

/// The message of a claim in wire form, from its start.
#[derive(Debug)]
pub(crate) struct Content<'a>(io::Take<&'a File>);

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// The file of an entry; `None` if it is gone.
pub(super) fn open(path: &Path) -> Result<Option<File>, Error> {
    match plain::open(path, OpenOptions::new().read(true)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if plain::is_no_file(&error) => {
            Err(Error::Damaged { path: path.to_path_buf(), why: error.to_string() })
        }
        Err(source) => Err(Error::Read { path: path.to_path_buf(), source }),
    }
}

/// The message of an entry's file, from its start.
pub(super) fn content_of<'a>(mut file: &'a File, at: u64, size: u64, path: &Path) -> Result<Content<'a>, Error> {
    file.seek(SeekFrom::Start(at)).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    Ok(Content(file.take(size)))
}

/// The envelope block, and the offset at which the message starts.
pub(super) fn read_block(file: &File, path: &Path) -> Result<(Entry, u64), Error> {
    let fail = |source| Error::Read { path: path.to_path_buf(), source };
    let damaged = |why: String| Error::Damaged { path: path.to_path_buf(), why };
    let mut reader = BufReader::new(file.take(MOST_BLOCK));
    let mut block = Vec::new();
    loop {
        let before = block.len();
        if reader.read_until(b'\n', &mut block).map_err(fail)? == 0 {
            return Err(damaged("its envelope block has no end".into()));
        }
        if block[before..] == *b"\n" {
            break;
        }
    }
    let text = std::str::from_utf8(&block).map_err(|_| damaged("its envelope block is not text".into()))?;
    let entry = Entry::parse(text.trim_end_matches('\n')).map_err(damaged)?;
    let content_at = block.len() as u64;
    let length = file.metadata().map_err(fail)?.len();
    if Some(length) != content_at.checked_add(entry.size) {
        return Err(damaged(format!(
            "it holds {} octets instead of {}",
            length.saturating_sub(content_at),
            entry.size
        )));
    }
    Ok((entry, content_at))
}

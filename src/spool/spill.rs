//! A body on its way into the spool: in memory while it is small, in a file under `tmp/` when it
//! grows, so that memory stays bounded whatever a job prints.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::{Error, QueueId, Spool, draft};

/// What stays in memory.
const IN_MEMORY: usize = 256 << 10;

/// Written once, then read from its start. Its file has no name any more by the time it holds bytes.
/// An error of writing is an [`Error`] within the `io::Error`, so that it is told apart from one of reading.
#[derive(Debug)]
pub struct Spill {
    path: PathBuf,
    memory: Vec<u8>,
    file: Option<File>,
    /// Octets in the file.
    written: u64,
}

impl Spill {
    /// An empty one; the file, should it come to that, will lie in the spool's `tmp/`.
    pub fn new(spool: &Spool) -> Self {
        let path = spool.directory("tmp").join(format!("{}.body", QueueId::new()));
        Self { path, memory: Vec::new(), file: None, written: 0 }
    }

    /// What was written, from the start.
    ///
    /// # Errors
    /// Those of rewinding the file.
    pub fn reader(&mut self) -> io::Result<Box<dyn Read + '_>> {
        match &mut self.file {
            None => Ok(Box::new(self.memory.as_slice())),
            Some(file) => {
                file.rewind()?;
                Ok(Box::new(file))
            }
        }
    }
}

impl Spill {
    /// In the spool, or where the spool cannot be written in the system's place for such files.
    fn create(&self) -> io::Result<File> {
        unnamed(&self.path).or_else(|error| self.elsewhere().map_err(|_| error))
    }

    fn elsewhere(&self) -> io::Result<File> {
        unnamed(&std::env::temp_dir().join(self.path.file_name().unwrap_or_default()))
    }

    /// Appends to the file; where its disk has no more room, all of it goes elsewhere.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.create()?,
        };
        let mut result = file.write_all(bytes);
        if result.is_err() {
            file.rewind()?;
            let mut new = self.elsewhere()?;
            io::copy(&mut file.take(self.written), &mut new)?;
            result = new.write_all(bytes);
            file = new;
        }
        self.file = Some(file);
        self.written += bytes.len() as u64;
        result
    }
}

fn unnamed(path: &Path) -> io::Result<File> {
    let file = draft::create_new(path)?;
    fs::remove_file(path)?;
    Ok(file)
}

impl Write for Spill {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() && self.memory.len() + bytes.len() <= IN_MEMORY {
            self.memory.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        let held = std::mem::take(&mut self.memory);
        let appended = self.append(&held).and_then(|()| self.append(bytes));
        appended.map_err(|source| io::Error::other(Error::Write { path: self.path.clone(), source }))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_disk_sends_it_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(&Spool::new(directory.path()));
        // A file opened for reading refuses each write, as a full disk does.
        let path = directory.path().join("full");
        fs::write(&path, b"first,").unwrap();
        spill.file = Some(File::open(&path).unwrap());
        spill.written = 6;
        spill.write_all(b"second").unwrap();
        let mut back = String::new();
        spill.reader().unwrap().read_to_string(&mut back).unwrap();
        assert_eq!(back, "first,second");
    }

    #[test]
    fn small_or_large_it_reads_back_and_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        spool.create(None).unwrap();
        for size in [0, 10, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY] {
            let mut spill = Spill::new(&spool);
            let bytes: Vec<u8> = (0..size).map(|n| n as u8).collect();
            bytes.chunks(1000).for_each(|piece| spill.write_all(piece).unwrap());
            assert_eq!(spill.file.is_some(), size > IN_MEMORY);
            let mut back = Vec::new();
            spill.reader().unwrap().read_to_end(&mut back).unwrap();
            assert!(back == bytes);
            assert_eq!(fs::read_dir(directory.path().join("tmp")).unwrap().count(), 0);
        }
    }
}

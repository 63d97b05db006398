//! A body on its way into the spool: in memory while it is small, in a file under `tmp/` when it grows, and compressed
//! beyond what a mail may have, so that neither memory nor disk depends on what a job prints.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::{Error, QueueId, Spool, files};
use crate::message::{TAIL_LIMIT, Tail};

/// Measured on logs: as fast as the levels below it, and a third smaller than the lowest.
pub(super) const LEVEL: Compression = Compression::new(3);

/// The octets that stay in memory.
const IN_MEMORY: usize = 256 << 10;

/// It is written once, then read from its start. Its file has lost its name by the time it holds bytes. An error of
/// writing is an [`Error`] within the `io::Error`, so that it is told apart from an error of reading.
#[derive(Debug)]
pub(crate) struct Spill {
    path: PathBuf,
    most: u64,
    memory: Vec<u8>,
    file: Option<Unnamed>,
    overflow: Option<Overflow>,
    /// All octets.
    length: u64,
}

impl Spill {
    /// An empty one; its file, if it needs one, will lie in the spool's `tmp/`. If it gets more than `most` octets,
    /// only the first `most` or fewer, and the last, stay at hand; the file then holds all of them, compressed.
    pub(crate) fn new(spool: &Spool, most: u64) -> Self {
        Self::at(spool.directory("tmp").join(format!("{}.body", QueueId::new())), most)
    }

    /// As [`new`](Self::new), but the spool is not touched.
    pub(crate) fn temporary(most: u64) -> Self {
        Self::at(std::env::temp_dir().join(format!("mailx-t.{}.body", QueueId::new())), most)
    }

    fn at(path: PathBuf, most: u64) -> Self {
        Self { path, most, memory: Vec::new(), file: None, overflow: None, length: 0 }
    }

    /// All that was written, from the start.
    ///
    /// # Errors
    /// Those of rewinding the file.
    pub(crate) fn reader(&mut self) -> io::Result<Box<dyn Read + '_>> {
        if self.overflow.is_none() {
            return Ok(self.ends()?.0);
        }
        let whole = self.overflow.as_mut().map(Overflow::finish).transpose()?;
        Ok(Box::new(MultiGzDecoder::new(whole.ok_or(io::ErrorKind::NotFound)?)))
    }

    /// Its start, which is all of it unless it [has overflowed](Self::has_overflowed); and its end if it has.
    ///
    /// # Errors
    /// Those of rewinding the file.
    pub(crate) fn ends(&mut self) -> io::Result<(Box<dyn Read + '_>, &[u8])> {
        let head: Box<dyn Read + '_> = match &mut self.file {
            None => Box::new(self.memory.as_slice()),
            Some(unnamed) => Box::new(unnamed.rewound()?),
        };
        Ok((head, self.overflow.as_ref().map_or(&[], |overflow| overflow.tail.octets())))
    }

    /// There was more than a mail may have.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.overflow.is_some()
    }

    /// Octets written.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Writes all of it compressed, as a member of a gzip file (RFC 1952).
    ///
    /// # Errors
    /// Those of reading and writing.
    pub(super) fn compress(&mut self, to: &mut File) -> io::Result<()> {
        match &mut self.overflow {
            Some(overflow) => io::copy(overflow.finish()?, to).map(drop),
            None => {
                let mut gz = GzEncoder::new(to, LEVEL);
                io::copy(&mut self.ends()?.0, &mut gz)?;
                gz.finish().map(drop)
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(overflow) = &mut self.overflow {
            return overflow.push(bytes);
        }
        let room = usize::try_from(self.most - self.length).unwrap_or(usize::MAX);
        let (fits, rest) = bytes.split_at(bytes.len().min(room));
        self.at_hand(fits)?;
        if !rest.is_empty() {
            let mut overflow = Overflow::new(Unnamed::new(&self.path.with_extension("gz"))?, self.most);
            io::copy(&mut self.ends()?.0, overflow.gz()?)?;
            overflow.tail.push(fits);
            overflow.push(rest)?;
            self.overflow = Some(overflow);
        }
        Ok(())
    }

    fn at_hand(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.memory.len() + bytes.len() <= IN_MEMORY {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(Unnamed::new(&self.path)?),
        };
        file.write_all(&std::mem::take(&mut self.memory))?;
        file.write_all(bytes)
    }
}

impl Write for Spill {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.keep(bytes).map_err(|source| io::Error::other(Error::Write { path: self.path.clone(), source }))?;
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All of a body that is too large, compressed, and its end.
#[derive(Debug)]
struct Overflow {
    /// `None` once it is finished.
    gz: Option<GzEncoder<Unnamed>>,
    whole: Option<Unnamed>,
    tail: Tail,
}

impl Overflow {
    fn new(to: Unnamed, most: u64) -> Self {
        let tail = usize::try_from(most / 2).unwrap_or(TAIL_LIMIT).min(TAIL_LIMIT);
        Self { gz: Some(GzEncoder::new(to, LEVEL)), whole: None, tail: Tail::new(tail) }
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tail.push(bytes);
        self.gz()?.write_all(bytes)
    }

    fn gz(&mut self) -> io::Result<&mut GzEncoder<Unnamed>> {
        self.gz.as_mut().ok_or_else(|| io::Error::other("it has been read already"))
    }

    /// The compressed octets, from their start.
    fn finish(&mut self) -> io::Result<&mut File> {
        if let Some(gz) = self.gz.take() {
            self.whole = Some(gz.finish()?);
        }
        self.whole.as_mut().ok_or_else(|| io::Error::other("it could not be finished"))?.rewound()
    }
}

/// A file without a name: in the spool, or if the spool cannot be written, in the system's directory for such files.
#[derive(Debug)]
struct Unnamed {
    path: PathBuf,
    file: File,
    /// Octets in the file.
    written: u64,
}

impl Unnamed {
    /// `path` is its name for a moment.
    fn new(path: &Path) -> io::Result<Self> {
        let file = nameless(path).or_else(|error| elsewhere(path).map_err(|_| error))?;
        Ok(Self { path: path.to_path_buf(), file, written: 0 })
    }

    fn rewound(&mut self) -> io::Result<&mut File> {
        self.file.rewind()?;
        Ok(&mut self.file)
    }
}

impl Write for Unnamed {
    /// If the disk has no more room, all of it goes elsewhere.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.write_all(bytes).is_err() {
            self.file.rewind()?;
            let mut new = elsewhere(&self.path)?;
            io::copy(&mut (&self.file).take(self.written), &mut new)?;
            new.write_all(bytes)?;
            self.file = new;
        }
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn elsewhere(path: &Path) -> io::Result<File> {
    nameless(&std::env::temp_dir().join(path.file_name().unwrap_or_default()))
}

fn nameless(path: &Path) -> io::Result<File> {
    let file = files::create_new(path)?;
    fs::remove_file(path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::super::tests::empty_spool;
    use super::*;

    #[test]
    fn full_disk_sends_it_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(&Spool::new(directory.path()), u64::MAX);
        // A file opened for reading refuses each write, as a full disk does.
        let path = directory.path().join("full");
        fs::write(&path, b"first,").unwrap();
        spill.file = Some(Unnamed { path: path.clone(), file: File::open(&path).unwrap(), written: 6 });
        spill.write_all(b"second").unwrap();
        let mut back = String::new();
        spill.reader().unwrap().read_to_string(&mut back).unwrap();
        assert_eq!(back, "first,second");
    }

    #[test]
    fn small_or_large_it_reads_back_and_leaves_nothing() {
        let (directory, spool) = empty_spool();
        for size in [0, 10, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY] {
            let mut spill = Spill::new(&spool, u64::MAX);
            let bytes: Vec<u8> = (0..size).map(|n| n as u8).collect();
            bytes.chunks(1000).for_each(|piece| spill.write_all(piece).unwrap());
            assert_eq!(spill.file.is_some(), size > IN_MEMORY);
            let mut back = Vec::new();
            spill.reader().unwrap().read_to_end(&mut back).unwrap();
            assert!(back == bytes);
            assert_eq!(fs::read_dir(directory.path().join("tmp")).unwrap().count(), 0);
        }
    }

    #[test]
    fn what_is_too_large_stays_whole_and_its_ends_at_hand() {
        let (directory, spool) = empty_spool();
        for (most, size) in [(10, 11), (IN_MEMORY, IN_MEMORY + 1), (2 * IN_MEMORY, 9 * IN_MEMORY)] {
            let mut spill = Spill::new(&spool, most as u64);
            let bytes: Vec<u8> = (0..size).map(|n| (n / 7) as u8).collect();
            bytes.chunks(1000).for_each(|piece| spill.write_all(piece).unwrap());
            assert!(spill.has_overflowed() && spill.length() == size as u64);
            for _ in 0..2 {
                let mut back = Vec::new();
                spill.reader().unwrap().read_to_end(&mut back).unwrap();
                assert!(back == bytes);
            }
            let mut head = Vec::new();
            let (mut start, end) = spill.ends().unwrap();
            start.read_to_end(&mut head).unwrap();
            assert!(head.len() == most && bytes.starts_with(&head));
            assert!(bytes.ends_with(end) && !end.is_empty() && end.len() <= most);
            assert_eq!(fs::read_dir(directory.path().join("tmp")).unwrap().count(), 0);
        }
    }
}

//! The mails that left, over which smarthost and when: `queue/relay.sent`, one line a mail, kept for a day and only if
//! the settings count mails. A line lost in a crash is not counted, so nothing is synced.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;

use super::{Error, Spool, files};
use crate::trust::plain;

/// Nobody asks for older lines.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// A file of that many bytes is written anew, with only the lines that still count.
const LONG: u64 = 256 * 1024;

impl Spool {
    /// The times at which mails left over that smarthost within the last day, oldest first.
    pub(crate) fn sent(&self, about: &str, now: Timestamp) -> Vec<Timestamp> {
        let text = plain::read_text(&self.sent_path()).unwrap_or_default();
        let mut sent: Vec<Timestamp> =
            lines(&text, now).filter(|(_, known)| *known == about).map(|(at, _)| at).collect();
        sent.sort();
        sent
    }

    /// Counts a mail over that smarthost.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn note_sent(&self, about: &str, now: Timestamp) -> Result<(), Error> {
        let path = self.sent_path();
        let note = || {
            if fs::metadata(&path).is_ok_and(|file| file.len() > LONG) {
                let text = plain::read_text(&path)?;
                let kept: String = lines(&text, now).map(|(at, about)| format!("{at}\t{about}\n")).collect();
                let new = self.directory("tmp").join("relay.sent");
                files::write_new(&new, &kept)?;
                fs::rename(&new, &path)?;
            }
            let mut file = plain::open(&path, fs::File::options().append(true).create(true))?;
            file.write_all(format!("{now}\t{about}\n").as_bytes())
        };
        note().map_err(|source| Error::Write { path: path.clone(), source })
    }

    fn sent_path(&self) -> PathBuf {
        self.directory("queue").join("relay.sent")
    }
}

/// The lines of the last day. A time in the future means that the clock was set back: it is not counted.
fn lines(text: &str, now: Timestamp) -> impl Iterator<Item = (Timestamp, &str)> {
    let parse = |line: &str| line.split_once('\t').and_then(|(at, _)| at.parse::<Timestamp>().ok());
    text.lines().filter_map(move |line| {
        let at = parse(line).filter(|at| *at <= now && now.duration_since(*at) < KEPT)?;
        Some((at, line.split_once('\t')?.1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_smarthost_has_its_own_count_of_a_day() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        spool.create(None).unwrap();
        let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        for (about, hour) in [("a:465", 0), ("a:465", 23), ("b:465", 24), ("a:465", 24), ("a:465", 90)] {
            spool.note_sent(about, at(hour)).unwrap();
        }
        assert_eq!(spool.sent("a:465", at(25)), [at(23), at(24)]);
        assert_eq!(spool.sent("b:465", at(25)), [at(24)]);
        assert_eq!(spool.sent("c:465", at(25)), []);
    }

    #[test]
    fn file_does_not_grow_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        spool.create(None).unwrap();
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        (0..20_000).for_each(|minute| spool.note_sent("smtp.example.com:465", at(minute)).unwrap());
        assert!(fs::metadata(spool.sent_path()).unwrap().len() <= LONG + 64);
        assert_eq!(spool.sent("smtp.example.com:465", at(19_999)).len(), 1440);
    }
}

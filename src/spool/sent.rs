//! The mails that left, over which smarthost, when and whose: `queue/relay.sent`, one line a mail, kept for a day and
//! only if the settings count mails. A line lost in a crash is not counted, so nothing is synced.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;

use super::{Error, Spool, files};
use crate::pace::Sent;
use crate::trust::plain;

/// Nobody asks for older lines.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// A file of that many bytes is written anew, with only the lines that still count.
const LONG: u64 = 256 * 1024;

impl Spool {
    /// The mails that left over that smarthost within the last day, oldest first.
    pub(crate) fn sent(&self, about: &str, now: Timestamp) -> Vec<Sent> {
        let text = plain::read_text(&self.sent_path()).unwrap_or_default();
        let mut sent: Vec<Sent> =
            lines(&text, now).filter(|(_, known)| *known == about).map(|(sent, _)| sent).collect();
        sent.sort();
        sent
    }

    /// Counts a mail over that smarthost.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn note_sent(&self, about: &str, sent: &Sent) -> Result<(), Error> {
        let path = self.sent_path();
        let note = || {
            if fs::metadata(&path).is_ok_and(|file| file.len() > LONG) {
                let text = plain::read_text(&path)?;
                let kept: String = lines(&text, sent.at).map(|(sent, about)| line(&sent, about)).collect();
                let new = self.directory("tmp").join("relay.sent");
                files::write_new(&new, &kept)?;
                fs::rename(&new, &path)?;
            }
            let mut file = plain::open(&path, fs::File::options().append(true).create(true))?;
            file.write_all(line(sent, about).as_bytes())
        };
        note().map_err(|source| Error::Write { path: path.clone(), source })
    }

    fn sent_path(&self) -> PathBuf {
        self.directory("queue").join("relay.sent")
    }
}

fn line(sent: &Sent, about: &str) -> String {
    format!("{}\t{about}\t{}\t{}\n", sent.at, sent.uid, sent.recipients)
}

/// The lines of the last day. A time in the future means that the clock was set back: it is not counted. A line that
/// does not say whose mail it was, or to how many it went, is of an earlier version; it counts as root's, and as one to
/// one.
fn lines(text: &str, now: Timestamp) -> impl Iterator<Item = (Sent, &str)> {
    text.lines().filter_map(move |line| {
        let mut fields = line.split('\t');
        let (at, about) = (fields.next()?.parse::<Timestamp>().ok()?, fields.next()?);
        let uid = fields.next().and_then(|uid| uid.parse().ok()).unwrap_or(0);
        let recipients = fields.next().and_then(|count| count.parse().ok()).unwrap_or(1);
        (at <= now && now.duration_since(at) < KEPT).then_some((Sent { at, uid, recipients }, about))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::empty_spool;
    use super::*;

    #[test]
    fn each_smarthost_has_its_own_count_of_a_day() {
        let (_directory, spool) = empty_spool();
        let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        for (about, uid, hour) in
            [("a:465", 0, 0), ("a:465", 7, 23), ("b:465", 0, 24), ("a:465", 8, 24), ("a:465", 0, 90)]
        {
            spool.note_sent(about, &Sent { at: at(hour), uid, recipients: 2 }).unwrap();
        }
        let sent = |uid, hour| Sent { at: at(hour), uid, recipients: 2 };
        assert_eq!(spool.sent("a:465", at(25)), [sent(7, 23), sent(8, 24)]);
        assert_eq!(spool.sent("b:465", at(25)), [sent(0, 24)]);
        assert_eq!(spool.sent("c:465", at(25)), []);
    }

    #[test]
    fn line_of_an_earlier_version_counts_as_roots() {
        let (_directory, spool) = empty_spool();
        fs::write(spool.sent_path(), "2026-11-20T09:30:03Z\ta:465 user\n").unwrap();
        let at = "2026-11-20T09:30:03Z".parse().unwrap();
        assert_eq!(spool.sent("a:465 user", at), [Sent { at, uid: 0, recipients: 1 }]);
    }

    #[test]
    fn file_does_not_grow_for_ever() {
        let (_directory, spool) = empty_spool();
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let sent = |minute| Sent { at: at(minute), uid: 0, recipients: 1 };
        (0..20_000).for_each(|minute| spool.note_sent("smtp.example.com:465", &sent(minute)).unwrap());
        assert!(fs::metadata(spool.sent_path()).unwrap().len() <= LONG + 64);
        assert_eq!(spool.sent("smtp.example.com:465", at(19_999)).len(), 1440);
    }
}

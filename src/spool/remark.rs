//! Remarks about a smarthost or a user that count for a while: `queue/relay.remarks`, one line each. A remark lost in a
//! crash is learnt again, so nothing is synced.

use std::fs;

use super::{Error, Spool, files};
use crate::trust::plain;

/// One remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    /// The smarthost, `host:port`, or the user.
    pub(crate) about: String,
    /// The words of the remark; they hold no tab and no line end.
    pub(crate) says: String,
    /// The time until which it counts.
    pub(crate) until: jiff::Timestamp,
}

impl Spool {
    /// True if that remark about that smarthost still counts.
    pub(crate) fn is_remarked(&self, about: &str, says: &str, now: jiff::Timestamp) -> bool {
        self.remarks(now).iter().any(|remark| remark.about == about && remark.says == says)
    }

    /// The number in a remark `NUMBER WORDS` about that smarthost that still counts.
    pub(crate) fn remarked_number(&self, about: &str, words: &str, now: jiff::Timestamp) -> Option<usize> {
        let number = |remark: &Remark| remark.says.strip_suffix(words)?.trim_end().parse().ok();
        self.remarks(now).iter().filter(|remark| remark.about == about).filter_map(number).min()
    }

    /// Adds a remark, and drops those whose time is over.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn remark(&self, remark: &Remark) -> Result<(), Error> {
        let mut remarks = self.remarks(jiff::Timestamp::now());
        remarks
            .retain(|known| (&known.about, &known.says) != (&remark.about, &remark.says) || known.until > remark.until);
        let is_known = remarks.iter().any(|known| (&known.about, &known.says) == (&remark.about, &remark.says));
        if !is_known {
            remarks.push(remark.clone());
        }
        let text: String = remarks.iter().map(Remark::line).collect();
        let (new, path) = (self.directory("tmp").join("relay.remarks"), self.directory("queue").join("relay.remarks"));
        files::write_new(&new, &text)
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|source| Error::Write { path: path.clone(), source })
    }

    /// The name in remarks for a user's share of a limit.
    pub(crate) fn share_of(uid: u32) -> String {
        format!("share of user {uid}")
    }

    /// The remarks that still count.
    pub(crate) fn remarks(&self, now: jiff::Timestamp) -> Vec<Remark> {
        let text = plain::read_text(&self.directory("queue").join("relay.remarks")).unwrap_or_default();
        text.lines().filter_map(Remark::parse).filter(|remark| remark.until > now).collect()
    }
}

impl Remark {
    fn line(&self) -> String {
        format!("{}\t{}\t{}\n", self.until, self.about, self.says)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(3, '\t');
        let until = fields.next()?.parse().ok()?;
        Some(Self { until, about: fields.next()?.to_string(), says: fields.next()?.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::empty_spool;
    use super::*;

    fn remark(about: &str, says: &str, until: &str) -> Remark {
        Remark { about: about.to_string(), says: says.to_string(), until: until.parse().unwrap() }
    }

    #[test]
    fn remarks_count_for_their_smarthost_and_their_time() {
        let (_directory, spool) = empty_spool();
        let late = "2999-01-02T00:00:00Z";
        let now: jiff::Timestamp = "2999-01-01T00:00:00Z".parse().unwrap();
        assert!(!spool.is_remarked("a:465", "no groups", now));
        spool.remark(&remark("a:465", "no groups", late)).unwrap();
        spool.remark(&remark("b:465", "no chunking", "2998-01-01T00:00:00Z")).unwrap();
        // A remark that ends earlier does not replace it.
        spool.remark(&remark("a:465", "no groups", "2998-01-01T00:00:00Z")).unwrap();
        assert!(spool.is_remarked("a:465", "no groups", now));
        assert!(!spool.is_remarked("a:465", "no chunking", now));
        assert!(!spool.is_remarked("b:465", "no chunking", now), "its time is over");
        assert!(!spool.is_remarked("a:465", "no groups", late.parse().unwrap()));
    }

    #[test]
    fn what_is_no_remark_is_passed_over() {
        let (_directory, spool) = empty_spool();
        let path = spool.directory("queue").join("relay.remarks");
        fs::write(&path, "junk\n\t\t\n2999-01-02T00:00:00Z\ta:465\tno groups\n2999-01-0").unwrap();
        assert!(spool.is_remarked("a:465", "no groups", jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(spool.remarks(jiff::Timestamp::UNIX_EPOCH).len(), 1);
    }
}

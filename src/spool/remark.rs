//! Remarks about a smarthost or a user that count for a while: `queue/relay.remarks`, one line each. A remark lost in a
//! crash is learnt again, so nothing is synced.

use std::fs;

use super::{Error, Spool, files};
use crate::trust::plain;

/// A clock may be set back by so much in its ordinary course.
const LEEWAY: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

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
        let now = jiff::Timestamp::now();
        let mut kept = self.kept_remarks(now);
        let is_same = |one: &Remark| (&one.about, &one.says) == (&remark.about, &remark.says);
        kept.retain(|known| !is_same(&known.remark) || known.remark.until > remark.until);
        if !kept.iter().any(|known| is_same(&known.remark)) {
            kept.push(Kept { since: Some(now), remark: remark.clone() });
        }
        self.write_remarks(&kept)
    }

    /// Puts a remark, or nothing, in the place of those about the same that begin with these words.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn replace_remark(&self, about: &str, words: &str, new: Option<Remark>) -> Result<(), Error> {
        let now = jiff::Timestamp::now();
        let mut kept = self.kept_remarks(now);
        let before = kept.len();
        kept.retain(|known| known.remark.about != about || !known.remark.says.starts_with(words));
        if kept.len() == before && new.is_none() {
            return Ok(());
        }
        kept.extend(new.map(|remark| Kept { since: Some(now), remark }));
        self.write_remarks(&kept)
    }

    fn write_remarks(&self, kept: &[Kept]) -> Result<(), Error> {
        let text: String = kept.iter().map(Kept::line).collect();
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
        self.kept_remarks(now).into_iter().map(|kept| kept.remark).collect()
    }

    /// One that was made later than now was made while the clock was wrong, and nobody knows when it would end.
    fn kept_remarks(&self, now: jiff::Timestamp) -> Vec<Kept> {
        let text = plain::read_text(&self.directory("queue").join("relay.remarks")).unwrap_or_default();
        let counts = |kept: &Kept| {
            let is_lasting = kept.remark.until == jiff::Timestamp::MAX;
            is_lasting || kept.remark.until > now && kept.since.is_none_or(|since| since.duration_since(now) <= LEEWAY)
        };
        text.lines().filter_map(Kept::parse).filter(counts).collect()
    }
}

/// A remark as the file has it.
struct Kept {
    /// When it was made. An earlier version did not say so.
    since: Option<jiff::Timestamp>,
    remark: Remark,
}

impl Kept {
    fn line(&self) -> String {
        let Remark { about, says, until } = &self.remark;
        let since = self.since.map_or(String::new(), |since| format!(" {since}"));
        format!("{until}{since}\t{about}\t{says}\n")
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(3, '\t');
        let mut times = fields.next()?.split(' ');
        let until = times.next()?.parse().ok()?;
        let since = times.next().and_then(|since| since.parse().ok());
        let remark = Remark { until, about: fields.next()?.to_string(), says: fields.next()?.to_string() };
        Some(Self { since, remark })
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

    #[test]
    fn remark_of_a_clock_that_was_ahead_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        spool.create(None).unwrap();
        let line = "2028-01-01T00:00:00Z 2027-12-31T23:00:00Z\ta:465\tno groups\n";
        fs::write(spool.directory("queue").join("relay.remarks"), line).unwrap();
        let at = |time: &str| spool.is_remarked("a:465", "no groups", time.parse().unwrap());
        assert!(at("2027-12-31T23:30:00Z") && at("2027-12-31T22:59:00Z") && !at("2026-12-31T23:30:00Z"));
    }

    #[test]
    fn remark_takes_the_place_of_those_of_its_kind() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        spool.create(None).unwrap();
        let (now, late) = (jiff::Timestamp::now(), "2999-01-02T00:00:00Z");
        let said = || spool.remarks(now).into_iter().map(|remark| remark.says).collect::<Vec<_>>();
        spool.remark(&remark("a:465", "no groups", late)).unwrap();
        for says in ["evidence 1", "evidence 2"] {
            spool.replace_remark("a:465", "evidence", Some(remark("a:465", says, late))).unwrap();
        }
        assert_eq!(said(), ["no groups", "evidence 2"]);
        spool.replace_remark("a:465", "evidence", None).unwrap();
        assert_eq!(said(), ["no groups"]);
    }
}

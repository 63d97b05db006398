//! The notice of an outcome, which the relay tells a door that waits: a line for each recipient, as soon as the outcome
//! is on disk.

use crate::outcome::{EnhancedStatus, Outcome, Status, clean};
use crate::spool::Entry;

/// The start of the reason for a mail that waits for the digest of its job. A server's reply starts with its code.
pub(crate) const FOLDED: &str = "folded: ";

/// The outcome for one recipient of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The mail's queue id.
    pub(crate) id: String,
    /// The recipient.
    pub(crate) to: String,
    /// Sent, deferred or bounced.
    pub(crate) status: Status,
    /// The enhanced status code, RFC 3463.
    pub(crate) enhanced: EnhancedStatus,
    /// The reply or our own sentence.
    pub(crate) reason: String,
}

impl Notice {
    /// The outcome for the recipient at that place of the entry's list.
    pub(crate) fn of(entry: &Entry, recipient: usize, outcome: &Outcome) -> Self {
        let to = entry.recipients.get(recipient).map(|recipient| recipient.address.to_string());
        Self {
            id: entry.id.to_string(),
            to: to.unwrap_or_default(),
            status: outcome.status,
            enhanced: outcome.enhanced,
            reason: outcome.reason.clone(),
        }
    }

    /// The mail waits because it tells nothing new: there is no trouble.
    pub(crate) fn is_folded(&self) -> bool {
        self.status == Status::Deferred && self.reason.starts_with(FOLDED)
    }

    /// The line, with its end. Fields are divided by tabs; none can hold one.
    pub(crate) fn line(&self) -> String {
        let Self { id, to, status, enhanced, reason } = self;
        format!("{id}\t{}\t{}\t{enhanced}\t{}\n", clean(to), status.name(), clean(reason))
    }

    /// Reads a line back; `None` for any other line.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(5, '\t');
        let mut next = || fields.next();
        Some(Self {
            id: next()?.to_string(),
            to: next()?.to_string(),
            status: Status::from_name(next()?)?,
            enhanced: next()?.parse().ok()?,
            reason: next()?.to_string(),
        })
    }
}

/// The sentence for people: recipient, status, reason.
impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: <{}> {} ({})", self.id, self.to, self.status.name(), self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back() {
        let notice = Notice {
            id: "ABC".into(),
            to: "a@x.org".into(),
            status: Status::Deferred,
            enhanced: EnhancedStatus::new(4, 4, 1),
            reason: "refused\tnow\nreally".into(),
        };
        let back = Notice::parse(notice.line().trim_end()).unwrap();
        assert_eq!(back.reason, "refused now really");
        assert_eq!(Notice::parse("nonsense"), None);
    }
}

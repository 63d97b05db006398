//! What mails have shown about the way of an account since one was taken: evidence that closes the way for all comes
//! from two mails to two people. Each of them may be the only one that its process sent, so that the spool keeps what
//! was seen.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::Timestamp;
use lettre::Address;

use crate::command::accountable::accountable;
use crate::interval::later;
use crate::outcome::Outcome;
use crate::spool::{Entry, Error, NOBODY, QueueId, Remark, Spool};
use crate::system;
use crate::verdict;

/// The first word of its remark.
const WORD: &str = "evidence";
/// Trouble of so long ago says nothing of today's.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// A mail to more people shows nothing to the next process.
const MOST_PEOPLE: usize = 100;

/// What was seen since a mail was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Mails in a row that the smarthost's own trouble met; those that a connection took with it count as one.
    pub(super) in_a_row: usize,
    /// The last mail that was refused in words that may be about all our mail.
    pub(super) refused: Option<Met>,
    /// The last mail that the smarthost's own trouble met behind MAIL.
    pub(super) troubled: Option<Met>,
}

impl Evidence {
    /// What earlier processes have seen.
    pub(super) fn kept(spool: &Spool, account: &Address) -> Self {
        let remarks = spool.remarks(system::now());
        let mut own = remarks.iter().filter(|remark| remark.about == account.to_string());
        own.find_map(|remark| Self::parse(&remark.says)).unwrap_or_default()
    }

    /// Keeps it for the next process.
    ///
    /// # Errors
    /// The disk refused.
    pub(super) fn keep(&self, spool: &Spool, account: &Address) -> Result<(), Error> {
        let until = later(system::now(), KEPT_FOR).unwrap_or(Timestamp::MAX);
        let remark = Remark { about: account.to_string(), says: self.text(), until };
        spool.replace_remark(account.as_ref(), WORD, Some(remark).filter(|_| *self != Self::default()))
    }

    fn text(&self) -> String {
        let met = |met: &Option<Met>| met.as_ref().and_then(Met::text).unwrap_or_else(|| "-".to_owned());
        format!("{WORD} {} {} {}", self.in_a_row, met(&self.refused), met(&self.troubled))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let _ = words.next().filter(|word| *word == WORD)?;
        let in_a_row = words.next()?.parse().ok()?;
        Some(Self { in_a_row, refused: Met::parse(words.next()?), troubled: Met::parse(words.next()?) })
    }
}

/// A mail that met trouble which may be that of all our mail. Of words and people it is enough to know whether they are
/// the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Met {
    /// The stage, and the reply without what is of one mail.
    said: u64,
    mail: QueueId,
    /// The user who sent it.
    uid: u32,
    people: BTreeSet<u64>,
    domains: BTreeSet<u64>,
}

impl Met {
    /// That mail met that.
    pub(super) fn of(entry: &Entry, outcome: &Outcome) -> Self {
        let addresses = || entry.recipients.iter().map(|recipient| &recipient.address);
        Self {
            said: hash(&format!("{} {}", outcome.stage, verdict::masked(&outcome.reason))),
            mail: entry.id,
            uid: accountable(entry.uid),
            people: addresses().map(|address| hash(address.as_ref())).collect(),
            domains: addresses().map(|address| hash(&address.domain().to_ascii_lowercase())).collect(),
        }
    }

    /// The same was said of both.
    pub(super) fn says_the_same(&self, before: &Self) -> bool {
        self.said == before.said
    }

    /// The same was said of another mail, to others.
    pub(super) fn repeats(&self, before: &Self) -> bool {
        self.says_the_same(before) && self.is_for_others(before) && self.confirms(before)
    }

    /// The two have no recipient in common.
    pub(super) fn is_for_others(&self, before: &Self) -> bool {
        self.people.is_disjoint(&before.people)
    }

    /// The two show more than one mail shows. A user chooses text and recipients, and must not stop the mail of others
    /// with them: only the mail of another user, to another domain, or our own shows more. Mail that nobody is named
    /// for may be the same user's.
    pub(super) fn confirms(&self, before: &Self) -> bool {
        let are_ours = self.is_ours() && before.is_ours();
        let are_named = self.uid != NOBODY && before.uid != NOBODY;
        let are_others = || are_named && self.uid != before.uid && self.domains.is_disjoint(&before.domains);
        self.mail != before.mail && (are_ours || are_others())
    }

    /// It is the mail of root or of the spool's owner, who need no trick to stop all mail.
    pub(super) fn is_ours(&self) -> bool {
        self.uid == 0 || self.uid == system::effective_uid()
    }

    fn text(&self) -> Option<String> {
        let list = |hashes: &BTreeSet<u64>| hashes.iter().map(|hash| format!("{hash:x}")).collect::<Vec<_>>().join(",");
        let Self { said, mail, uid, people, domains } = self;
        let is_short = people.len() <= MOST_PEOPLE;
        is_short.then(|| format!("{said:x}/{mail}/{uid}/{}/{}", list(people), list(domains)))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('/');
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        Some(Self {
            said: number(fields.next()?)?,
            mail: QueueId::parse(fields.next()?)?,
            uid: fields.next()?.parse().ok()?,
            people: fields.next()?.split(',').map(number).collect::<Option<_>>()?,
            domains: fields.next()?.split(',').map(number).collect::<Option<_>>()?,
        })
    }
}

/// A number that stands for the text.
pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_reads_back() {
        let met = Met {
            said: hash("rcpt 550 no"),
            mail: QueueId::new(),
            uid: 33,
            people: [hash("a@x.org"), hash("b@y.org")].into(),
            domains: [hash("x.org"), hash("y.org")].into(),
        };
        let evidence = Evidence { in_a_row: 1, refused: None, troubled: Some(met) };
        assert_eq!(Evidence::parse(&evidence.text()), Some(evidence));
        assert_eq!(Evidence::parse("alarmed"), None);
    }
}

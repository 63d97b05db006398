//! Which mails a queue run is for: all, those that are due, one, or those that a person means by a part of their
//! identifier, of a recipient or of their sender, as sendmail's `-qI`, `-qR` and `-qS` have it, or all but those
//! (`-q!R`).

use std::fmt;
use std::str::FromStr;

use crate::spool::{Entry, QueueId};

/// Which mails to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All in the queue, whatever the retry clock says.
    All,
    /// What the retry clock says.
    Due,
    /// These, whatever the clock says.
    Matching(Matching),
    /// This one first, whatever the clock says, and what is due.
    One(QueueId),
}

impl Selection {
    /// What is merely due is not meant.
    pub(super) fn is_exclusive(&self) -> bool {
        matches!(self, Selection::Matching(..))
    }

    pub(super) fn is_forced(&self, entry: &Entry) -> bool {
        match self {
            Selection::All => true,
            Selection::Due => false,
            Selection::Matching(matching) => matching.fits(entry),
            Selection::One(id) => *id == entry.id,
        }
    }
}

/// Mails in which a text occurs, whatever its case, or all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matching {
    /// Where it is looked for.
    pub(crate) by: By,
    /// The text.
    pub(crate) text: String,
    /// All others are meant.
    pub(crate) is_negated: bool,
}

/// Where a text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// In the queue id.
    Id,
    /// In one of the recipients.
    Recipient,
    /// In the sender, as the caller named it.
    Sender,
}

impl By {
    /// What sendmail's letter means.
    pub(crate) fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'I' => Some(Self::Id),
            b'R' => Some(Self::Recipient),
            b'S' => Some(Self::Sender),
            _ => None,
        }
    }

    /// Sendmail's letter.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Id => 'I',
            Self::Recipient => 'R',
            Self::Sender => 'S',
        }
    }
}

impl Matching {
    /// The mail with that id.
    pub(crate) fn id(id: impl fmt::Display) -> Self {
        Self { by: By::Id, text: id.to_string(), is_negated: false }
    }

    fn fits(&self, entry: &Entry) -> bool {
        let text = self.text.to_lowercase();
        let holds = |found: &str| found.to_lowercase().contains(&text);
        let is_found = match self.by {
            By::Id => holds(entry.id.as_str()),
            By::Recipient => entry.recipients.iter().any(|r| holds(r.address.as_ref())),
            By::Sender => holds(&entry.originator),
        };
        is_found != self.is_negated
    }
}

/// As the relay's command line has it: `R=example.org`, `!R=example.org`.
impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negated { "!" } else { "" };
        write!(f, "{sign}{}={}", self.by.letter(), self.text)
    }
}

impl FromStr for Matching {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (is_negated, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let parse = || match rest.split_once('=')? {
            (letter, text) if letter.len() == 1 => Some((By::from_letter(letter.as_bytes()[0])?, text.to_string())),
            _ => None,
        };
        let (by, text) = parse().ok_or("expected I=, R= or S= and a text, or ! before it")?;
        Ok(Self { by, text, is_negated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_command_line_read_back() {
        for text in ["I=ABC", "R=a=b@x.org", "!S=", "!I=x y"] {
            assert_eq!(text.parse::<Matching>().unwrap().to_string(), text);
        }
        for text in ["", "!", "R", "Q=x", "IR=x", "=x", "!!R=x"] {
            assert!(text.parse::<Matching>().is_err(), "{text}");
        }
    }
}

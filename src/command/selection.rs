//! The mails of a queue run: all, those that are due, or one. A person may select them by a part of the queue id, of a
//! recipient or of the sender, as with sendmail's `-qI`, `-qR` and `-qS`, and all others by `-q!R`.

use std::fmt;
use std::str::FromStr;

use crate::spool::{Entry, QueueId};

/// The mails that a queue run tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All in the queue, whatever the retry clock says.
    All,
    /// The mails that are due by the retry clock.
    Due,
    /// These, whatever the clock says.
    Matching(Matching),
    /// This one first, whatever the clock says, then those that are due.
    One(QueueId),
    /// All, and those that are folded one by one.
    Unfolded,
}

impl Selection {
    /// A person means these mails, and no other because it is due.
    pub(super) fn is_exclusive(&self) -> bool {
        matches!(self, Selection::Matching(..))
    }

    /// A person means the mail itself, and not a digest that holds it.
    pub(super) fn unfolds(&self, entry: &Entry) -> bool {
        matches!(self, Selection::Unfolded) || self.is_exclusive() && self.is_forced(entry)
    }

    pub(super) fn is_forced(&self, entry: &Entry) -> bool {
        match self {
            Selection::All | Selection::Unfolded => true,
            Selection::Due => false,
            Selection::Matching(matching) => matching.fits(entry),
            Selection::One(id) => *id == entry.id,
        }
    }
}

/// Mails in which a text occurs, whatever its case, or all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matching {
    /// The part of the mail that holds the text.
    pub(crate) by: By,
    /// The text.
    pub(crate) text: String,
    /// The mails without the text are meant.
    pub(crate) is_negated: bool,
}

/// The part of a mail that a text is looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The queue id.
    Id,
    /// Any recipient.
    Recipient,
    /// The sender, as the caller named it.
    Sender,
}

impl By {
    /// The part that sendmail's letter means.
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

/// The form on the relay's command line: `R=example.org`, `!R=example.org`.
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

//! Which of the queued mails a run of the relay is about.

use crate::spool::{Entry, QueueId};

/// Which mails to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All in the queue, whatever the retry clock says.
    All,
    /// What the retry clock says.
    Due,
    /// Those in whose id (`I`), recipient (`R`) or sender (`S`) the text occurs, whatever the clock says.
    Matching(char, String),
    /// This one first, whatever the clock says, and what is due.
    One(QueueId),
}

impl Selection {
    /// What is merely due is not meant.
    pub(super) fn is_exclusive(&self) -> bool {
        matches!(self, Selection::Matching(..))
    }

    pub(super) fn is_forced(&self, entry: &Entry) -> bool {
        let holds = |text: &str, pattern: &str| text.to_lowercase().contains(&pattern.to_lowercase());
        match self {
            Selection::All => true,
            Selection::Due => false,
            Selection::Matching('R', pattern) => entry.recipients.iter().any(|r| holds(r.address.as_ref(), pattern)),
            Selection::Matching('S', pattern) => holds(&entry.originator, pattern),
            Selection::Matching(_, pattern) => holds(entry.id.as_str(), pattern),
            Selection::One(id) => *id == entry.id,
        }
    }
}

//! One entry of a listing.

use crate::outcome::{Status, clean};
use crate::spool::{Entry, Fold, Progress};

/// One mail of the listing.
pub(super) struct Listed {
    pub(super) entry: Entry,
    /// The caller may know what the entry says; else it holds the id and what that tells.
    pub(super) is_known: bool,
    pub(super) progress: Progress,
    pub(super) is_held: bool,
    pub(super) is_under_way: bool,
    pub(super) place: Place,
    /// It stands for so many folded mails of its job.
    pub(super) folded: Option<u64>,
}

/// The place where a mail waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Queue,
    /// `drop/`.
    Drop,
    /// Beside the queue, where root's mail waits until the configuration can be used.
    Waiting,
}

impl Listed {
    pub(super) fn sender(&self) -> String {
        if self.entry.originator.is_empty() {
            "MAILER-DAEMON".into()
        } else {
            clean(&self.entry.originator).replace(' ', "_")
        }
    }

    /// The recipients who still wait, or whose report does, each with the reason. The reason of one who has not been
    /// tried is the trouble that the spool remembers.
    pub(super) fn waiting(&self, trouble: Option<&str>) -> Vec<(String, Option<String>)> {
        let is_returned = |n: &usize| self.progress.returned().any(|record| record.recipient == *n);
        let waits = |n: &usize| !self.progress.is_settled(*n) || is_returned(n);
        let folded = self.why_folded();
        let last = |n: usize| self.progress.last.get(&n).map(|record| record.outcome.reason.clone());
        let reason = |n: usize| folded.clone().or_else(|| last(n));
        (0..self.entry.recipients.len())
            .filter(waits)
            .map(|n| (self.entry.recipients[n].address.to_string(), reason(n).or(trouble.map(str::to_string))))
            .collect()
    }

    pub(super) fn folded_until(&self) -> Option<jiff::Timestamp> {
        match self.progress.fold {
            Fold::Folded { due, .. } => Some(due),
            Fold::Unfolded | Fold::Single => None,
        }
    }

    pub(super) fn next_attempt(&self) -> Option<jiff::Timestamp> {
        let open = self.progress.last.values().filter(|record| record.outcome.status == Status::Deferred);
        open.filter_map(|record| record.next_attempt).min()
    }

    /// The sentence about a mail that waits for its digest, or about all of its job.
    fn why_folded(&self) -> Option<String> {
        let Fold::Folded { due, .. } = self.progress.fold else { return None };
        let due = format!("the digest at {due:.0}");
        match self.folded {
            Some(count @ 2..) => Some(format!("{count} mails folded: repeats, which leave with {due}")),
            _ => Some(format!("folded: a repeat, which leaves with {due}")),
        }
    }
}

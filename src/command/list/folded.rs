//! Folded mails in a listing: those of one job are one entry with their count, since monitors warn at the number of
//! entries, and none of them waits because of trouble.

use std::collections::{HashMap, HashSet};

use super::listed::Listed;
use crate::spool::{Fold, QueueId, Spool};

/// The mails that wait for the digest of one job; the oldest of them stands for all.
pub(super) struct Folded {
    pub(super) oldest: Listed,
    pub(super) count: u64,
    octets: u64,
}

/// The folded mails of a listing, as it comes by them.
#[derive(Default)]
pub(super) struct Gathered {
    /// By uid, job and recipients.
    jobs: HashMap<(u32, String, Vec<String>), Folded>,
}

impl Gathered {
    /// Keeps a folded mail back, until all have been seen; gives back any other.
    pub(super) fn keep_back(&mut self, mail: Listed) -> Option<Listed> {
        let Fold::Folded { due, .. } = mail.progress.fold else { return Some(mail) };
        let entry = &mail.entry;
        let mut recipients: Vec<String> =
            entry.recipients.iter().map(|one| one.address.to_string().to_lowercase()).collect();
        recipients.sort();
        let size = entry.size;
        match self.jobs.entry((entry.uid, entry.job.clone().unwrap_or_default(), recipients)) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(Folded { oldest: mail, count: 1, octets: size });
            }
            std::collections::hash_map::Entry::Occupied(mut place) => {
                let folded = place.get_mut();
                folded.count += 1;
                folded.octets = folded.octets.saturating_add(size);
                if let Fold::Folded { due: known, .. } = &mut folded.oldest.progress.fold {
                    *known = due.min(*known);
                }
            }
        }
        None
    }

    /// The entries, oldest first.
    pub(super) fn entries(self) -> Vec<Listed> {
        let mut jobs: Vec<Folded> = self.jobs.into_values().collect();
        jobs.sort_by_key(|folded| folded.oldest.entry.id);
        jobs.into_iter().map(Folded::entry).collect()
    }
}

impl Folded {
    fn entry(self) -> Listed {
        let mut entry = self.oldest;
        entry.folded = Some(self.count);
        entry.entry.size = self.octets;
        entry
    }
}

/// The mails that leave with a digest which stands in the queue: it is listed in their place.
pub(super) fn members(spool: &Spool) -> HashSet<QueueId> {
    let digests = spool.queue().map(|queue| queue.digests).unwrap_or_default();
    // The log tells of a digest that cannot be read.
    spool.members_of(&digests).unwrap_or_default()
}

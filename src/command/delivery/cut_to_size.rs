//! In the relay: a mail that the smarthost finds too large is cut, once, and tried again. The whole of it is kept
//! first.

use super::attempt::Answered;
use crate::command::submission::keep;
use crate::error::Error;
use crate::log;
use crate::outcome::Status;
use crate::rewrite::{CutNotice, Repair};
use crate::spool::{Claim, Draft, Spool};
use crate::system;
use crate::verdict;

/// The size to try with a smarthost that refuses for size and does not tell its limit.
const SURELY_TAKEN: u64 = 1 << 20;
/// A smaller mail has nothing to cut.
const LEAST: u64 = 16 << 10;

/// The mail was refused for its size, and has not been cut for that reason yet.
pub(crate) fn is_called_for(mail: &Answered) -> bool {
    let outcomes = &mail.attempt.outcomes;
    let is_first = !mail.claim.entry.repairs.iter().any(|name| name == Repair::Recut.name());
    let is_large = mail.claim.entry.size > LEAST;
    let has_nobody = outcomes.iter().all(|outcome| outcome.status != Status::Sent);
    is_first && is_large && has_nobody && outcomes.iter().any(verdict::is_too_large)
}

/// Puts a smaller mail in the place of the claimed one; `largest` is what the smarthost says it takes. The steps stand
/// in `docs/spool.md`. None if another process has got hold of it.
///
/// # Errors
/// [`Error::Spool`]; then the mail stands in the queue as it was.
pub(crate) fn cut(spool: &Spool, claim: Claim, largest: Option<u64>) -> Result<Option<Claim>, Error> {
    let entry = &claim.entry;
    let most = match largest.filter(|largest| *largest < entry.size) {
        // Some servers count what they add.
        Some(largest) => largest - largest / 64,
        None => SURELY_TAKEN.min(entry.size / 2),
    };
    let whole = spool.keep_queued(&entry.id, &mut claim.content()?)?;
    let place = whole.path().display().to_string();
    let notice = CutNotice { total: entry.size, most, host: system::host_name(), place };
    let mut draft = Draft::replace(spool, entry.id)?;
    let smaller = keep::write_cut(entry, Repair::Recut, claim.content()?, &notice, &mut draft)?;
    // Even a commit that fails may have put the cut mail in the place of the whole one.
    whole.keep();
    draft.commit()?;
    let (size, place) = (entry.size, &notice.place);
    let sentence = format!("the smarthost does not take its {size} octets: cut, the whole is kept in {place}");
    log::mail(smaller.id.as_str()).warn(&sentence);
    let id = entry.id;
    drop(claim);
    Ok(spool.claim(&id)?)
}

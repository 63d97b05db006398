//! In the relay: a mail that the smarthost finds too large is cut, once, and tried again. The whole of it is kept
//! first.

use std::time::Duration;

use jiff::Timestamp;

use super::attempt::Answered;
use crate::command::submission::keep;
use crate::error::Error;
use crate::interval::later;
use crate::log;
use crate::outcome::{Outcome, Stage, Status};
use crate::rewrite::{CutNotice, Repair};
use crate::spool::{Claim, Draft, Remark, Spool};
use crate::system;
use crate::verdict::{self, About, Known};

/// The size to try with a smarthost that refuses for size and does not tell its limit.
const SURELY_TAKEN: u64 = 1 << 20;
/// No server has a limit below this.
const SMALL: u64 = 64 << 10;
/// The remark, behind a number, on the largest mail that a smarthost has taken, and the time for which it counts: an
/// account may be closed since.
const TAKEN: &str = "octets taken";
const TAKEN_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// A smaller mail has nothing to cut.
const LEAST: u64 = 16 << 10;

/// The mail was refused for its size, and has not been cut for that reason yet.
pub(crate) fn is_called_for(mail: &Answered) -> bool {
    may_be_cut(mail) && mail.attempt.outcomes.iter().any(verdict::is_too_large)
}

/// The mail was refused for a reason that nobody knows, and is larger than any that the smarthost of that name has
/// taken of late.
pub(crate) fn may_help(spool: &Spool, smarthost: &str, mail: &Answered) -> bool {
    let is_unknown = |outcome: &Outcome| {
        let about = verdict::about(outcome, &Known::default());
        outcome.status == Status::Bounced && outcome.stage == Stage::Content && about == Some(About::Unknown)
    };
    let size = mail.claim.entry.size;
    let is_unexplained = size > SMALL && may_be_cut(mail) && mail.attempt.outcomes.iter().all(is_unknown);
    is_unexplained && largest_taken(spool, smarthost).is_some_and(|largest| size > largest)
}

fn may_be_cut(mail: &Answered) -> bool {
    let is_first = !mail.claim.entry.repairs.iter().any(|name| name == Repair::Recut.name());
    let has_nobody = mail.attempt.outcomes.iter().all(|outcome| outcome.status != Status::Sent);
    // A digest is taken apart instead.
    is_first && has_nobody && mail.claim.entry.members.is_empty() && mail.claim.entry.size > LEAST
}

/// Notes that the smarthost has taken a mail of that size. Powers of two keep the notes few.
///
/// # Errors
/// The disk refused.
pub(crate) fn note_taken(spool: &Spool, smarthost: &str, size: u64) -> Result<(), Error> {
    let size = size.next_power_of_two();
    if largest_taken(spool, smarthost).is_some_and(|largest| largest >= size) {
        return Ok(());
    }
    let until = later(system::now(), TAKEN_FOR).unwrap_or(Timestamp::MAX);
    let about = format!("{smarthost} {TAKEN}");
    Ok(spool.replace_remark(
        &about,
        "",
        Some(Remark { about: about.clone(), says: format!("{size} {TAKEN}"), until }),
    )?)
}

fn largest_taken(spool: &Spool, smarthost: &str) -> Option<u64> {
    let number = spool.remarked_number(&format!("{smarthost} {TAKEN}"), TAKEN, system::now())?;
    u64::try_from(number).ok()
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

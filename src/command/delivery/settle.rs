//! Writes down what an attempt came to, reports what failed, and puts the mail where it now belongs. The order is what
//! keeps mails from being lost or doubled (`docs/spool.md`): delivered recipients first, then the report about refused
//! ones, then that they are refused.

use super::attempt::Attempt;
use super::nondelivery;
use crate::bounce;
use crate::config::Config;
use crate::error::Error;
use crate::interval::later;
use crate::outcome::{EnhancedStatus, Outcome, Scope, Stage, Status};
use crate::spool::{Claim, Entry, Record};

/// An attempt's outcomes as the journal keeps them: with the next attempt, and past the age at which mail is given up,
/// as refused.
pub(crate) fn records(config: &Config, claim: &Claim, attempt: &Attempt) -> Vec<Record> {
    let at = attempt.course.ended;
    let delay = config.retry.delay(claim.progress.attempts + 1, fastrand::f64());
    let next = later(at, delay);
    let record = |(recipient, outcome): (&usize, &Outcome)| match outcome.status {
        Status::Deferred if is_expired(config, &claim.entry, at) => {
            Record { at, recipient: *recipient, outcome: expired(outcome), next_attempt: None }
        }
        status => Record {
            at,
            recipient: *recipient,
            outcome: outcome.clone(),
            next_attempt: next.filter(|_| status == Status::Deferred),
        },
    };
    attempt.recipients.iter().zip(&attempt.outcomes).map(record).collect()
}

/// The mail is older than anybody should wait for it.
pub(crate) fn is_expired(config: &Config, entry: &Entry, now: jiff::Timestamp) -> bool {
    later(entry.arrived, config.retry.give_up_after).is_some_and(|end| end < now)
}

/// A deferral that came to its end.
pub(crate) fn expired(last: &Outcome) -> Outcome {
    Outcome {
        status: Status::Bounced,
        // RFC 3463 section 3.5: delivery time expired.
        enhanced: EnhancedStatus::new(5, 4, 7),
        reason: format!("given up after too long a time; the last attempt said: {}", last.reason),
        ..last.clone()
    }
}

/// The outcome of a recipient without an attempt.
pub(crate) fn untried(reason: &str) -> Outcome {
    Outcome {
        status: Status::Deferred,
        stage: Stage::Setup,
        scope: Scope::Host,
        enhanced: EnhancedStatus::new(4, 4, 1),
        reason: reason.to_string(),
    }
}

/// Settles mails that were answered together, as [`settle`] does, each with its records. Those that everybody has leave
/// the queue first, with one sync for all. Returns what came of each, in their order.
pub(crate) fn settle_all(config: &Config, claims: Vec<Claim>, records: &[Vec<Record>]) -> Vec<Result<(), Error>> {
    let mut results = Vec::new();
    let (mut places, mut delivered, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (claim, records)) in claims.into_iter().zip(records).enumerate() {
        results.push(Ok(()));
        if is_delivered(&claim, records) {
            places.push(place);
            delivered.push(claim);
        } else {
            others.push((place, claim, records));
        }
    }
    for (place, removed) in places.into_iter().zip(Claim::remove_all(delivered)) {
        results[place] = removed.map_err(Error::from);
    }
    for (place, claim, records) in others {
        results[place] = settle(config, claim, records);
    }
    results
}

fn is_delivered(claim: &Claim, records: &[Record]) -> bool {
    statuses(claim, records).iter().all(|status| *status == Some(Status::Sent))
}

/// The standing of each recipient with these records.
fn statuses(claim: &Claim, records: &[Record]) -> Vec<Option<Status>> {
    let mut statuses = vec![None; claim.entry.recipients.len()];
    for record in claim.progress.last.values().chain(records) {
        if let Some(status) = statuses.get_mut(record.recipient) {
            *status = Some(record.outcome.status);
        }
    }
    statuses
}

/// Puts the records on disk and the mail where it belongs: gone when everybody has it, in the queue while somebody
/// waits. Refused recipients are reported unless the sender wants to hear nothing of them; a mail whose report does not
/// carry it whole, or that is not reported for everybody refused, stays in `failed/`.
///
/// # Errors
/// The disk refused; then the mail still stands in the queue.
pub(crate) fn settle(config: &Config, mut claim: Claim, records: &[Record]) -> Result<(), Error> {
    if is_delivered(&claim, records) {
        return Ok(claim.remove()?);
    }
    let statuses = statuses(&claim, records);
    let is_over = statuses.iter().all(|status| matches!(status, Some(Status::Sent | Status::Bounced)));
    record(config, &mut claim, records)?;
    let mut refused_ever = claim.entry.recipients.iter().zip(&statuses).filter(|(_, s)| **s == Some(Status::Bounced));
    let is_reported = claim.entry.reverse_path.is_some() && refused_ever.all(|(r, _)| r.dsn.wants_failure());
    if is_over && is_reported && bounce::is_whole(claim.entry.size, &claim.entry.dsn) {
        claim.remove_reported()?;
    } else if is_over {
        claim.fail()?;
    }
    Ok(())
}

/// Puts the records on disk, and reports refused recipients; the mail stays where it is.
///
/// # Errors
/// The disk refused.
pub(crate) fn record(config: &Config, claim: &mut Claim, records: &[Record]) -> Result<(), Error> {
    let (refused, others): (Vec<Record>, Vec<Record>) =
        records.iter().cloned().partition(|record| record.outcome.status == Status::Bounced);
    if !others.is_empty() {
        claim.record(&others)?;
    }
    if !refused.is_empty() {
        nondelivery::report(config, claim, &refused)?;
        claim.record(&refused)?;
    }
    Ok(())
}

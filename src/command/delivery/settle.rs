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
use crate::verdict::{self, About, Known};

/// An attempt's outcomes as the journal keeps them: with the next attempt, and past the age at which mail is given up,
/// as refused.
pub(crate) fn records(config: &Config, claim: &Claim, attempt: &Attempt) -> Vec<Record> {
    let at = attempt.course.ended;
    let tried = [claim.progress.tried.as_slice(), &[at]].concat();
    let is_expired = config.retry.is_tried_out(claim.entry.arrived, &tried, at);
    let delay = config.retry.delay(claim.progress.attempts + 1, fastrand::f64());
    // A process without a network is no reason to let others wait.
    let is_ours = |outcome: &Outcome| outcome.stage == Stage::Setup && outcome.scope == Scope::Host;
    let next = |outcome: &Outcome| if is_ours(outcome) { Some(at) } else { later(at, delay) };
    let record = |(recipient, outcome): (&usize, &Outcome)| match outcome.status {
        Status::Deferred if is_expired => {
            Record { at, recipient: *recipient, outcome: expired(outcome), next_attempt: None, report: None }
        }
        status => Record {
            at,
            recipient: *recipient,
            outcome: outcome.clone(),
            next_attempt: next(outcome).filter(|_| status == Status::Deferred),
            report: None,
        },
    };
    attempt.recipients.iter().zip(&attempt.outcomes).map(record).collect()
}

/// The mail is older than anybody should wait for it, and was tried all the time.
pub(crate) fn is_expired(config: &Config, claim: &Claim, now: jiff::Timestamp) -> bool {
    config.retry.is_tried_out(claim.entry.arrived, &claim.progress.tried, now)
}

/// A deferral that came to its end.
pub(crate) fn expired(last: &Outcome) -> Outcome {
    Outcome {
        status: Status::Bounced,
        enhanced: nondelivery::EXPIRED,
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
pub(crate) fn settle_all(config: &Config, claims: Vec<Claim>, records: &[Vec<Record>]) -> Vec<Result<bool, Error>> {
    let mut results = Vec::new();
    let (mut places, mut delivered, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (claim, records)) in claims.into_iter().zip(records).enumerate() {
        results.push(Ok(true));
        if is_delivered(&claim, records) && claim.entry.members.is_empty() {
            places.push(place);
            delivered.push(claim);
        } else {
            others.push((place, claim, records));
        }
    }
    for (place, removed) in places.into_iter().zip(Claim::remove_all(delivered)) {
        results[place] = removed.map(|()| true).map_err(Error::from);
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
pub(crate) fn statuses(claim: &Claim, records: &[Record]) -> Vec<Option<Status>> {
    let mut statuses = vec![None; claim.entry.recipients.len()];
    for record in claim.progress.last.values().chain(records) {
        if let Some(status) = statuses.get_mut(record.recipient) {
            *status = Some(record.outcome.status);
        }
    }
    statuses
}

/// Puts the records on disk and the mail where it belongs. It is removed when everybody has it. It stays in the queue
/// while somebody waits, or while a report has yet to be taken. Refused recipients are reported unless the sender wants
/// to hear nothing of them. A mail goes to `failed/` if its report does not carry it whole, or does not name everybody
/// who was refused. Returns whether the mail has left the queue.
///
/// # Errors
/// The disk refused; then the mail still stands in the queue.
pub(crate) fn settle(config: &Config, mut claim: Claim, records: &[Record]) -> Result<bool, Error> {
    if is_delivered(&claim, records) {
        if !claim.entry.members.is_empty() {
            // Its removal comes after that of its members, so that it cannot be the record.
            claim.record(records)?;
        }
        return Ok(claim.remove().map(|()| true)?);
    }
    let statuses = statuses(&claim, records);
    let is_over = statuses.iter().all(|status| matches!(status, Some(Status::Sent | Status::Bounced)));
    record(config, &mut claim, records)?;
    conclude_reported(&mut claim)?;
    if !is_over || claim.progress.returned().next().is_some() {
        return Ok(false);
    }
    if is_returned_whole(&claim) {
        claim.remove_reported()?
    } else {
        claim.fail()?
    }
    Ok(true)
}

/// Whoever sent the mail has all of it back, for everybody who was refused.
fn is_returned_whole(claim: &Claim) -> bool {
    let entry = &claim.entry;
    let mut refused = claim.progress.last.values().filter(|record| record.outcome.status == Status::Bounced);
    let is_told = |record: &Record| {
        entry.recipients[record.recipient].dsn.wants_failure() && !nondelivery::is_text_refused(record)
    };
    entry.reverse_path.is_some() && bounce::is_whole(entry.size, &entry.dsn) && refused.all(is_told)
}

/// A report that stands in the queue no more has been taken: its removal is the record of that. Then the refusal is
/// final.
fn conclude_reported(claim: &mut Claim) -> Result<(), Error> {
    let is_taken = |record: &&Record| record.report.is_some_and(|report| !claim.spool().stands(&report));
    let taken: Vec<Record> = claim.progress.returned().filter(is_taken).cloned().collect();
    if !taken.is_empty() {
        let taken: Vec<Record> = taken.into_iter().map(|record| Record { report: None, ..record }).collect();
        claim.record(&taken)?;
    }
    Ok(())
}

/// The outcome as it is told: as long as nobody knows what a refusal is about, the mail waits for what becomes of its
/// report.
pub(crate) fn told(entry: &Entry, record: &Record) -> Outcome {
    let outcome = record.outcome.clone();
    let is_unknown = verdict::about(&outcome, &Known::default()) == Some(About::Unknown);
    let is_reported = entry.reverse_path.is_some() && entry.recipients[record.recipient].dsn.wants_failure();
    if outcome.status != Status::Bounced || !is_unknown || !is_reported {
        return outcome;
    }
    let enhanced = EnhancedStatus { class: 4, ..outcome.enhanced };
    Outcome { status: Status::Deferred, enhanced, ..outcome }
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
        let report = nondelivery::report(config, claim, &refused)?;
        let entry = &claim.entry;
        let is_told = |record: &Record| entry.recipients[record.recipient].dsn.wants_failure();
        let returned = |record: Record| Record { report: report.filter(|_| is_told(&record)), ..record };
        let refused: Vec<Record> = refused.into_iter().map(returned).collect();
        claim.record(&refused)?;
    }
    Ok(())
}

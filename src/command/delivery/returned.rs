//! The fate of a refused mail once its report is answered. The report is the probe: it is a small mail of ours, to
//! somebody else, without the refused text. If it is taken, the refusal was about the mail. If it is refused in the
//! same words, the refusal is about all our mail, and the mail waits as if it had been put off.

use jiff::Timestamp;
use lettre::Address;

use super::attempt::Attempt;
use super::{nondelivery, settle};
use crate::alarm;
use crate::config::Config;
use crate::error::Error;
use crate::interval::later;
use crate::log;
use crate::outcome::{Outcome, Stage, Status};
use crate::spool::{Claim, Entry, QueueId, Record, Spool};
use crate::verdict::{self, About, Known};

/// A mail whose report was taken.
pub(crate) struct Concluded {
    /// Its entry.
    pub(crate) entry: Entry,
    /// The refusals that nobody has been told of.
    pub(crate) untold: Vec<Record>,
    /// It does not stand in the queue any more.
    pub(crate) has_left: bool,
}

/// The report was taken: the mail it is about has its end.
///
/// # Errors
/// The disk refused; then the next run does it.
pub(crate) fn conclude(config: &Config, spool: &Spool, report: &Entry) -> Result<Option<Concluded>, Error> {
    let Some(original) = report.about.map(|id| spool.claim(&id)).transpose()?.flatten() else { return Ok(None) };
    let entry = original.entry.clone();
    let is_new = |record: &&Record| settle::told(&entry, record).status == Status::Deferred;
    let untold: Vec<Record> = refused_with(&original, report).filter(is_new).cloned().collect();
    let has_left = settle::settle(config, original, &[])?;
    Ok(Some(Concluded { entry, untold, has_left }))
}

/// The report was refused for good. Returns the mail it is about with the outcome that it waits with, if that shows
/// that the refusal is about all our mail.
///
/// # Errors
/// The disk refused; then the report is tried once more.
pub(crate) fn judge(config: &Config, report: Claim, attempt: &Attempt) -> Result<Option<(Entry, Outcome)>, Error> {
    let spool = report.spool().clone();
    let Some(mut original) = report.entry.about.map(|id| spool.claim(&id)).transpose()?.flatten() else {
        // The mail is in failed/ already, or a person has taken it away: the report is all that is left of it here.
        if let Some(about) = report.entry.about {
            tell_by_other_ways(config, about, attempt);
        }
        let records = settle::records(config, &report, attempt);
        let id = report.entry.id;
        report.fail_with(&records)?;
        log::mail(id.as_str()).removed();
        return Ok(None);
    };
    if refused_with(&original, &report.entry).next().is_none() {
        // The machine stopped after the mail was put back, or after another report was written.
        remove(report)?;
        return Ok(None);
    }
    let refused: Vec<Record> = refused_with(&original, &report.entry).cloned().collect();
    let end = if is_of_all(&original.entry, &refused, &report.entry, attempt) {
        Some(put_back(config, &mut original, &refused, attempt.course.ended)?)
    } else if let Some(to) = others_to_tell(config, &report.entry) {
        let id = nondelivery::report_to(to, config, &original, &refused)?;
        original.record(&with_report(refused, id))?;
        None
    } else {
        let entry = original.entry.clone();
        // In the queue, a refusal without a report would say that the report was taken, and the mail be removed.
        original.fail_with(&with_report(refused, None))?;
        if attempt.outcomes.iter().all(|outcome| outcome.stage == Stage::Content) {
            // It may be what the report quotes.
            let to: Vec<Address> = report.entry.recipients.iter().map(|one| one.address.clone()).collect();
            nondelivery::report_briefly(config, &spool, &entry, &to)?;
        } else {
            tell_by_other_ways(config, entry.id, attempt);
        }
        log::mail(entry.id.as_str()).removed();
        remove(report)?;
        return Ok(None);
    };
    remove(report)?;
    Ok(end.map(|outcome| (original.entry.clone(), outcome)))
}

/// Takes a report out of the queue that has done its work.
fn remove(report: Claim) -> Result<(), Error> {
    let id = report.entry.id;
    report.remove()?;
    log::mail(id.as_str()).removed();
    Ok(())
}

/// The refusals that the report tells of.
fn refused_with<'a>(original: &'a Claim, report: &Entry) -> impl Iterator<Item = &'a Record> {
    let id = report.id;
    original.progress.returned().filter(move |record| record.report == Some(id))
}

fn with_report(refused: Vec<Record>, report: Option<QueueId>) -> Vec<Record> {
    refused.into_iter().map(|record| Record { report, ..record }).collect()
}

/// The server says the same of both. At RCPT that shows something only if they go to different people.
fn is_of_all(original: &Entry, refused: &[Record], report: &Entry, attempt: &Attempt) -> bool {
    let Some(said) = attempt.outcomes.first() else { return false };
    let people: Vec<&Address> = refused.iter().map(|record| &original.recipients[record.recipient].address).collect();
    let is_other = report.recipients.iter().all(|one| !people.contains(&&one.address));
    refused.iter().any(|record| {
        let about = verdict::about(&record.outcome, &Known::default());
        matches!(about, Some(About::Unknown | About::Mail))
            && record.outcome.stage == said.stage
            && verdict::masked(&record.outcome.reason) == verdict::masked(&said.reason)
            && (said.stage != Stage::Rcpt || is_other)
    })
}

/// The mail waits again.
fn put_back(config: &Config, original: &mut Claim, refused: &[Record], now: Timestamp) -> Result<Outcome, Error> {
    let next_attempt = later(now, config.retry.delay(original.progress.attempts + 1, fastrand::f64()));
    let known = Known { is_report_refused: true, ..Known::default() };
    let waiting = |record: &Record| {
        let outcome = verdict::with(&record.outcome, &known);
        Record { at: now, outcome, next_attempt, report: None, ..record.clone() }
    };
    let waiting: Vec<Record> = refused.iter().map(waiting).collect();
    original.record(&waiting)?;
    let outcome = waiting[0].outcome.clone();
    let sentence = format!("the report is refused in the same words, so that the mail waits ({})", outcome.reason);
    log::mail(original.entry.id.as_str()).warn(&sentence);
    Ok(outcome)
}

/// The people who may be told if the originator cannot.
fn others_to_tell(config: &Config, report: &Entry) -> Option<Vec<Address>> {
    let told: Vec<&Address> = report.recipients.iter().map(|recipient| &recipient.address).collect();
    let others = nondelivery::administrators(config);
    Some(others).filter(|others| others.iter().all(|one| !told.contains(&one)))
}

/// No mail tells of it: the alarm does, and `ctl check`.
fn tell_by_other_ways(config: &Config, id: QueueId, attempt: &Attempt) {
    let reason = attempt.outcomes.first().map_or("", |outcome| outcome.reason.as_str());
    let sentence =
        format!("mail {id} was refused, and a report could not be delivered ({reason}): it is kept in failed/");
    log::mail(id.as_str()).error(&sentence);
    if let Err(error) = alarm::raise(&config.alarm, &sentence) {
        log::error(&format!("the alarm command could not be started: {error}"));
    }
}

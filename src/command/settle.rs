//! Writes down what an attempt came to, reports what failed, and puts the mail where it now belongs.
//! The order is what keeps mails from being lost or doubled (`docs/spool.md`): delivered recipients
//! first, then the report about refused ones, then that they are refused.

use std::time::Duration;

use lettre::Address;

use super::attempt::Attempted;
use super::submit;
use crate::bounce::{self, Failed};
use crate::config::Config;
use crate::envelope::Resolver;
use crate::error::Error;
use crate::log;
use crate::outcome::{EnhancedStatus, Outcome, Scope, Stage, Status};
use crate::spool::{Claim, Draft, Entry, EntryRecipient, QueueId, Record, Spool};
use crate::system;

/// An attempt's outcomes as the journal keeps them: with the next attempt, and past the age at which mail
/// is given up, as refused.
pub(super) fn records(config: &Config, claim: &Claim, attempted: &Attempted) -> Vec<Record> {
    let at = attempted.ended;
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
    attempted.recipients.iter().zip(&attempted.outcomes).map(record).collect()
}

/// `at` and a while.
pub(super) fn later(at: jiff::Timestamp, delay: Duration) -> Option<jiff::Timestamp> {
    jiff::SignedDuration::try_from(delay).ok().and_then(|delay| at.checked_add(delay).ok())
}

/// The mail is older than anybody should wait for it.
pub(super) fn is_expired(config: &Config, entry: &Entry, now: jiff::Timestamp) -> bool {
    later(entry.arrived, config.retry.give_up_after).is_some_and(|end| end < now)
}

/// A deferral that came to its end.
pub(super) fn expired(last: &Outcome) -> Outcome {
    Outcome {
        status: Status::Bounced,
        // RFC 3463 section 3.5: delivery time expired.
        enhanced: EnhancedStatus::new(5, 4, 7),
        reason: format!("given up after too long a time; the last attempt said: {}", last.reason),
        ..last.clone()
    }
}

/// What stands for an outcome where there has been no attempt.
pub(super) fn untried(reason: &str) -> Outcome {
    Outcome {
        status: Status::Deferred,
        stage: Stage::Setup,
        scope: Scope::Host,
        enhanced: EnhancedStatus::new(4, 4, 1),
        reason: reason.to_string(),
    }
}

/// Puts the records on disk and the mail where it belongs: gone when everybody has it, in the queue while
/// somebody waits. Refused recipients are reported; a mail whose report does not carry it whole, or that
/// cannot be reported, stays in `failed/`.
///
/// # Errors
/// The disk refused; then the mail still stands in the queue.
pub(super) fn settle(config: &Config, mut claim: Claim, records: &[Record]) -> Result<(), Error> {
    let status = |n: usize| {
        let new = records.iter().find(|record| record.recipient == n);
        new.or_else(|| claim.progress.last.get(&n)).map(|record| record.outcome.status)
    };
    let statuses: Vec<Option<Status>> = (0..claim.entry.recipients.len()).map(status).collect();
    if statuses.iter().all(|status| *status == Some(Status::Sent)) {
        return Ok(claim.remove()?);
    }
    let (refused, others): (Vec<Record>, Vec<Record>) =
        records.iter().cloned().partition(|record| record.outcome.status == Status::Bounced);
    let is_over = statuses.iter().all(|status| matches!(status, Some(Status::Sent | Status::Bounced)));
    if !others.is_empty() {
        claim.record(&others)?;
    }
    if !refused.is_empty() {
        report(config, &claim, &refused)?;
    }
    // Nobody is told of a report that is refused, whichever run it was that heard the refusal.
    let is_kept = claim.entry.reverse_path.is_none() || claim.entry.size > bounce::WHOLE_LIMIT;
    if is_over && !is_kept {
        return Ok(claim.remove()?);
    }
    if !refused.is_empty() {
        claim.record(&refused)?;
    }
    if is_over {
        claim.fail()?;
    }
    Ok(())
}

/// Brings a report about the refused recipients to the queue, unless there is nobody to tell: no report is
/// written about a report (RFC 5321 section 4.5.5).
fn report(config: &Config, claim: &Claim, refused: &[Record]) -> Result<(), Error> {
    let entry = &claim.entry;
    if entry.reverse_path.is_none() {
        log::error(&format!("{}: a report could not be delivered; it is kept in failed/", entry.id));
        return Ok(());
    }
    let to = addressees(config, entry);
    let id = QueueId::new();
    let host = system::host_name();
    let failed: Vec<Failed<'_>> = refused.iter().map(|record| failed(entry, record)).collect();
    let report = bounce::Report {
        id: entry.id.as_str(),
        arrived: &system::date_of(entry.arrived),
        date: &system::date(),
        host: &host,
        account: &config.account,
        to: &to,
        unique: id.as_str(),
        message_id: &entry.message_id,
        eight_bit: entry.eight_bit,
        size: entry.size,
        failed: &failed,
    };
    enqueue(claim, &own_entry(entry, id, &report), &report)?;
    log::info(&format!("{}: sender non-delivery notification: {id}", entry.id));
    Ok(())
}

/// A real originator, else whoever gets mail for that user of this machine.
fn addressees(config: &Config, entry: &Entry) -> Vec<Address> {
    let (aliases, _) = submit::aliases(config);
    let hosts = system::local_names(&system::host_name());
    let default = config.recipients.default.as_ref().map(|names| names.list());
    let domain = config.rewrite.domain.as_deref();
    let mut resolver = Resolver::new(&aliases, &hosts, domain, default.as_deref(), &config.account);
    let found: Vec<Address> = resolver.one(&entry.originator).into_iter().map(|r| r.address).collect();
    if found.is_empty() { vec![config.account.clone()] } else { found }
}

fn failed<'a>(entry: &'a Entry, record: &'a Record) -> Failed<'a> {
    let recipient = &entry.recipients[record.recipient];
    Failed { address: &recipient.address, original: recipient.original.as_deref(), outcome: &record.outcome }
}

fn own_entry(about: &Entry, id: QueueId, report: &bounce::Report<'_>) -> Entry {
    Entry {
        id,
        arrived: system::now(),
        uid: about.uid,
        reverse_path: None,
        originator: String::new(),
        recipients: report
            .to
            .iter()
            .map(|address| EntryRecipient { address: address.clone(), original: None })
            .collect(),
        message_id: report.own_message_id(),
        eight_bit: true,
        repairs: Vec::new(),
        size: 0,
    }
}

fn enqueue(claim: &Claim, entry: &Entry, report: &bounce::Report<'_>) -> Result<(), Error> {
    let spool: &Spool = claim.spool();
    let mut draft = Draft::create(spool, entry.id)?;
    draft.envelope(entry)?;
    report.write(&mut claim.content()?, &mut draft).map_err(|source| draft.failed(source))?;
    draft.commit()?;
    Ok(())
}

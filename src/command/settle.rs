//! Writes down what an attempt came to, reports what failed, and puts the mail where it now belongs.
//! The order is what keeps mails from being lost or doubled (`docs/spool.md`): delivered recipients
//! first, then the report about refused ones, then that they are refused.

use lettre::Address;

use super::attempted::Attempted;
use super::submit;
use crate::bounce::{self, Failed};
use crate::config::Config;
use crate::dsn;
use crate::envelope::Resolver;
use crate::error::Error;
use crate::interval::later;
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

/// Settles mails that were answered together, as [`settle`]; those that everybody has leave the queue first, with one
/// sync for all. What came of each, in their order.
pub(super) fn settle_all(config: &Config, mails: Vec<(Claim, &[Record])>) -> Vec<Result<(), Error>> {
    let mut results: Vec<Result<(), Error>> = mails.iter().map(|_| Ok(())).collect();
    let numbered = mails.into_iter().enumerate();
    let (delivered, others): (Vec<_>, Vec<_>) =
        numbered.partition(|(_, (claim, records))| is_delivered(claim, records));
    let (places, claims): (Vec<usize>, Vec<Claim>) = delivered.into_iter().map(|(n, (claim, _))| (n, claim)).unzip();
    for (n, removed) in places.into_iter().zip(Claim::remove_all(claims)) {
        results[n] = removed.map_err(Error::from);
    }
    for (n, (claim, records)) in others {
        results[n] = settle(config, claim, records);
    }
    results
}

fn is_delivered(claim: &Claim, records: &[Record]) -> bool {
    statuses(claim, records).iter().all(|status| *status == Some(Status::Sent))
}

/// Where each recipient stands with these records.
fn statuses(claim: &Claim, records: &[Record]) -> Vec<Option<Status>> {
    let mut statuses = vec![None; claim.entry.recipients.len()];
    for record in claim.progress.last.values().chain(records) {
        if let Some(status) = statuses.get_mut(record.recipient) {
            *status = Some(record.outcome.status);
        }
    }
    statuses
}

/// Puts the records on disk and the mail where it belongs: gone when everybody has it, in the queue while
/// somebody waits. Refused recipients are reported unless the sender wants to hear nothing of them; a mail whose
/// report does not carry it whole, or that is not reported for everybody refused, stays in `failed/`.
///
/// # Errors
/// The disk refused; then the mail still stands in the queue.
pub(super) fn settle(config: &Config, mut claim: Claim, records: &[Record]) -> Result<(), Error> {
    if is_delivered(&claim, records) {
        return Ok(claim.remove()?);
    }
    let statuses = statuses(&claim, records);
    let is_over = statuses.iter().all(|status| matches!(status, Some(Status::Sent | Status::Bounced)));
    note(config, &mut claim, records)?;
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
pub(super) fn note(config: &Config, claim: &mut Claim, records: &[Record]) -> Result<(), Error> {
    let (refused, others): (Vec<Record>, Vec<Record>) =
        records.iter().cloned().partition(|record| record.outcome.status == Status::Bounced);
    if !others.is_empty() {
        claim.record(&others)?;
    }
    if !refused.is_empty() {
        report(config, claim, &refused)?;
        claim.record(&refused)?;
    }
    Ok(())
}

/// Brings a report about the refused recipients to the queue, as far as the sender wants to hear of them. None is
/// written about a report (RFC 5321 section 4.5.5).
fn report(config: &Config, claim: &Claim, refused: &[Record]) -> Result<(), Error> {
    let entry = &claim.entry;
    if entry.reverse_path.is_none() {
        log::error(&format!("{}: a report could not be delivered; it is kept in failed/", entry.id));
        return Ok(());
    }
    let wanted = |record: &&Record| entry.recipients[record.recipient].dsn.wants_failure();
    let failed: Vec<Failed<'_>> = refused.iter().filter(wanted).map(|record| failed(entry, record)).collect();
    if failed.is_empty() {
        log::info(&format!("{}: the sender asked for no report of failure (NOTIFY)", entry.id));
        return Ok(());
    }
    let to = addressees(config, entry);
    let id = QueueId::new();
    let host = system::host_name();
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
        dsn: &entry.dsn,
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
    Failed {
        address: &recipient.address,
        original: recipient.original.as_deref(),
        orcpt: recipient.dsn.orcpt.as_ref(),
        outcome: &record.outcome,
    }
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
            .map(|address| EntryRecipient {
                address: address.clone(),
                original: None,
                dsn: dsn::OfRecipient::default(),
            })
            .collect(),
        message_id: report.own_message_id(),
        eight_bit: true,
        repairs: Vec::new(),
        dsn: dsn::OfMail::default(),
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

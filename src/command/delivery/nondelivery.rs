//! Reports what failed: a mail to the sender about the recipients who were refused, brought to the queue like any
//! other.

use lettre::Address;

use crate::bounce::{self, Failed};
use crate::command::submission::local_names::LocalNames;
use crate::command::submission::prepare;
use crate::config::Config;
use crate::dsn;
use crate::error::Error;
use crate::log;
use crate::outcome::{EnhancedStatus, Stage, Status};
use crate::spool::{Claim, Draft, Entry, EntryRecipient, QueueId, Record, Spool};
use crate::system;
use crate::verdict;

/// RFC 3463 section 3.5: delivery time expired.
pub(crate) const EXPIRED: EnhancedStatus = EnhancedStatus::new(5, 4, 7);

/// Brings a report about the refused recipients to the queue, as far as the sender wants to hear of them; returns its
/// id. None is written about a report (RFC 5321 section 4.5.5).
///
/// # Errors
/// The disk refused.
pub(crate) fn report(config: &Config, claim: &Claim, refused: &[Record]) -> Result<Option<QueueId>, Error> {
    report_to(addressees(config, &claim.entry), config, claim, refused)
}

/// The same to these.
///
/// # Errors
/// The disk refused.
pub(crate) fn report_to(
    to: Vec<Address>,
    config: &Config,
    claim: &Claim,
    refused: &[Record],
) -> Result<Option<QueueId>, Error> {
    let entry = &claim.entry;
    if entry.reverse_path.is_none() {
        log::mail(entry.id.as_str()).error("a report could not be delivered to everybody; it is kept in failed/");
        return Ok(None);
    }
    let wanted = |record: &&Record| entry.recipients[record.recipient].dsn.wants_failure();
    let failed: Vec<Failed<'_>> = refused.iter().filter(wanted).map(|record| failed(entry, record)).collect();
    if failed.is_empty() {
        log::mail(entry.id.as_str()).info("the sender asked for no report of failure (NOTIFY)");
        return Ok(None);
    }
    let is_text_refused = refused.iter().any(is_text_refused);
    let write = |report: &bounce::Report<'_>, draft: &mut Draft| {
        let report = bounce::Report { is_text_refused, failed: &failed, ..report.clone() };
        report.write(&mut claim.content()?, draft).map_err(|source| draft.failed(source).into())
    };
    enqueue(config, claim.spool(), entry, &to, &write).map(Some)
}

/// Brings a report to the queue that holds nothing of the mail, for servers that refuse any other.
///
/// # Errors
/// The disk refused.
pub(crate) fn report_briefly(config: &Config, spool: &Spool, entry: &Entry, to: &[Address]) -> Result<QueueId, Error> {
    let write = |report: &bounce::Report<'_>, draft: &mut Draft| {
        report.write_brief(draft).map_err(|source| draft.failed(source).into())
    };
    enqueue(config, spool, entry, to, &write)
}

/// The server has seen the text and does not take it, for another reason than its size.
pub(crate) fn is_text_refused(record: &Record) -> bool {
    let outcome = &record.outcome;
    outcome.status == Status::Bounced
        && outcome.stage == Stage::Content
        && outcome.enhanced != EXPIRED
        && !verdict::is_too_large(outcome)
}

/// Those who get mail for nobody in particular.
pub(crate) fn administrators(config: &Config) -> Vec<Address> {
    let names = LocalNames::here(config);
    let found = names.resolver(&config.account).one("root").into_iter().map(|recipient| recipient.address);
    let found: Vec<Address> = found.collect();
    if found.is_empty() { vec![config.account.clone()] } else { found }
}

/// A real originator, else whoever gets mail for that user of this machine.
fn addressees(config: &Config, entry: &Entry) -> Vec<Address> {
    let names = LocalNames::here(config);
    let found = names.resolver(&config.account).one(&entry.originator);
    let found: Vec<Address> = found.into_iter().map(|recipient| recipient.address).collect();
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
        about: Some(about.id),
        job: None,
        members: Vec::new(),
        size: 0,
    }
}

fn enqueue(
    config: &Config,
    spool: &Spool,
    entry: &Entry,
    to: &[Address],
    write: &dyn Fn(&bounce::Report<'_>, &mut Draft) -> Result<(), Error>,
) -> Result<QueueId, Error> {
    let id = entry.id.anew();
    let host = system::host_name();
    let report = bounce::Report {
        id: entry.id.as_str(),
        arrived: &system::date_of(entry.arrived),
        date: &system::date(),
        host: &host,
        account: &config.account,
        to,
        unique: &id.unique(),
        message_id: &entry.message_id,
        eight_bit: entry.eight_bit,
        size: entry.size,
        dsn: &entry.dsn,
        is_text_refused: false,
        failed: &[],
    };
    let mut draft = Draft::create(spool, id)?;
    let mut own = own_entry(entry, id, &report);
    draft.envelope(&own)?;
    write(&report, &mut draft)?;
    own.size = draft.commit()?;
    log::mail(entry.id.as_str()).notified(&format!("sender non-delivery notification: {id}"));
    prepare::log_accepted(&own);
    Ok(id)
}

//! Prepares a mail: recovers its envelope and rewrites its header section. It writes nothing.

use super::local_names::LocalNames;
use super::request::Request;
use crate::config::Config;
use crate::envelope::{self, Recipient, Sender, Step};
use crate::error::Error;
use crate::message::{self, Message, job};
use crate::rewrite::{self, Facts, Rewritten};
use crate::spool::{Entry, EntryRecipient, QueueId};
use crate::system::Caller;
use crate::{log, system};

/// The facts that differ from one call to the next and from one machine to the other.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The user who calls.
    pub caller: Caller,
    /// This machine's name.
    pub host: String,
    /// All its names: an address at one of them is that of a user here.
    pub hosts: Vec<String>,
    /// The queue id of the mail.
    pub id: QueueId,
    /// A name that no other message has, on any machine.
    pub unique: String,
    /// The time at which the mail was handed in.
    pub arrived: jiff::Timestamp,
    /// The same time as the value of a Date field.
    pub date: String,
}

impl Moment {
    /// Caller, host and clock of this process, and a new queue id.
    pub(crate) fn now() -> Self {
        let caller = system::caller();
        let uid = if caller.speaks_for_others() { 0 } else { caller.uid };
        Self::of(caller, QueueId::of_user(uid), system::now())
    }

    /// The moment at which that caller handed that mail in.
    pub(crate) fn of(caller: Caller, id: QueueId, arrived: jiff::Timestamp) -> Self {
        let host = system::host_name();
        Self { hosts: system::local_names(&host), host, caller, id, unique: id.unique(), arrived, date: system::date() }
    }
}

/// A mail that is ready to be kept.
#[derive(Debug)]
pub struct Prepared {
    /// Its entry: the envelope, and all else that is known but the size.
    pub entry: Entry,
    /// Its header section, and the plan for its body.
    pub rewritten: Rewritten,
    /// The steps by which its recipients were found.
    pub(crate) steps: Vec<Step>,
    /// Sentences that a person should read.
    pub(crate) warnings: Vec<String>,
    /// The names of recipients that lead to `/dev/null`.
    pub(crate) thrown_away: Vec<String>,
    /// It lies in `drop/`, and the service does the rest.
    pub(crate) is_dropped: bool,
}

impl Prepared {
    /// Every recipient leads to `/dev/null`: there is nothing to keep.
    pub(crate) fn is_for_nobody(&self) -> bool {
        self.entry.recipients.is_empty()
    }

    /// A sentence for each name that leads to `/dev/null`.
    pub(crate) fn told_thrown_away(&self) -> impl Iterator<Item = String> {
        self.thrown_away.iter().map(|name| format!("thrown away for {}, which leads to /dev/null", log::address(name)))
    }

    /// Logs that the mail is thrown away.
    pub(crate) fn log_thrown_away(&self) {
        let entry = &self.entry;
        let (from, message_id) = (log::address(&entry.originator), &entry.message_id);
        for sentence in self.told_thrown_away() {
            let sentence = format!("{sentence}: from=<{from}>, uid={}, message-id={message_id}", entry.uid);
            log::mail(entry.id.as_str()).info(&sentence);
        }
        for warning in &self.warnings {
            log::mail(entry.id.as_str()).warn(warning);
        }
    }

    /// Logs that the mail is accepted.
    pub(crate) fn log_accepted(&self) {
        let entry = &self.entry;
        log_accepted(entry);
        for sentence in self.told_thrown_away() {
            log::mail(entry.id.as_str()).info(&sentence);
        }
        for warning in &self.warnings {
            log::mail(entry.id.as_str()).warn(warning);
        }
    }
}

/// Logs that a mail is accepted, or one of our own.
pub(crate) fn log_accepted(entry: &Entry) {
    let repairs: Vec<&str> = entry.repairs.iter().map(String::as_str).collect();
    let accepted = log::Accepted {
        id: entry.id.as_str(),
        uid: entry.uid,
        from: &entry.originator,
        message_id: &entry.message_id,
        size: entry.size,
        recipients: entry.recipients.len(),
        repairs: &repairs,
        is_report: entry.about.is_some(),
    };
    accepted.log();
}

/// Recovers the envelope and rewrites the header section. Writes nothing.
///
/// # Errors
/// [`Error::NoRecipient`], [`Error::Loop`].
pub fn prepare(request: &Request, config: &Config, message: &Message, moment: &Moment) -> Result<Prepared, Error> {
    let hops = message.named("Received").count();
    if hops > rewrite::MOST_HOPS {
        return Err(Error::Loop { hops });
    }
    let names = LocalNames::of(config, moment.hosts.clone());
    let asked = asked(request, moment);
    let originator = originator(asked.as_ref(), message, moment);
    let account = config.account_of(&originator);
    let mut resolver = names.resolver(&account);
    let recipients = envelope::recover(&request.destination, message, &mut resolver)?;
    let facts = Facts {
        settings: &config.rewrite,
        account: &account,
        host: &moment.host,
        user: &moment.caller.name,
        is_from_cron: request.is_from_cron,
        traced: Some(moment.caller.uid).filter(|_| !moment.caller.speaks_for_others()),
        own_name: moment.caller.full_name.as_deref(),
        full_name: request.full_name.as_deref(),
        sender: asked.as_ref().map(|sender| &sender.mailbox),
        date: &moment.date,
        local_zone: jiff::tz::TimeZone::system,
        id: moment.id.as_str(),
        unique: &moment.unique,
    };
    let rewritten = rewrite::rewrite(message, &recipients, &mut resolver, &facts);
    let warnings = resolver.warnings().iter().cloned().chain(names.refused.clone()).collect();
    let entry = Entry {
        id: moment.id,
        arrived: moment.arrived,
        uid: moment.caller.uid,
        reverse_path: Some(account.clone()),
        originator,
        recipients: recipients.into_iter().map(entry_recipient).collect(),
        message_id: rewritten.message_id.clone(),
        eight_bit: rewritten.plan.eight_bit,
        repairs: rewritten.repairs.iter().map(|repair| repair.name().to_string()).collect(),
        dsn: request.dsn.clone(),
        about: None,
        job: request.may_be_folded.then(|| job(config, message)).flatten(),
        members: Vec::new(),
        size: 0,
    };
    let steps = resolver.steps().to_vec();
    let thrown_away = resolver.thrown_away().to_vec();
    Ok(Prepared { entry, rewritten, steps, warnings, thrown_away, is_dropped: false })
}

fn entry_recipient(recipient: Recipient) -> EntryRecipient {
    EntryRecipient { address: recipient.address, original: recipient.original, dsn: recipient.dsn }
}

/// The job that has made the mail: a cron says so, or the settings.
fn job(config: &Config, message: &Message) -> Option<String> {
    let by_subject = || {
        let subject = message::text(message.named("Subject").next()?.value);
        job::bounded(config.fold.as_ref()?.job_by_subject(&subject)?)
    };
    job::name(message).or_else(by_subject)
}

/// The sender that was asked for, if the caller may be that one. Only root and the service speak for other users of
/// this machine.
fn asked(request: &Request, moment: &Moment) -> Option<Sender> {
    let sender = Sender::of(request.sender.as_ref()?.as_bytes(), &moment.hosts)?;
    may_be(&sender, moment).then_some(sender)
}

/// The addressee of a report of failure: the sender that was asked for, else the one in the message, else the user.
fn originator(asked: Option<&Sender>, message: &Message, moment: &Moment) -> String {
    let of_message = || {
        let mailbox = message.mailboxes(&["Sender", "From"]).into_iter().next()?;
        Some(Sender::of_mailbox(mailbox, &moment.hosts)).filter(|sender| may_be(sender, moment))
    };
    let sender = asked.cloned().or_else(of_message);
    sender.map_or_else(|| moment.caller.name.clone(), |sender| sender.mailbox.address)
}

fn may_be(sender: &Sender, moment: &Moment) -> bool {
    let is_own = |name: &String| *name == moment.caller.name || moment.caller.speaks_for_others();
    sender.local.as_ref().is_none_or(is_own)
}

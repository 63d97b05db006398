//! Brings a mail to the spool: reads it, recovers its envelope, rewrites it, and keeps it. From the
//! acceptance line on the caller may leave with 0.

use std::io::{self, Read};
use std::time::Instant;

use super::compose::{self, Composition, Unsent};
use super::dispatch;
use super::handover::{self, Patience, Told};
use super::keep::{self, Given};
use super::{rescue, unconfigured};
use crate::config::{self, Config, Source};
use crate::dsn;
use crate::envelope::{self, Aliases, Destination, Resolver, Step};
use crate::error::Error;
use crate::message::dots::{Dots, Undoubled};
use crate::message::{Mailbox, Message};
use crate::outcome::Status;
use crate::rewrite::{self, Facts, Rewritten};
use crate::spool::{Entry, EntryRecipient, QueueId, Spill, Spool};
use crate::system::Caller;
use crate::{log, system};

/// What a caller wants sent.
#[derive(Debug, Default)]
pub struct Request {
    /// What stdin holds.
    pub input: Input,
    /// The caller may have doubled the dots that lines start with, as for SMTP (sendmail without `-i`).
    pub dots_may_be_doubled: bool,
    /// What the caller said about recipients.
    pub destination: Destination,
    /// The sender asked for; none for the null one.
    pub sender: Option<String>,
    /// The display name asked for.
    pub full_name: Option<String>,
    /// What is asked about its delivery, RFC 3461.
    pub dsn: dsn::OfMail,
    /// When it is to leave.
    pub delivery: Delivery,
    /// Tell what becomes of it, whatever that is.
    pub verbose: bool,
}

/// What stdin holds.
#[derive(Debug, Default)]
pub enum Input {
    /// A body; the rest is given.
    Body(Composition),
    /// A message: fields, blank line, body.
    #[default]
    Formatted,
    /// A message whose own fields win over the given ones.
    FormattedWith(Composition),
}

/// When a mail is to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// At once, without waiting for the outcome.
    #[default]
    Background,
    /// Not at all: it is only shown.
    Never,
    /// With the next queue run.
    Queue,
    /// At once, and the caller waits a while to hear the outcome.
    Wait,
}

/// Submits what `input` holds; returns what the caller should be told, which is nothing when all went well.
///
/// # Errors
/// Nothing was accepted: one of [`Error`]. What had been read by then is saved where it can be.
pub fn run(
    request: &Request,
    config: Result<Config, config::Error>,
    input: &mut dyn Read,
) -> Result<Vec<String>, Error> {
    let config = match config {
        Ok(config) => config,
        Err(error) => return Err(unconfigured::keep(request, error, input)),
    };
    match accept(request, &config, input)? {
        Accepted::Nothing => Ok(Vec::new()),
        Accepted::Sent { notes, .. } => Ok(notes),
        Accepted::Kept(prepared) => see_to(request, &config, &prepared),
    }
}

/// Where a mail is that was accepted.
pub(super) enum Accepted {
    /// There was none: an empty body that is no mail.
    Nothing,
    /// In the spool.
    Kept(Box<Prepared>),
    /// With the smarthost, since no spool would take it.
    Sent {
        /// The name it had.
        id: QueueId,
        /// What the caller should be told.
        notes: Vec<String>,
    },
}

/// The way of a mail up to the acceptance line.
///
/// # Errors
/// As [`run`].
pub(super) fn accept(request: &Request, config: &Config, input: &mut dyn Read) -> Result<Accepted, Error> {
    let spool = Spool::new(config.spool_path());
    let most = keep::most_read(config, &spool);
    let (message, mut body) = take_or_rescue(request, &|| Spill::new(&spool, most), input, &spool)?;
    if matches!(&request.input, Input::Body(given) if given.skip_empty) && message.shape.bytes == 0 {
        return Ok(Accepted::Nothing);
    }
    let mut given = Given { message: &message, body: &mut body };
    match keep(request, config, &spool, &mut given) {
        Ok(accepted) => Ok(Accepted::Kept(Box::new(accepted))),
        Err(NotKept { error, mut prepared }) => {
            let told = prepared.as_mut().map(|prepared| carry(config, &spool, prepared, &mut given));
            if let (Some(prepared), Some(told)) = (&prepared, told.as_ref().filter(|told| is_settled(told))) {
                let mut notes = Vec::new();
                if request.verbose || is_spool_missed(config, &spool) {
                    notes.push(format!("{error}: the mail was sent at once instead of being kept"));
                }
                notes.extend(dispatch::tell(request, prepared, told)?);
                return Ok(Accepted::Sent { id: prepared.entry.id, notes });
            }
            let untaken = told.filter(|_| !is_spool_missed(config, &spool)).and_then(|told| untaken(&told));
            let error = untaken.unwrap_or(error);
            if message.octets().is_empty() && message.shape.bytes == 0 {
                return Err(error);
            }
            let mut offer = |place: rescue::Place<'_>| place(&mut message.octets().chain(body.reader()?));
            Err(rescue::again(error, &spool, &mut offer))
        }
    }
}

/// After the acceptance line: the log, and the way to the smarthost. What the caller should be told.
///
/// # Errors
/// The mail is kept all the same: there is no relay program, or everybody refused it while the caller waited.
pub(super) fn see_to(request: &Request, config: &Config, accepted: &Prepared) -> Result<Vec<String>, Error> {
    log::open(&config.log, "mailx-t", &system::host_name());
    log_accepted(config, accepted);
    let mut notes = dispatch::run(request, config, &Spool::new(config.spool_path()), accepted)?;
    notes.splice(0..0, accepted.warnings.iter().cloned());
    Ok(notes)
}

/// Why a mail does not stand in the spool, and the mail, where it came that far.
struct NotKept {
    error: Error,
    prepared: Option<Box<Prepared>>,
}

/// All up to the acceptance line. When this returns well, the mail is on disk.
fn keep(request: &Request, config: &Config, spool: &Spool, given: &mut Given<'_>) -> Result<Prepared, NotKept> {
    let mut prepared =
        prepare(request, config, given.message, &Moment::now()).map_err(|error| NotKept { error, prepared: None })?;
    match keep::write(config, spool, &mut prepared, given) {
        Ok(()) => Ok(prepared),
        Err(error) => Err(NotKept { error, prepared: Some(Box::new(prepared)) }),
    }
}

/// The first way out where the spool cannot be written: to the smarthost at once.
fn carry(config: &Config, spool: &Spool, prepared: &mut Prepared, given: &mut Given<'_>) -> Told {
    let until = Instant::now() + config.smarthost.connect_timeout + config.smarthost.timeout;
    let mail = keep::carried(config, spool, prepared, given);
    let outcomes = prepared.entry.recipients.len();
    let told = mail.and_then(|mail| handover::carry(config, mail, Patience { until, outcomes })).unwrap_or_default();
    if told.reports.len() == outcomes { told } else { Told::default() }
}

/// A machine is to have a spool. A container, which the environment configures, may have one.
fn is_spool_missed(config: &Config, spool: &Spool) -> bool {
    !matches!(config.source, Source::Environment(_)) || spool.owner().is_some()
}

/// Why a mail that only the smarthost could have taken was not accepted; none if nobody said why.
fn untaken(told: &Told) -> Option<Error> {
    let deferred = told.reports.iter().find(|report| report.status == Status::Deferred)?;
    Some(Error::Untaken(format!("<{}>: {}", deferred.to, deferred.reason)))
}

/// Somebody has it, and nobody waits for it: there is nothing left to keep.
fn is_settled(told: &Told) -> bool {
    !told.reports.is_empty() && told.reports.iter().all(|report| report.status != Status::Deferred)
}

/// As [`take`], for a caller who has nothing else: what they wrote is not lost with the files that were to go with it.
pub(super) fn take_or_rescue(
    request: &Request,
    spill: &dyn Fn() -> Spill,
    input: &mut dyn Read,
    spool: &Spool,
) -> Result<(Message, Spill), Error> {
    take_from(request, spill, input).map_err(|error| match error.downcast::<Unsent>() {
        Ok(Unsent { text, source }) => rescue::rescue(Error::Input(source), spool, &mut text.as_slice().chain(input)),
        Err(error) => not_taken(error),
    })
}

/// The message, and its body where it can be had again.
///
/// # Errors
/// [`Error::Input`], or [`Error::Spool`] where the body cannot be kept.
pub(super) fn take(
    request: &Request,
    spill: &dyn Fn() -> Spill,
    input: &mut dyn Read,
) -> Result<(Message, Spill), Error> {
    take_from(request, spill, input).map_err(not_taken)
}

fn not_taken(error: io::Error) -> Error {
    match error.downcast() {
        Ok(spool) => Error::Spool(spool),
        Err(input) => Error::Input(input),
    }
}

fn take_from(request: &Request, spill: &dyn Fn() -> Spill, input: &mut dyn Read) -> io::Result<(Message, Spill)> {
    let mut dots = Dots::new(spill());
    let message = read(&request.input, input, &mut dots)?;
    let are_doubled = dots.are_doubled() && request.dots_may_be_doubled;
    let mut body = dots.into_inner();
    // Of what has overflowed only the ends are at hand.
    if are_doubled && !body.has_overflowed() {
        let mut single = spill();
        io::copy(&mut Undoubled::new(body.reader()?), &mut single)?;
        return Ok((message, single));
    }
    Ok((message, body))
}

/// Reads what stdin holds, as the caller's face says it is to be read; the body goes to `body`.
///
/// # Errors
/// Those of `input` and `body`.
pub fn read(kind: &Input, input: &mut dyn Read, body: &mut dyn io::Write) -> io::Result<Message> {
    match kind {
        Input::Formatted => Message::read(input, body),
        Input::Body(given) => compose::body(given, input, body),
        Input::FormattedWith(given) => compose::formatted(given, input, body),
    }
}

/// What differs from one call to the next and from one machine to the other.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Who calls.
    pub caller: Caller,
    /// This machine's name.
    pub host: String,
    /// All its names: who is addressed under one of them is one of its users.
    pub hosts: Vec<String>,
    /// The mail's name.
    pub id: QueueId,
    /// Now.
    pub arrived: jiff::Timestamp,
    /// The value of a Date field for now.
    pub date: String,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self::of(system::caller(), QueueId::new(), system::now())
    }

    /// The moment at which that caller handed that mail in.
    pub(super) fn of(caller: Caller, id: QueueId, arrived: jiff::Timestamp) -> Self {
        let host = system::host_name();
        Self { hosts: system::local_names(&host), host, caller, id, arrived, date: system::date() }
    }
}

/// A mail ready to be written.
#[derive(Debug)]
pub struct Prepared {
    /// Its envelope, and what else is known of it; the size is not.
    pub entry: Entry,
    /// Its header section, and its body where that is ours.
    pub rewritten: Rewritten,
    /// How its recipients were found.
    pub steps: Vec<Step>,
    /// What a person should look at.
    pub warnings: Vec<String>,
    /// It lies in `drop/`: the service does the rest.
    pub is_dropped: bool,
}

/// Recovers the envelope and rewrites the header section; writes nothing.
///
/// # Errors
/// [`Error::NoRecipient`], [`Error::Loop`].
pub fn prepare(request: &Request, config: &Config, message: &Message, moment: &Moment) -> Result<Prepared, Error> {
    let hops = message.named("Received").count();
    if hops > rewrite::MOST_HOPS {
        return Err(Error::Loop(hops));
    }
    let (aliases, _) = aliases(config);
    let default = config.recipients.default.as_ref().map(|names| names.list());
    let domain = config.rewrite.domain.as_deref();
    let originator = originator(request, message, &moment.caller.name);
    let account = config.account_of(&originator);
    let mut resolver = Resolver::new(&aliases, &moment.hosts, domain, default.as_deref(), &account);
    let recipients = envelope::recover(&request.destination, message, &mut resolver)?;
    let facts = Facts {
        settings: &config.rewrite,
        account: &account,
        host: &moment.host,
        user: &moment.caller.name,
        own_name: moment.caller.full_name.as_deref(),
        full_name: request.full_name.as_deref(),
        sender: request.sender.as_deref(),
        date: &moment.date,
        unique: moment.id.as_str(),
    };
    let rewritten = rewrite::rewrite(message, &recipients, &mut resolver, &facts);
    let warnings = resolver.warnings().to_vec();
    let entry = Entry {
        id: moment.id,
        arrived: moment.arrived,
        uid: moment.caller.uid,
        reverse_path: Some(account.clone()),
        originator,
        recipients: recipients
            .into_iter()
            .map(|r| EntryRecipient { address: r.address, original: r.original, dsn: r.dsn })
            .collect(),
        message_id: rewritten.message_id.clone(),
        eight_bit: rewritten.plan.eight_bit,
        repairs: rewritten.repairs.iter().map(|repair| repair.name().to_string()).collect(),
        dsn: request.dsn.clone(),
        size: 0,
    };
    let steps = resolver.steps().to_vec();
    Ok(Prepared { entry, rewritten, steps, warnings, is_dropped: false })
}

/// The aliases of the configuration, then those of the system's file.
pub(super) fn aliases(config: &Config) -> (Aliases, Vec<String>) {
    let mut own = Aliases::default();
    for (name, targets) in &config.recipients.aliases {
        own.insert(name, targets.list());
    }
    let path = &config.recipients.aliases_file;
    let (system, mut warnings) = match std::fs::read(path) {
        Ok(bytes) => Aliases::parse(&String::from_utf8_lossy(&bytes)),
        // One that does not exist is an empty one. One that cannot be read is no reason to lose a mail: the names fall to
        // the default recipient.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Default::default(),
        Err(error) => (Aliases::default(), vec![format!("cannot be read, so its names are not known: {error}")]),
    };
    for warning in &mut warnings {
        *warning = format!("{}: {warning}", path.display());
    }
    (own.or(system), warnings)
}

/// Whom a report of failure would go to: the sender asked for, else the one in the message, else the user.
fn originator(request: &Request, message: &Message, user: &str) -> String {
    let of_message = || message.mailboxes(&["Sender", "From"]).into_iter().next().map(|mailbox| mailbox.address);
    let of_request = request.sender.as_ref().and_then(|sender| Mailbox::list(sender.as_bytes()).into_iter().next());
    of_request.map(|mailbox| mailbox.address).or_else(of_message).unwrap_or_else(|| user.to_string())
}

/// The line about a mail that stands on disk.
pub(super) fn log_accepted(config: &Config, prepared: &Prepared) {
    let entry = &prepared.entry;
    let repairs: Vec<&str> = entry.repairs.iter().map(String::as_str).collect();
    let line = log::Accepted {
        id: entry.id.as_str(),
        uid: entry.uid,
        from: &entry.originator,
        message_id: &entry.message_id,
        size: entry.size,
        recipients: entry.recipients.len(),
        repairs: &repairs,
    };
    line.log(config.log.format);
    for warning in &prepared.warnings {
        log::warn(entry.id.as_str(), warning);
    }
}

//! Brings a mail to the spool: reads it, recovers its envelope, rewrites it, and keeps it. From the
//! acceptance line on the caller may leave with 0.

use std::io::{self, Read};
use std::time::Instant;

use super::dispatch;
use super::handover::{self, Patience, Told};

use super::rescue;
use crate::config::{self, Config};
use crate::envelope::{self, Aliases, Destination, Resolver};
use crate::error::Error;
use crate::message::{Mailbox, Message};
use crate::outcome::Status;
use crate::rewrite::{self, Facts, Rewritten, Wire};
use crate::spool::{self, Draft, Entry, EntryRecipient, QueueId, Spill, Spool};
use crate::system::Caller;
use crate::{log, system};

/// What a caller wants sent.
#[derive(Debug, Default)]
pub struct Request {
    /// What stdin holds.
    pub input: Input,
    /// What the caller said about recipients.
    pub destination: Destination,
    /// The sender asked for; none for the null one.
    pub sender: Option<String>,
    /// The display name asked for.
    pub full_name: Option<String>,
    /// When it is to leave.
    pub delivery: Delivery,
    /// Tell what becomes of it, whatever that is.
    pub verbose: bool,
}

/// What stdin holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// A message: fields, blank line, body.
    #[default]
    Formatted,
    /// A message whose own fields win over these.
    FormattedWith(Vec<(&'static str, Vec<u8>)>),
    /// A body; the fields are given.
    Body {
        /// Name and value, in any bytes.
        fields: Vec<(&'static str, Vec<u8>)>,
        /// An empty body is no mail.
        skip_empty: bool,
    },
}

/// When a mail is to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// At once, without waiting for the outcome.
    #[default]
    Background,
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
        Err(error) => return Err(rescue::rescue(error.into(), &Spool::new(config::SYSTEM_SPOOL), input)),
    };
    let spool = Spool::new(config.spool_path());
    let mut body = Spill::new(&spool);
    let message = read(&request.input, input, &mut body).map_err(|error| match error.downcast() {
        Ok(spool) => Error::Spool(spool),
        Err(input) => Error::Input(input),
    })?;
    if matches!(request.input, Input::Body { skip_empty: true, .. }) && message.shape.bytes == 0 {
        return Ok(Vec::new());
    }
    let accepted = match keep(request, &config, &spool, &message, &mut body) {
        Ok(accepted) => accepted,
        Err(NotKept { error, prepared }) => {
            let told = prepared.as_ref().map(|prepared| carry(&config, prepared, &mut body));
            if let (Some(prepared), Some(told)) = (&prepared, told.filter(is_settled)) {
                let mut notes = vec![format!("{error}: the mail was sent at once instead of being kept")];
                notes.extend(dispatch::tell(request, prepared, &told)?);
                return Ok(notes);
            }
            if message.octets().is_empty() && message.shape.bytes == 0 {
                return Err(error);
            }
            let mut offer = |place: rescue::Place<'_>| place(&mut message.octets().chain(body.reader()?));
            return Err(rescue::again(error, &spool, &mut offer));
        }
    };
    log::open(&config.log, "mailx-t", &system::host_name());
    log_accepted(&config, &accepted);
    let mut notes = dispatch::run(request, &config, &spool, &accepted)?;
    notes.splice(0..0, accepted.warnings.iter().cloned());
    Ok(notes)
}

/// Why a mail does not stand in the spool, and the mail, where it came that far.
struct NotKept {
    error: Error,
    prepared: Option<Box<Prepared>>,
}

/// All up to the acceptance line. When this returns well, the mail is on disk.
fn keep(
    request: &Request,
    config: &Config,
    spool: &Spool,
    message: &Message,
    body: &mut Spill,
) -> Result<Prepared, NotKept> {
    let mut prepared =
        prepare(request, config, message, &Moment::now()).map_err(|error| NotKept { error, prepared: None })?;
    match write(spool, most_dropped(config), &mut prepared, body) {
        Ok(()) => Ok(prepared),
        Err(error) => Err(NotKept { error, prepared: Some(Box::new(prepared)) }),
    }
}

/// The first way out where the spool cannot be written: to the smarthost at once.
fn carry(config: &Config, prepared: &Prepared, body: &mut Spill) -> Told {
    let until = Instant::now() + config.smarthost.connect_timeout + config.smarthost.timeout;
    let mail = Draft::create_to_carry(prepared.entry.id).map_err(Error::from).and_then(|mut draft| {
        fill(&mut draft, prepared, body)?;
        Ok(draft.hand_over()?)
    });
    let outcomes = prepared.entry.recipients.len();
    let told = mail.and_then(|mail| handover::carry(config, mail, Patience { until, outcomes })).unwrap_or_default();
    if told.reports.len() == outcomes { told } else { Told::default() }
}

/// Somebody has it, and nobody waits for it: there is nothing left to keep.
fn is_settled(told: &Told) -> bool {
    !told.reports.is_empty() && told.reports.iter().all(|report| report.status != Status::Deferred)
}

/// Reads what stdin holds, as the caller's face says it is to be read; the body goes to `body`.
///
/// # Errors
/// Those of `input` and `body`.
pub fn read(kind: &Input, input: &mut dyn Read, body: &mut dyn io::Write) -> io::Result<Message> {
    match kind {
        Input::Formatted => Message::read(input, body),
        Input::FormattedWith(fields) => {
            let mut message = Message::read(input, body)?;
            message.add_missing(fields);
            Ok(message)
        }
        Input::Body { fields, .. } => Message::compose(fields, input, body),
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
    fn now() -> Self {
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
    /// What a person should look at.
    pub warnings: Vec<String>,
    /// It lies in `drop/`: the service does the rest.
    pub is_dropped: bool,
}

/// Recovers the envelope and rewrites the header section; writes nothing.
///
/// # Errors
/// [`Error::NoRecipient`].
pub fn prepare(request: &Request, config: &Config, message: &Message, moment: &Moment) -> Result<Prepared, Error> {
    let (aliases, _) = aliases(config);
    let default = config.recipients.default.as_ref().map(|names| names.list());
    let domain = config.rewrite.domain.as_deref();
    let mut resolver = Resolver::new(&aliases, &moment.hosts, domain, default.as_deref(), &config.account);
    let recipients = envelope::recover(&request.destination, message, &mut resolver)?;
    let facts = Facts {
        account: &config.account,
        host: &moment.host,
        user: &moment.caller.name,
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
        reverse_path: Some(config.account.clone()),
        originator: originator(request, message, &moment.caller.name),
        recipients: recipients
            .into_iter()
            .map(|recipient| EntryRecipient { address: recipient.address, original: recipient.original })
            .collect(),
        message_id: rewritten.message_id.clone(),
        eight_bit: rewritten.body.as_ref().map_or(message.shape.eight_bit, |body| !body.is_ascii()),
        repairs: rewritten.repairs.iter().map(|repair| repair.name().to_string()).collect(),
        size: 0,
    };
    Ok(Prepared { entry, rewritten, warnings, is_dropped: false })
}

/// The aliases of the configuration, then those of the system's file.
pub(super) fn aliases(config: &Config) -> (Aliases, Vec<String>) {
    let mut own = Aliases::default();
    for (name, targets) in &config.recipients.aliases {
        own.insert(name, targets.list());
    }
    let path = &config.recipients.aliases_file;
    // A file that cannot be read is no reason to lose a mail: the names fall to the default recipient.
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let (system, warnings) = Aliases::parse(&text);
    (own.or(system), warnings.iter().map(|warning| format!("{}: {warning}", path.display())).collect())
}

/// Whom a report of failure would go to: the sender asked for, else the one in the message, else the user.
fn originator(request: &Request, message: &Message, user: &str) -> String {
    let of_message = || message.mailboxes(&["Sender", "From"]).into_iter().next().map(|mailbox| mailbox.address);
    let of_request = request.sender.as_ref().and_then(|sender| Mailbox::list(sender.as_bytes()).into_iter().next());
    of_request.map(|mailbox| mailbox.address).or_else(of_message).unwrap_or_else(|| user.to_string())
}

/// ═══ The acceptance line: `commit` returns with the mail on disk, or the mail was not accepted. ═══
///
/// A caller who has no right to the queue leaves the mail in `drop/`; the service takes it in.
pub(super) fn write(spool: &Spool, most: u64, prepared: &mut Prepared, body: &mut Spill) -> Result<(), Error> {
    let id = prepared.entry.id;
    let mut draft = match Draft::create(spool, id) {
        Err(error) if error.is_denied() && spool.owner().is_some_and(|owner| !system::is(owner)) => {
            prepared.is_dropped = true;
            Draft::create_in_drop(spool, id)?
        }
        created => created?,
    };
    fill(&mut draft, prepared, body)?;
    if prepared.is_dropped && draft.message() > most {
        return Err(spool::Error::Write {
            path: spool.root().join("drop"),
            source: io::ErrorKind::FileTooLarge.into(),
        }
        .into());
    }
    prepared.entry.size = draft.commit()?;
    if let Some(place) = config::user_spool().filter(|_| prepared.is_dropped) {
        let _ = Spool::remember(&place, &id);
    }
    Ok(())
}

/// The largest message that is taken from `drop/`.
pub(super) fn most_dropped(config: &Config) -> u64 {
    config.spool.max_message_size.as_u64().saturating_mul(2)
}

/// Envelope block, header section and body into a draft.
fn fill(draft: &mut Draft, prepared: &Prepared, body: &mut Spill) -> Result<(), Error> {
    draft.envelope(&prepared.entry)?;
    let mut fill = || -> io::Result<()> {
        io::Write::write_all(draft, &prepared.rewritten.head)?;
        match &prepared.rewritten.body {
            Some(body) => io::Write::write_all(draft, body),
            None => {
                let mut wire = Wire::new(&mut *draft);
                io::copy(&mut body.reader()?, &mut wire)?;
                wire.finish().map(drop)
            }
        }
    };
    fill().map_err(|source| draft.failed(source).into())
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

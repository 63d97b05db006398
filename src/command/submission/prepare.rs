//! Prepares a mail: recovers its envelope and rewrites its header section. Nothing is written.

use std::io;
use std::path::Path;

use super::request::Request;
use crate::config::Config;
use crate::envelope::{self, Aliases, Resolver, Sender, Step};
use crate::error::Error;
use crate::message::Message;
use crate::rewrite::{self, Facts, Rewritten};
use crate::spool::{Entry, EntryRecipient, QueueId};
use crate::system::Caller;
use crate::trust::{DecidingFile, Fault};
use crate::{log, system};

/// No file of aliases is larger, in bytes.
const MOST_ALIASES: u64 = 64 << 20;

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
    /// Caller, host and clock of this process, and a new queue id.
    pub(crate) fn now() -> Self {
        Self::of(system::caller(), QueueId::new(), system::now())
    }

    /// The moment at which that caller handed that mail in.
    pub(crate) fn of(caller: Caller, id: QueueId, arrived: jiff::Timestamp) -> Self {
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
    pub(crate) steps: Vec<Step>,
    /// What a person should look at.
    pub(crate) warnings: Vec<String>,
    /// It lies in `drop/`: the service does the rest.
    pub(crate) is_dropped: bool,
}

/// Recovers the envelope and rewrites the header section; writes nothing.
///
/// # Errors
/// [`Error::NoRecipient`], [`Error::Loop`].
pub fn prepare(request: &Request, config: &Config, message: &Message, moment: &Moment) -> Result<Prepared, Error> {
    let hops = message.named("Received").count();
    if hops > rewrite::MOST_HOPS {
        return Err(Error::Loop { hops });
    }
    let known = aliases(config);
    let aliases = &known.aliases;
    let default = config.recipients.default.as_ref().map(|names| names.list());
    let domain = config.rewrite.domain.as_deref();
    let asked = asked(request, moment);
    let originator = originator(asked.as_ref(), message, moment);
    let account = config.account_of(&originator);
    let mut resolver = Resolver::new(aliases, &moment.hosts, domain, default.as_deref(), &account);
    let recipients = envelope::recover(&request.destination, message, &mut resolver)?;
    let facts = Facts {
        settings: &config.rewrite,
        account: &account,
        host: &moment.host,
        user: &moment.caller.name,
        traced: Some(moment.caller.uid).filter(|_| !moment.caller.speaks_for_others()),
        own_name: moment.caller.full_name.as_deref(),
        full_name: request.full_name.as_deref(),
        sender: asked.as_ref().map(|sender| &sender.mailbox),
        date: &moment.date,
        unique: moment.id.as_str(),
    };
    let rewritten = rewrite::rewrite(message, &recipients, &mut resolver, &facts);
    let warnings = resolver.warnings().iter().cloned().chain(known.refused.clone()).collect();
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

/// What local names stand for, and what a person should know of it.
pub(crate) struct KnownAliases {
    /// Those of the configuration, then those of the system's file.
    pub(crate) aliases: Aliases,
    /// Lines of the file that mean nothing here.
    pub(crate) warnings: Vec<String>,
    /// Why the file is not obeyed at all: its names fall to the default recipient, and no mail is lost.
    pub(crate) refused: Option<String>,
}

/// The aliases of the configuration, then those of the system's file.
pub(crate) fn aliases(config: &Config) -> KnownAliases {
    let mut own = Aliases::default();
    for (name, targets) in &config.recipients.aliases {
        own.insert(name, targets.list());
    }
    let path = &config.recipients.aliases_file;
    let named = |what: String| format!("{}: {what}", path.display());
    match read_aliases(path) {
        Ok(text) => {
            let (system, warnings) = Aliases::parse(&text);
            let warnings = warnings.into_iter().map(named).collect();
            KnownAliases { aliases: own.or(system), warnings, refused: None }
        }
        Err(Fault::Io(error)) => {
            let warning = named(format!("cannot be read, so its names are not known: {error}"));
            KnownAliases { aliases: own, warnings: vec![warning], refused: None }
        }
        Err(fault) => {
            let refused = Some(named(format!("is not obeyed: it {fault}")));
            KnownAliases { aliases: own, warnings: Vec::new(), refused }
        }
    }
}

/// The text of a file that says whose mail goes where: who writes it has everybody's mail. One that is not there is an
/// empty one, as is `/dev/null`.
fn read_aliases(path: &Path) -> Result<String, Fault> {
    if path == Path::new("/dev/null") {
        return Ok(String::new());
    }
    let service = system::service().filter(|_| !system::is_root()).map(|(uid, _)| uid);
    let opened = match DecidingFile::open(path) {
        Err(Fault::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened?,
    };
    opened.judge(service.as_slice())?;
    Ok(String::from_utf8_lossy(&opened.read(MOST_ALIASES)?).into_owned())
}

/// The sender asked for, if the caller may be that one. Only root and the service speak for other users of this machine.
fn asked(request: &Request, moment: &Moment) -> Option<Sender> {
    let sender = Sender::of(request.sender.as_ref()?.as_bytes(), &moment.hosts)?;
    may_be(&sender, moment).then_some(sender)
}

/// The addressee of a report of failure: the sender asked for, else the one in the message, else the user.
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

/// The line about a mail that stands on disk.
pub(crate) fn log_accepted(prepared: &Prepared) {
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
    line.log();
    for warning in &prepared.warnings {
        log::mail(entry.id.as_str()).warn(warning);
    }
}

//! Trouble before the acceptance line: one enum with the user's sentence for each case, and the exit status that goes
//! with it.
//!
//! The cases stand in the order of their statuses in sysexits.h, and by alphabet if they share one. The cases at the
//! end hold trouble of another part, or of several mails, and have the status of their contents.

mod exit;
mod relay;
mod usage;

use std::fmt;
use std::io;
use std::path::PathBuf;

pub(crate) use exit::{Exit, install_panic_hook};
pub(crate) use relay::Relay;
pub(crate) use usage::Usage;

use crate::config::import;
use crate::spool::QueueId;
use crate::{config, envelope, outcome, spool};

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // EX_USAGE, 64.
    /// The command line asks for something we cannot do.
    #[error(transparent)]
    Usage(#[from] Usage),

    // EX_DATAERR, 65.
    /// A file to attach to a mail cannot be read.
    #[error("cannot attach {}: {fault}: nothing was sent", outcome::clean(&path.to_string_lossy()))]
    Enclosure {
        /// The file.
        path: PathBuf,
        /// The fault in it.
        fault: EnclosureFault,
    },
    /// A person asked to try a mail that is held.
    #[error("{id} is held, and is not tried: mailx-t ctl queue release {id} comes first")]
    Held {
        /// The mail.
        id: QueueId,
    },
    /// The mail goes in circles.
    #[error(
        "the mail has {hops} Received fields, so it goes in circles: nothing was sent; look for a forward to itself"
    )]
    Loop {
        /// The number of servers it has passed.
        hops: usize,
    },
    /// A person asked about a mail that is not there.
    #[error("{id}: not in the queue")]
    NotInQueue {
        /// The mail.
        id: QueueId,
    },
    /// A person asked for a file that is not in `failed/`.
    #[error("{id}: not in failed/")]
    NotFailed {
        /// The file.
        id: QueueId,
    },
    /// The mail was refused for every recipient, and the caller waited to hear it.
    #[error("<{to}>{} was refused for good: {reason}", and_others(*.others))]
    Refused {
        /// The first recipient.
        to: String,
        /// The number of recipients besides the first.
        others: usize,
        /// The smarthost's reply about the first.
        reason: String,
    },
    /// The mail of `ctl test` was refused, and the replies have been told.
    #[error("{id}: the smarthost refused it for good")]
    TestRefused {
        /// The mail.
        id: QueueId,
    },

    // EX_NOUSER, 67.
    /// There is nobody to send it to.
    #[error(transparent)]
    NoRecipient(#[from] envelope::NoRecipient),

    // EX_IOERR, 74.
    /// stdin failed before the message was whole.
    #[error("cannot read the message: {0}: nothing was sent")]
    Input(io::Error),
    /// Output could not be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),

    // EX_TEMPFAIL, 75.
    /// A relay has the mails in the queue, so the command could not touch them.
    #[error("{}", skipped(ids))]
    Busy {
        /// The mails, at least one.
        ids: Vec<QueueId>,
    },
    /// The mail of `ctl test` is kept, and has not left while its caller waited.
    #[error("{id}: not sent yet; it is kept and will be tried again")]
    Deferred {
        /// The mail.
        id: QueueId,
    },
    /// The smarthost did not take the mail now, and a container without a spool cannot keep it.
    #[error("<{to}>: {reason}; the mail was not accepted, since there is no spool to keep it in")]
    Untaken {
        /// The first recipient that was put off.
        to: String,
        /// The smarthost's reply about that recipient.
        reason: String,
    },
    /// The configuration cannot be used, and the mail waits for the service, which will read it anew. sendmail's own
    /// status for a mail that is kept and was not sent; PHP's mail() counts it as accepted.
    #[error("{reason}: the message waits in {}, and leaves once that is mended", .place.display())]
    Waiting {
        /// The fault.
        reason: Box<Error>,
        /// The place of the message.
        place: PathBuf,
    },

    // EX_NOPERM, 77.
    /// The command needs another user's rights.
    #[error("what belongs to the machine is checked by root: sudo mailx-t ctl check")]
    Denied,
    /// The queue is not the caller's to run.
    #[error("the queue is the administrator's to run: sudo mailx-t -q; your own mail in it leaves by itself")]
    NotYours,
    /// A program asked for the queue, and would take the caller's own mail for all of it.
    #[error(
        "the queue is the administrator's to list, and those whom the group in readers of [spool] has; what is listed here \
         is your own mail in drop/"
    )]
    NotYoursToList,
    /// A user without settings of their own asked for what is root's to set up.
    #[error(
        "ctl init sets up the mail of the whole machine: ask root to run it; settings of your own, by which your mail \
         leaves instead of by the machine's, are made by: mailx-t ctl init --config {}",
        own.display()
    )]
    NotRoot {
        /// The place of the user's own settings.
        own: PathBuf,
    },

    // EX_CONFIG, 78.
    /// `ctl check` found a fault; it has named it.
    #[error("{0} found wrong")]
    Check(Findings),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The relay program is missing, does not start, or cannot do its work.
    #[error(transparent)]
    Relay(#[from] Relay),
    /// The mail is kept, and no relay was started for it.
    #[error("{reason}; the mail is kept in the queue as {id}")]
    Stranded {
        /// The reason why the relay cannot work.
        reason: Box<Error>,
        /// The mail.
        id: QueueId,
    },

    // These have the status of their contents.
    /// The settings of another mailer cannot be imported.
    #[error(transparent)]
    Import(#[from] import::Error),
    /// The mail could not be kept in the spool, but was kept elsewhere.
    #[error("{reason}: the message was saved in {}", place.display())]
    Saved {
        /// The failure.
        reason: Box<Error>,
        /// The place of the message.
        place: PathBuf,
    },
    /// Trouble with more than one mail, each told once.
    #[error("{}", sentences(.0).join("; "))]
    Several(Vec<Error>),
    /// Trouble with the spool.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The mail is not accepted, and no place took it.
    #[error("{0}; the message could not be saved anywhere")]
    Unsaved(Box<Error>),
}

/// The number of faults that `ctl check` found.
#[derive(Debug)]
pub struct Findings(pub usize);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("one thing"),
            n => write!(f, "{n} things"),
        }
    }
}

/// The reason why a file cannot be attached.
#[derive(Debug, thiserror::Error)]
pub enum EnclosureFault {
    /// It is a directory, or a pipe that nobody may ever write to.
    #[error("it is no regular file")]
    Irregular,
    /// It cannot be opened.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
}

impl Error {
    /// All of them as one; `None` if there are none.
    pub(crate) fn all(mut errors: Vec<Self>) -> Option<Self> {
        if errors.len() > 1 { Some(Error::Several(errors)) } else { errors.pop() }
    }

    /// The sentences, one for each fault.
    pub(crate) fn sentences(&self) -> Vec<String> {
        match self {
            Error::Several(errors) => sentences(errors),
            one => vec![one.to_string()],
        }
    }

    /// The mail itself is at fault: another try would change nothing.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Error::Loop { .. } | Error::Spool(spool::Error::Envelope { .. }))
    }

    /// The status to leave with.
    pub fn exit(&self) -> Exit {
        match self {
            Error::Usage(_) => Exit::Usage,
            Error::Enclosure { .. }
            | Error::Held { .. }
            | Error::Loop { .. }
            | Error::NotFailed { .. }
            | Error::NotInQueue { .. }
            | Error::Refused { .. }
            | Error::TestRefused { .. } => Exit::DataError,
            Error::NoRecipient(_) => Exit::NoUser,
            Error::Input(_) | Error::Output(_) => Exit::IoError,
            Error::Busy { .. } | Error::Deferred { .. } | Error::Untaken { .. } | Error::Waiting { .. } => {
                Exit::TempFail
            }
            Error::Denied | Error::NotRoot { .. } | Error::NotYours | Error::NotYoursToList => Exit::NoPermission,
            Error::Check(_) | Error::Config(_) | Error::Relay(_) | Error::Stranded { .. } => Exit::Config,
            Error::Import(error) => of_import(error),
            Error::Saved { reason, .. } => of_saved(reason),
            Error::Several(errors) => of_several(errors),
            Error::Spool(error) => of_spool(error),
            Error::Unsaved(reason) => reason.exit(),
        }
    }
}

fn of_import(error: &import::Error) -> Exit {
    match error {
        import::Error::Exists(_) => Exit::CannotCreate,
        import::Error::NoneThere(_) | import::Error::Unreadable { .. } => Exit::NoInput,
        import::Error::Foreign { .. }
        | import::Error::NoLogin(_)
        | import::Error::SeveralThere { .. }
        | import::Error::NoSender(_)
        | import::Error::NoSmarthost(_)
        | import::Error::Unknown(_)
        | import::Error::Unusable { .. }
        | import::Error::Unwritable { .. } => Exit::DataError,
    }
}

/// A mail that is saved where no relay looks was not accepted. A broken configuration keeps its own status, and so does
/// a mail for which another try would change nothing.
fn of_saved(reason: &Error) -> Exit {
    match reason.exit() {
        Exit::Config => Exit::Config,
        Exit::DataError if reason.is_lasting() => Exit::DataError,
        _ => Exit::TempFail,
    }
}

/// Faults that another try may mend count least.
fn of_several(errors: &[Error]) -> Exit {
    let mut statuses = errors.iter().map(Error::exit);
    statuses.find(|status| *status != Exit::TempFail).unwrap_or(Exit::TempFail)
}

fn of_spool(error: &spool::Error) -> Exit {
    match error {
        spool::Error::Envelope { .. } => Exit::DataError,
        error if error.is_denied() => Exit::NoPermission,
        spool::Error::Damaged { .. } | spool::Error::Read { .. } => Exit::Unavailable,
        spool::Error::Create { .. } => Exit::CannotCreate,
        spool::Error::Write { .. } => Exit::IoError,
        spool::Error::NoGroup(_) | spool::Error::NoSpool(_) => Exit::Config,
    }
}

/// The sentence of each error; equal sentences only once.
fn sentences(errors: &[Error]) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for sentence in errors.iter().map(Error::to_string) {
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// The recipients besides the one that is named.
fn and_others(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " (and one other)".to_string(),
        n => format!(" (and {n} others)"),
    }
}

/// The most ids that make a line people can still read.
const MOST_NAMED: usize = 20;

fn skipped(ids: &[QueueId]) -> String {
    let mut names: Vec<String> = ids.iter().take(MOST_NAMED).map(QueueId::to_string).collect();
    if ids.len() > MOST_NAMED {
        names.push(format!("{} more", ids.len() - MOST_NAMED));
    }
    let (mails, them) = if ids.len() == 1 { ("mail", "it") } else { ("mails", "them") };
    let count = ids.len();
    format!("{count} {mails} skipped, since a relay is at work on {them}: {}: try again", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Error {
        spool::Error::Write { path: "/x".into(), source: io::ErrorKind::StorageFull.into() }.into()
    }

    #[test]
    fn statuses_are_those_of_sysexits() {
        let saved = |reason: Error| Error::Saved { reason: Box::new(reason), place: "/root/dead.letter".into() };
        let untaken = Error::Untaken { to: "ops@example.com".into(), reason: "451 later".into() };
        for (error, status) in [
            (Usage::NothingAsked.into(), 64),
            (Error::Loop { hops: 101 }, 65),
            (full(), 74),
            (saved(full()), 75),
            (untaken, 75),
            (Relay::Missing.into(), 78),
            (saved(Relay::Missing.into()), 78),
            (saved(Error::Loop { hops: 101 }), 65),
            (Error::Several(vec![saved(full()), full()]), 74),
        ] {
            assert_eq!(error.exit() as u8, status, "{error}");
        }
        assert!(saved(full()).to_string().ends_with("the message was saved in /root/dead.letter"));
    }

    #[test]
    fn recipients_beside_the_one_who_is_named_are_counted() {
        let refused = |others| Error::Refused { to: "a@x.org".into(), others, reason: "550 no".into() }.to_string();
        assert_eq!(refused(0), "<a@x.org> was refused for good: 550 no");
        assert_eq!(refused(1), "<a@x.org> (and one other) was refused for good: 550 no");
        assert_eq!(refused(2), "<a@x.org> (and 2 others) was refused for good: 550 no");
    }

    #[test]
    fn mails_that_were_skipped_are_named_as_far_as_a_line_goes() {
        let id = QueueId::parse("6645F0AB1C2D000").unwrap();
        let skipped = |count| Error::Busy { ids: vec![id; count] }.to_string();
        assert_eq!(skipped(1), format!("1 mail skipped, since a relay is at work on it: {id}: try again"));
        assert_eq!(skipped(2), format!("2 mails skipped, since a relay is at work on them: {id}, {id}: try again"));
        assert!(skipped(23).ends_with(", 3 more: try again"), "{}", skipped(23));
    }
}

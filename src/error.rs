//! Trouble before the acceptance line: one enum with the user's sentence for each case, and the
//! exit status that goes with it (sysexits.h, as sendmail's callers know it).

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::{config, envelope, spool};

/// What the process leaves with: sysexits.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Accepted or done.
    Ok = 0,
    /// A malformed command line.
    Usage = 64,
    /// Unusable input, or every recipient refused for good.
    DataError = 65,
    /// The input file cannot be read.
    NoInput = 66,
    /// No usable recipient.
    NoUser = 67,
    /// The spool is unavailable.
    Unavailable = 69,
    /// A bug.
    Software = 70,
    /// The operating system refused something it should not.
    OsError = 71,
    /// A file cannot be created.
    CannotCreate = 73,
    /// Reading or writing failed.
    IoError = 74,
    /// Nothing was stored; try again.
    TempFail = 75,
    /// Not allowed.
    NoPermission = 77,
    /// The configuration is unusable.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Mails in the queue are in the hands of a relay, so that nothing could be done with them.
    #[error("{0}")]
    Busy(String),
    /// `ctl check` found something; it has said what.
    #[error("{0} found wrong")]
    Check(Findings),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// Whoever waited to hear that the mail has left hears that it is kept.
    #[error("{0}")]
    Deferred(String),
    /// A file that is to go with a mail cannot be had.
    #[error("cannot attach {}: {why}: nothing was sent", crate::outcome::clean(&path.to_string_lossy()))]
    Enclosure {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The settings of another mailer cannot be imported.
    #[error(transparent)]
    Import(#[from] config::import::Error),
    /// stdin failed before the message was whole.
    #[error("cannot read the message: {0}: nothing was sent")]
    Input(io::Error),
    /// Nobody to send it to.
    #[error(transparent)]
    NoRecipient(#[from] envelope::NoRecipient),
    /// What a person asked about a mail in the queue cannot be done.
    #[error("{0}")]
    Queue(String),
    /// The mail goes in circles.
    #[error("the mail has {0} Received fields, so it goes in circles: nothing was sent; look for a forward to itself")]
    Loop(usize),
    /// The mail was refused for every recipient, and the caller waited to hear it.
    #[error("{0}")]
    Refused(String),
    /// The relay program cannot be found or started.
    #[error("{0}")]
    Relay(String),
    /// The mail could not be kept in the spool, but elsewhere.
    #[error("{reason}: the message was saved in {}", place.display())]
    Saved {
        /// What failed.
        reason: Box<Error>,
        /// Where the message is.
        place: PathBuf,
    },
    /// The mail is not accepted, and no place took it.
    #[error("{0}; the message could not be saved anywhere")]
    Unsaved(Box<Error>),
    /// The configuration cannot be used, and the mail waits for the service, which has its own look at it.
    #[error("{reason}: the message waits in {}, and leaves once that is mended", .place.display())]
    Waiting {
        /// What is wrong.
        reason: Box<Error>,
        /// Where the message is.
        place: PathBuf,
    },
    /// Trouble with more than one mail, each told once.
    #[error("{}", sentences(.0).join("; "))]
    Several(Vec<Error>),
    /// Trouble with the spool.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The smarthost did not take the mail now, and a container without a spool cannot keep it.
    #[error("{0}; the mail was not accepted, since there is no spool to keep it in")]
    Untaken(String),
    /// Somebody else's rights are needed.
    #[error("{0}")]
    Denied(String),
    /// The command line asks for something we cannot do.
    #[error("{0}")]
    Usage(String),
    /// Output could not be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

/// How many things `ctl check` found.
#[derive(Debug)]
pub struct Findings(pub usize);

impl std::fmt::Display for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            1 => f.write_str("one thing"),
            n => write!(f, "{n} things"),
        }
    }
}

/// What each of them says, the same only once.
fn sentences(errors: &[Error]) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for sentence in errors.iter().map(Error::to_string) {
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

impl Error {
    /// All of them as one; none if there are none.
    pub(crate) fn all(mut errors: Vec<Self>) -> Option<Self> {
        if errors.len() > 1 { Some(Error::Several(errors)) } else { errors.pop() }
    }

    /// What it says, one sentence for each thing that went wrong.
    pub fn sentences(&self) -> Vec<String> {
        match self {
            Error::Several(errors) => sentences(errors),
            one => vec![one.to_string()],
        }
    }

    /// The mail itself is at fault: another try would change nothing.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Error::Loop(_) | Error::Spool(spool::Error::Envelope { .. }))
    }

    /// The status to leave with.
    pub fn exit(&self) -> Exit {
        match self {
            Error::Check(_) | Error::Config(_) | Error::Relay(_) => Exit::Config,
            Error::Input(_) | Error::Output(_) => Exit::IoError,
            Error::NoRecipient(_) => Exit::NoUser,
            Error::Import(config::import::Error::Exists(_)) => Exit::CannotCreate,
            Error::Import(config::import::Error::Unreadable { .. }) => Exit::NoInput,
            Error::Enclosure { .. } | Error::Import(_) | Error::Loop(_) | Error::Queue(_) | Error::Refused(_) => {
                Exit::DataError
            }
            Error::Unsaved(reason) => reason.exit(),
            // sendmail's own status for a mail that is kept and was not sent; PHP's mail() takes it as accepted.
            Error::Waiting { .. } => Exit::TempFail,
            // What is saved where no relay looks was not accepted; a broken configuration stays named as such.
            Error::Saved { reason, .. } => match reason.exit() {
                Exit::Config => Exit::Config,
                // Another try would change nothing.
                Exit::DataError if reason.is_lasting() => Exit::DataError,
                _ => Exit::TempFail,
            },
            // What another try may mend is the least of it.
            Error::Several(errors) => {
                let mut statuses = errors.iter().map(Error::exit);
                statuses.find(|status| *status != Exit::TempFail).unwrap_or(Exit::TempFail)
            }
            Error::Spool(spool::Error::Envelope { .. }) => Exit::DataError,
            Error::Denied(_) => Exit::NoPermission,
            Error::Spool(error) if error.is_denied() => Exit::NoPermission,
            Error::Spool(spool::Error::NoSpool(_)) => Exit::Config,
            Error::Spool(spool::Error::Create { .. }) => Exit::CannotCreate,
            Error::Spool(spool::Error::Damaged { .. } | spool::Error::Read { .. }) => Exit::Unavailable,
            Error::Spool(spool::Error::Write { .. }) => Exit::IoError,
            Error::Busy(_) | Error::Deferred(_) | Error::Untaken(_) => Exit::TempFail,
            Error::Usage(_) => Exit::Usage,
        }
    }
}

/// A panic is a bug, and must not look like success: it leaves as "try again", with a sentence.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
        // The message of a panic may hold anything, an address or a secret among it: only the place is told.
        let _ = io::Write::write_all(
            &mut io::stderr(),
            format!("mailx-t: internal error{place}: please report it\n").as_bytes(),
        );
        std::process::exit(Exit::TempFail as i32);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_sysexits() {
        let full = || spool::Error::Write { path: "/x".into(), source: io::ErrorKind::StorageFull.into() };
        assert_eq!(Error::Spool(full()).exit() as u8, 74);
        let saved = Error::Saved { reason: Box::new(full().into()), place: "/root/dead.letter".into() };
        assert_eq!(saved.exit() as u8, 75);
        assert_eq!(Error::Untaken("<ops@example.com>: 451 later".into()).exit() as u8, 75);
        assert!(saved.to_string().ends_with("the message was saved in /root/dead.letter"));
        assert_eq!(Error::Usage(String::new()).exit() as u8, 64);
        assert_eq!(Error::Relay(String::new()).exit() as u8, 78);
    }
}

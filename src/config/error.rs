//! The reasons why a configuration cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use super::diagnosis::Fault;
use super::environment::WrongEnvironment;
use super::locate::SYSTEM_FILE;
use crate::{lookalike, system};

/// The reason why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file has a line that makes no sense.
    #[error("{}:{fault}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The place in it, and the fault there.
        fault: Fault,
    },
    /// The environment form is incomplete or wrong.
    #[error(transparent)]
    Environment(#[from] WrongEnvironment),
    /// The file holds a password that others can read.
    #[error(
        "{} holds a password and is open to others: {cure}, or move the password to a password-file",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// The command that closes it to them.
        cure: &'static str,
    },
    /// Others may write the file, whose commands would run with our rights.
    #[error("{} {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The fault that lets them, and the cure.
        why: String,
    },
    /// There is no configuration.
    #[error("no configuration: {} does not exist: {} mailx-t ctl init, then fill it in", .0.display(), runner(.0))]
    Missing(PathBuf),
    /// A stranger may have named the file, and it names a thing that a stranger may not have.
    #[error(
        "{} names {names}, which only a configuration in /etc, a user's own in ~/.config/mailx-t, or a file of root's in \
         a directory of root's may: move it there, or {cure}",
        path.display()
    )]
    Power {
        /// The file.
        path: PathBuf,
        /// The thing that it names.
        names: &'static str,
        /// The cure if the file stays in its place.
        cure: &'static str,
    },
    /// Root could not become the user that the spool belongs to, most often the service user.
    #[error("cannot become the user that the spool belongs to: {0}")]
    Service(io::Error),
    /// A setting is missing or does not fit the others.
    #[error("{place}: {what}")]
    Unfit {
        /// The file, or the environment.
        place: String,
        /// The fault and its cure.
        what: Unfit,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}{}", path.display(), cure(path, source))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// The words about a file that this user may not read.
fn cure(path: &Path, error: &io::Error) -> String {
    if error.kind() != io::ErrorKind::PermissionDenied || path != Path::new(SYSTEM_FILE) {
        return String::new();
    }
    format!(
        ": every user's mail needs it: as root, chmod 644 {} (and 755 its directory), with the password in a \
         password-file of its own",
        path.display()
    )
}

fn wide_in_address(c: char) -> String {
    lookalike::advice(c).unwrap_or_default()
}

/// The person who makes a configuration at that place.
fn runner(path: &Path) -> &'static str {
    let is_of_others = path == Path::new(SYSTEM_FILE) && !system::caller().speaks_for_others();
    if is_of_others { "ask root to run" } else { "run" }
}

impl Error {
    /// It is the machine's own configuration that cannot be used.
    pub(crate) fn is_of_machine(&self) -> bool {
        match self {
            Self::Content { path, .. }
            | Self::Exposed { path, .. }
            | Self::Foreign { path, .. }
            | Self::Missing(path)
            | Self::Power { path, .. }
            | Self::Unreadable { path, .. } => path == Path::new(SYSTEM_FILE),
            Self::Unfit { place, .. } => place == SYSTEM_FILE,
            Self::Environment(_) => false,
            Self::Service(_) => true,
        }
    }
}

/// A setting that is missing or does not fit the others. Smarthosts are told as `host:port`.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// An alias does not lead to addresses.
    #[error("the alias {name} in [recipients.aliases] does not lead to addresses only")]
    Alias {
        /// Its name, fit to print.
        name: String,
    },
    /// The default recipient is no address.
    #[error("default in [recipients] is no address, or not only addresses")]
    Default,
    /// No setting names the address that mail leaves as.
    #[error(
        "neither user in [smarthost] nor from in [rewrite] is set: set user to the account's whole address, or from \
         where nobody logs in"
    )]
    NoAccount,
    /// A smarthost is for some senders alone, and no setting names the address that their mail leaves as.
    #[error("smarthost {smarthost} has match-from and no account: set from to its address")]
    NoOwnAccount {
        /// The smarthost.
        smarthost: String,
    },
    /// There is nobody to send mail to.
    #[error("there is no [smarthost]: name at least its host, user and password-file")]
    NoSmarthost,
    /// No mail is as small.
    #[error("max-message-size in [spool] is 0, and no mail is as small: set it to a size")]
    NoSize,
    /// The spool would be another directory for each caller.
    #[error("path in [spool] is not absolute")]
    RelativeSpool,
    /// A smarthost is for some senders alone, and their mail leaves as the address of everybody else's.
    #[error(
        "smarthost {smarthost} has match-from and the account {account}, which others have too: set from in it to \
         another address that the login may send as, or leave match-from out"
    )]
    SharedAccount {
        /// The smarthost.
        smarthost: String,
        /// The address.
        account: String,
    },
    /// A smarthost is for all mail, and names another sender than the one that all mail has.
    #[error(
        "smarthost {smarthost} has from, but no match-from: what leaves over it when another does not take it leaves \
         as {account}: leave from out, or add match-from"
    )]
    UnheardSender {
        /// The smarthost.
        smarthost: String,
        /// The address that all mail leaves as.
        account: String,
    },
    /// The login is no address, and no other is named.
    #[error(
        "the user of [smarthost] is no mail address: {}",
        match wide {
            Some(c) if c.is_ascii_whitespace() => "a blank stands in it: take it away".to_string(),
            Some(c) => wide_in_address(*c),
            None => "write the whole address, or set from in [rewrite] to the account's".to_string(),
        }
    )]
    UserIsNoAddress {
        /// A blank in it, or a character that looks like one of ASCII.
        wide: Option<char>,
    },
}

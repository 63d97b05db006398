//! Why a configuration cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use super::diagnosis::Fault;
use super::environment::WrongEnvironment;
use super::locate::SYSTEM_FILE;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file says something that is not understood.
    #[error("{}:{fault}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The place in it, and what is wrong there.
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
        /// What closes it to them.
        cure: &'static str,
    },
    /// Others may write what would be run with our rights.
    #[error("{} {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What lets them, and what to do.
        why: String,
    },
    /// There is no configuration.
    #[error("no configuration: {} does not exist: run mailx-t ctl init, then fill it in", .0.display())]
    Missing(PathBuf),
    /// Whoever named the file may be a stranger, and it wants what a stranger may not have.
    #[error(
        "{} names {names}, which only a configuration in /etc, a user's own in ~/.config/mailx-t, or a file of root's in \
         a directory of root's may: move it there, or {cure}",
        path.display()
    )]
    Power {
        /// The file.
        path: PathBuf,
        /// What it names.
        names: &'static str,
        /// What to do if it stays where it is.
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
        /// What is missing or does not fit, and what to do.
        what: Unfit,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
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
    /// Nothing says which address mail leaves as.
    #[error("neither user in [smarthost] nor from in [rewrite] is set: set from to an address")]
    NoAccount,
    /// A smarthost is for some senders alone, and nothing says which address their mail leaves as.
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
    #[error("the user of [smarthost] is no mail address: set from in [rewrite] to the account's address")]
    UserIsNoAddress,
}

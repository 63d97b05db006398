//! The settings, composed from the parts' own: from one file, or in containers from the
//! environment. Unknown keys are refused, with the place and the nearest known key; no line of the
//! file is ever quoted, since it could hold a secret.

mod diagnosis;
mod environment;
mod form;
pub mod import;
mod locate;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lettre::Address;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

pub(crate) use environment::Environment;
pub use locate::Source;
pub(crate) use locate::{SYSTEM_FILE, locate, user_file, user_spool};

use crate::relay::Smarthost;
use crate::{alarm, envelope, log, retry, rewrite, spool, system};

/// Where the spool is when nothing else is said.
pub(crate) const SYSTEM_SPOOL: &str = "/var/spool/mailx-t";

/// All settings of one run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where they came from.
    pub(crate) source: Source,
    /// The smarthost that is tried first.
    pub smarthost: Smarthost,
    /// Those that are tried when it does not take us, in this order.
    pub(crate) fallbacks: Vec<Smarthost>,
    /// `[rewrite]`.
    pub rewrite: rewrite::Settings,
    /// `[recipients]`.
    pub recipients: envelope::Settings,
    /// `[spool]`.
    pub spool: spool::Settings,
    /// `[retry]`.
    pub retry: retry::Settings,
    /// `[log]`.
    pub log: log::Settings,
    /// `[alarm]`.
    pub(crate) alarm: alarm::Settings,
    /// The address that goes into MAIL FROM and the From field.
    pub account: Address,
}

/// The file as it is written.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    #[serde(deserialize_with = "one_or_many")]
    smarthost: Vec<Smarthost>,
    rewrite: rewrite::Settings,
    recipients: envelope::Settings,
    spool: spool::Settings,
    retry: retry::Settings,
    log: log::Settings,
    alarm: alarm::Settings,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file says something that is not understood.
    #[error("{}:{line}:{column}: {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong, and what was perhaps meant.
        what: String,
    },
    /// The environment form is incomplete or wrong.
    #[error("{0}")]
    Environment(String),
    /// The file holds a password that others can read.
    #[error("{} holds a password and is open to others: {cure}, or move the password to a password-file", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// What closes it to them.
        cure: &'static str,
    },
    /// Others may write what would be run with our rights.
    #[error("{} may be written by others: give it to yourself or root, and chmod go-w it", .0.display())]
    Foreign(PathBuf),
    /// A setting is missing or does not fit the others.
    #[error("{place}: {what}")]
    Incomplete {
        /// The file, or the environment.
        place: String,
        /// What is missing, and what to do.
        what: String,
    },
    /// There is no configuration.
    #[error("no configuration: {} does not exist: run mailx-t ctl init, then fill it in", .0.display())]
    Missing(PathBuf),
    /// Root could not become the user that the spool belongs to, most often the service user.
    #[error("cannot become the user that the spool belongs to: {0}")]
    Service(io::Error),
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
            | Self::Foreign(path)
            | Self::Missing(path)
            | Self::Unreadable { path, .. } => path == Path::new(SYSTEM_FILE),
            Self::Incomplete { place, .. } => place == SYSTEM_FILE,
            Self::Environment(_) => false,
            Self::Service(_) => true,
        }
    }
}

impl Config {
    /// As [`load`](Self::load), but root first becomes the service user where the configuration is the machine's.
    ///
    /// # Errors
    /// One of [`Error`].
    pub(crate) fn load_as_service(source: Source) -> Result<Self, Error> {
        if source.is_machine() {
            system::become_service().map_err(Error::Service)?;
        }
        let config = Self::load(source)?;
        // Another file may still mean the service's spool, or a user's: what root leaves there its owner could not touch,
        // and where its owner makes links root must not write.
        if let Some(owner) = spool::Spool::new(config.spool_path()).owner_in_our_place() {
            system::become_user(owner).map_err(Error::Service)?;
        }
        Ok(config)
    }

    /// Reads the configuration from where it is.
    ///
    /// # Errors
    /// One of [`Error`], whose sentence names the place.
    pub fn load(source: Source) -> Result<Self, Error> {
        match &source {
            Source::Environment(environment) => {
                let file = environment.file().map_err(Error::Environment)?;
                Self::compose(file, source.clone())
            }
            Source::System(path) | Source::User(path) => {
                let text = fs::read_to_string(path).map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => Error::Missing(path.clone()),
                    _ => Error::Unreadable { path: path.clone(), source: error },
                })?;
                if is_foreign(path) {
                    return Err(Error::Foreign(path.clone()));
                }
                let config = Self::of(path, &text, source.clone())?;
                if config.smarthosts().any(|smarthost| smarthost.password.is_some()) {
                    config.guard(path)?;
                }
                Ok(config)
            }
        }
    }

    /// The settings that the text of a file stands for; nothing but the text is looked at.
    ///
    /// # Errors
    /// [`Error::Content`] or [`Error::Incomplete`].
    pub fn of(path: &Path, text: &str, source: Source) -> Result<Self, Error> {
        Self::compose(parse(path, text)?, source)
    }

    fn compose(file: File, source: Source) -> Result<Self, Error> {
        let incomplete = |what: &str| Error::Incomplete { place: source.to_string(), what: what.to_string() };
        let is_for_all = |smarthost: &&Smarthost| smarthost.match_from.is_empty();
        let Some(general) = file.smarthost.iter().find(is_for_all).or(file.smarthost.first()) else {
            return Err(incomplete("there is no [smarthost]: name at least its host, user and password-file"));
        };
        let account = match (file.rewrite.from.clone().or_else(|| general.account()), &general.user) {
            (Some(account), _) => account,
            (None, Some(_)) => {
                return Err(incomplete(
                    "the user of [smarthost] is no mail address: set from in [rewrite] to the account's address",
                ));
            }
            (None, None) => {
                return Err(incomplete(
                    "neither user in [smarthost] nor from in [rewrite] is set: set from to an address",
                ));
            }
        };
        for own in file.smarthost.iter().filter(|smarthost| !is_for_all(smarthost)) {
            let wrong = match own.account() {
                None => "no account: set from to its address".to_string(),
                Some(shared) if shared == account && !std::ptr::eq(own, general) => {
                    format!(
                        "the account {shared}, which others have too: set from in it to another address that the login \
                         may send as, or leave match-from out"
                    )
                }
                Some(_) => continue,
            };
            return Err(incomplete(&format!("smarthost {own} has match-from and {wrong}")));
        }
        let is_unheard =
            |further: &&Smarthost| is_for_all(further) && further.from.as_ref().is_some_and(|from| *from != account);
        if let Some(unheard) = file.smarthost.iter().filter(|further| !std::ptr::eq(*further, general)).find(is_unheard)
        {
            return Err(incomplete(&format!(
                "smarthost {unheard} has from, but no match-from: what leaves over it when another does not take it leaves as \
                 {account}: leave from out, or add match-from"
            )));
        }
        if file.spool.max_message_size.as_u64() == 0 {
            return Err(incomplete("max-message-size in [spool] is 0, and no mail is as small: set it to a size"));
        }
        if file.spool.path.as_ref().is_some_and(|path| !path.is_absolute()) {
            return Err(incomplete("path in [spool] is not absolute"));
        }
        if file.recipients.default.as_ref().is_some_and(|names| !names.are_usable()) {
            return Err(incomplete("default in [recipients] is no address, or not only addresses"));
        }
        if let Some((name, _)) = file.recipients.aliases.iter().find(|(_, names)| !names.are_usable()) {
            let name = crate::outcome::clean(name);
            return Err(incomplete(&format!(
                "the alias {name} in [recipients.aliases] does not lead to addresses only"
            )));
        }
        let mut smarthosts = file.smarthost.into_iter();
        let Some(first) = smarthosts.next() else {
            return Err(incomplete("there is no [smarthost]"));
        };
        Ok(Self {
            smarthost: first,
            fallbacks: smarthosts.collect(),
            rewrite: file.rewrite,
            recipients: file.recipients,
            spool: file.spool,
            retry: file.retry,
            log: file.log,
            alarm: file.alarm,
            account,
            source,
        })
    }

    /// Judges the file of these settings, which hold a password: it is for its owner alone, the machine's own for the group
    /// of the service too.
    fn guard(&self, path: &Path) -> Result<(), Error> {
        let Ok(found) = fs::metadata(path) else { return Ok(()) };
        let of_spool = || fs::metadata(self.spool_path()).ok().map(|spool| spool.gid());
        let group = if self.source.is_machine() { of_spool() } else { None };
        if !is_exposed(found.mode(), found.gid(), group) {
            return Ok(());
        }
        let is_of_service = self.source.is_machine() && system::service().is_some();
        let cure = if is_of_service { "chown root:mailx-t it, and chmod 640 it" } else { "chmod 600 it" };
        Err(Error::Exposed { path: path.to_path_buf(), cure })
    }

    /// All smarthosts in the order they are tried.
    pub fn smarthosts(&self) -> impl Iterator<Item = &Smarthost> {
        std::iter::once(&self.smarthost).chain(&self.fallbacks)
    }

    /// The address that mail of that sender, an address or the name of a user, leaves as.
    pub fn account_of(&self, sender: &str) -> Address {
        let own = self.smarthosts().find(|smarthost| smarthost.matches(sender)).and_then(Smarthost::account);
        own.unwrap_or_else(|| self.account.clone())
    }

    /// The account has smarthosts that are for its mail alone.
    pub(crate) fn has_own_smarthost(&self, account: &Address) -> bool {
        self.smarthosts().any(|s| !s.match_from.is_empty() && s.account().as_ref() == Some(account))
    }

    /// The smarthosts for mail that leaves as that account, in the order they are tried; never none.
    pub fn smarthosts_of(&self, account: Option<&Address>) -> Vec<&Smarthost> {
        let is_own = |s: &&Smarthost| !s.match_from.is_empty() && account.is_some() && s.account().as_ref() == account;
        let own: Vec<_> = self.smarthosts().filter(is_own).collect();
        let for_all: Vec<_> = self.smarthosts().filter(|s| s.match_from.is_empty()).collect();
        let found = if own.is_empty() { for_all } else { own };
        if found.is_empty() { self.smarthosts().collect() } else { found }
    }

    /// The settings name a shell command that this process may have to run.
    pub(crate) fn has_commands(&self) -> bool {
        self.alarm.command.is_some() || self.smarthosts().any(Smarthost::has_commands)
    }

    /// Whose the spool is, or is to be: the machine's where root or the service user has it.
    pub(crate) fn owner_of_spool(&self) -> spool::Owner {
        owner_of_spool(&self.spool_path(), &self.source)
    }

    /// Where the spool is.
    pub fn spool_path(&self) -> PathBuf {
        // Whoever brings settings of their own has a spool of their own, but for root.
        let own = || if self.source.is_machine() { None } else { user_spool() };
        self.spool.path.clone().or_else(own).unwrap_or_else(|| PathBuf::from(SYSTEM_SPOOL))
    }
}

/// Whose a spool there is, or is to be, that those settings name.
pub(crate) fn owner_of_spool(path: &Path, source: &Source) -> spool::Owner {
    let (service, us) = (system::service(), system::effective_uid());
    let is_service = |uid| service.is_some_and(|(service, _)| service == uid);
    match spool::Spool::new(path).owner() {
        Some(uid) if is_service(uid) => spool::Owner::Machine(service),
        None | Some(0) if source.is_machine() && (us == 0 || is_service(us)) => spool::Owner::Machine(service),
        Some(0) => spool::Owner::Machine(None),
        None if us == 0 => spool::Owner::Machine(None),
        _ => spool::Owner::User,
    }
}

/// Reads the text of a configuration file; `path` is for the error.
fn parse(path: &Path, text: &str) -> Result<File, Error> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let (line, column) = diagnosis::place(text, offset);
        let what = diagnosis::sentence(error.message(), text, offset);
        Error::Content { path: path.to_path_buf(), line, column, what }
    })
}

/// A configuration names commands. It has to be root's or the caller's own, and for nobody else to write.
fn is_foreign(path: &Path) -> bool {
    let ours = [0, system::caller().uid, system::effective_uid()];
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o002 != 0 || !ours.contains(&found.uid()))
}

/// Others than its owner may use a file of that mode and group, but for reading by the one group that may.
fn is_exposed(mode: u32, group: u32, readers: Option<u32>) -> bool {
    let closed = if readers == Some(group) { 0o037 } else { 0o077 };
    mode & closed != 0
}

/// `[smarthost]` once, or `[[smarthost]]` several times.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Smarthost>, D::Error> {
    struct OneOrMany;
    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<Smarthost>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a table [smarthost] or several tables [[smarthost]]")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Smarthost::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }
    from.deserialize_any(OneOrMany)
}

#[cfg(test)]
mod tests;

//! The settings, composed of the parts' own. They come from one file, or in containers from the environment. Unknown
//! keys are refused, with the place and the nearest known key. No sentence quotes a line of the file, since it could
//! hold a secret.

mod access;
mod diagnosis;
mod environment;
mod error;
mod file;
mod form;
pub mod import;
mod judgement;
mod locate;
mod machine_spool;
mod smarthosts;

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use lettre::Address;

pub(crate) use environment::{Environment, WrongEnvironment};
pub use error::Error;
pub(crate) use error::Unfit;
pub use locate::Source;
pub(crate) use locate::{
    SYSTEM_FILE, SYSTEM_SPOOL, is_unfilled_file, locate, placeholders, unfilled_user_file, user_file, user_spool,
};
pub(crate) use machine_spool::machine_spool;
pub(crate) use smarthosts::{SmarthostId, Smarthosts};

use crate::relay::Smarthost;
use crate::{alarm, envelope, fold, log, outcome, retry, rewrite, spool, system};
use file::File;

/// All settings of one run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The place they were read from.
    pub(crate) source: Source,
    /// `[smarthost]`.
    pub smarthosts: Smarthosts,
    /// `[rewrite]`.
    pub rewrite: rewrite::Settings,
    /// `[recipients]`.
    pub recipients: envelope::Settings,
    /// `[spool]`.
    pub spool: spool::Settings,
    /// `[retry]`.
    pub retry: retry::Settings,
    /// `[fold]`; `None` where nothing is folded.
    pub(crate) fold: Option<fold::Settings>,
    /// `[log]`.
    pub log: log::Settings,
    /// `[alarm]`.
    pub(crate) alarm: alarm::Settings,
    /// The address that goes into MAIL FROM and the From field.
    pub account: Address,
}

impl Config {
    /// As [`load`](Self::load), but root first becomes the service user if the configuration is the machine's.
    ///
    /// # Errors
    /// One of [`Error`].
    pub(crate) fn load_as_service(source: Source) -> Result<Self, Error> {
        if source.is_machine() {
            system::become_service().map_err(Error::Service)?;
        }
        let config = Self::load(source)?;
        // Another file may still name the spool of the service, or of a user. Its owner could not touch the mails that
        // root leaves there, and root must not write where the owner makes links.
        if let Some(owner) = spool::Spool::new(config.spool_path()).owner_in_our_place() {
            system::become_user(owner).map_err(Error::Service)?;
        }
        Ok(config)
    }

    /// Reads the configuration from its source.
    ///
    /// # Errors
    /// One of [`Error`], whose sentence names the place.
    pub fn load(source: Source) -> Result<Self, Error> {
        match &source {
            Source::Environment(environment) => Self::compose(environment.file()?, source.clone()),
            Source::System(path) | Source::User(path) => Self::read(path, source.clone()),
        }
    }

    /// Reads a file. Strangers may not write it, and may not read it if it holds a password.
    fn read(path: &Path, source: Source) -> Result<Self, Error> {
        let file = access::open(path)?;
        let (found, is_of_root) = (file.metadata().clone(), file.is_of_root());
        let unreadable = |source| Error::Unreadable { path: path.to_path_buf(), source };
        let text = file.read(access::MOST).map_err(unreadable)?;
        let text = String::from_utf8(text).map_err(|error| unreadable(not_utf8(&error)))?;
        let config = Self::of(path, &text, source)?;
        if !is_of_root && !config.source.is_at_a_place_of_ours() {
            config.forbid_power(path)?;
        }
        if config.smarthosts.iter().any(|smarthost| smarthost.password.is_some()) {
            config.guard(path, &found)?;
        }
        Ok(config)
    }

    /// The settings in the text of a file, judged by the text alone.
    ///
    /// # Errors
    /// [`Error::Content`] or [`Error::Unfit`].
    pub fn of(path: &Path, text: &str, source: Source) -> Result<Self, Error> {
        let file = File::parse(text).map_err(|fault| Error::Content { path: path.to_path_buf(), fault })?;
        Self::compose(file, source)
    }

    fn compose(file: File, source: Source) -> Result<Self, Error> {
        let place = source.to_string();
        Self::fit(file, source).map_err(|what| Error::Unfit { place, what })
    }

    fn fit(file: File, source: Source) -> Result<Self, Unfit> {
        let smarthosts = Smarthosts::new(file.smarthost).ok_or(Unfit::NoSmarthost)?;
        let account = judgement::account(&smarthosts, file.rewrite.from.as_ref())?;
        judgement::own_accounts(&smarthosts, &account)?;
        judgement::senders(&smarthosts, &account)?;
        judgement::spool(&file.spool)?;
        judgement::recipients(&file.recipients)?;
        Ok(Self {
            source,
            smarthosts,
            rewrite: file.rewrite,
            recipients: file.recipients,
            spool: file.spool,
            retry: file.retry,
            fold: file.fold,
            log: file.log,
            alarm: file.alarm,
            account,
        })
    }

    /// Refuses three things in a file that a stranger may have chosen: a command, a log that could pass for a program,
    /// and a secret of another place. The stranger's own server would get that secret's first line. A page that hands
    /// its visitors' text to sendmail as arguments may let them upload files too.
    fn forbid_power(&self, path: &Path) -> Result<(), Error> {
        let forbidden = |names, cure| Err(Error::Power { path: path.to_path_buf(), names, cure });
        if self.has_commands() {
            return forbidden("a command to run", "use password-file");
        }
        let is_elsewhere = |file: &Path| file.parent() != path.parent();
        if self.smarthosts.iter().flat_map(Smarthost::secret_files).any(is_elsewhere) {
            return forbidden("a secret outside of its own directory", "put the secret beside it");
        }
        match self.log.file() {
            Some(file) if !access::is_called_log(file) => {
                forbidden("a log that is not called log or *.log", "call it so")
            }
            _ => Ok(()),
        }
    }

    /// Refuses a file with a password that others may read: it is for its owner alone, the machine's own file for the
    /// group of the service too.
    fn guard(&self, path: &Path, found: &Metadata) -> Result<(), Error> {
        let is_machine = self.source.is_machine();
        let readers = is_machine.then(|| system::service().map_or(0, |(_, gid)| gid));
        if !access::is_exposed(found, readers) {
            return Ok(());
        }
        let is_of_service = is_machine && system::service().is_some();
        let cure = if is_of_service { "chown root:mailx-t it, and chmod 640 it" } else { "chmod 600 it" };
        Err(Error::Exposed { path: path.to_path_buf(), cure })
    }

    /// The address that mail of that sender, an address or the name of a user, leaves as.
    pub fn account_of(&self, sender: &str) -> Address {
        self.smarthosts.account_of(sender).unwrap_or_else(|| self.account.clone())
    }

    /// The settings name a shell command that this process may have to run.
    pub(crate) fn has_commands(&self) -> bool {
        self.alarm.command.is_some() || self.smarthosts.iter().any(Smarthost::has_commands)
    }

    /// The owner of the spool, or of the spool to come: the machine's if root or the service user has it.
    pub(crate) fn owner_of_spool(&self) -> spool::Owner {
        owner_of_spool(&self.spool_path(), &self.source)
    }

    /// The group whose members may list the spool, if it has one.
    ///
    /// # Errors
    /// The settings name a group that this machine does not have.
    pub(crate) fn readers(&self) -> Result<Option<u32>, spool::Error> {
        match (self.owner_of_spool(), &self.spool.readers) {
            (spool::Owner::User, _) => Ok(None),
            (owner, None) => Ok(owner.group()),
            (_, Some(name)) => system::group(name).map(Some).ok_or_else(|| spool::Error::NoGroup(outcome::clean(name))),
        }
    }

    /// There is no spool, and need not be: a container, which the environment configures, sends each mail at once.
    pub(crate) fn does_without_spool(&self) -> bool {
        matches!(self.source, Source::Environment(_)) && spool::Spool::new(self.spool_path()).owner().is_none()
    }

    /// The same settings for the system's spool, if the machine's is another: mails wait there that were handed in
    /// while nobody could read which it is.
    pub(crate) fn for_system_spool(&self) -> Option<Self> {
        let is_elsewhere = self.source.is_machine() && self.spool_path() != Path::new(SYSTEM_SPOOL);
        let path = Some(PathBuf::from(SYSTEM_SPOOL));
        is_elsewhere.then(|| Self { spool: spool::Settings { path, ..self.spool.clone() }, ..self.clone() })
    }

    /// The directory of the spool.
    pub fn spool_path(&self) -> PathBuf {
        // A user with settings of their own has a spool of their own. Root has the machine's.
        let own = || if self.source.is_machine() { None } else { user_spool() };
        self.spool.path.clone().or_else(own).unwrap_or_else(|| PathBuf::from(SYSTEM_SPOOL))
    }
}

/// The fault of a text that is not UTF-8, with its line and the cure.
fn not_utf8(error: &std::string::FromUtf8Error) -> io::Error {
    let (text, end) = (error.as_bytes(), error.utf8_error().valid_up_to());
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return io::Error::other("it is UTF-16: save it as UTF-8");
    }
    let line = text[..end].iter().filter(|byte| **byte == b'\n').count() + 1;
    io::Error::other(format!(
        "line {line} is not UTF-8: save the file as UTF-8, from GB18030: iconv -f GB18030 -t UTF-8"
    ))
}

/// The owner of the spool at `path`, or of the spool that these settings will have there.
pub(crate) fn owner_of_spool(path: &Path, source: &Source) -> spool::Owner {
    let (service, us) = (system::service(), system::effective_uid());
    let is_service = |uid| service.is_some_and(|(service, _)| service == uid);
    match spool::Spool::new(path).owner() {
        Some(uid) if is_service(uid) => spool::Owner::Machine(service),
        None | Some(0) if source.is_machine() && (us == 0 || is_service(us)) => spool::Owner::Machine(service),
        Some(0) => spool::Owner::Machine(None),
        // A file system, such as NFS, gives root's files to another user.
        Some(_) if us == 0 && spool::Spool::new(path).owner_in_our_place().is_none() => spool::Owner::Machine(None),
        None if us == 0 => spool::Owner::Machine(None),
        _ => spool::Owner::User,
    }
}

#[cfg(test)]
mod tests;

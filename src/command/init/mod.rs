//! `ctl init`: makes the spool, a commented configuration, and for the machine an empty password file, unless they are
//! there. It is safe to repeat: it changes nothing that is there except the modes of the spool's directories, and for a
//! provider a configuration that nobody has filled in.

mod ask;
mod provider;

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

pub(crate) use self::ask::Ask;
use self::provider::Chosen;
use crate::config::{self, Config, Source};
use crate::error::Error;
use crate::spool::{self, Spool};
use crate::system;
use crate::trust::{Directory, plain};

/// The text of a new configuration.
pub(super) const TEMPLATE: &str = include_str!("../../../packaging/config.toml");

/// The directory of the password file that it names; a configuration elsewhere names one beside itself.
const MACHINE: &str = "/etc/mailx-t";
/// The name of that file.
const PASSWORD: &str = "password";
/// The start of the line that names another secret.
const TOKEN_LINE: &str = "refresh-token-file = ";

/// Without the service's user the spool is root's, and changes its owner later only while it is empty.
const NO_SERVICE: &str = "there is no user mailx-t, so the spool is root's: on a machine with more users than root, run \
                          useradd --system --shell /usr/sbin/nologin mailx-t, and mailx-t ctl init again before the first mail";

/// Makes the parts that are missing and names them. A new configuration is for `provider`, a well-known name or a
/// domain; what that leaves to a person is asked of one, if there is one.
///
/// # Errors
/// A part cannot be made, the configuration that is there cannot be used, or nobody knows the provider.
pub(crate) fn run(
    named: Option<&Path>,
    provider: Option<&str>,
    person: Option<Ask<'_>>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let source = source(named);
    if let Source::User(path) = &source
        && named.is_none()
        && (!path.exists() || config::is_unfilled_file(path))
    {
        return Err(Error::NotRoot { own: path.clone() });
    }
    let path = path_of(&source);
    let chosen = provider.map(provider::find).transpose()?;
    let secret = chosen.as_ref().map_or_else(|| secret_of(&path), Chosen::secret);
    let password = path.with_file_name(secret);
    let text = beside(&path, &chosen.as_ref().map_or_else(|| TEMPLATE.to_string(), |chosen| chosen.fill(TEMPLATE)));
    let is_for_provider = chosen.is_some();
    let state = settle(&path, &text, is_for_provider)?;
    let (spool, readers, names_password) = match &state {
        State::Filled => {
            let config = Config::load(source.clone())?;
            (config.spool_path(), Some(config.readers()?), names(&config, &password))
        }
        _ => (new_spool(&source), None, true),
    };
    // Only the machine's spool is the service user's. A spool of another file belongs to the user who named that.
    let owner = config::owner_of_spool(&spool, &source);
    Spool::new(&spool).create_for(owner, readers.unwrap_or(owner.group()))?;
    let mut say = |text: String| writeln!(out, "{text}").map_err(Error::Output);
    let makes_password = names_password && !path.as_os_str().is_empty();
    // Nobody is asked for the password of one server to have it sent to another.
    let is_its_own = |chosen: &&Chosen| plain::read_text(&path).is_ok_and(|text| chosen.is_server_of(&text));
    let (own, is_asked) = (chosen.as_ref().filter(is_its_own), person.is_some());
    say(state.sentence(&source, chosen.as_ref(), own.is_some(), is_asked))?;
    if makes_password && let Some(what) = see_to_secret(&source, &password, is_asked && own.is_some())? {
        say(what)?;
    }
    if let (Some(chosen), Some(ask)) = (own, person) {
        ask_for_rest(&source, &path, chosen, ask, &mut say)?;
    }
    if source.is_machine() && system::is_root() && system::service().is_none() {
        say(NO_SERVICE.to_string())?;
    }
    let then = if state == State::Filled { "" } else { "; then run: mailx-t ctl check" };
    say(format!("spool {} is ready{then}", spool.display()))
}

/// The file of the configuration; the environment has none.
fn path_of(source: &Source) -> PathBuf {
    match source {
        Source::System(path) | Source::User(path) => path.clone(),
        Source::Environment(_) => PathBuf::new(),
    }
}

/// Makes the file of a secret, or opens one of root's to the service; says what was done. `is_asked` says whether
/// somebody is asked for the secret.
fn see_to_secret(source: &Source, path: &Path, is_asked: bool) -> Result<Option<String>, Error> {
    let is_of_machine = source.is_machine() && system::is_root();
    if make_password_file(path, is_of_machine)? {
        let what = path.file_name().unwrap_or_default().to_string_lossy().replace('-', " ");
        let then = if is_asked { String::new() } else { format!(": put the {what} on its first line") };
        return Ok(Some(format!("made {}{then}", path.display())));
    }
    let is_opened = is_of_machine && let_service_in(path);
    Ok(is_opened.then(|| format!("the group of mailx-t may read {}", path.display())))
}

/// Asks a person for what the configuration and the password file lack, and writes it there.
fn ask_for_rest(
    source: &Source,
    path: &Path,
    chosen: &Chosen,
    ask: Ask<'_>,
    say: &mut dyn FnMut(String) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |path: &Path, source| Error::Spool(spool::Error::Create { path: path.to_path_buf(), source });
    if config::is_unfilled_file(path) {
        let text = plain::read_text(path).map_err(|error| failed(path, error))?;
        let Some(filled) = ask::fill(&text, chosen, ask) else { return Ok(()) };
        replace(path, filled.as_bytes(), config_mode(), None).map_err(|error| failed(path, error))?;
        say(format!("filled in {}", path.display()))?;
    }
    let password = path.with_file_name(chosen.secret());
    if !fs::metadata(&password).is_ok_and(|found| found.len() == 0) {
        return Ok(());
    }
    if let Some(secret) = ask::secret(chosen, ask) {
        let group = system::service().map(|(_, group)| group).filter(|_| source.is_machine() && system::is_root());
        let mode = if group.is_some() { 0o640 } else { 0o600 };
        let line = zeroize::Zeroizing::new(format!("{secret}\n"));
        replace(&password, line.as_bytes(), mode, group).map_err(|error| failed(&password, error))?;
        say(format!("wrote the {} into {}", chosen.secret().replace('-', " "), password.display()))?;
    }
    Ok(())
}

/// The state of the configuration once the verb has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is new, or took the place of one that was not filled in.
    Made,
    /// It is there as this command made it.
    Unfilled,
    /// A person has written it, or the environment has it.
    Filled,
}

impl State {
    /// `is_own` says whether the configuration is for the server of that provider, `is_asked` whether somebody is asked
    /// for what it lacks.
    fn sentence(self, source: &Source, chosen: Option<&Chosen>, is_own: bool, is_asked: bool) -> String {
        let what = chosen.map_or_else(|| "fill in its [smarthost]".to_string(), Chosen::advice);
        match (self, chosen) {
            (Self::Made, _) if is_asked && is_own => format!("made {source}"),
            (Self::Made, _) => format!("made {source}: now {what}"),
            (Self::Unfilled, None) => format!("kept {source}: now {what}"),
            (Self::Unfilled | Self::Filled, Some(chosen)) if !is_own => format!(
                "kept {source}, which is not for {}, and which --provider does not change: remove it first",
                chosen.host()
            ),
            (Self::Unfilled | Self::Filled, Some(_)) => format!("kept {source}, which --provider does not change"),
            (Self::Filled, None) => format!("kept {source}"),
        }
    }
}

/// Makes the configuration, unless there is one. For a provider one that nobody has touched is written anew.
fn settle(path: &Path, text: &str, is_for_provider: bool) -> Result<State, Error> {
    if path.as_os_str().is_empty() {
        return Ok(State::Filled);
    }
    if write_new(path, text)? {
        return Ok(State::Made);
    }
    if !config::is_unfilled_file(path) {
        return Ok(State::Filled);
    }
    let is_untouched = || plain::read_text(path).is_ok_and(|found| is_as_made(path, &found));
    if is_for_provider && is_untouched() {
        replace(path, text.as_bytes(), config_mode(), None)
            .map_err(|source| Error::Spool(spool::Error::Create { path: path.to_path_buf(), source }))?;
        return Ok(State::Made);
    }
    Ok(State::Unfilled)
}

/// Nobody has touched the text since `ctl init` made it, for whatever provider.
fn is_as_made(path: &Path, found: &str) -> bool {
    std::iter::once(TEMPLATE.to_string()).chain(provider::texts(TEMPLATE)).any(|text| beside(path, &text) == found)
}

/// The secret that the configuration at `path` wants, as `ctl init` has made it.
fn secret_of(path: &Path) -> &'static str {
    let names_token = |text: String| text.lines().any(|line| line.starts_with(TOKEN_LINE));
    if plain::read_text(path).is_ok_and(names_token) { "refresh-token" } else { PASSWORD }
}

/// The text of a configuration at `path`, which names the file of its secret beside itself.
fn beside(path: &Path, text: &str) -> String {
    let beside = |text: String, name: &str| {
        text.replace(&format!("\"{MACHINE}/{name}\""), &format!("\"{}\"", path.with_file_name(name).display()))
    };
    beside(beside(text.to_string(), PASSWORD), "refresh-token")
}

fn names(config: &Config, secret: &Path) -> bool {
    let is_there = |file: &Option<PathBuf>| file.as_deref() == Some(secret);
    config.smarthosts.iter().any(|host| is_there(&host.password_file) || is_there(&host.refresh_token_file))
}

/// The named file, the machine's for root, else the user's own.
pub(super) fn source(named: Option<&Path>) -> Source {
    match (config::locate(named), config::user_file()) {
        // A user without a file gets one of their own, not the machine's.
        (Source::System(path), Some(own)) if path == Path::new(config::SYSTEM_FILE) => Source::User(own),
        (source, _) => source,
    }
}

fn new_spool(source: &Source) -> PathBuf {
    let own = if source.is_machine() { None } else { config::user_spool() };
    own.unwrap_or_else(|| PathBuf::from(config::SYSTEM_SPOOL))
}

/// Makes the file that the template names, empty, for the service's group to read and for nobody else. The person who
/// writes the password need not think of owner and mode.
fn make_password_file(path: &Path, is_of_machine: bool) -> Result<bool, Error> {
    let group = system::service().map(|(_, group)| group).filter(|_| is_of_machine);
    let made = new_file(path).and_then(|file| file.map_or(Ok(false), |file| close(&file, group).map(|()| true)));
    made.map_err(|source| Error::Spool(spool::Error::Create { path: path.to_path_buf(), source }))
}

/// Opens a secret of root's alone to the service's group: it was made before there was that user. True if that was so.
fn let_service_in(path: &Path) -> bool {
    let Some((_, group)) = system::service() else { return false };
    let opened = plain::open(path, fs::OpenOptions::new().read(true));
    let closed = opened.ok().filter(|file| {
        file.metadata().is_ok_and(|found| (found.uid(), found.gid(), found.mode() & 0o7777) == (0, 0, 0o600))
    });
    closed.is_some_and(|file| close(&file, Some(group)).is_ok())
}

/// Makes the file root's, for the service's group to read, if there is such a group, and for nobody else.
pub(super) fn close(file: &File, group: Option<u32>) -> io::Result<()> {
    let Some(group) = group else { return Ok(()) };
    fchown(file, Some(0), Some(group))?;
    file.set_permissions(Permissions::from_mode(0o640))
}

/// Others may read the machine's file, but not a user's, which may hold the password.
fn config_mode() -> u32 {
    if system::is_root() { 0o644 } else { 0o600 }
}

/// Writes the text unless there is a file already.
fn write_new(path: &Path, text: &str) -> Result<bool, Error> {
    let made = new_file(path).and_then(|file| {
        let Some(mut file) = file else { return Ok(false) };
        file.set_permissions(Permissions::from_mode(config_mode()))?;
        file.write_all(text.as_bytes()).map(|()| true)
    });
    made.map_err(|source| Error::Spool(spool::Error::Create { path: path.to_path_buf(), source }))
}

/// Makes a file for its owner alone, and the directory it lies in; `None` if something has its name.
fn new_file(path: &Path) -> io::Result<Option<File>> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    match Directory::above(path)?.create(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the file whole or not at all: it is written under another name, then renamed.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32, group: Option<u32>) -> io::Result<()> {
    let directory = Directory::above(path)?;
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut draft = name.to_os_string();
    draft.push(".new");
    // A file of that name was left by a run that was cut short.
    let _ = directory.remove(&draft);
    let mut file = directory.create(&draft)?;
    let mut fill = || -> io::Result<()> {
        close(&file, group)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        directory.rename(&draft, name)?;
        directory.sync()
    };
    fill().inspect_err(|_| drop(directory.remove(&draft)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_it_keeps_what_is_filled_in_and_fills_in_what_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        let settled = |text: &str, is_for_provider| settle(&path, text, is_for_provider).unwrap();
        let new = beside(&path, TEMPLATE);
        assert!(new.contains(&format!("# password-file = \"{}/password\"", directory.path().display())), "{new}");
        assert_eq!(settled(&new, false), State::Made);
        assert_eq!(settled(&new, false), State::Unfilled);
        fs::write(&path, "# my notes\n").unwrap();
        assert_eq!(settled("filled", true), State::Unfilled);
        fs::write(&path, &new).unwrap();
        assert_eq!(settled("filled", true), State::Made);
        assert_eq!(fs::read_to_string(&path).unwrap(), "filled");
        assert_eq!(settled("other", true), State::Filled);
        assert_eq!(fs::read_to_string(&path).unwrap(), "filled");
    }

    #[test]
    fn password_file_is_closed_to_others_and_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        assert!(make_password_file(&path, true).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o137, 0);
        fs::write(&path, "secret\n").unwrap();
        assert!(!make_password_file(&path, true).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"secret\n");
    }
}

//! Makes the spool, a commented configuration, and for the machine an empty password file, where they are
//! missing. Safe to repeat: what is there is not touched, but for modes of the spool's directories.

mod provider;

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use self::provider::Chosen;
use crate::config::{self, Config, Source};
use crate::error::Error;
use crate::spool::{self, Spool};
use crate::system;

/// What a new configuration says.
pub(super) const TEMPLATE: &str = include_str!("../../../packaging/config.toml");

/// Makes what is missing and tells what it made; a new configuration is for `provider`, a well-known name or a domain.
///
/// # Errors
/// What cannot be made, a configuration that is there and cannot be used, or a provider that nobody knows.
pub(crate) fn run(named: Option<&Path>, provider: Option<&str>, out: &mut dyn Write) -> Result<(), Error> {
    let source = source(named);
    let path = match &source {
        Source::System(path) | Source::User(path) => path.clone(),
        Source::Environment(_) => PathBuf::new(),
    };
    let chosen = provider.map(provider::find).transpose()?;
    let text = chosen.as_ref().map_or_else(|| TEMPLATE.to_string(), |chosen| chosen.fill(TEMPLATE));
    let is_new = !path.as_os_str().is_empty() && write_new(&path, &text)?;
    let spool = if is_new { new_spool(&source) } else { Config::load(source.clone())?.spool_path() };
    // Only the machine's spool is the service user's; who named another file keeps it.
    Spool::new(&spool).create_for(config::owner_of_spool(&spool, &source))?;
    let mut say = |text: String| writeln!(out, "{text}").map_err(Error::Output);
    if is_new {
        let what = chosen.as_ref().map_or_else(|| "fill in its [smarthost]".to_string(), Chosen::advice);
        say(format!("made {}: now {what}", path.display()))?;
        if source.is_machine() && system::is_root() && make_password_file(&path.with_file_name("password"))? {
            say(format!("made {}: put the password on its first line", path.with_file_name("password").display()))?;
        }
        say(format!("spool {} is ready; then run: mailx-t ctl check", spool.display()))
    } else {
        let what = if chosen.is_some() { ", which --provider does not change" } else { "" };
        say(format!("kept {source}{what}; spool {} is ready", spool.display()))
    }
}

/// The named file, the machine's for root, else the user's own.
pub(super) fn source(named: Option<&Path>) -> Source {
    match (config::locate(named), config::user_file()) {
        // For a user without a file yet it is their own that is made, not the machine's.
        (Source::System(path), Some(own)) if path == Path::new(config::SYSTEM_FILE) => Source::User(own),
        (source, _) => source,
    }
}

fn new_spool(source: &Source) -> PathBuf {
    match source {
        Source::User(_) => config::user_spool(),
        _ => None,
    }
    .unwrap_or_else(|| PathBuf::from(config::SYSTEM_SPOOL))
}

/// Makes the file that the template names, empty, for the service's group to read and for nobody else: whoever writes
/// the password has no owner and no mode to think of.
fn make_password_file(path: &Path) -> Result<bool, Error> {
    let fail = |source| Error::Spool(spool::Error::Create { path: path.to_path_buf(), source });
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            if let Some((_, group)) = system::service() {
                fchown(&file, Some(0), Some(group)).map_err(fail)?;
                file.set_permissions(Permissions::from_mode(0o640)).map_err(fail)?;
            }
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(fail(error)),
    }
}

/// Writes the text unless there is a file already; a user's own may hold the password, the machine's may not.
fn write_new(path: &Path, text: &str) -> Result<bool, Error> {
    let fail = |source| Error::Spool(spool::Error::Create { path: path.to_path_buf(), source });
    let mode = if system::is_root() { 0o644 } else { 0o600 };
    make_directory(path).map_err(fail)?;
    match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(mut file) => {
            let made =
                file.set_permissions(Permissions::from_mode(mode)).and_then(|()| file.write_all(text.as_bytes()));
            made.map(|()| true).map_err(fail)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(fail(error)),
    }
}

/// Makes the directory that a file is to lie in.
pub(super) fn make_directory(path: &Path) -> std::io::Result<()> {
    let Some(directory) = path.parent().filter(|directory| !directory.exists()) else { return Ok(()) };
    fs::create_dir_all(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn password_file_is_closed_to_others_and_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        assert!(make_password_file(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o137, 0);
        fs::write(&path, "secret\n").unwrap();
        assert!(!make_password_file(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"secret\n");
    }
}

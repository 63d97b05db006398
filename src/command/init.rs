//! Makes the spool and a commented configuration where they are missing. Safe to repeat: what is
//! there is not touched, but for modes of the spool's directories.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::config::{self, Config, Source};
use crate::error::Error;
use crate::spool::{self, Spool};
use crate::system;

/// What a new configuration says.
const TEMPLATE: &str = include_str!("../../packaging/config.toml");

/// Makes what is missing and tells what it made.
///
/// # Errors
/// What cannot be made, or a configuration that is there and cannot be used.
pub fn run(named: Option<&Path>, out: &mut dyn Write) -> Result<(), Error> {
    let source = source(named);
    let path = match &source {
        Source::System(path) | Source::User(path) => path.clone(),
        Source::Environment(_) => PathBuf::new(),
    };
    let is_new = !path.as_os_str().is_empty() && write_template(&path)?;
    let spool = if is_new { new_spool(&source) } else { Config::load(source.clone())?.spool_path() };
    // Only the machine's spool is the service user's; who named another file keeps it.
    let owner = if source.is_machine() && system::is_root() { system::service() } else { None };
    Spool::new(&spool).create(owner)?;
    let mut say = |text: String| writeln!(out, "{text}").map_err(Error::Output);
    if is_new {
        say(format!("made {}: now fill in its [smarthost]", path.display()))?;
        say(format!("spool {} is ready; then run: mailx-t ctl check", spool.display()))
    } else {
        say(format!("kept {source}; spool {} is ready", spool.display()))
    }
}

/// The named file, the machine's for root, else the user's own.
fn source(named: Option<&Path>) -> Source {
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

/// Writes the template unless there is a file already; a user's own may hold the password, the machine's may not.
fn write_template(path: &Path) -> Result<bool, Error> {
    let fail = |source| Error::Spool(spool::Error::Create { path: path.to_path_buf(), source });
    let mode = if system::is_root() { 0o644 } else { 0o600 };
    if let Some(directory) = path.parent().filter(|directory| !directory.exists()) {
        fs::create_dir_all(directory).map_err(fail)?;
        fs::set_permissions(directory, Permissions::from_mode(0o755)).map_err(fail)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(mut file) => {
            let made =
                file.set_permissions(Permissions::from_mode(mode)).and_then(|()| file.write_all(TEMPLATE.as_bytes()));
            made.map(|()| true).map_err(fail)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(fail(error)),
    }
}

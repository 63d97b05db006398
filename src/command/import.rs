//! Turns the settings of another mailer into our configuration: prints it, or writes it with its password files. A
//! person is told of each setting that was left out. The configuration holds no password.

use std::io::Write;
use std::path::{Path, PathBuf};

use lettre::Address;

use super::init;
use crate::config::Source;
use crate::config::import::{self, Kind, Written};
use crate::error::Error;
use crate::trust::plain;
use crate::{config, spool, system};

/// An import: a file, and the place of the configuration that it becomes.
#[derive(Debug)]
pub(crate) struct Job {
    /// The other mailer's file.
    pub(crate) file: PathBuf,
    /// The mailer that the file belongs to, if the file does not tell.
    pub(crate) kind: Option<Kind>,
    /// The address to send as, if the file names no address.
    pub(crate) sender: Option<Address>,
    /// Another configuration than the usual one.
    pub(crate) target: Option<PathBuf>,
    /// The use of the configuration.
    pub(crate) output: Output,
}

/// The use of the configuration that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// It is printed. The password stays in its place.
    Print,
    /// It is written, and replaces the one that is there.
    Replace,
    /// It is written unless there is one.
    Write,
}

/// Reads the settings, and prints or writes the configuration. `told` gets a sentence for each setting that is left
/// out.
///
/// # Errors
/// The file makes no configuration, or the target cannot be written.
pub(crate) fn run(job: &Job, out: &mut dyn Write, told: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let source = init::source(job.target.as_deref());
    let target = match &source {
        Source::System(path) | Source::User(path) => path.clone(),
        Source::Environment(_) => PathBuf::from(config::SYSTEM_FILE),
    };
    let mut imported = import::read(&job.file, job.kind)?;
    if let Some(sender) = &job.sender {
        imported.send_as(sender);
    }
    let written = import::write(&mut imported, &target);
    imported.notes().iter().for_each(|note| told(note));
    let written = written?;
    if job.output == Output::Print {
        for (path, _) in written.passwords.iter().filter(|(_, password)| password.is_some()) {
            told(&format!("the password is not shown: --write puts it into {}", path.display()));
        }
        out.write_all(written.config.as_bytes()).and_then(|()| out.flush()).map_err(Error::Output)?;
        written.lost_login.iter().for_each(|lost| told(&format!("{lost}: the configuration has none")));
        return Ok(());
    }
    if let Some(lost) = written.lost_login.as_ref().filter(|_| job.output == Output::Write) {
        return Err(import::Error::NoLogin(lost.clone()).into());
    }
    let group = system::service().filter(|_| source.is_machine() && system::is_root()).map(|(_, group)| group);
    let files = put(&target, &written, job.output == Output::Replace, group)?;
    for file in files {
        writeln!(out, "wrote {}", file.display()).map_err(Error::Output)?;
    }
    written.lost_login.iter().for_each(|lost| told(&format!("{lost}: the configuration has none")));
    writeln!(out, "then run: mailx-t ctl init && mailx-t ctl check").map_err(Error::Output)
}

/// Writes the password files, then the configuration that names them. Writes nothing at all if one of them would
/// replace a file that somebody has filled in.
fn put(target: &Path, written: &Written, is_forced: bool, group: Option<u32>) -> Result<Vec<PathBuf>, Error> {
    // A file as ctl init has made it is not filled in.
    let counts =
        |path: &Path, nothing: &str| plain::read_text(path).map_or_else(|_| path.exists(), |text| text != nothing);
    let found = written.passwords.iter().filter(|(_, password)| password.is_some());
    let standing = found.map(|(path, _)| path).find(|path| counts(path, ""));
    let standing = standing.map(PathBuf::as_path).or(Some(target).filter(|path| counts(path, init::TEMPLATE)));
    if let Some(path) = standing.filter(|_| !is_forced) {
        return Err(import::Error::Exists(path.to_path_buf()).into());
    }
    let fail = |path: &Path, source| Error::Spool(spool::Error::Create { path: path.to_path_buf(), source });
    let mut files = Vec::new();
    for (path, password) in &written.passwords {
        // The modes of ctl init: root owns the file, and the service's group may read it. A file for a password that
        // was not found is there before a person puts it in, so that it is closed.
        let mode = if group.is_some() { 0o640 } else { 0o600 };
        let line = match password {
            Some(password) => password.line(),
            None if path.exists() => continue,
            None => String::new(),
        };
        init::replace(path, line.as_bytes(), mode, group).map_err(|source| fail(path, source))?;
        files.push(path.clone());
    }
    let mode = if system::is_root() { 0o644 } else { 0o600 };
    init::replace(target, written.config.as_bytes(), mode, None).map_err(|source| fail(target, source))?;
    files.push(target.to_path_buf());
    Ok(files)
}

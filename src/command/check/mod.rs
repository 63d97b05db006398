//! `ctl check`: judges configuration, spool, log and relay program, and has the relay judge the smarthosts (`probe`).
//! Each finding is a line. No mail is sent.

pub(crate) mod findings;
mod mails;
pub(crate) mod probe;
mod retries;

use std::io::Write;

use self::findings::Findings;
pub(crate) use self::findings::Form;
use super::relay_program;
use super::submission::local_names::LocalNames;
use crate::config::{self, Config};
use crate::error::Error;
use crate::log::{self, Target};
use crate::relay::Dialogue;
use crate::spool::Spool;
use crate::system;

/// The reach of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The credentials alone, which lie on this machine.
    Offline,
    /// The credentials, then connection, login and envelope.
    Online,
}

/// Checks everything and writes a line for each part. `dialogue` says whether the relay shows its dialogue with the
/// smarthost on stderr.
///
/// # Errors
/// [`Error::Check`] if anything is wrong, [`Error::Output`] if that cannot be told.
pub(crate) fn run(
    config: &Config,
    reach: Reach,
    dialogue: Dialogue,
    form: Form,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let spool = Spool::new(config.spool_path());
    // A stranger may read nothing of it. Every finding would be a failure, and the cure would give them the password.
    let is_stranger = !system::caller().speaks_for_others();
    if config.source.is_machine() && is_stranger && spool.owner().is_some_and(|owner| !system::is(owner)) {
        return Err(Error::Denied);
    }
    let mut findings = Findings::new(form, out);
    let names = LocalNames::here(config);
    for warning in &names.warnings {
        findings.note(warning)?;
    }
    if let Some(refused) = &names.refused {
        findings.fail(refused)?;
    }
    findings.ok(&format!("configuration {}: mail leaves as {}", config.source, config.account))?;
    look_at_spool(config, &spool, &mut findings)?;
    look_at_settings(config, &names, &mut findings)?;
    mails::look_at_queue(&spool, &mut findings)?;
    mails::look_at_drop(config, &spool, &mut findings)?;
    mails::look_at_failed(&spool, &mut findings)?;
    if config.source.is_machine() {
        retries::look(&spool, &mut findings)?;
    }
    look_at_log(config, &mut findings)?;
    if system::relay_program().is_none() {
        findings.fail("mailx-t-relay is neither in libexec/mailx-t nor beside mailx-t: reinstall mailx-t")?;
        return findings.conclude();
    }
    let mut arguments = vec!["probe", "--form", form.name()];
    arguments.extend((reach == Reach::Offline).then_some("--offline"));
    arguments.extend((dialogue == Dialogue::Shown).then_some("--dialogue"));
    // The relay writes its own lines.
    findings.flush()?;
    findings.count(usize::from(!relay_program::start_and_wait(config, &arguments)?));
    findings.conclude()
}

/// Fails for each defect of the spool. A container may do without one.
fn look_at_spool(config: &Config, spool: &Spool, findings: &mut Findings<'_>) -> Result<(), Error> {
    let place = spool.root().display();
    if config.does_without_spool() {
        let what = "there is none, so each mail is sent at once, while its caller waits";
        return findings.note(&format!("spool {place}: {what}"));
    }
    let readers = match config.readers() {
        Ok(readers) => readers,
        Err(unknown) => return findings.fail(&unknown.to_string()),
    };
    let defects = spool.defects(config.owner_of_spool(), readers);
    if defects.is_empty() {
        findings.ok(&format!("spool {place}"))?;
    }
    defects.iter().try_for_each(|defect| findings.fail(defect))
}

/// Notes a user's own settings that are passed over, and a configuration that names nobody for what no alias knows.
fn look_at_settings(config: &Config, names: &LocalNames<'_>, findings: &mut Findings<'_>) -> Result<(), Error> {
    if let Some(own) = config::unfilled_user_file() {
        findings.note(&format!("{} sets nothing yet, and is passed over", own.display()))?;
    }
    for key in config::placeholders(&config.source, &config.smarthosts) {
        findings.fail(&format!("{key} in {} is still the example's: write your own in its place", config.source))?;
    }
    if names.leads_nowhere("root", &config.account) {
        findings.note(&format!(
            "no default in [recipients] leads to a person: mail for root and other local names goes to the account itself, {}",
            config.account
        ))?;
    }
    Ok(())
}

/// A log that cannot be written costs no mail, but nobody can find out later what became of one.
fn look_at_log(config: &Config, findings: &mut Findings<'_>) -> Result<(), Error> {
    let user = system::user(system::effective_uid()).name;
    match log::defect(&config.log, &user) {
        None => findings.ok(&format!("log {}", config.log.target)),
        // Nobody has set this target, and a container may well do without a system log.
        Some(defect) if config.log.target == Target::Syslog => findings.note(&defect),
        Some(defect) => findings.fail(&defect),
    }
}

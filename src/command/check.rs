//! Judges what there is: configuration, spool, relay program, and through the relay what `probe` looks at. One line
//! each; no mail is sent.

use std::io::Write;

use super::findings::Findings;
pub use super::findings::Form;
use super::handover;
pub use super::probe::Reach;
use crate::config::Config;
use crate::error::Error;
use crate::log::{self, Target};
use crate::spool::Spool;
use crate::system;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// How far to go.
    pub reach: Reach,
    /// How to tell.
    pub form: Form,
    /// Show the dialogue with the smarthost too, on stderr.
    pub verbose: bool,
}

/// Checks everything and writes a line for each part.
///
/// # Errors
/// [`Error::Check`] if anything is wrong, [`Error::Output`] if that cannot be told.
pub fn run(config: &Config, request: Request, out: &mut dyn Write) -> Result<(), Error> {
    let mut findings = Findings::new(request.form, out);
    for warning in super::submit::aliases(config).1 {
        findings.note(&warning)?;
    }
    findings.ok(&format!("configuration {}: mail leaves as {}", config.source, config.account))?;
    let spool = Spool::new(config.spool_path());
    let defects = spool.defects();
    if defects.is_empty() {
        findings.ok(&format!("spool {}", spool.root().display()))?;
    }
    for defect in &defects {
        findings.fail(defect)?;
    }
    look_at_log(config, &mut findings)?;
    if system::relay_program().is_none() {
        findings.fail("mailx-t-relay is neither in libexec/mailx-t nor beside mailx-t: reinstall mailx-t")?;
        return findings.conclude();
    }
    let mut arguments = vec!["probe", "--form", request.form.name()];
    arguments.extend((request.reach == Reach::Offline).then_some("--offline"));
    arguments.extend(request.verbose.then_some("--dialogue"));
    // The relay writes its own lines.
    findings.flush()?;
    findings.count(usize::from(!handover::start_and_wait(config, &arguments)?));
    findings.conclude()
}

/// No mail is lost with its line, but what became of it is not to be found out later.
fn look_at_log(config: &Config, findings: &mut Findings<'_>) -> Result<(), Error> {
    let user = system::user(system::effective_uid()).name;
    match log::defect(&config.log, &user) {
        None => findings.ok(&format!("log {}", config.log.target)),
        // What nobody has set: a container may well do without a system log.
        Some(defect) if config.log.target == Target::Syslog => findings.note(&defect),
        Some(defect) => findings.fail(&defect),
    }
}

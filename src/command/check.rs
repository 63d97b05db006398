//! Judges what there is: configuration, spool, relay program, and through the relay credentials,
//! connection and login. One line each; no mail is sent.

use std::io::Write;

use super::handover;
pub use super::probe::Reach;
use crate::config::Config;
use crate::error::{Error, Findings};
use crate::spool::Spool;
use crate::system;

/// Checks everything and writes a line for each part.
///
/// # Errors
/// [`Error::Check`] if anything is wrong, [`Error::Output`] if that cannot be told.
pub fn run(config: &Config, reach: Reach, out: &mut dyn Write) -> Result<(), Error> {
    for warning in super::submit::aliases(config).1 {
        writeln!(out, "note  {warning}").map_err(Error::Output)?;
    }
    let mut findings = 0;
    let mut line = |good: bool, text: &str| -> Result<(), Error> {
        findings += usize::from(!good);
        writeln!(out, "{}  {text}", if good { "ok  " } else { "FAIL" }).map_err(Error::Output)
    };
    line(true, &format!("configuration {}: mail leaves as {}", config.source, config.account))?;
    let spool = Spool::new(config.spool_path());
    let defects = spool.defects();
    if defects.is_empty() {
        line(true, &format!("spool {}", spool.root().display()))?;
    }
    for defect in &defects {
        line(false, defect)?;
    }
    match system::relay_program() {
        None => line(false, "mailx-t-relay is neither in libexec/mailx-t nor beside mailx-t: reinstall mailx-t")?,
        Some(_) => {
            out.flush().map_err(Error::Output)?;
            let arguments: &[&str] = if reach == Reach::Offline { &["probe", "--offline"] } else { &["probe"] };
            // The relay writes its own lines.
            findings += usize::from(!handover::start_and_wait(config, arguments)?);
        }
    }
    if findings > 0 { Err(Error::Check(Findings(findings))) } else { Ok(()) }
}

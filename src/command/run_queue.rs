//! `sendmail -q` in the door: has the relay try everything in the queue now, in the foreground.

use std::io::Write;

use super::relay_program;
use super::selection::Matching;
use crate::config::Config;
use crate::error::{self, Error};
use crate::spool::Spool;

/// The mails that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Some.
    Matching(Matching),
    /// All, and folded mails one by one.
    Unfolded,
}

/// The detail in which a queue run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Nothing.
    Nothing,
    /// Each outcome.
    Outcomes,
    /// Each outcome, and on stderr the dialogue with the smarthost.
    Dialogue,
}

/// Runs the queue for a person at a terminal, and writes what is left of it.
///
/// # Errors
/// As [`run`], or [`Error::Output`].
pub(crate) fn run_and_tell(config: &Config, which: &Which, out: &mut dyn Write) -> Result<(), Error> {
    let spool = Spool::new(config.spool_path());
    let ran = run(config, which, Detail::Outcomes);
    let waiting = spool.ids().map_or(0, |ids| ids.len());
    match waiting {
        0 if ran.is_ok() => writeln!(out, "Mail queue is empty"),
        0 => Ok(()),
        1 => writeln!(out, "1 mail waits: mailq tells why"),
        n => writeln!(out, "{n} mails wait: mailq tells why"),
    }
    .map_err(Error::Output)?;
    ran
}

/// Runs the queue and returns when every mail meant has been tried.
///
/// # Errors
/// The relay cannot be started, or it ended in trouble that it has named.
pub(crate) fn run(config: &Config, which: &Which, detail: Detail) -> Result<(), Error> {
    if config.does_without_spool() {
        return Ok(());
    }
    // This process tells a caller who may not read the queue, not the relay.
    Spool::new(config.spool_path())
        .ids()
        .map_err(|error| if error.is_denied() { Error::NotYours } else { error.into() })?;
    let mut arguments = vec!["flush"];
    arguments.extend((detail >= Detail::Outcomes).then_some("--verbose"));
    arguments.extend((detail == Detail::Dialogue).then_some("--dialogue"));
    let pattern = match which {
        Which::All => String::new(),
        Which::Unfolded => "--unfold".to_string(),
        Which::Matching(matching) => format!("--matching={matching}"),
    };
    arguments.extend((!pattern.is_empty()).then_some(pattern.as_str()));
    let has_run = relay_program::start_and_wait(config, &arguments)?;
    if has_run { Ok(()) } else { Err(error::Relay::QueueRun.into()) }
}

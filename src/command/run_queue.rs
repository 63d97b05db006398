//! `sendmail -q` in the door: has the relay try everything in the queue now, in the foreground.

use std::time::Duration;

use super::handover;
use crate::config::Config;
use crate::error::Error;
use crate::spool::Spool;

/// Which mails are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those in whose id (`I`), recipient (`R`) or sender (`S`) the text occurs.
    Matching(char, String),
}

/// Runs the queue and returns when every mail meant has been tried.
///
/// # Errors
/// The relay cannot be started, or it ended in trouble that it has named.
pub fn run(config: &Config, which: &Which, verbose: bool) -> Result<(), Error> {
    // Who may not read the queue hears it from us, not from the relay.
    Spool::new(config.spool_path()).ids()?;
    let mut arguments = vec!["flush"];
    if verbose {
        arguments.push("--verbose");
    }
    let pattern = match which {
        Which::All => String::new(),
        Which::Matching(by, text) => format!("--matching={by}={text}"),
    };
    arguments.extend((!pattern.is_empty()).then_some(pattern.as_str()));
    match handover::start_and_wait(config, &arguments)? {
        true => Ok(()),
        false => Err(Error::Relay("the queue run failed: the reason stands above or in the log".to_string())),
    }
}

/// Starts the relay as a daemon that serves `drop/` and, `every` so often, the retry clock.
///
/// # Errors
/// The relay cannot be started, or in the foreground it has ended in trouble.
pub fn serve(config: &Config, every: Duration, place: Place) -> Result<(), Error> {
    let every = format!("--every={}s", every.as_secs().max(1));
    match place {
        Place::Background => handover::start(config, &["serve", &every]),
        Place::Foreground if handover::start_and_wait(config, &["serve", "--stay", &every])? => Ok(()),
        Place::Foreground => Err(Error::Relay("the daemon ended: the reason stands above or in the log".to_string())),
    }
}

/// Where a daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On its own.
    Background,
    /// As long as the caller.
    Foreground,
}

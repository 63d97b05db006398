//! `sendmail -bd -q5m` in the door: starts the relay's daemon, or becomes it.

use std::time::Duration;

use super::relay_program;
use crate::config::Config;
use crate::error::Error;

/// The place of a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is a process of its own.
    Background,
    /// It is the caller's process, and ends with it.
    Foreground,
}

/// Has the relay serve `drop/` as a daemon, and look at the retry clock each time that `every` has passed. In the
/// foreground this process becomes the relay, so that a supervisor's signal ends the daemon and not only a process in
/// front of it.
///
/// # Errors
/// The relay cannot be started.
pub(crate) fn run(config: &Config, every: Duration, place: Place) -> Result<(), Error> {
    let every = format!("--every={}s", every.as_secs().max(1));
    match place {
        Place::Background => relay_program::start(config, &["serve", &every]),
        Place::Foreground => match relay_program::become_relay(config, &["serve", "--stay", &every])? {},
    }
}

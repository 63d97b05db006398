//! `sendmail -q` in the door: has the relay try everything in the queue now, in the foreground.

use super::handover;
use crate::config::Config;
use crate::error::Error;

/// Runs the queue and returns when every mail in it has been tried.
///
/// # Errors
/// The relay cannot be started, or it ended in trouble that it has named.
pub fn run(config: &Config, verbose: bool) -> Result<(), Error> {
    let arguments: &[&str] = if verbose { &["flush", "--verbose"] } else { &["flush"] };
    match handover::start_and_wait(config, arguments)? {
        true => Ok(()),
        false => Err(Error::Relay("the queue run failed: the reason stands above or in the log".to_string())),
    }
}

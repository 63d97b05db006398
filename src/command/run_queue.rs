//! `sendmail -q` in the door: has the relay try everything in the queue now, in the foreground.

use super::handover;
use crate::config::Config;
use crate::error::Error;

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

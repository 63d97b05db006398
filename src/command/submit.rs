//! `sendmail` and `mail` with a mail on stdin: accepts the mail, and hands it over to the relay.

use std::io::Read;
use std::path::PathBuf;

use super::submission::accept::{Accepted, accept};
use super::submission::hand_over::{hand_over, throw_away};
use super::submission::request::Request;
use super::submission::{rescue, unconfigured};
use crate::config::{self, Config};
use crate::error::Error;
use crate::spool::Spool;

/// Submits the mail that `input` holds, unless there is a `fault` in what goes with it. Returns notes for the caller,
/// and no notes if all went well.
///
/// # Errors
/// Nothing was accepted: one of [`Error`]; the octets that had been read by then are saved, if any place takes them. Or
/// the mail is kept all the same: there is no relay program, or the mail was refused for everybody while the caller
/// waited.
pub(crate) fn run(
    request: &Request,
    fault: Option<Error>,
    config: Result<Config, config::Error>,
    input: &mut dyn Read,
) -> Result<Vec<String>, Error> {
    if let Some(fault) = fault {
        let place = config.map_or_else(|_| PathBuf::from(config::SYSTEM_SPOOL), |config| config.spool_path());
        return Err(rescue::rescue_with(fault, &Spool::new(place), &unconfigured::heading(request), input));
    }
    let config = match config {
        Ok(config) => config,
        Err(error) => return Err(unconfigured::leave_or_rescue(request, error, input)),
    };
    match accept(request, &config, input)? {
        Accepted::Nothing => Ok(Vec::new()),
        Accepted::Sent { notes, .. } => Ok(notes),
        Accepted::ThrownAway(prepared) => Ok(throw_away(request, &config, &prepared)),
        Accepted::Kept(prepared) => hand_over(request, &config, &prepared),
    }
}

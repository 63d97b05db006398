//! `sendmail` and `mail` with a mail on stdin: the mail is accepted, and handed over to the relay.

use std::io::Read;

use super::submission::accept::{Accepted, accept};
use super::submission::hand_over::hand_over;
use super::submission::request::Request;
use super::submission::unconfigured;
use crate::config::{self, Config};
use crate::error::Error;

/// Submits what `input` holds; returns what the caller should be told, which is nothing if all went well.
///
/// # Errors
/// Nothing was accepted: one of [`Error`]. What had been read by then is saved where it can be. Or the mail is kept all
/// the same: there is no relay program, or everybody refused the mail while the caller waited.
pub(crate) fn run(
    request: &Request,
    config: Result<Config, config::Error>,
    input: &mut dyn Read,
) -> Result<Vec<String>, Error> {
    let config = match config {
        Ok(config) => config,
        Err(error) => return Err(unconfigured::leave_or_rescue(request, error, input)),
    };
    match accept(request, &config, input)? {
        Accepted::Nothing => Ok(Vec::new()),
        Accepted::Sent { notes, .. } => Ok(notes),
        Accepted::Kept(prepared) => hand_over(request, &config, &prepared),
    }
}

//! In the relay: one mail that no spool can keep, from an open file on stdin to the smarthost. It is sent now or not at
//! all; the door says so to its caller.

use std::fs::File;
use std::time::Duration;

use super::attempt::Attempt;
use super::connection::Connection;
use crate::command::outcome_notice::Notice;
use crate::config::Config;
use crate::error::Error;
use crate::log;
use crate::relay::Client;
use crate::spool::{Carried, Spool};
use crate::system;

/// A server that says nothing at first may wait for us, as one of implicit TLS does. So does the caller.
const GREETING: Duration = Duration::from_secs(30);

/// Sends the entry in `file`; `told` hears the outcomes.
///
/// # Errors
/// The file is no entry.
pub(crate) fn run(config: &Config, file: File, told: &mut dyn FnMut(&Notice)) -> Result<(), Error> {
    let host = system::host_name();
    log::open(&config.log, log::Part::Smtp, &host);
    let carried = Carried::read(file)?;
    let entry = &carried.entry;
    let tokens = Some(Spool::new(config.spool_path()).state());
    let client = Client { tokens, greeting: Some(GREETING), ..Client::named(&host) };
    let mut connection = Connection::new(config, &client, None);
    let everybody = (0..entry.recipients.len()).collect();
    let mut tell = |attempt: &Attempt| {
        let outcomes = || attempt.recipients.iter().zip(&attempt.outcomes);
        let lines: Vec<_> = outcomes().map(|(place, outcome)| attempt.log_line(entry, *place, outcome)).collect();
        log::attempts(entry.id.as_str(), &lines, false);
        outcomes().for_each(|(place, outcome)| told(&Notice::of(entry, *place, outcome)));
    };
    let mut attempt = connection.attempt_for(entry, everybody, &|| Ok(carried.content()?))?;
    while connection.has_another_smarthost(entry, &attempt) {
        let (done, left) = attempt.split();
        tell(&done);
        attempt = connection.ask_another_smarthost(entry, left, &|| Ok(carried.content()?))?;
    }
    tell(&attempt);
    connection.quit();
    Ok(())
}

//! In the relay: one mail that no spool can keep, from an open file on stdin to the smarthost. It is sent
//! now or not at all; the door says so to its caller.

use std::fs::File;

use super::attempt::Attempted;
use super::connection::Relay;
use crate::command::notice::Report;
use crate::config::Config;
use crate::error::Error;
use crate::log;
use crate::relay::Client;
use crate::spool::{Carried, Spool};
use crate::system;

/// Sends the entry in `file`; `told` hears the outcomes.
///
/// # Errors
/// The file is no entry.
pub fn run(config: &Config, file: File, told: &mut dyn FnMut(&Report)) -> Result<(), Error> {
    let host = system::host_name();
    log::open(&config.log, "mailx-t-relay", &host);
    let carried = Carried::read(file)?;
    let entry = &carried.entry;
    let client = Client { tokens: Some(Spool::new(config.spool_path()).state()), ..Client::named(&host) };
    let mut relay = Relay::new(config, &client, None);
    let everybody = (0..entry.recipients.len()).collect();
    let mut tell = |attempted: &Attempted| {
        for (recipient, outcome) in attempted.recipients.iter().zip(&attempted.outcomes) {
            attempted.line(entry, *recipient, outcome).log(config.log.format);
            told(&Report::of(entry, *recipient, outcome));
        }
    };
    let mut attempted = relay.attempt_for(entry, everybody, &|| Ok(carried.content()?))?;
    while relay.has_another(entry, &attempted) {
        let (done, left) = attempted.part();
        tell(&done);
        attempted = relay.another(entry, left, &|| Ok(carried.content()?))?;
    }
    tell(&attempted);
    relay.quit();
    Ok(())
}

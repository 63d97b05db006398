//! In the relay: takes mails that users without a right to the queue have left in `drop/`. What their
//! files say is input like any other: recipients and fields go through the same rewriting as stdin's.

use lettre::Address;

use super::submit::{self, Moment, Request};
use crate::config::Config;
use crate::envelope::Destination;
use crate::error::Error;
use crate::log;
use crate::message::Message;
use crate::spool::{self, Dropped, QueueId, Spill, Spool};
use crate::system;

/// Brings all of `drop/` into the queue. What is no mail is put away and named in the log; it costs nobody else.
///
/// # Errors
/// `drop/` cannot be listed.
pub(super) fn run(config: &Config, spool: &Spool) -> Result<(), Error> {
    let most = config.spool.max_message_size.as_u64().saturating_mul(2);
    for id in spool.collect()? {
        let taken = spool.dropped(&id, most).map_err(Error::from).and_then(|dropped| take(config, dropped, &id));
        if let Err(error) = taken {
            log::error(&format!("{id}: not taken from drop/: {error}"));
        }
    }
    Ok(())
}

fn take(config: &Config, dropped: Dropped, name: &QueueId) -> Result<(), Error> {
    let spool = dropped.spool().clone();
    if spool.is_queued(name) {
        // Nobody may replace a mail by giving a file its name.
        let is_from_before_a_crash = dropped.entry.id == *name;
        let put = if is_from_before_a_crash { dropped.remove() } else { Err(dropped.refuse(name)) };
        return put.map_err(Error::from);
    }
    let mut body = Spill::new(&spool);
    let message = Message::read(&mut dropped.content()?, &mut body).map_err(Error::Input)?;
    let arrived = dropped.entry.arrived.min(system::now());
    let moment = Moment::of(system::user(dropped.uid), *name, arrived);
    let mut prepared = submit::prepare(&request(&dropped), config, &message, &moment)?;
    prepared.entry.repairs = merged(&dropped.entry.repairs, &prepared.entry.repairs);
    submit::write(&spool, &mut prepared, &mut body)?;
    submit::log_accepted(config, &prepared);
    let path_is_gone: Result<(), spool::Error> = dropped.remove();
    Ok(path_is_gone?)
}

/// Its recipients are claims, and are resolved anew; where its sender is one of this machine, it is the owner.
fn request(dropped: &Dropped) -> Request {
    let address = |a: &Address| a.to_string().into_bytes();
    let operands = dropped.entry.recipients.iter().map(|recipient| address(&recipient.address)).collect();
    Request {
        destination: Destination { operands, extract: false },
        sender: Some(dropped.entry.originator.clone()).filter(|sender| !sender.is_empty()),
        ..Request::default()
    }
}

/// The repairs made when it was left, as far as their names are names, and those made now.
fn merged(before: &[String], now: &[String]) -> Vec<String> {
    let is_name = |name: &&String| name.len() < 20 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let mut names: Vec<String> = before.iter().filter(is_name).chain(now).cloned().collect();
    names.sort();
    names.dedup();
    names.truncate(30);
    names
}

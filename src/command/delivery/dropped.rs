//! In the relay: takes mails that users without a right to the queue have left in `drop/`. What their
//! files say is input like any other: recipients and fields go through the same rewriting as stdin's.

use crate::command::submission::keep::{self, Given};
use crate::command::submission::prepare::{self, Moment};
use crate::command::submission::request::Request;
use crate::config::Config;
use crate::envelope::{Destination, Operand, Sender};
use crate::error::Error;
use crate::log;
use crate::message::Message;
use crate::spool::{self, Dropped, EntryRecipient, QueueId, Spill, Spool};
use crate::system;

/// Brings all of `drop/` into the queue. What is no mail is put away and named in the log; it costs nobody else.
///
/// # Errors
/// `drop/` cannot be listed, or what was taken out of it might come back.
pub(crate) fn take_all(config: &Config, spool: &Spool) -> Result<(), Error> {
    // In a user's own spool an earlier version made a `drop/` too: what others left there is not to leave as that user's.
    if config.owner_of_spool() == spool::Owner::User {
        return Ok(());
    }
    for (id, error) in spool.clear_drop()? {
        log::mail(id.as_str()).error(&format!("not taken from drop/: {error}"));
    }
    let collected = spool.collect()?;
    for id in &collected {
        let taken = spool
            .dropped(id, keep::most_dropped(config))
            .map_err(Error::from)
            .and_then(|dropped| take(config, dropped, id));
        if let Err(error) = taken {
            let error = if error.is_lasting() { spool.refuse(id, error.to_string()).into() } else { error };
            log::mail(id.as_str()).error(&format!("not taken from drop/: {error}"));
        }
    }
    if !collected.is_empty() {
        spool.sync_collected()?;
    }
    Ok(())
}

fn take(config: &Config, dropped: Dropped, name: &QueueId) -> Result<(), Error> {
    let spool = dropped.spool().clone();
    if dropped.is_taken(name)? {
        return Ok(dropped.remove()?);
    }
    let mut body = Spill::new(&spool, keep::most(config));
    let message = Message::read(&mut dropped.content()?, &mut body).map_err(Error::Input)?;
    let arrived = dropped.entry.arrived.min(system::now());
    let moment = Moment::of(system::user(dropped.uid), *name, arrived);
    let request = request(&dropped, &moment);
    let mut prepared = prepare::prepare(&request, config, &message, &moment)?;
    prepared.entry.repairs = merged(&dropped.entry.repairs, &prepared.entry.repairs);
    keep::write(config, &spool, &mut prepared, &mut Given { message: &message, body: &mut body })?;
    prepare::log_accepted(&prepared);
    let path_is_gone: Result<(), spool::Error> = dropped.remove();
    Ok(path_is_gone?)
}

/// Its recipients are claims, and are resolved anew. So is its sender: an address elsewhere, or else the owner.
fn request(dropped: &Dropped, moment: &Moment) -> Request {
    let claimed = Sender::of(dropped.entry.originator.as_bytes(), &moment.hosts);
    let elsewhere = claimed.filter(|sender| sender.local.is_none()).map(|sender| sender.mailbox.address);
    let sender = elsewhere.unwrap_or_else(|| moment.caller.name.clone());
    let operand = |r: &EntryRecipient| Operand { octets: r.address.to_string().into_bytes(), dsn: r.dsn.clone() };
    let operands = dropped.entry.recipients.iter().map(operand).collect();
    let destination = Destination { operands, ..Destination::default() };
    Request { destination, sender: Some(sender), dsn: dropped.entry.dsn.clone(), ..Request::default() }
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

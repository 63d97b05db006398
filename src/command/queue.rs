//! `ctl queue`: the acts of a person on single mails. Each act claims the mail first, so that it never gets in the way
//! of a relay at work on it.

use std::io::Write;

use super::delivery::settle;
use super::list::age;
use super::run_queue::{self, Detail};
use super::selection::Matching;
use crate::config::Config;
use crate::error::Error;
use crate::outcome::{EnhancedStatus, Outcome, Scope, Stage, Status};
use crate::spool::{Claim, Entry, QueueId, Record, Spool};
use crate::system;

/// An act of a person on a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Give it up and report it to its sender.
    Bounce,
    /// Keep it, and try it no more until it is released.
    Hold,
    /// Take it out of the queue unsent, without a word to anybody.
    Remove,
    /// Hold it no longer.
    Release,
}

/// The mails to act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Every mail in the queue.
    All,
    /// One.
    One(QueueId),
}

/// Acts on each of the mails, with a line for each. Trouble with one mail does not keep the others from their turn.
///
/// # Errors
/// There is no such mail, somebody else has it, or the disk refuses; [`Error::Several`] if that is so for more than
/// one.
pub(crate) fn run(config: &Config, act: Act, which: &Which, out: &mut dyn Write) -> Result<(), Error> {
    let spool = Spool::new(config.spool_path());
    let ids = match which {
        // What waits beside the queue is in the listing, and may be removed like the rest.
        Which::All if act == Act::Remove => [spool.ids()?, spool.waiting().unwrap_or_default()].concat(),
        Which::All => spool.ids()?,
        Which::One(id) => vec![*id],
    };
    let (mut errors, mut busy) = (Vec::new(), Vec::new());
    for id in ids {
        match act_on(config, &spool, act, &id) {
            Ok(Met::Done(line)) => writeln!(out, "{line}").map_err(Error::Output)?,
            Ok(Met::Busy) => busy.push(id),
            // It has left meanwhile.
            Ok(Met::Gone) if *which == Which::All => {}
            Ok(Met::Gone) => errors.push(Error::NotInQueue { id }),
            Err(error) => errors.push(error),
        }
    }
    if !busy.is_empty() {
        errors.push(Error::Busy { ids: busy });
    }
    Error::all(errors).map_or(Ok(()), Err)
}

/// The state in which a mail was found.
enum Met {
    /// A relay is at work on it.
    Busy,
    /// It was there; the line says what was done.
    Done(String),
    /// It is not in the queue.
    Gone,
}

fn act_on(config: &Config, spool: &Spool, act: Act, id: &QueueId) -> Result<Met, Error> {
    let Some(claim) = spool.claim(id)? else {
        return match spool.peek(id)? {
            Some(_) => Ok(Met::Busy),
            None if act == Act::Remove => remove_waiting(spool, id),
            None => Ok(Met::Gone),
        };
    };
    let what = named(&claim.entry);
    let done = apply(config, act, claim)?;
    Ok(Met::Done(format!("{what}: {done}")))
}

fn named(entry: &Entry) -> String {
    let to = entry.recipients.first().map_or(String::new(), |first| first.address.to_string());
    format!("{} ({} old, to {to})", entry.id, age(entry))
}

/// Removes a mail that waits for a configuration, unless a relay is about to take it in.
fn remove_waiting(spool: &Spool, id: &QueueId) -> Result<Met, Error> {
    let Some(_leader) = spool.lead()? else {
        return Ok(if spool.peek_waiting(id).is_some() { Met::Busy } else { Met::Gone });
    };
    let Some(entry) = spool.peek_waiting(id) else { return Ok(Met::Gone) };
    spool.remove_waiting(id)?;
    Ok(Met::Done(format!("{}: removed", named(&entry))))
}

fn apply(config: &Config, act: Act, claim: Claim) -> Result<&'static str, Error> {
    match act {
        Act::Bounce => bounce(config, claim).map(|()| "given up and reported"),
        Act::Hold => Ok(claim.hold(true).map(|()| "held")?),
        Act::Release => Ok(claim.hold(false).map(|()| "released")?),
        Act::Remove => Ok(claim.remove().map(|()| "removed")?),
    }
}

fn bounce(config: &Config, claim: Claim) -> Result<(), Error> {
    let outcome = Outcome {
        status: Status::Bounced,
        stage: Stage::Setup,
        scope: Scope::Message,
        enhanced: EnhancedStatus::new(5, 0, 0),
        reason: "given up by the administrator".to_string(),
    };
    let record =
        |recipient| Record { at: system::now(), recipient, outcome: outcome.clone(), next_attempt: None, report: None };
    let records: Vec<Record> = claim.open().into_iter().map(record).collect();
    settle::settle(config, claim, &records).map(drop)
}

/// Has the relay try the mails now, and tells the outcomes.
///
/// # Errors
/// There is no such mail, it is held, or the relay has met trouble, which it has told.
pub(crate) fn retry(config: &Config, which: &Which) -> Result<(), Error> {
    let Which::One(id) = which else { return run_queue::run(config, &run_queue::Which::All, Detail::Outcomes) };
    let spool = Spool::new(config.spool_path());
    if spool.peek(id)?.is_none() && spool.peek_waiting(id).is_none() {
        return Err(Error::NotInQueue { id: *id });
    }
    if spool.is_held(id) {
        return Err(Error::Held { id: *id });
    }
    run_queue::run(config, &run_queue::Which::Matching(Matching::id(id)), Detail::Outcomes)
}

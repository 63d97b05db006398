//! `ctl queue requeue`: puts what lies in `failed/` back into the queue, after a person has looked at it. It is handed
//! in anew, as the mail of the user whose it was, for those who do not have it yet.

use std::io::Write;

use super::queue::Which;
use super::relay_program;
use super::submission::keep;
use super::submission::prepare::{self, Moment};
use super::submission::request::Request;
use super::submission::take::{self, Taken};
use crate::config::Config;
use crate::envelope::{Destination, Operand};
use crate::error::Error;
use crate::spool::{Entry, Form, GivenUp, QueueId, Spill, Spool};
use crate::{log, system};

/// Puts them back, with a line for each, and starts the relay.
///
/// # Errors
/// There is no such file, it is no mail, or the disk refuses; [`Error::Several`] if that is so for more than one.
pub(crate) fn run(config: &Config, which: &Which, out: &mut dyn Write) -> Result<(), Error> {
    let spool = Spool::new(config.spool_path());
    log::open(&config.log, log::Part::Pickup, &system::host_name());
    let ids = match which {
        Which::All => spool.all_given_up()?,
        Which::One(id) => vec![*id],
    };
    let (mut errors, mut has_any) = (Vec::new(), false);
    for id in ids {
        match put_back(config, &spool, &id) {
            Ok(new) => {
                has_any |= new.is_some();
                let told = match new {
                    Some(new) => format!("{id}: in the queue again, as {new}"),
                    None => format!("{id}: nobody is left to get it, so it is removed"),
                };
                writeln!(out, "{told}").map_err(Error::Output)?;
            }
            Err(error) => errors.push(error),
        }
    }
    if has_any {
        relay_program::start(config, &["flush", "--due"])?;
    }
    Error::all(errors).map_or(Ok(()), Err)
}

/// Puts one back; returns its new id. `None` if everybody has it, or all its recipients lead to `/dev/null`.
fn put_back(config: &Config, spool: &Spool, id: &QueueId) -> Result<Option<QueueId>, Error> {
    let given_up = spool.given_up(id)?.ok_or(Error::NotFailed { id: *id })?;
    if given_up.is_for_nobody() {
        given_up.remove()?;
        return Ok(None);
    }
    let mut body = Spill::new(spool, keep::largest(config));
    let (request, moment) = asked(spool, &given_up);
    let message = take::read(&request, &mut given_up.content()?, &mut body).map_err(Error::Input)?;
    let mut prepared = prepare::prepare(&request, config, &message, &moment)?;
    if prepared.is_for_nobody() {
        prepared.log_thrown_away();
        given_up.remove()?;
        return Ok(None);
    }
    keep::keep(config, spool, &mut prepared, &mut Taken { message, body })?;
    prepared.log_accepted();
    given_up.remove()?;
    Ok(Some(prepared.entry.id))
}

/// What its sender asked for, and the user whose mail it is.
fn asked(spool: &Spool, given_up: &GivenUp) -> (Request, Moment) {
    match &given_up.form {
        Form::Entry { entry, uid, .. } => {
            let caller = system::user(*uid);
            let moment = Moment::of(caller, QueueId::marked(spool.mark_of(*uid)), system::now());
            (of_entry(entry), moment)
        }
        Form::Input { operands } => {
            let names = operands.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty());
            let operands: Vec<Operand> = names.map(|name| name.to_vec().into()).collect();
            let extract = operands.is_empty();
            let destination = Destination { operands, extract, ..Destination::default() };
            (Request { destination, ..Request::default() }, Moment::now())
        }
    }
}

fn of_entry(entry: &Entry) -> Request {
    let operand = |to: &crate::spool::EntryRecipient| Operand {
        octets: to.address.to_string().into_bytes(),
        dsn: to.dsn.clone(),
    };
    let destination =
        Destination { operands: entry.recipients.iter().map(operand).collect(), ..Destination::default() };
    Request { destination, sender: Some(entry.originator.clone()), dsn: entry.dsn.clone(), ..Request::default() }
}

//! `ctl test`: sends a real mail, waits for the smarthost's answer, and tells it.

use std::io::Write;
use std::time::Instant;

use super::run_queue::{self, Detail, Which};
use super::selection::Matching;
use super::submission::accept::{Accepted, accept};
use super::submission::hand_over::throw_away;
use super::submission::request::{Delivery, Input, Request};
use crate::config::Config;
use crate::envelope::{Destination, Operand};
use crate::error::Error;
use crate::spool::{Fate, Spool};
use crate::system;

/// Sends a test mail, and returns when the smarthost has taken it. Without `to` it goes to the default recipient.
/// `detail` says how much of the delivery is told.
///
/// # Errors
/// It could not be accepted, or the smarthost has not taken it. The reason has been told.
pub(crate) fn run(config: &Config, to: Option<String>, detail: Detail, out: &mut dyn Write) -> Result<(), Error> {
    let host = system::host_name();
    let message = format!(
        "Subject: test of mailx-t on {host}\n\nThis mail was sent by mailx-t {} on {host}, with: mailx-t ctl test\n",
        env!("CARGO_PKG_VERSION")
    );
    let operands = to.into_iter().map(|to| Operand { octets: to.into_bytes(), ..Operand::default() });
    let request = Request {
        input: Input::Formatted,
        destination: Destination { operands: operands.collect(), ..Destination::default() },
        delivery: Delivery::Queue,
        verbose: true,
        ..Request::default()
    };
    let mut say = |text: String| writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Error::Output);
    let prepared = match accept(&request, config, &mut message.as_bytes())? {
        Accepted::Nothing => return Ok(()),
        Accepted::Sent { notes, .. } => return notes.into_iter().try_for_each(say),
        Accepted::ThrownAway(prepared) => {
            let id = prepared.entry.id;
            return throw_away(&request, config, &prepared)
                .into_iter()
                .try_for_each(|note| say(format!("{id}: {note}")));
        }
        Accepted::Kept(prepared) => prepared,
    };
    let entry = &prepared.entry;
    let to: Vec<String> = entry.recipients.iter().map(|r| format!("<{}>", r.address)).collect();
    if prepared.is_dropped {
        return say(format!(
            "{}: left for the service, to {}: what becomes of it stands in the log",
            entry.id,
            to.join(", ")
        ));
    }
    for warning in &prepared.warnings {
        say(format!("{}: {warning}", entry.id))?;
    }
    say(format!("{}: kept, to {}", entry.id, to.join(", ")))?;
    let spool = Spool::new(config.spool_path());
    run_queue::run(config, &Which::Matching(Matching::id(entry.id)), detail)?;
    match spool.await_fate(&entry.id, entry.recipients.len(), Instant::now())? {
        Fate::Delivered => Ok(()),
        Fate::Failed(_) => Err(Error::TestRefused { id: entry.id }),
        Fate::Tried(_) | Fate::Waiting => Err(Error::Deferred { id: entry.id }),
    }
}

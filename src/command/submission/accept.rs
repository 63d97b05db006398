//! Accepts a mail: takes, prepares and keeps it. Past the acceptance line the caller may leave with 0.

use std::io::Read;
use std::time::Instant;

use super::keep;
use super::prepare::{self, Moment, Prepared};
use super::request::Request;
use super::take::{self, Taken};
use super::{hand_over, rescue};
use crate::command::relay_program::{self, Patience, Told};
use crate::config::Config;
use crate::error::Error;
use crate::outcome::Status;
use crate::spool::{QueueId, Spill, Spool};

/// The most queue ids that are tried for a mail. Two processes give one id if both take a mail of one user in the same
/// step of the clock, and the second needs another.
const MOST_NAMES: usize = 100;

/// The place of a mail that was accepted.
pub(crate) enum Accepted {
    /// There was no mail: the body was empty.
    Nothing,
    /// Nowhere: every recipient leads to `/dev/null`.
    ThrownAway(Box<Prepared>),
    /// The spool.
    Kept(Box<Prepared>),
    /// The smarthost, since no spool took it.
    Sent {
        /// The queue id that it had.
        id: QueueId,
        /// The notes for the caller.
        notes: Vec<String>,
    },
}

/// Takes, prepares and keeps a mail. If no spool takes it, it is sent at once, or rescued.
///
/// # Errors
/// Nothing was accepted: one of [`Error`]. The octets that had been read by then are saved, if any place takes them.
pub(crate) fn accept(request: &Request, config: &Config, input: &mut dyn Read) -> Result<Accepted, Error> {
    let spool = Spool::new(config.spool_path());
    let at_hand = keep::most_at_hand(config, &spool);
    let mut taken = take::take_or_rescue(request, &|| Spill::new(&spool, at_hand), input, &spool)?;
    if taken.is_no_mail(request) {
        return Ok(Accepted::Nothing);
    }
    let mut names_left = MOST_NAMES;
    let (mut prepared, kept) = loop {
        let mut prepared = match prepare::prepare(request, config, &taken.message, &Moment::now()) {
            Ok(prepared) => prepared,
            Err(error) => return Err(rescued(error, &spool, &mut taken)),
        };
        if prepared.is_for_nobody() {
            return Ok(Accepted::ThrownAway(Box::new(prepared)));
        }
        names_left -= 1;
        match keep::keep(config, &spool, &mut prepared, &mut taken) {
            Err(Error::Spool(error)) if error.is_about_a_taken_name() && names_left > 0 => {}
            kept => break (prepared, kept),
        }
    };
    match kept {
        Ok(()) => Ok(Accepted::Kept(Box::new(prepared))),
        Err(error) => send_at_once(request, config, &spool, &mut prepared, &mut taken, error),
    }
}

/// Has the relay carry a mail to the smarthost that no spool takes, because of `error`, while the caller waits. If the
/// smarthost does not take it either, it is rescued.
fn send_at_once(
    request: &Request,
    config: &Config,
    spool: &Spool,
    prepared: &mut Prepared,
    taken: &mut Taken,
    error: Error,
) -> Result<Accepted, Error> {
    let told = carry(config, spool, prepared, taken);
    let is_missed = !config.does_without_spool();
    if !is_settled(&told) {
        let untaken = if is_missed { None } else { untaken(&told) };
        return Err(rescued(untaken.unwrap_or(error), spool, taken));
    }
    let mut notes = Vec::new();
    if request.verbose || is_missed {
        notes.push(format!("{error}: the mail was sent at once instead of being kept"));
    }
    notes.extend(hand_over::tell(request, prepared, &told)?);
    Ok(Accepted::Sent { id: prepared.entry.id, notes })
}

/// Has the relay carry the mail. Returns the notices if there is one for every recipient, else nothing.
fn carry(config: &Config, spool: &Spool, prepared: &mut Prepared, taken: &mut Taken) -> Told {
    let smarthost = config.smarthosts.first();
    let until = Instant::now() + smarthost.connect_timeout + smarthost.timeout;
    let Ok(mail) = keep::in_open_file(config, spool, prepared, taken) else { return Told::default() };
    let outcomes = prepared.entry.recipients.len();
    match relay_program::carry_and_listen(config, mail, Patience { until, outcomes }) {
        Ok(told) if told.notices.len() == outcomes => told,
        _ => Told::default(),
    }
}

/// One recipient at least has the mail, and nobody waits for it: there is nothing left to keep.
fn is_settled(told: &Told) -> bool {
    !told.notices.is_empty() && told.notices.iter().all(|notice| notice.status != Status::Deferred)
}

/// The reason why the smarthost did not take a mail that no spool keeps; `None` if nobody gave one.
fn untaken(told: &Told) -> Option<Error> {
    let deferred = told.notices.iter().find(|notice| notice.status == Status::Deferred)?;
    Some(Error::Untaken { to: deferred.to.clone(), reason: deferred.reason.clone() })
}

/// Rescues the mail, unless it is empty. Returns the error that the caller hears.
fn rescued(reason: Error, spool: &Spool, taken: &mut Taken) -> Error {
    if taken.is_empty() { reason } else { rescue::rescue_taken(reason, spool, &taken.message, &mut taken.body) }
}

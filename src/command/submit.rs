//! Brings a mail to the spool: reads it, recovers its envelope, rewrites it, and keeps it. From the
//! acceptance line on the caller may leave with 0.

use std::io::Read;
use std::time::Instant;

use super::relay_program::{self, Patience, Told};
use super::submission::keep::{self, Given};
use super::submission::prepare::{self, Moment, Prepared};
use super::submission::request::{Input, Request};
use super::submission::{hand_over, rescue, take, unconfigured};
use crate::config::{self, Config, Source};
use crate::error::Error;
use crate::outcome::Status;
use crate::spool::{QueueId, Spill, Spool};
use crate::{log, system};

/// Submits what `input` holds; returns what the caller should be told, which is nothing when all went well.
///
/// # Errors
/// Nothing was accepted: one of [`Error`]. What had been read by then is saved where it can be.
pub(crate) fn run(
    request: &Request,
    config: Result<Config, config::Error>,
    input: &mut dyn Read,
) -> Result<Vec<String>, Error> {
    let config = match config {
        Ok(config) => config,
        Err(error) => return Err(unconfigured::keep(request, error, input)),
    };
    match accept(request, &config, input)? {
        Accepted::Nothing => Ok(Vec::new()),
        Accepted::Sent { notes, .. } => Ok(notes),
        Accepted::Kept(prepared) => see_to(request, &config, &prepared),
    }
}

/// Where a mail is that was accepted.
pub(super) enum Accepted {
    /// There was none: an empty body that is no mail.
    Nothing,
    /// In the spool.
    Kept(Box<Prepared>),
    /// With the smarthost, since no spool would take it.
    Sent {
        /// The name it had.
        id: QueueId,
        /// What the caller should be told.
        notes: Vec<String>,
    },
}

/// The way of a mail up to the acceptance line.
///
/// # Errors
/// As [`run`].
pub(super) fn accept(request: &Request, config: &Config, input: &mut dyn Read) -> Result<Accepted, Error> {
    let spool = Spool::new(config.spool_path());
    let most = keep::most_read(config, &spool);
    let (message, mut body) = take::take_or_rescue(request, &|| Spill::new(&spool, most), input, &spool)?;
    if matches!(&request.input, Input::Body(given) if given.skip_empty) && message.shape.bytes == 0 {
        return Ok(Accepted::Nothing);
    }
    let mut given = Given { message: &message, body: &mut body };
    match keep(request, config, &spool, &mut given) {
        Ok(accepted) => Ok(Accepted::Kept(Box::new(accepted))),
        Err(NotKept { error, mut prepared }) => {
            let told = prepared.as_mut().map(|prepared| carry(config, &spool, prepared, &mut given));
            if let (Some(prepared), Some(told)) = (&prepared, told.as_ref().filter(|told| is_settled(told))) {
                let mut notes = Vec::new();
                if request.verbose || is_spool_missed(config, &spool) {
                    notes.push(format!("{error}: the mail was sent at once instead of being kept"));
                }
                notes.extend(hand_over::tell(request, prepared, told)?);
                return Ok(Accepted::Sent { id: prepared.entry.id, notes });
            }
            let untaken = told.filter(|_| !is_spool_missed(config, &spool)).and_then(|told| untaken(&told));
            let error = untaken.unwrap_or(error);
            if message.octets().is_empty() && message.shape.bytes == 0 {
                return Err(error);
            }
            let mut offer = |place: rescue::Place<'_>| place(&mut message.octets().chain(body.reader()?));
            Err(rescue::again(error, &spool, &mut offer))
        }
    }
}

/// After the acceptance line: the log, and the way to the smarthost. What the caller should be told.
///
/// # Errors
/// The mail is kept all the same: there is no relay program, or everybody refused it while the caller waited.
pub(super) fn see_to(request: &Request, config: &Config, accepted: &Prepared) -> Result<Vec<String>, Error> {
    log::open(&config.log, "mailx-t", &system::host_name());
    prepare::log_accepted(accepted);
    let mut notes = hand_over::run(request, config, &Spool::new(config.spool_path()), accepted)?;
    notes.splice(0..0, accepted.warnings.iter().cloned());
    Ok(notes)
}

/// Why a mail does not stand in the spool, and the mail, where it came that far.
struct NotKept {
    error: Error,
    prepared: Option<Box<Prepared>>,
}

/// All up to the acceptance line. When this returns well, the mail is on disk.
fn keep(request: &Request, config: &Config, spool: &Spool, given: &mut Given<'_>) -> Result<Prepared, NotKept> {
    let mut prepared = prepare::prepare(request, config, given.message, &Moment::now())
        .map_err(|error| NotKept { error, prepared: None })?;
    match keep::write(config, spool, &mut prepared, given) {
        Ok(()) => Ok(prepared),
        Err(error) => Err(NotKept { error, prepared: Some(Box::new(prepared)) }),
    }
}

/// The first way out where the spool cannot be written: to the smarthost at once.
fn carry(config: &Config, spool: &Spool, prepared: &mut Prepared, given: &mut Given<'_>) -> Told {
    let smarthost = config.smarthosts.first();
    let until = Instant::now() + smarthost.connect_timeout + smarthost.timeout;
    let mail = keep::carried(config, spool, prepared, given);
    let outcomes = prepared.entry.recipients.len();
    let told =
        mail.and_then(|mail| relay_program::carry(config, mail, Patience { until, outcomes })).unwrap_or_default();
    if told.notices.len() == outcomes { told } else { Told::default() }
}

/// A machine is to have a spool. A container, which the environment configures, may have one.
fn is_spool_missed(config: &Config, spool: &Spool) -> bool {
    !matches!(config.source, Source::Environment(_)) || spool.owner().is_some()
}

/// Why a mail that only the smarthost could have taken was not accepted; none if nobody said why.
fn untaken(told: &Told) -> Option<Error> {
    let deferred = told.notices.iter().find(|notice| notice.status == Status::Deferred)?;
    Some(Error::Untaken { to: deferred.to.clone(), reason: deferred.reason.clone() })
}

/// Somebody has it, and nobody waits for it: there is nothing left to keep.
fn is_settled(told: &Told) -> bool {
    !told.notices.is_empty() && told.notices.iter().all(|notice| notice.status != Status::Deferred)
}

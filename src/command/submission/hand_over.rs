//! Hands over a mail that is kept: makes sure that a relay is at work on it, and tells a caller who waits the outcome.
//! Nothing here can lose the mail. An unknown outcome is no error.

use std::time::Instant;

use super::prepare::Prepared;
use super::request::{Delivery, Request};
use crate::command::outcome_notice::Notice;
use crate::command::relay_program::{self, Patience, Told};
use crate::config::Config;
use crate::error::Error;
use crate::outcome::Status;
use crate::spool::{Fate, QueueId, Spool};
use crate::{log, system};

/// Logs that the mail is accepted and hands it over. Returns the notes for the caller.
///
/// # Errors
/// The mail is kept all the same: there is no relay program, or the mail was refused for everybody while the caller
/// waited.
pub(crate) fn hand_over(request: &Request, config: &Config, accepted: &Prepared) -> Result<Vec<String>, Error> {
    log::open(&config.log, log::Part::Pickup, &system::host_name());
    accepted.log_accepted();
    let mut notes = accepted.warnings.clone();
    notes.extend(accepted.told_thrown_away().filter(|_| request.verbose));
    if !accepted.is_dropped {
        notes.extend(start_relay(request, config, accepted)?);
    } else if request.verbose {
        // Whoever may not read the queue has nothing to watch.
        notes.push(format!("the mail is kept as {}; the service takes it in and sends it", accepted.entry.id));
    }
    Ok(notes)
}

/// Logs that the mail is thrown away. Returns the notes for the caller: only one who wants to hear all hears of it.
pub(crate) fn throw_away(request: &Request, config: &Config, accepted: &Prepared) -> Vec<String> {
    log::open(&config.log, log::Part::Pickup, &system::host_name());
    accepted.log_thrown_away();
    let told = accepted.told_thrown_away().filter(|_| request.verbose);
    accepted.warnings.iter().cloned().chain(told).collect()
}

fn start_relay(request: &Request, config: &Config, accepted: &Prepared) -> Result<Vec<String>, Error> {
    // A leader looks at the queue once more after it has let go, and the mail stands there already.
    let is_led = |spool: &Spool| spool.lead().is_ok_and(|leader| leader.is_none());
    let spool = Spool::new(config.spool_path());
    match request.delivery {
        Delivery::Never | Delivery::Queue => Ok(Vec::new()),
        Delivery::Background if is_led(&spool) => Ok(Vec::new()),
        Delivery::Background => match relay_program::start(config, &["flush", "--due"]) {
            Ok(()) => Ok(Vec::new()),
            Err(error) => stranded(error, accepted.entry.id),
        },
        Delivery::Wait => {
            let until = Instant::now() + config.spool.wait;
            if !is_led(&spool) {
                let patience = Patience { until, outcomes: accepted.entry.recipients.len() };
                match relay_program::start_and_listen(config, &["deliver", accepted.entry.id.as_str()], patience) {
                    // Somebody else leads. Another try at the lock could send away a relay that has come to lead.
                    Ok(told) if told.notices.is_empty() && told.complaints.is_empty() => {}
                    Ok(told) => return tell(request, accepted, &told),
                    Err(error) => return stranded(error, accepted.entry.id),
                }
            }
            tell(request, accepted, &told_by_spool(&spool, accepted, until))
        }
    }
}

/// A missing relay program is an error although the mail is kept, since no mail will ever leave. A relay that cannot be
/// started now is started by the next caller or the timer.
fn stranded(error: Error, id: QueueId) -> Result<Vec<String>, Error> {
    let stranded = Error::Stranded { reason: Box::new(error), id };
    if system::relay_program().is_some() { Ok(vec![stranded.to_string()]) } else { Err(stranded) }
}

/// The outcome of the mail that another process sends. An unknown outcome is no error: the mail is accepted.
fn told_by_spool(spool: &Spool, accepted: &Prepared, until: Instant) -> Told {
    let progress = match spool.await_fate(&accepted.entry.id, accepted.entry.recipients.len(), until) {
        Ok(Fate::Delivered) => return Told { is_over: true, ..Told::default() },
        Ok(Fate::Failed(progress) | Fate::Tried(progress)) => progress,
        Ok(Fate::Waiting) | Err(_) => return Told::default(),
    };
    let notices = progress.last.iter().map(|(n, record)| Notice::of(&accepted.entry, *n, &record.outcome)).collect();
    Told { notices, is_over: true, ..Told::default() }
}

/// The notes for a caller who waited. A mail that was refused for everybody is an error.
pub(crate) fn tell(request: &Request, accepted: &Prepared, told: &Told) -> Result<Vec<String>, Error> {
    let refused: Vec<&Notice> = told.notices.iter().filter(|notice| notice.status == Status::Bounced).collect();
    if let Some(first) = refused.first().filter(|_| refused.len() == accepted.entry.recipients.len()) {
        let (to, reason) = (first.to.clone(), first.reason.clone());
        return Err(Error::Refused { to, others: refused.len() - 1, reason });
    }
    let id = accepted.entry.id;
    let mut notes: Vec<String> = told.notices.iter().filter_map(|notice| note(request, notice)).collect();
    notes.extend(told.complaints.iter().map(|line| line.trim_start_matches("mailx-t: ").to_string()));
    if !told.complaints.is_empty() && told.notices.is_empty() {
        notes.push(format!("the mail is kept as {id} and will be tried again"));
    } else if told.notices.is_empty() && request.verbose {
        notes.push(if told.is_over {
            format!("{id}: sent")
        } else {
            format!("the mail is kept as {id}; what becomes of it will stand in the log")
        });
    }
    Ok(notes)
}

fn note(request: &Request, notice: &Notice) -> Option<String> {
    let Notice { id, to, status, reason, .. } = notice;
    match status {
        Status::Sent => request.verbose.then(|| notice.to_string()),
        Status::Deferred if notice.is_folded() => None,
        Status::Deferred => Some(format!("<{to}>: {reason}; the mail is kept as {id} and will be tried again")),
        Status::Bounced => Some(format!("<{to}> was refused for good: {reason}")),
    }
}

//! In the relay: takes mails from the queue to the smarthost. Claim, session, reply, outcome; the
//! outcome is on disk before anybody is told of it.

use std::time::{Duration, Instant};

use lettre::Address;

use super::report::Report;
use crate::config::Config;
use crate::error::Error;
use crate::log::{self, Attempt};
use crate::outcome::{Outcome, Status};
use crate::relay::{Credentials, Mail, Session, Smarthost, Trouble};
use crate::spool::{Claim, Entry, QueueId, Record, Spool};
use crate::system;

/// Which mails to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All in the queue, whatever the retry clock says.
    All,
    /// Only this one.
    One(QueueId),
}

/// Sends the selected mails; `told` hears each outcome once it is on disk.
///
/// # Errors
/// The queue cannot be read, or an outcome cannot be written down. Trouble with a smarthost or a single
/// mail is an outcome, not an error.
pub fn run(config: &Config, selection: Selection, told: &mut dyn FnMut(&Report)) -> Result<(), Error> {
    let host = system::host_name();
    log::open(&config.log, "mailx-t-relay", &host);
    let spool = Spool::new(config.spool_path());
    let ids = match selection {
        Selection::All => spool.ids()?,
        Selection::One(id) => vec![id],
    };
    let mut relay = Relay { config, host, session: None, setup: Duration::ZERO };
    for id in ids {
        match spool.claim(&id) {
            Ok(Some(claim)) => relay.take(claim, told).inspect_err(|error| log::error(&error.to_string()))?,
            Ok(None) => {}
            Err(error) => log::error(&error.to_string()),
        }
    }
    if let Some(session) = relay.session {
        session.quit();
    }
    Ok(())
}

struct Relay<'a> {
    config: &'a Config,
    host: String,
    session: Option<Session>,
    /// What setting up the session took; told with the first mail over it.
    setup: Duration,
}

/// One attempt for the recipients of one mail that still waited.
struct Attempted {
    /// Their places in the entry's list.
    recipients: Vec<usize>,
    /// One for each of them.
    outcomes: Vec<Outcome>,
    /// The server that answered.
    relay: Option<String>,
    started: jiff::Timestamp,
    ended: jiff::Timestamp,
    setup: Duration,
}

impl Relay<'_> {
    fn take(&mut self, claim: Claim, told: &mut dyn FnMut(&Report)) -> Result<(), Error> {
        let attempted = self.attempt(&claim)?;
        let entry = claim.entry.clone();
        let records = self.records(&claim, &attempted);
        settle(claim, &records)?;
        for (recipient, outcome) in attempted.recipients.iter().zip(&attempted.outcomes) {
            told(&report(&entry, *recipient, outcome));
            attempted.line(&entry, *recipient, outcome).log(self.config.log.format);
        }
        Ok(())
    }

    fn attempt(&mut self, claim: &Claim) -> Result<Attempted, Error> {
        let entry = &claim.entry;
        let recipients: Vec<usize> = (0..entry.recipients.len()).filter(|n| !claim.progress.is_settled(*n)).collect();
        let started = system::now();
        let (outcomes, relay): (Vec<Outcome>, Option<String>) = match self.connected() {
            Err(trouble) => (vec![trouble.outcome(); recipients.len()], trouble.relay.clone()),
            Ok(session) => {
                let to: Vec<&Address> = recipients.iter().map(|n| &entry.recipients[*n].address).collect();
                let mail = Mail {
                    reverse_path: entry.reverse_path.as_ref(),
                    recipients: &to,
                    size: entry.size,
                    eight_bit: entry.eight_bit,
                    smtputf8: to.iter().any(|address| !address.to_string().is_ascii()),
                };
                let outcomes = session.send(&mail, &mut claim.content()?);
                (outcomes, Some(session.relay().to_string()))
            }
        };
        let setup = std::mem::take(&mut self.setup);
        Ok(Attempted { recipients, outcomes, relay, started, ended: system::now(), setup })
    }

    /// A session that works: the one at hand, else one with the first smarthost that takes us.
    fn connected(&mut self) -> Result<&mut Session, Trouble> {
        match self.session.take().filter(Session::is_usable) {
            Some(session) => Ok(self.session.insert(session)),
            None => {
                let started = Instant::now();
                let session = self.open();
                self.setup = started.elapsed();
                Ok(self.session.insert(session?))
            }
        }
    }

    /// The trouble told is the last smarthost's.
    fn open(&self) -> Result<Session, Trouble> {
        let mut opened = self.open_one(&self.config.smarthost);
        for next in &self.config.fallbacks {
            opened = opened.or_else(|_| self.open_one(next));
        }
        opened
    }

    fn open_one(&self, smarthost: &Smarthost) -> Result<Session, Trouble> {
        let credentials = Credentials::read(smarthost)?;
        Session::open(smarthost, credentials.as_ref(), &self.host)
    }

    fn records(&self, claim: &Claim, attempted: &Attempted) -> Vec<Record> {
        let at = attempted.ended;
        let delay = self.config.retry.delay(claim.progress.attempts + 1, fastrand::f64());
        let next = jiff::SignedDuration::try_from(delay).ok().and_then(|delay| at.checked_add(delay).ok());
        let record = |(recipient, outcome): (&usize, &Outcome)| Record {
            at,
            recipient: *recipient,
            next_attempt: next.filter(|_| outcome.status == Status::Deferred),
            outcome: outcome.clone(),
        };
        attempted.recipients.iter().zip(&attempted.outcomes).map(record).collect()
    }
}

/// Writes the outcomes down and puts the mail where it now belongs: gone when everybody has it, in `failed/`
/// when somebody never will, else in the queue.
fn settle(mut claim: Claim, records: &[Record]) -> Result<(), Error> {
    let everybody = 0..claim.entry.recipients.len();
    let status = |claim: &Claim, n: usize| {
        let new = records.iter().find(|record| record.recipient == n);
        new.or_else(|| claim.progress.last.get(&n)).map(|record| record.outcome.status)
    };
    let has = |claim: &Claim, wanted: Status| everybody.clone().any(|n| status(claim, n) == Some(wanted));
    if everybody.clone().all(|n| status(&claim, n) == Some(Status::Sent)) {
        return Ok(claim.remove()?);
    }
    let is_over = !has(&claim, Status::Deferred) && everybody.clone().all(|n| status(&claim, n).is_some());
    claim.record(records)?;
    if is_over {
        claim.fail()?;
    }
    Ok(())
}

fn report(entry: &Entry, recipient: usize, outcome: &Outcome) -> Report {
    Report {
        id: entry.id.to_string(),
        to: entry.recipients[recipient].address.to_string(),
        status: outcome.status,
        enhanced: outcome.enhanced,
        reason: outcome.reason.clone(),
    }
}

impl Attempted {
    fn line<'a>(&'a self, entry: &'a Entry, recipient: usize, outcome: &'a Outcome) -> Attempt<'a> {
        let between = |from: jiff::Timestamp, to: jiff::Timestamp| {
            Duration::try_from(to.duration_since(from)).unwrap_or_default()
        };
        let to = &entry.recipients[recipient];
        let took = between(self.started, self.ended);
        Attempt {
            id: entry.id.as_str(),
            to: to.address.as_ref(),
            original: to.original.as_deref(),
            relay: self.relay.as_deref(),
            delay: between(entry.arrived, self.ended),
            delays: [between(entry.arrived, self.started), self.setup, took.saturating_sub(self.setup)],
            dsn: outcome.enhanced,
            status: outcome.status,
            reason: &outcome.reason,
        }
    }
}

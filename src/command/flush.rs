//! In the relay: the leader's work. Whoever gets the relay lock sends everything that is due; after
//! letting go of it, it looks once more, so that no mail waits for a wake-up that is lost.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::attempt::{Attempted, Relay};
use super::report::Report;
use super::settle;
use super::take_in;
use crate::alarm;
use crate::config::Config;
use crate::error::Error;
use crate::log;
use crate::outcome::{Outcome, Scope, Stage};
use crate::spool::{Claim, Clock, Entry, QueueId, Spool};
use crate::system;

/// After so long, or so many mails, a leader hands over to a process of its own kind.
const TERM: Duration = Duration::from_secs(300);
const TERM_MAILS: usize = 1000;
/// So many mails in a row that the smarthost leaves unanswered mean that the trouble is not a mail's.
const IN_A_ROW: usize = 2;

/// Which mails to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All in the queue, whatever the retry clock says.
    All,
    /// What the retry clock says.
    Due,
    /// Those in whose id (`I`), recipient (`R`) or sender (`S`) the text occurs, whatever the clock says.
    Matching(char, String),
    /// This one first, whatever the clock says, and what is due.
    One(QueueId),
}

impl Selection {
    /// What is merely due is not meant.
    fn is_exclusive(&self) -> bool {
        matches!(self, Selection::Matching(..))
    }

    fn is_forced(&self, entry: &Entry) -> bool {
        let holds = |text: &str, pattern: &str| text.to_lowercase().contains(&pattern.to_lowercase());
        match self {
            Selection::All => true,
            Selection::Due => false,
            Selection::Matching('R', pattern) => entry.recipients.iter().any(|r| holds(r.address.as_ref(), pattern)),
            Selection::Matching('S', pattern) => holds(&entry.originator, pattern),
            Selection::Matching(_, pattern) => holds(entry.id.as_str(), pattern),
            Selection::One(id) => *id == entry.id,
        }
    }
}

/// Sends the selected mails; `told` hears each outcome once it is on disk. Returns at once if another process
/// is the leader: it will see what we came for.
///
/// # Errors
/// The queue cannot be read, or an outcome cannot be written down. Trouble with a smarthost or a single
/// mail is an outcome, not an error.
pub fn run(config: &Config, selection: &Selection, told: &mut dyn FnMut(&Report)) -> Result<End, Error> {
    let host = system::host_name();
    log::open(&config.log, "mailx-t-relay", &host);
    let spool = Spool::new(config.spool_path());
    let mut seen = Seen::default();
    loop {
        let Some(leader) = spool.lead()? else { return Ok(End::Led) };
        let mut term = Term::new(config, &spool, selection, &host, &mut seen);
        let end = term.serve(told);
        term.relay.quit();
        drop(leader);
        match end? {
            End::Done if is_new(&spool, &seen)? => {}
            end => return Ok(end),
        }
    }
}

/// As [`run`], but where another process leads, waits for its turn: what was asked for is done when this returns.
///
/// # Errors
/// As [`run`], and [`Error::Relay`] if the turn does not come.
pub fn run_in_turn(config: &Config, selection: &Selection, told: &mut dyn FnMut(&Report)) -> Result<(), Error> {
    let until = Instant::now() + TERM + TERM / 5;
    loop {
        match run(config, selection, told)? {
            End::Done | End::TermOver => return Ok(()),
            End::Led if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
            End::Led => {
                return Err(Error::Relay("another relay has been at work for too long: look at the log".into()));
            }
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is due any more.
    Done,
    /// Another process is the leader.
    Led,
    /// The term is over and mail is left: somebody has to go on.
    TermOver,
}

/// What this process has looked at already. What it could not take out of `drop/`, such as a directory that a user has
/// put there, must not have it look again for ever.
#[derive(Default)]
struct Seen {
    queue: HashSet<QueueId>,
    drop: HashSet<QueueId>,
}

/// A mail has come that this process has not looked at.
fn is_new(spool: &Spool, seen: &Seen) -> Result<bool, Error> {
    let is_left = spool.left()?.iter().any(|id| !seen.drop.contains(id));
    Ok(is_left || spool.ids()?.iter().any(|id| !seen.queue.contains(id)))
}

struct Term<'a> {
    config: &'a Config,
    spool: &'a Spool,
    selection: &'a Selection,
    relay: Relay<'a>,
    seen: &'a mut Seen,
    until: Instant,
    tried: usize,
    /// Mails in a row that the smarthost's own trouble met.
    in_a_row: usize,
    /// The smarthost is not to be tried any more, or not yet.
    closed: Option<String>,
}

impl<'a> Term<'a> {
    fn new(config: &'a Config, spool: &'a Spool, selection: &'a Selection, host: &str, seen: &'a mut Seen) -> Self {
        let closed = spool.clock().filter(|clock| clock.next_attempt > system::now()).map(|clock| clock.reason);
        let relay = Relay::new(config, host);
        Self { config, spool, selection, relay, seen, until: Instant::now() + TERM, tried: 0, in_a_row: 0, closed }
    }

    fn serve(&mut self, told: &mut dyn FnMut(&Report)) -> Result<End, Error> {
        self.seen.drop.extend(self.spool.left()?);
        take_in::run(self.config, self.spool)?;
        if !matches!(self.selection, Selection::One(_)) {
            self.spool.sweep()?;
        }
        let mut ids = self.spool.ids_untried_first()?;
        if let Selection::One(first) = self.selection {
            // Somebody may be waiting for it.
            ids.sort_by_key(|id| id != first);
        }
        for id in ids {
            if self.is_over() {
                return Ok(End::TermOver);
            }
            if !self.seen.queue.insert(id) {
                continue;
            }
            match self.spool.claim(&id) {
                Ok(Some(claim)) => {
                    // A mail that the disk has no room for must not stand before the others.
                    if let Err(error) = self.take(claim, told) {
                        log::error(&format!("{id}: {error}"));
                    }
                }
                Ok(None) => {}
                Err(error) => log::error(&error.to_string()),
            }
        }
        Ok(End::Done)
    }

    /// A person who asked for the whole queue gets the whole queue.
    fn is_over(&self) -> bool {
        let has_term = matches!(self.selection, Selection::Due | Selection::One(_));
        has_term && (self.tried >= TERM_MAILS || Instant::now() >= self.until)
    }

    fn take(&mut self, claim: Claim, told: &mut dyn FnMut(&Report)) -> Result<(), Error> {
        let now = system::now();
        if self.spool.is_held(&claim.entry.id) {
            return Ok(());
        }
        let open = claim.open().len();
        if open == 0 {
            // Everybody was settled, and then the machine stopped.
            return settle::settle(self.config, claim, &[]);
        }
        let is_forced = self.selection.is_forced(&claim.entry);
        let is_open = match &self.closed {
            // What was asked for by name is tried even so, until it has been seen to be in vain.
            Some(_) => is_forced && self.in_a_row == 0,
            None => is_forced || (!self.selection.is_exclusive() && claim.is_due(now)),
        };
        if is_open {
            self.tried += 1;
            if open > 1 {
                claim.reserve()?;
            }
            let attempted = self.relay.attempt(&claim)?;
            // The outcome first: a clock that cannot be set must not have anybody get the mail twice.
            let finished = self.finish(claim, &attempted, told);
            self.learn(&attempted).unwrap_or_else(|error| log::error(&error.to_string()));
            return finished;
        }
        if settle::is_expired(self.config, &claim.entry, now) {
            return self.expire(claim, now);
        }
        Ok(())
    }

    fn finish(&self, claim: Claim, attempted: &Attempted, told: &mut dyn FnMut(&Report)) -> Result<(), Error> {
        let entry = claim.entry.clone();
        let records = settle::records(self.config, &claim, attempted);
        settle::settle(self.config, claim, &records)?;
        for record in &records {
            attempted.line(&entry, record.recipient, &record.outcome).log(self.config.log.format);
            told(&report(&entry, record.recipient, &record.outcome));
        }
        Ok(())
    }

    /// Too old, and the smarthost cannot even be tried.
    fn expire(&self, claim: Claim, now: jiff::Timestamp) -> Result<(), Error> {
        let last = |n: &usize| claim.progress.last.get(n).map(|record| record.outcome.clone());
        let trouble = self.closed.as_deref().unwrap_or("it was not tried again");
        let outcomes: Vec<Outcome> =
            claim.open().iter().map(|n| last(n).unwrap_or_else(|| settle::untried(trouble))).collect();
        let attempted = Attempted::none(claim.open(), outcomes, now);
        self.finish(claim, &attempted, &mut |_| {})
    }

    /// What an attempt says about the smarthost: trouble before any mail, or with several in a row, closes it for
    /// a while; a mail taken opens it.
    fn learn(&mut self, attempted: &Attempted) -> Result<(), Error> {
        let Some(trouble) = attempted.host_trouble() else {
            self.in_a_row = 0;
            self.closed = None;
            return Ok(self.spool.set_clock(None)?);
        };
        self.in_a_row += 1;
        let is_before_mail = !matches!(trouble.stage, Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Content);
        if is_before_mail || self.in_a_row >= IN_A_ROW {
            self.close(trouble)?;
        }
        Ok(())
    }

    fn close(&mut self, trouble: &Outcome) -> Result<(), Error> {
        self.closed = Some(trouble.reason.clone());
        let before = self.spool.clock();
        let attempts = before.as_ref().map_or(0, |clock| clock.attempts) + 1;
        let was_alarmed = before.is_some_and(|clock| clock.is_alarmed);
        let is_alarming = trouble.scope == Scope::Configuration;
        if is_alarming && !was_alarmed {
            self.alarm(&trouble.reason);
        }
        // What lies on this machine may be right for the next process: a credential that only the service has.
        let is_ours = trouble.stage == Stage::Setup;
        let delay = if is_ours { Duration::ZERO } else { self.config.retry.delay(attempts, fastrand::f64()) };
        let now = system::now();
        let clock = Clock {
            attempts,
            next_attempt: settle::later(now, delay).unwrap_or(now),
            is_alarmed: was_alarmed || is_alarming,
            reason: trouble.reason.clone(),
        };
        Ok(self.spool.set_clock(Some(&clock))?)
    }

    /// Once per trouble, not once per mail.
    fn alarm(&self, reason: &str) {
        let sentence = format!("no mail leaves this machine until the configuration is mended: {reason}");
        log::error(&sentence);
        if let Err(error) = alarm::raise(&self.config.alarm, &sentence) {
            log::error(&format!("the alarm command could not be started: {error}"));
        }
    }
}

/// An outcome as it is told.
pub(super) fn report(entry: &Entry, recipient: usize, outcome: &Outcome) -> Report {
    Report {
        id: entry.id.to_string(),
        to: entry.recipients[recipient].address.to_string(),
        status: outcome.status,
        enhanced: outcome.enhanced,
        reason: outcome.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_taken_from_drop_is_looked_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        spool.create(None).unwrap();
        let (stuck, fresh) = (QueueId::new(), QueueId::new());
        std::fs::create_dir(directory.path().join("drop").join(stuck.as_str())).unwrap();
        let mut seen = Seen::default();
        assert!(is_new(&spool, &seen).unwrap());
        seen.drop.extend(spool.left().unwrap());
        assert!(!is_new(&spool, &seen).unwrap());
        std::fs::write(directory.path().join("drop").join(fresh.as_str()), "x").unwrap();
        assert!(is_new(&spool, &seen).unwrap());
    }
}

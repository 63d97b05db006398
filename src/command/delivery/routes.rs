//! The ways of mail, one for each account with smarthosts of its own: open, or closed for a while, and why. Trouble on
//! one is no reason to keep the mail of another.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lettre::Address;

use super::attempt::Attempt;
use crate::alarm;
use crate::config::Config;
use crate::error::Error;
use crate::interval::later;
use crate::log;
use crate::outcome::{Outcome, Scope, Stage};
use crate::pace::Rate;
use crate::spool::{Clock, Entry, QueueId, Remark, Spool};
use crate::system;
use crate::verdict::{self, Known};

/// A smarthost that is away is tried at least so often: its clock is not that of a mail.
const AWAY: Duration = Duration::from_secs(15 * 60);
/// A new mail is an occasion to try it, at most so often.
const NEW_MAIL_TRIES: SignedDuration = SignedDuration::from_secs(60);
/// A limit of the settings is over after a day at most.
const LONGEST_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// So many mails in a row that a smarthost leaves unanswered mean that the trouble is not a mail's.
const IN_A_ROW: usize = 2;
/// The mark of an account of which a person was told, and the time for which it is kept.
const ALARMED: &str = "alarmed";
const ALARMED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The routes of mail, as this process knows them.
pub(crate) struct Routes<'a> {
    config: &'a Config,
    spool: &'a Spool,
    known: HashMap<Address, Route>,
    /// The last connection that was lost.
    lost: Option<u32>,
}

#[derive(Default)]
struct Route {
    /// Not to be tried any more, or not yet.
    closed: Option<String>,
    /// Mails in a row that the smarthost's own trouble met; those that a connection took with it count as one.
    in_a_row: usize,
    /// The last mail that was refused in words that may be about all our mail; none since a mail was taken.
    refused: Option<Refused>,
}

/// A refusal that may be about all our mail.
struct Refused {
    /// The reply without what is of one mail.
    said: String,
    mail: QueueId,
    /// To whom.
    people: Vec<Address>,
}

impl Refused {
    fn of(entry: &Entry, attempt: &Attempt, outcome: &Outcome) -> Self {
        let people = attempt.recipients.iter().map(|n| entry.recipients[*n].address.clone()).collect();
        Self { said: format!("{} {}", outcome.stage, verdict::masked(&outcome.reason)), mail: entry.id, people }
    }

    /// The same was said of another mail, to others.
    fn repeats(&self, before: &Self) -> bool {
        self.said == before.said
            && self.mail != before.mail
            && self.people.iter().all(|one| !before.people.contains(one))
    }
}

/// The clock's time has not come. One that is too far ahead was written while the machine's clock was wrong.
fn is_closed(config: &Config, clock: &Clock, now: Timestamp) -> bool {
    let longest = if clock.attempts == 0 { LONGEST_LIMIT } else { config.retry.max.max(AWAY) };
    clock.next_attempt > now && later(now, longest).is_none_or(|latest| clock.next_attempt <= latest)
}

impl<'a> Routes<'a> {
    /// The lessons of earlier processes count for the way of accounts without a way of their own.
    pub(crate) fn new(config: &'a Config, spool: &'a Spool) -> Self {
        let mut routes = Self { config, spool, known: HashMap::new(), lost: None };
        if let Some(clock) = spool.clock().filter(|clock| is_closed(config, clock, system::now())) {
            routes.route(&config.account).closed = Some(clock.reason);
        }
        routes
    }

    /// The account whose way that mail goes.
    pub(crate) fn of(&self, entry: &Entry) -> Address {
        let own = entry.reverse_path.as_ref().filter(|account| self.config.smarthosts.has_own(account));
        own.unwrap_or(&self.config.account).clone()
    }

    /// The reason why nothing is to be sent that way now.
    pub(crate) fn closed(&self, account: &Address) -> Option<&str> {
        self.known.get(account)?.closed.as_deref()
    }

    /// A new mail is an occasion to see whether a smarthost that was away is back. One that does not let us in is left
    /// alone: too many refused logins close an account.
    pub(crate) fn may_try_new(&self, account: &Address, now: Timestamp) -> bool {
        let Some(clock) = self.spool.clock().filter(|_| self.is_for_all(account)) else { return false };
        let was_long_ago = |tried: Timestamp| tried > now || now.duration_since(tried) >= NEW_MAIL_TRIES;
        clock.attempts > 0 && !clock.is_alarmed && clock.tried.is_none_or(was_long_ago)
    }

    /// This process has seen for itself that it is in vain.
    pub(crate) fn is_in_vain(&self, account: &Address) -> bool {
        self.known.get(account).is_some_and(|route| route.in_a_row > 0)
    }

    /// A limit of the settings is reached for longer than somebody would wait.
    pub(crate) fn close_until(&mut self, account: &Address, until: Timestamp, rate: Rate) -> Result<(), Error> {
        let reason = format!("{rate} are allowed by the settings, and so many have left: the next may at {until:.0}");
        self.route(account).closed = Some(reason.clone());
        self.set_clock(
            account,
            Some(&Clock { attempts: 0, tried: None, next_attempt: until, is_alarmed: false, reason }),
        )
    }

    /// Learns from an attempt: trouble before any mail, or with several in a row, closes the way for a while; so does
    /// the same refusal of two mails to two people. A mail that was taken opens it.
    pub(crate) fn learn(&mut self, account: &Address, entry: &Entry, attempt: &Attempt) -> Result<(), Error> {
        if let Some(outcome) = self.repeated(account, entry, attempt) {
            self.route(account).in_a_row += 1;
            return self.close(account, &outcome);
        }
        let Some(trouble) = attempt.host_trouble() else {
            if attempt.refusal().is_some() {
                return Ok(());
            }
            *self.route(account) = Route::default();
            return self.set_clock(account, None);
        };
        if attempt.lost.is_some() && attempt.lost == self.lost {
            return Ok(());
        }
        self.lost = attempt.lost;
        let route = self.route(account);
        route.in_a_row += 1;
        let is_before_mail = !matches!(trouble.stage, Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Content);
        if is_before_mail || route.in_a_row >= IN_A_ROW {
            self.close(account, trouble)?;
        }
        Ok(())
    }

    /// What the server says is about all our mail: a report was refused as the mail it is about.
    pub(crate) fn condemn(&mut self, account: &Address, trouble: &Outcome) -> Result<(), Error> {
        self.route(account).in_a_row += 1;
        self.close(account, trouble)
    }

    /// The refusal that shows, with the one before it, that it is about all our mail.
    fn repeated(&mut self, account: &Address, entry: &Entry, attempt: &Attempt) -> Option<Outcome> {
        let outcome = attempt.refusal()?;
        let refused = Refused::of(entry, attempt, outcome);
        let route = self.route(account);
        let is_repeated = route.refused.as_ref().is_some_and(|before| refused.repeats(before));
        route.refused = Some(refused);
        is_repeated.then(|| verdict::with(outcome, &Known { is_repeated, ..Known::default() }))
    }

    fn close(&mut self, account: &Address, trouble: &Outcome) -> Result<(), Error> {
        self.route(account).closed = Some(trouble.reason.clone());
        let before = self.spool.clock().filter(|_| self.is_for_all(account));
        // A fault on this machine may not concern the next process, which may have a secret or a network that this one
        // lacks.
        let is_ours = trouble.stage == Stage::Setup;
        let attempts = before.as_ref().map_or(0, |clock| clock.attempts) + u32::from(!is_ours);
        let was_alarmed = before.is_some_and(|clock| clock.is_alarmed) || self.is_alarmed(account);
        let is_alarming = trouble.scope == Scope::Configuration;
        if is_alarming && !was_alarmed {
            self.alarm(account, &trouble.reason);
        }
        let longest = if is_alarming { Duration::MAX } else { AWAY };
        let delay = self.config.retry.delay(attempts, fastrand::f64()).min(longest);
        let delay = if is_ours { Duration::ZERO } else { delay };
        let now = system::now();
        let clock = Clock {
            attempts,
            tried: Some(now),
            next_attempt: later(now, delay).unwrap_or(now),
            is_alarmed: was_alarmed || is_alarming,
            reason: trouble.reason.clone(),
        };
        self.set_clock(account, Some(&clock))
    }

    /// The spool has one clock; the mail of an account of its own follows its own retry clock alone.
    fn set_clock(&self, account: &Address, clock: Option<&Clock>) -> Result<(), Error> {
        if self.is_for_all(account) { Ok(self.spool.set_clock(clock)?) } else { Ok(()) }
    }

    fn is_for_all(&self, account: &Address) -> bool {
        *account == self.config.account
    }

    fn is_alarmed(&self, account: &Address) -> bool {
        self.spool.is_remarked(account.as_ref(), ALARMED, system::now())
    }

    /// Once per trouble, not once per mail.
    fn alarm(&self, account: &Address, reason: &str) {
        let what = if self.is_for_all(account) { "no mail" } else { "no mail of an account of its own" };
        let sentence = format!("{what} leaves this machine until the configuration is mended: {reason}");
        log::error(&sentence);
        if let Err(error) = alarm::raise(&self.config.alarm, &sentence) {
            log::error(&format!("the alarm command could not be started: {error}"));
        }
        if !self.is_for_all(account) {
            let until = later(system::now(), ALARMED_FOR).unwrap_or(Timestamp::MAX);
            let remark = Remark { about: account.to_string(), says: ALARMED.to_string(), until };
            self.spool.remark(&remark).unwrap_or_else(|error| log::error(&error.to_string()));
        }
    }

    fn route(&mut self, account: &Address) -> &mut Route {
        self.known.entry(account.clone()).or_default()
    }
}

//! The ways of mail, one for each account with smarthosts of its own: open, or closed for a while, and why. Trouble on
//! one is no reason to keep the mail of another.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lettre::Address;

use super::attempt::Attempt;
use super::evidence::{Evidence, Met, hash};
use crate::alarm;
use crate::config::Config;
use crate::error::Error;
use crate::interval::later;
use crate::log;
use crate::outcome::{Outcome, Scope, Stage, Status};
use crate::pace::Rate;
use crate::spool::{Clock, Entry, QueueId, Remark, Spool};
use crate::system;
use crate::verdict::{self, About, Known};

/// A smarthost that is away is tried at least so often: its clock is not that of a mail.
const AWAY: Duration = Duration::from_secs(15 * 60);
/// A new mail is an occasion to try it, at most so often.
const NEW_MAIL_TRIES: SignedDuration = SignedDuration::from_secs(60);
/// A limit of the settings is over after a day at most.
const LONGEST_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The number of mails in a row that a smarthost leaves unanswered, from which on the trouble is not a mail's.
const IN_A_ROW: usize = 2;
/// No server has a limit for the size of a mail, in octets, below this.
const SMALL: u64 = 64 << 10;
/// The most mails of other users that are looked at for the same refusal.
const MOST_LOOKED_AT: usize = 100;
/// The mark of an account of which a person was told, and the time for which it is kept.
const ALARMED: &str = "alarmed";
/// The mark of one whose trouble was told since it lasted so long.
const TOLD: &str = "told of an outage";
/// Trouble that lasts for so long is told: it is the time after which sendmail warns of a mail (its QueueWarn).
const UNTOLD: SignedDuration = SignedDuration::from_hours(4);
const ALARMED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The routes of mail, as this process knows them.
pub(crate) struct Routes<'a> {
    config: &'a Config,
    spool: &'a Spool,
    known: HashMap<Address, Route>,
    /// The last connection that was lost.
    lost: Option<u32>,
    /// The accounts of which no alarm is remembered any more, since a mail has left.
    unalarmed: HashSet<Address>,
}

#[derive(Default)]
struct Route {
    /// The reason why it is not tried any more, or not yet.
    closed: Option<String>,
    /// It was closed, and the time has come to see whether it is open again.
    is_probed: bool,
    /// This process has seen trouble on it.
    is_in_vain: bool,
    /// What mails have shown since one was taken.
    evidence: Evidence,
    /// The evidence that the spool keeps.
    kept: Evidence,
}

/// The same refusal of two mails, which closes the way.
pub(crate) struct Repeated {
    outcome: Outcome,
    /// The server names our account itself, and one of the mails is ours. Otherwise no person is told before the
    /// server refuses a report as well.
    is_sure: bool,
}

/// Trouble at that stage may be about what the mail's user has chosen. MAIL holds nothing of the user's but ENVID, RET,
/// SIZE and the null reverse-path; a small mail without the others gives it nothing that a server would refuse.
fn may_be_chosen(entry: &Entry, stage: Stage) -> bool {
    let is_asking = entry.dsn.envid.is_some() || entry.dsn.ret.is_some();
    match stage {
        Stage::Rcpt | Stage::Data | Stage::Content => true,
        Stage::Mail => is_asking || entry.size > SMALL || entry.reverse_path.is_none(),
        _ => false,
    }
}

/// The mail was accepted under an account that the settings name no more: a refusal of its sender is about that mail.
fn is_of_another_account(entry: &Entry, account: &Address, stage: Stage) -> bool {
    stage == Stage::Mail && entry.reverse_path.as_ref().is_some_and(|sender| sender != account)
}

/// The clock's time has not come. One that is too far ahead, or that tells of a try yet to come, was written while the
/// machine's clock was wrong.
fn is_closed(config: &Config, clock: &Clock, now: Timestamp) -> bool {
    let longest = if clock.attempts == 0 { LONGEST_LIMIT } else { config.retry.max.max(AWAY) };
    let is_possible = clock.tried.is_none_or(|tried| tried <= now);
    is_possible && clock.next_attempt > now && later(now, longest).is_none_or(|latest| clock.next_attempt <= latest)
}

/// The reason with the server that gave it. Our own sentences name it.
fn of_smarthost(reason: &str, relay: Option<&str>) -> String {
    match relay.filter(|_| !reason.starts_with("smarthost ")) {
        Some(relay) => format!("smarthost {relay}: {reason}"),
        None => reason.to_owned(),
    }
}

impl<'a> Routes<'a> {
    /// The lessons of earlier processes count for the way of accounts without a way of their own.
    pub(crate) fn new(config: &'a Config, spool: &'a Spool) -> Self {
        let mut routes = Self { config, spool, known: HashMap::new(), lost: None, unalarmed: HashSet::new() };
        if let Some(clock) = spool.clock() {
            let is_closed = is_closed(config, &clock, system::now());
            let route = routes.route(&config.account);
            // A limit of the settings that is over needs no probe.
            route.is_probed = !is_closed && clock.attempts > 0;
            route.closed = Some(clock.reason).filter(|_| is_closed);
        }
        routes
    }

    /// The account whose way that mail goes.
    pub(crate) fn of(&self, entry: &Entry) -> Address {
        let own = entry.reverse_path.as_ref().filter(|account| self.config.smarthosts.has_own(account));
        own.unwrap_or(&self.config.account).clone()
    }

    /// The reason why nothing may be sent that way now.
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
        self.known.get(account).is_some_and(|route| route.is_in_vain)
    }

    /// Nobody knows whether the way is open again: one mail shows it, and the smallest will do.
    pub(crate) fn is_probed(&self, account: &Address) -> bool {
        self.known.get(account).is_some_and(|route| route.is_probed && route.closed.is_none())
    }

    /// A limit of the settings is reached for longer than somebody would wait.
    pub(crate) fn close_until(&mut self, account: &Address, until: Timestamp, rate: Rate) -> Result<(), Error> {
        let reason = format!("{rate} are allowed by the settings, and so many have left: the next may at {until:.0}");
        self.route(account).closed = Some(reason.clone());
        self.set_clock(
            account,
            Some(&Clock {
                attempts: 0,
                since: None,
                tried: None,
                next_attempt: until,
                is_alarmed: false,
                told: None,
                reason,
            }),
        )
    }

    /// Judges an attempt by the one before it, whichever process made that: the same refusal of two users' mails to two
    /// people is about all our mail, and the mail waits. A probe that is refused as they were waits too. The report
    /// alone judges a reply that refuses a content for good: two mails may well have a text that the server does not
    /// take.
    pub(crate) fn judge(&mut self, account: &Address, entry: &Entry, attempt: &mut Attempt) -> Option<Repeated> {
        let is_for_report = |outcome: &Outcome| {
            outcome.stage == Stage::Content && verdict::reply_of(outcome).is_some_and(|reply| reply.is_permanent())
        };
        let is_for_itself = |outcome: &Outcome| is_of_another_account(entry, account, outcome.stage);
        let Some(outcome) = attempt.refusal().filter(|outcome| !is_for_report(outcome) && !is_for_itself(outcome))
        else {
            if attempt.refusal().is_none() && attempt.host_trouble().is_none() {
                self.route(account).evidence.refused = None;
            }
            return None;
        };
        let refused = Met::of(entry, outcome);
        let is_said = verdict::about(outcome, &Known::default()) == Some(About::Account);
        let route = self.route(account);
        let before = route.evidence.refused.replace(refused.clone());
        let is_probed = route.is_probed;
        self.keep(account);
        let before = before.filter(|before| refused.repeats(before) || is_probed && refused.says_the_same(before))?;
        let known = Known { is_repeated: true, ..Known::default() };
        attempt.outcomes = attempt.outcomes.iter().map(|outcome| verdict::with(outcome, &known)).collect();
        let is_sure = is_said && (refused.is_ours() || before.is_ours());
        Some(Repeated { outcome: attempt.outcomes.first()?.clone(), is_sure })
    }

    /// Learns from an attempt: trouble before any mail, or with several in a row, closes the way for a while; so does a
    /// refusal that was repeated. A mail that was taken opens it.
    pub(crate) fn learn(
        &mut self,
        account: &Address,
        entry: &Entry,
        attempt: &Attempt,
        repeated: Option<&Repeated>,
    ) -> Result<(), Error> {
        if let Some(Repeated { outcome, is_sure }) = repeated {
            return self.close(account, outcome, *is_sure, attempt.course.relay.as_deref());
        }
        let Some(trouble) = attempt.host_trouble() else {
            if attempt.refusal().is_some() {
                return Ok(());
            }
            let route = self.route(account);
            *route = Route { kept: std::mem::take(&mut route.kept), ..Route::default() };
            self.keep(account);
            if attempt.outcomes.iter().any(|outcome| outcome.status == Status::Sent) {
                self.forget_alarm(account)?;
            }
            return self.set_clock(account, None);
        };
        if attempt.lost.is_some() && attempt.lost == self.lost || is_of_another_account(entry, account, trouble.stage) {
            return Ok(());
        }
        self.lost = attempt.lost;
        let route = self.route(account);
        let is_probed = route.is_probed;
        if may_be_chosen(entry, trouble.stage) && !is_probed {
            // Two mails that one user has chosen are one, and so are two to a recipient for whom the server has no
            // time.
            let met = Met::of(entry, trouble);
            let shows_more =
                |before: &Met| met.confirms(before) && (trouble.stage != Stage::Rcpt || met.is_for_others(before));
            if route.evidence.troubled.as_ref().is_some_and(|before| !shows_more(before)) {
                return Ok(());
            }
            route.evidence.troubled = Some(met);
        }
        route.evidence.in_a_row += 1;
        route.is_in_vain = true;
        let is_before_mail = !matches!(trouble.stage, Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Content);
        let is_shown = is_before_mail || is_probed || route.evidence.in_a_row >= IN_A_ROW;
        self.keep(account);
        if is_shown { self.close(account, trouble, true, attempt.course.relay.as_deref()) } else { Ok(()) }
    }

    /// A report was refused as the mail it is about. That is about all our mail if the mail is ours, or if another
    /// user's waits for the same reason. Else the mail waits alone: a report quotes words that its sender has chosen.
    pub(crate) fn condemn(
        &mut self,
        account: &Address,
        entry: &Entry,
        trouble: &Outcome,
        relay: Option<&str>,
    ) -> Result<(), Error> {
        if !Met::of(entry, trouble).is_ours() && !self.meets_others(entry, trouble) {
            return Ok(());
        }
        self.close(account, trouble, true, relay)
    }

    /// Another user's mail waits after the same refusal.
    fn meets_others(&self, entry: &Entry, trouble: &Outcome) -> bool {
        let met = Met::of(entry, trouble);
        let is_alike = |id: &QueueId| {
            let Ok(Some((other, progress))) = self.spool.peek(id) else { return false };
            progress.last.values().any(|record| met.repeats(&Met::of(&other, &record.outcome)))
        };
        let ids = self.spool.ids().unwrap_or_default();
        ids.iter().filter(|id| id.mark() != entry.id.mark()).take(MOST_LOOKED_AT).any(is_alike)
    }

    /// `is_sure` if a fault of the settings or the account must be told to a person; `relay` is the server that told of
    /// it.
    fn close(&mut self, account: &Address, trouble: &Outcome, is_sure: bool, relay: Option<&str>) -> Result<(), Error> {
        let route = self.route(account);
        route.closed = Some(trouble.reason.clone());
        route.is_in_vain = true;
        let before = self.spool.clock().filter(|_| self.is_for_all(account));
        // A fault on this machine may not concern the next process, which may have a secret or a network that this one
        // lacks.
        let is_ours = trouble.stage == Stage::Setup;
        let attempts = before.as_ref().map_or(0, |clock| clock.attempts) + u32::from(!is_ours);
        let told = before.as_ref().and_then(|clock| clock.told);
        let was_alarmed = before.as_ref().is_some_and(|clock| clock.is_alarmed) || self.is_alarmed(account);
        let is_alarming = is_sure && trouble.scope == Scope::Configuration;
        let now = system::now();
        let since = before.as_ref().map_or(now, |clock| clock.since.unwrap_or(now));
        let reason = of_smarthost(&trouble.reason, relay);
        if is_alarming && !was_alarmed {
            self.alarm(account, &reason);
        } else if !was_alarmed && !is_ours && now.duration_since(since) >= UNTOLD {
            self.tell_of_outage(account, since, &reason);
        }
        let longest = if is_alarming { Duration::MAX } else { AWAY };
        let delay = self.config.retry.delay(attempts, fastrand::f64()).min(longest);
        let delay = if is_ours { Duration::ZERO } else { delay };
        let clock = Clock {
            attempts,
            since: Some(since),
            tried: Some(now),
            next_attempt: later(now, delay).unwrap_or(now),
            is_alarmed: was_alarmed || is_alarming,
            told,
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
    fn alarm(&mut self, account: &Address, reason: &str) {
        self.unalarmed.remove(account);
        let what = if self.is_for_all(account) { "no mail" } else { "no mail of an account of its own" };
        let sentence = format!("{what} leaves this machine until the configuration is mended: {reason}");
        // A mail that is refused again and again, as its reports are, opens the way and closes it each time.
        let says = format!("{ALARMED} of {:x}", hash(&verdict::masked(reason)));
        if self.spool.is_remarked(account.as_ref(), &says, system::now()) {
            log::error(&format!("mail waits again, as was told: {reason}"));
        } else {
            self.tell(&sentence);
            self.remark(account, &says);
        }
        if !self.is_for_all(account) {
            self.remark(account, ALARMED);
        }
    }

    /// A mail has left after all: the next alarm is about something new. Once is enough: a queue that is sent must not
    /// read the remarks for each mail.
    fn forget_alarm(&mut self, account: &Address) -> Result<(), Error> {
        if self.unalarmed.insert(account.clone()) {
            self.spool.replace_remark(account.as_ref(), ALARMED, None)?;
            self.spool.replace_remark(account.as_ref(), TOLD, None)?;
        }
        Ok(())
    }

    /// The trouble may be over at any time, but has lasted. A person hears of it once a day.
    fn tell_of_outage(&mut self, account: &Address, since: Timestamp, reason: &str) {
        self.unalarmed.remove(account);
        if !self.spool.is_remarked(account.as_ref(), TOLD, system::now()) {
            self.tell(&format!("no mail has left this machine since {since:.0}: {reason}"));
            self.remark(account, TOLD);
        }
    }

    fn tell(&self, sentence: &str) {
        log::error(sentence);
        if let Err(error) = alarm::raise(&self.config.alarm, sentence) {
            log::error(&format!("the alarm command could not be started: {error}"));
        }
    }

    fn remark(&self, account: &Address, says: &str) {
        let until = later(system::now(), ALARMED_FOR).unwrap_or(Timestamp::MAX);
        let remark = Remark { about: account.to_string(), says: says.to_string(), until };
        self.spool.remark(&remark).unwrap_or_else(|error| log::error(&error.to_string()));
    }

    fn route(&mut self, account: &Address) -> &mut Route {
        let kept = || Evidence::kept(self.spool, account);
        self.known.entry(account.clone()).or_insert_with(|| {
            let kept = kept();
            Route { evidence: kept.clone(), kept, ..Route::default() }
        })
    }

    /// The next process goes on with what this one has seen. Nothing is written while all is well.
    fn keep(&mut self, account: &Address) {
        let spool = self.spool;
        let route = self.route(account);
        if route.evidence != route.kept {
            route.kept = route.evidence.clone();
            route.evidence.keep(spool, account).unwrap_or_else(|error| log::error(&error.to_string()));
        }
    }
}

//! Mails on their way: an answered mail is settled, or more is done for it first, over another connection, with another
//! smarthost, or with less of the mail.

use std::time::Instant;

use jiff::Timestamp;

use super::super::attempt::{Answered, Attempt, Left};
use super::super::connections::Connections;
use super::super::folding::{self, Folding};
use super::super::known_smarthosts::Turn;
use super::super::returned::{self, Concluded};
use super::super::routes::{Repeated, Routes};
use super::super::{cut_to_size, settle};
use crate::alarm;
use crate::command::accountable::accountable;
use crate::command::outcome_notice::Notice;
use crate::config::Config;
use crate::error::Error;
use crate::log;
use crate::outcome::{Outcome, Status};
use crate::relay::Client;
use crate::spool::{Claim, Entry, QueueId, Record, Spool};
use crate::system;

pub(super) struct Sending<'a> {
    config: &'a Config,
    spool: &'a Spool,
    pub(super) connections: Connections<'a>,
    pub(super) routes: Routes<'a>,
    pub(super) folding: Folding<'a>,
    tell: &'a mut dyn FnMut(&Notice),
    /// The end of the term, if it has one: no further transaction for a mail begins behind it.
    pub(super) until: Option<Instant>,
    /// A mail that could go on is left to the next term.
    pub(super) has_left_some: bool,
    /// Mails that go on when their turn comes, which is soon.
    pub(super) later: Vec<QueueId>,
    /// The size of the largest mail that was taken in this process.
    largest_noted: u64,
}

/// The work on a mail that is left before its outcome stands.
enum FollowUp {
    /// Surely nobody has the mail: it is tried again.
    TryAgain(Claim),
    /// The recipients who were too many for one mail get it in the next.
    GoOn(Claim, Left),
    /// Another smarthost is asked for the recipients who are left.
    AskAnother(Claim, Attempt),
    /// The mail is too large: it is cut.
    Cut(Claim),
}

impl<'a> Sending<'a> {
    pub(super) fn new(config: &'a Config, spool: &'a Spool, client: &Client, tell: &'a mut dyn FnMut(&Notice)) -> Self {
        let connections = Connections::new(config, client, spool);
        let routes = Routes::new(config, spool);
        Self {
            config,
            spool,
            connections,
            routes,
            folding: Folding::new(config, spool),
            tell,
            until: None,
            has_left_some: false,
            later: Vec::new(),
            largest_noted: 0,
        }
    }

    /// Folds a mail that tells nothing new; returns whether it was folded.
    pub(super) fn fold(&mut self, claim: &mut Claim, now: Timestamp) -> Result<bool, Error> {
        self.folding.fold(claim, now, self.tell)
    }

    /// Waits until nothing is under way any more.
    pub(super) fn settle_all(&mut self) {
        while self.settle_answered() > 0 {}
    }

    /// Waits for an answer, and settles every mail that is answered by then; returns how many. If one of them needs
    /// more, all others are awaited and settled before: a follow-up takes its time, and what is known meanwhile must
    /// not be lost.
    pub(super) fn settle_answered(&mut self) -> usize {
        let (mut count, mut follow_ups) = (0, Vec::new());
        loop {
            let answered = self.connections.await_answered();
            count += answered.len();
            let is_last = answered.is_empty();
            follow_ups.extend(self.settle_what_stands(answered));
            if is_last || follow_ups.is_empty() {
                break;
            }
        }
        for follow_up in follow_ups {
            let mut next = Some(follow_up);
            while let Some(follow_up) = next {
                next = self.follow_up(follow_up);
            }
        }
        count
    }

    /// Settles the mails whose outcomes stand, and returns what remains to be done for the others.
    fn settle_what_stands(&mut self, answered: Vec<Answered>) -> Vec<FollowUp> {
        let (mut standing, mut others) = (Vec::new(), Vec::new());
        for mail in answered {
            let stands = !mail.attempt.may_retry && !self.needs_more(&mail);
            if stands { standing.push(mail) } else { others.push(mail) }
        }
        self.settle(standing);
        let mut follow_ups = Vec::new();
        for mail in others {
            if mail.attempt.may_retry {
                follow_ups.push(FollowUp::TryAgain(mail.claim));
            } else {
                follow_ups.extend(self.next(mail));
            }
        }
        follow_ups
    }

    fn needs_more(&self, mail: &Answered) -> bool {
        cut_to_size::is_called_for(mail)
            || mail.attempt.goes_on()
            || self.connections.has_another_smarthost(mail)
            || self.may_cut_help(mail)
    }

    fn may_cut_help(&self, mail: &Answered) -> bool {
        let smarthost = mail.attempt.asked.last().map(|asked| self.config.smarthosts[*asked].to_string());
        smarthost.is_some_and(|smarthost| cut_to_size::may_help(self.spool, &smarthost, mail))
    }

    /// Notes how large a mail the smarthost has taken.
    fn note_taken(&mut self, entry: &Entry, attempt: &Attempt) {
        let is_taken = attempt.outcomes.iter().any(|outcome| outcome.status == Status::Sent);
        let Some(asked) = attempt.asked.last().filter(|_| is_taken && entry.size > self.largest_noted) else { return };
        self.largest_noted = entry.size;
        let noted = cut_to_size::note_taken(self.spool, &self.config.smarthosts[*asked].to_string(), entry.size);
        noted.unwrap_or_else(|error| log::error(&error.to_string()));
    }

    /// The work on a mail that needs more. The outcomes of its other recipients are on disk before another smarthost is
    /// asked; if they cannot be recorded, the mail stays as it is.
    fn next(&mut self, mail: Answered) -> Option<FollowUp> {
        let is_last = !self.connections.has_another_smarthost(&mail);
        if cut_to_size::is_called_for(&mail) || is_last && self.may_cut_help(&mail) {
            return Some(FollowUp::Cut(mail.claim));
        }
        let Answered { claim, attempt } = mail;
        if attempt.goes_on() {
            let (done, left) = attempt.split_off_left();
            return Some(FollowUp::GoOn(self.record(claim, &done)?, left));
        }
        let (done, left) = attempt.split();
        Some(FollowUp::AskAnother(self.record(claim, &done)?, left))
    }

    /// Records and tells what stands of an attempt; nothing is left if that cannot be recorded.
    fn record(&mut self, mut claim: Claim, done: &Attempt) -> Option<Claim> {
        let records = settle::records(self.config, &claim, done);
        match settle::record(self.config, &mut claim, &records) {
            Ok(()) => {
                tell(&claim.entry, done, &records, false, self.tell);
                Some(claim)
            }
            Err(error) => {
                unrecorded(self.config, &claim.entry, done, &error);
                None
            }
        }
    }

    /// Does that work; returns what is left to do then.
    fn follow_up(&mut self, follow_up: FollowUp) -> Option<FollowUp> {
        match follow_up {
            FollowUp::TryAgain(claim) => self.try_again(claim),
            FollowUp::GoOn(claim, left) => self.go_on(claim, &left),
            FollowUp::AskAnother(claim, left) => {
                let tried = self.connections.ask_another_smarthost(&claim, left);
                self.settle_after(claim, tried)
            }
            FollowUp::Cut(claim) => self.cut(claim),
        }
    }

    /// Tries a mail once more. It waits if its route is closed by now.
    fn try_again(&mut self, claim: Claim) -> Option<FollowUp> {
        if self.routes.closed(&self.routes.of(&claim.entry)).is_some() {
            return None;
        }
        let tried = self.connections.try_again(&claim);
        self.settle_after(claim, tried)
    }

    /// Tries a mail for those who are left of it. Each transaction counts as a mail to the server, so it has its turn
    /// by the limits of the settings, and its place in a term.
    fn go_on(&mut self, claim: Claim, left: &Left) -> Option<FollowUp> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            self.has_left_some = true;
            self.leave_open(claim, left, "the relay's term is over, and the next one goes on with this mail");
            return None;
        }
        match self.connections.turn(claim.entry.reverse_path.as_ref(), accountable(claim.entry.uid)) {
            Turn::Now => {
                let tried = self.connections.go_on(&claim, left);
                self.settle_after(claim, tried)
            }
            Turn::Soon(..) => {
                self.later.push(claim.entry.id);
                None
            }
            Turn::Later(until, rate, _) => {
                let reason =
                    format!("the settings allow {rate}, and this mail has several parts: the next at {until:.0}");
                self.leave_open(claim, left, &reason);
                None
            }
        }
    }

    /// Leaves a mail to a later term, for those who did not get it yet.
    fn leave_open(&mut self, claim: Claim, left: &Left, reason: &str) {
        let places = left.places();
        let outcomes = vec![settle::untried(reason); places.len()];
        let attempt = Attempt::untried(places, outcomes, system::now());
        settle_and_tell(self.config, vec![Answered { claim, attempt }], self.tell);
    }

    /// After another try: there may be one more smarthost to ask, and this one may find the mail too large.
    fn settle_after(&mut self, claim: Claim, tried: Result<Attempt, Error>) -> Option<FollowUp> {
        let mail = match tried {
            Ok(attempt) => Answered { claim, attempt },
            Err(error) => {
                log::mail(claim.entry.id.as_str()).error(&error.to_string());
                return None;
            }
        };
        if self.needs_more(&mail) {
            return self.next(mail);
        }
        self.settle(vec![mail]);
        None
    }

    /// Tries less of a mail that was refused for its size. A mail that cannot be cut stays as it is: if it were
    /// refused, the whole of it would be lost.
    fn cut(&mut self, claim: Claim) -> Option<FollowUp> {
        let id = claim.entry.id;
        match cut_to_size::cut(self.spool, claim, self.connections.largest_mail()) {
            Ok(claim) => self.try_again(claim?),
            Err(error) => {
                log::mail(id.as_str()).error(&format!("too large for the smarthost, and cannot be cut: {error}"));
                None
            }
        }
    }

    /// Settles mails, tells their outcomes, and lets the routes learn of them.
    fn settle(&mut self, answered: Vec<Answered>) {
        let (refused_digests, answered): (Vec<_>, Vec<_>) =
            answered.into_iter().partition(|mail| folding::is_refused_digest(self.config, mail));
        for mail in refused_digests {
            let members = self.folding.take_apart(mail).unwrap_or_else(|error| {
                log::error(&error.to_string());
                Vec::new()
            });
            self.later.extend(members);
        }
        let (refused_reports, mut answered): (Vec<_>, Vec<_>) =
            answered.into_iter().partition(|mail| self.is_refused_report(mail));
        let repeated: Vec<Option<Repeated>> = answered.iter_mut().map(|mail| self.judge(mail)).collect();
        let settled = settle_and_tell(self.config, answered, self.tell);
        for ((entry, attempt), repeated) in settled.into_iter().zip(repeated) {
            self.note_taken(&entry, &attempt);
            self.folding.learn(&entry, &attempt);
            let account = self.routes.of(&entry);
            let learned = self.routes.learn(&account, &entry, &attempt, repeated.as_ref());
            learned.unwrap_or_else(|error| log::error(&error.to_string()));
            if entry.about.is_some() && !self.spool.stands(&entry.id) {
                self.conclude(&entry);
            }
        }
        for mail in refused_reports {
            self.judge_report(mail);
        }
    }

    fn judge(&mut self, mail: &mut Answered) -> Option<Repeated> {
        let account = self.routes.of(&mail.claim.entry);
        self.routes.judge(&account, &mail.claim.entry, &mut mail.attempt)
    }

    /// Nobody took the report, in this attempt or before.
    fn is_refused_report(&self, mail: &Answered) -> bool {
        let records = settle::records(self.config, &mail.claim, &mail.attempt);
        let is_refused = |status: &Option<Status>| *status == Some(Status::Bounced);
        mail.claim.entry.about.is_some() && settle::statuses(&mail.claim, &records).iter().all(is_refused)
    }

    /// The report was taken: its mail has its end.
    fn conclude(&mut self, report: &Entry) {
        match returned::conclude(self.config, self.spool, report) {
            Ok(Some(Concluded { entry, untold, has_left })) => {
                let outcomes: Vec<Outcome> = untold.iter().map(|record| record.outcome.clone()).collect();
                let places = untold.iter().map(|record| record.recipient).collect();
                let attempt = Attempt::untried(places, outcomes, system::now());
                let lines = untold.iter().map(|record| attempt.log_line(&entry, record.recipient, &record.outcome));
                log::attempts(entry.id.as_str(), &lines.collect::<Vec<_>>(), has_left);
            }
            Ok(None) => {}
            Err(error) => log::mail(report.id.as_str()).error(&error.to_string()),
        }
    }

    /// A report was refused: that shows what the refusal of its mail is about.
    fn judge_report(&mut self, mail: Answered) {
        let Answered { claim, attempt } = mail;
        let entry = claim.entry.clone();
        let records = settle::records(self.config, &claim, &attempt);
        tell(&entry, &attempt, &records, false, self.tell);
        match returned::judge(self.config, claim, &attempt) {
            Ok(Some((original, outcome))) => {
                let account = self.routes.of(&original);
                let learned = self.routes.condemn(&account, &original, &outcome, attempt.course.relay.as_deref());
                learned.unwrap_or_else(|error| log::error(&error.to_string()));
            }
            Ok(None) => {}
            Err(error) => log::mail(entry.id.as_str()).error(&error.to_string()),
        }
    }

    /// Settles a mail that was not tried, which nobody waits for.
    pub(super) fn settle_untold(&mut self, mail: Answered) {
        settle_and_tell(self.config, vec![mail], &mut |_| {});
    }
}

/// The outcomes of all mails come first, and are told when they are on disk: a retry clock that cannot be set must not
/// have anybody get a mail twice.
fn settle_and_tell(config: &Config, answered: Vec<Answered>, to: &mut dyn FnMut(&Notice)) -> Vec<(Entry, Attempt)> {
    let (mut mails, mut claims, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for Answered { claim, attempt } in answered {
        records.push(settle::records(config, &claim, &attempt));
        mails.push((claim.entry.clone(), attempt));
        claims.push(claim);
    }
    let settled = settle::settle_all(config, claims, &records);
    for (((entry, attempt), records), settled) in mails.iter().zip(&records).zip(settled) {
        match settled {
            Ok(has_left) => tell(entry, attempt, records, has_left, to),
            // A mail that the disk has no room for must not stand before the others.
            Err(error) => unrecorded(config, entry, attempt, &error),
        }
    }
    mails
}

/// An outcome could not be recorded. If somebody has the mail, a person has to know, and whether it is tried again.
fn unrecorded(config: &Config, entry: &Entry, attempt: &Attempt, error: &Error) {
    let id = entry.id;
    log::mail(id.as_str()).error(&error.to_string());
    if attempt.outcomes.iter().any(|outcome| outcome.status == Status::Sent) {
        let spool = Spool::new(config.spool_path());
        let advice = match (spool.is_held(&id), spool.stands(&id)) {
            (true, _) => format!("it is not tried again until the disk is mended: then mailx-t ctl queue release {id}"),
            (_, false) => format!("it is not tried again: it lies in failed/{id}, or has left the queue"),
            _ => format!("the next process sends it once more, unless you say mailx-t ctl queue remove {id}"),
        };
        let sentence = format!("mail {id} was taken, and that cannot be recorded ({error}): {advice}");
        log::mail(id.as_str()).error(&sentence);
        if let Err(error) = alarm::raise(&config.alarm, &sentence) {
            log::error(&format!("the alarm command could not be started: {error}"));
        }
    }
}

/// Tells what was recorded: to the log, and to whoever waits.
fn tell(entry: &Entry, attempt: &Attempt, records: &[Record], has_left: bool, to: &mut dyn FnMut(&Notice)) {
    let outcome = |record: &Record| (record.recipient, settle::told(entry, record));
    let outcomes: Vec<(usize, Outcome)> = records.iter().map(outcome).collect();
    let lines: Vec<_> = outcomes.iter().map(|(place, outcome)| attempt.log_line(entry, *place, outcome)).collect();
    log::attempts(entry.id.as_str(), &lines, has_left);
    entry.members.iter().filter(|_| has_left).for_each(|member| log::mail(member.as_str()).removed());
    outcomes.iter().for_each(|(place, outcome)| to(&Notice::of(entry, *place, outcome)));
}

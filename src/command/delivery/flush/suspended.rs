//! The lines of mails that wait behind a closed way, as Postfix's "delivery temporarily suspended": who counts deferred
//! mail in the log sees each of them. A mail gets a line when the way closes or when it comes, and at each round of the
//! clock; once it has waited for an hour, one an hour.

use jiff::{SignedDuration, Timestamp};

use super::super::attempt::Attempt;
use super::super::settle;
use crate::error::Error;
use crate::log;
use crate::outcome::{EnhancedStatus, Outcome};
use crate::spool::{Claim, Clock, Spool};

/// A mail that waits for longer gets a line an hour.
const OFTEN: SignedDuration = SignedDuration::from_hours(1);
/// The most mails that get a line in one term.
const MOST_MAILS: usize = 10_000;

pub(super) struct Suspended {
    /// The way was closed before this process came: only new mails get a line.
    was_closed: bool,
    /// The round before this one.
    before: Option<Timestamp>,
    /// The mails that arrived until then have had their first line.
    told: Option<Timestamp>,
    /// The mails that have had it from this process, or have been tried by it: the outcome is a line too. A mail that
    /// comes while the way closes has arrived after these, but not after the way was closed.
    told_now: Option<Timestamp>,
    mails: usize,
}

impl Suspended {
    pub(super) fn new(spool: &Spool, was_closed: bool) -> Self {
        let clock = spool.clock();
        let before = clock.as_ref().and_then(|clock| clock.tried);
        Self { was_closed, before, told: clock.and_then(|clock| clock.told).or(before), told_now: None, mails: 0 }
    }

    /// The mail waits since the way is closed for that reason.
    pub(super) fn log(&mut self, claim: &Claim, reason: &str, now: Timestamp) {
        let arrived = claim.entry.arrived;
        let is_new = self.told.is_none_or(|told| arrived > told);
        let is_its_turn = is_new || !self.was_closed && self.before.is_none_or(|before| is_turn(arrived, before, now));
        if !is_its_turn || self.mails >= MOST_MAILS {
            return;
        }
        self.mails += 1;
        let places = claim.open();
        let outcome = suspended(claim.spool().clock().as_ref(), reason);
        let attempt = Attempt::untried(places.clone(), vec![outcome.clone(); places.len()], now);
        let lines: Vec<_> = places.iter().map(|place| attempt.log_line(&claim.entry, *place, &outcome)).collect();
        log::attempts(claim.entry.id.as_str(), &lines, false);
        if is_new {
            self.has_line(arrived);
        }
    }

    /// A mail that arrived then has its first line, or gets the one of its outcome.
    pub(super) fn has_line(&mut self, arrived: Timestamp) {
        self.told_now = self.told_now.max(Some(arrived));
    }

    /// The next process goes on from here.
    pub(super) fn keep(&self, spool: &Spool) -> Result<(), Error> {
        match spool.clock().filter(|_| self.told_now.is_some()) {
            Some(clock) => Ok(spool.set_clock(Some(&Clock { told: self.told_now.max(clock.told), ..clock }))?),
            None => Ok(()),
        }
    }
}

/// The mail has a line in this round: each round in its first hour, later the first one of each hour.
fn is_turn(arrived: Timestamp, before: Timestamp, now: Timestamp) -> bool {
    let hours = |at: Timestamp| at.duration_since(arrived).as_hours();
    now.duration_since(arrived) < OFTEN || hours(before) != hours(now)
}

/// Its status says whether a person has to mend something (RFC 3463 sections 3.4 and 3.5).
fn suspended(clock: Option<&Clock>, reason: &str) -> Outcome {
    let enhanced = match clock {
        Some(clock) if clock.is_alarmed => EnhancedStatus::new(4, 3, 5),
        Some(clock) if clock.attempts == 0 => EnhancedStatus::new(4, 4, 5),
        _ => EnhancedStatus::new(4, 4, 1),
    };
    Outcome { enhanced, ..settle::untried(&format!("delivery temporarily suspended: {reason}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_that_waits_for_days_has_a_line_an_hour() {
        let arrived: Timestamp = "2026-11-20T09:30:00Z".parse().unwrap();
        let minute = |minutes: i64| arrived + SignedDuration::from_mins(minutes);
        let rounds = (0..4 * 24 * 7).map(|quarter| (minute(15 * quarter + 1), minute(15 * quarter + 16)));
        let lines = rounds.filter(|(before, now)| is_turn(arrived, *before, *now)).count();
        assert_eq!(lines, 3 + 7 * 24);
        assert!(is_turn(arrived, minute(-5), minute(1)), "the first round");
    }
}

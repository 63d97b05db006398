//! What an attempt came to: an outcome for each recipient it was for, and what it says of the smarthost.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::SmarthostId;
use crate::log;
use crate::outcome::{Outcome, Scope, Stage, Status};
use crate::relay::Trouble;
use crate::spool::Entry;
use crate::system;

/// What came of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The places in the entry's list of those it was for.
    pub(crate) recipients: Vec<usize>,
    /// One for each of them.
    pub(crate) outcomes: Vec<Outcome>,
    /// The server that answered.
    pub(crate) relay: Option<String>,
    /// The smarthosts that were asked to take the mail for these recipients, in the order in which they were asked.
    pub(crate) asked: Vec<SmarthostId>,
    /// The number of the connection, if it is of no use any more.
    pub(crate) lost: Option<u32>,
    /// Nobody has the mail, for sure, and it may be tried again at once.
    pub(crate) may_retry: bool,
    /// The mail was sent to its end, and nobody knows whether it was taken.
    pub(crate) is_in_doubt: bool,
    /// Which mail over that connection this was.
    pub(crate) conn_use: u32,
    /// When it began.
    pub(crate) started: Timestamp,
    /// When it was over.
    pub(crate) ended: Timestamp,
    /// The time that the connection took to open; zero for all its mails but the first.
    pub(crate) setup: Duration,
}

impl Attempt {
    /// No connection, so that all have the same trouble.
    pub(crate) fn none(recipients: Vec<usize>, trouble: &Trouble) -> Self {
        let outcomes = vec![trouble.outcome(); recipients.len()];
        Self { relay: trouble.relay.clone(), ..Self::untried(recipients, outcomes, system::now()) }
    }

    /// No attempt, but its outcomes all the same.
    pub(crate) fn untried(recipients: Vec<usize>, outcomes: Vec<Outcome>, now: Timestamp) -> Self {
        Self {
            recipients,
            outcomes,
            relay: None,
            asked: Vec::new(),
            lost: None,
            may_retry: false,
            is_in_doubt: false,
            conn_use: 0,
            started: now,
            ended: now,
            setup: Duration::ZERO,
        }
    }

    /// An outcome that says more about the smarthost, or about our settings, than about the mail. A recipient who has
    /// it, or an answer about this mail, says that the smarthost works.
    pub(crate) fn host_trouble(&self) -> Option<&Outcome> {
        let is_of_host = |o: &Outcome| {
            // "Relay access denied" at RCPT may be about that one address; a 421 there is not.
            let is_wide = o.scope == Scope::Host || (o.scope == Scope::Configuration && o.stage != Stage::Rcpt);
            o.status == Status::Deferred && is_wide
        };
        self.outcomes.first().filter(|_| self.outcomes.iter().all(is_of_host))
    }

    /// Somebody was put off, for sure without having got the mail, so that another smarthost may be asked to take it.
    pub(crate) fn is_put_off(&self) -> bool {
        self.outcomes.iter().any(|outcome| self.may_go_elsewhere(outcome))
    }

    /// Those whose outcome stands, and those who were put off.
    pub(crate) fn part(self) -> (Self, Self) {
        let is_left: Vec<bool> = self.outcomes.iter().map(|outcome| self.may_go_elsewhere(outcome)).collect();
        let part = |wanted: bool| {
            let places = || (0..is_left.len()).filter(|n| is_left[*n] == wanted);
            Self {
                recipients: places().map(|n| self.recipients[n]).collect(),
                outcomes: places().map(|n| self.outcomes[n].clone()).collect(),
                ..self.clone()
            }
        };
        (part(false), part(true))
    }

    /// Says that another smarthost is asked, and why.
    pub(crate) fn tell_of_next(&self, entry: &Entry) {
        let Some(outcome) = self.outcomes.first() else { return };
        let (relay, count) = (self.relay.as_deref().unwrap_or("the smarthost"), self.recipients.len());
        let reason = &outcome.reason;
        let sentence = format!("{relay} puts off {count} of its recipients ({reason}): another smarthost is asked");
        log::mail(entry.id.as_str()).trouble(outcome.scope, &sentence);
    }

    /// One recipient's refusal is no matter of the smarthost while it takes the mail for others.
    fn may_go_elsewhere(&self, outcome: &Outcome) -> bool {
        let is_taken = || self.outcomes.iter().any(|outcome| outcome.status == Status::Sent);
        let is_own = outcome.scope == Scope::Recipient && is_taken();
        outcome.status == Status::Deferred && !self.is_in_doubt && !is_own
    }

    /// The line for the log.
    pub(crate) fn line<'a>(&'a self, entry: &'a Entry, recipient: usize, outcome: &'a Outcome) -> log::Attempt<'a> {
        let between = |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).unwrap_or_default();
        let to = &entry.recipients[recipient];
        let took = between(self.started, self.ended);
        log::Attempt {
            id: entry.id.as_str(),
            to: to.address.as_ref(),
            original: to.original.as_deref(),
            relay: self.relay.as_deref(),
            conn_use: self.conn_use,
            delay: between(entry.arrived, self.ended),
            delays: [between(entry.arrived, self.started), self.setup, took.saturating_sub(self.setup)],
            dsn: outcome.enhanced,
            status: outcome.status,
            reason: &outcome.reason,
        }
    }
}

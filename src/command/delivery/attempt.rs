//! An attempt to send a mail: an outcome for each recipient it was for, and what the outcomes say of the smarthost.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::SmarthostId;
use crate::log;
use crate::outcome::{EnhancedStatus, Outcome, Scope, Stage, Status};
use crate::relay::Trouble;
use crate::spool::{Claim, Entry};
use crate::system;
use crate::verdict::{self, About, Known};

/// A mail with what became of it.
pub(crate) struct Answered {
    /// The mail, which is ours.
    pub(crate) claim: Claim,
    /// Its attempt.
    pub(crate) attempt: Attempt,
}

/// An attempt: the outcomes for a mail, and the steps that may follow.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The places of its recipients in the entry's list.
    pub(crate) recipients: Vec<usize>,
    /// One outcome for each of them.
    pub(crate) outcomes: Vec<Outcome>,
    /// The course of the attempt.
    pub(crate) course: Course,
    /// The smarthosts that were asked to take the mail for these recipients, in the order in which they were asked.
    pub(crate) asked: Vec<SmarthostId>,
    /// The places of those who were not named to the server, since it takes no more in one mail.
    pub(crate) unnamed: Vec<usize>,
    /// The number of the connection, if it is of no use any more.
    pub(crate) lost: Option<u32>,
    /// Surely nobody has the mail, and it may be tried again at once.
    pub(crate) may_retry: bool,
    /// The mail was sent to its end, and nobody knows whether it was taken.
    pub(crate) is_in_doubt: bool,
}

/// The recipients who are left for the next transaction: too many for the one before.
pub(crate) struct Left {
    /// The places of those whom the server refused.
    pub(crate) refused: Vec<usize>,
    /// The places of those who were not named to it.
    pub(crate) unnamed: Vec<usize>,
    /// The number that it took. That may be its limit, or it has something against those refused. If it takes one of
    /// them next, the number is its limit.
    pub(crate) suspected: Option<usize>,
}

impl Left {
    /// All of them.
    pub(crate) fn places(&self) -> Vec<usize> {
        [self.refused.as_slice(), &self.unnamed].concat()
    }
}

/// The course of an attempt, as the log tells it.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// The server that answered.
    pub(crate) relay: Option<String>,
    /// The place of this mail among those over its connection, from 1; 0 if there was no connection.
    pub(crate) conn_use: u32,
    /// The time that the connection took to open; zero for all its mails but the first.
    pub(crate) setup: Duration,
    /// The time of its start.
    pub(crate) started: Timestamp,
    /// The time of its end.
    pub(crate) ended: Timestamp,
}

impl Attempt {
    /// Without a connection all recipients have the same trouble.
    pub(crate) fn unconnected(recipients: Vec<usize>, trouble: &Trouble) -> Self {
        let outcomes = vec![trouble.outcome(); recipients.len()];
        let mut attempt = Self::untried(recipients, outcomes, system::now());
        attempt.course.relay = trouble.relay.clone();
        attempt
    }

    /// Outcomes without an attempt.
    pub(crate) fn untried(recipients: Vec<usize>, outcomes: Vec<Outcome>, now: Timestamp) -> Self {
        let course = Course { relay: None, conn_use: 0, setup: Duration::ZERO, started: now, ended: now };
        Self {
            recipients,
            outcomes,
            course,
            asked: Vec::new(),
            unnamed: Vec::new(),
            lost: None,
            may_retry: false,
            is_in_doubt: false,
        }
    }

    /// An outcome that says more about the smarthost, or about our settings, than about the mail. A recipient who has
    /// it, or an answer about this mail, says that the smarthost works.
    pub(crate) fn host_trouble(&self) -> Option<&Outcome> {
        let is_of_host = |o: &Outcome| {
            // "Relay access denied" and "too many messages" at RCPT may be about that one address; a 421 there is not.
            let is_of_rcpt = o.stage == Stage::Rcpt && verdict::reply_of(o).is_some_and(|reply| reply.code != 421);
            o.status == Status::Deferred && matches!(o.scope, Scope::Host | Scope::Configuration) && !is_of_rcpt
        };
        self.outcomes.first().filter(|_| self.outcomes.iter().all(is_of_host))
    }

    /// A refusal by the server that may be about all our mail: the same to everybody, and not said of a recipient or of
    /// the mail itself.
    pub(crate) fn refusal(&self) -> Option<&Outcome> {
        let first = self.outcomes.first()?;
        let said = verdict::masked(&first.reason);
        let may_be_of_all = |outcome: &Outcome| {
            let about = verdict::about(outcome, &Known::default());
            matches!(about, Some(About::Account | About::Pace | About::Unknown))
                && verdict::masked(&outcome.reason) == said
        };
        Some(first).filter(|_| self.outcomes.iter().all(may_be_of_all))
    }

    /// Judges the outcomes by the server's words about the others, and by the recipients that it named. A mail that is
    /// tried again has no outcome yet.
    pub(crate) fn judge(mut self, entry: &Entry) -> Self {
        if self.may_retry {
            return self;
        }
        let others_taken = self.outcomes.iter().any(|outcome| outcome.status == Status::Sent);
        for (recipient, outcome) in self.recipients.iter().zip(&mut self.outcomes) {
            let mailbox = entry.recipients[*recipient].address.to_string();
            if outcome.stage == Stage::Rcpt && outcome.status != Status::Sent {
                *outcome = verdict::with(outcome, &Known { mailbox: Some(&mailbox), others_taken, ..Known::default() });
            }
        }
        self
    }

    /// Somebody was put off, for sure without having got the mail, so that another smarthost may be asked to take it.
    pub(crate) fn is_put_off(&self) -> bool {
        self.outcomes.iter().any(|outcome| self.may_go_elsewhere(outcome))
    }

    /// The recipients whose outcome stands, and those who were put off.
    pub(crate) fn split(self) -> (Self, Self) {
        let nobody = Self { recipients: Vec::new(), outcomes: Vec::new(), ..self.clone() };
        let (mut done, mut left) = (nobody.clone(), nobody);
        for (recipient, outcome) in self.recipients.iter().zip(&self.outcomes) {
            let part = if self.may_go_elsewhere(outcome) { &mut left } else { &mut done };
            part.recipients.push(*recipient);
            part.outcomes.push(outcome.clone());
        }
        (done, left)
    }

    /// For each recipient: the server took some and has had enough of recipients, whatever its words, and this is one
    /// of the others. RFC 5321 section 4.5.3.1.10 has them go in another transaction. Those are the ones it said so of,
    /// or those it refused alike behind the last one that it took.
    fn beyond_limit(&self) -> Vec<bool> {
        let Some(last) = self.outcomes.iter().rposition(|outcome| outcome.status == Status::Sent) else {
            return vec![false; self.outcomes.len()];
        };
        let are_alike = are_alike(&self.outcomes[last + 1..]);
        let is_beyond = |(place, outcome): (usize, &Outcome)| match about_recipient(outcome) {
            Some(About::Recipients) => true,
            Some(About::Unknown | About::Pace) => are_alike && place > last,
            _ => false,
        };
        self.outcomes.iter().enumerate().map(is_beyond).collect()
    }

    /// Somebody is left for the next transaction. A server that closes its connections after some mails is gone on with
    /// over the next one, as long as it takes any.
    pub(crate) fn goes_on(&self) -> bool {
        let is_alive = self.lost.is_none() || self.taken() > 0;
        let has_unnamed = || !self.unnamed.is_empty() && self.host_trouble().is_none();
        is_alive && !self.is_in_doubt && (has_unnamed() || self.lost.is_none() && self.beyond_limit().contains(&true))
    }

    /// The same with those who were not named to the server. If they are not next, they wait as the others do: without
    /// an outcome the mail would be due at once, whatever the server said.
    pub(crate) fn with_unnamed(mut self, unnamed: Vec<usize>) -> Self {
        self.unnamed = unnamed;
        if self.unnamed.is_empty() || self.goes_on() {
            return self;
        }
        let outcome = self.host_trouble().cloned().unwrap_or_else(not_named);
        self.recipients.append(&mut self.unnamed);
        self.outcomes.resize(self.recipients.len(), outcome);
        self
    }

    /// The recipients whose outcome stands, and those who are left for the next transaction.
    pub(crate) fn split_off_left(mut self) -> (Self, Left) {
        let (beyond, limit_said, taken) = (self.beyond_limit(), self.limit_said(), self.taken());
        let (recipients, outcomes) = (std::mem::take(&mut self.recipients), std::mem::take(&mut self.outcomes));
        let mut refused = Vec::new();
        for ((recipient, outcome), is_beyond) in recipients.into_iter().zip(outcomes).zip(beyond) {
            if is_beyond {
                refused.push(recipient);
            } else {
                self.recipients.push(recipient);
                self.outcomes.push(outcome);
            }
        }
        let suspected = Some(taken).filter(|_| limit_said.is_none() && !refused.is_empty());
        let unnamed = std::mem::take(&mut self.unnamed);
        (self, Left { refused, unnamed, suspected })
    }

    /// The number of recipients that the server took, if it said that it takes no more in one mail.
    pub(crate) fn limit_said(&self) -> Option<usize> {
        let is_limit = |outcome: &Outcome| about_recipient(outcome) == Some(About::Recipients);
        let is_met = self.taken() > 0 && self.outcomes.iter().any(is_limit);
        is_met.then(|| self.taken())
    }

    /// The server has taken the mail for one of these.
    pub(crate) fn has_taken_any(&self, places: &[usize]) -> bool {
        let places: HashSet<&usize> = places.iter().collect();
        let mut outcomes = self.recipients.iter().zip(&self.outcomes);
        outcomes.any(|(place, outcome)| outcome.status == Status::Sent && places.contains(place))
    }

    fn taken(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.status == Status::Sent).count()
    }

    /// Logs that another smarthost is asked, and why.
    pub(crate) fn log_next_smarthost(&self, entry: &Entry) {
        let Some(outcome) = self.outcomes.first() else { return };
        let (relay, count) = (self.course.relay.as_deref().unwrap_or("the smarthost"), self.recipients.len());
        let reason = &outcome.reason;
        let sentence = format!("{relay} puts off {count} of its recipients ({reason}): another smarthost is asked");
        log::mail(entry.id.as_str()).trouble(outcome.scope, &sentence);
    }

    /// One recipient's refusal is no matter of the smarthost while it takes the mail for others. Another one may take a
    /// mail that this one refuses for its content, or for a reason that nobody knows.
    fn may_go_elsewhere(&self, outcome: &Outcome) -> bool {
        let is_taken = || self.outcomes.iter().any(|outcome| outcome.status == Status::Sent);
        let is_own = outcome.scope == Scope::Recipient && is_taken();
        let about = || verdict::about(outcome, &Known::default());
        let is_open = outcome.status == Status::Deferred || matches!(about(), Some(About::Mail | About::Unknown));
        outcome.status != Status::Sent && is_open && !self.is_in_doubt && !is_own
    }

    /// The line for the log.
    pub(crate) fn log_line<'a>(&'a self, entry: &'a Entry, recipient: usize, outcome: &'a Outcome) -> log::Attempt<'a> {
        let between = |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).unwrap_or_default();
        let to = &entry.recipients[recipient];
        let Course { relay, conn_use, setup, started, ended } = &self.course;
        let took = between(*started, *ended);
        log::Attempt {
            id: entry.id.as_str(),
            to: to.address.as_ref(),
            original: to.original.as_deref(),
            relay: relay.as_deref(),
            conn_use: *conn_use,
            delay: between(entry.arrived, *ended),
            delays: [between(entry.arrived, *started), *setup, took.saturating_sub(*setup)],
            dsn: outcome.enhanced,
            status: outcome.status,
            reason: &outcome.reason,
        }
    }
}

/// The outcome of recipients whom the server did not hear of.
fn not_named() -> Outcome {
    Outcome {
        status: Status::Deferred,
        stage: Stage::Mail,
        scope: Scope::Message,
        enhanced: EnhancedStatus::new(4, 4, 2),
        reason: "the connection was lost before this recipient was named".to_owned(),
    }
}

/// The subject of a reply to RCPT, by the reply alone.
fn about_recipient(outcome: &Outcome) -> Option<About> {
    verdict::about(outcome, &Known::default()).filter(|_| outcome.stage == Stage::Rcpt)
}

/// Several recipients got the same reply.
fn are_alike(outcomes: &[Outcome]) -> bool {
    let said = outcomes.first().map(|outcome| verdict::masked(&outcome.reason));
    outcomes.len() > 1 && outcomes.iter().all(|outcome| Some(verdict::masked(&outcome.reason)) == said)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::outcome::Reply;

    /// An attempt in which the server took the first recipients and gave the others that reply at RCPT.
    fn taking(taken: usize, others: usize, reply: &str) -> Attempt {
        let sent = Outcome {
            status: Status::Sent,
            stage: Stage::Content,
            scope: Scope::Message,
            enhanced: EnhancedStatus::new(2, 0, 0),
            reason: "250 2.0.0 ok".to_owned(),
        };
        let refused = verdict::outcome(Stage::Rcpt, &Reply::new(reply[..3].parse().unwrap(), &reply[4..]));
        let mut outcomes = vec![sent; taken];
        outcomes.resize(taken + others, refused);
        Attempt::untried((0..taken + others).collect(), outcomes, Timestamp::UNIX_EPOCH)
    }

    /// The leader does nothing else meanwhile. With work for each pair of recipients this takes hours.
    #[test]
    fn work_on_refused_recipients_is_linear() {
        for (reply, left) in [("550 5.1.1 no such user", 0), ("452 4.5.3 too many", 30_000), ("450 no", 30_000)] {
            let (done, is_done) = mpsc::channel();
            std::thread::spawn(move || {
                let attempt = taking(1, 30_000, reply);
                let _ = done.send((attempt.goes_on(), attempt.split_off_left().1.places().len()));
            });
            let found = is_done.recv_timeout(Duration::from_secs(120));
            assert_eq!(found, Ok((left > 0, left)), "{reply}");
        }
    }

    #[test]
    fn only_what_the_server_said_is_a_limit_before_it_is_proven() {
        let attempt = taking(1, 2, "550 5.7.1 blocked");
        assert_eq!((attempt.goes_on(), attempt.limit_said()), (true, None));
        let left = attempt.split_off_left().1;
        assert_eq!((left.places(), left.suspected), (vec![1, 2], Some(1)));
        let attempt = taking(1, 2, "452 4.5.3 too many");
        assert_eq!(attempt.limit_said(), Some(1));
        assert_eq!(attempt.split_off_left().1.suspected, None);
        assert_eq!(taking(0, 2, "452 4.5.3 too many").limit_said(), None);
    }

    #[test]
    fn who_was_not_named_waits_like_those_who_met_the_trouble_of_the_server() {
        let trouble = taking(0, 2, "421 4.3.2 closing");
        let attempt = trouble.clone().with_unnamed(vec![2, 3]);
        assert_eq!((attempt.recipients.as_slice(), attempt.unnamed.len()), ([0, 1, 2, 3].as_slice(), 0));
        assert_eq!(attempt.outcomes[2], trouble.outcomes[0]);
        let attempt = taking(2, 0, "421 4.3.2 closing").with_unnamed(vec![2, 3]);
        assert_eq!((attempt.recipients.len(), attempt.goes_on()), (2, true));
        let lost = Attempt { lost: Some(1), ..taking(0, 2, "450 4.2.0 greylisted") };
        assert_eq!(lost.with_unnamed(vec![2]).outcomes[2], not_named());
    }
}

//! Mails under way: their number, their connections, and their answers.
//!
//! A mail goes alone while the queue is short. If the queue is long and the smarthost lets us write ahead, the window
//! opens with each mail that is taken. A mail in it is in doubt if the link is lost or the machine stops. So the window
//! has a bound, and a mail leaves it only when its outcome is on disk. A very long queue gets a second connection,
//! which is opened while the first one works; without it the queue is sent all the same.

use std::collections::VecDeque;
use std::thread::JoinHandle;

use jiff::Timestamp;
use lettre::Address;

use super::attempt::{Answered, Attempt, Left};
use super::connection::Connection;
use super::known_smarthosts::Turn;
use crate::command::accountable::accountable;
use crate::config::{Config, SmarthostId};
use crate::error::Error;
use crate::relay::{Client, Session, Trouble};
use crate::spool::{Claim, Spool};
use crate::system;

/// The most mails under way over one connection.
const MOST: usize = 16;
/// The number of waiting mails for which one more may be under way.
const FOR_EACH: usize = 8;
/// The number of waiting mails that is worth another connection.
const FOR_ANOTHER: usize = 100;

struct UnderWay {
    claim: Claim,
    recipients: Vec<usize>,
    unnamed: Vec<usize>,
    started: Timestamp,
}

/// A connection and what goes over it, in the order in which it is answered.
struct Pipeline<'a> {
    connection: Connection<'a>,
    under_way: VecDeque<UnderWay>,
}

impl<'a> Pipeline<'a> {
    fn new(connection: Connection<'a>) -> Self {
        Self { connection, under_way: VecDeque::new() }
    }

    fn room(&self, most: usize) -> usize {
        let trust = self.connection.session().map_or(0, Session::most_under_way);
        let most = if self.connection.may_write_ahead() { most } else { 1 };
        most.min(trust).saturating_sub(self.under_way.len())
    }

    /// Waits for what has become of the mail that was begun first.
    fn await_first(&mut self) -> Option<Answered> {
        let UnderWay { claim, recipients, unnamed, started } = self.under_way.pop_front()?;
        let attempt = self.connection.await_attempt(recipients, started).judge(&claim.entry);
        self.connection.learn_limit_said(&attempt);
        let attempt = attempt.with_unnamed(unnamed);
        if attempt.lost.is_some() && !attempt.may_retry && !self.under_way.is_empty() {
            self.connection.doubt_writing_ahead();
        }
        Some(Answered { claim, attempt })
    }
}

/// A connection that is being opened. By the time it is open, the first one may be to another smarthost.
struct Opening {
    thread: JoinHandle<Result<Session, Trouble>>,
    smarthost: SmarthostId,
}

/// The connections.
pub(crate) struct Connections<'a> {
    first: Pipeline<'a>,
    others: Vec<Pipeline<'a>>,
    opening: Option<Opening>,
    /// Connections that were tried in addition to the first.
    extra: u8,
    /// The number of mails that wait behind those under way.
    waiting: usize,
    answered: Vec<Answered>,
}

impl<'a> Connections<'a> {
    /// One connection, not yet open.
    pub(crate) fn new(config: &'a Config, client: &Client, spool: &'a Spool) -> Self {
        let first = Pipeline::new(Connection::new(config, client, Some(spool)));
        Self { first, others: Vec::new(), opening: None, extra: 0, waiting: 0, answered: Vec::new() }
    }

    /// Another mail may be begun before more is heard of those under way. `waiting` are the mails behind it.
    pub(crate) fn has_room(&mut self, waiting: usize) -> bool {
        self.waiting = waiting;
        self.widen();
        let most = self.most();
        let has_room = |pipeline: &Pipeline<'_>| pipeline.under_way.is_empty() || pipeline.room(most) > 0;
        self.answered.is_empty()
            && (has_room(&self.first) || self.others.iter().any(|pipeline| pipeline.room(most) > 0))
    }

    fn most(&self) -> usize {
        MOST.min(1 + self.waiting / FOR_EACH)
    }

    /// Opens another connection if the queue is worth it and the first one has shown what it can do.
    fn widen(&mut self) {
        // One that is lost or spent is not replaced.
        let is_of_use =
            |pipeline: &Pipeline<'_>| pipeline.connection.session().is_some() || !pipeline.under_way.is_empty();
        let (others, over): (Vec<_>, Vec<_>) = std::mem::take(&mut self.others).into_iter().partition(is_of_use);
        self.others = others;
        over.into_iter().for_each(|pipeline| pipeline.connection.quit());
        if let Some(Opening { thread, smarthost }) = self.opening.take_if(|opening| opening.thread.is_finished())
            && let Ok(Ok(session)) = thread.join()
        {
            // The first pipeline's own count from 1.
            let number = u32::MAX - u32::from(self.extra);
            self.others.push(Pipeline::new(self.first.connection.over(session, smarthost, number)));
        }
        let most = self.first.connection.most_connections();
        let is_open = self.first.connection.session().is_some_and(|session| session.most_under_way() >= MOST);
        if is_open && self.waiting >= FOR_ANOTHER && self.opening.is_none() && self.extra < most - 1 {
            self.extra += 1;
            let another = self.first.connection.open_beside();
            self.opening = another.map(|(thread, smarthost)| Opening { thread, smarthost });
        }
    }

    /// Offers a mail to the smarthost, as far as that goes without waiting for an answer. Gives it back if mails under
    /// way have to be answered, and settled, before.
    ///
    /// # Errors
    /// The mail cannot be read; then nothing was said of it.
    pub(crate) fn put_under_way(&mut self, claim: Claim) -> Result<Option<Claim>, Error> {
        // A report may need a second try.
        let is_alone = claim.entry.reverse_path.is_none();
        let account = claim.entry.reverse_path.clone();
        let (most, is_idle) = (self.most(), self.busy().next().is_none());
        let others = if is_alone { &mut [] } else { self.others.as_mut_slice() };
        let pipeline = roomiest(&mut self.first, others, account.as_ref(), most);
        let serves = pipeline.connection.serves(account.as_ref());
        // A new connection takes its time, and leaves no way to hear of mails on the old one.
        let has_room = match (is_alone, serves) {
            (false, true) => pipeline.under_way.is_empty() || pipeline.room(most) > 0,
            (true, true) => pipeline.under_way.is_empty(),
            (_, false) => is_idle,
        };
        if !has_room || !self.answered.is_empty() {
            return Ok(Some(claim));
        }
        if is_alone {
            let attempt = pipeline.connection.attempt(&claim)?;
            self.answered.push(Answered { claim, attempt });
            return Ok(None);
        }
        let mut recipients = claim.open();
        if !serves && let Err(trouble) = pipeline.connection.connect(account.as_ref()) {
            self.answered.push(Answered { claim, attempt: Attempt::unconnected(recipients, &trouble) });
            return Ok(None);
        }
        let (started, unnamed) =
            (system::now(), pipeline.connection.split_off_unnamed(accountable(claim.entry.uid), &mut recipients));
        pipeline.connection.offer_entry(&claim.entry, &recipients, &|| Ok(claim.content()?), account.as_ref())?;
        pipeline.under_way.push_back(UnderWay { claim, recipients, unnamed, started });
        Ok(None)
    }

    /// Waits for one mail to be answered; returns it with all others that are answered by then.
    pub(crate) fn await_answered(&mut self) -> Vec<Answered> {
        if self.answered.is_empty() {
            let mut busy: Vec<&mut Pipeline<'_>> = self.busy().collect();
            let answered = first_heard(&busy).and_then(|place| busy[place].await_first());
            self.answered.extend(answered);
        }
        let mut answered = std::mem::take(&mut self.answered);
        for pipeline in self.busy() {
            while pipeline.connection.is_answered() {
                answered.extend(pipeline.await_first());
            }
        }
        answered
    }

    /// Tries a mail again that nobody has; nothing may be under way.
    ///
    /// # Errors
    /// The mail cannot be read; then nothing was said of it.
    pub(crate) fn try_again(&mut self, claim: &Claim) -> Result<Attempt, Error> {
        self.first.connection.attempt(claim)
    }

    /// Tries a mail for those whom the smarthost did not take in the transaction before; nothing may be under way.
    ///
    /// # Errors
    /// The mail cannot be read; then nothing was said of it.
    pub(crate) fn go_on(&mut self, claim: &Claim, left: &Left) -> Result<Attempt, Error> {
        self.first.connection.go_on(claim, left)
    }

    /// Somebody was put off, and there is a smarthost that has not been asked to take the mail.
    pub(crate) fn has_another_smarthost(&self, mail: &Answered) -> bool {
        self.first.connection.has_another_smarthost(&mail.claim.entry, &mail.attempt)
    }

    /// Offers the mail of those who were put off to a smarthost that has not been asked yet; nothing may be under way.
    ///
    /// # Errors
    /// The mail cannot be read; then nothing was said of it.
    pub(crate) fn ask_another_smarthost(&mut self, claim: &Claim, left: Attempt) -> Result<Attempt, Error> {
        self.first.connection.ask_another_smarthost(&claim.entry, left, &|| Ok(claim.content()?))
    }

    /// Leaves the server, but not for long; nothing may be under way.
    pub(crate) fn close(&mut self) {
        self.first.connection.close();
        std::mem::take(&mut self.others).into_iter().for_each(|pipeline| pipeline.connection.quit());
    }

    /// The time at which a mail of that user may be begun for that account, by the limits of the settings.
    pub(crate) fn turn(&self, account: Option<&Address>, uid: u32) -> Turn {
        self.first.connection.turn(account, uid)
    }

    /// The largest mail that the smarthost at hand says it takes.
    pub(crate) fn largest_mail(&self) -> Option<u64> {
        self.first.connection.session()?.capabilities().largest_mail()
    }

    /// Says goodbye. A connection that is still being opened is left to its end.
    pub(crate) fn quit(self) {
        self.first.connection.quit();
        self.others.into_iter().for_each(|pipeline| pipeline.connection.quit());
    }

    /// The connections over which mails are under way.
    fn busy(&mut self) -> impl Iterator<Item = &mut Pipeline<'a>> {
        std::iter::once(&mut self.first).chain(&mut self.others).filter(|pipeline| !pipeline.under_way.is_empty())
    }
}

/// The connection with the most room for a mail of that account; the first one if no other has more.
fn roomiest<'p, 'a>(
    first: &'p mut Pipeline<'a>,
    others: &'p mut [Pipeline<'a>],
    account: Option<&Address>,
    most: usize,
) -> &'p mut Pipeline<'a> {
    let mut roomiest = first;
    for other in others.iter_mut().rev() {
        if other.room(most) > roomiest.room(most) && other.connection.serves(account) {
            roomiest = other;
        }
    }
    roomiest
}

/// The place of the connection that is heard of first; `None` if there is no connection. A lost connection is heard of
/// at once, with all that it left behind.
fn first_heard(busy: &[&mut Pipeline<'_>]) -> Option<usize> {
    let mut sessions = Vec::new();
    for (place, pipeline) in busy.iter().enumerate() {
        match pipeline.connection.session_in_use() {
            Some(session) => sessions.push(session),
            None => return Some(place),
        }
    }
    match sessions.len() {
        0 => None,
        1 => Some(0),
        _ => Some(Session::await_any(&sessions)),
    }
}

//! One connection: a session, the smarthost at its other end, and the attempts over it.
//!
//! A mail is tried again at once, over a new connection or in a plainer way of speaking, if that surely does not double
//! it. The spool remembers for a while what a server has failed at, so that not every mail meets it.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lettre::Address;

use crate::command::accountable::accountable;
use crate::config::{Config, SmarthostId, Smarthosts};
use crate::error::Error;
use crate::log;
use crate::outcome::{Outcome, Status};
use crate::relay::{Client, Session, Smarthost, Trouble};
use crate::spool::{Claim, Content, Entry, Spool};
use crate::system;
use crate::verdict;

use super::attempt::{Attempt, Left};
use super::known_smarthosts::{KnownSmarthosts, Opened, Trait, Turn};

/// Groups, BDAT left out, single commands: more ways of speaking there are not.
const TRIES: usize = 3;
/// The time for which we remember that a server failed at what it offers, and that it may have failed.
pub(super) const PROVEN: Duration = Duration::from_secs(7 * 24 * 60 * 60);
pub(super) const SUSPECTED: Duration = Duration::from_secs(60 * 60);
/// Connection and login, kept from one mail to the next.
pub(crate) struct Connection<'a> {
    config: &'a Config,
    pub(super) smarthosts: KnownSmarthosts<'a>,
    pub(super) session: Option<Session>,
    /// The smarthost at its other end; before there was one, the first of the settings.
    pub(super) smarthost: SmarthostId,
    /// The number of this connection among ours.
    pub(super) number: u32,
    /// A connection was lost of late with several mails under way.
    is_wary: bool,
    /// Mails that were offered over it, and those of them that were answered.
    pub(super) begun: u32,
    pub(super) used: u32,
    /// Mails that it has taken.
    pub(super) taken: u32,
    /// It takes no more mails over this connection.
    pub(super) is_spent: bool,
    /// That it takes no more is known to those who learn from it.
    pub(super) has_told_enough: bool,
    /// The most mails that the smarthost was seen to take over a connection.
    most_mails: Option<usize>,
    /// The time that opening the session took; the log has it with the first mail over it.
    pub(super) setup: Duration,
}

/// Opens the content of a mail at its start.
pub(crate) type Source<'s, 'c> = &'s dyn Fn() -> Result<Content<'c>, Error>;

impl<'a> Connection<'a> {
    /// Without a spool nothing is remembered.
    pub(crate) fn new(config: &'a Config, client: &Client, memory: Option<&'a Spool>) -> Self {
        Self::with(config, KnownSmarthosts::new(config, client, memory))
    }

    fn with(config: &'a Config, smarthosts: KnownSmarthosts<'a>) -> Self {
        let (smarthost, setup) = (Smarthosts::FIRST, Duration::ZERO);
        Self {
            config,
            smarthosts,
            session: None,
            smarthost,
            number: 0,
            is_wary: false,
            begun: 0,
            used: 0,
            taken: 0,
            is_spent: false,
            has_told_enough: false,
            most_mails: None,
            setup,
        }
    }

    /// Tries the mail for everybody who still waits for it. Nothing else may be under way.
    pub(crate) fn attempt(&mut self, claim: &Claim) -> Result<Attempt, Error> {
        self.attempt_in_part(claim, claim.open())
    }

    /// Tries the mail for those who were too many for the transaction before. If one of those refused has it now, the
    /// number was a limit.
    pub(crate) fn go_on(&mut self, claim: &Claim, left: &Left) -> Result<Attempt, Error> {
        let attempt = self.attempt_in_part(claim, left.places())?;
        if let Some(most) = left.suspected.filter(|_| attempt.has_taken_any(&left.refused)) {
            self.learn_most_recipients(most);
        }
        Ok(attempt)
    }

    /// Tries the mail for these, as far as the smarthost takes so many in one mail.
    fn attempt_in_part(&mut self, claim: &Claim, mut recipients: Vec<usize>) -> Result<Attempt, Error> {
        let unnamed = self.split_off_unnamed(accountable(claim.entry.uid), &mut recipients);
        let attempt = self.attempt_for(&claim.entry, recipients, &|| Ok(claim.content()?))?;
        self.learn_limit_said(&attempt);
        Ok(attempt.with_unnamed(unnamed))
    }

    /// Those beyond what the smarthost takes in one mail, or beyond the share of the user with that uid.
    pub(crate) fn split_off_unnamed(&self, uid: u32, recipients: &mut Vec<usize>) -> Vec<usize> {
        if recipients.len() < 2 {
            return Vec::new();
        }
        let limits =
            [self.smarthosts.most_recipients(self.smarthost), self.smarthosts.most_people(self.smarthost, uid)];
        let most = limits.into_iter().flatten().min();
        most.map_or(Vec::new(), |most| recipients.split_off(most.max(1).min(recipients.len())))
    }

    /// Remembers how many recipients the smarthost takes in one mail, if it said that it takes no more.
    pub(crate) fn learn_limit_said(&self, attempt: &Attempt) {
        if let Some(most) = attempt.limit_said() {
            self.learn_most_recipients(most);
        }
    }

    fn learn_most_recipients(&self, most: usize) {
        let sentence = format!("smarthost {} takes {most} recipients in one mail", self.settings());
        log::info(&format!("{sentence}: the others follow at once"));
        self.smarthosts.learn_most_recipients(self.smarthost, most, PROVEN);
    }

    /// Tries a mail for the recipients at these places; its content is asked for once for each try.
    pub(crate) fn attempt_for(
        &mut self,
        entry: &Entry,
        recipients: Vec<usize>,
        content: Source<'_, '_>,
    ) -> Result<Attempt, Error> {
        self.attempt_at(None, entry, recipients, content)
    }

    /// The same with that smarthost and no other; without one, with the first that takes us.
    fn attempt_at(
        &mut self,
        at: Option<SmarthostId>,
        entry: &Entry,
        recipients: Vec<usize>,
        content: Source<'_, '_>,
    ) -> Result<Attempt, Error> {
        let mut tries = 1;
        loop {
            let attempt = match self.attempt_once(at, entry, &recipients, content)? {
                Ok(attempt) => attempt,
                Err(trouble) => return Ok(Attempt::unconnected(recipients, &trouble)),
            };
            if !attempt.may_retry || tries == TRIES {
                return Ok(attempt);
            }
            tries += 1;
        }
    }

    /// Some providers refuse the null reverse-path, at MAIL or later. A report goes from the account then: it says
    /// Auto-Submitted, and its failure is not reported in turn, so no loop comes of it.
    fn attempt_once(
        &mut self,
        at: Option<SmarthostId>,
        entry: &Entry,
        recipients: &[usize],
        content: Source<'_, '_>,
    ) -> Result<Result<Attempt, Trouble>, Error> {
        if let Err(trouble) = self.connect_to(at, entry.reverse_path.as_ref()) {
            return Ok(Err(trouble));
        }
        let started = system::now();
        self.offer_entry(entry, recipients, content, entry.reverse_path.as_ref())?;
        let mut attempt = self.await_attempt(recipients.to_vec(), started).judge(entry);
        let is_refused = |o: &Outcome| o.status != Status::Sent && verdict::reply_of(o).is_some();
        if entry.reverse_path.is_none() && attempt.outcomes.iter().all(is_refused) && self.is_usable() {
            self.offer_entry(entry, recipients, content, Some(&self.config.account))?;
            attempt = self.await_attempt(recipients.to_vec(), started).judge(entry);
        }
        Ok(Ok(attempt))
    }

    /// A connection that works: the one at hand, else one with the first smarthost that takes us. Mails may be under
    /// way over the one at hand only if it works.
    pub(crate) fn connect(&mut self, account: Option<&Address>) -> Result<(), Trouble> {
        if self.serves(account) {
            return Ok(());
        }
        let smarthosts = self.smarthosts.clone();
        self.replace(|| smarthosts.open(account))
    }

    fn connect_to(&mut self, at: Option<SmarthostId>, account: Option<&Address>) -> Result<(), Trouble> {
        match at {
            None => self.connect(account),
            Some(smarthost) if self.session().is_some() && smarthost == self.smarthost => Ok(()),
            Some(smarthost) => {
                let smarthosts = self.smarthosts.clone();
                self.replace(|| smarthosts.open_one(smarthost))
            }
        }
    }

    fn replace(&mut self, open: impl FnOnce() -> Result<Opened, Trouble>) -> Result<(), Trouble> {
        let started = Instant::now();
        self.close();
        let opened = open();
        self.setup = started.elapsed();
        (self.begun, self.used, self.taken, self.is_spent, self.has_told_enough) = (0, 0, 0, false, false);
        let (session, smarthost) = opened?;
        self.number += 1;
        self.smarthost = smarthost;
        self.is_wary = self.smarthosts.has(smarthost, Trait::OneMailAtATime);
        self.most_mails = self.smarthosts.most_mails(smarthost);
        self.session = Some(session);
        Ok(())
    }

    /// Somebody was put off, and there is a smarthost that has not been asked to take the mail.
    pub(crate) fn has_another_smarthost(&self, entry: &Entry, attempt: &Attempt) -> bool {
        let next = || self.smarthosts.beyond(&attempt.asked, entry.reverse_path.as_ref());
        !attempt.asked.is_empty() && attempt.is_put_off() && next().is_some()
    }

    /// Behind MAIL a refusal may be about what a user has chosen.
    fn tell_of_fault(&self, entry: &Entry, left: &Attempt) {
        let is_ours = entry.uid == 0 || entry.uid == system::effective_uid();
        if let (Some(smarthost), Some(outcome)) = (left.asked.last(), left.outcomes.first().filter(|_| is_ours)) {
            self.smarthosts.tell_of_fault(*smarthost, outcome);
        }
    }

    /// Offers the mail of those who were put off to the first smarthost that has not been asked yet. Returns `left`,
    /// with that one as asked, if it does not take us or cannot take such a mail. Nothing else may be under way.
    ///
    /// # Errors
    /// The mail cannot be read; then nothing was said of it.
    pub(crate) fn ask_another_smarthost(
        &mut self,
        entry: &Entry,
        mut left: Attempt,
        content: Source<'_, '_>,
    ) -> Result<Attempt, Error> {
        let account = entry.reverse_path.as_ref();
        left.log_next_smarthost(entry);
        self.tell_of_fault(entry, &left);
        let is_next = self.serves(account) && !self.smarthosts.is_among(&left.asked, self.smarthost);
        let next = if is_next { Some(self.smarthost) } else { self.smarthosts.beyond(&left.asked, account) };
        let Some(next) = next else { return Ok(left) };
        left.asked.push(next);
        if let Err(trouble) = self.connect_to(Some(next), account) {
            log::mail(entry.id.as_str()).trouble(trouble.scope, &trouble.to_string());
            return Ok(left);
        }
        if !self.takes(entry, &left.recipients) {
            let smarthost = &self.config.smarthosts[next];
            log::mail(entry.id.as_str()).info(&format!("{smarthost} takes no such mail, or none so large"));
            return Ok(left);
        }
        let attempt = self.attempt_at(Some(next), entry, left.recipients.clone(), content)?;
        Ok(if attempt.asked.is_empty() { left } else { Attempt { asked: left.asked, ..attempt } })
    }

    /// The server's own words about its limits are no reason to refuse the mail. The limits of a fall-back return no
    /// mail that the smarthost before it may take later.
    fn takes(&self, entry: &Entry, recipients: &[usize]) -> bool {
        let Some(capabilities) = self.session().map(Session::capabilities) else { return true };
        let is_ascii = |n: &usize| entry.recipients[*n].address.to_string().is_ascii();
        capabilities.largest_mail().is_none_or(|largest| entry.size <= largest)
            && (capabilities.smtputf8 || recipients.iter().all(is_ascii))
    }

    /// The time at which a mail of that user may be begun for that account, by the limits of the settings.
    pub(crate) fn turn(&self, account: Option<&Address>, uid: u32) -> Turn {
        if self.serves(account) {
            self.smarthosts.turn_at(self.smarthost, uid)
        } else {
            self.smarthosts.turn(account, uid)
        }
    }

    /// Leaves the server; the next mail opens a connection anew.
    pub(crate) fn close(&mut self) {
        if let Some(session) = self.session.take() {
            session.quit();
        }
    }

    /// Several mails may be under way.
    pub(crate) fn may_write_ahead(&self) -> bool {
        !self.is_wary
    }

    /// The connection was lost with several mails under way. That may happen to anybody; but Dovecot's submission dies
    /// each time when an envelope comes before it has answered the content before it, so the next ones go alone.
    pub(crate) fn doubt_writing_ahead(&mut self) {
        if !self.is_wary {
            let (smarthost, remembered) = (self.settings(), Trait::OneMailAtATime);
            log::info(&format!(
                "smarthost {smarthost} was lost with several mails under way: {remembered} for a while"
            ));
            self.smarthosts.remark(self.smarthost, remembered, SUSPECTED);
            self.is_wary = true;
        }
    }

    /// The session, if it can take another mail.
    pub(crate) fn session(&self) -> Option<&Session> {
        let is_over = self.settings().per_connection.is_some_and(|most| self.begun >= most.get());
        let is_full = self.most_mails.is_some_and(|most| self.begun as usize >= most.max(1));
        self.session_in_use().filter(|_| !is_over && !is_full && !self.is_spent)
    }

    /// The session over which mails are under way; `None` if it is of no use any more.
    pub(crate) fn session_in_use(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.is_usable())
    }

    /// The connection at hand can take another mail, one that leaves as that account.
    pub(crate) fn serves(&self, account: Option<&Address>) -> bool {
        self.session().is_some() && self.smarthosts.may_take(self.smarthost, account)
    }

    /// A mail that is under way is answered already.
    pub(crate) fn is_answered(&mut self) -> bool {
        self.session.as_mut().is_some_and(Session::is_answered)
    }

    pub(super) fn is_usable(&self) -> bool {
        self.session_in_use().is_some()
    }

    /// Says goodbye.
    pub(crate) fn quit(self) {
        if let Some(session) = self.session {
            session.quit();
        }
    }

    /// The settings of the smarthost at the other end.
    pub(super) fn settings(&self) -> &Smarthost {
        &self.config.smarthosts[self.smarthost]
    }

    /// The most connections at a time to the smarthost at the other end.
    pub(crate) fn most_connections(&self) -> u8 {
        self.settings().max_connections.get()
    }

    /// Opens another connection to the same smarthost while the work on this one goes on; returns that smarthost too.
    pub(crate) fn open_beside(&self) -> Option<(JoinHandle<Result<Session, Trouble>>, SmarthostId)> {
        let thread = std::thread::Builder::new().spawn(self.smarthosts.opener(self.smarthost)).ok()?;
        Some((thread, self.smarthost))
    }

    /// The same over the connection with that smarthost that [`open_beside`](Self::open_beside) has opened; `number` is
    /// its place among them.
    pub(crate) fn over(&self, session: Session, smarthost: SmarthostId, number: u32) -> Self {
        let session = Some(session);
        let is_wary = self.smarthosts.has(smarthost, Trait::OneMailAtATime);
        let most_mails = self.smarthosts.most_mails(smarthost);
        Self { session, smarthost, number, is_wary, most_mails, ..Self::with(self.config, self.smarthosts.clone()) }
    }
}

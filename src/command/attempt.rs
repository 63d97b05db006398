//! Attempts over one connection: a session, the dialogue, an outcome for each recipient that still waits.
//!
//! A mail that another connection, or a plainer way of speaking, would surely not double is tried again at once. What a
//! server has shown that it does not bear is remembered in the spool for a while, so that not every mail meets it.

use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lettre::Address;

use crate::config::Config;
use crate::dsn::OfRecipient;
use crate::error::Error;
use crate::log::{self, Attempt};
use crate::outcome::{Outcome, Scope, Stage, Status};
use crate::pace::{self, Rate};
use crate::relay::{Credentials, Handed, Lesson, Mail, Session, Smarthost, Trouble};
use crate::rewrite::SevenBit;
use crate::spool::{Claim, Content, Entry, Remark, Spool};
use crate::system;

use super::settle::later;

/// Groups, BDAT left out, single commands: more ways of speaking there are not.
const TRIES: usize = 3;
/// How long it counts that a server does not bear what it offers, and how long that it may not.
const PROVEN: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const SUSPECTED: Duration = Duration::from_secs(60 * 60);
/// The words for it in the spool.
const NO_CHUNKING: &str = "no chunking";
const NO_GROUPS: &str = "no groups";
const NO_WINDOW: &str = "one mail at a time";
const NO_LOGIN_IN_GROUPS: &str = "no login in groups";
const NO_WAY: &str = "out of reach";
/// How long a smarthost that could not be reached comes after the others.
const AVOIDED: Duration = Duration::from_secs(5 * 60);

/// Connection and login, kept from one mail to the next.
pub(super) struct Relay<'a> {
    config: &'a Config,
    host: String,
    /// Where lessons are kept; none for a mail that no spool keeps.
    memory: Option<&'a Spool>,
    session: Option<Session>,
    /// The smarthost at its other end; before there was one, the first of the settings.
    smarthost: &'a Smarthost,
    /// Which of our connections it is.
    connection: u32,
    /// A connection was lost of late with several mails under way.
    is_wary: bool,
    /// Mails begun over it, and those of them that were heard of.
    begun: u32,
    used: u32,
    /// What setting up the session took; told with the first mail over it.
    setup: Duration,
}

/// Opens the content of a mail at its start.
pub(super) type Source<'s, 'c> = &'s dyn Fn() -> Result<Content<'c>, Error>;

/// What came of it.
#[derive(Debug)]
pub(super) struct Attempted {
    /// The places in the entry's list of those who waited.
    pub(super) recipients: Vec<usize>,
    /// One for each of them.
    pub(super) outcomes: Vec<Outcome>,
    /// The server that answered.
    relay: Option<String>,
    /// The number of the connection, if it is of no use any more.
    pub(super) lost: Option<u32>,
    /// Nobody has the mail, for sure, and it may be tried again at once.
    pub(super) is_free: bool,
    /// Which mail over that connection this was.
    conn_use: u32,
    started: Timestamp,
    /// When it was over.
    pub(super) ended: Timestamp,
    setup: Duration,
}

impl<'a> Relay<'a> {
    pub(super) fn new(config: &'a Config, host: &str, memory: Option<&'a Spool>) -> Self {
        let (host, smarthost) = (host.to_string(), &config.smarthost);
        let (connection, begun, used, setup) = (0, 0, 0, Duration::ZERO);
        Self { config, host, memory, session: None, smarthost, connection, is_wary: false, begun, used, setup }
    }

    /// Tries the mail for everybody who still waits for it. Nothing else may be under way.
    pub(super) fn attempt(&mut self, claim: &Claim) -> Result<Attempted, Error> {
        self.attempt_for(&claim.entry, claim.open(), &|| Ok(claim.content()?))
    }

    /// Tries a mail for the recipients at these places; its content is asked for once for each try.
    pub(super) fn attempt_for(
        &mut self,
        entry: &Entry,
        recipients: Vec<usize>,
        content: Source<'_, '_>,
    ) -> Result<Attempted, Error> {
        let mut tries = 1;
        loop {
            let attempted = match self.try_once(entry, &recipients, content)? {
                Ok(attempted) => attempted,
                Err(trouble) => return Ok(Attempted::none(recipients, &trouble)),
            };
            if !attempted.is_free || tries == TRIES {
                return Ok(attempted);
            }
            tries += 1;
        }
    }

    /// Some providers refuse the null reverse-path. A report goes from the account then: it says Auto-Submitted,
    /// and its failure is not reported in turn, so no loop comes of it.
    fn try_once(
        &mut self,
        entry: &Entry,
        recipients: &[usize],
        content: Source<'_, '_>,
    ) -> Result<Result<Attempted, Trouble>, Error> {
        if let Err(trouble) = self.connect(entry.reverse_path.as_ref()) {
            return Ok(Err(trouble));
        }
        let started = system::now();
        self.begin(entry, recipients, content, entry.reverse_path.as_ref())?;
        let mut attempted = self.finish(recipients.to_vec(), started);
        let is_refused =
            |o: &Outcome| o.stage == Stage::Mail && (o.status == Status::Bounced || o.scope == Scope::Configuration);
        if entry.reverse_path.is_none() && attempted.outcomes.iter().all(is_refused) && self.is_usable() {
            self.begin(entry, recipients, content, Some(&self.config.account))?;
            attempted = self.finish(recipients.to_vec(), started);
        }
        Ok(Ok(attempted))
    }

    /// A connection that works: the one at hand, else one with the first smarthost that takes us. Mails may be under way
    /// over the one at hand only if it works.
    pub(super) fn connect(&mut self, account: Option<&Address>) -> Result<(), Trouble> {
        if self.serves(account) {
            return Ok(());
        }
        let started = Instant::now();
        if let Some(session) = self.session.take() {
            session.quit();
        }
        let opened = self.open(account);
        self.setup = started.elapsed();
        (self.begun, self.used) = (0, 0);
        let (session, smarthost) = opened?;
        self.connection += 1;
        self.smarthost = smarthost;
        self.is_wary = self.is_remarked(smarthost, NO_WINDOW);
        self.session = Some(session);
        Ok(())
    }

    /// When a mail of that account may be begun, if that is not now, and which limit of the settings says so.
    pub(super) fn turn(&self, account: Option<&Address>) -> Option<(Timestamp, Rate)> {
        let next = || self.in_order(account).first().copied();
        let smarthost = if self.serves(account) { self.smarthost } else { next()? };
        let (rates, now) = (smarthost.rates(), system::now());
        let sent = self.memory.filter(|_| !rates.is_empty())?.sent(&counted_as(smarthost), now);
        pace::next(&rates, &sent, now)
    }

    /// Counts a mail, where the settings want mails counted.
    fn count(&mut self) {
        self.begun += 1;
        let Some(spool) = self.memory.filter(|_| !self.smarthost.rates().is_empty()) else { return };
        if let Err(error) = spool.note_sent(&counted_as(self.smarthost), system::now()) {
            log::error(&error.to_string());
        }
    }

    /// Leaves the server; the next mail opens a connection anew.
    pub(super) fn rest(&mut self) {
        if let Some(session) = self.session.take() {
            session.quit();
        }
    }

    /// Hands over a mail over the connection at hand, as far as that goes without waiting.
    pub(super) fn begin(
        &mut self,
        entry: &Entry,
        recipients: &[usize],
        content: Source<'_, '_>,
        reverse_path: Option<&Address>,
    ) -> Result<(), Error> {
        let to: Vec<&Address> = recipients.iter().map(|n| &entry.recipients[*n].address).collect();
        let dsn: Vec<&OfRecipient> = recipients.iter().map(|n| &entry.recipients[*n].dsn).collect();
        // RFC 6152 section 3: what the server cannot take is converted for it.
        let is_converted = entry.eight_bit && self.session().is_some_and(|s| !s.capabilities().eight_bit_mime);
        let size = match is_converted {
            true => io::copy(&mut SevenBit::new(content()?), &mut io::sink()).unwrap_or(entry.size),
            false => entry.size,
        };
        let mail = Mail {
            reverse_path,
            recipients: &to,
            size,
            eight_bit: entry.eight_bit && !is_converted,
            smtputf8: to.iter().any(|address| !address.to_string().is_ascii()),
            dsn: Some(&entry.dsn),
            recipient_dsn: &dsn,
        };
        let mut content = content()?;
        if let Some(session) = &mut self.session {
            let wants_success = dsn.iter().any(|dsn| dsn.notify.is_some_and(|notify| notify.success));
            if wants_success && !session.capabilities().dsn {
                log::info(&format!("{}: the smarthost offers no DSN: nobody will report success", entry.id));
            }
            match is_converted {
                true => session.begin(&mail, &mut SevenBit::new(content)),
                false => session.begin(&mail, &mut content),
            }
            self.count();
        }
        Ok(())
    }

    /// What has become of the mail that was begun first; waits for it.
    pub(super) fn finish(&mut self, recipients: Vec<usize>, started: Timestamp) -> Attempted {
        let handed = self.session.as_mut().and_then(Session::finish).unwrap_or_else(|| Handed::none(recipients.len()));
        if let Some(lesson) = handed.lesson {
            self.learn(lesson);
        }
        self.used += 1;
        Attempted {
            recipients,
            outcomes: handed.outcomes,
            relay: self.session.as_ref().map(|session| session.relay().to_string()),
            lost: (!self.is_usable()).then_some(self.connection),
            is_free: handed.is_free,
            conn_use: self.used,
            started,
            ended: system::now(),
            setup: std::mem::take(&mut self.setup),
        }
    }

    /// Several mails may be under way.
    pub(super) fn bears_windows(&self) -> bool {
        !self.is_wary
    }

    /// The connection was lost with several mails under way. That may happen to anybody; but Dovecot's submission dies
    /// each time when an envelope comes before it has answered the content before it, so the next ones go alone.
    pub(super) fn doubt_windows(&mut self) {
        if !self.is_wary {
            log::info(&format!(
                "smarthost {} was lost with several mails under way: {NO_WINDOW} for a while",
                self.smarthost
            ));
            self.remark(self.smarthost, NO_WINDOW, SUSPECTED);
            self.is_wary = true;
        }
    }

    /// The session, if it can take another mail.
    pub(super) fn session(&self) -> Option<&Session> {
        let is_spent = self.smarthost.per_connection.is_some_and(|most| self.begun >= most.get());
        self.session_in_use().filter(|_| !is_spent)
    }

    /// The session over which mails are under way; none when it is of no use any more.
    pub(super) fn session_in_use(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.is_usable())
    }

    /// The connection at hand can take another mail, one that leaves as that account.
    pub(super) fn serves(&self, account: Option<&Address>) -> bool {
        let is_for = || self.config.smarthosts_of(account).into_iter().any(|known| std::ptr::eq(known, self.smarthost));
        self.session().is_some() && is_for()
    }

    /// A mail that is under way is answered already.
    pub(super) fn is_answered(&mut self) -> bool {
        self.session.as_mut().is_some_and(Session::is_answered)
    }

    fn is_usable(&self) -> bool {
        self.session_in_use().is_some()
    }

    /// Says goodbye.
    pub(super) fn quit(self) {
        if let Some(session) = self.session {
            session.quit();
        }
    }

    /// The smarthosts for mail of that account in their order; one that could not be reached lately comes after the others.
    fn in_order(&self, account: Option<&Address>) -> Vec<&'a Smarthost> {
        let mut smarthosts = self.config.smarthosts_of(account);
        smarthosts.sort_by_key(|smarthost| self.is_remarked(smarthost, NO_WAY));
        smarthosts
    }

    /// The trouble told is the last one's.
    fn open(&self, account: Option<&Address>) -> Result<(Session, &'a Smarthost), Trouble> {
        let smarthosts = self.in_order(account);
        let has_choice = smarthosts.len() > 1;
        let mut failed = None;
        for smarthost in smarthosts {
            match self.open_one(smarthost) {
                Err(trouble) => {
                    if has_choice && trouble.scope == Scope::Host {
                        self.remark(smarthost, NO_WAY, AVOIDED);
                    }
                    failed = Some(Err(trouble));
                }
                opened => return opened,
            }
        }
        failed.unwrap_or_else(|| self.open_one(&self.config.smarthost))
    }

    fn open_one(&self, smarthost: &'a Smarthost) -> Result<(Session, &'a Smarthost), Trouble> {
        Ok((open(&self.spared(smarthost), &self.host)?, smarthost))
    }

    /// The smarthost with what it does not bear left out.
    fn spared(&self, smarthost: &Smarthost) -> Smarthost {
        let mut spared = smarthost.clone();
        spared.pipelining &= !self.is_remarked(smarthost, NO_GROUPS);
        spared.chunking &= !self.is_remarked(smarthost, NO_CHUNKING);
        // Who cannot remember what came of it could not fall back either.
        spared.auth_in_group &= self.memory.is_some() && !self.is_remarked(smarthost, NO_LOGIN_IN_GROUPS);
        spared
    }

    /// The most connections at a time to the smarthost at the other end.
    pub(super) fn most_connections(&self) -> u8 {
        self.smarthost.max_connections.get()
    }

    /// Opens another connection to the same smarthost, beside the work on this one.
    pub(super) fn open_another(&self) -> Option<JoinHandle<Result<Session, Trouble>>> {
        let (smarthost, host) = (self.spared(self.smarthost), self.host.clone());
        std::thread::Builder::new().spawn(move || open(&smarthost, &host)).ok()
    }

    /// The same over the connection that [`open_another`](Self::open_another) has brought about; `connection` is its
    /// number.
    pub(super) fn over(&self, session: Session, connection: u32) -> Self {
        let session = Some(session);
        let (smarthost, is_wary) = (self.smarthost, self.is_wary);
        Self { session, smarthost, connection, is_wary, ..Self::new(self.config, &self.host, self.memory) }
    }

    fn is_remarked(&self, smarthost: &Smarthost, says: &str) -> bool {
        self.memory.is_some_and(|spool| spool.is_remarked(&smarthost.to_string(), says, system::now()))
    }

    fn learn(&self, lesson: Lesson) {
        let (says, length, why) = match lesson {
            Lesson::Chunking => (NO_CHUNKING, PROVEN, "offers BDAT and refuses it"),
            Lesson::Groups => (NO_GROUPS, PROVEN, "does not bear commands in groups"),
            Lesson::GroupsMaybe => (NO_GROUPS, SUSPECTED, "was lost within the first group of commands"),
            Lesson::Login => (NO_LOGIN_IN_GROUPS, PROVEN, "does not bear a login in a group"),
            Lesson::LoginMaybe => (NO_LOGIN_IN_GROUPS, SUSPECTED, "was lost within a group with the login"),
        };
        log::info(&format!("smarthost {} {why}: for a while it gets {says}", self.smarthost));
        self.remark(self.smarthost, says, length);
    }

    fn remark(&self, smarthost: &Smarthost, says: &str, length: Duration) {
        let Some(spool) = self.memory else { return };
        let until = later(system::now(), length).unwrap_or(Timestamp::MAX);
        // What cannot be kept is learnt again.
        if let Err(error) = spool.remark(&Remark { about: smarthost.to_string(), says: says.to_string(), until }) {
            log::error(&error.to_string());
        }
    }
}

fn open(smarthost: &Smarthost, host: &str) -> Result<Session, Trouble> {
    let credentials = Credentials::read(smarthost)?;
    Session::open(smarthost, credentials.as_ref(), host)
}

/// The name under which its mails are counted: limits are an account's.
fn counted_as(smarthost: &Smarthost) -> String {
    format!("{smarthost} {}", smarthost.user.as_deref().unwrap_or("-"))
}

impl Attempted {
    /// No connection, so that all have the same trouble.
    pub(super) fn none(recipients: Vec<usize>, trouble: &Trouble) -> Self {
        let outcomes = vec![trouble.outcome(); recipients.len()];
        Self { relay: trouble.relay.clone(), ..Self::untried(recipients, outcomes, system::now()) }
    }

    /// No attempt, but its outcomes all the same.
    pub(super) fn untried(recipients: Vec<usize>, outcomes: Vec<Outcome>, now: Timestamp) -> Self {
        Self {
            recipients,
            outcomes,
            relay: None,
            lost: None,
            is_free: false,
            conn_use: 0,
            started: now,
            ended: now,
            setup: Duration::ZERO,
        }
    }

    /// An outcome that says more about the smarthost, or about our settings, than about the mail. A recipient who has
    /// it, or an answer about this mail, says that the smarthost works.
    pub(super) fn host_trouble(&self) -> Option<&Outcome> {
        let is_of_host = |o: &Outcome| {
            // "Relay access denied" at RCPT may be about that one address; a 421 there is not.
            let is_wide = o.scope == Scope::Host || (o.scope == Scope::Configuration && o.stage != Stage::Rcpt);
            o.status == Status::Deferred && is_wide
        };
        self.outcomes.first().filter(|_| self.outcomes.iter().all(is_of_host))
    }

    /// The line for the log.
    pub(super) fn line<'a>(&'a self, entry: &'a Entry, recipient: usize, outcome: &'a Outcome) -> Attempt<'a> {
        let between = |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).unwrap_or_default();
        let to = &entry.recipients[recipient];
        let took = between(self.started, self.ended);
        Attempt {
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

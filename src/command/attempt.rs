//! One attempt for one mail: a session, the dialogue, an outcome for each recipient that still waits.

use std::time::{Duration, Instant};

use lettre::Address;

use crate::config::Config;
use crate::error::Error;
use crate::log::Attempt;
use crate::outcome::{Outcome, Scope, Stage, Status};
use crate::relay::{Credentials, Mail, Session, Smarthost, Trouble};
use crate::spool::{Claim, Content, Entry};
use crate::system;

/// Connection and login, kept from one mail to the next.
pub(super) struct Relay<'a> {
    config: &'a Config,
    host: String,
    session: Option<Session>,
    /// Mails tried over it.
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
    /// Which mail over that connection this was.
    conn_use: u32,
    started: jiff::Timestamp,
    /// When it was over.
    pub(super) ended: jiff::Timestamp,
    setup: Duration,
}

impl<'a> Relay<'a> {
    pub(super) fn new(config: &'a Config, host: &str) -> Self {
        Self { config, host: host.to_string(), session: None, used: 0, setup: Duration::ZERO }
    }

    /// Tries the mail for everybody who still waits for it.
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
        let started = system::now();
        let config = self.config;
        let (outcomes, relay) = match self.connected() {
            Err(trouble) => (vec![trouble.outcome(); recipients.len()], trouble.relay.clone()),
            Ok(session) => {
                (transact(session, entry, &recipients, content, &config.account)?, Some(session.relay().to_string()))
            }
        };
        let setup = std::mem::take(&mut self.setup);
        self.used += 1;
        Ok(Attempted { recipients, outcomes, relay, conn_use: self.used, started, ended: system::now(), setup })
    }

    /// Says goodbye.
    pub(super) fn quit(self) {
        if let Some(session) = self.session {
            session.quit();
        }
    }

    /// A session that works: the one at hand, else one with the first smarthost that takes us.
    fn connected(&mut self) -> Result<&mut Session, Trouble> {
        match self.session.take().filter(Session::is_usable) {
            Some(session) => Ok(self.session.insert(session)),
            None => {
                let started = Instant::now();
                let session = self.open();
                self.setup = started.elapsed();
                self.used = 0;
                Ok(self.session.insert(session?))
            }
        }
    }

    /// The trouble told is the last smarthost's.
    fn open(&self) -> Result<Session, Trouble> {
        let mut opened = self.open_one(&self.config.smarthost);
        for next in &self.config.fallbacks {
            opened = opened.or_else(|_| self.open_one(next));
        }
        opened
    }

    fn open_one(&self, smarthost: &Smarthost) -> Result<Session, Trouble> {
        let credentials = Credentials::read(smarthost)?;
        Session::open(smarthost, credentials.as_ref(), &self.host)
    }
}

/// Some providers refuse the null reverse-path. A report goes from the account then: it says Auto-Submitted,
/// and its failure is not reported in turn, so no loop comes of it.
fn transact(
    session: &mut Session,
    entry: &Entry,
    recipients: &[usize],
    content: Source<'_, '_>,
    account: &Address,
) -> Result<Vec<Outcome>, Error> {
    let outcomes = send(session, entry, recipients, content, entry.reverse_path.as_ref())?;
    let is_refused =
        |o: &Outcome| o.stage == Stage::Mail && (o.status == Status::Bounced || o.scope == Scope::Configuration);
    if entry.reverse_path.is_none() && outcomes.iter().all(is_refused) && session.is_usable() {
        return send(session, entry, recipients, content, Some(account));
    }
    Ok(outcomes)
}

fn send(
    session: &mut Session,
    entry: &Entry,
    recipients: &[usize],
    content: Source<'_, '_>,
    reverse_path: Option<&Address>,
) -> Result<Vec<Outcome>, Error> {
    let to: Vec<&Address> = recipients.iter().map(|n| &entry.recipients[*n].address).collect();
    let mail = Mail {
        reverse_path,
        recipients: &to,
        size: entry.size,
        eight_bit: entry.eight_bit,
        smtputf8: to.iter().any(|address| !address.to_string().is_ascii()),
    };
    Ok(session.send(&mail, &mut content()?))
}

impl Attempted {
    /// No attempt, but its outcomes all the same.
    pub(super) fn none(recipients: Vec<usize>, outcomes: Vec<Outcome>, now: jiff::Timestamp) -> Self {
        Self { recipients, outcomes, relay: None, conn_use: 0, started: now, ended: now, setup: Duration::ZERO }
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
        let between = |from: jiff::Timestamp, to: jiff::Timestamp| {
            Duration::try_from(to.duration_since(from)).unwrap_or_default()
        };
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

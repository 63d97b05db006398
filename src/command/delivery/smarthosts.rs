//! The smarthosts that a mail may leave over: in which order they are asked, what is remembered of each in the spool, and
//! whether its limits let another mail leave.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use lettre::Address;

use crate::config::Config;
use crate::interval::later;
use crate::log;
use crate::outcome::Stage;
use crate::pace::{self, Rate};
use crate::relay::{Client, Credentials, Session, Smarthost, Trouble};
use crate::spool::{Remark, Spool};
use crate::system;

/// The words in the spool for what a smarthost does not bear, and for one that took no mail of late.
pub(crate) const NO_CHUNKING: &str = "no chunking";
pub(crate) const NO_GROUPS: &str = "no groups";
pub(crate) const NO_WINDOW: &str = "one mail at a time";
pub(crate) const NO_LOGIN_IN_GROUPS: &str = "no login in groups";
const NO_WAY: &str = "out of reach";
/// How long a smarthost that could not be reached comes after the others.
const AVOIDED: Duration = Duration::from_secs(5 * 60);

/// A leader waits so long for the turn of the next mail; who comes later takes what has to wait longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The smarthosts of the settings, and what is known of them.
#[derive(Clone)]
pub(crate) struct Smarthosts<'a> {
    config: &'a Config,
    client: Client,
    /// Where lessons are kept; none for a mail that no spool keeps.
    memory: Option<&'a Spool>,
    /// Those that no spool keeps: about whom, and what.
    learnt: Rc<RefCell<Vec<(String, &'static str)>>>,
}

/// When the limits of the settings let a mail leave.
pub(crate) enum Turn {
    Now,
    /// After so long, at most a minute: that is waited for.
    Soon(Duration),
    /// From then on; the limit that says so.
    Later(Timestamp, Rate),
}

/// An open connection, and to whom.
pub(crate) type Opened<'a> = (Session, &'a Smarthost);

impl<'a> Smarthosts<'a> {
    pub(crate) fn new(config: &'a Config, client: &Client, memory: Option<&'a Spool>) -> Self {
        Self { config, client: client.clone(), memory, learnt: Rc::default() }
    }

    /// Mail of that account may leave over that smarthost, now.
    pub(crate) fn may_take(&self, smarthost: &Smarthost, account: Option<&Address>) -> bool {
        let is_known = self.config.smarthosts_of(account).into_iter().any(|known| std::ptr::eq(known, smarthost));
        is_known && self.wait(smarthost).is_none()
    }

    /// When a mail of that account may leave.
    pub(crate) fn turn(&self, account: Option<&Address>) -> Turn {
        let Some((at, rate)) = self.next_turn(account) else { return Turn::Now };
        let left = Duration::try_from(at.duration_since(system::now())).unwrap_or_default();
        if left > LONGEST_PAUSE { Turn::Later(at, rate) } else { Turn::Soon(left) }
    }

    /// The moment at which a mail of that account may leave, if that is not now, and the limit that says so.
    fn next_turn(&self, account: Option<&Address>) -> Option<(Timestamp, Rate)> {
        let next = self.in_order(account).first().copied()?;
        let settings = self.config.smarthosts_of(account);
        // One that is avoided for a while is asked all the same before a mail waits for the limit of a fall-back.
        let before = settings.into_iter().take_while(|smarthost| !std::ptr::eq(*smarthost, next));
        let waits: Option<Vec<_>> = std::iter::once(next).chain(before).map(|smarthost| self.wait(smarthost)).collect();
        waits?.into_iter().min_by_key(|(at, _)| *at)
    }

    /// A connection with the first smarthost for that account that takes us. The trouble told is the last one's.
    pub(crate) fn open(&self, account: Option<&Address>) -> Result<Opened<'a>, Trouble> {
        let mut smarthosts = self.in_order(account);
        // Where none has room somebody has asked for the turn already, and this is a mail that was counted.
        if smarthosts.iter().any(|smarthost| self.wait(smarthost).is_none()) {
            smarthosts.retain(|smarthost| self.wait(smarthost).is_none());
        }
        let last = smarthosts.pop().unwrap_or(&self.config.smarthost);
        for smarthost in smarthosts {
            match self.open_one(smarthost) {
                Err(trouble) => log::trouble(trouble.scope, &format!("{trouble}: the next one is asked")),
                opened => return opened,
            }
        }
        self.open_one(last)
    }

    /// A connection with that one.
    pub(crate) fn open_one(&self, smarthost: &'a Smarthost) -> Result<Opened<'a>, Trouble> {
        let opened = open(&self.spared(smarthost), &self.client);
        // A login that is refused is avoided too: too many of them close an account. What is wrong here says nothing of it.
        if opened.as_ref().is_err_and(|trouble| trouble.stage != Stage::Setup) {
            self.avoid(smarthost);
        }
        Ok((opened?, smarthost))
    }

    /// The smarthosts for that account that have room, are none of `asked`, and were in no trouble of late.
    pub(crate) fn beyond(&self, asked: &[String], account: Option<&Address>) -> Vec<&'a Smarthost> {
        let mut smarthosts = self.in_order(account);
        let is_new = |smarthost: &Smarthost| !asked.contains(&name(smarthost)) && !self.is_avoided(smarthost);
        smarthosts.retain(|smarthost| is_new(smarthost) && self.wait(smarthost).is_none());
        smarthosts
    }

    /// Opens a connection to that smarthost, somewhere else: nothing of it is ours.
    pub(crate) fn opener(&self, smarthost: &Smarthost) -> impl FnOnce() -> Result<Session, Trouble> + Send + 'static {
        let (smarthost, client) = (self.spared(smarthost), self.client.clone());
        move || open(&smarthost, &client)
    }

    /// The smarthosts for mail of that account in their order; one that took none lately comes after the others.
    fn in_order(&self, account: Option<&Address>) -> Vec<&'a Smarthost> {
        let mut smarthosts = self.config.smarthosts_of(account);
        smarthosts.sort_by_key(|smarthost| self.is_avoided(smarthost));
        smarthosts
    }

    /// The smarthost with what it does not bear left out.
    fn spared(&self, smarthost: &Smarthost) -> Smarthost {
        let mut spared = smarthost.clone();
        spared.pipelining &= !self.is_remarked(smarthost, NO_GROUPS);
        spared.chunking &= !self.is_remarked(smarthost, NO_CHUNKING);
        // Who cannot remember what came of it could not fall back the next time either.
        spared.auth_in_group &= self.memory.is_some() && !self.is_remarked(smarthost, NO_LOGIN_IN_GROUPS);
        spared
    }

    /// Has the smarthost come after the others for a while, where there are others.
    pub(crate) fn avoid(&self, smarthost: &Smarthost) {
        if self.config.smarthosts().count() > 1 {
            // It may be the account's trouble alone.
            self.remember(name(smarthost), NO_WAY, AVOIDED);
        }
    }

    fn is_avoided(&self, smarthost: &Smarthost) -> bool {
        self.is_known(&name(smarthost), NO_WAY)
    }

    pub(crate) fn is_remarked(&self, smarthost: &Smarthost, says: &str) -> bool {
        self.is_known(&smarthost.to_string(), says)
    }

    /// Remembers that of the smarthost, for so long.
    pub(crate) fn remark(&self, smarthost: &Smarthost, says: &'static str, length: Duration) {
        self.remember(smarthost.to_string(), says, length);
    }

    fn is_known(&self, about: &str, says: &str) -> bool {
        self.learnt.borrow().iter().any(|known| known.0 == about && known.1 == says)
            || self.memory.is_some_and(|spool| spool.is_remarked(about, says, system::now()))
    }

    /// Where nothing can be kept, until this process ends.
    fn remember(&self, about: String, says: &'static str, length: Duration) {
        let until = later(system::now(), length).unwrap_or(Timestamp::MAX);
        let remark = Remark { about: about.clone(), says: says.to_string(), until };
        match self.memory.map(|spool| spool.remark(&remark)) {
            Some(Ok(())) => return,
            Some(Err(error)) => log::error(&error.to_string()),
            None => {}
        }
        self.learnt.borrow_mut().push((about, says));
    }

    /// When the limits of that smarthost let another mail leave, if that is not now.
    fn wait(&self, smarthost: &Smarthost) -> Option<(Timestamp, Rate)> {
        let (rates, now) = (smarthost.rates(), system::now());
        let sent = self.memory.filter(|_| !rates.is_empty())?.sent(&name(smarthost), now);
        pace::next(&rates, &sent, now)
    }

    /// Counts a mail, where the settings want mails counted.
    pub(crate) fn count(&self, smarthost: &Smarthost) {
        let Some(spool) = self.memory.filter(|_| !smarthost.rates().is_empty()) else { return };
        if let Err(error) = spool.note_sent(&name(smarthost), system::now()) {
            log::error(&error.to_string());
        }
    }
}

/// What tells it from the others: limits are an account's.
pub(crate) fn name(smarthost: &Smarthost) -> String {
    format!("{smarthost} {}", smarthost.user.as_deref().unwrap_or("-"))
}

fn open(smarthost: &Smarthost, client: &Client) -> Result<Session, Trouble> {
    let credentials = Credentials::read(smarthost, client)?;
    Session::open(smarthost, credentials.as_ref(), client)
}

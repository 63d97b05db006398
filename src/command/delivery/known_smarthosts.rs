//! The smarthosts of the settings and what is known of each: the order in which they are asked, what the spool
//! remembers, and whether the limits of the settings let another mail leave.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use lettre::Address;

use super::sick_addresses;
use crate::alarm;
use crate::config::{Config, SmarthostId, Smarthosts};
use crate::interval::later;
use crate::log;
use crate::outcome::{Outcome, Scope, Stage};
use crate::pace::{self, Rate, Sent};
use crate::relay::{Client, Credentials, Session, Smarthost, Trouble};
use crate::spool::{Remark, Spool};
use crate::system;

/// The time for which a smarthost that could not be reached comes after the others.
const AVOIDED: Duration = Duration::from_secs(5 * 60);

/// A leader waits so long for the turn of the next mail; who comes later takes what has to wait longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The remark, behind a number, on the recipients that a smarthost takes in one mail.
const MOST_RECIPIENTS: &str = "recipients a mail";
/// Behind a number: what it takes over one connection.
const MOST_MAILS: &str = "mails a connection";

/// A person was told that the smarthost refuses our mail; for so long.
const TOLD: &str = "told of a fault";
const TOLD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The smarthosts of the settings and what is known of them.
#[derive(Clone)]
pub(crate) struct KnownSmarthosts<'a> {
    config: &'a Config,
    client: Client,
    /// The spool that keeps lessons; `None` for a mail that no spool keeps.
    memory: Option<&'a Spool>,
    /// Lessons that no spool keeps: the smarthost's name, and its trait.
    learnt: Rc<RefCell<Vec<(String, Trait)>>>,
    /// The number of mails after which a smarthost has closed a connection, or refused the next.
    enough: Rc<RefCell<Vec<(SmarthostId, u32)>>>,
}

/// A trait of a smarthost, which is remembered for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trait {
    /// It offers CHUNKING and fails at it.
    NoChunking,
    /// It offers PIPELINING and fails at it.
    NoGroups,
    /// It takes no mail in one group with the login.
    NoLoginInGroups,
    /// It has refused a MAIL with parameters.
    NoParameters,
    /// It takes no mail before it has answered the one before.
    OneMailAtATime,
    /// It could not be reached.
    OutOfReach,
    /// It has shown that it reads the octets of a BDAT that it refuses.
    ReadsChunks,
    /// The same before the login too.
    ReadsChunksBeforeLogin,
}

/// The words for the spool's remarks and for the log.
impl fmt::Display for Trait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoChunking => "no chunking",
            Self::NoGroups => "no groups",
            Self::NoLoginInGroups => "no login in groups",
            Self::NoParameters => "no parameters of MAIL",
            Self::OneMailAtATime => "one mail at a time",
            Self::OutOfReach => "out of reach",
            Self::ReadsChunks => "content with the envelope",
            Self::ReadsChunksBeforeLogin => "content with the envelope and the login",
        })
    }
}

/// The time at which the limits of the settings let a mail leave.
pub(crate) enum Turn {
    /// At once.
    Now,
    /// After so long, at most a minute: that is waited for.
    Soon(Duration, Held),
    /// From then on; the limit that says so.
    Later(Timestamp, Rate, Held),
}

/// Those whose mail a limit holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// All who share the account.
    Everybody,
    /// The user whose mail it is, who has had a share.
    User,
}

/// An open connection, and to whom.
pub(crate) type Opened = (Session, SmarthostId);

impl<'a> KnownSmarthosts<'a> {
    /// Those of `config`; lessons are kept in `memory`.
    pub(crate) fn new(config: &'a Config, client: &Client, memory: Option<&'a Spool>) -> Self {
        Self { config, client: client.clone(), memory, learnt: Rc::default(), enough: Rc::default() }
    }

    /// Mail of that account may leave over that smarthost, now.
    pub(crate) fn may_take(&self, smarthost: SmarthostId, account: Option<&Address>) -> bool {
        self.config.smarthosts.of(account).contains(&smarthost) && self.wait(smarthost).is_none()
    }

    /// The time at which a mail of that user may leave from that account.
    pub(crate) fn turn(&self, account: Option<&Address>, uid: u32) -> Turn {
        match self.next_turn(account, &|smarthost| self.wait(smarthost)) {
            None => turn(self.next_turn(account, &|smarthost| self.wait_of(smarthost, uid)), Held::User),
            next => turn(next, Held::Everybody),
        }
    }

    /// The time at which a mail of that user may leave over that smarthost, which may take one now.
    pub(crate) fn turn_at(&self, smarthost: SmarthostId, uid: u32) -> Turn {
        turn(self.wait_of(smarthost, uid), Held::User)
    }

    /// The moment at which a mail of that account may leave, if that is not now, and the limit that says so.
    fn next_turn(
        &self,
        account: Option<&Address>,
        wait: &dyn Fn(SmarthostId) -> Option<(Timestamp, Rate)>,
    ) -> Option<(Timestamp, Rate)> {
        let next = self.in_order(account).first().copied()?;
        let settings = self.config.smarthosts.of(account);
        // One that is avoided for a while is asked all the same before a mail waits for the limit of a fall-back.
        let before = settings.into_iter().take_while(|smarthost| *smarthost != next);
        let waits: Option<Vec<_>> = std::iter::once(next).chain(before).map(wait).collect();
        waits?.into_iter().min_by_key(|(at, _)| *at)
    }

    /// A connection with the first smarthost for that account that takes us. The trouble told is the last one's.
    pub(crate) fn open(&self, account: Option<&Address>) -> Result<Opened, Trouble> {
        let mut smarthosts = self.in_order(account);
        // If no smarthost has room, somebody has asked for the turn already, and this mail was counted.
        if smarthosts.iter().any(|smarthost| self.wait(*smarthost).is_none()) {
            smarthosts.retain(|smarthost| self.wait(*smarthost).is_none());
        }
        let last = smarthosts.pop().unwrap_or(Smarthosts::FIRST);
        for smarthost in smarthosts {
            match self.open_one(smarthost) {
                Err(trouble) => {
                    log::trouble(trouble.scope, &format!("{trouble}: the next one is asked"));
                    self.tell_of_fault(smarthost, &trouble.outcome());
                }
                opened => return opened,
            }
        }
        self.open_one(last)
    }

    /// A smarthost refuses our mail as the settings are, and another one takes it. `ctl check` and the log say so; a
    /// person who looks at neither is told once a day.
    pub(crate) fn tell_of_fault(&self, smarthost: SmarthostId, outcome: &Outcome) {
        let (about, name) = (self.login(smarthost), &self.config.smarthosts[smarthost]);
        let Some(spool) = self.memory.filter(|_| outcome.scope == Scope::Configuration) else { return };
        if spool.is_remarked(&about, TOLD, system::now()) {
            return;
        }
        let reason = &outcome.reason;
        let place = if reason.starts_with("smarthost ") { String::new() } else { format!("smarthost {name}: ") };
        let sentence = format!("mail leaves by another smarthost until the configuration is mended: {place}{reason}");
        log::error(&sentence);
        if let Err(error) = alarm::raise(&self.config.alarm, &sentence) {
            log::error(&format!("the alarm command could not be started: {error}"));
        }
        let until = later(system::now(), TOLD_FOR).unwrap_or(Timestamp::MAX);
        let told = spool.remark(&Remark { about, says: TOLD.to_owned(), until });
        told.unwrap_or_else(|error| log::error(&error.to_string()));
    }

    /// A connection with that one.
    pub(crate) fn open_one(&self, smarthost: SmarthostId) -> Result<Opened, Trouble> {
        let sick = sick_addresses::recall(self.memory);
        let opened = open(&self.spared(smarthost), &self.client_of(smarthost));
        sick_addresses::keep(self.memory, &sick);
        // A login that is refused is avoided too: too many of them close an account. A fault of this machine says
        // nothing of the smarthost.
        if opened.as_ref().is_err_and(|trouble| trouble.stage != Stage::Setup) {
            self.avoid(smarthost);
        }
        Ok((opened?, smarthost))
    }

    /// The first smarthost for that account that has room, is not among `asked`, and was in no trouble of late.
    pub(crate) fn beyond(&self, asked: &[SmarthostId], account: Option<&Address>) -> Option<SmarthostId> {
        let may_be_asked = |smarthost: &SmarthostId| {
            !self.is_among(asked, *smarthost) && !self.is_avoided(*smarthost) && self.wait(*smarthost).is_none()
        };
        self.in_order(account).into_iter().find(may_be_asked)
    }

    /// The smarthost is one of `asked`, or one of them is the same server with the same login.
    pub(crate) fn is_among(&self, asked: &[SmarthostId], smarthost: SmarthostId) -> bool {
        asked.iter().any(|other| self.config.smarthosts.share_login(*other, smarthost))
    }

    /// Opens a connection to that smarthost, somewhere else: nothing of it is ours.
    pub(crate) fn opener(&self, smarthost: SmarthostId) -> impl FnOnce() -> Result<Session, Trouble> + Send + 'static {
        let (smarthost, client) = (self.spared(smarthost), self.client_of(smarthost));
        move || open(&smarthost, &client)
    }

    /// The smarthosts for mail of that account in their order. One that took no mail lately comes after the others.
    fn in_order(&self, account: Option<&Address>) -> Vec<SmarthostId> {
        let mut smarthosts = self.config.smarthosts.of(account);
        smarthosts.sort_by_key(|smarthost| self.is_avoided(*smarthost));
        smarthosts
    }

    /// The smarthost without what it has failed at.
    fn spared(&self, smarthost: SmarthostId) -> Smarthost {
        let mut spared = self.config.smarthosts[smarthost].clone();
        spared.pipelining &= !self.has(smarthost, Trait::NoGroups);
        // Without a memory of what came of it we could not fall back the next time either.
        spared.chunking &= self.memory.is_some() && !self.has(smarthost, Trait::NoChunking);
        spared.auth_in_group &= self.memory.is_some() && !self.has(smarthost, Trait::NoLoginInGroups);
        spared
    }

    /// Us, with what the spool knows of the machines behind that smarthost.
    fn client_of(&self, smarthost: SmarthostId) -> Client {
        let what = self.reads_chunks(smarthost);
        let remarks = self.memory.map_or(Vec::new(), |spool| spool.remarks(system::now()));
        let kept = remarks.into_iter().filter(|remark| remark.says == what.to_string()).map(|remark| remark.about);
        let learnt = self.learnt.borrow();
        let learnt = learnt.iter().filter(|known| known.1 == what).map(|known| known.0.clone());
        let is_bare = self.has(smarthost, Trait::NoParameters);
        Client { chunk_readers: kept.chain(learnt).collect(), is_bare, ..self.client.clone() }
    }

    /// Remembers that the machine reached as `relay` reads the chunks that it refuses, so that content may ride with
    /// its envelope.
    pub(crate) fn note_reads_chunks(&self, smarthost: SmarthostId, relay: &str, length: Duration) {
        self.remember(relay.to_string(), self.reads_chunks(smarthost), length);
    }

    /// What a machine has to have shown before content may ride with its envelope.
    fn reads_chunks(&self, smarthost: SmarthostId) -> Trait {
        let with_login = self.config.smarthosts[smarthost].auth_in_group;
        if with_login { Trait::ReadsChunksBeforeLogin } else { Trait::ReadsChunks }
    }

    /// Has the smarthost come after the others for a while, where there are others.
    pub(crate) fn avoid(&self, smarthost: SmarthostId) {
        if self.config.smarthosts.are_several() {
            // It may be the account's trouble alone.
            self.remember(self.login(smarthost), Trait::OutOfReach, AVOIDED);
        }
    }

    fn is_avoided(&self, smarthost: SmarthostId) -> bool {
        self.is_known(&self.login(smarthost), Trait::OutOfReach)
    }

    /// The smarthost has shown that of late.
    pub(crate) fn has(&self, smarthost: SmarthostId, what: Trait) -> bool {
        self.is_known(&self.config.smarthosts[smarthost].to_string(), what)
    }

    /// Remembers a trait of the smarthost, for so long.
    pub(crate) fn remark(&self, smarthost: SmarthostId, what: Trait, length: Duration) {
        self.remember(self.config.smarthosts[smarthost].to_string(), what, length);
    }

    /// The most recipients that the smarthost has been seen to take in one mail.
    pub(crate) fn most_recipients(&self, smarthost: SmarthostId) -> Option<usize> {
        self.most(smarthost, MOST_RECIPIENTS)
    }

    /// The most mails that it has been seen to take over one connection.
    pub(crate) fn most_mails(&self, smarthost: SmarthostId) -> Option<usize> {
        self.most(smarthost, MOST_MAILS)
    }

    fn most(&self, smarthost: SmarthostId, words: &str) -> Option<usize> {
        let about = self.config.smarthosts[smarthost].to_string();
        self.memory.and_then(|spool| spool.remarked_number(&about, words, system::now()))
    }

    /// Remembers how many recipients the smarthost takes in one mail.
    pub(crate) fn learn_most_recipients(&self, smarthost: SmarthostId, most: usize, length: Duration) {
        self.learn_most(smarthost, &format!("{most} {MOST_RECIPIENTS}"), length);
    }

    /// Remembers after how many mails the smarthost has had enough of a connection. Once may be chance, as any loss of
    /// a link is; the same number again is a limit.
    pub(crate) fn learn_most_mails(&self, smarthost: SmarthostId, most: u32, length: Duration) {
        let is_new = self.enough.borrow().iter().all(|known| *known != (smarthost, most));
        if is_new {
            return self.enough.borrow_mut().push((smarthost, most));
        }
        let name = &self.config.smarthosts[smarthost];
        log::info(&format!("smarthost {name} takes {most} mails over a connection: the next go over another one"));
        self.learn_most(smarthost, &format!("{most} {MOST_MAILS}"), length);
    }

    fn learn_most(&self, smarthost: SmarthostId, says: &str, length: Duration) {
        let until = later(system::now(), length).unwrap_or(Timestamp::MAX);
        let about = self.config.smarthosts[smarthost].to_string();
        let remark = Remark { about, says: says.to_owned(), until };
        if let Some(Err(error)) = self.memory.map(|spool| spool.remark(&remark)) {
            log::error(&error.to_string());
        }
    }

    fn is_known(&self, about: &str, what: Trait) -> bool {
        let is_learnt = self.learnt.borrow().iter().any(|known| known.0 == about && known.1 == what);
        is_learnt || self.memory.is_some_and(|spool| spool.is_remarked(about, &what.to_string(), system::now()))
    }

    /// Keeps it in the spool; without one, until this process ends.
    fn remember(&self, about: String, what: Trait, length: Duration) {
        let until = later(system::now(), length).unwrap_or(Timestamp::MAX);
        let remark = Remark { about: about.clone(), says: what.to_string(), until };
        match self.memory.map(|spool| spool.remark(&remark)) {
            Some(Ok(())) => return,
            Some(Err(error)) => log::error(&error.to_string()),
            None => {}
        }
        self.learnt.borrow_mut().push((about, what));
    }

    /// The time at which the limits of that smarthost let another mail leave, if that is not now.
    fn wait(&self, smarthost: SmarthostId) -> Option<(Timestamp, Rate)> {
        let (rates, now) = (self.config.smarthosts[smarthost].rates(), system::now());
        let sent = self.memory.filter(|_| !rates.is_empty())?.sent(&self.login(smarthost), now);
        pace::next(&rates, &sent, now)
    }

    /// The time at which a user's share of the limits of that smarthost lets another mail leave, if that is not now.
    /// Root and the service have all of it.
    fn wait_of(&self, smarthost: SmarthostId, uid: u32) -> Option<(Timestamp, Rate)> {
        let (rates, sent, now) = self.shared(smarthost, uid)?;
        pace::next_of_user(&rates, &sent, uid, now)
    }

    /// The most people to whom a mail of that user may go now, by the user's share of the limits of that smarthost.
    pub(crate) fn most_people(&self, smarthost: SmarthostId, uid: u32) -> Option<usize> {
        let (rates, sent, now) = self.shared(smarthost, uid)?;
        pace::most_people(&rates, &sent, uid, now)
    }

    /// The limits of which that user has a share, what has left over that smarthost, and the time.
    fn shared(&self, smarthost: SmarthostId, uid: u32) -> Option<(Vec<Rate>, Vec<Sent>, Timestamp)> {
        let (rates, now) = (self.config.smarthosts[smarthost].rates(), system::now());
        let spool = self.memory.filter(|_| !rates.is_empty())?;
        let owner = spool.owner();
        let has_all = |uid: u32| uid == 0 || owner == Some(uid);
        if has_all(uid) {
            return None;
        }
        // One mail of those who have no share is one mail, to however many.
        let counted = |sent: Sent| if has_all(sent.uid) { Sent { recipients: 1, ..sent } } else { sent };
        Some((rates, spool.sent(&self.login(smarthost), now).into_iter().map(counted).collect(), now))
    }

    /// Counts a mail of that user to so many, where the settings want mails counted.
    pub(crate) fn count(&self, smarthost: SmarthostId, uid: u32, recipients: usize) {
        let has_limits = !self.config.smarthosts[smarthost].rates().is_empty();
        let Some(spool) = self.memory.filter(|_| has_limits) else { return };
        if let Err(error) = spool.note_sent(&self.login(smarthost), &Sent { at: system::now(), uid, recipients }) {
            log::error(&error.to_string());
        }
    }

    /// The name in the spool's memory for a server and a login on it: limits are an account's.
    fn login(&self, smarthost: SmarthostId) -> String {
        let smarthost = &self.config.smarthosts[smarthost];
        format!("{smarthost} {}", smarthost.user.as_deref().unwrap_or("-"))
    }
}

fn turn(next: Option<(Timestamp, Rate)>, held: Held) -> Turn {
    let Some((at, rate)) = next else { return Turn::Now };
    let left = Duration::try_from(at.duration_since(system::now())).unwrap_or_default();
    if left > LONGEST_PAUSE { Turn::Later(at, rate, held) } else { Turn::Soon(left, held) }
}

fn open(smarthost: &Smarthost, client: &Client) -> Result<Session, Trouble> {
    let credentials = Credentials::read(smarthost, client)?;
    Session::open(smarthost, credentials.as_ref(), client)
}

//! In the relay: the leader's work. Whoever gets the relay lock sends everything that is due; after
//! letting go of it, it looks once more, so that no mail waits for a wake-up that is lost.

mod after;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lettre::Address;

use super::attempt::Attempt;
use super::connections::{Answered, Connections};
use super::dropped;
use super::known_smarthosts::Turn;
use super::routes::Routes;
use super::settle;
use crate::command::notice::Notice;
use crate::command::selection::Selection;
use crate::config::Config;
use crate::error::{self, Error};
use crate::log;
use crate::outcome::Outcome;
use crate::relay::{Client, Dialogue};
use crate::spool::{Claim, Owner, QueueId, Spool};
use crate::system;

/// After so long, or so many mails, a leader hands over to a process of its own kind.
const TERM: Duration = Duration::from_secs(300);
const TERM_MAILS: usize = 1000;

/// A connection is not left idle for longer: a server may close it, and then a mail over it is in doubt.
const IDLE: Duration = Duration::from_secs(1);

/// How often to ask for the lock that another leader holds.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Whether the turn of a mail is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    None,
    Some,
}

/// Sends the selected mails; `told` hears each outcome once it is on disk, and `dialogue` says whether stderr shows what
/// is said to the smarthosts. Returns at once if another process
/// is the leader: it will see what we came for.
///
/// # Errors
/// The queue cannot be read, or an outcome cannot be written down; or `drop/` cannot be read, which is told once the
/// queue has been sent. Trouble with a smarthost or a single mail is an outcome, not an error.
pub(crate) fn run(
    config: &Config,
    selection: &Selection,
    dialogue: Dialogue,
    told: &mut dyn FnMut(&Notice),
) -> Result<End, Error> {
    let host = system::host_name();
    log::open(&config.log, "mailx-t-relay", &host);
    let spool = Spool::new(config.spool_path());
    let client = Client { dialogue, tokens: Some(spool.state()), ..Client::named(&host) };
    let mut seen = Seen::default();
    loop {
        let Some(leader) = spool.lead()? else { return Ok(End::Led) };
        let mut term = Term::new(config, &spool, selection, &client, &mut seen);
        let end = term.serve(told);
        term.connections.quit();
        drop(leader);
        match end? {
            End::Done if is_new(&spool, &seen)? => {}
            End::Done => return seen.trouble.map_or(Ok(End::Done), Err),
            end => return Ok(end),
        }
    }
}

/// As [`run`], but where another process leads, waits for its turn: what was asked for is done when this returns.
///
/// # Errors
/// As [`run`], and [`Error::Relay`] if the turn does not come.
pub(crate) fn run_in_turn(
    config: &Config,
    selection: &Selection,
    dialogue: Dialogue,
    told: &mut dyn FnMut(&Notice),
) -> Result<(), Error> {
    let until = Instant::now() + TERM + TERM / 5;
    loop {
        match run(config, selection, dialogue, told)? {
            End::Done | End::TermOver => return Ok(()),
            // flock(2) knows no time limit, so that a wait in it would have no end.
            End::Led if Instant::now() < until => std::thread::sleep(LOOK_AGAIN),
            End::Led => {
                return Err(error::Relay::LedTooLong.into());
            }
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing is due any more.
    Done,
    /// Another process is the leader.
    Led,
    /// The term is over and mail is left: somebody has to go on.
    TermOver,
}

/// What this process has looked at already. What it could not take out of `drop/`, such as a directory that a user has
/// put there, must not have it look again for ever.
#[derive(Default)]
struct Seen {
    queue: HashSet<QueueId>,
    drop: HashSet<QueueId>,
    /// With `drop/` or with what nobody needs. The queue is sent all the same.
    trouble: Option<Error>,
}

/// A mail has come that this process has not looked at.
fn is_new(spool: &Spool, seen: &Seen) -> Result<bool, Error> {
    let is_left = spool.left().is_ok_and(|left| left.iter().any(|id| !seen.drop.contains(id)));
    Ok(is_left || spool.ids()?.iter().any(|id| !seen.queue.contains(id)))
}

struct Term<'a> {
    config: &'a Config,
    spool: &'a Spool,
    selection: &'a Selection,
    connections: Connections<'a>,
    seen: &'a mut Seen,
    until: Instant,
    tried: usize,
    routes: Routes<'a>,
    /// Mails whose turn comes soon, and whose mail that is: what follows of theirs comes behind them.
    later: Vec<QueueId>,
    waiting_for: HashSet<Address>,
}

impl<'a> Term<'a> {
    fn new(
        config: &'a Config,
        spool: &'a Spool,
        selection: &'a Selection,
        client: &Client,
        seen: &'a mut Seen,
    ) -> Self {
        let (connections, routes) = (Connections::new(config, client, spool), Routes::new(config, spool));
        let (until, later, waiting_for) = (Instant::now() + TERM, Vec::new(), HashSet::new());
        Self { config, spool, selection, connections, seen, until, tried: 0, routes, later, waiting_for }
    }

    fn serve(&mut self, told: &mut dyn FnMut(&Notice)) -> Result<End, Error> {
        self.tidy()?;
        let mut ids = self.spool.ids_untried_first()?;
        if let Selection::One(first) = self.selection {
            // Somebody may be waiting for it.
            ids.sort_by_key(|id| id != first);
        }
        let ids = ids.into_iter().filter(|id| self.seen.queue.insert(*id)).collect();
        let mut end = self.go_through(ids, Patience::None, told);
        if end == End::Done {
            let later = std::mem::take(&mut self.later);
            end = self.go_through(later, Patience::Some, told);
        }
        if !self.later.is_empty() {
            end = End::TermOver;
        }
        self.hear_all(told);
        Ok(end)
    }

    /// Takes in what others have left, and away what nobody needs. A `drop/` that cannot be listed does not keep the queue;
    /// one that cannot be synced does, since what was taken out of it might come back.
    fn tidy(&mut self) -> Result<(), Error> {
        match self.spool.left() {
            Ok(left) => {
                self.seen.drop.extend(left);
                dropped::run(self.config, self.spool)?;
            }
            // A user's own spool has none.
            Err(_) if self.config.owner_of_spool() == Owner::User => {}
            Err(error) => self.seen.trouble = Some(error.into()),
        }
        if !matches!(self.selection, Selection::One(_))
            && let Err(error) = self.spool.sweep()
        {
            self.seen.trouble = Some(error.into());
        }
        Ok(())
    }

    fn go_through(&mut self, ids: Vec<QueueId>, patience: Patience, told: &mut dyn FnMut(&Notice)) -> End {
        let mut waiting = ids.len();
        for id in ids {
            waiting -= 1;
            if self.is_over() {
                return End::TermOver;
            }
            match self.spool.claim(&id) {
                Ok(Some(claim)) => {
                    // A mail that the disk has no room for must not stand before the others.
                    if let Err(error) = self.take(claim, patience, told) {
                        log::mail(id.as_str()).error(&error.to_string());
                    }
                }
                Ok(None) => {}
                Err(error) => log::error(&error.to_string()),
            }
            while !self.connections.has_room(waiting) {
                self.hear(told);
            }
        }
        End::Done
    }

    /// A person who asked for the whole queue gets the whole queue.
    fn is_over(&self) -> bool {
        let has_term = matches!(self.selection, Selection::Due | Selection::One(_));
        has_term && (self.tried >= TERM_MAILS || Instant::now() >= self.until)
    }

    /// Begins to send a mail, or sees that it is not to be sent now.
    fn take(&mut self, mut claim: Claim, patience: Patience, told: &mut dyn FnMut(&Notice)) -> Result<(), Error> {
        let now = system::now();
        if self.spool.is_held(&claim.entry.id) {
            return Ok(());
        }
        let open = claim.open().len();
        if open == 0 {
            // Everybody was settled, and then the machine stopped.
            return settle::settle(self.config, claim, &[]);
        }
        let account = self.routes.of(&claim.entry);
        while self.is_open(&claim, &account, now) {
            if !self.is_our_turn(&claim, &account, patience, told)? {
                return Ok(());
            }
            if open > 1 {
                claim.reserve()?;
            }
            match self.connections.begin(claim)? {
                Some(back) => claim = back,
                None => {
                    self.tried += 1;
                    return Ok(());
                }
            }
            // What is heard may close its way.
            self.hear(told);
        }
        if settle::is_expired(self.config, &claim.entry, now) {
            self.expire(claim, now);
        }
        Ok(())
    }

    /// The mail is to be tried, as far as its own time and the trouble of its smarthosts go.
    fn is_open(&self, claim: &Claim, account: &Address, now: Timestamp) -> bool {
        let is_forced = self.selection.is_forced(&claim.entry);
        match self.routes.closed(account) {
            // What was asked for by name is tried even so, until it has been seen to be in vain.
            Some(_) => is_forced && !self.routes.is_in_vain(account),
            None => is_forced || (!self.selection.is_exclusive() && claim.is_due(now)),
        }
    }

    /// Whether the limits of the settings let the mail leave now. Where its turn comes soon, it is waited for once all else
    /// is done; where that is long, its way is closed until then.
    fn is_our_turn(
        &mut self,
        claim: &Claim,
        account: &Address,
        patience: Patience,
        told: &mut dyn FnMut(&Notice),
    ) -> Result<bool, Error> {
        let is_first_look = patience == Patience::None;
        loop {
            match self.connections.turn(claim.entry.reverse_path.as_ref()) {
                // What comes after a mail that was put off comes behind it.
                Turn::Now if !(is_first_look && self.waiting_for.contains(account)) => return Ok(true),
                Turn::Later(until, rate) => {
                    self.hear_all(told);
                    self.routes.pause(account, until, rate)?;
                    return Ok(false);
                }
                Turn::Soon(left) if !is_first_look && !self.is_over() => self.pause(left, told),
                Turn::Now | Turn::Soon(_) => {
                    self.later.push(claim.entry.id);
                    self.waiting_for.insert(account.clone());
                    return Ok(false);
                }
            }
        }
    }

    /// Sleeps: once all that is under way was heard, nothing that could happen would make a limit of the settings end
    /// sooner.
    fn pause(&mut self, left: Duration, told: &mut dyn FnMut(&Notice)) {
        self.hear_all(told);
        if left > IDLE {
            self.connections.rest();
        }
        std::thread::sleep(left);
    }

    fn hear_all(&mut self, told: &mut dyn FnMut(&Notice)) {
        while self.hear(told) > 0 {}
    }

    /// Too old, and the smarthost cannot even be tried.
    fn expire(&mut self, claim: Claim, now: Timestamp) {
        let last = |n: &usize| claim.progress.last.get(n).map(|record| record.outcome.clone());
        let trouble = self.routes.closed(&self.routes.of(&claim.entry)).unwrap_or("it was not tried again");
        let outcomes: Vec<Outcome> =
            claim.open().iter().map(|n| last(n).unwrap_or_else(|| settle::untried(trouble))).collect();
        let attempt = Attempt::untried(claim.open(), outcomes, now);
        self.finish(vec![Answered { claim, attempt }], &mut |_| {});
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_taken_from_drop_is_looked_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        spool.create(None).unwrap();
        let (stuck, fresh) = (QueueId::new(), QueueId::new());
        std::fs::create_dir(directory.path().join("drop").join(stuck.as_str())).unwrap();
        let mut seen = Seen::default();
        assert!(is_new(&spool, &seen).unwrap());
        seen.drop.extend(spool.left().unwrap());
        assert!(!is_new(&spool, &seen).unwrap());
        std::fs::write(directory.path().join("drop").join(fresh.as_str()), "x").unwrap();
        assert!(is_new(&spool, &seen).unwrap());
    }
}

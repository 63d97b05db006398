//! A leader's term: which mails are sent, in which order, and when each of them may leave.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lettre::Address;

use super::super::attempt::{Answered, Attempt};
use super::super::intake::Intake;
use super::super::known_smarthosts::{Held, Turn};
use super::super::settle;
use super::super::turns::in_turn;
use super::sending::Sending;
use super::shares::Shares;
use super::suspended::Suspended;
use crate::command::accountable::accountable;
use crate::command::selection::Selection;
use crate::config::Config;
use crate::error::Error;
use crate::log;
use crate::outcome::Outcome;
use crate::spool::{Claim, Mark, Owner, Queue, QueueId, Queued, Spool};
use crate::system;

/// After so long, or so many mails, a leader makes room for a process of its own kind.
pub(super) const LENGTH: Duration = Duration::from_secs(300);
const MOST_MAILS: usize = 1000;

/// The pause between two listings of the queue while it is sent: at least so long, and at least so many times as long
/// as the last listing took.
const LIST_AGAIN: Duration = Duration::from_secs(1);
const SENDING_PER_LISTING: u32 = 20;

/// A connection is not left idle for longer: a server may close it, and then a mail over it is in doubt.
const IDLE: Duration = Duration::from_secs(1);

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing is due any more.
    Done,
    /// Another process is the leader.
    Led,
    /// The term is over and mail is left: somebody has to go on.
    TermOver,
}

/// The files that this process has looked at already. A thing that it cannot take out of `drop/`, such as a directory
/// that a user has put there, must not make it look again for ever.
#[derive(Default)]
pub(super) struct Seen {
    queue: HashSet<QueueId>,
    pub(super) intake: Intake,
    /// With `drop/` or with what nobody needs. The queue is sent all the same.
    pub(super) trouble: Option<Error>,
}

impl Seen {
    /// A mail has come that this process has not looked at.
    pub(super) fn misses_any(&self, spool: &Spool) -> Result<bool, Error> {
        Ok(self.intake.misses_any(spool) || spool.ids()?.iter().any(|id| !self.queue.contains(id)))
    }
}

/// The number of times that the term has gone through the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// A mail whose turn comes soon is put off to the second pass.
    First,
    /// The turn of a mail is waited for.
    Second,
}

pub(super) struct Term<'a> {
    config: &'a Config,
    spool: &'a Spool,
    selection: &'a Selection,
    seen: &'a mut Seen,
    sending: Sending<'a>,
    until: Instant,
    /// The time at which the queue is listed anew.
    list_again: Instant,
    tried: usize,
    /// Mails whose turn comes soon, and the accounts that wait for one of them, or the users: what follows of theirs
    /// comes behind it.
    later: Vec<QueueId>,
    waiting_for: HashSet<(Address, Option<u32>)>,
    shares: Shares<'a>,
    suspended: Suspended,
}

impl<'a> Term<'a> {
    pub(super) fn new(
        config: &'a Config,
        spool: &'a Spool,
        selection: &'a Selection,
        seen: &'a mut Seen,
        mut sending: Sending<'a>,
    ) -> Self {
        let now = Instant::now();
        sending.until = has_end(selection).then_some(now + LENGTH);
        let suspended = Suspended::new(spool, sending.routes.closed(&config.account).is_some());
        Self {
            config,
            spool,
            selection,
            seen,
            sending,
            until: now + LENGTH,
            list_again: now,
            tried: 0,
            later: Vec::new(),
            waiting_for: HashSet::new(),
            shares: Shares::new(spool),
            suspended,
        }
    }

    /// Serves the term to its end, and says goodbye to the smarthosts.
    pub(super) fn serve(mut self) -> Result<End, Error> {
        let end = self.send_selected();
        self.sending.connections.quit();
        for kept in [self.suspended.keep(self.spool), self.sending.folding.keep()] {
            kept.unwrap_or_else(|error| log::error(&error.to_string()));
        }
        // A successor goes on at once: what it sends need not be listed first.
        let goes_on = matches!(end, Ok(End::TermOver)) && self.sending.routes.closed(&self.config.account).is_none();
        self.spool.update_list(!goes_on);
        end
    }

    /// The queue comes first, and again after each batch out of `drop/`: no mail waits for the work on files that
    /// others leave there.
    fn send_selected(&mut self) -> Result<End, Error> {
        self.sweep();
        let mut end = self.send_queue()?;
        while end == End::Done && (self.take_batch()? || self.make_digests()) {
            end = self.send_queue()?;
        }
        while end == End::Done && self.has_later() && !self.is_over() {
            let mut later = std::mem::take(&mut self.later);
            later.sort_by_key(|id| id.mark() != Mark::FIRST);
            end = self.go_through(later, Pass::Second).unwrap_or(end);
        }
        let has_left_some = self.has_later() || self.sending.has_left_some;
        let is_over = !has_left_some && !self.seen.intake.has_left_some;
        Ok(if is_over { end } else { End::TermOver })
    }

    /// A mail waits for a turn that comes soon. Those under way are answered before: one of them may have to go on.
    fn has_later(&mut self) -> bool {
        self.sending.settle_all();
        self.later.append(&mut self.sending.later);
        !self.later.is_empty()
    }

    /// Sends what this process has not looked at. A long queue is listed anew while it is sent: a mail that comes
    /// meanwhile waits for its turn, and not for the end of the list.
    fn send_queue(&mut self) -> Result<End, Error> {
        loop {
            let started = Instant::now();
            let ids = self.unseen_in_turn()?;
            self.list_again = Instant::now() + LIST_AGAIN.max(started.elapsed() * SENDING_PER_LISTING);
            if let Some(end) = self.go_through(ids, Pass::First) {
                return Ok(end);
            }
        }
    }

    /// The mails that this process has not looked at, users in turn. A mail of root's or the service's comes first,
    /// unless it was tried before: whatever stopped it must not meet two mails in a row, and close the way of others.
    fn unseen_in_turn(&mut self) -> Result<Vec<QueueId>, Error> {
        let Queue { mails: mut queued, digests } = self.spool.queue()?;
        self.sending.folding.look_at(&digests);
        queued.retain(|queued| !self.seen.queue.contains(&queued.id));
        let is_first = |queued: &Queued| !queued.is_tried && queued.id.mark() == Mark::FIRST;
        let queued = in_turn(queued, |queued| queued.id.mark(), is_first);
        let mut ids: Vec<QueueId> = queued.into_iter().map(|queued| queued.id).collect();
        if self.sending.routes.is_probed(&self.config.account) {
            ids.sort_by_cached_key(|id| self.spool.size_of(id));
        }
        if let Selection::One(first) = self.selection {
            // Somebody may be waiting for it.
            ids.sort_by_key(|id| id != first);
        }
        Ok(ids)
    }

    /// Takes in a batch out of `drop/`. A `drop/` that cannot be listed does not keep the queue; one that cannot be
    /// synced does, since what was taken out of it might come back.
    fn take_batch(&mut self) -> Result<bool, Error> {
        if let Err(error) = self.spool.left() {
            // A user's own spool has no `drop/`.
            if self.config.owner_of_spool() != Owner::User {
                self.seen.trouble = Some(error.into());
            }
            return Ok(false);
        }
        self.seen.intake.take_batch(self.config, self.spool)
    }

    /// Makes the digests that are due. A person who asks for the whole queue gets all of them.
    fn make_digests(&mut self) -> bool {
        self.sending.settle_all();
        let made = self.sending.folding.make_digests(*self.selection == Selection::All, system::now());
        self.later.extend(self.sending.folding.take_alone());
        made > 0
    }

    /// Removes what nobody needs.
    fn sweep(&mut self) {
        if !matches!(self.selection, Selection::One(_))
            && let Err(error) = self.spool.sweep()
        {
            self.seen.trouble = Some(error.into());
        }
    }

    /// Returns how it ended; `None` if the queue must be listed anew before the rest is sent.
    fn go_through(&mut self, ids: Vec<QueueId>, pass: Pass) -> Option<End> {
        let mut waiting = ids.len();
        for id in ids {
            waiting -= 1;
            if self.is_over() {
                return Some(End::TermOver);
            }
            if pass == Pass::First {
                if Instant::now() >= self.list_again {
                    return None;
                }
                self.seen.queue.insert(id);
            }
            match self.spool.claim(&id) {
                Ok(Some(claim)) => {
                    // A mail that the disk has no room for must not stand before the others.
                    if let Err(error) = self.send_if_due(claim, pass) {
                        log::mail(id.as_str()).error(&error.to_string());
                    }
                }
                Ok(None) => {}
                Err(error) => log::error(&error.to_string()),
            }
            while !self.sending.connections.has_room(waiting) {
                self.sending.settle_answered();
            }
        }
        Some(End::Done)
    }

    fn is_over(&self) -> bool {
        has_end(self.selection) && (self.tried >= MOST_MAILS || Instant::now() >= self.until)
    }

    /// Starts to send a mail, or sees that it is not to be sent now.
    fn send_if_due(&mut self, mut claim: Claim, pass: Pass) -> Result<(), Error> {
        let now = system::now();
        if self.spool.is_held(&claim.entry.id) {
            return Ok(());
        }
        let open = claim.open().len();
        if open == 0 {
            // Everybody was settled, and then the machine stopped.
            let id = claim.entry.id;
            return settle::settle(self.config, claim, &[]).map(|has_left| log::attempts(id.as_str(), &[], has_left));
        }
        let is_meant = self.selection.unfolds(&claim.entry);
        if self.sending.folding.is_to_wait(&claim, is_meant) {
            return Ok(());
        }
        let account = self.sending.routes.of(&claim.entry);
        while self.is_due(&claim, &account, now) {
            if !is_meant && self.sending.fold(&mut claim, now)? {
                return Ok(());
            }
            if !self.await_turn(&claim, &account, pass)? {
                break;
            }
            if open > 1 {
                claim.reserve()?;
            }
            let arrived = claim.entry.arrived;
            match self.sending.connections.put_under_way(claim)? {
                Some(back) => claim = back,
                None => {
                    self.tried += 1;
                    self.suspended.has_line(arrived);
                    if self.sending.routes.is_probed(&account) {
                        // The others wait for what it shows.
                        self.sending.settle_all();
                    }
                    return Ok(());
                }
            }
            // An answer may close its route.
            self.sending.settle_answered();
        }
        if settle::is_expired(self.config, &claim, now) {
            self.give_up(claim, now);
        } else if account == self.config.account && claim.is_due(now, self.config.retry.max) {
            self.sending.routes.closed(&account).into_iter().for_each(|why| self.suspended.log(&claim, why, now));
        }
        Ok(())
    }

    /// The mail may be tried, as far as its own time and the trouble of its smarthosts go.
    fn is_due(&self, claim: &Claim, account: &Address, now: Timestamp) -> bool {
        if self.shares.spent(account, accountable(claim.entry.uid)).is_some() {
            return false;
        }
        let is_forced = self.selection.is_forced(&claim.entry);
        match self.sending.routes.closed(account) {
            // A mail that was asked for by name is tried even so, until a try has been in vain.
            Some(_) => {
                let is_new = claim.progress.last.is_empty() && !self.selection.is_exclusive();
                let may_try = is_forced || is_new && self.sending.routes.may_try_new(account, now);
                may_try && !self.sending.routes.is_in_vain(account)
            }
            None => is_forced || (!self.selection.is_exclusive() && claim.is_due(now, self.config.retry.max)),
        }
    }

    /// Returns whether the limits of the settings let the mail leave now. In the second pass this waits for a turn that
    /// comes soon, and mail that comes meanwhile is sent. A turn that comes late closes the route until then, or if it
    /// is this user's alone, keeps this user's mail.
    fn await_turn(&mut self, claim: &Claim, account: &Address, pass: Pass) -> Result<bool, Error> {
        let (is_first, uid) = (pass == Pass::First, accountable(claim.entry.uid));
        loop {
            match self.sending.connections.turn(claim.entry.reverse_path.as_ref(), uid) {
                // A mail that is put off goes behind the others.
                Turn::Now if !(is_first && self.is_waited_for(account, uid)) => return Ok(true),
                Turn::Later(until, rate, Held::Everybody) => {
                    self.sending.settle_all();
                    self.sending.routes.close_until(account, until, rate)?;
                    return Ok(false);
                }
                Turn::Later(until, rate, Held::User) => {
                    self.shares.spend(account, uid, until, rate);
                    return Ok(false);
                }
                Turn::Soon(left, _) if !is_first && !self.is_over() => {
                    self.pause(left.min(LIST_AGAIN));
                    if Instant::now() >= self.list_again {
                        self.send_queue()?;
                    }
                }
                Turn::Soon(_, Held::Everybody) => return Ok(self.put_off(claim, account, None)),
                Turn::Now | Turn::Soon(_, Held::User) => return Ok(self.put_off(claim, account, Some(uid))),
            }
        }
    }

    fn is_waited_for(&self, account: &Address, uid: u32) -> bool {
        [None, Some(uid)].into_iter().any(|user| self.waiting_for.contains(&(account.clone(), user)))
    }

    /// Leaves a mail to the second pass, and behind it all mail of that account, or of that user.
    fn put_off(&mut self, claim: &Claim, account: &Address, user: Option<u32>) -> bool {
        self.later.push(claim.entry.id);
        self.waiting_for.insert((account.clone(), user));
        false
    }

    /// Sleeps: once all that is under way is answered, nothing that could happen would make a limit of the settings end
    /// sooner.
    fn pause(&mut self, left: Duration) {
        self.sending.settle_all();
        if left > IDLE {
            self.sending.connections.close();
        }
        std::thread::sleep(left);
    }

    /// Gives up a mail that is too old, and whose smarthost cannot even be tried.
    fn give_up(&mut self, claim: Claim, now: Timestamp) {
        let account = self.sending.routes.of(&claim.entry);
        let spent = || self.shares.spent(&account, accountable(claim.entry.uid));
        let trouble = self.sending.routes.closed(&account).or_else(spent).unwrap_or("it was not tried again");
        let last_outcome = |place: &usize| match claim.progress.last.get(place) {
            Some(record) => record.outcome.clone(),
            None => settle::untried(trouble),
        };
        let outcomes: Vec<Outcome> = claim.open().iter().map(last_outcome).collect();
        let attempt = Attempt::untried(claim.open(), outcomes, now);
        self.sending.settle_untold(Answered { claim, attempt });
    }
}

/// A person who asked for the whole queue gets the whole queue.
fn has_end(selection: &Selection) -> bool {
    matches!(selection, Selection::Due | Selection::One(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::tests::empty_spool;

    #[test]
    fn what_cannot_be_taken_from_drop_is_looked_at_once() {
        let (directory, spool) = empty_spool();
        let (stuck, fresh) = (QueueId::new(), QueueId::new());
        std::fs::create_dir_all(directory.path().join("drop").join(stuck.as_str()).join("full")).unwrap();
        let text = format!(
            "[smarthost]\nhost = \"h\"\nuser = \"a@x.org\"\npassword-file = \"/p\"\n[spool]\npath = \"{}\"\n",
            directory.path().display()
        );
        let source = crate::config::Source::System("/c".into());
        let config = Config::of(std::path::Path::new("/c"), &text, source).unwrap();
        let mut seen = Seen::default();
        assert!(seen.misses_any(&spool).unwrap());
        seen.intake.take_batch(&config, &spool).unwrap();
        assert!(!seen.misses_any(&spool).unwrap());
        std::fs::write(directory.path().join("drop").join(fresh.as_str()), "x").unwrap();
        assert!(seen.misses_any(&spool).unwrap());
    }
}

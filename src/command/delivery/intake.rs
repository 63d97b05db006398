//! In the relay: takes mails that users without a right to the queue have left in `drop/`. Their files are
//! input like any other: recipients and fields go through the same rewriting as stdin's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use super::room::Room;
use super::turns::in_turn;
use crate::command::accountable::accountable;
use crate::command::submission::keep;
use crate::command::submission::prepare::{self, Moment};
use crate::command::submission::request::Request;
use crate::command::submission::take::Taken;
use crate::config::Config;
use crate::envelope::{Destination, Operand, Sender};
use crate::error::Error;
use crate::log;
use crate::message::{Message, job};
use crate::spool::{self, Dropped, EntryRecipient, Left, NOBODY, QueueId, Spill, Spool};
use crate::system::{self, Caller};

/// The most that is taken in before the queue is looked at again. Taking in is work on what strangers wrote, and nobody
/// waits longer for it than for a batch.
const BATCH: usize = 32;
const BATCH_OCTETS: u64 = 32 << 20;
const BATCH_TIME: Duration = Duration::from_secs(1);

/// The most of one user that a run takes in: then it is another process's turn.
const MOST_FILES: usize = 500;
const MOST_OCTETS: u64 = 512 << 20;

/// The mails that a run has taken out of `drop/`, and the files that it has seen there.
#[derive(Default)]
pub(super) struct Intake {
    /// Files that could not be taken, which are looked at once: a directory that a user has put there, a mail that the
    /// disk has no room for.
    seen: HashSet<QueueId>,
    /// Files that were looked at and not taken. After the last batch they are those that found no room in the spool.
    left: BTreeMap<QueueId, Left>,
    room: Room,
    /// Files and octets of each user.
    taken: HashMap<u32, (usize, u64)>,
    /// A user had more than a run may take.
    pub(super) has_left_some: bool,
}

impl Intake {
    /// A file has come that was not looked at.
    pub(super) fn misses_any(&self, spool: &Spool) -> bool {
        let is_known = |name: &QueueId| self.seen.contains(name) || self.left.contains_key(name);
        spool.left().is_ok_and(|left| !left.iter().all(is_known))
    }

    /// Brings a batch out of `drop/` into the queue, users in turn. A file that is no mail is put away and named in the
    /// log; it costs nobody else. Returns whether there was anything to take.
    ///
    /// # Errors
    /// `drop/` cannot be listed, or what was taken out of it might come back.
    pub(super) fn take_batch(&mut self, config: &Config, spool: &Spool) -> Result<bool, Error> {
        // In a user's own spool an earlier version made a `drop/` too: what others left there is not to leave as that
        // user's.
        if config.owner_of_spool() == spool::Owner::User {
            self.seen.extend(spool.left()?);
            return Ok(false);
        }
        let until = Instant::now() + BATCH_TIME;
        let (ids, has_taken) = self.collect_batch(config, spool)?;
        if ids.is_empty() {
            return Ok(has_taken);
        }
        // A name that came back in drop/ would get another id, and its mail would leave twice.
        spool.sync_collected()?;
        for id in &ids {
            self.seen.insert(*id);
            take_or_refuse(config, spool, id);
            // The rest is found again, by the next batch.
            if Instant::now() >= until {
                break;
            }
        }
        spool.sync_collected()?;
        Ok(true)
    }

    /// Takes a batch out of everybody's reach, a file of each user in turn; returns the ids that the files have now.
    /// Returns too whether there was anything to take. Each name is looked at once in a run.
    fn collect_batch(&mut self, config: &Config, spool: &Spool) -> Result<(Vec<QueueId>, bool), Error> {
        let mut ids = spool.collected()?;
        ids.retain(|id| !self.seen.contains(id));
        let is_known = |name: &QueueId| self.seen.contains(name) || self.left.contains_key(name);
        let new = spool.left_files(&is_known)?;
        let counted = |left: Left| (left.name, Left { payer: accountable(left.payer), ..left });
        self.left.extend(new.into_iter().map(counted));
        self.room.age();
        let (mut count, mut octets) = (ids.len(), 0);
        for left in in_turn(self.left.values().cloned().collect(), |left| left.payer, |_| false) {
            if count >= BATCH || octets >= BATCH_OCTETS {
                break;
            }
            if !self.room.has_room(config, spool, left.payer)? {
                continue;
            }
            self.left.remove(&left.name);
            self.seen.insert(left.name);
            if !left.is_file {
                // What cannot be put away stays, and the next run would find it again: it counts for nothing.
                count += usize::from(put_away(spool, &left));
                continue;
            }
            if !self.is_within_bounds(&left) {
                self.has_left_some = true;
                continue;
            }
            count += 1;
            octets += left.octets;
            self.room.add(spool, left.payer, left.octets);
            ids.extend(collect(spool, &left));
        }
        Ok((ids, count > 0))
    }

    fn is_within_bounds(&mut self, left: &Left) -> bool {
        let (files, octets) = self.taken.entry(left.payer).or_default();
        *files += 1;
        *octets += left.octets;
        *files == 1 || (*files <= MOST_FILES && *octets <= MOST_OCTETS)
    }
}

/// Takes a file out of its user's reach.
fn collect(spool: &Spool, left: &Left) -> Option<QueueId> {
    let id = spool.collect(left)?;
    log_collected(&id, left);
    Some(id)
}

/// Puts away, in its place, what is no regular file: a confined relay cannot move it into another directory. Returns
/// whether that was done.
fn put_away(spool: &Spool, left: &Left) -> bool {
    let Some((id, error)) = spool.clear(left) else { return false };
    log_collected(&id, left);
    log::mail(id.as_str()).error(&format!("not taken from drop/: {error}"));
    true
}

fn log_collected(id: &QueueId, left: &Left) {
    log::mail(id.as_str()).info(&format!("taken from drop/, where it was user {}'s {}", left.uid, left.name));
}

fn take_or_refuse(config: &Config, spool: &Spool, id: &QueueId) {
    if let Err(error) = take(config, spool, id) {
        let error = if error.is_lasting() { spool.refuse(id, error.to_string()).into() } else { error };
        log::mail(id.as_str()).error(&format!("not taken from drop/: {error}"));
    }
}

fn take(config: &Config, spool: &Spool, id: &QueueId) -> Result<(), Error> {
    let dropped = spool.dropped(id, keep::largest_dropped(config))?;
    if dropped.is_taken(id)? {
        return Ok(dropped.remove()?);
    }
    let mut body = Spill::new(spool, keep::largest(config));
    let message = Message::read(&mut dropped.content()?, &mut body).map_err(Error::Input)?;
    let arrived = dropped.entry.arrived.min(system::now());
    let moment = Moment::of(owner(&dropped), *id, arrived);
    let request = request(&dropped, &moment);
    let mut prepared = prepare::prepare(&request, config, &message, &moment)?;
    if prepared.is_for_nobody() {
        prepared.log_thrown_away();
        return Ok(dropped.remove()?);
    }
    // The owner's door has seen the marks, which do not outlast the rewriting.
    prepared.entry.job = dropped.entry.job.as_deref().and_then(job::bounded);
    prepared.entry.repairs = merged(&dropped.entry.repairs, &prepared.entry.repairs);
    keep::keep(config, spool, &mut prepared, &mut Taken { message, body })?;
    prepared.log_accepted();
    Ok(dropped.remove()?)
}

fn owner(dropped: &Dropped) -> Caller {
    let user = system::user(dropped.uid);
    if dropped.uid == NOBODY { Caller { name: "unknown".to_string(), ..user } } else { user }
}

/// Its recipients are claims, and are resolved anew. Its sender is too: an address elsewhere, or else the owner.
fn request(dropped: &Dropped, moment: &Moment) -> Request {
    let claimed = Sender::of(dropped.entry.originator.as_bytes(), &moment.hosts);
    let elsewhere = claimed.filter(|sender| sender.local.is_none()).map(|sender| sender.mailbox.address);
    let sender = elsewhere.unwrap_or_else(|| moment.caller.name.clone());
    let operand = |r: &EntryRecipient| Operand { octets: r.address.to_string().into_bytes(), dsn: r.dsn.clone() };
    let operands = dropped.entry.recipients.iter().map(operand).collect();
    let destination = Destination { operands, ..Destination::default() };
    Request { destination, sender: Some(sender), dsn: dropped.entry.dsn.clone(), ..Request::default() }
}

/// The repairs made when it was left, as far as their names are names, and those made now.
fn merged(before: &[String], now: &[String]) -> Vec<String> {
    let is_name = |name: &&String| name.len() < 20 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let mut names: Vec<String> = before.iter().filter(is_name).chain(now).cloned().collect();
    names.sort();
    names.dedup();
    names.truncate(30);
    names
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::config::Source;
    use crate::spool::tests::empty_spool;

    #[test]
    fn what_stays_in_drop_is_no_reason_for_another_run() {
        let (_keep, spool) = empty_spool();
        let text = "[smarthost]\nhost = \"localhost\"\n[rewrite]\nfrom = \"a@x.org\"\n";
        let config = Config::of(Path::new("x"), text, Source::System("x".into())).unwrap();
        for _ in 0..=MOST_FILES {
            fs::create_dir_all(spool.root().join("drop").join(QueueId::new().as_str()).join("full")).unwrap();
        }
        let mut intake = Intake::default();
        assert_eq!(intake.collect_batch(&config, &spool).unwrap(), (vec![], false));
        assert!(!intake.has_left_some && !intake.misses_any(&spool));
    }
}

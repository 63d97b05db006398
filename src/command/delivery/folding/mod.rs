//! Repeats of a job's mail, in the relay: they wait in the queue until the digest of their job is due
//! (`docs/spool.md`).

mod compose;

use std::collections::{BTreeMap, HashSet};
use std::io::Read;

use jiff::Timestamp;

use super::attempt::{Answered, Attempt};
use super::settle;
use crate::command::outcome_notice::{FOLDED, Notice};
use crate::config::Config;
use crate::error::Error;
use crate::fold::{Course, JobId, Jobs, Mail, Settings};
use crate::log;
use crate::message::plain_text;
use crate::outcome::{EnhancedStatus, Outcome, Status};
use crate::spool::{Claim, Entry, Fold, QueueId, Spool};

/// More jobs than this, whose digests leave for the same people at once, share one mail.
const MOST_DIGESTS: usize = 3;

/// The knowledge of one leader about them.
pub(super) struct Folding<'a> {
    config: &'a Config,
    spool: &'a Spool,
    /// `None` until a mail of a job comes.
    jobs: Option<Jobs>,
    has_learnt: bool,
    /// Mails in a digest that stands in the queue.
    members: HashSet<QueueId>,
    /// Mails that would be alone in their digest: they leave by themselves.
    alone: HashSet<QueueId>,
    found_alone: Vec<QueueId>,
    /// Mails that wait for the digest of their job.
    waiting: BTreeMap<JobId, Waiting>,
}

/// The folded mails of a job.
#[derive(Default)]
struct Waiting {
    ids: Vec<QueueId>,
    due: Option<Timestamp>,
}

impl<'a> Folding<'a> {
    pub(super) fn new(config: &'a Config, spool: &'a Spool) -> Self {
        let (members, alone, waiting) = (HashSet::new(), HashSet::new(), BTreeMap::new());
        Self { config, spool, jobs: None, has_learnt: false, members, alone, found_alone: Vec::new(), waiting }
    }

    /// Notes the members of the digests that stand in the queue.
    pub(super) fn look_at(&mut self, digests: &[QueueId]) {
        match self.spool.members_of(digests) {
            Ok(members) => self.members = members,
            // Nothing is lost: its members may leave singly as well.
            Err(error) => log::error(&format!("the members of a digest are not known: {error}")),
        }
    }

    /// The mail leaves with a digest: one that stands in the queue, or the next one of its job unless a person means
    /// the mail itself.
    pub(super) fn is_to_wait(&mut self, claim: &Claim, is_meant: bool) -> bool {
        if self.members.contains(&claim.entry.id) {
            return true;
        }
        match (
            &claim.progress.fold,
            self.job(&claim.entry).filter(|_| !is_meant && !self.alone.contains(&claim.entry.id)),
        ) {
            (Fold::Folded { due, .. }, Some((_, id))) => {
                self.note(id, claim.entry.id, *due);
                true
            }
            _ => false,
        }
    }

    /// Folds a mail that tells nothing new; returns whether it was folded.
    ///
    /// # Errors
    /// The disk refused.
    pub(super) fn fold(
        &mut self,
        claim: &mut Claim,
        now: Timestamp,
        tell: &mut dyn FnMut(&Notice),
    ) -> Result<bool, Error> {
        let Some((settings, id)) = self.job(&claim.entry).filter(|_| may_be_folded(claim)) else { return Ok(false) };
        let Some(text) = text_of(claim)? else { return Ok(false) };
        let mail = Mail { id: claim.entry.id.as_str(), arrived: claim.entry.arrived, text: &text };
        match self.jobs().judge(settings, &id, &mail, now) {
            Course::Leaves => Ok(false),
            Course::Folds { due, is_new } => {
                let why = why(&id, due, is_new);
                claim.fold(due, is_new, &why)?;
                tell_folded(claim, &why, now, tell);
                self.note(id, claim.entry.id, due);
                Ok(true)
            }
        }
    }

    /// Makes the digests that are due, or all of them. Returns how many.
    pub(super) fn make_digests(&mut self, are_forced: bool, now: Timestamp) -> usize {
        let is_due = |waiting: &Waiting| are_forced || waiting.due.is_some_and(|due| due <= now);
        let due: Vec<JobId> = self.waiting.iter().filter(|(_, one)| is_due(one)).map(|(id, _)| id.clone()).collect();
        let mut made = 0;
        for group in groups(due) {
            let jobs =
                group.into_iter().filter_map(|id| self.waiting.remove(&id).map(|waiting| (id, waiting.ids))).collect();
            made += self.make_digest(jobs);
        }
        made
    }

    fn make_digest(&mut self, jobs: Vec<(JobId, Vec<QueueId>)>) -> usize {
        if let [(_, ids)] = jobs.as_slice()
            && let [id] = ids.as_slice()
        {
            self.alone.insert(*id);
            self.found_alone.push(*id);
            self.jobs().note_digest(&jobs[0].0);
            return 0;
        }
        let answered: Vec<Option<String>> = jobs.iter().map(|(id, _)| self.jobs().note_digest(id)).collect();
        let settings = self.config.fold.clone().unwrap_or_default();
        let between = jobs.iter().map(|(id, _)| self.jobs().between(&settings, id)).min().unwrap_or(settings.every);
        match compose::digests(self.config, self.spool, &jobs, answered.into_iter().flatten().next(), between) {
            Ok(made) => {
                made.iter().for_each(|(_, members)| self.members.extend(members));
                made.len()
            }
            Err(error) => {
                log::error(&format!("a digest could not be made, and its mails wait: {error}"));
                0
            }
        }
    }

    /// Takes apart a digest that was refused for what it is; returns its members, which leave by themselves.
    ///
    /// # Errors
    /// The disk refused; then the digest is tried again.
    pub(super) fn take_apart(&mut self, mail: Answered) -> Result<Vec<QueueId>, Error> {
        let Answered { claim, attempt } = mail;
        let (entry, refusal) = (claim.entry.clone(), attempt.outcomes[0].clone());
        claim.take_apart(&refusal.reason)?;
        let sentence = format!("the digest was refused, and its mails leave by themselves: {}", refusal.reason);
        let enhanced = EnhancedStatus { class: 4, ..refusal.enhanced };
        let outcome = Outcome { status: Status::Deferred, enhanced, reason: sentence, ..refusal };
        let lines: Vec<_> = attempt.recipients.iter().map(|place| attempt.log_line(&entry, *place, &outcome)).collect();
        log::attempts(entry.id.as_str(), &lines, true);
        self.members.retain(|member| !entry.members.contains(member));
        Ok(entry.members)
    }

    /// Learns what became of a mail.
    pub(super) fn learn(&mut self, entry: &Entry, attempt: &Attempt) {
        let Some((_, id)) = self.job(entry).filter(|_| !self.spool.stands(&entry.id)) else { return };
        let is_sent = attempt.outcomes.iter().any(|outcome| outcome.status == Status::Sent);
        self.jobs().note_end(&id, entry.id.as_str(), is_sent.then_some(entry.message_id.as_str()));
    }

    /// The next process goes on from here.
    pub(super) fn keep(&self) -> Result<(), Error> {
        match self.jobs.as_ref().filter(|_| self.has_learnt) {
            Some(jobs) => Ok(self.spool.set_jobs(&jobs.text())?),
            None => Ok(()),
        }
    }

    /// The job whose mail it is, if it may be folded at all.
    fn job(&self, entry: &Entry) -> Option<(&'a Settings, JobId)> {
        let (settings, name) = (self.config.fold.as_ref()?, entry.job.as_ref()?);
        let recipients = || entry.recipients.iter().map(|recipient| recipient.address.as_ref());
        (!settings.excepts(name, recipients())).then(|| (settings, JobId::new(entry.uid, recipients(), name)))
    }

    fn jobs(&mut self) -> &mut Jobs {
        self.has_learnt = true;
        self.jobs.get_or_insert_with(|| Jobs::parse(&self.spool.jobs()))
    }

    /// Mails that would be alone in a digest: they leave by themselves, and wait no more.
    pub(super) fn take_alone(&mut self) -> Vec<QueueId> {
        std::mem::take(&mut self.found_alone)
    }

    fn note(&mut self, id: JobId, mail: QueueId, due: Timestamp) {
        let waiting = self.waiting.entry(id).or_default();
        if !waiting.ids.contains(&mail) {
            waiting.ids.push(mail);
        }
        waiting.due = Some(waiting.due.map_or(due, |known| known.min(due)));
    }
}

fn why(job: &JobId, due: Timestamp, is_new: bool) -> String {
    let what = if is_new { "new, after much else that was new:" } else { "a repeat of what it has told before:" };
    format!("{}, {what} it leaves with the digest at {due:.0}", job.name())
}

/// Nobody has the digest, and nobody ever will.
pub(super) fn is_refused_digest(config: &Config, mail: &Answered) -> bool {
    let is_digest = !mail.claim.entry.members.is_empty();
    is_digest && {
        let records = settle::records(config, &mail.claim, &mail.attempt);
        let is_refused = |status: &Option<Status>| *status == Some(Status::Bounced);
        let is_expired = settle::is_expired(config, &mail.claim, mail.attempt.course.ended);
        !is_expired && settle::statuses(&mail.claim, &records).iter().all(is_refused)
    }
}

/// Nobody has it, nobody asked to hear of it, and it is of a size that a text has.
fn may_be_folded(claim: &Claim) -> bool {
    let entry = &claim.entry;
    let asks_nothing =
        entry.dsn == Default::default() && entry.recipients.iter().all(|one| one.dsn == Default::default());
    claim.progress.fold == Fold::Unfolded
        && claim.open().len() == entry.recipients.len()
        && entry.reverse_path.is_some()
        && entry.members.is_empty()
        && entry.size <= compose::MOST_OCTETS
        && asks_nothing
}

/// The text of the mail, if it is one plain text.
fn text_of(claim: &Claim) -> Result<Option<String>, Error> {
    let mut octets = Vec::new();
    claim.content()?.read_to_end(&mut octets).map_err(Error::Input)?;
    Ok(plain_text(&octets))
}

/// A line for each recipient, as for any mail that waits; and whoever waits for it may go.
fn tell_folded(claim: &Claim, why: &str, now: Timestamp, tell: &mut dyn FnMut(&Notice)) {
    // RFC 3463 has no status for it; 4.0.0 says that nothing is wrong with anybody.
    let outcome = Outcome { enhanced: EnhancedStatus::new(4, 0, 0), ..settle::untried(&format!("{FOLDED}{why}")) };
    let places = claim.open();
    let attempt = Attempt::untried(places.clone(), vec![outcome.clone(); places.len()], now);
    let lines: Vec<_> = places.iter().map(|place| attempt.log_line(&claim.entry, *place, &outcome)).collect();
    log::attempts(claim.entry.id.as_str(), &lines, false);
    places.iter().for_each(|place| tell(&Notice::of(&claim.entry, *place, &outcome)));
}

/// Jobs whose digests leave together: each alone, or if there are many for the same people, all of those.
fn groups(due: Vec<JobId>) -> Vec<Vec<JobId>> {
    let mut groups: Vec<Vec<JobId>> = Vec::new();
    for id in due {
        match groups.iter_mut().find(|group| group[0].may_share_with(&id)) {
            Some(group) => group.push(id),
            None => groups.push(vec![id]),
        }
    }
    let alone = |group: Vec<JobId>| match group.len() {
        few if few <= MOST_DIGESTS => group.into_iter().map(|id| vec![id]).collect(),
        _ => vec![group],
    };
    groups.into_iter().flat_map(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_digests_for_the_same_people_become_one() {
        let job = |uid, to: &str, name: &str| JobId::new(uid, [to].into_iter(), name);
        let three = vec![job(0, "a@x.org", "1"), job(0, "a@x.org", "2"), job(0, "a@x.org", "3")];
        assert_eq!(groups(three.clone()).len(), 3);
        let others = [job(0, "b@x.org", "4"), job(1, "a@x.org", "5")];
        assert_eq!(groups([three.as_slice(), &others].concat()).len(), 5);
        let four = [three.as_slice(), &[job(0, "A@x.org", "6")], &others].concat();
        assert_eq!(groups(four).iter().map(Vec::len).collect::<Vec<_>>(), [4, 1, 1]);
    }
}

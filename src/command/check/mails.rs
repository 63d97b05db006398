//! The mails in the spool, as `ctl check` tells of them: those that wait and why, those that nobody takes in, those
//! that were given up. If there is nothing to see to, there is no line.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::findings::Findings;
use crate::command::accountable::accountable;
use crate::command::delivery::room;
use crate::command::list::day;
use crate::config::Config;
use crate::error::Error;
use crate::outcome::Status;
use crate::spool::{Entry, Progress, Spool};

/// Mail that has lain in `drop/` for so long is taken in by nobody: the timer and cron come every five minutes.
const TAKEN_IN: Duration = Duration::from_secs(10 * 60);

/// A mail that waits, with its journal.
type Waiting = (Entry, Progress);

/// Notes the mails that wait, with the reason of the oldest, unless the smarthost's own trouble tells of them.
pub(super) fn look_at_queue(spool: &Spool, findings: &mut Findings<'_>) -> Result<(), Error> {
    let waiting = waiting(spool);
    let is_held = |(entry, _): &&Waiting| spool.is_held(&entry.id);
    let held = waiting.iter().filter(is_held).count();
    if held > 0 {
        findings
            .note(&format!("queue: {} held: mailx-t ctl queue release ID lets it go", counted(held, "is", "are")))?;
    }
    if spool.clock().is_some_and(|clock| clock.attempts > 0) {
        return Ok(());
    }
    let deferred: Vec<&Waiting> = waiting.iter().filter(|mail| !is_held(mail) && reason(&mail.1).is_some()).collect();
    let Some((oldest, progress)) = deferred.iter().min_by_key(|(entry, _)| entry.arrived) else { return Ok(()) };
    let (count, since) = (counted(deferred.len(), "waits", "wait"), day(oldest.arrived));
    let reason = reason(progress).unwrap_or_default();
    findings.note(&format!(
        "queue: {count}, the oldest of {since}: {reason}: mailx-t ctl queue show {} tells more",
        oldest.id
    ))
}

/// The words about the mails that wait while the smarthost itself is in trouble, and the trouble; `None` if it is in
/// none, or if no mail waits.
pub(super) fn kept_back(spool: &Spool) -> Option<(String, String)> {
    let clock = spool.clock().filter(|clock| clock.attempts > 0)?;
    let waiting = waiting(spool);
    let oldest = waiting.iter().map(|(entry, _)| entry.arrived).min()?;
    Some((format!("{}, the oldest of {}", counted(waiting.len(), "waits", "wait"), day(oldest)), clock.reason))
}

/// The mails in the queue. A queue that cannot be listed is a defect of the spool, which is told elsewhere.
fn waiting(spool: &Spool) -> Vec<Waiting> {
    spool.ids().unwrap_or_default().iter().filter_map(|id| spool.peek(id).ok()?).collect()
}

/// The reason why the mail was deferred last.
fn reason(progress: &Progress) -> Option<&str> {
    let deferred = progress.last.values().filter(|record| record.outcome.status == Status::Deferred);
    deferred.map(|record| record.outcome.reason.as_str()).next()
}

/// Notes mails that were left long ago and that no relay has taken in, and names in `drop/` that no relay takes.
pub(super) fn look_at_drop(config: &Config, spool: &Spool, findings: &mut Findings<'_>) -> Result<(), Error> {
    let root = spool.root().display();
    let full = users_without_room(config, spool);
    for sentence in &full {
        findings.fail(sentence)?;
    }
    // A directory that cannot be listed is a defect of the spool, which is told elsewhere.
    let in_drop = spool.left().unwrap_or_default().into_iter().map(|id| spool.root().join("drop").join(id.as_str()));
    let left: Vec<PathBuf> = in_drop.filter(|path| path.is_file()).collect();
    let kept: Vec<PathBuf> = spool.waiting().unwrap_or_default().iter().map(|id| spool.waiting_file(id)).collect();
    let old: Vec<SystemTime> = left.iter().chain(&kept).filter_map(|path| forgotten(path)).collect();
    if let (Some(oldest), true) = (old.iter().min(), full.is_empty()) {
        let place = if left.is_empty() { "in the spool" } else { "in drop/" };
        let (count, since) = (counted(old.len(), "waits", "wait"), minute(*oldest));
        findings.note(&format!(
            "queue: {count} {place} since {since}, and no relay takes in what is there: is mailx-t-relay.path enabled, or \
             /etc/cron.d/mailx-t there? mailx-t -q takes it in now"
        ))?;
    }
    let strays = spool.strays().unwrap_or_default();
    if let Some((first, others)) = strays.split_first() {
        let others = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        findings.note(&format!("drop: {first}{others} cannot be taken in: remove what is no mail from {root}/drop"))?;
    }
    Ok(())
}

/// The time at which the file was left, if a relay should have taken it long ago.
fn forgotten(path: &Path) -> Option<SystemTime> {
    let left = fs::symlink_metadata(path).ok()?.modified().ok()?;
    left.elapsed().is_ok_and(|age| age > TAKEN_IN).then_some(left)
}

/// A sentence about each user whose mail finds no room in the spool, and waits for a person.
fn users_without_room(config: &Config, spool: &Spool) -> Vec<String> {
    let kept = spool.kept().unwrap_or_default();
    let users: BTreeSet<u32> =
        spool.left_files(&|_| false).unwrap_or_default().into_iter().map(|left| accountable(left.payer)).collect();
    let full = users.into_iter().filter_map(|uid| {
        let kept = kept.get(&spool.known_mark_of(uid)?).copied().unwrap_or_default();
        kept.is_full(config.spool.user_quota.as_u64()).then(|| room::sentence(uid, kept))
    });
    full.collect()
}

/// Fails while mails lie in `failed/`, and notes what else does.
pub(super) fn look_at_failed(spool: &Spool, findings: &mut Findings<'_>) -> Result<(), Error> {
    let failed = spool.failed().unwrap_or_default();
    let Some(oldest) = failed.oldest() else { return Ok(()) };
    let counts = [
        (failed.mails.len(), "mail", "given up and not returned"),
        (failed.inputs.len(), "message", "that could not become a mail"),
        (failed.refused.len(), "file", "from drop/ that was no mail"),
    ];
    let some = counts.into_iter().filter(|(n, ..)| *n > 0);
    let plural = |n| if n == 1 { "" } else { "s" };
    let counts: Vec<String> = some.map(|(n, noun, what)| format!("{n} {noun}{} {what}", plural(n))).collect();
    let since = oldest.made().map(day).map_or(String::new(), |day| format!(", the oldest of {day}"));
    let advice = format!(
        "look at them in {}/failed, and remove what is seen to; mailx-t ctl queue requeue ID sends one after all",
        spool.root().display()
    );
    let why = failed.mails.last().and_then(|last| spool.why_failed(last));
    let why = why.map_or(String::new(), |why| format!(", the last because: {why}"));
    let sentence = format!("failed: {}{since}{why}: {advice}", counts.join(", "));
    // Whoever sent one of the others heard of it at once.
    if failed.mails.is_empty() { findings.note(&sentence) } else { findings.fail(&sentence) }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 mail {one}") } else { format!("{count} mails {many}") }
}

fn minute(moment: SystemTime) -> String {
    let moment = jiff::Timestamp::try_from(moment).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

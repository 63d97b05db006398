//! `ctl check`: judges configuration, spool, log and relay program, and has the relay judge the smarthosts (`probe`).
//! Each finding is a line. No mail is sent.

pub(crate) mod findings;
pub(crate) mod probe;

use std::collections::BTreeSet;
use std::io::Write;

use self::findings::Findings;
pub(crate) use self::findings::Form;
use super::delivery::room;
use super::relay_program;
use super::submission::local_names::LocalNames;
use crate::config::Config;
use crate::error::Error;
use crate::log::{self, Target};
use crate::relay::Dialogue;
use crate::spool::{Entry, Spool};
use crate::system;

/// The reach of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The credentials alone, which lie on this machine.
    Offline,
    /// The credentials, then connection, login and envelope.
    Online,
}

/// Checks everything and writes a line for each part. `dialogue` says whether the relay shows its dialogue with the
/// smarthost on stderr.
///
/// # Errors
/// [`Error::Check`] if anything is wrong, [`Error::Output`] if that cannot be told.
pub(crate) fn run(
    config: &Config,
    reach: Reach,
    dialogue: Dialogue,
    form: Form,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let spool = Spool::new(config.spool_path());
    // A stranger may read nothing of it. Every finding would be a failure, and the cure would give them the password.
    if config.source.is_machine() && spool.owner().is_some_and(|owner| !system::is(owner)) {
        return Err(Error::Denied);
    }
    let mut findings = Findings::new(form, out);
    let names = LocalNames::here(config);
    for warning in &names.warnings {
        findings.note(warning)?;
    }
    if let Some(refused) = &names.refused {
        findings.fail(refused)?;
    }
    findings.ok(&format!("configuration {}: mail leaves as {}", config.source, config.account))?;
    let defects = spool.defects(config.owner_of_spool());
    if defects.is_empty() {
        findings.ok(&format!("spool {}", spool.root().display()))?;
    }
    for defect in &defects {
        findings.fail(defect)?;
    }
    look_at_what_waits(&spool, &mut findings)?;
    look_at_what_is_left(&spool, &mut findings)?;
    look_at_room(config, &spool, &mut findings)?;
    look_at_log(config, &mut findings)?;
    if system::relay_program().is_none() {
        findings.fail("mailx-t-relay is neither in libexec/mailx-t nor beside mailx-t: reinstall mailx-t")?;
        return findings.conclude();
    }
    let mut arguments = vec!["probe", "--form", form.name()];
    arguments.extend((reach == Reach::Offline).then_some("--offline"));
    arguments.extend((dialogue == Dialogue::Shown).then_some("--dialogue"));
    // The relay writes its own lines.
    findings.flush()?;
    findings.count(usize::from(!relay_program::start_and_wait(config, &arguments)?));
    findings.conclude()
}

/// Fails while mail waits for a smarthost that refuses all of it, or that cannot be reached.
fn look_at_what_waits(spool: &Spool, findings: &mut Findings<'_>) -> Result<(), Error> {
    let Some(clock) = spool.clock().filter(|clock| clock.attempts > 0) else { return Ok(()) };
    // A queue that cannot be listed is a defect of the spool, which has been told.
    let waiting: Vec<Entry> =
        spool.ids().unwrap_or_default().iter().filter_map(|id| Some(spool.peek(id).ok()??.0)).collect();
    let Some(oldest) = waiting.iter().map(|entry| entry.arrived).min() else { return Ok(()) };
    let (count, verb) = match waiting.len() {
        1 => ("1 mail".to_string(), "waits"),
        count => (format!("{count} mails"), "wait"),
    };
    let advice = "mend that, then run sendmail -q";
    findings.fail(&format!("queue: {count} {verb}, the oldest of {}: {}: {advice}", day(oldest), clock.reason))
}

/// Names the mails that lie in `failed/` and `drop/` and that nobody else tells of. If there is nothing to see to,
/// there is no line.
fn look_at_what_is_left(spool: &Spool, findings: &mut Findings<'_>) -> Result<(), Error> {
    // A directory that cannot be listed is a defect of the spool, which has been told.
    let (failed, strays) = (spool.failed().unwrap_or_default(), spool.strays().unwrap_or_default());
    let root = spool.root().display();
    if let Some(oldest) = failed.oldest() {
        let counts = [
            (failed.mails.len(), "mail", "given up and not returned"),
            (failed.inputs.len(), "message", "that could not become a mail"),
            (failed.refused.len(), "file", "from drop/ that was no mail"),
        ];
        let some = counts.into_iter().filter(|(n, ..)| *n > 0);
        let plural = |n| if n == 1 { "" } else { "s" };
        let counts: Vec<String> = some.map(|(n, noun, what)| format!("{n} {noun}{} {what}", plural(n))).collect();
        let since = oldest.made().map(day).map_or(String::new(), |day| format!(", the oldest of {day}"));
        let advice = format!("look at them in {root}/failed, and remove what is seen to");
        findings.note(&format!("failed: {}{since}: {advice}", counts.join(", ")))?;
    }
    if let Some((first, others)) = strays.split_first() {
        let others = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        findings.note(&format!("drop: {first}{others} cannot be taken in: remove what is no mail from {root}/drop"))?;
    }
    Ok(())
}

/// Names the users whose mail finds no room in the spool, and waits for a person.
fn look_at_room(config: &Config, spool: &Spool, findings: &mut Findings<'_>) -> Result<(), Error> {
    let kept = spool.kept().unwrap_or_default();
    let users: BTreeSet<u32> =
        spool.left_files(&|_| false).unwrap_or_default().into_iter().map(|left| left.payer).collect();
    for uid in users {
        let mark = spool.known_mark_of(uid);
        let kept = mark.and_then(|mark| kept.get(&mark)).copied().unwrap_or_default();
        if kept.is_full(config.spool.user_quota.as_u64()) {
            findings.fail(&room::sentence(uid, kept))?;
        }
    }
    Ok(())
}

fn day(moment: jiff::Timestamp) -> String {
    moment.to_zoned(jiff::tz::TimeZone::system()).date().to_string()
}

/// A log that cannot be written costs no mail, but nobody can find out later what became of one.
fn look_at_log(config: &Config, findings: &mut Findings<'_>) -> Result<(), Error> {
    let user = system::user(system::effective_uid()).name;
    match log::defect(&config.log, &user) {
        None => findings.ok(&format!("log {}", config.log.target)),
        // Nobody has set this target, and a container may well do without a system log.
        Some(defect) if config.log.target == Target::Syslog => findings.note(&defect),
        Some(defect) => findings.fail(&defect),
    }
}

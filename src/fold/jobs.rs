//! What is known of all jobs, as `queue/relay.jobs` keeps it (`docs/spool.md`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr;

use jiff::Timestamp;

use super::pace::{Course, Pace, Reserve};
use super::settings::Settings;
use crate::outcome::clean;
use crate::repeats::{Memory, Print, Verdict};

/// The first line of the file; the number is the format's version.
const MAGIC: &str = "mailx-t-jobs: 1";
/// The most shapes of all jobs together. Of a user who has the most of them, the job that was quiet for longest goes.
const MOST_SHAPES: usize = 512;
/// The most jobs. A job that was never heard twice costs little.
const MOST_JOBS: usize = 512;

/// A job: another user, other recipients, or another name make it another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobId {
    uid: u32,
    recipients: Vec<String>,
    name: String,
}

impl JobId {
    /// The job of that name, of that user, that mails those addresses.
    pub(crate) fn new<'a>(uid: u32, recipients: impl Iterator<Item = &'a str>, name: &str) -> Self {
        let mut recipients: Vec<String> = recipients.map(str::to_lowercase).collect();
        recipients.sort();
        recipients.dedup();
        Self { uid, recipients, name: clean(name) }
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its digest may leave in one mail with that of the other.
    pub(crate) fn may_share_with(&self, other: &Self) -> bool {
        (self.uid, &self.recipients) == (other.uid, &other.recipients)
    }
}

/// A mail of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mail<'a> {
    /// Its queue id.
    pub(crate) id: &'a str,
    /// The time at which it was handed in.
    pub(crate) arrived: Timestamp,
    /// Its text.
    pub(crate) text: &'a str,
}

/// What is known of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Job {
    pace: Pace,
    /// The Message-ID of the first mail of this trouble that was taken: digests are answers to it.
    first: Option<String>,
    memory: Memory,
}

/// What is known of all jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Jobs {
    jobs: BTreeMap<JobId, Job>,
}

impl Jobs {
    /// Judges a mail of a job, and learns from it.
    pub(crate) fn judge(&mut self, settings: &Settings, id: &JobId, mail: &Mail<'_>, now: Timestamp) -> Course {
        let job = self.jobs.entry(id.clone()).or_default();
        if job.pace.is_to_leave(mail.id) {
            return Course::Leaves;
        }
        if job.pace.is_over(settings, mail.arrived) {
            *job = Job {
                pace: Pace { due: job.pace.due, untold: job.pace.untold.clone(), ..Pace::default() },
                ..Job::default()
            };
        }
        let news = match job.memory.learn(&Print::of(mail.text)).verdict {
            Verdict::New(news) => Some(news),
            Verdict::Repeat => None,
        };
        let course = job.pace.judge(settings, mail.arrived, now, news);
        if course == Course::Leaves {
            job.pace.let_leave(mail.id);
        }
        self.forget_some(id);
        course
    }

    /// The smarthost has that mail of the job, by itself, or nobody ever will.
    pub(crate) fn note_end(&mut self, id: &JobId, mail: &str, message_id: Option<&str>) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.pace.untold.retain(|untold| untold != mail);
            if let (None, Some(message_id)) = (&job.first, message_id) {
                job.first = Some(clean(message_id));
            }
        }
    }

    /// A digest of the job leaves. Returns the Message-ID of the mail that it answers.
    pub(crate) fn note_digest(&mut self, id: &JobId) -> Option<String> {
        let job = self.jobs.get_mut(id)?;
        job.pace.digest();
        job.first.clone()
    }

    /// The time at which the digest after the one that leaves now would be due, if a repeat came now.
    pub(crate) fn between(&self, settings: &Settings, id: &JobId) -> std::time::Duration {
        self.jobs.get(id).map_or(settings.every, |job| job.pace.between(settings))
    }

    /// Keeps the file small: whoever makes many jobs loses the oldest of their own.
    fn forget_some(&mut self, but: &JobId) {
        while self.jobs.len() > MOST_JOBS
            || self.jobs.values().map(|job| job.memory.shapes().len()).sum::<usize>() > MOST_SHAPES
        {
            let mut of_users = BTreeMap::<u32, usize>::new();
            for (id, job) in &self.jobs {
                *of_users.entry(id.uid).or_default() += job.memory.shapes().len().max(1);
            }
            let uid = of_users.into_iter().max_by_key(|(_, shapes)| *shapes).map(|(uid, _)| uid);
            let theirs = self.jobs.iter().filter(|(id, _)| Some(id.uid) == uid && *id != but);
            let Some(oldest) = theirs.min_by_key(|(_, job)| job.pace.last).map(|(id, _)| id.clone()) else { return };
            self.jobs.remove(&oldest);
        }
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{MAGIC}\n");
        for (id, job) in &self.jobs {
            // Writing to a string does not fail.
            let _ = writeln!(text, "job\t{}\t{}\t{}", id.uid, id.recipients.join(","), id.name);
            job.pace.write(&mut text);
            let _ = writeln!(text, " first\t{}", job.first.as_deref().unwrap_or_default());
            for line in job.memory.to_text().lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }

    /// Reads the text of the file. Of a job whose lines cannot be read nothing is known.
    pub(crate) fn parse(text: &str) -> Self {
        let mut jobs = BTreeMap::new();
        let Some(rest) = text.strip_prefix(MAGIC) else { return Self::default() };
        for part in rest.split("\njob\t").skip(1).take(MOST_JOBS) {
            jobs.extend(parse_job(part));
        }
        Self { jobs }
    }
}

fn parse_job(part: &str) -> Option<(JobId, Job)> {
    let mut lines = part.lines();
    let mut head = lines.next()?.splitn(3, '\t');
    let uid = head.next()?.parse().ok()?;
    let recipients = head.next()?.split(',').map(str::to_string).collect();
    let id = JobId { uid, recipients, name: head.next()?.to_string() };
    let (mut job, mut memory) = (Job::default(), Vec::new());
    for line in lines {
        match line.strip_prefix("  ") {
            Some(line) => memory.push(line),
            None => {
                let (key, value) = line.strip_prefix(' ')?.split_once('\t')?;
                match key {
                    "first" => job.first = Some(value.to_string()).filter(|id| !id.is_empty()),
                    _ => job.pace.read(key, value)?,
                }
            }
        }
    }
    job.memory = Memory::from_lines(memory)?;
    Some((id, job))
}

impl Pace {
    fn write(&self, text: &mut String) {
        let time = |at: &Option<Timestamp>| at.map_or("-".to_string(), |at| at.to_string());
        let recent: Vec<String> = self.recent.iter().map(Timestamp::to_string).collect();
        let [shapes, values] = self.reserves.map(|reserve| format!("{} {}", reserve.spent, time(&reserve.since)));
        let _ = write!(
            text,
            " last\t{}\n due\t{}\n digests\t{}\n recent\t{}\n shapes\t{shapes}\n values\t{values}\n untold\t{}\n",
            time(&self.last),
            time(&self.due),
            self.digests,
            recent.join(" "),
            self.untold.join(" "),
        );
    }

    fn read(&mut self, key: &str, value: &str) -> Option<()> {
        let words = || value.split(' ').filter(|word| !word.is_empty());
        match key {
            "last" => self.last = time(value)?,
            "due" => self.due = time(value)?,
            "digests" => self.digests = value.parse().ok()?,
            "recent" => self.recent = words().map(|word| word.parse().ok()).collect::<Option<_>>()?,
            "shapes" => self.reserves[0] = value.parse().ok()?,
            "values" => self.reserves[1] = value.parse().ok()?,
            "untold" => self.untold = words().map(str::to_string).collect(),
            // A later version may say more.
            _ => {}
        }
        Some(())
    }
}

/// A time, or `-` for none.
fn time(text: &str) -> Option<Option<Timestamp>> {
    if text == "-" { Some(None) } else { text.parse().ok().map(Some) }
}

impl FromStr for Reserve {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (spent, since) = text.split_once(' ').ok_or(())?;
        Ok(Self { spent: spent.parse().map_err(|_| ())?, since: time(since).ok_or(())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(uid: u32, name: &str) -> JobId {
        JobId::new(uid, ["b@x.org", "A@x.org", "a@x.org"].into_iter(), name)
    }

    fn minute(n: i64) -> Timestamp {
        "2026-11-20T09:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(n)
    }

    fn judge(jobs: &mut Jobs, id: &JobId, mail: &str, n: i64, text: &str) -> Course {
        let mail = Mail { id: mail, arrived: minute(n), text };
        jobs.judge(&Settings::default(), id, &mail, minute(n))
    }

    #[test]
    fn mail_that_was_to_leave_is_not_judged_again() {
        let (mut jobs, id) = (Jobs::default(), job(0, "/opt/x"));
        assert_eq!(judge(&mut jobs, &id, "A", 0, "full"), Course::Leaves);
        for n in 1..60 {
            assert_eq!(judge(&mut jobs, &id, "A", n, "full"), Course::Leaves, "the smarthost is away");
        }
        judge(&mut jobs, &id, "B", 60, "full");
        judge(&mut jobs, &id, "C", 61, "full");
        assert!(matches!(judge(&mut jobs, &id, "D", 62, "full"), Course::Folds { .. }));
        jobs.note_end(&id, "A", Some("<1@x.org>"));
        assert!(matches!(judge(&mut jobs, &id, "A", 63, "full"), Course::Folds { .. }));
        jobs.note_end(&id, "B", Some("<2@x.org>"));
        assert_eq!(jobs.note_digest(&id).as_deref(), Some("<1@x.org>"));
    }

    #[test]
    fn other_user_other_recipients_or_other_name_is_another_job() {
        let mut jobs = Jobs::default();
        let ids = [job(0, "x"), job(1, "x"), job(0, "y"), JobId::new(0, ["c@x.org"].into_iter(), "x")];
        for n in 0..4 {
            judge(&mut jobs, &ids[0], &n.to_string(), n, "full");
        }
        assert!(matches!(judge(&mut jobs, &job(0, "x"), "9", 5, "full"), Course::Folds { .. }));
        for id in &ids[1..] {
            assert_eq!(judge(&mut jobs, id, "1", 6, "full"), Course::Leaves);
        }
        assert!(ids[0].may_share_with(&ids[2]) && !ids[0].may_share_with(&ids[1]) && !ids[0].may_share_with(&ids[3]));
    }

    #[test]
    fn user_with_many_jobs_loses_their_own() {
        let (mut jobs, quiet) = (Jobs::default(), job(1000, "quiet"));
        for n in 0..3 {
            judge(&mut jobs, &quiet, &n.to_string(), n, "full");
        }
        for n in 0..2000 {
            judge(&mut jobs, &job(1001, &format!("x{n}")), "1", 3, "full");
        }
        assert!(jobs.jobs.len() <= MOST_JOBS);
        assert!(matches!(judge(&mut jobs, &quiet, "9", 5, "full"), Course::Folds { .. }));
    }

    #[test]
    fn what_is_known_reads_back() {
        let mut jobs = Jobs::default();
        for n in 0..5 {
            judge(&mut jobs, &job(0, "/opt/备份\tx\ny"), &n.to_string(), n, "full\nthe disk");
            judge(&mut jobs, &job(7, ""), &n.to_string(), n, "other");
        }
        jobs.note_end(&job(7, ""), "0", Some("<1@x.org>"));
        jobs.note_digest(&job(7, ""));
        assert_eq!(Jobs::parse(&jobs.text()), jobs);
        assert_eq!(Jobs::parse(""), Jobs::default());
    }

    #[test]
    fn job_that_cannot_be_read_is_forgotten_alone() {
        let mut jobs = Jobs::default();
        judge(&mut jobs, &job(0, "a"), "1", 0, "full");
        judge(&mut jobs, &job(0, "b"), "1", 0, "full");
        let text = jobs.text().replacen(" last\t2026", " last\tx2026", 1);
        assert_eq!(Jobs::parse(&text).jobs.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_harm(lines in "(( |job|last|due|shapes|[0-9-]|\t|\n|x){0,6}\n){0,9}") {
            let _ = Jobs::parse(&format!("{MAGIC}\n{lines}"));
        }
    }
}

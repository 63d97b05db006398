//! The text of a digest, for a person with a phone: for each kind of text how often it came and when, the last one, and
//! what changed in it. What came seldom stands first.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::outcome::clean;
use crate::repeats::{Memory, Print};

/// The most lines of a text that are shown, and the most characters of a line.
const MOST_LINES: usize = 20;
const MOST_CHARACTERS: usize = 200;
/// The most kinds of text that are shown of a job, and the most changes of a kind.
const MOST_KINDS: usize = 12;
const MOST_CHANGES: usize = 5;
/// The marks of a line of time.
const MARKS: usize = 30;
/// The marks for no mail, some, and many in their time.
const SIGNS: [char; 3] = ['.', '|', '#'];

/// The mails of a digest so far.
#[derive(Debug, Default)]
pub(crate) struct Retold {
    jobs: Vec<Job>,
    times: Vec<Timestamp>,
}

/// The mails of a job.
#[derive(Debug, Default)]
struct Job {
    name: String,
    /// It tells the kinds of text apart.
    memory: Memory,
    kinds: Vec<Kind>,
}

/// Mails that differ in their places only.
#[derive(Debug)]
struct Kind {
    shape: u64,
    times: Vec<Timestamp>,
    /// The last of them.
    text: String,
    /// The values of the first and of the last at each place.
    first: Vec<String>,
    last: Vec<String>,
}

/// The words around the mails.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// The user whose jobs they are.
    pub(crate) user: &'a str,
    /// This machine.
    pub(crate) host: &'a str,
    /// The time after which the next digest comes, if there is more to tell.
    pub(crate) next: Option<Duration>,
    /// The configuration to change.
    pub(crate) settings: &'a str,
    /// The zone of the times.
    pub(crate) zone: TimeZone,
}

impl Retold {
    /// Adds the next mail, which is later than those before it.
    pub(crate) fn add(&mut self, job: &str, arrived: Timestamp, text: &str) {
        self.times.push(arrived);
        let place = self.jobs.iter().position(|one| one.name == job).unwrap_or_else(|| {
            self.jobs.push(Job { name: job.to_string(), ..Job::default() });
            self.jobs.len() - 1
        });
        let Job { memory, kinds, .. } = &mut self.jobs[place];
        let print = Print::of(text);
        let shape = memory.learn(&print).shape;
        let values: Vec<String> = print.values().map(str::to_string).collect();
        let text = opening(text);
        match kinds.iter_mut().find(|kind| kind.shape == shape) {
            Some(kind) => {
                kind.times.push(arrived);
                (kind.text, kind.last) = (text, values);
            }
            None => kinds.push(Kind { shape, times: vec![arrived], text, first: values.clone(), last: values }),
        }
    }

    /// The Subject of the digest: that of the last mail, if they are all of one job.
    pub(crate) fn subject(&self, last: &str, zone: &TimeZone) -> String {
        let (count, span) = (self.times.len(), span(&self.times, zone));
        match self.jobs.len() {
            1 => format!("{last} ({count} more, {span})"),
            jobs => format!("{count} more mails of {jobs} jobs, {span}"),
        }
    }

    /// The text.
    pub(crate) fn text(&self, frame: &Frame<'_>) -> String {
        let mut text = String::new();
        for one in &self.jobs {
            text.push_str(&job(one, frame));
        }
        text.push_str(&self.foot(frame));
        text
    }

    fn foot(&self, frame: &Frame<'_>) -> String {
        let count = self.times.len();
        let next =
            frame.next.map(|next| format!("If there is more to tell, the next digest comes in {}. ", length(next)));
        let names: Vec<String> =
            self.jobs.iter().map(|job| format!("{:?}", clean(&job.name))).take(MOST_KINDS).collect();
        format!(
            "-- \nAll {count} mails are attached, whole: zcat folded.mbox.gz | less\n{}What is new leaves at once.\n\
             To get each mail by itself, add to [fold] in {} on {}:\n    never = [{}]\n",
            next.unwrap_or_default(),
            frame.settings,
            frame.host,
            names.join(", "),
        )
    }
}

fn job(job: &Job, frame: &Frame<'_>) -> String {
    let Job { name, kinds, .. } = job;
    let count: usize = kinds.iter().map(|kind| kind.times.len()).sum();
    let all: Vec<Timestamp> = kinds.iter().flat_map(|kind| kind.times.iter().copied()).collect();
    let mut text = format!(
        "{} has told this {} more, {}:\n{}'s {}\n\n",
        frame.host,
        times(count),
        span(&all, &frame.zone),
        frame.user,
        clean(name)
    );
    let mut kinds: Vec<&Kind> = kinds.iter().collect();
    kinds.sort_by_key(|kind| kind.times.len());
    for kind in kinds.iter().take(MOST_KINDS) {
        text.push_str(&format!("* {}, {}\n", times(kind.times.len()), span(&kind.times, &frame.zone)));
        if kind.times.len() > 2 && count > 2 {
            text.push_str(&format!("  {}\n", marks(&kind.times, &all)));
        }
        text.push_str(&format!("\n{}", kind.text));
        changes(kind).iter().for_each(|change| text.push_str(&format!("  ({change})\n")));
        text.push('\n');
    }
    let others = kinds.len().saturating_sub(MOST_KINDS);
    if others > 0 {
        text.push_str(&format!("* and {others} other texts, which are attached\n\n"));
    }
    text
}

/// The places whose values differ between the first and the last.
fn changes(kind: &Kind) -> Vec<String> {
    let pairs = kind.first.iter().zip(&kind.last).filter(|(first, last)| first != last);
    let shown = |(first, last): (&String, &String)| format!("{} before: {}", short(last), short(first));
    let changes: Vec<String> = pairs.map(shown).collect();
    let others = changes.len().saturating_sub(MOST_CHANGES);
    let mut shown: Vec<String> = changes.into_iter().take(MOST_CHANGES).collect();
    if others > 0 {
        shown.push(format!("and {others} other places"));
    }
    shown
}

fn short(value: &str) -> String {
    clean(value).chars().take(40).collect()
}

/// The first lines, as a quotation.
fn opening(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let cut = |line: &&str| {
        let line: String = line.chars().filter(|c| crate::outcome::is_printable(*c) || *c == '\t').collect();
        match line.char_indices().nth(MOST_CHARACTERS) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    };
    let mut shown: String = lines.iter().take(MOST_LINES).map(|line| format!("  {}\n", cut(line))).collect();
    if lines.len() > MOST_LINES {
        shown.push_str(&format!("  … and {} lines more\n", lines.len() - MOST_LINES));
    }
    shown
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_string(),
        2 => "twice".to_string(),
        count => format!("{count} times"),
    }
}

/// `09:03-09:59`, with days where they differ.
fn span(times: &[Timestamp], zone: &TimeZone) -> String {
    let local = |at: Option<&Timestamp>| at.copied().unwrap_or_default().to_zoned(zone.clone());
    let (first, last) = (local(times.iter().min()), local(times.iter().max()));
    let shown = |at: &Zoned, form: &str| at.strftime(form).to_string();
    if first.date() != last.date() {
        return format!("{} - {}", shown(&first, "%b %-d %H:%M"), shown(&last, "%b %-d %H:%M"));
    }
    let (from, to) = (shown(&first, "%H:%M"), shown(&last, "%H:%M"));
    if from == to { from } else { format!("{from}-{to}") }
}

/// A line of marks over the time of all mails.
fn marks(times: &[Timestamp], all: &[Timestamp]) -> String {
    let (start, end) = (all.iter().min().copied().unwrap_or_default(), all.iter().max().copied().unwrap_or_default());
    let whole = (end.as_second() - start.as_second()).max(1);
    let mut counts = BTreeMap::<usize, usize>::new();
    for at in times {
        let place = (at.as_second() - start.as_second()) * (MARKS as i64 - 1) / whole;
        *counts.entry(usize::try_from(place).unwrap_or_default()).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(1);
    let sign = |place: usize| match counts.get(&place) {
        None => SIGNS[0],
        Some(count) if count * 2 < most => SIGNS[1],
        Some(_) => SIGNS[2],
    };
    (0..MARKS).map(sign).collect()
}

/// A length of time in a person's words.
fn length(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} minutes"),
        (1, 0) => "an hour".to_string(),
        (hours, 0) => format!("{hours} hours"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(n: i64) -> Timestamp {
        "2026-11-20T09:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(n)
    }

    fn frame() -> Frame<'static> {
        let next = Some(Duration::from_secs(3600));
        Frame { user: "root", host: "web1", next, settings: "/etc/mailx-t/config.toml", zone: TimeZone::UTC }
    }

    #[test]
    fn digest_tells_how_often_when_and_what_changed() {
        let mut retold = Retold::default();
        for n in 0..40 {
            retold.add("/opt/import.sh", minute(n), &format!("import: database db1 is away (attempt {})\n", 2981 + n));
        }
        for n in [41, 59] {
            retold.add("/opt/import.sh", minute(n), "import: disk full\n");
        }
        let zone = TimeZone::UTC;
        let subject = retold.subject("Cron <root@web1> /opt/import.sh", &zone);
        assert_eq!(subject, "Cron <root@web1> /opt/import.sh (42 more, 09:00-09:59)");
        assert_eq!(
            retold.text(&frame()),
            "web1 has told this 42 times more, 09:00-09:59:\nroot's /opt/import.sh\n\n\
             * twice, 09:41-09:59\n\n  import: disk full\n\n\
             * 40 times, 09:00-09:39\n  ###################|..........\n\n  \
             import: database db1 is away (attempt 3020)\n  (3020 before: 2981)\n\n\
             -- \nAll 42 mails are attached, whole: zcat folded.mbox.gz | less\n\
             If there is more to tell, the next digest comes in an hour. What is new leaves at once.\n\
             To get each mail by itself, add to [fold] in /etc/mailx-t/config.toml on web1:\n    \
             never = [\"/opt/import.sh\"]\n"
        );
    }

    #[test]
    fn digest_of_several_jobs_names_each() {
        let mut retold = Retold::default();
        for name in ["a", "b", "c", "d"] {
            (0..3).for_each(|n| retold.add(name, minute(n * 1440), &format!("{name} failed\n")));
        }
        let zone = TimeZone::UTC;
        assert_eq!(retold.subject("x", &zone), "12 more mails of 4 jobs, Nov 20 09:00 - Nov 22 09:00");
        let text = retold.text(&frame());
        assert_eq!(text.matches("has told this 3 times more").count(), 4, "{text}");
        assert!(text.contains("never = [\"a\", \"b\", \"c\", \"d\"]"), "{text}");
    }

    #[test]
    fn long_and_hostile_texts_stay_short_and_in_their_lines() {
        let mut retold = Retold::default();
        let long = "x".repeat(10_000);
        let text = format!("\u{1b}[31m{long}\n{}\u{202e}\n", "line\n".repeat(100));
        (0..3).for_each(|n| retold.add("a\n-- \nb\"", minute(n), &text));
        for n in 0..40 {
            retold.add("other", minute(n), &format!("{} has failed\n", "word".repeat(n as usize + 1)));
        }
        let shown = retold.text(&frame());
        assert!(shown.lines().count() < 150 && shown.len() < 12_000, "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 230), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
        assert!(shown.contains("never = [\"a -- b\\\"\", \"other\"]"), "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_told(texts in proptest::collection::vec("\\PC{0,60}|[ -~\n]{0,200}", 1..6)) {
            let mut retold = Retold::default();
            texts.iter().enumerate().for_each(|(n, text)| retold.add("x", minute(n as i64), text));
            let told = retold.text(&frame());
            let count = format!("All {} mails", texts.len());
            proptest::prop_assert!(told.contains(&count));
        }
    }
}

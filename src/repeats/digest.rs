//! The text of a digest: what a person reads on a phone. The mails themselves are attached whole.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::kinds::{COUNTED, Kind, Member, Seen, kinds};

/// So many lines of the last mail of a kind are shown: the first ones and the last ones.
const FIRST: usize = 14;
const LAST: usize = 5;
/// So many characters of a line.
const WIDTH: usize = 300;
/// So many changing places are named, and so many characters of a value.
const PLACES: usize = 8;
const VALUE: usize = 40;
/// The marks over the time, each for a thirtieth of it.
const MARKS: usize = 30;

/// The mails of one job, in the order of their arrival.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Its name.
    pub name: &'a str,
    /// At least one.
    pub members: &'a [Member<'a>],
}

/// What else a digest tells.
#[derive(Clone, Debug)]
pub struct Occasion<'a> {
    /// The machine.
    pub host: &'a str,
    /// Its zone.
    pub zone: &'a TimeZone,
    /// When the next digest is due, if it goes on.
    pub next: Timestamp,
}

/// The text of a digest of one job, or of several.
pub fn digest(occasion: &Occasion<'_>, jobs: &[Job<'_>]) -> String {
    let members = || jobs.iter().flat_map(|job| job.members);
    let (first, last) = (members().map(|member| member.at).min(), members().map(|member| member.at).max());
    let (Some(first), Some(last)) = (first, last) else { return String::new() };
    let of = if jobs.len() == 1 { "this job".to_string() } else { format!("{} jobs", jobs.len()) };
    let span = span(first, last, occasion.zone);
    let mut text = match members().count() {
        1 => format!("1 mail of {of} came at {span}. It is attached whole.\n"),
        count => format!("{count} mails of {of} came, {span}. They are attached whole.\n"),
    };
    for job in jobs {
        if jobs.len() > 1 {
            _ = write!(text, "\n== {}\n", cut(job.name, WIDTH));
        }
        write_job(&mut text, occasion, job);
    }
    let next = clock(occasion.next, last, occasion.zone);
    let names: Vec<String> = jobs.iter().map(|job| quoted(job.name)).collect();
    _ = write!(
        text,
        "\nIf it goes on, the next digest comes at {next}; something new comes at once.\n\
         To get each of these mails by itself, set this in [fold] on {}:\nnever = [{}]\n",
        occasion.host,
        names.join(", ")
    );
    text
}

/// The time from the first mail to the last one: "09:03-09:59", with dates if they are of two days.
pub fn span(first: Timestamp, last: Timestamp, zone: &TimeZone) -> String {
    let (from, to) = (clock(first, last, zone), clock(last, last, zone));
    if from == to { to } else { format!("{from}-{to}") }
}

/// The time of day; with the date in front if it is of another day than `beside`.
fn clock(at: Timestamp, beside: Timestamp, zone: &TimeZone) -> String {
    let (at, beside) = (at.to_zoned(zone.clone()), beside.to_zoned(zone.clone()));
    let form = if at.date() == beside.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    at.strftime(form).to_string()
}

fn write_job(text: &mut String, occasion: &Occasion<'_>, job: &Job<'_>) {
    let (kinds, more, mails) = kinds(job.members);
    for kind in &kinds {
        write_kind(text, occasion, kind);
    }
    if more > 0 {
        _ = write!(text, "\n{more} more kinds of mail, {mails} in all, are in the attachment.\n");
    }
    let times: Vec<Timestamp> = job.members.iter().map(|member| member.at).collect();
    if let (Some(first), Some(last)) = (times.iter().min(), times.iter().max())
        && first != last
    {
        let (from, to) = (clock(*first, *last, occasion.zone), clock(*last, *last, occasion.zone));
        _ = write!(text, "\n{from} {} {to}\n", marks(&times, *first, *last));
    }
}

fn write_kind(text: &mut String, occasion: &Occasion<'_>, kind: &Kind) {
    let last = clock(kind.last, kind.last, occasion.zone);
    _ = match (kind.count, kind.news) {
        (1, 0) => writeln!(text, "\n1 mail, at {last}:"),
        (1, _) => writeln!(text, "\nNEW: 1 mail, at {last}:"),
        (count, news) if count == news => writeln!(text, "\nNEW: {count} mails, the last one at {last}:"),
        (count, 0) => writeln!(text, "\n{count} mails, the last one at {last}:"),
        (count, 1) => writeln!(text, "\nNEW: 1 of {count} mails, the last one at {last}:"),
        (count, news) => writeln!(text, "\nNEW: {news} of {count} mails, the last one at {last}:"),
    };
    let lines = kind.lines.len();
    let left_out = lines.saturating_sub(FIRST + LAST);
    for (at, line) in kind.lines.iter().enumerate() {
        match at {
            FIRST if left_out > 1 => _ = writeln!(text, "  [{left_out} more lines]"),
            at if left_out > 1 && (FIRST..lines - LAST).contains(&at) => {}
            _ => _ = writeln!(text, "  {}", cut(line, WIDTH)),
        }
    }
    if lines == 0 {
        text.push_str("  (no text)\n");
    }
    let changing: Vec<&Seen> = kind.changing().collect();
    if !changing.is_empty() {
        text.push_str("What changes, as it stands here:\n");
    }
    for seen in changing.iter().take(PLACES) {
        _ = writeln!(text, "  {}", told(seen));
    }
    if changing.len() > PLACES {
        _ = writeln!(text, "  and {} more", changing.len() - PLACES);
    }
}

/// What was seen at a place: "131: 54 values, 2 to 398", "web1: web1, web2, web3 and 5 more".
fn told(seen: &Seen) -> String {
    let (last, count) = (cut(&seen.last, VALUE), seen.count());
    let more = if count == COUNTED { "or more " } else { "" };
    if let Some((least, most)) = &seen.range {
        return format!("{last}: {count} {more}values, {least} to {most}");
    }
    let named: Vec<String> = seen.named.iter().map(|value| cut(value, VALUE)).collect();
    match count - named.len() {
        0 => format!("{last}: {}", named.join(", ")),
        1 => format!("{last}: {} and another", named.join(", ")),
        rest => format!("{last}: {} and {rest} {more}others", named.join(", ")),
    }
}

/// A mark for each part of the time: none, one, up to four, more mails.
fn marks(times: &[Timestamp], first: Timestamp, last: Timestamp) -> String {
    let width = last.as_second() - first.as_second() + 1;
    let mut counts = [0usize; MARKS];
    for at in times {
        let part = (at.as_second() - first.as_second()) * 30 / width;
        let part = usize::try_from(part).unwrap_or_default().min(MARKS - 1);
        counts[part] += 1;
    }
    let mark = |count| match count {
        0 => '_',
        1 => '.',
        2..=4 => ':',
        _ => '|',
    };
    counts.into_iter().map(mark).collect()
}

/// The text without control characters, cut to so many characters.
fn cut(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().filter(|c| !c.is_control()).take(most).collect();
    if text.chars().nth(most).is_some() {
        cut.push('…');
    }
    cut
}

/// The text as a string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => _ = write!(quoted, "\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        "2026-11-30T09:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(minute)
    }

    #[test]
    fn time_names_its_day_if_it_is_another() {
        assert_eq!(span(at(3), at(59), &TimeZone::UTC), "09:03-09:59");
        assert_eq!(span(at(3), at(3), &TimeZone::UTC), "09:03");
        assert_eq!(span(at(-600), at(3), &TimeZone::UTC), "2026-11-29 23:00-09:03");
    }

    #[test]
    fn marks_show_when_mails_came() {
        let times: Vec<Timestamp> = (0..30).filter(|n| *n < 3 || *n > 25).map(at).chain([at(29); 6]).collect();
        assert_eq!(marks(&times, at(0), at(29)), format!("...{}...|", "_".repeat(23)));
    }

    #[test]
    fn name_can_be_pasted_into_the_configuration() {
        assert_eq!(quoted("/opt/a \"b\" \\c\t"), r#""/opt/a \"b\" \\c\u0009""#);
    }

    proptest::proptest! {
        #[test]
        fn any_mails_make_a_text(
            mails in proptest::collection::vec(("\\PC{0,20}|[a-c0-9 \n:]{0,40}|[\\x00-\\x7f]{0,20}", 0i64..9999, proptest::bool::ANY), 0..9),
            name in "\\PC{0,9}|[\\x00-\\x7f]{0,9}",
        ) {
            let members: Vec<Member<'_>> =
                mails.iter().map(|(text, minute, is_new)| Member { at: at(*minute), text, is_new: *is_new }).collect();
            let occasion = Occasion { host: "web1", zone: &TimeZone::UTC, next: at(99) };
            let text = digest(&occasion, &[Job { name: &name, members: &members }; 2]);
            proptest::prop_assert_eq!(text.is_empty(), members.is_empty());
            proptest::prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
        }
    }
}

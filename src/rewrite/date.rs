//! Date fields as programs write them: the output of date(1) and of ctime(3), ISO 8601, and RFC 5322 nearly right.
//! Readers sort by that field, and filters count a wrong one as a mark of spam.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// A value of a Date field in the form of RFC 5322 section 3.3, if it names one moment and no other. `local_zone` is
/// the zone of a time that names none, or that names it by letters as date(1) does.
pub(super) fn rfc5322(value: &str, local_zone: fn() -> TimeZone) -> Option<String> {
    let zoned = Found::of(value)?.zoned(local_zone)?;
    jiff::fmt::rfc2822::to_string(&zoned).ok()
}

/// Readers understand the value as it stands.
pub(super) fn is_readable(value: &str) -> bool {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    parser.parse_zoned(value.trim()).is_ok()
}

/// The words of a date, each found once, in any order.
#[derive(Debug, Default)]
struct Found {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    time: Option<Time>,
    is_afternoon: Option<bool>,
    zone: Option<Zone>,
}

#[derive(Debug)]
enum Zone {
    Offset(Offset),
    /// As date(1) writes it: `CET`.
    Letters(String),
}

impl Found {
    /// Takes the words of a value; `None` if one of them is no part of a date, or stands twice.
    fn of(value: &str) -> Option<Self> {
        // RFC 5322 section 3.3 lets a comment stand behind: `+0100 (CET)`.
        let value = value.split('(').next()?;
        let mut found = Self::default();
        for word in value.split([' ', '\t', '\r', '\n', ',']).filter(|word| !word.is_empty()) {
            found.word(word)?;
        }
        Some(found)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        if let Some(month) = named(&MONTHS, word) {
            return set(&mut self.month, month + 1);
        }
        if named(&WEEKDAYS, word).is_some() {
            return Some(());
        }
        if let "AM" | "PM" = word {
            return set(&mut self.is_afternoon, word == "PM");
        }
        if word.starts_with(['+', '-']) {
            return set(&mut self.zone, Zone::Offset(offset(word)?));
        }
        if word.contains(':') {
            return self.date_and_time(word);
        }
        if word.contains('-') {
            return self.date(word);
        }
        match word.len() {
            4 if is_number(word) => set(&mut self.year, word.parse().ok()?),
            1 | 2 if is_number(word) => set(&mut self.day, word.parse().ok()?),
            _ if word.bytes().all(|b| b.is_ascii_uppercase()) => set(&mut self.zone, Zone::Letters(word.to_string())),
            _ => None,
        }
    }

    /// `11:00:00`, `11:00:00Z`, `11:00:00.5+01:00`, and all these behind a date and a `T`.
    fn date_and_time(&mut self, word: &str) -> Option<()> {
        let time = match word.split_once('T') {
            Some((date, time)) => {
                self.date(date)?;
                time
            }
            None => word,
        };
        let end = time.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(time.len());
        let (time, zone) = time.split_at(end);
        match zone {
            "" => {}
            "Z" => set(&mut self.zone, Zone::Offset(Offset::UTC))?,
            zone => set(&mut self.zone, Zone::Offset(offset(zone)?))?,
        }
        set(&mut self.time, clock(time)?)
    }

    /// `2026-11-30`, and `30-Nov-2026` as cookies have it.
    fn date(&mut self, word: &str) -> Option<()> {
        let mut parts = word.split('-');
        let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
        let (year, day) = if first.len() == 4 { (first, third) } else { (third, first) };
        let month = match named(&MONTHS, second) {
            Some(month) => month + 1,
            None if first.len() == 4 => second.parse().ok()?,
            None => return None,
        };
        if year.len() != 4 || parts.next().is_some() {
            return None;
        }
        set(&mut self.year, year.parse().ok()?)?;
        set(&mut self.month, month)?;
        set(&mut self.day, day.parse().ok()?)
    }

    fn zoned(self, local_zone: fn() -> TimeZone) -> Option<jiff::Zoned> {
        let date = Date::new(self.year?, self.month?, self.day?).ok()?;
        let time = on_24_hours(self.time?, self.is_afternoon)?;
        in_zone(DateTime::from_parts(date, time), self.zone, local_zone)
    }
}

/// Letters are the local zone's own, or those of UTC: others, such as `CST`, mean several zones.
fn in_zone(time: DateTime, zone: Option<Zone>, local_zone: fn() -> TimeZone) -> Option<jiff::Zoned> {
    match zone {
        Some(Zone::Offset(offset)) => time.to_zoned(TimeZone::fixed(offset)).ok(),
        Some(Zone::Letters(letters)) if ["UTC", "GMT", "UT", "Z"].contains(&letters.as_str()) => {
            time.to_zoned(TimeZone::UTC).ok()
        }
        Some(Zone::Letters(letters)) => {
            let zone = local_zone();
            let here = time.to_zoned(zone.clone()).ok()?;
            let is_own = zone.to_offset_info(here.timestamp()).abbreviation() == letters;
            is_own.then_some(here)
        }
        None => time.to_zoned(local_zone()).ok(),
    }
}

fn on_24_hours(time: Time, is_afternoon: Option<bool>) -> Option<Time> {
    match (is_afternoon, time.hour()) {
        (None, _) => Some(time),
        (Some(is_afternoon), hour @ 1..=12) => {
            let hour = hour % 12 + if is_afternoon { 12 } else { 0 };
            Time::new(hour, time.minute(), time.second(), 0).ok()
        }
        _ => None,
    }
}

/// `11:00` or `11:00:00`; a fraction of a second has no place in a Date field.
fn clock(text: &str) -> Option<Time> {
    let text = text.split('.').next()?;
    let mut parts = text.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    if parts.next().is_some() {
        return None;
    }
    // A leap second has no place in every reader.
    let second = if second == 60 { 59 } else { second };
    Time::new(hour, minute, second, 0).ok()
}

/// `+0100`, `+01:00`, `+01`.
fn offset(text: &str) -> Option<Offset> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    if !is_number(&digits) || !matches!(digits.len(), 2 | 4) {
        return None;
    }
    let (hours, minutes) = digits.split_at(2);
    let minutes: i32 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    if minutes > 59 {
        return None;
    }
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes * 60;
    Offset::from_seconds(sign * seconds).ok()
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The place of a name that the word is, in full or by its first three letters, with or without a point.
fn named(names: &[&str], word: &str) -> Option<i8> {
    let word = word.trim_end_matches('.');
    let is_it = |name: &&str| name.eq_ignore_ascii_case(word) || name[..3].eq_ignore_ascii_case(word);
    names.iter().position(is_it).and_then(|place| i8::try_from(place).ok())
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// A part that stands twice makes a value that nobody can be sure of.
fn set<T>(part: &mut Option<T>, value: T) -> Option<()> {
    part.replace(value).is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn mended(value: &str) -> Option<String> {
        rfc5322(value, berlin)
    }

    #[test]
    fn one_moment_keeps_its_moment() {
        for value in [
            "Mon Nov 30 11:00:00 2026 +0000",
            "Mon Nov 30 12:00:00 CET 2026",
            "Mon Nov 30 12:00:00 PM CET 2026",
            "Mon 30 Nov 12:00:00 CET 2026",
            "Mon Nov 30 11:00:00 AM UTC 2026",
            "Mon Nov 30 12:00:00 2026",
            "2026-11-30 12:00:00",
            "2026-11-30T11:00:00Z",
            "2026-11-30T12:00:00.123456+01:00",
            "2026-11-30 06:00:00 -0500",
            "Mon, 30-Nov-2026 11:00:00 GMT",
            "Mon 30 November 2026 12:00 +0100 (CET)",
            "Monday, 30 Nov 2026 12:00:00+0100",
        ] {
            let found = mended(value).unwrap_or_else(|| panic!("{value}"));
            let moment = jiff::fmt::rfc2822::parse(&found).unwrap().timestamp();
            assert_eq!(moment.to_string(), "2026-11-30T11:00:00Z", "{value}: {found}");
            assert!(is_readable(&found), "{found}");
        }
    }

    #[test]
    fn anything_else_is_no_date() {
        for value in [
            "",
            "now",
            "yesterday",
            "4711",
            "Mon Nov 30",
            "12:00:00",
            "30/11/2026 12:00:00",
            "11/30/26",
            "Mon Nov 30 12:00:00 CST 2026",
            "Mon Nov 30 12:00:99 UTC 2026",
            "Mon Nov 30 12:00:00 +0199 2026",
            "Mon Nov 31 12:00:00 UTC 2026",
            "2026-11-30 25:00:00",
            "Mon Nov 30 12:00:00 UTC 2026 2027",
            "Mon Nov 30 13:00:00 PM UTC 2026",
            "2026-13-01 1:00:00",
            "2026年11月30日 12:00:00",
            "-",
            "+",
            "T:",
            "--",
            ":::",
            "2026-11-30 12:00:00 +1",
        ] {
            assert_eq!(mended(value), None, "{value}");
        }
    }

    #[test]
    fn dates_of_every_age_of_the_standards_are_readable() {
        for value in [
            "Mon, 30 Nov 2026 11:00:00 +0000",
            " 30 Nov 2026 11:00 -0000",
            "Mon, 30 Nov 26 11:00:00 GMT",
            "Mon, 30 Nov 2026 11:00:00 +0100 (CET)",
            "Tue, 30 Nov 2026 11:00:00 EST",
        ] {
            assert!(is_readable(value), "{value}");
        }
        assert!(!is_readable("now") && !is_readable("Mon Nov 30 11:00:00 UTC 2026") && !is_readable("x"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(value in "[0-9A-Za-z:+. (,T-]{0,40}|.{0,40}") {
            if let Some(found) = mended(&value) {
                proptest::prop_assert!(is_readable(&found), "{value:?}: {found}");
            }
            let _ = is_readable(&value);
        }
    }
}

//! Date fields as programs write them: the output of date(1), in whatever language, and of ctime(3), ISO 8601, and RFC
//! 5322 nearly right.
//! Readers sort by that field, and filters count a wrong one as a mark of spam.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use super::date_words::{self, is_filler};

/// The most seconds that the moment of a value without a year may lie before now, and behind it.
const AROUND_NOW: (i64, i64) = (30 * 86_400, 86_400);

/// A value of a Date field in the form of RFC 5322 section 3.3, if it names one moment and no other. `local_zone` is
/// the zone of a time that names none, or that names it by letters as date(1) does. `now` is such a value: a value
/// without a year names the moment next to it.
pub(super) fn rfc5322(value: &str, local_zone: fn() -> TimeZone, now: &str) -> Option<String> {
    let zoned = Found::of(value)?.zoned(local_zone, now)?;
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
    weekday: Option<i8>,
    /// A word that names a month in one language and a weekday in another: `mar`.
    either: Option<(i8, i8)>,
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
        let value = date_words::with_plain_signs(value);
        let mut found = Self::default();
        let mut rest = value.as_str();
        let mut comments = Vec::new();
        // RFC 5322 section 3.3 lets a comment stand behind: `+0100 (CET)`.
        while let Some((outside, behind)) = rest.split_once('(') {
            found.words(outside)?;
            let (comment, behind) = behind.split_once(')').unwrap_or((behind, ""));
            comments.push(comment);
            rest = behind;
        }
        found.words(rest)?;
        // glibc's `(UTC+0100)` is the zone, if no other stands there.
        if let (None, [only]) = (&found.zone, comments.as_slice()) {
            let zone = only.strip_prefix("UTC").and_then(offset);
            found.zone = zone.map(Zone::Offset);
        }
        found.decide()?;
        Some(found)
    }

    fn words(&mut self, text: &str) -> Option<()> {
        text.split([' ', '\t', '\r', '\n', ',', '\u{a0}'])
            .filter(|word| !word.is_empty())
            .try_for_each(|word| self.word(word))
    }

    /// A word of two meanings is what is still missing.
    fn decide(&mut self) -> Option<()> {
        match (self.either, self.month) {
            (Some((_, weekday)), Some(_)) => set(&mut self.weekday, weekday),
            (Some((month, _)), None) => set(&mut self.month, month),
            (None, _) => Some(()),
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        match (date_words::month(word), date_words::weekday(word)) {
            (Some(month), Some(weekday)) => return set(&mut self.either, (month + 1, weekday)),
            (Some(month), None) => return set(&mut self.month, month + 1),
            (None, Some(weekday)) => return set(&mut self.weekday, weekday),
            (None, None) if is_filler(word) => return Some(()),
            (None, None) => {}
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
        let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
        match &word[end..] {
            "年" => return set(&mut self.year, word[..end].parse().ok()?),
            "月" => return set(&mut self.month, word[..end].parse().ok()?),
            "日" | "." => return set(&mut self.day, word[..end].parse().ok()?),
            rest if rest.contains(['.', '/']) => return self.numbers(word),
            _ => {}
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

    /// `2026/11/30`, and `30.11.2026`; slashes with the year behind stand for two orders.
    fn numbers(&mut self, word: &str) -> Option<()> {
        let is_dotted = word.contains('.');
        let numbers: Vec<i16> = word.split(['.', '/']).map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let (year, month, day) = match numbers[..] {
            [year @ 1000..=9999, month, day] => (year, month, day),
            [day, month, year @ 1000..=9999] if is_dotted => (year, month, day),
            _ => return None,
        };
        set(&mut self.year, year)?;
        set(&mut self.month, month.try_into().ok()?)?;
        set(&mut self.day, day.try_into().ok()?)
    }

    /// `2026-11-30`, and `30-Nov-2026` as cookies have it.
    fn date(&mut self, word: &str) -> Option<()> {
        let mut parts = word.split('-');
        let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
        let (year, day) = if first.len() == 4 { (first, third) } else { (third, first) };
        let month = match date_words::month(second) {
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

    fn zoned(self, local_zone: fn() -> TimeZone, now: &str) -> Option<jiff::Zoned> {
        let time = on_24_hours(self.time?, self.is_afternoon)?;
        let (month, day) = (self.month?, self.day?);
        let in_year = |year: i16| {
            let date = Date::new(year, month, day).ok()?;
            in_zone(DateTime::from_parts(date, time), self.zone.as_ref(), local_zone)
        };
        if let Some(year) = self.year {
            return in_year(year);
        }
        let now = jiff::fmt::rfc2822::parse(now).ok()?;
        let is_near = |found: &jiff::Zoned| {
            let since = now.timestamp().as_second() - found.timestamp().as_second();
            let is_day = |weekday| found.weekday().to_monday_zero_offset() == weekday;
            since <= AROUND_NOW.0 && since >= -AROUND_NOW.1 && self.weekday.is_none_or(is_day)
        };
        [now.year() - 1, now.year(), now.year() + 1].into_iter().filter_map(in_year).find(is_near)
    }
}

/// Letters are the local zone's own, or those of UTC: others, such as `CST`, mean several zones.
fn in_zone(time: DateTime, zone: Option<&Zone>, local_zone: fn() -> TimeZone) -> Option<jiff::Zoned> {
    match zone {
        Some(Zone::Offset(offset)) => time.to_zoned(TimeZone::fixed(*offset)).ok(),
        Some(Zone::Letters(letters)) if ["UTC", "GMT", "UT", "Z"].contains(&letters.as_str()) => {
            time.to_zoned(TimeZone::UTC).ok()
        }
        Some(Zone::Letters(letters)) => {
            let zone = local_zone();
            let here = time.to_zoned(zone.clone()).ok()?;
            let is_own = zone.to_offset_info(here.timestamp()).abbreviation() == letters.as_str();
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
        rfc5322(value, berlin, "Tue, 1 Dec 2026 09:00:00 +0000")
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
            "Mo 30. Nov 12:00:00 CET 2026",
            "Montag, 30. November 2026, 12:00:00 Uhr (UTC+0100)",
            "lun. 30 nov. 2026 12:00:00 CET",
            "lundi 30 novembre 2026, 05:00:00 (UTC-0600)",
            "Mon, 30 de noviembre de 2026 12:00:00",
            "2026年 11月 30日 星期一 12:00:00 CET",
            "2026年11月30日 星期一 12时00分00秒 CET",
            "2026年 11月 30日 月曜日 11:00:00 UTC",
            "2026年 11月 30日 (月) 11:00:00 UTC",
            "2026年11月30日 12:00:00",
            "Пн 30 ноя 2026 12:00:00 CET",
            "понедельник, 30 ноября 2026 г. 14:00:00 (UTC+0300)",
            "30.11.2026 12:00:00",
            "2026/11/30 12:00:00",
            "Mon Nov 30 12:00:00 CET",
            "Mo 30. Nov 12:00:00 CET",
            "Nov 30 12:00:00",
        ] {
            let found = mended(value).unwrap_or_else(|| panic!("{value}"));
            let moment = jiff::fmt::rfc2822::parse(&found).unwrap().timestamp();
            assert_eq!(moment.to_string(), "2026-11-30T11:00:00Z", "{value}: {found}");
            assert!(is_readable(&found), "{found}");
        }
    }

    #[test]
    fn word_that_is_a_month_and_a_weekday_is_what_is_missing() {
        for (value, found) in [
            ("mar. 01 déc. 2026 12:00:00 CET", "Tue, 1 Dec 2026 12:00:00 +0100"),
            ("mar. 10 mars 2026 12:00:00 CET", "Tue, 10 Mar 2026 12:00:00 +0100"),
            ("Mar 10 12:00:00 CET 2026", "Tue, 10 Mar 2026 12:00:00 +0100"),
        ] {
            assert_eq!(mended(value).as_deref(), Some(found), "{value}");
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
            "Sun Nov 30 12:00:00",
            "Jun 30 12:00:00",
            "Dec 30 12:00:00",
            "30.11. 12:00:00",
            "30.11.26 12:00:00",
            "2026年13月30日 12:00:00",
            "mar. 1 mar. 2026 12:00:00",
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

//! Dates, times and durations as programs write them, found by their form.

use std::ops::Range;

use super::octets::{before, is_word, run};

/// Written out, or their first three letters.
const MONTHS: [&[u8]; 12] = [
    b"January",
    b"February",
    b"March",
    b"April",
    b"May",
    b"June",
    b"July",
    b"August",
    b"September",
    b"October",
    b"November",
    b"December",
];
const DAYS: [&[u8]; 7] = [b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday"];
/// Zones by name. A list, since "INFO" and "WARN" stand behind times as well.
const ZONES: [&[u8]; 15] = [
    b"UTC", b"GMT", b"CEST", b"CET", b"EEST", b"EET", b"BST", b"EST", b"EDT", b"CST", b"CDT", b"PST", b"PDT", b"JST",
    b"Z",
];
/// Units of time, a longer one before its beginning.
const UNITS: [(&[u8], u64); 13] = [
    (b"ms", 1),
    (b"us", 1),
    (b"ns", 1),
    (b"secs", 1_000),
    (b"sec", 1_000),
    (b"s", 1_000),
    (b"mins", 60_000),
    (b"min", 60_000),
    (b"m", 60_000),
    (b"hrs", 3_600_000),
    (b"hr", 3_600_000),
    (b"h", 3_600_000),
    (b"d", 86_400_000),
];

/// A reader that moves through a text as long as its parts are found.
#[derive(Clone, Copy)]
struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
    /// Where the time of day was found.
    clock: (usize, usize),
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.octets[self.at.min(self.octets.len())..]
    }

    /// Between so many and so many digits, and no more.
    fn digits(&mut self, fewest: usize, most: usize) -> Option<()> {
        let length = run(self.octets, self.at, |octet| octet.is_ascii_digit());
        (fewest..=most).contains(&length).then(|| self.at += length)
    }

    /// One of these octets.
    fn one(&mut self, of: &[u8]) -> Option<u8> {
        let first = self.rest().first().copied().filter(|first| of.contains(first))?;
        self.at += 1;
        Some(first)
    }

    fn literal(&mut self, text: &[u8]) -> Option<()> {
        self.rest().starts_with(text).then(|| self.at += text.len())
    }

    /// One of these words.
    fn word(&mut self, of: &[&[u8]]) -> Option<()> {
        let word = &self.rest()[..run(self.octets, self.at, |octet| octet.is_ascii_alphabetic())];
        of.contains(&word).then(|| self.at += word.len())
    }

    /// One of these names, written out or in three letters.
    fn name(&mut self, of: &[&[u8]]) -> Option<()> {
        let word = &self.rest()[..run(self.octets, self.at, |octet| octet.is_ascii_alphabetic())];
        let is_one = |name: &&[u8]| word == *name || (word.len() == 3 && name.starts_with(word));
        of.iter().any(is_one).then(|| self.at += word.len())
    }

    /// What may be there or not.
    fn perhaps(&mut self, part: impl Fn(&mut Self) -> Option<()>) {
        let mut ahead = *self;
        if part(&mut ahead).is_some() {
            *self = ahead;
        }
    }
}

/// A date or time: its length, and where in the text the time of day stands, if it has one.
pub(super) fn time(octets: &[u8], at: usize) -> Option<(usize, Range<usize>)> {
    let start = Reader { octets, at, clock: (at, at) };
    let after_digit = before(octets, at).is_some_and(|octet| octet.is_ascii_digit());
    let forms: &[fn(&mut Reader<'_>) -> Option<()>] = match octets[at] {
        b'0'..=b'9' if after_digit => return None,
        b'0'..=b'9' => &[numeric_date, chinese_date, day_first_date, epoch, time_of_day],
        b'A'..=b'Z' => &[month_first_date, day_first_date],
        _ => return None,
    };
    forms.iter().find_map(|form| {
        let mut reader = start;
        form(&mut reader)?;
        Some((reader.at - at, reader.clock.0..reader.clock.1))
    })
}

/// 2026-11-30, 30.11.2026, 11/30/2026, 26/11/30 09:03:12; with a time and a zone behind it or without.
fn numeric_date(reader: &mut Reader<'_>) -> Option<()> {
    let first = reader.at;
    reader.digits(1, 4)?;
    let width = reader.at - first;
    let between = reader.one(b"-/.")?;
    reader.digits(1, 2)?;
    reader.one(&[between])?;
    let last = reader.at;
    reader.digits(1, 4)?;
    match (width, reader.at - last, between) {
        (4, 1..=2, _) | (1 | 2, 4, b'.' | b'/') => {}
        // Two digits for the year are a date only with a time behind them.
        (2, 2, b'/' | b'-') => return clock_behind_date(reader),
        _ => return None,
    }
    if before(reader.octets, first) == Some(b'.') || reader.rest().first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    reader.perhaps(clock_behind_date);
    Some(())
}

fn clock_behind_date(reader: &mut Reader<'_>) -> Option<()> {
    reader.perhaps(|reader| reader.one(b",").map(|_| ()));
    reader.one(b"T _:-")?;
    clock(reader, b":.")?;
    zone(reader);
    Some(())
}

/// 2026年11月30日 09:03:12.
fn chinese_date(reader: &mut Reader<'_>) -> Option<()> {
    reader.digits(4, 4)?;
    reader.literal("年".as_bytes())?;
    reader.digits(1, 2)?;
    reader.literal("月".as_bytes())?;
    reader.digits(1, 2)?;
    reader.literal("日".as_bytes())?;
    reader.perhaps(|reader| {
        reader.perhaps(|reader| reader.literal(b" "));
        clock(reader, b":")
    });
    Some(())
}

/// Mon Nov 30 09:03:12 UTC 2026, Nov 30, November 30, 2026.
fn month_first_date(reader: &mut Reader<'_>) -> Option<()> {
    if before(reader.octets, reader.at).is_some_and(is_word) {
        return None;
    }
    reader.perhaps(day_of_week);
    reader.name(&MONTHS)?;
    reader.literal(b" ")?;
    reader.digits(1, 2)?;
    reader.perhaps(|reader| reader.literal(b","));
    reader.perhaps(|reader| {
        reader.literal(b" ")?;
        clock(reader, b":")
    });
    reader.perhaps(|reader| {
        reader.perhaps(|reader| {
            reader.literal(b" ")?;
            reader.word(&ZONES)
        });
        reader.literal(b" ")?;
        reader.digits(4, 4)
    });
    zone(reader);
    Some(())
}

/// Mon, 30 Nov 2026 09:03:12 +0000, 30/Nov/2026:09:03:12 +0000.
fn day_first_date(reader: &mut Reader<'_>) -> Option<()> {
    if before(reader.octets, reader.at).is_some_and(is_word) {
        return None;
    }
    reader.perhaps(day_of_week);
    reader.digits(1, 2)?;
    reader.one(b"/ -")?;
    reader.name(&MONTHS)?;
    reader.one(b"/ -")?;
    reader.digits(4, 4)?;
    reader.perhaps(|reader| {
        reader.one(b": ")?;
        clock(reader, b":")
    });
    zone(reader);
    Some(())
}

fn day_of_week(reader: &mut Reader<'_>) -> Option<()> {
    reader.name(&DAYS)?;
    reader.perhaps(|reader| reader.literal(b","));
    reader.literal(b" ")
}

/// Seconds, or thousandths, since 1970, of the years 2020 to 2033.
fn epoch(reader: &mut Reader<'_>) -> Option<()> {
    let (first, text) = (reader.at, reader.rest());
    let is_now = matches!(text, [b'1', b'6'..=b'9', ..]);
    reader.digits(10, 13)?;
    let length = reader.at - first;
    // What changes within a day.
    reader.clock = (first + 5, reader.at);
    (is_now && (length == 10 || length == 13)).then_some(())
}

/// A time of day that stands alone.
fn time_of_day(reader: &mut Reader<'_>) -> Option<()> {
    if before(reader.octets, reader.at).is_some_and(|octet| matches!(octet, b'.' | b':')) {
        return None;
    }
    clock(reader, b":")?;
    reader.perhaps(|reader| {
        reader.literal(b" ")?;
        reader.word(&[b"AM", b"PM", b"am", b"pm"])
    });
    Some(())
}

/// 9:03, 09:03:12, 09:03:12.5, 09:03:12,500.
fn clock(reader: &mut Reader<'_>, between: &[u8]) -> Option<()> {
    let first = reader.at;
    reader.digits(1, 2)?;
    let between = [reader.one(between)?];
    reader.digits(2, 2)?;
    reader.perhaps(|reader| {
        reader.one(&between)?;
        reader.digits(2, 2)?;
        reader.perhaps(|reader| {
            let mark = reader.one(b".,:")?;
            if mark == b':' { reader.digits(3, 3) } else { reader.digits(1, 9) }
        });
        Some(())
    });
    reader.clock = (first, reader.at);
    (reader.rest().first() != Some(&b':') || !reader.rest().get(1).is_some_and(u8::is_ascii_digit)).then_some(())
}

fn zone(reader: &mut Reader<'_>) {
    reader.perhaps(|reader| {
        reader.perhaps(|reader| reader.literal(b" "));
        reader.word(&ZONES)
    });
    reader.perhaps(|reader| {
        reader.perhaps(|reader| reader.literal(b" "));
        reader.one(b"+-")?;
        let first = reader.at;
        reader.perhaps(|reader| reader.digits(4, 4));
        if reader.at == first {
            reader.digits(2, 2)?;
            reader.literal(b":")?;
            reader.digits(2, 2)?;
        }
        (!reader.rest().first().copied().is_some_and(is_word)).then_some(())
    });
}

/// The length of the duration that begins at an octet, and whether it is none: 5s, 1h5m, 12.5ms, 3d4h.
pub(super) fn duration(octets: &[u8], at: usize) -> Option<(usize, bool)> {
    let is_near = |octet: u8| is_word(octet) || octet == b'.';
    if !octets[at].is_ascii_digit() || before(octets, at).is_some_and(is_near) {
        return None;
    }
    let mut end = at;
    while octets.get(end).is_some_and(u8::is_ascii_digit) {
        end = number_end(octets, end);
        let unit = UNITS.iter().find(|(unit, _)| octets[end..].starts_with(unit))?;
        end += unit.0.len();
    }
    let is_whole = !octets.get(end).copied().is_some_and(is_word);
    let is_none = octets[at..end].iter().all(|octet| !matches!(octet, b'1'..=b'9'));
    is_whole.then_some((end - at, is_none))
}

fn number_end(octets: &[u8], at: usize) -> usize {
    let whole = at + run(octets, at, |octet| octet.is_ascii_digit());
    if octets.get(whole) != Some(&b'.') {
        return whole;
    }
    match run(octets, whole + 1, |octet| octet.is_ascii_digit()) {
        0 => whole,
        fraction => whole + 1 + fraction,
    }
}

/// The whole seconds of a duration.
pub(super) fn seconds(text: &str) -> u64 {
    let (octets, mut at, mut thousandths) = (text.as_bytes(), 0, 0u64);
    while at < octets.len() {
        let end = number_end(octets, at);
        let whole = text[at..end].split('.').next().and_then(|whole| whole.parse::<u64>().ok()).unwrap_or(u64::MAX);
        let Some((unit, length)) = UNITS.iter().find(|(unit, _)| octets[end..].starts_with(unit)) else { break };
        let is_small = matches!(*unit, b"us" | b"ns");
        thousandths = thousandths.saturating_add(if is_small { 0 } else { whole.saturating_mul(*length) });
        at = end + unit.len();
    }
    thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is found whole.
    #[test]
    fn times_of_many_programs_are_found() {
        for text in [
            "2026-11-30",
            "2026-11-30 09:03:12",
            "2026-11-30T09:03:12.123456Z",
            "2026-11-30T09:03:12+02:00",
            "2026-11-30 09:03:12 UTC",
            "2026-11-30 09:03:12,744",
            "2026/11/30 09:03:12 +0000",
            "2026.11.30",
            "2026-11-30-09.03.12.675872",
            "30.11.2026 09:03:12",
            "11/30/2026",
            "17/06/09 20:10:40",
            "11-30 16:13:38.811",
            "2026年11月30日",
            "2026年11月30日 09:03:12",
            "Nov 30 09:03:12",
            "Mon Nov 30 09:03:12 2026",
            "Mon Nov 30 09:03:12 CET 2026",
            "Mon, 30 Nov 2026 09:03:12 +0000",
            "30/Nov/2026:09:03:12 +0000",
            "November 30, 2026",
            "Nov 5",
            "9:03",
            "09:03:12 PM",
            "22:15:29:606",
            "1796029392",
            "1796029392123",
        ] {
            for line in [text.to_string(), format!("{text} INFO x"), format!("[{text}] x"), format!("{text}: x")] {
                let at = usize::from(line.starts_with('['));
                let found = time(line.as_bytes(), at).map(|(length, _)| length);
                // The form without a year stands in two pieces: month and day are numbers.
                let expected = if text == "11-30 16:13:38.811" { None } else { Some(text.len()) };
                assert_eq!(found, expected, "{line}");
            }
        }
    }

    #[test]
    fn time_of_day_is_told_from_the_date() {
        for (text, expected) in [
            ("2026-11-30 09:03:12 UTC", "09:03:12"),
            ("2026-11-30-09.03.12.675872", "09.03.12.675872"),
            ("30/Nov/2026:09:03:12 +0000", "09:03:12"),
            ("Mon Nov 30 09:03:12 2026", "09:03:12"),
            ("1796029392", "29392"),
            ("9:03", "9:03"),
            ("Nov 30", ""),
        ] {
            let (_, clock) = time(text.as_bytes(), 0).unwrap();
            assert_eq!(&text[clock], expected, "{text}");
        }
    }

    #[test]
    fn numbers_that_are_no_times_stay_numbers() {
        for text in ["10.0.0.5", "1.2.3", "3.2.7", "12:345", "fe80:12:34", "1:2", "2026", "123-45-67", "0930000000"] {
            assert_eq!(time(text.as_bytes(), 0), None, "{text}");
        }
        for text in ["Marvin 3", "Decline 12", "Monday", "May the"] {
            assert_eq!(time(text.as_bytes(), 0), None, "{text}");
        }
    }

    #[test]
    fn durations_are_known_by_their_units() {
        for (text, length, is_none, whole) in [
            ("5s", 2, false, 5),
            ("1h5m", 4, false, 3900),
            ("12.5ms", 6, false, 0),
            ("21d", 3, false, 1_814_400),
            ("0s", 2, true, 0),
            ("9h14m behind", 5, false, 33_240),
            ("90sec", 5, false, 90),
            ("250us", 5, false, 0),
        ] {
            assert_eq!(duration(text.as_bytes(), 0), Some((length, is_none)), "{text}");
            assert_eq!(seconds(&text[..length]), whole, "{text}");
        }
        for text in ["5", "5x", "5sda", "3d4", "0d83", "s5"] {
            assert_eq!(duration(text.as_bytes(), 0), None, "{text}");
        }
        assert_eq!(seconds("99999999999999999999999d"), u64::MAX / 1000);
    }
}

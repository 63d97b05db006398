//! What varies in a line: numbers, names with a digit in them, times, durations, random letters. Each is found by its
//! form alone; whether it is a fact or noise is learnt (`memory`).
//!
//! By hand and not by regular expressions: each octet of hostile text is looked at a bounded number of times.

use std::ops::Range;

use super::octets::{before, is_word, run};
use super::times;

/// The kind of a thing that varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A UUID. It says nothing, and is forgotten.
    Id,
    /// "5 of 5": both numbers.
    All,
    /// A date, a time of day, or both.
    Time,
    /// A number with a unit of time glued to it.
    Duration,
    /// The same, of no length: a fact.
    NoDuration,
    /// A number, or a word with a digit in it.
    Word,
    /// Random letters, base64.
    Opaque,
}

/// A thing that varies, and where it stands in its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
    /// Where the time of day stands, if that is part of it.
    pub(super) clock: Range<usize>,
}

/// All that varies in a line, in order.
pub(super) fn marks(line: &str) -> Vec<Mark> {
    let octets = line.as_bytes();
    let (mut marks, mut at, mut gap) = (Vec::new(), 0, 0);
    while at < octets.len() {
        let Some(mark) = special(octets, at) else {
            at += 1;
            continue;
        };
        words(octets, gap..at, &mut marks);
        (at, gap) = (mark.range.end, mark.range.end);
        marks.push(mark);
    }
    words(octets, gap..octets.len(), &mut marks);
    marks
}

/// The thing with a form of its own that begins at an octet.
fn special(octets: &[u8], at: usize) -> Option<Mark> {
    let (own, last) = (octets[at], before(octets, at).unwrap_or(b' '));
    // Within a word only a date can begin, with its first digit.
    let is_start = !last.is_ascii_alphanumeric() || (own.is_ascii_digit() && !last.is_ascii_digit());
    if !is_start || !(own.is_ascii_alphanumeric() || own == b'+') {
        return None;
    }
    let found = |kind| move |length| Mark { kind, range: at..at + length, clock: at..at };
    let time = || {
        let (length, clock) = times::time(octets, at)?;
        Some(Mark { clock, ..found(Kind::Time)(length) })
    };
    let duration = || {
        let (length, is_none) = times::duration(octets, at)?;
        Some(found(if is_none { Kind::NoDuration } else { Kind::Duration })(length))
    };
    uuid(octets, at)
        .map(found(Kind::Id))
        .or_else(|| base64(octets, at).map(found(Kind::Opaque)))
        .or_else(time)
        .or_else(duration)
        .or_else(|| random_letters(octets, at).map(found(Kind::Opaque)))
        .or_else(|| all_of_all(octets, at).map(found(Kind::All)))
}

/// RFC 9562 section 4.
fn uuid(octets: &[u8], at: usize) -> Option<usize> {
    const LENGTH: usize = 36;
    let text = octets.get(at..at + LENGTH)?;
    let is_form = text.iter().enumerate().all(|(at, octet)| match at {
        8 | 13 | 18 | 23 => *octet == b'-',
        _ => octet.is_ascii_hexdigit(),
    });
    let is_alone = !before(octets, at).is_some_and(is_word) && !octets.get(at + LENGTH).copied().is_some_and(is_word);
    (is_form && is_alone).then_some(LENGTH)
}

/// RFC 4648 section 4, from twenty-four characters. A path has more slashes, and a long name changes its case seldom.
fn base64(octets: &[u8], at: usize) -> Option<usize> {
    let is_in = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'+' || octet == b'/';
    let is_near = |octet: u8| is_word(octet) || matches!(octet, b'+' | b'/' | b'=');
    if before(octets, at).is_some_and(is_near) {
        return None;
    }
    let length = run(octets, at, is_in);
    let text = &octets[at..at + length];
    let class = |octet: &u8| (octet.is_ascii_lowercase(), octet.is_ascii_uppercase());
    let has = |is_one: fn(&u8) -> bool| text.iter().any(is_one);
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    let changes = text.windows(2).filter(|pair| class(&pair[0]) != class(&pair[1])).count();
    let slashes = text.iter().filter(|octet| **octet == b'/').count();
    if length < 24 || !is_mixed || changes * 3 < length || slashes > 1 + length / 24 {
        return None;
    }
    let length = length + run(octets, at + length, |octet| octet == b'=').min(2);
    (!octets.get(at + length).copied().is_some_and(is_near)).then_some(length)
}

/// Letters as `mktemp` draws them: the case changes at two of five, more often than in any name.
fn random_letters(octets: &[u8], at: usize) -> Option<usize> {
    if before(octets, at).is_some_and(|octet| octet.is_ascii_alphanumeric()) {
        return None;
    }
    let length = run(octets, at, |octet| octet.is_ascii_alphabetic());
    let text = &octets[at..at + length];
    let changes = text.windows(2).filter(|pair| pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase()).count();
    let is_whole = !octets.get(at + length).is_some_and(u8::is_ascii_digit);
    ((6..=14).contains(&length) && is_whole && changes * 5 >= length * 2).then_some(length)
}

/// "5 of 5", "5/5": not a part but all. Another fact than "3 of 5".
fn all_of_all(octets: &[u8], at: usize) -> Option<usize> {
    const BETWEEN: [&[u8]; 6] = [b"/", b" / ", b" of ", b" out of ", b" von ", b" sur "];
    let is_near = |octet: u8| is_word(octet) || matches!(octet, b'.' | b',' | b'/' | b'-');
    if !matches!(octets[at], b'1'..=b'9') || before(octets, at).is_some_and(is_near) {
        return None;
    }
    let digits = run(octets, at, |octet| octet.is_ascii_digit());
    let (number, rest) = octets[at..].split_at(digits);
    let between = BETWEEN.iter().find(|between| rest.starts_with(between))?;
    let rest = rest[between.len()..].strip_prefix(number)?;
    (!rest.first().copied().is_some_and(is_near)).then_some(2 * digits + between.len())
}

/// The words with a digit in a part of a line that holds nothing else that varies.
fn words(octets: &[u8], gap: Range<usize>, marks: &mut Vec<Mark>) {
    let mut at = gap.start;
    while at < gap.end {
        if !is_word(octets[at]) {
            at += 1;
            continue;
        }
        let end = word_end(&octets[..gap.end], at);
        let word = &octets[at..end];
        if word.iter().any(u8::is_ascii_digit) && !is_zero(word) {
            marks.push(Mark { kind: Kind::Word, range: at..end, clock: at..at });
        }
        at = end;
    }
}

/// The end of a word: single dots and hyphens join.
fn word_end(octets: &[u8], at: usize) -> usize {
    let mut end = at + run(octets, at, is_word);
    while octets.get(end).is_some_and(|octet| matches!(octet, b'.' | b'-')) {
        let more = run(octets, end + 1, is_word);
        if more == 0 {
            break;
        }
        end += 1 + more;
    }
    end
}

/// Nothing of anything: "0", "0.00", "0B", "0.0GiB", "0x0". A fact, and no place.
fn is_zero(word: &[u8]) -> bool {
    const UNITS: [&[u8]; 12] = [b"", b"B", b"b", b"bps", b"C", b"F", b"V", b"W", b"Hz", b"rpm", b"it", b"x0"];
    let zeros = run(word, 0, |octet| matches!(octet, b'0' | b'.'));
    let unit = &word[zeros..];
    let of_octets = match unit {
        [b'K' | b'M' | b'G' | b'T' | b'P' | b'k' | b'm' | b'g' | b't', rest @ ..] => {
            matches!(rest, b"" | b"B" | b"b" | b"i" | b"iB" | b"bit" | b"bps")
        }
        _ => false,
    };
    zeros > 0 && (of_octets || UNITS.contains(&unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The things that vary in a line, each behind the letter of its kind.
    fn found(line: &str) -> Vec<String> {
        let letter = |kind| match kind {
            Kind::Id => 'i',
            Kind::All => 'a',
            Kind::Time => 't',
            Kind::Duration => 'd',
            Kind::NoDuration => 'z',
            Kind::Word => 'w',
            Kind::Opaque => 'o',
        };
        marks(line).into_iter().map(|mark| format!("{}:{}", letter(mark.kind), &line[mark.range])).collect()
    }

    #[test]
    fn what_varies_is_found_by_its_form() {
        for (line, expected) in [
            ("unit web3 failed with 503", &["w:web3", "w:503"][..]),
            ("no digit, no place", &[]),
            ("0 errors, 0.00 loss, 0B of 0.0GiB at 0x0", &[]),
            ("0f3 is an id", &["w:0f3"]),
            ("task 6f1a2b3c-0d83-4f00-a111-0123456789ab lost", &["i:6f1a2b3c-0d83-4f00-a111-0123456789ab"]),
            ("5 of 5 disks, 3 of 5 fans, 2/2 up", &["a:5 of 5", "w:3", "w:5", "a:2/2"]),
            ("15 of 5, 1/1/2026", &["w:15", "w:5", "t:1/1/2026"]),
            ("token 4gT9xQ2mBv7LrN3kWz8HcY5d== ok", &["o:4gT9xQ2mBv7LrN3kWz8HcY5d=="]),
            ("/Var/lib/postgres14/Base/16384/2619", &["w:postgres14", "w:16384", "w:2619"]),
            ("AbstractRoutingDataSource2Factory", &["w:AbstractRoutingDataSource2Factory"]),
            ("cannot rename status.tmpkZbXfW", &["o:tmpkZbXfW"]),
            ("NullPointerException in OrderService", &[]),
            ("ORD_4711_20261130_0903.csv", &["w:ORD_4711_20261130_0903.csv"]),
            ("job_2026-11-30.log took 1h5m", &["t:2026-11-30", "d:1h5m"]),
            ("退出码2", &["w:2"]),
            ("shop-web-1.example.test:443", &["w:shop-web-1.example.test", "w:443"]),
            ("ran 0s, then 12.5ms", &["z:0s", "d:12.5ms"]),
        ] {
            assert_eq!(found(line), expected, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn marks_stand_in_order_and_at_ends_of_characters(line in "\\PC{0,80}|[0-9a-fT:.年月日JanMo +/-]{0,60}") {
            let mut end = 0;
            for mark in marks(&line) {
                proptest::prop_assert!(mark.range.start >= end && !mark.range.is_empty());
                proptest::prop_assert!(line.get(mark.range.clone()).is_some());
                end = mark.range.end;
            }
        }
    }
}

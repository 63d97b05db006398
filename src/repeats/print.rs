//! The print of one text: its lines without what varies, and what varies in them.

use std::cell::OnceCell;
use std::ops::Range;

use super::hash::{self, Hash, half};
use super::scan::{self, Kind, Mark};
use super::text;
use super::times::seconds;

/// Lines with more pieces are known as a whole only: no word of theirs becomes a place.
const MOST_PIECES: usize = 48;
/// A name with more parts is one value.
const MOST_PARTS: usize = 6;
/// The print of a text. It depends on the text alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    /// The lines, in order.
    pub(super) lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// As a terminal would show it, blanks squeezed.
    pub(super) text: String,
    /// The hash of the line without what varies.
    pub(super) form: u64,
    /// What varies.
    pub(super) values: Vec<Value>,
    /// The line without what varies, and the octets of each thing that is not there.
    loose: (String, Vec<usize>),
    /// Its pieces, once somebody asks for them: a line of a known form is known by that.
    pieces: OnceCell<Pieces>,
}

/// The pieces of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pieces {
    /// The hash of what stands between them, with their number; `None` if they are too many.
    frame: Option<u64>,
    /// The pieces of a line with a frame.
    all: Vec<Piece>,
}

/// A piece of a line, between blanks and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its hash. The lowest bit says that the piece is a bare word: it holds nothing that varies, and is not empty.
    pub(super) hash: u32,
    /// Where it stands in the text, if it is a bare word.
    pub(super) range: Range<usize>,
}

impl Piece {
    /// The piece with that hash is a bare word.
    pub(super) fn is_bare(hash: u32) -> bool {
        hash & 1 == 1
    }
}

/// Something that varies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// Its place in a line of that form.
    pub(super) spot: Spot,
    /// Its hash.
    pub(super) hash: u32,
    /// It is a word, not a number: words change seldom, so more of them are news.
    pub(super) is_word: bool,
    /// The digits in front of the point, of a number.
    pub(super) digits: Option<u8>,
    /// Where it stands in the text.
    pub(super) range: Range<usize>,
}

/// A place in the lines of one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Spot {
    /// The number of the thing that varies, or of the piece.
    pub(super) index: u16,
    /// The number of its parts; 0 for a thing that is whole, `TIME` for date and time of day, `WORD` for a piece.
    pub(super) of: u8,
    /// The part.
    pub(super) part: u8,
}

impl Spot {
    const WORD: u8 = u8::MAX;
    const TIME: u8 = u8::MAX - 1;

    /// The place of a piece.
    pub(super) fn word(index: usize) -> Self {
        Self { index: u16::try_from(index).unwrap_or(u16::MAX), of: Self::WORD, part: 0 }
    }

    /// It is a date or a time of day.
    pub(super) fn is_time(self) -> bool {
        self.of == Self::TIME
    }

    /// The number of the piece whose place this is.
    pub(super) fn piece(self) -> Option<usize> {
        (self.of == Self::WORD).then_some(usize::from(self.index))
    }
}

impl Print {
    /// The print of a text that has been decoded.
    pub fn of(text: &str) -> Self {
        let (lines, left_out) = text::lines(text);
        // Lines that are left out vary in number only.
        let left_out = (left_out > 0).then(|| format!("{left_out} lines left out"));
        Self { lines: lines.into_iter().chain(left_out).map(Line::of).collect() }
    }

    /// The lines as they are looked at: as a terminal would show them.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.text.as_str())
    }
}

impl Line {
    fn of(text: String) -> Self {
        let mut line = Self {
            text: String::new(),
            form: 0,
            values: Vec::new(),
            loose: Default::default(),
            pieces: OnceCell::new(),
        };
        // What is cut out of the text leaves a control character, of which the text has none.
        let mut loose = String::with_capacity(text.len());
        let mut end = 0;
        let marks = scan::marks(&text);
        for mark in &marks {
            loose.push_str(&text[end..mark.range.start]);
            loose.push(match mark.kind {
                Kind::Id => '\u{1}',
                Kind::All => '\u{2}',
                Kind::Time => '\u{3}',
                Kind::Duration => '\u{4}',
                Kind::NoDuration => '\u{5}',
                Kind::Word | Kind::Opaque => '\u{6}',
            });
            end = mark.range.end;
            line.add_values(&text, mark);
        }
        loose.push_str(&text[end..]);
        line.form = hash::of(&loose);
        line.loose = (loose, marks.iter().map(|mark| mark.range.len()).collect());
        line.text = text;
        line
    }

    /// The hash of what stands between its pieces, with their number; `None` if it has too many.
    pub(super) fn frame(&self) -> Option<u64> {
        self.pieces.get_or_init(|| self.split()).frame
    }

    /// The pieces of a line with a frame.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces.get_or_init(|| self.split()).all
    }

    /// Adds what varies in one thing: itself, or the parts of a name.
    fn add_values(&mut self, text: &str, mark: &Mark) {
        let last = self.values.last().map_or(0, |value| value.spot.index.saturating_add(1));
        let spot = Spot { index: last, of: 0, part: 0 };
        let range = mark.range.clone();
        let word = &text[range.clone()];
        let is_number = |word: &str| word.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'.' | b'-'));
        let (is_word, digits) = match mark.kind {
            Kind::Id | Kind::NoDuration => return,
            Kind::Time => return self.add_times(text, mark, spot),
            Kind::All => (false, None),
            Kind::Duration => (false, Some(length_in_digits(seconds(word)))),
            Kind::Opaque => (true, None),
            Kind::Word if is_number(word) || is_hexadecimal(word) => (false, digits(word)),
            Kind::Word => {
                let parts = word.split(['-', '_', '.']).count();
                if (2..=MOST_PARTS).contains(&parts) {
                    return self.add_parts(word, range.start, Spot { of: parts as u8, ..spot });
                }
                (true, None)
            }
        };
        self.values.push(Value { spot, hash: half(hash::of(word)), is_word, digits, range });
    }

    /// Adds the date and the time of day. The date seldom changes: a mail that shows an old one is not like the others.
    fn add_times(&mut self, text: &str, mark: &Mark, spot: Spot) {
        let clock = &text[mark.clock.clone()];
        let date = [&text[mark.range.start..mark.clock.start], &text[mark.clock.end..mark.range.end]].concat();
        let parts = [(0, date.as_str(), mark.range.clone()), (1, clock, mark.clock.clone())];
        for (part, text, range) in parts.into_iter().filter(|(_, text, _)| !text.is_empty()) {
            let spot = Spot { of: Spot::TIME, part, ..spot };
            self.values.push(Value { spot, hash: half(hash::of(text)), is_word: false, digits: None, range });
        }
    }

    fn add_parts(&mut self, word: &str, start: usize, spot: Spot) {
        let mut at = start;
        for (part, text) in (0..).zip(word.split(['-', '_', '.'])) {
            let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
            self.values.push(Value {
                spot: Spot { part, ..spot },
                hash: half(hash::of(text)),
                is_word: !is_number && !is_hexadecimal(text),
                digits: if is_number { digits(text) } else { None },
                range: at..at + text.len(),
            });
            at += text.len() + 1;
        }
    }

    /// Splits the line without what varies into its pieces.
    fn split(&self) -> Pieces {
        let (loose, widths) = &self.loose;
        let mut frame = Hash::default();
        let mut pieces = Vec::new();
        // In the text, each mark is as wide as what varies; here it is one octet wide.
        let mut widths = widths.iter().map(|width| width - 1);
        let (mut at, mut shift) = (0, 0);
        loop {
            let rest = &loose[at..];
            let (piece, behind) = rest.split_at(rest.find(is_between).unwrap_or(rest.len()));
            let between = &behind[..behind.len() - behind.trim_start_matches(is_between).len()];
            let cut_out = piece.bytes().filter(u8::is_ascii_control).count();
            let is_bare = !piece.is_empty() && cut_out == 0;
            let range = if is_bare { at + shift..at + shift + piece.len() } else { 0..0 };
            pieces.push(Piece { hash: half(hash::of(piece)) & !1 | u32::from(is_bare), range });
            shift += widths.by_ref().take(cut_out).sum::<usize>();
            at += piece.len() + between.len();
            frame.text(between);
            if between.is_empty() {
                break;
            }
            if pieces.len() == MOST_PIECES {
                return Pieces::default();
            }
        }
        Pieces { frame: Some(frame.end()), all: pieces }
    }
}

/// What stands between the pieces of a line.
fn is_between(c: char) -> bool {
    matches!(c, ' ' | '/' | '"' | '\'' | '`' | '=' | ':' | ',' | ';' | '(' | ')' | '|' | '@' | '[' | ']' | '{' | '}')
        || matches!(c, '：' | '，' | '；')
}

/// A hash or a serial number: eight digits of sixteen, or more. They change as numbers do.
fn is_hexadecimal(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    digits.len() >= 8 && digits.bytes().all(|octet| octet.is_ascii_hexdigit())
}

/// The digits of a number in front of its point. `None` for what only looks like a number, as an address does.
fn digits(word: &str) -> Option<u8> {
    let is_number = word.len() <= 18 && word.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'.'));
    if !is_number {
        return None;
    }
    let (first, rest) = word.split_once('.').unwrap_or((word, ""));
    let whole = match rest.bytes().filter(|octet| *octet == b'.').count() {
        0 => first.len(),
        more if rest.split('.').all(|part| part.len() == 3) => first.len() + 3 * (more + 1),
        _ => return None,
    };
    // "0.5" has none, but "007" is as wide as it is.
    if whole == 1 && first == "0" { Some(0) } else { u8::try_from(whole).ok() }
}

/// The digits of a whole number.
fn length_in_digits(number: u64) -> u8 {
    number.checked_ilog10().map_or(0, |log| u8::try_from(log + 1).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::of(text.to_string())
    }

    #[test]
    fn lines_that_differ_in_what_varies_have_one_form() {
        for (one, other) in [
            ("got 503 after 12 ms", "got 404 after 9 ms"),
            ("2026-11-30 09:03:12 up", "2027-01-01 00:00:00 up"),
            ("shop-web-1 is down", "mail-mx-22 is down"),
            ("ran 5s", "ran 1h2m"),
            ("3 of 5 disks", "4 of 5 disks"),
        ] {
            assert_eq!(line(one).form, line(other).form, "{one}");
        }
        for (one, other) in [
            ("0 errors", "3 errors"),
            ("read 0.0GB", "read 1.4GB"),
            ("5 of 5 disks", "3 of 5 disks"),
            ("ran 0s", "ran 5s"),
            ("loss -0.07", "loss 0.07"),
            ("host db down", "host web down"),
        ] {
            assert_ne!(line(one).form, line(other).form, "{one}");
        }
    }

    #[test]
    fn names_are_as_many_places_as_they_have_parts() {
        let order = line("ORD_4711_20261130 lost");
        let parts: Vec<&str> = order.values.iter().map(|value| &order.text[value.range.clone()]).collect();
        assert_eq!(parts, ["ORD", "4711", "20261130"]);
        assert_eq!(order.values[1].spot, Spot { index: 0, of: 3, part: 1 });
        assert_eq!(order.values.iter().map(|value| value.is_word).collect::<Vec<_>>(), [true, false, false]);
        let many = line("a1-b-c-d-e-f-g gone");
        assert_eq!(many.values.len(), 1);
    }

    #[test]
    fn digits_are_those_in_front_of_the_point() {
        for (word, expected) in [
            ("503", Some(3)),
            ("0.5", Some(0)),
            ("12.75", Some(2)),
            ("1.234.567", Some(7)),
            ("007", Some(3)),
            ("10.0.0.5", None),
            ("3e7281", None),
            ("2026-11", None),
            ("1234567890123456789", None),
        ] {
            assert_eq!(digits(word), expected, "{word}");
        }
        assert_eq!((length_in_digits(0), length_in_digits(9), length_in_digits(10)), (0, 1, 2));
    }

    #[test]
    fn bare_words_are_found_in_the_text() {
        let line = line("web3: host 12 \u{5907}\u{4efd} down (db 2026-11-30)");
        let bare: Vec<&str> = line.pieces().iter().map(|piece| &line.text[piece.range.clone()]).collect();
        assert_eq!(bare, ["", "host", "", "\u{5907}\u{4efd}", "down", "db", "", ""]);
        assert_eq!(Line::of("a ".repeat(MOST_PIECES + 1)).frame(), None);
    }

    proptest::proptest! {
        #[test]
        fn all_that_is_found_stands_in_the_text(text in "(\\PC{0,40}\n|[0-9a-f:. -]{0,40}\r?\n){0,6}") {
            let print = Print::of(&text);
            proptest::prop_assert_eq!(&Print::of(&text), &print);
            for line in &print.lines {
                for range in line.pieces().iter().map(|piece| &piece.range).chain(line.values.iter().map(|value| &value.range)) {
                    proptest::prop_assert!(line.text.get(range.clone()).is_some());
                }
            }
        }
    }
}

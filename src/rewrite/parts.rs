//! A multipart, or a message within a message, whose parts cannot all stand on the wire as they are. Each body in it is
//! treated by itself, in one pass. A body that needs nothing passes as it came. RFC 2046 section 5.1.

use super::filter::Filter;
use super::leaf::{Leaf, without_end};
use super::part_head::Head;
use super::treatment::{Coding, Demand, Labels, Treatment};
use crate::message::{HEADER_LIMIT, MediaType, Shape};

/// RFC 2046 section 5.1.1 has boundaries of 70 characters at most; a longer line is no delimiter.
const LONGEST_DELIMITER: usize = 1024;
const LONGEST_UNREAD: usize = 900;
/// Bodies that lie deeper are not inspected.
const DEEPEST: usize = 50;

/// Treats the bodies as they come by.
#[derive(Debug)]
pub(super) struct Parts {
    /// Bytes over 127 may leave.
    eight_bit: bool,
    /// The charset of text that is not UTF-8 and has no label that can be right.
    fallback: Option<String>,
    /// The multiparts we are in, the innermost last.
    levels: Vec<Level>,
    place: Place,
    /// The beginning of a line that may be a delimiter.
    line: Vec<u8>,
    /// The next octet does not start a line.
    is_within_line: bool,
}

#[derive(Debug)]
struct Level {
    /// `--` and the boundary.
    delimiter: Vec<u8>,
    /// RFC 2046 section 5.1.5: its parts are messages unless they say otherwise.
    is_digest: bool,
}

#[derive(Debug)]
enum Place {
    /// Before the first part or after the last one: text for nobody.
    Between { column: usize },
    /// In a header section.
    Header {
        octets: Vec<u8>,
        /// It is the head of a message, not of a part.
        is_message: bool,
    },
    /// In a body that holds no other.
    Leaf(Box<Leaf>),
}

impl Parts {
    /// For the body of a multipart.
    pub(super) fn within(boundary: &[u8], fallback: Option<&str>) -> Self {
        let mut parts = Self::at(Place::Between { column: 0 }, fallback);
        parts.enter(boundary, false);
        parts
    }

    /// For the body of a message/rfc822.
    pub(super) fn of_message(fallback: Option<&str>) -> Self {
        Self::at(Place::Header { octets: Vec::new(), is_message: true }, fallback)
    }

    /// For a whole message that has to leave without bytes over 127.
    pub(super) fn seven_bit() -> Self {
        Self { eight_bit: false, ..Self::of_message(None) }
    }

    fn at(place: Place, fallback: Option<&str>) -> Self {
        let fallback = fallback.map(str::to_string);
        Self { eight_bit: true, fallback, levels: Vec::new(), place, line: Vec::new(), is_within_line: false }
    }

    fn enter(&mut self, boundary: &[u8], is_digest: bool) {
        self.levels.push(Level { delimiter: [b"--", boundary].concat(), is_digest });
    }

    /// Takes a line, or a piece of one that is too long for a delimiter.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if !self.is_within_line
            && let Some((level, is_last)) = self.delimiter(line)
        {
            return self.turn(level, is_last, line, out);
        }
        let was_within_line = std::mem::replace(&mut self.is_within_line, !line.ends_with(b"\n"));
        let is_blank = !was_within_line && without_end(line).is_empty();
        match &mut self.place {
            Place::Between { column } => unread(line, column, out),
            Place::Header { .. } if is_blank => self.open(out),
            Place::Header { octets, .. } if octets.len() > HEADER_LIMIT => {
                self.open(out);
                self.is_within_line = was_within_line;
                self.line(line, out);
            }
            Place::Header { octets, .. } => octets.extend_from_slice(line),
            Place::Leaf(leaf) => leaf.push(line, self.eight_bit, out),
        }
    }

    /// The level a delimiter belongs to, and whether it is the last one there.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.trim_ascii_end();
        if !line.starts_with(b"--") {
            return None;
        }
        let of = |level: &Level| match line.strip_prefix(level.delimiter.as_slice())? {
            b"" => Some(false),
            b"--" => Some(true),
            _ => None,
        };
        (0..self.levels.len()).rev().find_map(|at| Some((at, of(&self.levels[at])?)))
    }

    /// A delimiter ends all that is open, and the multiparts within its own.
    fn turn(&mut self, level: usize, is_last: bool, line: &[u8], out: &mut Vec<u8>) {
        self.close(out);
        self.levels.truncate(if is_last { level } else { level + 1 });
        out.extend_from_slice(line.trim_ascii_end());
        out.extend_from_slice(b"\r\n");
        self.place = if is_last {
            Place::Between { column: 0 }
        } else {
            Place::Header { octets: Vec::new(), is_message: false }
        };
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        // An empty message has no header section to end.
        if matches!(&self.place, Place::Header { octets, is_message } if !is_message || !octets.is_empty()) {
            self.open(out);
        }
        if let Place::Leaf(leaf) = &mut self.place {
            leaf.end(self.eight_bit, out);
        }
        self.place = Place::Between { column: 0 };
    }

    /// The header section is over: opens the body that it announces.
    fn open(&mut self, out: &mut Vec<u8>) {
        let Place::Header { octets, is_message } = std::mem::replace(&mut self.place, Place::Between { column: 0 })
        else {
            return;
        };
        let is_digest = self.levels.last().is_some_and(|level| level.is_digest) && !is_message;
        let mut head = Head::read(&octets, is_message, self.fallback.as_deref());
        if is_digest && !head.labels.has_type {
            head.labels.kind = MediaType::parse(b"message/rfc822");
        }
        let coding = if self.levels.len() < DEEPEST { container(&head.labels) } else { None };
        match coding {
            Some(coding) => {
                head.write_container(self.eight_bit, out);
                match coding {
                    Coding::Parts(boundary) => self.enter(&boundary, head.is_digest()),
                    _ => self.place = Place::Header { octets: Vec::new(), is_message: true },
                }
            }
            None => self.place = Place::Leaf(Box::new(Leaf::new(head))),
        }
    }
}

/// A container of other bodies is not encoded, whatever its label says.
fn container(labels: &Labels) -> Option<Coding> {
    let mut shape = Shape::default();
    shape.longest_line = u64::MAX;
    let demand = Demand { eight_bit: true, strip: false, fallback: None };
    let coding = Treatment::of(labels, &shape, &demand).coding;
    matches!(coding, Coding::Parts(_) | Coding::Message).then_some(coding)
}

impl Filter for Parts {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for run in bytes.split_inclusive(|b| *b == b'\n') {
            self.line.extend_from_slice(run);
            // A CR at the end of a piece may belong to its line end.
            let is_long = self.line.len() > LONGEST_DELIMITER && !self.line.ends_with(b"\r");
            if run.ends_with(b"\n") || is_long {
                let line = std::mem::take(&mut self.line);
                self.line(&line, out);
                self.line = line;
                self.line.clear();
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.line(&line, out);
        }
        self.close(out);
    }
}

/// A preamble or an epilogue, made legal: RFC 2046 section 5.1.1 has readers pass over it.
fn unread(line: &[u8], column: &mut usize, out: &mut Vec<u8>) {
    let text = without_end(line);
    for byte in text {
        if *column == LONGEST_UNREAD {
            out.extend_from_slice(b"\r\n");
            *column = 0;
        }
        out.push(if matches!(byte, b'\t' | b' '..=b'~') { *byte } else { b'?' });
        *column += 1;
    }
    if text.len() < line.len() {
        out.extend_from_slice(b"\r\n");
        *column = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::filter::tests::filtered;
    use super::*;

    fn within(body: &str) -> String {
        String::from_utf8(filtered(Parts::within(b"b", None), &[body.as_bytes()])).unwrap()
    }

    #[test]
    fn legal_parts_pass_as_they_came() {
        let body = "preamble\r\n--b\r\n\r\ntext \r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\
                    Content-Transfer-Encoding: 8bit\r\n\r\n<p>\u{e9}\r\n--c\r\n--b--\r\nepilogue\r\n";
        assert_eq!(within(body), body);
        assert_eq!(within(&body.replace("\r\n", "\n")), body);
    }

    #[test]
    fn part_that_is_not_legal_is_encoded_and_says_so() {
        let (long, cr) = ("x".repeat(1200), "50%\r100%");
        let found = within(&format!("--b\n\n{long}\n--b\nContent-Type: text/html\n\n{cr}\n\n--b\n\nfine\n--b--\n"));
        let encoded = "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
        assert!(found.starts_with(&format!("--b\r\n{encoded}xxx")), "{found}");
        assert!(
            found.contains(&format!("\r\n--b\r\nContent-Type: text/html\r\n{encoded}50%=0D100%\r\n\r\n--b\r\n")),
            "{found}"
        );
        assert!(found.ends_with("--b\r\n\r\nfine\r\n--b--\r\n"), "{found}");
        assert!(found.lines().all(|line| line.len() <= 998));
    }

    #[test]
    fn data_keeps_every_octet_but_the_line_end_of_the_delimiter() {
        let found = within("--b\nContent-Type: application/x\n\n\0\n\n--b--\n");
        let encoded =
            "--b\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAo=\r\n--b--\r\n";
        assert_eq!(found, encoded);
    }

    #[test]
    fn multiparts_and_messages_within_are_opened() {
        let inner = "--b\r\nContent-Type: multipart/alternative; boundary=\"c\"\r\n\r\n--c\r\n\r\na\r\n--c--\r\n--b\r\n\
                     Content-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\ntext\r\n--b--\r\n";
        assert_eq!(within(inner), inner);
        let found = within(&inner.replace("\r\na\r\n", "\r\na\0\r\n").replace("text\r\n", "te\rxt\r\n"));
        assert!(
            found.contains("--c\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=00\r\n--c--\r\n"),
            "{found}"
        );
        let message =
            "Subject: s\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nte=0Dxt\r\n";
        assert!(found.contains(message), "{found}");
    }

    #[test]
    fn large_part_is_treated_for_the_worst() {
        let text = "line\r\n".repeat(100_000);
        let found = within(&format!("--b\r\n\r\n{text}{}\r\n--b--\r\n", "\0"));
        assert!(found.contains("quoted-printable") && found.ends_with("line\r\n=00\r\n--b--\r\n"));
    }

    #[test]
    fn line_end_at_the_start_of_a_piece_ends_a_long_field_and_not_its_header_section() {
        let field = format!("X-Long: {}", "y ".repeat(600));
        let rest = "\nContent-Type: application/x\n\n\0\n--b--\n";
        let start = format!("--b\n{field}");
        let found = filtered(Parts::within(b"b", None), &[start.as_bytes(), rest.as_bytes()]);
        assert_eq!(String::from_utf8(found).unwrap(), within(&format!("{start}{rest}")));
    }

    #[test]
    fn line_past_the_header_limit_is_kept_in_the_container_it_falls_into() {
        let field = format!("X-Much: {}\n", "y".repeat(60));
        for (kind, text) in [("message/rfc822", "X-Kept: yes"), ("multipart/mixed; boundary=c", "--c")] {
            let label = format!("Content-Type: {kind}\n");
            let fields = field.repeat((HEADER_LIMIT - label.len()) / field.len() + 1);
            let found = within(&format!("--b\n{label}{fields}{text}\n\ntext\n--b--\n"));
            assert!(found.contains(&format!("\r\n\r\n{text}\r\n\r\ntext\r\n")), "{kind}");
        }
    }

    #[test]
    fn large_part_names_a_charset_for_what_is_not_seen_yet() {
        let text = "line\n".repeat(72_000);
        for (written, expected) in [
            ("", "; charset=utf-8"),
            ("; charset=us-ascii", "; charset=utf-8"),
            ("; charset=iso-8859-1", "; charset=iso-8859-1"),
        ] {
            let part = format!("--b\nContent-Type: text/plain{written}\n\n{text}\u{e9}\n--b--\n");
            for eight_bit in [true, false] {
                let mut parts = Parts::within(b"b", None);
                parts.eight_bit = eight_bit;
                let found = String::from_utf8(filtered(parts, &[part.as_bytes()])).unwrap();
                let head = format!("Content-Type: text/plain{expected}\r\nContent-Transfer-Encoding: quoted-printable");
                assert!(found.contains(&head), "{written}: {}", &found[..120]);
            }
        }
    }

    const PIECES: &[&[u8]] = &[
        b"--b",
        b"\n",
        b"\r\n",
        b"\r",
        b"--",
        b"\0",
        b"x",
        b"\xc3\xa9",
        b"\xff",
        b":",
        b" ",
        b"--c\n",
        b"\n\n",
        b"Content-Type: message/rfc822\n",
        b"Content-Type: multipart/digest; boundary=c\n",
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Transfer-Encoding: quoted-printable\n",
        &[b'y'; 1100],
    ];

    proptest::proptest! {
        #[test]
        fn any_body_becomes_legal_in_any_pieces(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40),
            cut in proptest::prelude::any::<proptest::sample::Index>(),
        ) {
            let body = pieces.concat();
            let cut = cut.index(body.len() + 1);
            let whole = filtered(Parts::within(b"b", None), &[&body]);
            proptest::prop_assert_eq!(&filtered(Parts::within(b"b", None), &[&body[..cut], &body[cut..]]), &whole);
            let rest = String::from_utf8_lossy(&whole).replace("\r\n", "");
            proptest::prop_assert!(!rest.contains(['\r', '\n', '\0']));
            proptest::prop_assert!(whole.split(|b| *b == b'\n').all(|line| line.len() <= 999));
            let again = filtered(Parts::within(b"b", None), &[&whole]);
            proptest::prop_assert_eq!(again.escape_ascii().to_string(), whole.escape_ascii().to_string());
            let mut seven = Parts::within(b"b", None);
            seven.eight_bit = false;
            proptest::prop_assert!(filtered(seven, &[&body]).is_ascii());
        }
    }
}

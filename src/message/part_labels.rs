//! The parts of a multipart as they come by: whether the head of each says the truth about the text below it. A part
//! whose labels are false has to be treated; a part whose labels are true leaves as it came, also if it is signed.

use super::charset;
use super::unfolded::unfolded;
use super::utf8::Utf8;
use super::value::MediaType;

/// No head of a real part is longer.
const MOST_HEAD: usize = 16 << 10;
/// RFC 2046 section 5.1.1 has boundaries of 70 characters at most; a longer line is no delimiter.
const LONGEST_DELIMITER: usize = 1024;
/// Multiparts that lie deeper are not inspected.
const DEEPEST: usize = 50;
/// The octets of a text that are kept to tell its charset from, from its first byte over 127 on.
const SAMPLE: usize = 4 << 10;

/// The labels of a multipart's parts, as one pass over it learns them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PartLabels {
    /// `--` and the boundary of each multipart we are in, the innermost last.
    delimiters: Vec<Vec<u8>>,
    place: Place,
    /// The beginning of a line that may be a delimiter.
    line: Vec<u8>,
    is_within_line: bool,
    is_false: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Place {
    /// No label counts here: between parts, and in a part that is encoded or no text.
    #[default]
    Elsewhere,
    Head(Vec<u8>),
    Text(Text),
}

/// A text, and what its labels say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Text {
    charset: String,
    /// There are bytes over 127.
    says_eight_bit: bool,
    utf8: Utf8,
    sample: Vec<u8>,
}

impl Text {
    fn learn(&mut self, octets: &[u8]) {
        let is_ascii = octets.is_ascii();
        self.utf8.learn(octets, is_ascii);
        let first = octets.iter().position(|octet| !octet.is_ascii());
        let start = if self.sample.is_empty() { first.unwrap_or(octets.len()) } else { 0 };
        let room = SAMPLE.saturating_sub(self.sample.len());
        self.sample.extend(octets[start..].iter().take(room));
    }

    /// Its labels are false.
    fn is_false(&self) -> bool {
        let is_utf8 = self.utf8.is_valid() || self.utf8.is_mostly_valid();
        let is_true = || self.says_eight_bit && charset::fits(&self.charset, is_utf8, &self.sample);
        !self.sample.is_empty() && !is_true()
    }
}

impl PartLabels {
    /// For the body of a multipart with that boundary.
    pub(super) fn within(boundary: &str) -> Self {
        let mut labels = Self::default();
        labels.enter(boundary);
        labels
    }

    /// A label that came by is false.
    pub(super) fn are_false(&self) -> bool {
        self.is_false
    }

    fn enter(&mut self, boundary: &str) {
        if self.delimiters.len() < DEEPEST {
            self.delimiters.push([b"--", boundary.as_bytes()].concat());
        }
    }

    /// Looks at the next octets of the body.
    pub(super) fn learn(&mut self, octets: &[u8]) {
        // One false label is enough.
        if self.is_false {
            return;
        }
        for run in octets.split_inclusive(|octet| *octet == b'\n') {
            let is_end = run.ends_with(b"\n");
            if self.line.is_empty() && (is_end || run.len() > LONGEST_DELIMITER) {
                self.take(run, is_end);
                continue;
            }
            self.line.extend_from_slice(run);
            if is_end || self.line.len() > LONGEST_DELIMITER {
                let line = std::mem::take(&mut self.line);
                self.take(&line, is_end);
            }
        }
    }

    /// The body is over.
    pub(super) fn finish(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.take(&line, true);
        self.close();
    }

    /// Takes a line, or a piece of one that is too long for a delimiter.
    fn take(&mut self, line: &[u8], is_end: bool) {
        let was_within_line = std::mem::replace(&mut self.is_within_line, !is_end);
        if !was_within_line && let Some((level, is_last)) = self.delimiter(line) {
            self.close();
            self.delimiters.truncate(if is_last { level } else { level + 1 });
            self.place = if is_last { Place::Elsewhere } else { Place::Head(Vec::new()) };
            return;
        }
        match &mut self.place {
            Place::Elsewhere => {}
            Place::Head(_) if !was_within_line && line.trim_ascii_end().is_empty() => self.open(),
            // Nobody has looked at the rest of it, so it may hold anything.
            Place::Head(head) if head.len() > MOST_HEAD => self.is_false = true,
            Place::Head(head) => head.extend_from_slice(line),
            Place::Text(text) => text.learn(line),
        }
    }

    /// The level that a delimiter belongs to, and whether it is the last one there.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.trim_ascii_end();
        if !line.starts_with(b"--") {
            return None;
        }
        let of = |delimiter: &Vec<u8>| match line.strip_prefix(delimiter.as_slice())? {
            b"" => Some(false),
            b"--" => Some(true),
            _ => None,
        };
        (0..self.delimiters.len()).rev().find_map(|at| Some((at, of(&self.delimiters[at])?)))
    }

    /// The head is over.
    fn open(&mut self) {
        let Place::Head(head) = std::mem::take(&mut self.place) else { return };
        let whole = unfolded(&head);
        self.is_false |= whole.len() != head.len();
        let content_type = value(&whole, b"content-type");
        let kind = content_type.and_then(MediaType::parse);
        if let Some(boundary) = kind.as_ref().and_then(MediaType::boundary) {
            return self.enter(boundary);
        }
        let encoding =
            value(&whole, b"content-transfer-encoding").unwrap_or_default().trim_ascii().to_ascii_lowercase();
        let is_text = kind.as_ref().map_or(content_type.is_none(), MediaType::is_text);
        if is_text && [&b""[..], b"7bit", b"8bit"].contains(&encoding.as_slice()) {
            let charset = kind.as_ref().and_then(MediaType::charset).unwrap_or_default().to_string();
            self.place = Place::Text(Text { charset, says_eight_bit: encoding == b"8bit", ..Text::default() });
        }
    }

    fn close(&mut self) {
        if let Place::Text(text) = std::mem::take(&mut self.place) {
            self.is_false |= text.is_false();
        }
    }
}

/// The value of a field in a head, its folds included.
fn value<'h>(head: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    let mut at = 0;
    for line in head.split_inclusive(|octet| *octet == b'\n') {
        let start = at;
        at += line.len();
        let is_named = line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        let colon = is_named.then(|| line[name.len()..].iter().position(|octet| *octet == b':')).flatten();
        let Some(colon) = colon.filter(|colon| line[name.len()..][..*colon].trim_ascii().is_empty()) else { continue };
        let folds = head[at..]
            .split_inclusive(|octet| *octet == b'\n')
            .take_while(|line| line.starts_with(b" ") || line.starts_with(b"\t"));
        let end = at + folds.map(<[u8]>::len).sum::<usize>();
        return Some(&head[start + name.len() + colon + 1..end]);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_false(body: &str) -> bool {
        let found = [1, 7, 5000].map(|piece| {
            let mut labels = PartLabels::within("b");
            body.as_bytes().chunks(piece).for_each(|octets| labels.learn(octets));
            labels.finish();
            labels.are_false()
        });
        assert!(found.iter().all(|one| *one == found[0]), "{body:?}");
        found[0]
    }

    #[test]
    fn labels_that_tell_the_truth_are_not_false() {
        for body in [
            "--b\n\nplain\n--b--\n",
            "pr\u{e9}amble\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\u{e9}\n--b--\n\u{e9}\n",
            "--b\r\nContent-Type: text/plain;\r\n\tcharset=\"UTF-8\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\u{e9}\r\n--b--\r\n",
            "--b\nContent-Type: text/plain; charset=us-ascii\n\n-- \nplain\n--b--\n",
            "--b\nContent-Type: application/pdf\n\n\u{e9}\n--b--\n",
            "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nplain\n--c--\n--b--\n\u{e9}",
            "",
        ] {
            assert!(!are_false(body), "{body:?}");
        }
    }

    #[test]
    fn label_that_is_missing_or_wrong_is_false() {
        for body in [
            "--b\n\n\u{e9}\n--b--\n",
            "--b\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\n\u{e9}\n--b--\n",
            "--b\nContent-Type: text/plain; charset=utf-8\n\n\u{e9}\n",
            "--b\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n\u{e9}\u{4e2d}\n--b--\n",
            "--b\n\nplain\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\n\u{e9}\n--c--\n--b--\n",
            "--b\nContent-Type: text/csv;\nname=a.csv\n\nplain\n--b--\n",
            &format!("--b\n{}\n\u{e9}\n--b--\n", "X-Y: \u{e9}\n".repeat(4000)),
        ] {
            assert!(are_false(body), "{body:?}");
        }
    }
}

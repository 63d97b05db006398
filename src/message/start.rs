//! The start of a message that a script has spoilt: an indented here-document, blank lines before the first field, the
//! `-e` that dash's echo prints. Such a header section is put right before it is read, where it can be nothing else.
//! A fold below a field stays one (RFC 5322 section 2.2.3), whatever it looks like.

use std::borrow::Cow;

use super::scan;

/// A header section whose first paragraph is longer is read as it came.
const MOST: usize = 64 << 10;
/// The most blank lines before the first field.
const MOST_BLANK: usize = 20;
/// The words that echo prints where it does not know them as options.
const ECHOED: [&[u8]; 4] = [b"-e ", b"-n ", b"-en ", b"-ne "];
/// The fields that a person sees at a glance to be such.
const PLAIN: [&[u8]; 5] = [b"to", b"cc", b"bcc", b"from", b"subject"];

/// Looks at the octets of a message on their way to be read.
#[derive(Debug)]
pub(super) struct Start {
    place: Place,
    /// The start was spoilt, and is put right.
    pub(super) is_mended: bool,
}

#[derive(Debug)]
enum Place {
    /// The first paragraph has not ended.
    Held(Vec<u8>),
    /// The start has been judged: the indentation of the lines behind it, if they have one.
    Judged(Option<Outdent>),
}

impl Start {
    /// Puts a spoilt start right.
    pub(super) fn mending() -> Self {
        Self { place: Place::Held(Vec::new()), is_mended: false }
    }

    /// Passes all octets as they come.
    pub(super) fn passing() -> Self {
        Self { place: Place::Judged(None), is_mended: false }
    }

    /// Takes octets; returns those that can be read.
    pub(super) fn push<'o>(&mut self, octets: &'o [u8]) -> Cow<'o, [u8]> {
        match &mut self.place {
            Place::Judged(None) => Cow::Borrowed(octets),
            Place::Judged(Some(outdent)) => Cow::Owned(outdent.pass(octets)),
            Place::Held(held) => {
                held.extend_from_slice(octets);
                let is_over = !may_be_spoilt(held) || held.len() > MOST || end_of_paragraph(held).is_some();
                Cow::Owned(if is_over { self.finish() } else { Vec::new() })
            }
        }
    }

    /// The octets that were held back.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let Place::Held(held) = &mut self.place else { return Vec::new() };
        let held = std::mem::take(held);
        let mended = if held.len() <= MOST && may_be_spoilt(&held) { mended(&held) } else { None };
        self.is_mended = mended.is_some();
        let (head, outdent, rest) = mended.unwrap_or((Vec::new(), None, 0));
        self.place = Place::Judged(outdent);
        [head.as_slice(), &self.push(&held[rest..])].concat()
    }
}

/// The first lines are such as a script may have spoilt, as far as they have come.
fn may_be_spoilt(octets: &[u8]) -> bool {
    let Some(first) = lines(octets).next() else { return true };
    first.starts_with(b" ")
        || first.starts_with(b"\t")
        || is_blank(first)
        || ECHOED.iter().any(|word| first.starts_with(word) || word.starts_with(first))
}

/// The header section put right, the indentation of what follows, and where that begins in the octets; `None` if it is
/// none, or is as it should be.
fn mended(octets: &[u8]) -> Option<(Vec<u8>, Option<Outdent>, usize)> {
    let end = end_of_paragraph(octets).unwrap_or(octets.len());
    let blank: usize = lines(octets).take_while(|line| is_blank(line)).map(<[u8]>::len).sum();
    let section: Vec<&[u8]> = lines(octets.get(blank..end)?).collect();
    let first = section.first()?;
    let word = ECHOED.iter().find(|word| first.starts_with(word)).map_or(0, |word| word.len());
    // The indentation of a here-document.
    let indent = &first[..if word > 0 { 0 } else { indentation(first) }];
    let (mut head, mut names) = (Vec::new(), Vec::new());
    for (n, line) in section.iter().enumerate() {
        let line = if n == 0 { &line[word..] } else { line };
        let line = line.strip_prefix(indent)?;
        let is_fold = n > 0 && indentation(line) > 0;
        let name = name(line).filter(|_| !is_fold);
        // Lines that are no fields may stand behind those of an echo: the usual rules find where they begin.
        if !is_fold && name.is_none_or(|name| !is_usual(name)) && word == 0 {
            return None;
        }
        names.extend(name);
        head.extend_from_slice(line);
    }
    let is_plainly_one = names.first().is_some_and(|name| is_plain(name));
    let is_convincing = if word > 0 {
        is_field(&first[word..], is_usual)
    } else {
        is_plainly_one || names.iter().filter(|name| scan::is_known(name)).count() > 1
    };
    // The blank line may hold blanks.
    let separator = lines(&octets[end..]).next().unwrap_or_default();
    head.extend_from_slice(&separator[indentation(separator)..]);
    let outdent = (!indent.is_empty()).then(|| Outdent::new(indent));
    is_convincing.then_some((head, outdent, end + separator.len()))
}

/// The end of the first paragraph, once the line has come that ends it: that line is not part of it.
fn end_of_paragraph(octets: &[u8]) -> Option<usize> {
    let (mut at, mut has_text) = (0, false);
    for (n, line) in lines(octets).enumerate() {
        if !line.ends_with(b"\n") {
            return None;
        }
        if is_blank(line) && (has_text || n >= MOST_BLANK) {
            return Some(at);
        }
        has_text |= !is_blank(line);
        at += line.len();
    }
    None
}

fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split_inclusive(|octet| *octet == b'\n')
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

fn indentation(line: &[u8]) -> usize {
    line.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count()
}

/// The name of the field that the line begins.
fn name(line: &[u8]) -> Option<&[u8]> {
    scan::split(line).map(|(name, _)| &line[..name])
}

fn is_field(line: &[u8], is_it: fn(&[u8]) -> bool) -> bool {
    name(line).is_some_and(is_it)
}

fn is_plain(name: &[u8]) -> bool {
    PLAIN.iter().any(|plain| name.eq_ignore_ascii_case(plain))
}

fn is_usual(name: &[u8]) -> bool {
    scan::is_known(name) || name.to_ascii_lowercase().starts_with(b"x-")
}

/// Takes an indentation off each line that has it.
#[derive(Debug)]
struct Outdent {
    indent: Vec<u8>,
    /// So much of it has come in this line; `None` behind it.
    come: Option<usize>,
}

impl Outdent {
    fn new(indent: &[u8]) -> Self {
        Self { indent: indent.to_vec(), come: Some(0) }
    }

    fn pass(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len());
        for octet in octets {
            match self.come {
                Some(come) if self.indent.get(come) == Some(octet) => {
                    self.come = Some(come + 1);
                    continue;
                }
                // Another indentation: the line stays as it is, unless it is empty.
                Some(come) if come < self.indent.len() && !matches!(octet, b'\r' | b'\n') => {
                    out.extend_from_slice(&self.indent[..come]);
                }
                _ => {}
            }
            out.push(*octet);
            self.come = (*octet == b'\n').then_some(0);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str, piece: usize) -> (String, bool) {
        let mut start = Start::mending();
        let mut out: Vec<u8> = Vec::new();
        for octets in input.as_bytes().chunks(piece) {
            out.extend_from_slice(&start.push(octets));
        }
        out.extend(start.finish());
        (String::from_utf8(out).unwrap(), start.is_mended)
    }

    #[test]
    fn start_that_a_script_has_spoilt_is_put_right() {
        for (input, expected) in [
            (
                "    From: a\n    To: b\n\n    text\n      deeper\n  less\n",
                "From: a\nTo: b\n\ntext\n  deeper\n  less\n",
            ),
            ("\tTo: b\n\tSubject: s\n\t more\n\t  \n\ttext\n", "To: b\nSubject: s\n more\n\ntext\n"),
            ("  Subject: report of\n   Bcc: evil\n\n  x\n", "Subject: report of\n Bcc: evil\n\nx\n"),
            ("\nSubject: report of\n Bcc: evil\n\nx\n", "Subject: report of\n Bcc: evil\n\nx\n"),
            ("-e Subject: report of\n Bcc: evil\n\nx\n", "Subject: report of\n Bcc: evil\n\nx\n"),
            ("  To: b\r\n  Subject: s\r\n\r\n  text\r\n", "To: b\r\nSubject: s\r\n\r\ntext\r\n"),
            ("\n\nTo: b\nSubject: s\n\ntext\n", "To: b\nSubject: s\n\ntext\n"),
            (" \nTo: b\n\ntext\n", "To: b\n\ntext\n"),
            ("\n  From: a\n  To: b\n\n  text\n", "From: a\nTo: b\n\ntext\n"),
            ("-e Subject: s\nTo: b\n\ntext\n", "Subject: s\nTo: b\n\ntext\n"),
            ("-e To: b\ntext\n", "To: b\ntext\n"),
            ("-n To: b\n\n", "To: b\n\n"),
            ("  To: b\n  Subject: s", "To: b\nSubject: s"),
        ] {
            for piece in [1, 7, 1000] {
                assert_eq!(read(input, piece), (expected.to_string(), true), "{input:?} by {piece}");
            }
        }
    }

    #[test]
    fn what_may_be_text_stays_as_it_came() {
        for input in [
            "",
            "\n",
            " \n",
            "To: b\nSubject: s\n more\n\ntext\n",
            "Subject: s\n see: here\nTo: b\n\nx\n",
            "Subject: one\n two\n\n  To: b\n",
            "  indented text\n  To: b\n\n",
            "   error: disk full\n   status: bad\n\n",
            "\ntext\nTo: b\n\n",
            "\nDate: today\n\nx\n",
            "-e text\nTo: b\n\n",
            "-el To: b\n",
            "  To: b\n  and text\n\nx\n",
            // A mailer may have folded there what a stranger wrote.
            "Subject: folded by a mailer\n Bcc: evil\nTo: b\n\nx\n",
            "Subject: report of\n Bcc: evil\n\nx\n",
            "From: a\n  To: b\n  Subject: s\n\n  text\n",
            "  Subject: s\nTo: b\n\nx\n",
        ] {
            for piece in [1, 7, 1000] {
                assert_eq!(read(input, piece), (input.to_string(), false), "{input:?} by {piece}");
            }
        }
        let long = format!("  To: b\n{}\n\nx\n", "  X-Y: z\n".repeat(20_000));
        assert_eq!(read(&long, 4096), (long.clone(), false));
    }
}

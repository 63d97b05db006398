//! The body's line ends on the wire: CRLF, nothing else (RFC 5321 section 2.3.8). A bare CR or LF
//! within what we send is what SMTP smuggling is made of.

use std::io::{self, Write};

/// RFC 5322 section 2.1.1: the most octets a line may have before its end. Servers refuse or bounce what is longer.
const LONGEST_LINE: usize = 998;

/// A filter from any line ends to CRLF. LF, CRLF and a bare CR each become one CRLF.
#[derive(Debug)]
pub struct Wire<W: Write> {
    to: W,
    /// A CR has come and been written as CRLF; an LF after it belongs to it.
    after_cr: bool,
    at_line_start: bool,
    written: u64,
}

impl<W: Write> Wire<W> {
    /// What is written to the filter goes to `to` in wire form.
    pub fn new(to: W) -> Self {
        Self { to, after_cr: false, at_line_start: true, written: 0 }
    }

    /// Ends the last line if it has no end, and tells how many octets were written.
    ///
    /// # Errors
    /// Those of the writer below.
    pub fn finish(mut self) -> io::Result<u64> {
        if !self.at_line_start {
            self.put(b"\r\n")?;
        }
        self.to.flush()?;
        Ok(self.written)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    /// Writes one line's text and its end, if it has one here.
    fn line(&mut self, text: &[u8], end: Option<u8>) -> io::Result<()> {
        if !text.is_empty() {
            self.at_line_start = false;
            self.put(text)?;
        }
        let belongs_to_cr = self.after_cr && text.is_empty() && end == Some(b'\n');
        self.after_cr = end == Some(b'\r');
        if end.is_some() && !belongs_to_cr {
            self.at_line_start = true;
            self.put(b"\r\n")?;
        }
        Ok(())
    }
}

impl<W: Write> Write for Wire<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) {
            self.line(&rest[..at], Some(rest[at]))?;
            rest = &rest[at + 1..];
        }
        if !rest.is_empty() {
            self.line(rest, None)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A field as it was written, made fit for the wire: CRLF at its folds and its end, blanks for
/// bare CR and NUL, folds that would be empty lines closed, lines that are too long folded.
pub fn head_to_wire(octets: &[u8], to: &mut Vec<u8>) {
    let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
    for (number, line) in octets.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if number > 0 && line.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r' | 0)) {
            continue;
        }
        if number > 0 {
            to.extend_from_slice(b"\r\n");
        }
        let line: Vec<u8> = line.iter().map(|b| if matches!(b, b'\r' | 0) { b' ' } else { *b }).collect();
        fold(&line, to);
    }
    to.extend_from_slice(b"\r\n");
}

/// Folds a line that is too long at a blank in its second half; within a word where there is none.
fn fold(line: &[u8], to: &mut Vec<u8>) {
    let (mut rest, mut most) = (line, LONGEST_LINE);
    while rest.len() > most {
        let blank = rest[most / 2..most].iter().rposition(|b| matches!(b, b' ' | b'\t'));
        let (line, after) = rest.split_at(blank.map_or(most, |at| most / 2 + at));
        to.extend_from_slice(line);
        rest = after.trim_ascii_start();
        if rest.is_empty() {
            return;
        }
        to.extend_from_slice(b"\r\n ");
        // The blank that makes the fold counts.
        most = LONGEST_LINE - 1;
    }
    to.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut wire = Wire::new(&mut out);
        for piece in pieces {
            wire.write_all(piece).unwrap();
        }
        let written = wire.finish().unwrap();
        assert_eq!(written, out.len() as u64);
        out
    }

    #[test]
    fn every_line_end_becomes_one_crlf() {
        assert_eq!(wire(&[b"a\nb\r\nc\rd"]), b"a\r\nb\r\nc\r\nd\r\n");
        assert_eq!(wire(&[b"a\r\r\nb\n\n"]), b"a\r\n\r\nb\r\n\r\n");
        assert_eq!(wire(&[b""]), b"");
        assert_eq!(wire(&[b"a\r", b"\nb\r", b"c"]), b"a\r\nb\r\nc\r\n");
    }

    #[test]
    fn field_cannot_end_early() {
        let mut out = Vec::new();
        head_to_wire(b"Subject: a\rX: y\n\tb\n \t\n c\0\r\n", &mut out);
        assert_eq!(out, b"Subject: a X: y\r\n\tb\r\n c \r\n");
    }

    #[test]
    fn field_has_no_line_that_servers_refuse() {
        for word in ["x".repeat(3000), "word ".repeat(600), format!("{}{}x", "y".repeat(995), " ".repeat(900))] {
            let mut out = Vec::new();
            head_to_wire(format!("Subject: {word}\n").as_bytes(), &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.split_terminator("\r\n").all(|line| line.len() <= 998 && !line.trim().is_empty()), "{text}");
            assert_eq!(text.replace(char::is_whitespace, ""), format!("Subject:{}", word.replace(' ', "")));
            assert!(!word.starts_with("word") || text.replace("\r\n", "").trim() == format!("Subject: {word}").trim());
        }
    }

    proptest::proptest! {
        #[test]
        fn cutting_the_input_changes_nothing(
            input in proptest::collection::vec(proptest::prop_oneof![
                proptest::strategy::Just(b'\r'), proptest::strategy::Just(b'\n'), proptest::prelude::any::<u8>()], 0..60),
            cut in 0usize..60,
        ) {
            let cut = cut.min(input.len());
            let whole = wire(&[&input]);
            proptest::prop_assert_eq!(&wire(&[&input[..cut], &input[cut..]]), &whole);
            let stripped = String::from_utf8_lossy(&whole).replace("\r\n", "");
            proptest::prop_assert!(!stripped.contains(['\r', '\n']));
        }
    }
}

//! Dots at the start of lines. A caller of sendmail without `-i` may have doubled them, as for SMTP (RFC 5321 section
//! 4.5.2): Symfony's mailer does. Sendmail takes one of each pair away, and with it a dot of every text that nobody has
//! doubled; here the text itself tells.

use std::io::{self, Read, Write};

/// Looks at the bytes on their way to a body.
#[derive(Debug)]
pub(crate) struct Dots<W: Write> {
    to: W,
    line: Line,
    /// Lines that start with two dots.
    doubled: bool,
    /// Lines that start with one dot.
    single: bool,
}

/// The place in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Start,
    Dot,
    Within,
}

impl<W: Write> Dots<W> {
    /// Octets written here go to `to` as they are.
    pub(crate) fn new(to: W) -> Self {
        Self { to, line: Line::Start, doubled: false, single: false }
    }

    /// Every line that starts with a dot starts with two: somebody has doubled them.
    pub(crate) fn are_doubled(&self) -> bool {
        self.doubled && !self.single && self.line != Line::Dot
    }

    /// The writer that got it all.
    pub(crate) fn into_inner(self) -> W {
        self.to
    }

    fn learn(&mut self, byte: u8) {
        // A bare CR ends no line: a program that doubles dots does so after LF or CRLF.
        let is_end = byte == b'\n';
        self.line = match (self.line, byte) {
            (Line::Start, b'.') => Line::Dot,
            (Line::Dot, b'.') => {
                self.doubled = true;
                Line::Within
            }
            (Line::Dot, _) => {
                self.single = true;
                if is_end { Line::Start } else { Line::Within }
            }
            _ if is_end => Line::Start,
            _ => Line::Within,
        };
    }
}

impl<W: Write> Write for Dots<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write_all(bytes)?;
        // Once a dot stands alone, the rest does not matter.
        let mut rest = bytes;
        while let (Some(byte), false) = (rest.first(), self.single) {
            if self.line == Line::Within {
                let Some(end) = memchr::memchr(b'\n', rest) else { break };
                self.line = Line::Start;
                rest = &rest[end + 1..];
            } else {
                self.learn(*byte);
                rest = &rest[1..];
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The text without the first dot of each line that starts with one.
#[derive(Debug)]
pub(crate) struct Undoubled<R: Read> {
    from: R,
    at_line_start: bool,
}

impl<R: Read> Undoubled<R> {
    /// Octets read here come from `from`.
    pub(crate) fn new(from: R) -> Self {
        Self { from, at_line_start: true }
    }
}

impl<R: Read> Read for Undoubled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.from.read(buffer)?;
            let mut kept = 0;
            for at in 0..count {
                let byte = buffer[at];
                if !(self.at_line_start && byte == b'.') {
                    buffer[kept] = byte;
                    kept += 1;
                }
                self.at_line_start = byte == b'\n';
            }
            // A dot alone came: that is not the end.
            if kept > 0 || count == 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_doubled(pieces: &[&str]) -> bool {
        let mut dots = Dots::new(Vec::new());
        pieces.iter().for_each(|piece| dots.write_all(piece.as_bytes()).unwrap());
        assert_eq!(dots.to, pieces.concat().into_bytes());
        dots.are_doubled()
    }

    fn undoubled(text: &str) -> String {
        let mut found = String::new();
        Undoubled::new(text.as_bytes()).read_to_string(&mut found).unwrap();
        found
    }

    #[test]
    fn dots_behind_a_bare_cr_are_nobodys() {
        assert!(!are_doubled(&["fetch\r..ok\r....ok\n"]));
        assert_eq!(undoubled("..a\r..b\n"), ".a\r..b\n");
    }

    #[test]
    fn text_with_doubled_dots_alone_was_doubled() {
        assert!(are_doubled(&["..\na\n...two\r\n..", "x"]));
        assert!(are_doubled(&["a\n.", ".\n"]));
        for text in ["", "a\n", ".\n..\n", "..\n.", "..\n.x", ".x\n", "a..\n"] {
            assert!(!are_doubled(&[text]), "{text:?}");
        }
    }

    #[test]
    fn one_dot_of_each_line_goes() {
        assert_eq!(undoubled("..\na.b\r\n...two\n..x"), ".\na.b\r\n..two\n.x");
        assert_eq!(undoubled(""), "");
    }

    proptest::proptest! {
        #[test]
        fn what_was_doubled_comes_back(text in "[.a\n]{0,40}") {
            let doubled: String = text.split_inclusive('\n').map(|l| if l.starts_with('.') { format!(".{l}") } else { l.into() }).collect();
            proptest::prop_assert_eq!(undoubled(&doubled), text);
        }
    }
}

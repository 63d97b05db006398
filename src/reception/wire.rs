//! From the stream to lines and contents, so that neither can be taken for the other.
//!
//! The first command line decides the line end. After CRLF, only CRLF ends a line: a CR or LF that stands alone is
//! text, so no `LF . LF` in a mail can end it early and have the rest taken for commands (RFC 5321 section 2.3.8 and
//! 4.1.1.4). After a bare LF, which people at a terminal and scripts type, LF ends a line, and a mail ends at `LF . LF`
//! as well as at `CRLF . CRLF`: callers who write lines that way double their dots too.

use std::io::{self, BufRead, BufReader, Read};

/// The longest command line. RFC 5321 section 4.5.3.1.4 wants 512 octets, DSN and SMTPUTF8 want more.
const LONGEST_LINE: usize = 4096;
/// The octets of content inspected in one go.
const CHUNK: usize = 32 << 10;

/// The stream of a caller.
#[derive(Debug)]
pub struct Wire<R> {
    input: BufReader<R>,
    /// A bare LF ends a line; unknown before the first line.
    is_lf_enough: Option<bool>,
}

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Its octets, without the line end.
    Text(Vec<u8>),
    /// It is longer than any command.
    TooLong,
    /// There is no line: the caller has closed its end.
    End,
}

impl<R: Read> Wire<R> {
    /// The stream from its start.
    pub fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(CHUNK, input), is_lf_enough: None }
    }

    /// The next line has come already: a caller that sends commands in groups reads our answers in groups (RFC 2920).
    pub(crate) fn has_line(&self) -> bool {
        self.input.buffer().contains(&b'\n')
    }

    /// The next command line. Octets before the end of the stream without a line end are no command.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn line(&mut self) -> io::Result<Line> {
        let mut line = Vec::new();
        let mut is_too_long = false;
        loop {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                return Ok(Line::End);
            }
            let found = bytes.iter().position(|b| *b == b'\n');
            let count = found.map_or(bytes.len(), |at| at + 1);
            line.extend_from_slice(&bytes[..count]);
            self.input.consume(count);
            let is_ended = found.is_some() && self.ends(&line);
            if line.len() > LONGEST_LINE {
                is_too_long = true;
                // We need only to know whether its last octet is a CR.
                line.drain(..line.len() - 2);
            }
            if is_ended {
                let text = line.strip_suffix(b"\n").unwrap_or(&line);
                let text = text.strip_suffix(b"\r").unwrap_or(text);
                return Ok(if is_too_long { Line::TooLong } else { Line::Text(text.to_vec()) });
            }
        }
    }

    /// The LF at the end of `line` ends it.
    fn ends(&mut self, line: &[u8]) -> bool {
        let is_crlf = line.ends_with(b"\r\n");
        let is_lf_enough = *self.is_lf_enough.get_or_insert(!is_crlf);
        is_crlf || is_lf_enough
    }

    /// The content of a mail, which follows.
    pub fn content(&mut self, most: u64) -> Content<'_, R> {
        let is_lf_enough = self.is_lf_enough == Some(true);
        Content {
            wire: self,
            is_lf_enough,
            at: At::Start { is_crlf: false },
            ready: Vec::new(),
            taken: 0,
            most,
            size: 0,
        }
    }
}

/// The content of one mail: without its stuffed dots and the final one.
#[derive(Debug)]
pub struct Content<'w, R> {
    wire: &'w mut Wire<R>,
    is_lf_enough: bool,
    at: At,
    ready: Vec<u8>,
    /// The octets of `ready` that have been read.
    taken: usize,
    most: u64,
    size: u64,
}

/// The last octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A line end, and whether it was CRLF.
    Start { is_crlf: bool },
    /// A dot after that.
    Dot { is_crlf: bool },
    /// A dot and a CR after that.
    DotCr { is_crlf: bool },
    /// A CR, held back.
    Cr,
    /// Any other octet.
    Text,
    /// The final dot and its line end.
    End,
}

impl<R: Read> Content<'_, R> {
    /// Reads the rest of it, for nobody.
    ///
    /// # Errors
    /// As of reading, except for its size.
    pub fn pass_over(&mut self) -> io::Result<()> {
        while self.at != At::End {
            self.advance()?;
            self.ready.clear();
        }
        Ok(())
    }

    /// It has more octets than are taken.
    pub fn is_too_large(&self) -> bool {
        self.size > self.most
    }

    /// It broke off: the stream ended before the final dot.
    pub fn is_cut(&self) -> bool {
        self.at != At::End
    }

    /// Takes a piece of the stream apart.
    fn advance(&mut self) -> io::Result<()> {
        let bytes = self.wire.input.fill_buf()?;
        if bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the input ended before the final dot"));
        }
        let mut count = 0;
        for byte in bytes {
            count += 1;
            self.at = next(self.at, *byte, self.is_lf_enough, &mut self.ready);
            if self.at == At::End {
                break;
            }
        }
        self.wire.input.consume(count);
        self.size += self.ready.len() as u64;
        Ok(())
    }
}

/// Takes one octet; an octet of the content goes to `ready`.
fn next(at: At, byte: u8, is_lf_enough: bool, ready: &mut Vec<u8>) -> At {
    let after_lf = if is_lf_enough { At::Start { is_crlf: false } } else { At::Text };
    let mut plain = |held: &[u8]| {
        ready.extend_from_slice(held);
        match byte {
            b'\r' => return At::Cr,
            b'\n' if held.ends_with(b"\r") => {
                ready.push(b'\n');
                return At::Start { is_crlf: true };
            }
            _ => ready.push(byte),
        }
        if byte == b'\n' { after_lf } else { At::Text }
    };
    match (at, byte) {
        (At::Start { is_crlf }, b'.') => At::Dot { is_crlf },
        (At::Start { .. } | At::Text, _) => plain(b""),
        (At::Cr, _) => plain(b"\r"),
        (At::Dot { is_crlf }, b'\r') => At::DotCr { is_crlf },
        (At::Dot { .. }, b'\n') if is_lf_enough => At::End,
        // The dot was stuffed, or should have been (section 4.5.2).
        (At::Dot { .. }, _) => plain(b""),
        (At::DotCr { is_crlf }, b'\n') if is_crlf || !is_lf_enough => At::End,
        (At::DotCr { .. }, _) => plain(b"\r"),
        (At::End, _) => At::End,
    }
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.ready.len() {
            self.ready.clear();
            self.taken = 0;
            if self.at == At::End {
                return Ok(0);
            }
            self.advance()?;
            if self.is_too_large() {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        let count = buffer.len().min(self.ready.len() - self.taken);
        buffer[..count].copy_from_slice(&self.ready[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The content behind a first line and DATA, and the octets after it; `None` if it has no end.
    fn content(first: &str, data: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let input = [first.as_bytes(), data].concat();
        let mut wire = Wire::new(input.as_slice());
        assert!(matches!(wire.line().unwrap(), Line::Text(_)));
        let mut read = Vec::new();
        let mut content = wire.content(u64::MAX);
        let is_whole = content.read_to_end(&mut read).is_ok();
        assert_eq!(content.is_cut(), !is_whole);
        let mut rest = Vec::new();
        wire.input.read_to_end(&mut rest).unwrap();
        is_whole.then_some((read, rest))
    }

    const EVIL: &str = "QUIT\r\n.\r\n";

    #[test]
    fn nothing_but_crlf_dot_crlf_ends_a_mail_of_crlf() {
        for end in [
            "\n.\n",
            "\n.\r\n",
            "\r\n.\n",
            "\r.\r",
            "\r.\r\n",
            "\r\n.\r",
            "\r\n.\r\r\n",
            "\r\n\r.\n",
            "\n.\r",
            "\0.\r\n",
        ] {
            let (mail, rest) = content("EHLO x\r\n", format!("a{end}{EVIL}").as_bytes()).unwrap();
            assert!(mail.ends_with(b"QUIT\r\n"), "{end:?}");
            assert_eq!(rest, b"", "{end:?}");
        }
        assert_eq!(content("EHLO x\r\n", b"a\r\n.\r\nQUIT\r\n"), Some((b"a\r\n".to_vec(), b"QUIT\r\n".to_vec())));
        assert_eq!(content("EHLO x\r\n", b".\r\nQUIT\r\n"), Some((b"".to_vec(), b"QUIT\r\n".to_vec())));
    }

    #[test]
    fn caller_who_types_lf_ends_a_mail_with_it() {
        assert_eq!(content("EHLO x\n", b"a\n..b\n.\nQUIT\n"), Some((b"a\n.b\n".to_vec(), b"QUIT\n".to_vec())));
        assert_eq!(content("EHLO x\n", b"a\r\n.\r\nQUIT\n"), Some((b"a\r\n".to_vec(), b"QUIT\n".to_vec())));
        assert_eq!(content("EHLO x\n", b"a\r\n.\nQUIT\n"), Some((b"a\r\n".to_vec(), b"QUIT\n".to_vec())));
        for end in ["\n.\r\n", "\r.\r", "\r.\n", "\n.\r"] {
            let (mail, _) = content("EHLO x\n", format!("a{end}QUIT\r\n.\r\n").as_bytes()).unwrap();
            assert!(mail.ends_with(b"QUIT\r\n"), "{end:?}");
        }
    }

    #[test]
    fn mail_that_breaks_off_is_none() {
        for data in ["", ".", ".\r", "a\r\n", "a\r\n.", "a\r\n.\n", "a\r\n..\r\n"] {
            assert_eq!(content("EHLO x\r\n", data.as_bytes()), None, "{data:?}");
        }
    }

    #[test]
    fn too_large_a_mail_is_passed_over_and_the_dialogue_goes_on() {
        let mut wire = Wire::new(&b"DATA\r\n12345678\r\n.\r\nQUIT\r\n"[..]);
        wire.line().unwrap();
        let mut content = wire.content(9);
        assert!(content.read_to_end(&mut Vec::new()).is_err() && content.is_too_large());
        content.pass_over().unwrap();
        assert_eq!(wire.line().unwrap(), Line::Text(b"QUIT".to_vec()));
    }

    #[test]
    fn lines_end_as_the_first_one_does() {
        let lines = |input: &str| {
            let mut wire = Wire::new(input.as_bytes());
            let mut lines = Vec::new();
            while let line @ (Line::Text(_) | Line::TooLong) = wire.line().unwrap() {
                lines.push(match line {
                    Line::Text(text) => String::from_utf8(text).unwrap(),
                    _ => "too long".to_string(),
                });
            }
            lines
        };
        assert_eq!(lines("a\nb\r\nc\nd"), ["a", "b", "c"]);
        assert_eq!(lines("a\r\nb\nc\r\nd\r\n"), ["a", "b\nc", "d"]);
        let long = "x".repeat(LONGEST_LINE * 20);
        assert_eq!(lines(&format!("a\r\n{long}\nb\r\nc\r\n{long}\r\nd\r\n")), ["a", "too long", "c", "too long", "d"]);
    }

    proptest! {
        #[test]
        fn stuffed_content_comes_back_whole(
            lines in prop::collection::vec("[.\r\na]{0,6}", 0..8),
            size in 1..9usize,
        ) {
            let mut mail = lines.join("\r\n") + "\r\n";
            // A sender of CRLF lines doubles the dot that starts one.
            let mut wire_form = String::from(if mail.starts_with('.') { "." } else { "" });
            wire_form += &mail.replace("\r\n.", "\r\n..");
            let input = format!("DATA\r\n{wire_form}.\r\nNOOP\r\n");
            let mut wire = Wire { input: BufReader::with_capacity(size, input.as_bytes()), is_lf_enough: None };
            wire.line().unwrap();
            let mut read = String::new();
            wire.content(u64::MAX).read_to_string(&mut read).unwrap();
            prop_assert_eq!(&mut read, &mut mail);
            prop_assert_eq!(wire.line().unwrap(), Line::Text(b"NOOP".to_vec()));
        }

        #[test]
        fn any_bytes_come_to_an_end(
            bytes in prop::collection::vec(prop_oneof![prop::sample::select(&b".\r\n"[..]), any::<u8>()], 0..60),
            most in 0..50u64,
        ) {
            let mut wire = Wire::new(bytes.as_slice());
            while wire.line().unwrap() != Line::End {
                let mut content = wire.content(most);
                let mut read = Vec::new();
                let _ = content.read_to_end(&mut read);
                prop_assert!(read.len() as u64 <= most);
                let _ = content.pass_over();
            }
        }
    }
}

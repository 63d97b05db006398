//! The content on its way out: dot-stuffed, in pieces, with the one right end. RFC 5321 section 4.5.2.
//!
//! The content comes in wire form (CRLF). A dot is doubled after any LF all the same: should a bare LF
//! ever come through, no server can take what follows it for the end of the mail.

use std::io::{self, Read};

/// How much content is read at a time.
const PIECE: usize = 64 * 1024;

/// A mail's content, cut into pieces that are fit to be written as they are.
pub(super) struct Pieces<'a> {
    content: &'a mut dyn Read,
    /// The last two bytes read; a mail begins like a line after CRLF.
    tail: [u8; 2],
    is_done: bool,
}

impl<'a> Pieces<'a> {
    pub(super) fn of(content: &'a mut dyn Read) -> Self {
        Self { content, tail: *b"\r\n", is_done: false }
    }

    /// The last piece has been given, with the final dot.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// The next piece, the last one with the final dot; none when that has been given.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.is_done {
            return Ok(None);
        }
        let mut raw = Vec::with_capacity(PIECE);
        (&mut *self.content).take(PIECE as u64).read_to_end(&mut raw)?;
        let mut piece = Vec::with_capacity(raw.len() + 64);
        for line in raw.split_inclusive(|b| *b == b'\n') {
            if self.tail[1] == b'\n' && line[0] == b'.' {
                piece.push(b'.');
            }
            piece.extend_from_slice(line);
            for byte in &line[line.len().saturating_sub(2)..] {
                self.tail = [self.tail[1], *byte];
            }
        }
        if raw.len() < PIECE {
            self.is_done = true;
            piece.extend_from_slice(if self.tail == *b"\r\n" { b".\r\n" } else { b"\r\n.\r\n" });
        }
        Ok(Some(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(mut content: impl Read) -> Vec<u8> {
        let mut pieces = Pieces::of(&mut content);
        let mut all = Vec::new();
        while let Some(piece) = pieces.next().unwrap() {
            all.extend(piece);
        }
        all
    }

    #[test]
    fn end_is_exactly_one_line() {
        for (content, wire) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\n", "a\n\r\n.\r\n"),
            ("\r\n", "\r\n.\r\n"),
            ("a\r\n\r\n", "a\r\n\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8(sent(content.as_bytes())).unwrap(), wire, "{content:?}");
        }
    }

    #[test]
    fn dots_are_doubled_at_the_start_of_lines_only() {
        for (content, wire) in [
            (".\r\n", "..\r\n.\r\n"),
            ("a.\r\n.b\r\n..\r\n", "a.\r\n..b\r\n...\r\n.\r\n"),
            ("a\n.\nb\r\n", "a\n..\nb\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8(sent(content.as_bytes())).unwrap(), wire, "{content:?}");
        }
    }

    #[test]
    fn pieces_join_without_a_seam() {
        for shift in 0..4 {
            let mut content = vec![b'x'; PIECE - shift];
            content.extend_from_slice(b"\r\n.dot\r\n");
            let mut expected = vec![b'x'; PIECE - shift];
            expected.extend_from_slice(b"\r\n..dot\r\n.\r\n");
            assert_eq!(sent(&content[..]), expected, "{shift}");
        }
        assert_eq!(sent(&vec![b'\n'; PIECE][..]).len(), PIECE + 5);
    }

    #[test]
    fn short_reads_are_no_end() {
        struct Drip<'a>(&'a [u8]);
        impl Read for Drip<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let most = buffer.len().min(1);
                self.0.read(&mut buffer[..most])
            }
        }
        assert_eq!(sent(Drip(b"a\r\n.b\r\n")), b"a\r\n..b\r\n.\r\n");
    }

    #[test]
    fn reader_that_fails_ends_without_a_dot() {
        let mut content = io::BufReader::new(Broken);
        assert!(Pieces::of(&mut content).next().is_err());
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk"))
            }
        }
    }
}

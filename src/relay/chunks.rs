//! The content on its way out, in chunks: as it is for BDAT (RFC 3030), or dot-stuffed and with its final dot for DATA
//! (RFC 5321 section 4.5.2).
//!
//! The lines of the content end in CRLF already. A dot is doubled after any LF all the same: if a bare LF ever comes
//! through, no server can take what follows it for the end of the mail.

use std::io::{self, Read};

/// The most content of a chunk, in bytes. A content that fits into one chunk goes out with the envelope.
pub(super) const CHUNK: usize = 64 * 1024;

/// A mail's content, cut into chunks.
pub(super) struct Chunks<'a> {
    content: &'a mut dyn Read,
}

/// A part of the content.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// No other chunk follows.
    pub(super) is_last: bool,
}

impl<'a> Chunks<'a> {
    pub(super) fn of(content: &'a mut dyn Read) -> Self {
        Self { content }
    }

    /// The next chunk. There is none to ask for after the last one.
    pub(super) fn next(&mut self) -> io::Result<Chunk> {
        let mut bytes = Vec::with_capacity(CHUNK);
        (&mut *self.content).take(CHUNK as u64).read_to_end(&mut bytes)?;
        Ok(Chunk { is_last: bytes.len() < CHUNK, bytes })
    }
}

/// Makes chunks fit for DATA, RFC 5321 section 4.5.2.
pub(super) struct DotStuffing {
    /// The last two bytes seen. Before the first one they are CRLF, since a mail begins with a new line.
    tail: [u8; 2],
}

impl DotStuffing {
    pub(super) fn new() -> Self {
        Self { tail: *b"\r\n" }
    }

    /// The chunk as the server wants it; the last one has the final dot.
    pub(super) fn stuffed(&mut self, chunk: &Chunk) -> Vec<u8> {
        let mut stuffed = Vec::with_capacity(chunk.bytes.len() + 64);
        for line in chunk.bytes.split_inclusive(|b| *b == b'\n') {
            if self.tail[1] == b'\n' && line[0] == b'.' {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
            for byte in &line[line.len().saturating_sub(2)..] {
                self.tail = [self.tail[1], *byte];
            }
        }
        if chunk.is_last {
            stuffed.extend_from_slice(if self.tail == *b"\r\n" { b".\r\n" } else { b"\r\n.\r\n" });
        }
        stuffed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(mut content: impl Read) -> Vec<u8> {
        let (mut pieces, mut dots) = (Chunks::of(&mut content), DotStuffing::new());
        let mut all = Vec::new();
        loop {
            let piece = pieces.next().unwrap();
            all.extend(dots.stuffed(&piece));
            if piece.is_last {
                return all;
            }
        }
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
            let mut content = vec![b'x'; CHUNK - shift];
            content.extend_from_slice(b"\r\n.dot\r\n");
            let mut expected = vec![b'x'; CHUNK - shift];
            expected.extend_from_slice(b"\r\n..dot\r\n.\r\n");
            assert_eq!(sent(&content[..]), expected, "{shift}");
        }
        assert_eq!(sent(&vec![b'\n'; CHUNK][..]).len(), CHUNK + 5);
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
        assert!(Chunks::of(&mut content).next().is_err());
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk"))
            }
        }
    }
}

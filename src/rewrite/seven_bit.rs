//! A mail for a smarthost without 8BITMIME: RFC 6152 section 3 has the client convert it then, and that is known only
//! when the smarthost answers. It is converted while it is read; the file in the queue stays as it is.

use std::io::{self, Read};

use super::filter::Filter;
use super::parts::Parts;

/// Reads a mail in wire form without its bytes over 127: its bodies are encoded, their labels changed.
#[derive(Debug)]
pub(crate) struct SevenBit<R> {
    content: R,
    parts: Parts,
    ready: Vec<u8>,
    /// The number of ready bytes that have been given.
    given: usize,
    is_over: bool,
}

impl<R: Read> SevenBit<R> {
    /// `content` is the whole mail, from its first field.
    pub(crate) fn new(content: R) -> Self {
        Self { content, parts: Parts::seven_bit(), ready: Vec::new(), given: 0, is_over: false }
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut piece = vec![0; 64 << 10];
        self.ready.clear();
        self.given = 0;
        while self.ready.is_empty() && !self.is_over {
            match self.content.read(&mut piece)? {
                0 => {
                    self.is_over = true;
                    self.parts.end(&mut self.ready);
                }
                count => self.parts.push(&piece[..count], &mut self.ready),
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for SevenBit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ready.len() {
            self.refill()?;
        }
        let ready = &self.ready[self.given..];
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seven_bit(mail: &str) -> String {
        let mut out = String::new();
        SevenBit::new(mail.as_bytes()).read_to_string(&mut out).unwrap();
        assert!(out.is_ascii(), "{out}");
        out
    }

    #[test]
    fn text_becomes_quoted_printable_and_says_so() {
        let mail = "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                    Content-Transfer-Encoding: 8bit\r\n\r\ncafé\r\n";
        assert_eq!(seven_bit(mail), mail.replace("8bit", "quoted-printable").replace("é", "=C3=A9"));
    }

    #[test]
    fn only_the_parts_that_need_it_change() {
        let mail = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
                    Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n\r\nplain\r\n--b\r\n\
                    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\né\r\n\
                    --b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n";
        let expected = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
                    Content-Transfer-Encoding: 7bit\r\n\r\n--b\r\n\r\nplain\r\n--b\r\n\
                    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n\
                    --b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n";
        assert_eq!(seven_bit(mail), expected);
    }

    #[test]
    fn message_within_a_report_is_converted_too() {
        let mail = "MIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=\"r 1\"\r\n\r\n--r 1\r\n\
                    Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: ü\r\n\r\né\r\n--r 1--\r\n";
        let expected = "MIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=\"r 1\"\r\n\r\n--r 1\r\n\
                    Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: =?utf-8?b?w7w=?=\r\n\
                    MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                    Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n--r 1--\r\n";
        assert_eq!(seven_bit(mail), expected);
    }

    #[test]
    fn mail_of_any_size_is_converted_in_pieces() {
        let head =
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
        let mail = format!("{head}{}", "é line\r\n".repeat(100_000));
        let out = seven_bit(&mail);
        assert_eq!(out.matches("=C3=A9 line\r\n").count(), 100_000);
        assert_eq!(out.matches("quoted-printable").count(), 1);
    }
}

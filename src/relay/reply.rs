//! Reads replies: bytes come in, code and lines go out. RFC 5321 section 4.2.
//!
//! The length of a line and the number of lines are limited, so that no server can make us take memory without end.
//! Bare LF, missing text and text that is not UTF-8 are forgiven: providers of China answer in GBK. A missing code is
//! not. lettre's parser refuses codes that servers do send, such as 571, so it is not used here.

use std::io::{self, Read};

use crate::message::charset;
use crate::outcome::{EnhancedStatus, Reply, clean};

/// In bytes. RFC 5321 section 4.5.3.1.5 allows 512.
const LONGEST_LINE: usize = 4096;
const MOST_LINES: usize = 128;
/// The most bytes that are read ahead. The replies of a whole window are far below that.
const MOST_AT_HAND: usize = 64 << 10;
/// The most characters of a reply's text that are kept for logs and reports.
const LONGEST_TEXT: usize = 1000;

/// A reply as it is read: its lines are apart, as EHLO needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The three digits.
    pub code: u16,
    /// The text of each line, without its code.
    pub lines: Vec<String>,
}

/// The reason why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// The server has closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// A line has no code. This is its start.
    #[error("the answer is not SMTP ({0:?})")]
    Garbage(String),
    /// The connection broke, or the limit was over.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There are more lines than any reply has, or a longer one.
    #[error("the answer has no end")]
    TooLong,
}

/// The replies of a server, with the bytes that have come and were not asked for yet.
#[derive(Debug, Default)]
pub struct Replies {
    buffer: Vec<u8>,
    /// The reason why nothing will follow. It came up while nobody waited for a reply.
    end: Option<ReplyError>,
}

impl Replies {
    /// Reads one reply, all its lines.
    ///
    /// # Errors
    /// One of [`ReplyError`].
    pub fn read(&mut self, from: &mut impl Read) -> Result<Answer, ReplyError> {
        let mut answer = Answer { code: 0, lines: Vec::new() };
        while answer.lines.len() < MOST_LINES {
            let line = self.line(from)?;
            let (code, is_last, text) = split(&line).ok_or_else(|| ReplyError::Garbage(excerpt(&line)))?;
            // All lines should have the same code. If they do not, the last code counts, as long as its first digit
            // is the same.
            if !answer.lines.is_empty() && answer.code / 100 != code / 100 {
                return Err(ReplyError::Garbage(excerpt(&line)));
            }
            answer.code = code;
            answer.lines.push(charset::text(text, None));
            if is_last {
                return Ok(answer);
            }
        }
        Err(ReplyError::TooLong)
    }

    /// Reads what has come by now; `from` must not wait. If nothing more will come, the next [`read`](Self::read) that
    /// wants more says so.
    pub(super) fn read_available(&mut self, from: &mut impl Read) {
        let mut piece = [0; 8192];
        while self.end.is_none() && self.buffer.len() < MOST_AT_HAND {
            match from.read(&mut piece) {
                Ok(0) => self.end = Some(ReplyError::Closed),
                Ok(n) => self.buffer.extend_from_slice(&piece[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => self.end = Some(error.into()),
            }
        }
    }

    /// The number of whole replies at hand.
    pub(super) fn at_hand(&self) -> usize {
        let end = self.buffer.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        // Only the last line of a reply has no hyphen after its code.
        self.buffer[..end].split_inclusive(|b| *b == b'\n').filter(|line| line.get(3) != Some(&b'-')).count()
    }

    /// Something has come that nobody has asked for yet.
    pub(super) fn has_more(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// One line without its end, which is CRLF or LF.
    fn line(&mut self, from: &mut impl Read) -> Result<Vec<u8>, ReplyError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.buffer.len() > LONGEST_LINE {
                return Err(ReplyError::TooLong);
            }
            if let Some(end) = self.end.take() {
                return Err(end);
            }
            let mut piece = [0; 8192];
            match from.read(&mut piece) {
                Ok(0) => return Err(ReplyError::Closed),
                Ok(n) => self.buffer.extend_from_slice(&piece[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Answer {
    /// The reply as one text. Servers repeat the enhanced status on each line (RFC 2034 section 4); in the text it
    /// stands once.
    pub fn reply(&self) -> Reply {
        let repeated = self.lines.first().and_then(|line| enhanced(line));
        let mut text = String::new();
        for (i, line) in self.lines.iter().enumerate() {
            let rest = match line.split_once(' ') {
                Some((_, rest)) if i > 0 && repeated.is_some() && enhanced(line) == repeated => rest,
                _ => line,
            };
            text.push_str(rest);
            text.push(' ');
        }
        let end = text.char_indices().nth(LONGEST_TEXT).map_or(text.len(), |(end, _)| end);
        Reply::new(self.code, &text[..end])
    }

    pub(super) fn is_class(&self, class: u16) -> bool {
        self.code / 100 == class
    }
}

fn enhanced(line: &str) -> Option<EnhancedStatus> {
    line.split(' ').next()?.parse().ok()
}

/// The code of a line, whether it is the last line, and its text.
fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (&[a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'], rest) = line.split_first_chunk()? else { return None };
    let code = [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest {
        [] => Some((code, true, rest)),
        [b' ', text @ ..] => Some((code, true, text)),
        [b'-', text @ ..] => Some((code, false, text)),
        _ => None,
    }
}

fn excerpt(line: &[u8]) -> String {
    clean(&String::from_utf8_lossy(line)).chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Answer, ReplyError> {
        Replies::default().read(&mut &bytes[..])
    }

    fn shown(bytes: &[u8]) -> String {
        read(bytes).unwrap().reply().to_string()
    }

    #[test]
    fn all_forms_that_servers_send_are_read() {
        for (bytes, expected) in [
            (&b"250 2.1.0 ok\r\n"[..], "250 2.1.0 ok"),
            (b"250\r\n", "250"),
            (b"250 \r\n", "250"),
            (b"250 bare\n", "250 bare"),
            (b"250-one\r\n250-\r\n250 two\r\n", "250 one two"),
            (b"550-5.7.25 no\r\n550 5.7.25 name\r\n", "550 5.7.25 no name"),
            (b"550-5.7.2 a\r\n550 5.7.25 b\r\n", "550 5.7.2 a 5.7.25 b"),
            (b"550-first\r\n554 second\r\n", "554 first second"),
            (b"571 5.7.1 spam\r\n", "571 5.7.1 spam"),
            (b"550 sch\xf6n\r\n", "550 sch\u{f6}n"),
            (b"550 a\x1b[31m\x07b\r\n", "550 a?[31m?b"),
        ] {
            assert_eq!(shown(bytes), expected);
        }
    }

    #[test]
    fn reply_in_gbk_reads_as_it_was_written() {
        for text in [
            "535 Error: 请使用授权码登录。详情请看: http://service.mail.qq.com/cgi-bin/help?subtype=1",
            "501 系统已强制绑定帐号与微信，请登录exmail.qq.com绑定微信",
            "550 用户不存在",
        ] {
            let (octets, ..) = encoding_rs::GBK.encode(text);
            assert_eq!(shown(&[&octets[..], b"\r\n"].concat()), text);
        }
    }

    #[test]
    fn what_has_come_is_taken_in_and_the_end_is_told_in_its_place() {
        struct Bursts(Vec<io::Result<&'static [u8]>>);
        impl Read for Bursts {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let mut bytes = if self.0.is_empty() { &[][..] } else { self.0.remove(0)? };
                bytes.read(buffer)
            }
        }
        let nothing_yet = || Err(io::ErrorKind::WouldBlock.into());
        let reset = Err(io::ErrorKind::ConnectionReset.into());
        let mut wire = Bursts(vec![Ok(b"250 a\r\n25"), nothing_yet(), Ok(b"0 b\r\n"), Ok(b"250 c\r\n"), reset]);
        let mut replies = Replies::default();
        replies.read_available(&mut wire);
        assert_eq!(replies.at_hand(), 1);
        replies.read_available(&mut wire);
        assert_eq!(replies.at_hand(), 3);
        for text in ["250 a", "250 b", "250 c"] {
            assert_eq!(replies.read(&mut wire).unwrap().reply().to_string(), text);
        }
        let Err(ReplyError::Io(end)) = replies.read(&mut wire) else { panic!("there is another reply") };
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
        assert!(matches!(replies.read(&mut wire), Err(ReplyError::Closed)));
    }

    #[test]
    fn garbage_is_no_reply() {
        for bytes in [&b"hello\r\n"[..], b"\r\n", b"25 x\r\n", b"2500 x\r\n", b"150 x\r\n", b"650 x\r\n", b"250_x\r\n"]
        {
            assert!(matches!(read(bytes), Err(ReplyError::Garbage(_))), "{bytes:?}");
        }
        assert!(matches!(read(b"250-a\r\n550 b\r\n"), Err(ReplyError::Garbage(_))));
    }

    #[test]
    fn reply_without_end_is_cut_off() {
        assert!(matches!(read(&vec![b'2'; 1 << 20]), Err(ReplyError::TooLong)));
        assert!(matches!(read(&b"250-x\r\n".repeat(1 << 16)), Err(ReplyError::TooLong)));
        assert!(matches!(read(b"250-x\r\n250"), Err(ReplyError::Closed)));
    }

    #[test]
    fn long_text_is_shortened() {
        let line = format!("550 {}\r\n", "\u{e9}".repeat(1500));
        assert_eq!(read(line.as_bytes()).unwrap().reply().text.chars().count(), LONGEST_TEXT);
    }

    #[test]
    fn two_replies_in_one_packet_are_two_replies() {
        let mut replies = Replies::default();
        let mut bytes = &b"250 one\r\n550 two\r\n"[..];
        assert_eq!(replies.read(&mut bytes).unwrap().code, 250);
        assert!(replies.has_more());
        assert_eq!(replies.read(&mut bytes).unwrap().code, 550);
        assert!(!replies.has_more());
        assert_eq!(replies.at_hand(), 0);
        replies.buffer.extend_from_slice(b"250-one\r\n250 two\r\n250 three\r\n250 fo");
        assert_eq!(replies.at_hand(), 2);
        replies.buffer.clear();
        assert!(matches!(replies.read(&mut bytes), Err(ReplyError::Closed)));
    }
}

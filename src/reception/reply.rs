//! An answer: three digits, and one line of text or several (RFC 5321 section 4.2). If the text has an enhanced status
//! (RFC 2034), it stands at its front.

use std::fmt;

use crate::outcome::clean;

/// The longest line of a reply without code and line end (RFC 5321 section 4.5.3.1.5 allows 512 octets in all).
const LONGEST: usize = 480;

/// The answer to a line or to a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// An answer of one line; characters that cannot stand in one are left out of `text`.
    pub(crate) fn new(code: u16, text: &str) -> Self {
        Self::of_lines(code, &[text])
    }

    /// An answer of several lines.
    pub(crate) fn of_lines(code: u16, lines: &[&str]) -> Self {
        Self { code, lines: lines.iter().map(|line| printable(line)).collect() }
    }

    /// The three digits.
    #[cfg(test)]
    pub(super) fn code(&self) -> u16 {
        self.code
    }

    /// The line was no command at all.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.code, 500 | 502)
    }
}

/// With the line ends of the wire.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.lines.len().saturating_sub(1);
        for (n, line) in self.lines.iter().enumerate() {
            write!(f, "{}{}{line}\r\n", self.code, if n == last { ' ' } else { '-' })?;
        }
        Ok(())
    }
}

/// Replies are ASCII: not every caller has offered SMTPUTF8.
fn printable(text: &str) -> String {
    clean(text).chars().map(|c| if c.is_ascii() { c } else { '?' }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_the_code_and_the_last_one_a_blank() {
        assert_eq!(Reply::of_lines(250, &["web1", "DSN"]).to_string(), "250-web1\r\n250 DSN\r\n");
        assert_eq!(Reply::new(451, "4.3.0 a\r\n250 ok\u{e9}").to_string(), "451 4.3.0 a 250 ok?\r\n");
    }
}

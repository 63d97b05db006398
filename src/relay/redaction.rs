//! Leaves the lines of our own login out of the replies that quote them.
//!
//! A reply is copied into log, journal and report, where others read it. A server that does not know a command says
//! `500 unrecognized: "AUTH PLAIN ..."`, often cut short, over several lines, or in capitals.

use zeroize::Zeroizing;

/// A piece of a line that is shorter gives nothing away, and could be a word of any reply. In characters of base64.
const SHORTEST: usize = 8;
/// A shorter password would be found in words that have nothing to do with it, and the gaps would tell it. In bytes.
const SHORTEST_SECRET: usize = 4;
const MASK: &str = "***";

/// What we show to the server and nobody else may see. No debug output has it, and its memory is wiped.
#[derive(Default)]
pub(super) struct Redaction {
    secrets: Vec<Zeroizing<String>>,
    /// In base64, without the `=` at the end.
    lines: Vec<Zeroizing<String>>,
}

impl Redaction {
    /// Hides a password or a token.
    pub(super) fn hide(&mut self, secret: &str) {
        if secret.len() >= SHORTEST_SECRET && self.secrets.iter().all(|known| known.as_str() != secret) {
            self.secrets.push(secret.to_owned().into());
        }
    }

    /// Hides the base64 at the end of a line.
    pub(super) fn hide_line(&mut self, line: &str) {
        let encoded = line.trim_end().rsplit(' ').next().unwrap_or_default().trim_end_matches('=');
        if encoded.len() >= SHORTEST {
            self.lines.push(encoded.to_owned().into());
        }
    }

    /// The line of a reply, without any of what is hidden.
    pub(super) fn redact(&self, line: &str) -> String {
        let mut rest = self.secrets.iter().fold(line.to_owned(), |line, secret| line.replace(secret.as_str(), MASK));
        let mut masked = String::with_capacity(rest.len());
        while let Some(start) = rest.find(is_base64) {
            let tail = rest.split_off(start);
            masked.push_str(&rest);
            let (piece, behind) = tail.split_at(tail.find(|c| !is_base64(c)).unwrap_or(tail.len()));
            let is_ours = self.is_ours(piece);
            masked.push_str(if is_ours { MASK } else { piece });
            rest = if is_ours { behind.trim_start_matches('=') } else { behind }.to_owned();
        }
        masked + &rest
    }

    /// The piece is part of a line of ours, or such a line is part of it.
    fn is_ours(&self, piece: &str) -> bool {
        let piece = piece.to_ascii_lowercase();
        piece.len() >= SHORTEST
            && self.lines.iter().any(|line| {
                let line = Zeroizing::new(line.to_ascii_lowercase());
                line.contains(&piece) || piece.contains(line.as_str())
            })
    }
}

/// A character of base64 (RFC 4648 section 4), without the `=` that pads.
fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piece_of_our_login_is_not_told() {
        let mut redaction = Redaction::default();
        redaction.hide("geheim");
        redaction.hide_line("AUTH PLAIN AG1lAGdlaGVpbQ==\r\n");
        for (line, told) in [
            ("unrecognized: \"AUTH PLAIN AG1lAGdlaGVpbQ==\"", "unrecognized: \"AUTH PLAIN ***\""),
            ("cut: AUTH PLAIN AG1lAGdlaG", "cut: AUTH PLAIN ***"),
            ("AUTH PLAIN AG1LAGDLAGVPBQ==", "AUTH PLAIN ***"),
            ("line=AG1lAGdlaGV", "line=***"),
            ("xAG1lAGdlaGVpbQ==x", "***x"),
            ("\u{e9}AG1lAGdlaGVpbQ==\u{e9}", "\u{e9}***\u{e9}"),
            ("5.7.8 \0me\0geheim is no password", "5.7.8 \0me\0*** is no password"),
            ("5.7.8 authentication failed, try again later/soon", "5.7.8 authentication failed, try again later/soon"),
            ("", ""),
        ] {
            assert_eq!(redaction.redact(line), told);
        }
    }

    #[test]
    fn short_secret_is_not_told_by_its_gaps() {
        let mut redaction = Redaction::default();
        redaction.hide("a");
        redaction.hide_line("YQ==\r\n");
        assert_eq!(redaction.redact("authentication failed"), "authentication failed");
    }
}

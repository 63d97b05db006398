//! What a server may not bring back to us: the lines of our own login, wherever a reply quotes them.
//!
//! A reply is copied into log, journal and report, where others read it. A server that does not know what it was told
//! says `500 unrecognized: "AUTH PLAIN ..."`, often cut short, over several lines, or in capitals.

use zeroize::Zeroizing;

/// A shorter piece says too little to give anything away, and words of any reply could be one.
const SHORTEST: usize = 8;
/// A shorter password would be found in words that have nothing to do with it, and so be told by its gaps.
const SHORTEST_SECRET: usize = 4;
const MASK: &str = "***";

/// What was shown to the server, and is to be shown to nobody else. No debug output has it; its memory is wiped.
#[derive(Default)]
pub(super) struct Redaction {
    secrets: Vec<Zeroizing<String>>,
    /// In base64, without the `=` at its end.
    lines: Vec<Zeroizing<String>>,
}

impl Redaction {
    /// A password or a token.
    pub(super) fn hide(&mut self, secret: &str) {
        if secret.len() >= SHORTEST_SECRET && self.secrets.iter().all(|known| known.as_str() != secret) {
            self.secrets.push(secret.to_owned().into());
        }
    }

    /// A line that ends in base64.
    pub(super) fn hide_line(&mut self, line: &str) {
        let encoded = line.trim_end().rsplit(' ').next().unwrap_or_default().trim_end_matches('=');
        if encoded.len() >= SHORTEST {
            self.lines.push(encoded.to_owned().into());
        }
    }

    /// The line of a reply without any of it.
    pub(super) fn redacted(&self, line: &str) -> String {
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

    /// A piece of a line of ours, or one within it.
    fn is_ours(&self, piece: &str) -> bool {
        let piece = piece.to_ascii_lowercase();
        let is_one = |line: &Zeroizing<String>| {
            let line = Zeroizing::new(line.to_ascii_lowercase());
            line.contains(&piece) || piece.contains(line.as_str())
        };
        piece.len() >= SHORTEST && self.lines.iter().any(is_one)
    }
}

/// RFC 4648 section 4, but for the `=` that fills up.
fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piece_of_our_login_is_not_told() {
        let mut mask = Redaction::default();
        mask.hide("geheim");
        mask.hide_line("AUTH PLAIN AG1lAGdlaGVpbQ==\r\n");
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
            assert_eq!(mask.redacted(line), told);
        }
    }

    #[test]
    fn short_secret_is_not_told_by_its_gaps() {
        let mut mask = Redaction::default();
        mask.hide("a");
        mask.hide_line("YQ==\r\n");
        assert_eq!(mask.redacted("authentication failed"), "authentication failed");
    }
}

//! Leaves our secrets and the lines of our own login out of the texts that quote them.
//!
//! A reply is copied into log, journal and report, where others read it. A server that does not know a command says
//! `500 unrecognized: "AUTH PLAIN ..."`, often cut short, over several lines, or in capitals. The mask is therefore
//! laid over every text from outside before it is kept, whatever its code: a reply, or the words of a token endpoint.

use openssl::base64::encode_block;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// A piece of a token or of a line that is shorter gives nothing away, and could be a word of any reply. In characters.
const SHORTEST: usize = 8;
/// A shorter password would be found in words that have nothing to do with it, and the gaps would tell it. In bytes.
const SHORTEST_SECRET: usize = 4;
const MASK: &str = "***";

/// Secrets that no text may bring back. No debug output has them, and their memory is wiped.
#[derive(Default)]
pub(super) struct Redaction {
    /// Found as they are, in whatever case.
    secrets: Vec<Zeroizing<String>>,
    /// Found by any piece of them: base64, or a token.
    pieces: Vec<Pieces>,
}

/// All pieces of [`SHORTEST`] octets of a text in lower case, sorted.
type Pieces = Zeroizing<Vec<[u8; SHORTEST]>>;

impl Redaction {
    /// Hides a password, as it is, in base64, and as a form on the web has it.
    pub(super) fn hide(&mut self, secret: &str) {
        if secret.len() < SHORTEST_SECRET || self.secrets.iter().any(|known| known.as_str() == secret) {
            return;
        }
        self.secrets.push(secret.to_owned().into());
        let escaped = Zeroizing::new(byte_serialize(secret.as_bytes()).collect::<String>());
        if *escaped != secret {
            self.secrets.push(escaped);
        }
        for before in 0..3 {
            self.hide_pieces(&in_base64_behind(before, secret));
        }
    }

    /// Hides a token and each piece of it: it is made by chance, and no word of a reply is one.
    pub(super) fn hide_token(&mut self, token: &str) {
        if self.secrets.iter().any(|known| known.as_str() == token) {
            return;
        }
        self.hide(token);
        self.hide_pieces(token);
    }

    /// Hides the base64 at the end of a line.
    pub(super) fn hide_line(&mut self, line: &str) {
        self.hide_pieces(line.trim_end().rsplit(' ').next().unwrap_or_default().trim_end_matches('='));
    }

    fn hide_pieces(&mut self, text: &str) {
        let text = Zeroizing::new(text.to_ascii_lowercase());
        // A list that grows would leave copies behind.
        let mut pieces = Zeroizing::new(Vec::with_capacity(text.len()));
        pieces.extend(text.as_bytes().windows(SHORTEST).filter_map(|piece| <[u8; SHORTEST]>::try_from(piece).ok()));
        pieces.sort_unstable();
        self.pieces.push(pieces);
    }

    /// The text without any of what is hidden.
    pub(super) fn redact(&self, text: &str) -> String {
        let text = self.secrets.iter().fold(text.to_owned(), |text, secret| without(&text, secret));
        let mut redacted = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(start) = rest.find(is_of_token) {
            let (before, tail) = rest.split_at(start);
            let (word, behind) = tail.split_at(tail.find(|c| !is_of_token(c)).unwrap_or(tail.len()));
            let is_ours = self.has_piece_of_ours(word);
            redacted.push_str(before);
            redacted.push_str(if is_ours { MASK } else { word });
            rest = if is_ours { behind.trim_start_matches('=') } else { behind };
        }
        redacted + rest
    }

    fn has_piece_of_ours(&self, word: &str) -> bool {
        let word = word.to_ascii_lowercase();
        let is_ours = |piece: &[u8]| {
            self.pieces.iter().any(|pieces| pieces.binary_search_by(|ours| ours.as_slice().cmp(piece)).is_ok())
        };
        word.as_bytes().windows(SHORTEST).any(is_ours)
    }
}

/// The text without the secret, in whatever case.
fn without(text: &str, secret: &str) -> String {
    // ASCII alone has a lower case of the same length.
    let (lower, wanted) = (Zeroizing::new(text.to_ascii_lowercase()), Zeroizing::new(secret.to_ascii_lowercase()));
    let mut kept = String::with_capacity(text.len());
    let mut rest = 0;
    for (at, _) in lower.match_indices(wanted.as_str()) {
        kept.push_str(&text[rest..at]);
        kept.push_str(MASK);
        rest = at + secret.len();
    }
    kept + &text[rest..]
}

/// The characters of base64 that the secret alone decides if `before` octets (0, 1 or 2) stand before it in the group
/// of three: it may stand anywhere in what a server encodes.
fn in_base64_behind(before: usize, secret: &str) -> Zeroizing<String> {
    let octets = Zeroizing::new([&[0; 2][..before], secret.as_bytes()].concat());
    let encoded = Zeroizing::new(encode_block(&octets));
    // The first characters hold bits of what stands before it, the last one of what follows.
    let start = [0, 2, 3][before];
    let end = octets.len() * 8 / 6;
    Zeroizing::new(encoded.get(start..end).unwrap_or_default().to_owned())
}

/// A character of a token (RFC 6750 section 2.1) or of base64 (RFC 4648 section 4), without the `=` that pads.
fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/')
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
    fn secret_is_told_in_no_form() {
        let mut mask = Redaction::default();
        mask.hide("pass wörd&x");
        mask.hide_token("1//0gAbCdEfGhIjKl-MnOpQrSt_UvWx");
        for (line, told) in [
            ("ok PASS WöRD&X", "ok ***"),
            ("form: pass+w%C3%B6rd%26x", "form: ***"),
            ("base64: cGFzcyB3w7ZyZCZ4", "base64: ***"),
            ("of more: bWU6cGFzcyB3w7ZyZCZ4IQ==", "of more: ***"),
            ("of more: bWUgcGFzcyB3w7ZyZCZ4", "of more: ***"),
            ("of more: AHBhc3Mgd8O2cmQmeAA=", "of more: ***"),
            ("of more: bXBhc3Mgd8O2cmQmeA==", "of more: ***"),
            ("cut: d8O2cmQme", "cut: ***"),
            ("token 1//0gAbCdEfGhIjKl-MnOpQrSt_UvWx is bad", "token *** is bad"),
            ("token 1%2F%2F0gAbCdEfGhIjKl-MnOpQrSt_UvWx is bad", "token *** is bad"),
            ("cut: 1//0gAbCdEfGhIj", "cut: ***"),
            ("cut: IjKl-MnOpQ, and more", "cut: ***, and more"),
            ("queued as 4Xy5Zb", "queued as 4Xy5Zb"),
        ] {
            assert_eq!(mask.redact(line), told);
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

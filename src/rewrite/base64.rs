//! Base64, RFC 2045 section 6.8, for data that is no text: every octet comes back, line ends too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::filter::Filter;

/// The octets that fill a line of 76 characters.
const OCTETS: usize = 57;
const CHARACTERS: usize = 76;

/// Encodes octets.
#[derive(Debug, Default)]
pub(super) struct Base64 {
    /// Octets held back, less than a line.
    held: Vec<u8>,
    /// A line was written before.
    has_begun: bool,
}

impl Base64 {
    fn line(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_begun, true) {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(STANDARD.encode(octets).as_bytes());
    }
}

impl Filter for Base64 {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut bytes = bytes;
        if !self.held.is_empty() {
            let (start, rest) = bytes.split_at(bytes.len().min(OCTETS - self.held.len()));
            self.held.extend_from_slice(start);
            bytes = rest;
            if self.held.len() < OCTETS {
                return;
            }
            let held = std::mem::take(&mut self.held);
            self.line(&held, out);
        }
        let lines = bytes.chunks_exact(OCTETS);
        self.held.extend_from_slice(lines.remainder());
        lines.for_each(|octets| self.line(octets, out));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.line(&held, out);
        }
    }
}

/// Folds a body that is base64 already: programs write it in one line, which no server takes. An octet that is neither
/// a character of the alphabet nor a line end means nothing there and is left out.
#[derive(Debug, Default)]
pub(super) struct Refold {
    column: usize,
}

impl Filter for Refold {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes.iter().filter(|b| b.is_ascii_graphic()) {
            if self.column == CHARACTERS {
                out.extend_from_slice(b"\r\n");
                self.column = 0;
            }
            out.push(*byte);
            self.column += 1;
        }
    }

    fn end(&mut self, _: &mut Vec<u8>) {}
}

#[cfg(test)]
mod tests {
    use super::super::filter::tests::filtered;
    use super::*;

    #[test]
    fn body_in_one_line_is_folded() {
        let text = STANDARD.encode([7; 3000]);
        let folded = filtered(Refold::default(), &[text.as_bytes(), b"\0\n"]);
        assert!(folded.split(|b| *b == b'\n').all(|line| line.len() <= 77));
        let same: Vec<u8> = folded.into_iter().filter(u8::is_ascii_graphic).collect();
        assert_eq!(same, text.as_bytes());
    }

    proptest::proptest! {
        #[test]
        fn every_octet_comes_back(
            octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), cut in 0usize..300,
        ) {
            let cut = cut.min(octets.len());
            let encoded = filtered(Base64::default(), &[&octets[..cut], &octets[cut..]]);
            proptest::prop_assert!(encoded.split(|b| *b == b'\n').all(|line| line.len() <= 77));
            let text: Vec<u8> = encoded.into_iter().filter(|b| !b.is_ascii_whitespace()).collect();
            proptest::prop_assert_eq!(STANDARD.decode(text).unwrap(), octets);
        }
    }
}

//! Text in a form that few readers of mail know becomes UTF-8 on its way: UTF-16 as Windows tools write it (RFC 2046
//! section 4.1.2 has line ends in single octets, which it has not), and UTF-8 behind a byte order mark, which readers
//! show.

use encoding_rs::{Decoder, UTF_16LE};

use super::filter::{Chain, Filter};
use crate::message::Shape;

/// The decoding that a text passes before it is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Decoding {
    /// As it came.
    #[default]
    AsItIs,
    /// UTF-16 in either order becomes UTF-8.
    Utf16,
    /// UTF-8 loses its byte order mark.
    WithoutMark,
}

impl Decoding {
    /// The decoding that a text of that shape needs.
    pub(super) fn of(shape: &Shape) -> Self {
        if shape.is_utf16() {
            Self::Utf16
        } else if shape.has_utf8_mark() {
            Self::WithoutMark
        } else {
            Self::AsItIs
        }
    }

    /// Passes octets through this first, then through that filter.
    pub(super) fn before(self, filter: Box<dyn Filter>) -> Box<dyn Filter> {
        match self {
            Self::AsItIs => filter,
            Self::Utf16 => Box::new(Chain::new(Utf16::default(), filter)),
            Self::WithoutMark => Box::new(Chain::new(WithoutMark::default(), filter)),
        }
    }
}

/// Decodes from the mark on. The octets before it are blanks and line ends, which are single: the mark is looked for
/// behind them, see [`Shape::opening`].
struct Utf16 {
    decoder: Decoder,
    has_begun: bool,
}

impl std::fmt::Debug for Utf16 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Utf16")
    }
}

impl Default for Utf16 {
    fn default() -> Self {
        // It goes by the byte order mark.
        Self { decoder: UTF_16LE.new_decoder(), has_begun: false }
    }
}

impl Utf16 {
    fn decode(&mut self, bytes: &[u8], is_last: bool, out: &mut Vec<u8>) {
        let length = self.decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3 + 3);
        let mut text = String::with_capacity(length);
        // The buffer is large enough for all of it, and half a character becomes U+FFFD.
        let _ = self.decoder.decode_to_string(bytes, &mut text, is_last);
        out.extend_from_slice(text.as_bytes());
    }
}

impl Filter for Utf16 {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let blanks = if self.has_begun { 0 } else { bytes.len() - bytes.trim_ascii_start().len() };
        self.has_begun |= blanks < bytes.len();
        out.extend_from_slice(&bytes[..blanks]);
        self.decode(&bytes[blanks..], false, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.decode(&[], true, out);
    }
}

/// Takes the first three octets that are no blanks, which are known to be the mark.
#[derive(Debug, Default)]
struct WithoutMark {
    taken: usize,
}

impl Filter for WithoutMark {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while self.taken < Shape::UTF8_MARK.len()
            && let [first, others @ ..] = rest
        {
            if *first == Shape::UTF8_MARK[self.taken] {
                self.taken += 1
            } else {
                out.push(*first)
            }
            rest = others;
        }
        out.extend_from_slice(rest);
    }

    fn end(&mut self, _: &mut Vec<u8>) {}
}

#[cfg(test)]
mod tests {
    use super::super::filter::tests::filtered;
    use super::super::plan::Plan;
    use super::*;

    fn decoded(decoding: Decoding, pieces: &[&[u8]]) -> String {
        String::from_utf8(filtered(decoding.before(Plan::default().coding.filter(None)), pieces)).unwrap()
    }

    fn utf16(text: &str, little: bool) -> Vec<u8> {
        let unit = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(unit).collect()
    }

    #[test]
    fn utf16_of_both_orders_becomes_utf8_in_any_pieces() {
        for little in [true, false] {
            for blanks in ["", "\n", " \t\r\n\n"] {
                let octets = [blanks.as_bytes(), &utf16("Größe 备份 🎉\r\nok\n", little)].concat();
                let expected = format!("{}Größe 备份 🎉\r\nok\r\n", blanks.replace('\r', "").replace('\n', "\r\n"));
                for cut in 0..octets.len() {
                    assert_eq!(decoded(Decoding::Utf16, &[&octets[..cut], &octets[cut..]]), expected);
                }
            }
        }
        assert_eq!(decoded(Decoding::Utf16, &[b"\xff\xfea\0b"]), "a\u{fffd}");
    }

    #[test]
    fn mark_of_utf8_goes_alone() {
        let octets = "\n \u{feff}a\u{feff}b".as_bytes();
        for cut in 0..octets.len() {
            assert_eq!(decoded(Decoding::WithoutMark, &[&octets[..cut], &octets[cut..]]), "\r\n a\u{feff}b");
        }
    }
}

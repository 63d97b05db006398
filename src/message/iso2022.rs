//! ISO-2022-JP (RFC 1468): text of seven bits whose escape sequences switch between ASCII and Japanese. Nothing but
//! these sequences tells it from ASCII.

/// The sequences that name a set of two octets for a character, after ESC.
const TWO_OCTETS: [&[u8; 2]; 2] = [b"$@", b"$B"];
/// Those that name ASCII and the sets that stand in for it.
const ONE_OCTET: [&[u8; 2]; 3] = [b"(B", b"(J", b"(I"];

/// The sequences that a pass over a text has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Iso2022 {
    has_two_octets: bool,
    has_others: bool,
    /// The octets after the last ESC, as long as they are too few.
    begun: Option<Vec<u8>>,
}

impl Iso2022 {
    /// Looks at the next octets.
    pub(super) fn learn(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            if let Some(mut begun) = self.begun.take() {
                let missing = 2 - begun.len();
                begun.extend_from_slice(&rest[..rest.len().min(missing)]);
                rest = &rest[rest.len().min(missing)..];
                match <&[u8; 2]>::try_from(begun.as_slice()) {
                    Ok(sequence) => self.note(sequence),
                    Err(_) => return self.begun = Some(begun),
                }
            }
            let Some(at) = memchr::memchr(0x1b, rest) else { return };
            rest = &rest[at + 1..];
            self.begun = Some(Vec::new());
        }
    }

    fn note(&mut self, sequence: &[u8; 2]) {
        self.has_two_octets |= TWO_OCTETS.contains(&sequence);
        self.has_others |= !TWO_OCTETS.contains(&sequence) && !ONE_OCTET.contains(&sequence);
    }

    /// The text switches to Japanese, and holds no sequence of any other kind, such as a colour.
    pub(super) fn is_japanese(&self) -> bool {
        self.has_two_octets && !self.has_others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_japanese(pieces: &[&[u8]]) -> bool {
        let mut found = Iso2022::default();
        pieces.iter().for_each(|piece| found.learn(piece));
        found.is_japanese()
    }

    #[test]
    fn japanese_is_told_from_colours() {
        let text = encoding_rs::ISO_2022_JP.encode("バックアップ ok\nディスク\n").0.into_owned();
        for cut in 0..=text.len() {
            assert!(is_japanese(&[&text[..cut], &text[cut..]]));
        }
        assert!(!is_japanese(&[b"plain"]) && !is_japanese(&[b"\x1b[31mred\x1b[0m"]) && !is_japanese(&[b"\x1b"]));
        assert!(!is_japanese(&[b"\x1b$B%P\x1b[0m"]) && !is_japanese(&[b"\x1b(B"]) && !is_japanese(&[b"\x1b$"]));
    }
}

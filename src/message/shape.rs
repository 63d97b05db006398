//! What one pass over a body learns: enough to decide how it can travel, nothing of its text.

/// The facts about a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its length as it came, in octets.
    pub bytes: u64,
    /// It holds bytes over 127.
    pub eight_bit: bool,
    /// Nothing but blanks and line ends.
    pub blank: bool,
    utf8: Utf8,
}

impl Default for Shape {
    fn default() -> Self {
        Self { bytes: 0, eight_bit: false, blank: true, utf8: Utf8::default() }
    }
}

impl Shape {
    /// Looks at the next bytes of the body.
    pub(super) fn learn(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.blank = self.blank && bytes.iter().all(u8::is_ascii_whitespace);
        let ascii = bytes.is_ascii();
        self.eight_bit |= !ascii;
        self.utf8.learn(bytes, ascii);
    }

    /// The whole body is valid UTF-8.
    pub fn is_utf8(&self) -> bool {
        self.utf8.is_valid()
    }
}

/// Tells whether a stream is UTF-8, whatever pieces it comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Utf8 {
    /// The start of a character whose end has not come yet.
    pending: Vec<u8>,
    invalid: bool,
}

impl Utf8 {
    fn is_valid(&self) -> bool {
        !self.invalid && self.pending.is_empty()
    }

    fn learn(&mut self, bytes: &[u8], ascii: bool) {
        if self.invalid || (ascii && self.pending.is_empty()) {
            return;
        }
        let joined;
        let text = if self.pending.is_empty() {
            bytes
        } else {
            joined = [&std::mem::take(&mut self.pending), bytes].concat();
            &joined
        };
        if let Err(error) = std::str::from_utf8(text) {
            match error.error_len() {
                Some(_) => self.invalid = true,
                None => self.pending = text[error.valid_up_to()..].to_vec(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(pieces: &[&[u8]]) -> Shape {
        let mut shape = Shape::default();
        pieces.iter().for_each(|piece| shape.learn(piece));
        shape
    }

    #[test]
    fn characters_may_be_cut_between_pieces() {
        let text = "备份失败".as_bytes();
        for cut in 0..text.len() {
            assert!(shape(&[&text[..cut], &text[cut..]]).is_utf8(), "cut at {cut}");
            let whole = cut % 3 == 0;
            assert_eq!(shape(&[&text[..cut]]).is_utf8(), whole);
        }
    }

    #[test]
    fn latin1_is_not_utf8() {
        assert!(!shape(&[b"caf\xe9\n"]).is_utf8());
        assert!(shape(&[b"cafe\n"]).is_utf8());
    }

    #[test]
    fn blank_means_nothing_to_read() {
        assert!(shape(&[]).blank);
        assert!(shape(&[b"\n", b" \r\n"]).blank);
        assert!(!shape(&[b"\n", b"."]).blank);
    }
}

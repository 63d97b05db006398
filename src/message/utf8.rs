//! Tells whether a stream is UTF-8, in whatever pieces it comes, and if not, how far from it.

/// The number of right characters beyond ASCII for each byte that is wrong, from which on a text counts as UTF-8. In
/// text of another charset hardly one pair of bytes looks like UTF-8 by chance.
const RIGHT_FOR_EACH_STRAY: u64 = 8;

/// The characters seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Utf8 {
    /// The start of a character whose end has not come yet.
    pending: Vec<u8>,
    /// Characters beyond ASCII.
    characters: u64,
    /// Bytes, or beginnings of characters, that belong to no character.
    strays: u64,
}

impl Utf8 {
    pub(super) fn is_valid(&self) -> bool {
        self.strays == 0 && self.pending.is_empty()
    }

    pub(super) fn is_mostly_valid(&self) -> bool {
        let strays = self.strays + u64::from(!self.pending.is_empty());
        self.characters >= strays * RIGHT_FOR_EACH_STRAY
    }

    pub(super) fn learn(&mut self, bytes: &[u8], ascii: bool) {
        if ascii && self.pending.is_empty() {
            return;
        }
        let joined;
        let mut text = if self.pending.is_empty() {
            bytes
        } else {
            joined = [&std::mem::take(&mut self.pending), bytes].concat();
            &joined
        };
        while let Err(error) = std::str::from_utf8(text) {
            self.count(&text[..error.valid_up_to()]);
            let Some(length) = error.error_len() else {
                self.pending = text[error.valid_up_to()..].to_vec();
                return;
            };
            self.strays += 1;
            text = &text[error.valid_up_to() + length..];
        }
        self.count(text);
    }

    /// Counts the first bytes of characters beyond ASCII.
    fn count(&mut self, text: &[u8]) {
        self.characters += text.iter().filter(|b| **b >= 0xc0).count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf8(pieces: &[&[u8]]) -> Utf8 {
        let mut utf8 = Utf8::default();
        pieces.iter().for_each(|piece| utf8.learn(piece, piece.is_ascii()));
        utf8
    }

    #[test]
    fn characters_may_be_cut_between_pieces() {
        let text = "备份失败".as_bytes();
        for cut in 0..text.len() {
            assert!(utf8(&[&text[..cut], &text[cut..]]).is_valid(), "cut at {cut}");
            assert_eq!(utf8(&[&text[..cut]]).is_valid(), cut % 3 == 0);
        }
    }

    #[test]
    fn stray_byte_makes_no_other_charset_of_it() {
        let text = "备份失败备份失败".as_bytes();
        assert!(utf8(&[text, b"\xe9", text]).is_mostly_valid() && !utf8(&[text, b"\xe9"]).is_valid());
        assert!(utf8(&[text, &text[..2]]).is_mostly_valid());
        let (gbk, ..) = encoding_rs::GB18030.encode("备份失败，磁盘空间不足。请检查日志并联系管理员，谢谢！");
        assert!(!utf8(&[&gbk]).is_mostly_valid() && !utf8(&[b"caf\xe9"]).is_mostly_valid());
    }
}

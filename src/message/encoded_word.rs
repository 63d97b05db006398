//! Encoded words (RFC 2047 section 2) in a value of addresses: they are set aside before the value is taken apart.
//!
//! Section 5 (3) allows an encoded word in a display name and in a comment, and forbids it in an address. Whoever
//! encodes foreign text relies on that: a comma or an `@` within an encoded word has no meaning for the list around it.

/// Stands in for what was set aside. A noncharacter: no text of people holds it.
const MARK: char = '\u{FDD0}';

/// A value whose encoded words are set aside.
pub(super) struct SetAside {
    /// The value with a mark, a number and a mark in place of each encoded word.
    pub(super) value: String,
    words: Vec<String>,
}

impl SetAside {
    /// Sets the encoded words of a value aside. Any other `=?` is kept from being read as the start of one.
    pub(super) fn of(value: &str) -> Self {
        let text = value.replace(MARK, "\u{FFFD}");
        let (mut value, mut words, mut rest) = (String::with_capacity(text.len()), Vec::new(), text.as_str());
        while let Some(start) = rest.find("=?") {
            let (before, word) = rest.split_at(start);
            value.push_str(before);
            let length = length(word).unwrap_or("=?".len());
            value.push_str(&format!("{MARK}{}{MARK}", words.len()));
            words.push(word[..length].to_owned());
            rest = &word[length..];
        }
        value.push_str(rest);
        Self { value, words }
    }

    /// A part of the value as it was written.
    pub(super) fn restored(&self, part: &str) -> String {
        let mut pieces = part.split(MARK);
        let mut whole = pieces.next().unwrap_or_default().to_owned();
        while let Some(number) = pieces.next() {
            let word = number.parse::<usize>().ok().and_then(|number| self.words.get(number));
            whole.push_str(word.map_or("", String::as_str));
            whole.push_str(pieces.next().unwrap_or_default());
        }
        whole
    }

    /// An encoded word stood in that part of the value.
    pub(super) fn is_in(part: &str) -> bool {
        part.contains(MARK)
    }
}

/// No program writes a longer word, in octets; RFC 2047 section 2 allows 75.
const LONGEST: usize = 2048;

/// The length of the encoded word at the start of the text. Programs leave blanks, and what RFC 2047 section 5 (3)
/// wants encoded, in such words; readers decode them all the same.
fn length(text: &str) -> Option<usize> {
    let mut parts = text.strip_prefix("=?")?.splitn(3, '?');
    let (charset, encoding, rest) = (parts.next()?, parts.next()?, parts.next()?);
    // A `?` that is not encoded is no end of it, unless what follows looks like text between two words.
    let is_whole = |end: &usize| !rest[..*end].contains('?') || !rest[..*end].contains(char::is_whitespace);
    let near = &rest.as_bytes()[..rest.len().min(LONGEST)];
    let encoded = memchr::memmem::find(near, b"?=").filter(is_whole)?;
    let is_charset = !charset.is_empty() && charset.bytes().all(|b| b.is_ascii_graphic());
    let is_word = is_charset && matches!(encoding, "b" | "B" | "q" | "Q");
    is_word.then_some("=?".len() + charset.len() + 1 + encoding.len() + 1 + encoded + "?=".len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were() {
        for value in
            ["", "=?utf-8?q?a=2C_b?= <a@b>", "x =?u?b?YQ==?= =?u?b?YQ==?=", "=?no word", "=?=?u?q?x?=", "a=?b@c, d"]
        {
            let aside = SetAside::of(value);
            assert!(!aside.value.contains("=?"), "{value}");
            assert_eq!(aside.restored(&aside.value), value);
        }
    }

    #[test]
    fn mark_of_a_stranger_stands_for_nothing() {
        let aside = SetAside::of("=?u?q?x?= \u{FDD0}0\u{FDD0}");
        assert_eq!(aside.restored(&aside.value), "=?u?q?x?= \u{FFFD}0\u{FFFD}");
    }
}

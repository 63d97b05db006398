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
    /// Those without an end that hold an `@`: perhaps they hold an address too.
    pub(super) broken: Vec<String>,
}

impl SetAside {
    /// Sets the encoded words of a value aside. Any other `=?` is kept from being read as the start of one.
    ///
    /// A word without a proper end was cut off, or foreign text in it is not encoded. It ends at the next bracket: no
    /// address is looked for before.
    pub(super) fn of(value: &str) -> Self {
        let text = value.replace(MARK, "\u{FFFD}");
        let (mut value, mut words, mut broken) = (String::with_capacity(text.len()), Vec::new(), Vec::new());
        let mut rest = text.as_str();
        // The octets from the `?=` that was found last to the end of all: it is not looked for again before that.
        let mut last_end = usize::MAX;
        while let Some(start) = rest.find("=?") {
            let (before, word) = rest.split_at(start);
            value.push_str(before);
            let length = match head(word) {
                None => "=?".len(),
                Some(head) => {
                    let encoded = &word[head..];
                    if encoded.len() < last_end {
                        last_end = encoded.find("?=").map_or(0, |at| encoded.len() - at);
                    }
                    let end = (last_end > 0).then(|| encoded.len() - last_end).filter(|end| is_whole(&encoded[..*end]));
                    match end {
                        Some(end) => head + end + "?=".len(),
                        None => {
                            let cut = &word[..word.find('<').unwrap_or(word.len())];
                            broken.extend(Some(cut.trim()).filter(|cut| cut.contains('@')).map(str::to_owned));
                            cut.len()
                        }
                    }
                }
            };
            value.push_str(&format!("{MARK}{}{MARK}", words.len()));
            words.push(word[..length].to_owned());
            rest = &word[length..];
        }
        value.push_str(rest);
        Self { value, words, broken }
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

/// The length of `=?charset?encoding?` at the start of the text.
fn head(text: &str) -> Option<usize> {
    let mut parts = text.strip_prefix("=?")?.splitn(3, '?');
    let (charset, encoding, _) = (parts.next()?, parts.next()?, parts.next()?);
    let is_charset = !charset.is_empty() && charset.bytes().all(|b| b.is_ascii_graphic());
    let is_head = is_charset && matches!(encoding, "b" | "B" | "q" | "Q");
    is_head.then_some("=?".len() + charset.len() + 1 + encoding.len() + 1)
}

/// The text up to the next `?=` is that of one encoded word. Programs leave blanks, and what RFC 2047 section 5 (3)
/// wants encoded, in such words; readers decode them all the same. Where another word begins behind a blank, the end
/// is that one's.
fn is_whole(encoded: &str) -> bool {
    encoded.find("=?").is_none_or(|next| !encoded[..next].contains(char::is_whitespace))
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

//! The facts that one pass over a body learns: enough to decide how it can travel and which labels it may have.

use super::charset;
use super::iso2022::Iso2022;
use super::part_labels::PartLabels;
use super::utf8::Utf8;

/// RFC 5322 section 2.1.1: the most octets a line may have before its end. Servers refuse or bounce longer lines.
pub(crate) const LONGEST_LINE: u64 = 998;

/// The part of a body, in octets, that is kept to tell its charset from. It begins with the first byte over 127.
const SAMPLE: usize = 16 << 10;

/// The part of a body, in octets, that is kept from its first octet on that is no blank and no line end.
const OPENING: usize = 1 << 10;

/// The most control characters that do not yet make a text a binary file, however short it is.
const FEW: u64 = 16;

/// The facts about a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Its length as it came, in octets.
    pub(crate) bytes: u64,
    /// It holds bytes over 127.
    pub(crate) eight_bit: bool,
    /// It holds only blanks and line ends.
    pub(crate) blank: bool,
    /// It holds NUL, which RFC 5322 section 4 forbids.
    pub(crate) nul: bool,
    /// It holds a CR without an LF after it, RFC 5322 section 2.3.
    pub(crate) bare_cr: bool,
    /// The longest line in octets, without its end.
    pub(crate) longest_line: u64,
    /// The longest piece between line ends and bare CRs.
    pub(crate) longest_piece: u64,
    /// It holds ESC: codes for a terminal.
    pub(crate) escapes: bool,
    /// It holds an octet that base64 never does, RFC 2045 section 6.8. Such an octet is not of the alphabet, no blank
    /// and no line end, or it is a space between others of a line.
    pub(crate) unlike_base64: bool,
    /// A line that looks like a field about a body (RFC 2045 section 9), or one of its folds, holds bytes over 127.
    pub(crate) raw_label: bool,
    /// Control characters that no text has.
    controls: u64,
    line: u64,
    piece: u64,
    after_cr: bool,
    base64: Base64,
    label: Label,
    parts: Option<Box<PartLabels>>,
    utf8: Utf8,
    iso2022: Iso2022,
    sample: Vec<u8>,
    opening: Vec<u8>,
}

/// The kind of a line, as far as it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    /// The number of its octets that are the beginning of such a field's name.
    Begun(usize),
    No,
    Yes,
}

/// The names of all fields about a body begin so, RFC 2045 section 3.
const LABEL: &[u8] = b"content-";

/// The place in a line of base64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Base64 {
    /// Before its first character, or at its end.
    #[default]
    Start,
    Text,
    /// A space has come after the text.
    Blank,
}

impl Base64 {
    fn may_go_on(&mut self, byte: u8) -> bool {
        *self = match (byte, *self) {
            (b'\r' | b'\n', _) => Self::Start,
            (b' ', Self::Text) => Self::Blank,
            (b' ' | b'\t', same) => same,
            (_, Self::Start | Self::Text) => Self::Text,
            (_, Self::Blank) => return false,
        };
        byte.is_ascii_alphanumeric() || b"+/= \t\r\n".contains(&byte)
    }
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            bytes: 0,
            eight_bit: false,
            blank: true,
            nul: false,
            bare_cr: false,
            longest_line: 0,
            longest_piece: 0,
            escapes: false,
            unlike_base64: false,
            raw_label: false,
            label: Label::No,
            parts: None,
            controls: 0,
            line: 0,
            piece: 0,
            after_cr: false,
            base64: Base64::default(),
            utf8: Utf8::default(),
            iso2022: Iso2022::default(),
            sample: Vec::new(),
            opening: Vec::new(),
        }
    }
}

impl Shape {
    /// The byte order mark, as UTF-8 has it.
    pub(crate) const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

    /// The shape of a body that is at hand.
    pub(crate) fn of(body: &[u8]) -> Self {
        let mut shape = Self::default();
        shape.learn(body);
        shape.finish();
        shape
    }

    /// The body is to come, and is a multipart with that boundary.
    pub(super) fn expect_parts(&mut self, boundary: &str) {
        self.parts = Some(Box::new(PartLabels::within(boundary)));
    }

    /// The head of a part in it does not tell the truth about the text below it.
    pub(crate) fn has_false_labels(&self) -> bool {
        self.parts.as_ref().is_some_and(|parts| parts.are_false())
    }

    /// Looks at the next bytes of the body.
    pub(crate) fn learn(&mut self, bytes: &[u8]) {
        if let Some(parts) = &mut self.parts {
            parts.learn(bytes);
        }
        self.bytes += bytes.len() as u64;
        self.keep_opening(bytes);
        self.blank = self.blank && bytes.iter().all(u8::is_ascii_whitespace);
        let ascii = bytes.is_ascii();
        self.keep_sample(bytes, ascii);
        self.eight_bit |= !ascii;
        self.utf8.learn(bytes, ascii);
        self.nul = self.nul || bytes.contains(&0);
        self.escapes = self.escapes || bytes.contains(&0x1b);
        self.iso2022.learn(bytes);
        self.unlike_base64 = self.unlike_base64 || !bytes.iter().all(|b| self.base64.may_go_on(*b));
        self.controls += bytes.iter().filter(|b| is_control(**b)).count() as u64;
        let mut start = 0;
        for end in memchr::memchr2_iter(b'\r', b'\n', bytes) {
            self.learn_run(&bytes[start..=end]);
            start = end + 1;
        }
        if start < bytes.len() {
            self.learn_run(&bytes[start..]);
        }
    }

    /// The whole body is valid UTF-8.
    pub(crate) fn is_utf8(&self) -> bool {
        self.utf8.is_valid()
    }

    /// The body is UTF-8 except for a few stray bytes, like a log that was cut in the middle of a character.
    pub(crate) fn is_mostly_utf8(&self) -> bool {
        self.utf8.is_mostly_valid()
    }

    /// It is text of seven bits that is Japanese by its escape sequences, RFC 1468.
    pub(crate) fn is_iso_2022_jp(&self) -> bool {
        self.iso2022.is_japanese() && !self.eight_bit
    }

    /// It begins with the byte order mark of UTF-16, and reads on as such a text.
    pub(crate) fn is_utf16(&self) -> bool {
        self.nul && charset::is_utf16(&self.opening)
    }

    /// It is UTF-8 behind a byte order mark.
    pub(crate) fn has_utf8_mark(&self) -> bool {
        self.opening.starts_with(&Self::UTF8_MARK) && (self.is_utf8() || self.is_mostly_utf8())
    }

    /// The bytes do not read as text, in any charset: a compressed file, a picture.
    pub(crate) fn is_binary(&self) -> bool {
        // One random byte in ten is such a control character, and text has none of them; a crash may have torn a log.
        let most = if self.is_utf8() { self.bytes / 4 } else { self.bytes / 32 };
        self.controls > most.max(FEW)
    }

    /// It can stand on the wire as it is, except for its line ends.
    pub(crate) fn is_legal(&self) -> bool {
        !self.nul && !self.bare_cr && self.longest_line <= LONGEST_LINE
    }

    /// The first of the bytes that a charset has to explain.
    pub(crate) fn sample(&self) -> &[u8] {
        &self.sample
    }

    /// The first octets that are no blanks: a subject can be made of them, and they tell the charset of HTML.
    pub(crate) fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// The input is over: a CR at its very end stands alone.
    pub(crate) fn finish(&mut self) {
        self.bare_cr |= std::mem::take(&mut self.after_cr);
        if let Some(parts) = &mut self.parts {
            parts.finish();
        }
    }

    fn keep_opening(&mut self, bytes: &[u8]) {
        let room = OPENING - self.opening.len();
        let text = if self.opening.is_empty() { bytes.trim_ascii_start() } else { bytes };
        self.opening.extend_from_slice(&text[..text.len().min(room)]);
    }

    fn keep_sample(&mut self, bytes: &[u8], ascii: bool) {
        let room = SAMPLE.saturating_sub(self.sample.len());
        if room == 0 || (ascii && self.sample.is_empty()) {
            return;
        }
        let bytes = if self.sample.is_empty() {
            &bytes[bytes.iter().position(|b| !b.is_ascii()).unwrap_or_default()..]
        } else {
            bytes
        };
        self.sample.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Text without CR and LF in it, except the one at its end, if there is one.
    fn learn_run(&mut self, run: &[u8]) {
        if std::mem::take(&mut self.after_cr) && run != b"\n" {
            self.bare_cr = true;
            self.line += 1;
        }
        let (text, end) = match run.split_last() {
            Some((end @ (b'\r' | b'\n'), text)) => (text, Some(*end)),
            _ => (run, None),
        };
        self.learn_label(text);
        self.line += text.len() as u64;
        self.piece += text.len() as u64;
        self.longest_line = self.longest_line.max(self.line);
        self.longest_piece = self.longest_piece.max(self.piece);
        if end.is_some() {
            self.piece = 0;
        }
        if end == Some(b'\n') {
            self.line = 0;
        }
        self.after_cr = end == Some(b'\r');
    }

    /// Part of a line.
    fn learn_label(&mut self, text: &[u8]) {
        let Some(first) = text.first() else {
            // A blank line ends the fields.
            self.label = if self.line == 0 { Label::No } else { self.label };
            return;
        };
        let goes_on = matches!(first, b' ' | b'\t') && self.label == Label::Yes;
        if self.line == 0 && !goes_on {
            self.label = Label::Begun(0);
        }
        let mut rest = text;
        while let (Label::Begun(count), [octet, others @ ..]) = (self.label, rest) {
            self.label = match octet.to_ascii_lowercase() == LABEL[count] {
                true if count + 1 == LABEL.len() => Label::Yes,
                true => Label::Begun(count + 1),
                false => Label::No,
            };
            rest = others;
        }
        self.raw_label |= self.label == Label::Yes && !text.is_ascii();
    }
}

/// Control characters other than those of printers and terminals: tab, LF, VT, FF, CR, BEL, BS, ESC, and the shifts of
/// ISO 2022.
fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=6 | 16..=26 | 28..=31 | 127)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(pieces: &[&[u8]]) -> Shape {
        let mut shape = Shape::default();
        pieces.iter().for_each(|piece| shape.learn(piece));
        shape.finish();
        shape
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

    #[test]
    fn cr_is_bare_unless_an_lf_comes_after_it() {
        for pieces in [&[&b"a\r\nb\r\n"[..]][..], &[b"a\r", b"\nb\n"], &[b"a\n", b"\r\n"]] {
            assert!(!shape(pieces).bare_cr, "{pieces:?}");
        }
        for pieces in [&[&b"50%\r100%\n"[..]][..], &[b"a\r\r\n"], &[b"a\r", b"b"], &[b"a\r"], &[b"a\r", b"\r\n"]] {
            assert!(shape(pieces).bare_cr, "{pieces:?}");
        }
    }

    #[test]
    fn lines_are_measured_without_their_ends() {
        let found = shape(&[b"12", b"345\r\n12\r3\n", b"1"]);
        assert_eq!((found.longest_line, found.longest_piece), (5, 5));
        let found = shape(&[b"10%\r20%\r30%", b"\n"]);
        assert_eq!((found.longest_line, found.longest_piece), (11, 3));
        assert!(shape(&[&[b'x'; 998], b"\r\n"]).is_legal() && !shape(&[&[b'x'; 999]]).is_legal());
    }

    #[test]
    fn text_is_unlike_base64() {
        for pieces in [&[&b"YWJj\r\n  YQ== \r\n"[..]][..], &[b"YW", b"Jj \t", b"\n"], &[]] {
            assert!(!shape(pieces).unlike_base64, "{pieces:?}");
        }
        for pieces in [&[&b"disk full"[..]][..], &[b"disk ", b"full"], &[b"full!"], &[b"\x01"], &[b"\xe9"]] {
            assert!(shape(pieces).unlike_base64, "{pieces:?}");
        }
    }

    #[test]
    fn compressed_files_are_no_text() {
        let noise: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(shape(&[&noise]).is_binary());
        assert!(!shape(&["备份\n".as_bytes()]).is_binary() && !shape(&[b"a\0b\0 and more text\n"]).is_binary());
        assert!(!shape(&[b"\xb2\xe2\xca\xd4\n"]).is_binary() && !shape(&[b"\x1b[31mred\x1b[0m\x07\n"]).is_binary());
    }

    #[test]
    fn sample_begins_with_what_has_to_be_explained() {
        assert_eq!(shape(&[b"plain\n", b"text \xe9t\xe9 ", b"here"]).sample(), b"\xe9t\xe9 here");
        assert!(shape(&[b"plain\n"]).sample().is_empty());
    }

    #[test]
    fn raw_labels_are_seen_in_fields_and_their_folds() {
        for pieces in [&["x\nContent-Type: text/csv; name=\"é\"\n"][..], &["conTENT-", "Id: x\n y\n", "\té\n"]] {
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            assert!(shape(&pieces).raw_label, "{pieces:?}");
        }
        for text in [
            "Content-Type: x\né\n",
            " content-x: é\n",
            "x content-x: é\n",
            "Content-A: b\nc\n é\n",
            "contenté\n",
            "content-a: b\r\n\r\n é",
        ] {
            assert!(!shape(&[text.as_bytes()]).raw_label, "{text}");
        }
    }

    #[test]
    fn opening_begins_with_the_first_text() {
        assert_eq!(shape(&[b" \n", b"\r\n one", b" two\n"]).opening(), b"one two\n");
        assert_eq!(shape(&[&[b'x'; 5000], b"y"]).opening().len(), OPENING);
    }

    proptest::proptest! {
        #[test]
        fn pieces_make_no_difference(
            input in proptest::collection::vec(proptest::sample::select(&b"\r\n\0ab \xe5\xa4\x87\x1b"[..]), 0..40),
            cut in 0usize..40,
        ) {
            let cut = cut.min(input.len());
            proptest::prop_assert_eq!(shape(&[&input[..cut], &input[cut..]]), shape(&[&input]));
        }
    }
}

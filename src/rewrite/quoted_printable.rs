//! Quoted-printable, RFC 2045 section 6.7: text stays readable, and every octet of it comes back: a NUL is `=00`, a CR
//! that ends no line `=0D`.

use super::filter::Filter;

/// The most characters of a line, the `=` of a soft line break not counted.
const LINE: usize = 75;
/// A body that is quoted-printable already may have any line that the wire allows; it is not folded anew.
const LINE_OF_OTHERS: usize = 990;

/// Encodes text. LF and CRLF are line ends.
#[derive(Debug)]
pub(super) struct QuotedPrintable {
    /// The body is encoded already, but not legally.
    is_encoded: bool,
    line: usize,
    column: usize,
    /// A CR that may belong to a line end.
    cr: bool,
    /// A blank that must be encoded if its line ends here.
    blank: Option<u8>,
    /// Octets of an escape that has begun.
    escape: usize,
}

impl QuotedPrintable {
    /// For text.
    pub(super) fn encode() -> Self {
        Self { is_encoded: false, line: LINE, column: 0, cr: false, blank: None, escape: 0 }
    }

    /// For a body that is called quoted-printable and is not legal: its escapes stand, octets that are not allowed
    /// become escapes, and long lines are broken softly.
    pub(super) fn mend() -> Self {
        Self { is_encoded: true, line: LINE_OF_OTHERS, ..Self::encode() }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.cr) {
            if byte == b'\n' {
                return self.line_end(out);
            }
            self.blank_within(out);
            self.escaped(b'\r', out);
        }
        match byte {
            b'\r' => self.cr = true,
            b'\n' => self.line_end(out),
            b' ' | b'\t' => {
                self.blank_within(out);
                self.blank = Some(byte);
            }
            _ => {
                self.blank_within(out);
                self.visible(byte, out);
            }
        }
    }

    fn visible(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'=' if self.is_encoded => {
                self.room(3, out);
                self.put(byte, out);
                self.escape = 2;
            }
            b'!'..=b'<' | b'>'..=b'~' => {
                if self.escape == 0 {
                    self.room(1, out);
                }
                self.escape = self.escape.saturating_sub(1);
                self.put(byte, out);
            }
            _ => self.escaped(byte, out),
        }
    }

    fn escaped(&mut self, byte: u8, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.escape = 0;
        self.room(3, out);
        for octet in [b'=', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]] {
            self.put(octet, out);
        }
    }

    /// The blank that was held back has a character after it, so it may stand as it is.
    fn blank_within(&mut self, out: &mut Vec<u8>) {
        if let Some(blank) = self.blank.take() {
            self.room(1, out);
            self.put(blank, out);
        }
    }

    /// Section 6.7 (3): no line may end in a blank. In a body that is encoded already it is padding and stays.
    fn line_end(&mut self, out: &mut Vec<u8>) {
        self.blank_at_end(out);
        out.extend_from_slice(b"\r\n");
        (self.column, self.escape) = (0, 0);
    }

    fn blank_at_end(&mut self, out: &mut Vec<u8>) {
        match self.blank.take() {
            Some(blank) if self.is_encoded => self.put(blank, out),
            Some(blank) => self.escaped(blank, out),
            None => {}
        }
    }

    /// Breaks the line softly if it has no room for so many characters.
    fn room(&mut self, characters: usize, out: &mut Vec<u8>) {
        if self.column + characters > self.line {
            out.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
    }

    fn put(&mut self, octet: u8, out: &mut Vec<u8>) {
        out.push(octet);
        self.column += 1;
    }
}

impl Filter for QuotedPrintable {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        bytes.iter().for_each(|byte| self.byte(*byte, out));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.cr) {
            self.blank_within(out);
            self.escaped(b'\r', out);
        }
        self.blank_at_end(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::filter::tests::filtered;
    use super::*;

    fn encode(text: &[u8]) -> Vec<u8> {
        filtered(QuotedPrintable::encode(), &[text])
    }

    fn mend(text: &[u8]) -> Vec<u8> {
        filtered(QuotedPrintable::mend(), &[text])
    }

    /// By the letter of section 6.7.
    fn decode(encoded: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = encoded;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            match first {
                b'=' if after.starts_with(b"\r\n") => rest = &after[2..],
                b'=' => {
                    let digits = std::str::from_utf8(&after[..2]).unwrap();
                    out.push(u8::from_str_radix(digits, 16).unwrap());
                    rest = &after[2..];
                }
                other => out.push(*other),
            }
        }
        out
    }

    #[test]
    fn only_what_must_be_is_encoded() {
        assert_eq!(encode(b"a = b\n50%\r100%\r\n\0 \nx\t\n"), b"a =3D b\r\n50%=0D100%\r\n=00=20\r\nx=09\r\n");
        assert_eq!(encode("é\r".as_bytes()), b"=C3=A9=0D");
        assert_eq!(encode(b"\r\r\n"), b"=0D\r\n");
    }

    #[test]
    fn encoded_body_is_mended_not_encoded_again() {
        assert_eq!(mend(b"a=3D b=\nc\xe9 \n"), b"a=3D b=\r\nc=E9 \r\n");
        let long = mend(&b"=C3=A9".repeat(400));
        assert!(long.split(|b| *b == b'\n').all(|line| line.len() <= 998));
        assert_eq!(decode(&long), "é".repeat(400).as_bytes());
    }

    proptest::proptest! {
        #[test]
        fn every_octet_comes_back(
            text in proptest::collection::vec(proptest::prop_oneof![
                proptest::sample::select(&b" \t\r\n=x"[..]), proptest::prelude::any::<u8>()], 0..300),
            cut in 0usize..300,
        ) {
            let cut = cut.min(text.len());
            let encoded = filtered(QuotedPrintable::encode(), &[&text[..cut], &text[cut..]]);
            for line in encoded.split(|b| *b == b'\n') {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                proptest::prop_assert!(line.len() <= 76 && !line.ends_with(b" ") && !line.ends_with(b"\t"));
                proptest::prop_assert!(line.iter().all(|b| matches!(b, b'\t' | b' '..=b'~')));
            }
            let mut expected = Vec::new();
            for (at, byte) in text.iter().enumerate() {
                if *byte == b'\n' && (at == 0 || text[at - 1] != b'\r') {
                    expected.push(b'\r');
                }
                expected.push(*byte);
            }
            proptest::prop_assert_eq!(decode(&encoded), expected);
        }
    }
}

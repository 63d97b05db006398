//! Filters that bodies pass on their way to the wire: each takes pieces of any size and keeps no more than a line in
//! memory.

/// Changes bytes as they pass.
pub(super) trait Filter: std::fmt::Debug {
    /// Takes the next bytes; bytes that are ready go to `out`.
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>);

    /// The input has ended; bytes that were held back go to `out`. No line end is added.
    fn end(&mut self, out: &mut Vec<u8>);
}

/// Line ends of any kind become CRLF, and nothing else changes (RFC 5321 section 2.3.8): SMTP smuggling needs a bare CR
/// or LF within the octets that we send.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// A CR has come and been written as CRLF; an LF after it belongs to it.
    after_cr: bool,
}

impl Filter for Lines {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        if std::mem::take(&mut self.after_cr) {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
            out.extend_from_slice(&rest[..end]);
            out.extend_from_slice(b"\r\n");
            self.after_cr = rest[end..] == *b"\r";
            let width = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
            rest = &rest[end + width..];
        }
        out.extend_from_slice(rest);
    }

    fn end(&mut self, _: &mut Vec<u8>) {}
}

/// One filter after the other.
#[derive(Debug)]
pub(super) struct Chain<A, B> {
    first: A,
    second: B,
    between: Vec<u8>,
}

impl<A: Filter, B: Filter> Chain<A, B> {
    pub(super) fn new(first: A, second: B) -> Self {
        Self { first, second, between: Vec::new() }
    }
}

impl<A: Filter, B: Filter> Filter for Chain<A, B> {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.first.push(bytes, &mut self.between);
        self.second.push(&self.between, out);
        self.between.clear();
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.first.end(&mut self.between);
        self.second.push(&self.between, out);
        self.second.end(out);
    }
}

impl Filter for Box<dyn Filter> {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.as_mut().push(bytes, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.as_mut().end(out);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The output for an input in these pieces.
    pub(crate) fn filtered(mut filter: impl Filter, pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        pieces.iter().for_each(|piece| filter.push(piece, &mut out));
        filter.end(&mut out);
        out
    }

    fn lines(pieces: &[&[u8]]) -> Vec<u8> {
        filtered(Lines::default(), pieces)
    }

    #[test]
    fn every_line_end_becomes_one_crlf() {
        assert_eq!(lines(&[b"a\nb\r\nc\rd\n"]), b"a\r\nb\r\nc\r\nd\r\n");
        assert_eq!(lines(&[b"a\r\r\nb\n\n"]), b"a\r\n\r\nb\r\n\r\n");
        assert_eq!(lines(&[b""]), b"");
        assert_eq!(lines(&[b"a\r", b"\nb\r", b"c"]), b"a\r\nb\r\nc");
    }

    proptest::proptest! {
        #[test]
        fn cutting_the_input_changes_nothing(
            input in proptest::collection::vec(proptest::prop_oneof![
                proptest::strategy::Just(b'\r'), proptest::strategy::Just(b'\n'), proptest::prelude::any::<u8>()], 0..60),
            cut in 0usize..60,
        ) {
            let cut = cut.min(input.len());
            let whole = lines(&[&input]);
            proptest::prop_assert_eq!(&lines(&[&input[..cut], &input[cut..]]), &whole);
            let stripped = String::from_utf8_lossy(&whole).replace("\r\n", "");
            proptest::prop_assert!(!stripped.contains(['\r', '\n']));
        }
    }
}

//! stdout as a terminal gets it: what a mail, a server or a file says must not steer the terminal (ECMA-48). A pipe or
//! a file gets every octet as it is.

use std::io::{self, IsTerminal, Write};

use crate::outcome::is_printable;

/// The longest character of UTF-8 in octets, less one: so much of it can stand at the end of a write.
const MOST_OF_CHARACTER: usize = 3;

/// stdout, for everything that a command shows.
pub(crate) fn stdout() -> Box<dyn Write> {
    let out = io::stdout();
    if out.is_terminal() { Box::new(Screen::new(out)) } else { Box::new(out) }
}

/// Shows control characters and octets that are no text instead of obeying them: `\x1b`. Line ends and tabs pass.
struct Screen<W: Write> {
    out: W,
    /// The start of a character whose rest has not come.
    rest: Vec<u8>,
    /// The last character was CR. A line may end so, and only there it does not move the cursor over what was shown.
    has_cr: bool,
}

impl<W: Write> Screen<W> {
    fn new(out: W) -> Self {
        Self { out, rest: Vec::with_capacity(MOST_OF_CHARACTER), has_cr: false }
    }

    fn show(&mut self, c: char, shown: &mut String) {
        if std::mem::replace(&mut self.has_cr, c == '\r') && c != '\n' {
            shown.push_str("\\x0d");
        }
        match c {
            '\n' | '\t' => shown.push(c),
            '\r' => {}
            _ if is_printable(c) => shown.push(c),
            _ => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
        }
    }
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut left = std::mem::take(&mut self.rest);
        left.extend_from_slice(bytes);
        let mut shown = String::with_capacity(left.len());
        for chunk in left.utf8_chunks() {
            chunk.valid().chars().for_each(|c| self.show(c, &mut shown));
            self.rest = chunk.invalid().to_vec();
            let is_end = std::ptr::eq(left.as_ptr_range().end, chunk.invalid().as_ptr_range().end);
            if !(is_end && is_start(&self.rest)) {
                self.rest.iter().for_each(|octet| shown.push_str(&format!("\\x{octet:02x}")));
                self.rest.clear();
            }
        }
        self.out.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Drop for Screen<W> {
    /// No more comes: what could have become a character is shown as octets, and a CR as one.
    fn drop(&mut self) {
        let cr = if self.has_cr { "\\x0d" } else { "" };
        let rest: String = self.rest.iter().map(|octet| format!("\\x{octet:02x}")).collect();
        let _ = self.out.write_all([cr, &rest].concat().as_bytes());
    }
}

/// The octets may become a character once others follow.
fn is_start(octets: &[u8]) -> bool {
    std::str::from_utf8(octets).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out);
        pieces.iter().for_each(|piece| screen.write_all(piece).unwrap());
        drop(screen);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            shown(&[b"a\x1b]0;title\x07b\x1b[2J\x9b1m\xc2\x9b1m\x7f\x08\r\nc\td\rx\r\n"]),
            "a\\x1b]0;title\\x07b\\x1b[2J\\x9b1m\\x9b1m\\x7f\\x08\nc\td\\x0dx\n"
        );
        assert_eq!(shown(&["x\u{202e}y".as_bytes()]), "x\\x202ey");
    }

    #[test]
    fn character_that_is_cut_by_a_write_is_whole() {
        let text = "备份 caf\u{e9} \u{1f600}";
        for length in 1..text.len() {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(length).collect();
            assert_eq!(shown(&pieces), text, "{length}");
        }
        assert_eq!(shown(&[b"\xe5", b"x"]), "\\xe5x");
        assert_eq!(shown(&[b"x\xe5\xa4"]), "x\\xe5\\xa4");
        assert_eq!(shown(&[b"x\r"]), "x\\x0d");
    }
}

//! Output made for a terminal, folded to the text that would stand on it (`terminal-codes = "strip"`). Colours and
//! titles go. Text behind a carriage return or a backspace is written over the text before it. ECMA-48 has the codes.

use super::filter::Filter;

/// The most characters of a line that are held, so that a line without end takes no memory without end. A carriage
/// return cannot reach beyond them any more.
const HELD: usize = 4096;

/// A text as it would stand on a terminal.
pub(crate) fn shown_on_terminal(text: &str) -> String {
    let mut shown = Vec::new();
    let mut terminal = Terminal::default();
    terminal.push(text.as_bytes(), &mut shown);
    terminal.end(&mut shown);
    String::from_utf8_lossy(&shown).into_owned()
}

/// Folds line by line.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    /// The line as it stands, one cell for each character; bytes that are not UTF-8 have a cell each.
    cells: Vec<Cell>,
    /// The place of the next character.
    cursor: usize,
    code: Code,
}

/// The bytes of one character.
#[derive(Clone, Copy, Debug)]
struct Cell {
    bytes: [u8; 4],
    length: u8,
}

/// The part of a code that has come.
#[derive(Debug, Default)]
enum Code {
    /// No code has begun.
    #[default]
    None,
    /// ESC, and bytes between 0x20 and 0x2F that ask for one more.
    Escape,
    /// ESC `[`, and the parameters.
    Control(Vec<u8>),
    /// A title or the like, up to BEL or ESC `\`.
    String {
        /// An ESC has come.
        escape: bool,
    },
}

/// A control sequence has no more parameters than that.
const PARAMETERS: usize = 64;

impl Terminal {
    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        if byte == b'\n' {
            return self.line_end(out);
        }
        match std::mem::take(&mut self.code) {
            Code::None => self.text(byte, out),
            Code::Escape => self.escape(byte),
            Code::Control(parameters) => self.control(byte, parameters),
            Code::String { escape } => {
                if byte != 7 && !(escape && byte == b'\\') {
                    self.code = Code::String { escape: byte == 0x1b };
                }
            }
        }
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            0x1b => self.code = Code::Escape,
            b'\r' => self.cursor = 0,
            8 => self.cursor = self.cursor.saturating_sub(1),
            7 => {}
            0x80..=0xbf if self.continues() => {
                let cell = &mut self.cells[self.cursor - 1];
                cell.bytes[usize::from(cell.length)] = byte;
                cell.length += 1;
            }
            _ => self.put(Cell { bytes: [byte, 0, 0, 0], length: 1 }, out),
        }
    }

    /// The character before the cursor waits for another byte of its own, RFC 3629 section 3.
    fn continues(&self) -> bool {
        let Some(cell) = self.cursor.checked_sub(1).and_then(|at| self.cells.get(at)) else { return false };
        let whole = match cell.bytes[0] {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => 1,
        };
        cell.length < whole
    }

    fn put(&mut self, cell: Cell, out: &mut Vec<u8>) {
        if self.cursor == HELD {
            self.show(out);
        }
        match self.cells.get_mut(self.cursor) {
            Some(old) => *old = cell,
            None => self.cells.push(cell),
        }
        self.cursor += 1;
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'[' => self.code = Code::Control(Vec::new()),
            b']' | b'P' | b'X' | b'^' | b'_' => self.code = Code::String { escape: false },
            0x20..=0x2f => self.code = Code::Escape,
            _ => {}
        }
    }

    fn control(&mut self, byte: u8, mut parameters: Vec<u8>) {
        match byte {
            0x20..=0x3f if parameters.len() < PARAMETERS => {
                parameters.push(byte);
                self.code = Code::Control(parameters);
            }
            b'K' => self.erase(&parameters),
            b'G' => self.cursor = number(&parameters).saturating_sub(1).min(self.cells.len()),
            b'D' => self.cursor = self.cursor.saturating_sub(number(&parameters).max(1)),
            _ => {}
        }
    }

    /// Erase in line: from the cursor, up to it, or all.
    fn erase(&mut self, parameters: &[u8]) {
        let blank = Cell { bytes: [b' ', 0, 0, 0], length: 1 };
        match number(parameters) {
            0 => self.cells.truncate(self.cursor),
            1 => self.cells.iter_mut().take(self.cursor + 1).for_each(|cell| *cell = blank),
            _ => {
                self.cells.truncate(self.cursor);
                self.cells.fill(blank);
            }
        }
    }

    fn line_end(&mut self, out: &mut Vec<u8>) {
        self.show(out);
        self.code = Code::None;
        out.push(b'\n');
    }

    fn show(&mut self, out: &mut Vec<u8>) {
        for cell in self.cells.drain(..) {
            out.extend_from_slice(&cell.bytes[..usize::from(cell.length)]);
        }
        self.cursor = 0;
    }
}

/// The first parameter, zero if there is none.
fn number(parameters: &[u8]) -> usize {
    let digits = parameters.iter().take_while(|b| b.is_ascii_digit()).take(5);
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

impl Filter for Terminal {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        bytes.iter().for_each(|byte| self.byte(*byte, out));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.show(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::filter::tests::filtered;
    use super::*;

    fn shown(text: &str) -> String {
        String::from_utf8(filtered(Terminal::default(), &[text.as_bytes()])).unwrap()
    }

    #[test]
    fn colours_and_titles_go() {
        assert_eq!(shown("\x1b[1;31mred\x1b[0m \x1b]0;title\x07on\x1b]8;;http://x\x1b\\e\x1b(B\x1b[m\n"), "red one\n");
        assert_eq!(shown("cut \x1b["), "cut ");
        assert_eq!(shown("\x1b]never ended\nnext\n"), "\nnext\n");
    }

    #[test]
    fn line_shows_what_was_written_last() {
        assert_eq!(shown("10%\r50%\r100%\ndone\r\n"), "100%\ndone\n");
        assert_eq!(shown("downloading\rdone\x1b[K\n"), "done\n");
        assert_eq!(shown("abc\rX\n"), "Xbc\n");
        assert_eq!(shown("-\x08\\\x08|\x08 ok\n"), " ok\n");
        assert_eq!(shown("备份中\r完\n"), "完份中\n");
    }

    #[test]
    fn text_without_codes_is_untouched() {
        for text in ["", "a\n", "no end", "备份 é\n\ttab\n"] {
            assert_eq!(shown(text), text);
        }
        let long = "x".repeat(3 * HELD + 5);
        assert_eq!(shown(&long), long);
        assert_eq!(filtered(Terminal::default(), &[b"\xe9t\xe9\xff\n"]), b"\xe9t\xe9\xff\n");
    }

    proptest::proptest! {
        #[test]
        fn cutting_the_input_changes_nothing(
            input in proptest::collection::vec(proptest::sample::select(&b"\r\n\x1b[]0;1mKG\x07\x08a\xe5\xa4\x87"[..]), 0..60),
            cut in 0usize..60,
        ) {
            let cut = cut.min(input.len());
            let whole = filtered(Terminal::default(), &[&input]);
            proptest::prop_assert_eq!(filtered(Terminal::default(), &[&input[..cut], &input[cut..]]), &whole[..]);
            proptest::prop_assert!(!whole.contains(&0x1b) && !whole.contains(&b'\r'));
        }
    }
}

//! The part of a mail's text that is looked at, as a terminal would show it.

use std::borrow::Cow;

use crate::rewrite::shown_on_terminal;

/// So many octets from the start and from the end are looked at.
const HEAD: usize = 48 * 1024;
const TAIL: usize = 16 * 1024;
/// So many lines from the start and from the end.
const FIRST: usize = 300;
const LAST: usize = 100;

/// The lines that are looked at, with blanks squeezed, and the number of lines that are left out.
pub(super) fn lines(text: &str) -> (Vec<String>, usize) {
    let (head, between, tail) = window(text);
    let mut first: Vec<String> = seen(head).collect();
    let mut left_out = memchr::memchr_iter(b'\n', between.as_bytes()).count();
    let mut last: Vec<String> = seen(tail).collect();
    if left_out > 0 || !tail.is_empty() || first.len() > FIRST + LAST {
        if tail.is_empty() {
            last = first.split_off(FIRST);
        }
        left_out += first.len().saturating_sub(FIRST) + last.len().saturating_sub(LAST);
        first.truncate(FIRST);
        last.drain(..last.len().saturating_sub(LAST));
    }
    first.append(&mut last);
    (first, left_out)
}

/// The start and the end of a text, and what is left out between them; all cut at ends of lines if there are any.
fn window(text: &str) -> (&str, &str, &str) {
    if text.len() <= HEAD + TAIL {
        return (text, "", "");
    }
    let head = boundary(text, HEAD);
    let head = text[..head].rfind('\n').map_or(head, |at| at + 1);
    let tail = boundary(text, text.len() - TAIL);
    let end = text[tail..].find('\n').map(|at| tail + at + 1);
    let tail = end.filter(|end| *end < text.len()).unwrap_or(tail);
    (&text[..head], &text[head..tail], &text[tail..])
}

/// The start of the character at that octet.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The lines that are not empty, as a terminal would show them.
fn seen(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| squeezed(&shown(line))).filter(|line| !line.is_empty())
}

/// A line without the codes for a terminal.
fn shown(line: &str) -> Cow<'_, str> {
    let line = line.trim_end_matches('\r');
    if line.bytes().any(|byte| matches!(byte, 0x08 | b'\r' | 0x1b)) {
        // What has been overwritten by blanks is gone, as it is on the screen.
        return Cow::Owned(shown_on_terminal(line));
    }
    Cow::Borrowed(line)
}

/// The line with one blank for each run of them, and without other control characters.
fn squeezed(line: &str) -> String {
    let is_plain = line.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()) && !line.contains("  ");
    if is_plain {
        return line.trim_matches(' ').to_string();
    }
    let mut squeezed = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            c if c.is_whitespace() && (squeezed.is_empty() || squeezed.ends_with(' ')) => {}
            c if c.is_whitespace() => squeezed.push(' '),
            c if c.is_control() => {}
            c => squeezed.push(c),
        }
    }
    squeezed.truncate(squeezed.trim_end_matches(' ').len());
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        lines(text).0
    }

    #[test]
    fn text_is_as_a_terminal_shows_it() {
        assert_eq!(of(" 10%\r 50%\r100%\r\n\n\x1b[31mdone\x1b[0m \t\u{3000}in  time \x07\n"), ["100%", "done in time"]);
        assert_eq!(of("\r\n \n"), Vec::<String>::new());
        assert_eq!(of("|\x08/\x08- ok"), ["- ok"]);
    }

    #[test]
    fn long_text_is_its_start_and_its_end() {
        let text: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let (lines, left_out) = lines(&text);
        assert_eq!((lines.len(), left_out), (400, 600));
        assert_eq!((&*lines[299], &*lines[300]), ("line 299", "line 900"));
        let wide: String = (0..100).map(|n| format!("{n} {}\n", "é".repeat(1000))).collect();
        let (lines, left_out) = super::lines(&wide);
        assert_eq!((lines.len() + left_out, left_out), (100, 68));
        assert!(lines.last().unwrap().starts_with("99 é"));
        let one = "备".repeat(50_000);
        let (lines, left_out) = super::lines(&one);
        assert_eq!((lines.len(), left_out), (2, 0));
        assert!(lines.iter().all(|line| line.len() <= HEAD));
    }
}

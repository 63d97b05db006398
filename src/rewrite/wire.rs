//! Header fields on the wire: CRLF at the end of each line, no line that servers refuse, and no line that could be
//! taken for the end of the header section (RFC 5322 sections 2.1.1 and 2.2.3).

use crate::message::LONGEST_LINE;

const LONGEST: usize = LONGEST_LINE as usize;

/// A line of that length is readable anywhere, RFC 5322 section 2.1.1.
const READABLE: usize = 78;

/// A field as it was written, made fit for the wire: CRLF at its folds and its end, blanks for control characters,
/// folds that would be empty lines closed, long lines folded.
pub(super) fn head_to_wire(octets: &[u8], to: &mut Vec<u8>) {
    let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
    for (number, line) in octets.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if number > 0 && line.iter().all(|b| *b == b' ' || is_control(*b) || *b == b'\t') {
            continue;
        }
        if number > 0 {
            to.extend_from_slice(b"\r\n");
        }
        let line: Vec<u8> = line.iter().map(|b| if is_control(*b) { b' ' } else { *b }).collect();
        if line.len() > LONGEST { fold(&line, to) } else { to.extend_from_slice(&line) }
    }
    to.extend_from_slice(b"\r\n");
}

/// True if the field has a line that servers refuse.
pub(super) fn is_too_long(octets: &[u8]) -> bool {
    octets.split(|b| *b == b'\n').any(|line| line.strip_suffix(b"\r").unwrap_or(line).len() > LONGEST)
}

/// RFC 5322 section 4.1 has readers take them; no program needs them in a field.
pub(super) fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// Folds a line at blanks to readable lines; within a word only if the word is longer than a line may be.
pub(super) fn fold(line: &[u8], to: &mut Vec<u8>) {
    let mut rest = line.trim_ascii_start();
    if rest.len() < line.len() {
        // A fold needs one blank; a line with more blanks than fit would end the header section.
        to.push(b' ');
    }
    while rest.len() > READABLE {
        let Some(at) = place_to_fold(rest) else { break };
        to.extend_from_slice(rest[..at].trim_ascii_end());
        rest = rest[at..].trim_ascii_start();
        if rest.is_empty() {
            return;
        }
        to.extend_from_slice(b"\r\n ");
    }
    to.extend_from_slice(rest);
}

/// The last blank of a readable line, else the first one after it; `None` if the rest may stay as it is.
fn place_to_fold(line: &[u8]) -> Option<usize> {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = line.iter().position(|b| !is_blank(b))?;
    let blank = line[start..READABLE.max(start)].iter().rposition(is_blank);
    // A blank beyond the longest line is of no use, and a line without any is looked at again for each of its folds.
    let next = || line.get(start..line.len().min(LONGEST))?.iter().position(is_blank);
    match blank.or_else(next).map(|at| start + at) {
        Some(at) if at < LONGEST => Some(at),
        _ if line.len() >= LONGEST => Some(LONGEST - 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_cannot_end_early() {
        let mut out = Vec::new();
        head_to_wire(b"Subject: a\rX: y\n\tb\n \t\n c\0\r\n", &mut out);
        assert_eq!(out, b"Subject: a X: y\r\n\tb\r\n c \r\n");
    }

    #[test]
    fn fold_of_more_blanks_than_a_line_holds_ends_no_header_section() {
        let mut out = Vec::new();
        head_to_wire(format!("Received:\n{}From: x \n", "\t".repeat(1100)).as_bytes(), &mut out);
        assert_eq!(out, b"Received:\r\n From: x \r\n");
    }

    #[test]
    fn field_has_no_line_that_servers_refuse() {
        for word in ["x".repeat(3000), "word ".repeat(600), format!("{}{}x", "y".repeat(995), " ".repeat(900))] {
            let mut out = Vec::new();
            head_to_wire(format!("Subject: {word}\n").as_bytes(), &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.split_terminator("\r\n").all(|line| line.len() <= 998 && !line.trim().is_empty()), "{text}");
            assert_eq!(text.replace(char::is_whitespace, ""), format!("Subject:{}", word.replace(' ', "")));
            assert!(!word.starts_with("word") || text.replace("\r\n", "").trim() == format!("Subject: {word}").trim());
        }
    }
}

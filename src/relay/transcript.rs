//! The dialogue as a person may see it, on stderr: each line of it, without secrets and content.
//!
//! A login (RFC 4954) shows its mechanism and its last reply only.

use std::io::{self, Write};

use super::reply::Answer;
use crate::outcome::{Stage, clean};

/// Shows what we send at `stage`.
pub(super) fn show_sent(stage: Stage, bytes: &[u8]) {
    show(">", commands(stage, bytes));
}

/// Shows what the server answers at `stage`.
pub(super) fn show_received(stage: Stage, answer: &Answer) {
    let lines = answer.lines.iter().enumerate().map(|(i, line)| {
        let hyphen = if i + 1 < answer.lines.len() { '-' } else { ' ' };
        let is_challenge = stage == Stage::Auth && answer.code == 334;
        format!("{}{hyphen}{}", answer.code, if is_challenge { "***" } else { line.as_str() })
    });
    show("<", lines.collect());
}

/// The lines of a group, as far as they are commands. The rest is shown as a number of octets.
fn commands(stage: Stage, bytes: &[u8]) -> Vec<String> {
    const VERBS: [&str; 9] = ["EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "QUIT"];
    let mut shown = Vec::new();
    let mut octets = bytes.len();
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        let verb = text.split(' ').next().unwrap_or_default();
        if stage == Stage::Auth || verb == "AUTH" {
            shown.push(masked(text));
        } else if VERBS.contains(&verb) {
            shown.push(text.to_owned());
        } else {
            break;
        }
        octets -= line.len();
        if verb == "BDAT" {
            break;
        }
    }
    if octets > 0 {
        shown.push(format!("({octets} octets)"));
    }
    shown
}

fn masked(line: &str) -> String {
    match line.strip_prefix("AUTH ").map(|rest| rest.split_once(' ')) {
        Some(Some((mechanism, _))) => format!("AUTH {mechanism} ***"),
        Some(None) => line.to_owned(),
        None if matches!(line, "*" | "") => line.to_owned(),
        None => "***".to_owned(),
    }
}

fn show(sign: &str, lines: Vec<String>) {
    let text: String = lines.iter().map(|line| format!("{sign} {}\n", clean(line))).collect();
    // If nobody is there to see it, nothing is lost.
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_shows_its_mechanism_only() {
        for (line, shown) in [
            ("AUTH PLAIN AG1lAGdlaGVpbQ==\r\n", "AUTH PLAIN ***"),
            ("AUTH LOGIN\r\n", "AUTH LOGIN"),
            ("Z2VoZWlt\r\n", "***"),
            ("*\r\n", "*"),
        ] {
            assert_eq!(commands(Stage::Auth, line.as_bytes()), [shown]);
        }
    }

    #[test]
    fn login_in_a_group_is_hidden_and_the_rest_of_it_is_not() {
        let group = b"AUTH PLAIN AG1lAGdlaGVpbQ==\r\nMAIL FROM:<a@b>\r\nBDAT 1 LAST\r\nx";
        let shown = ["AUTH PLAIN ***", "MAIL FROM:<a@b>", "BDAT 1 LAST", "(1 octets)"];
        assert_eq!(commands(Stage::Content, group), shown);
    }

    #[test]
    fn content_is_counted_and_not_shown() {
        let group = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 9 LAST\r\nDATA is x";
        assert_eq!(commands(Stage::Content, group), ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "BDAT 9 LAST", "(9 octets)"]);
        assert_eq!(commands(Stage::Content, b"Subject: x\r\n\r\nbody"), ["(18 octets)"]);
        assert_eq!(commands(Stage::Content, b".\r\n"), ["(3 octets)"]);
    }
}

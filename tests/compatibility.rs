//! docs/compatibility.md says what the program's tables say: each row stands there word for word.

use mailx_t::cli::getopt::{Letter, Takes, Treatment};
use mailx_t::cli::{mail, names, sendmail};

/// The document, as it is shipped.
const DOCUMENT: &str = include_str!("../docs/compatibility.md");

/// The table of a command line, as the document shows it.
fn table(letters: &[Letter]) -> String {
    let mut table =
        String::from("| letter | value | treatment | what it does here, or why nothing |\n|---|---|---|---|\n");
    for Letter { letter, takes, treatment, reason } in letters {
        let takes = match takes {
            Takes::Glued => "glued only",
            Takes::Nothing => "none",
            Takes::Value => "glued or next",
        };
        let treatment = match treatment {
            Treatment::Ignored => "ignored",
            Treatment::Obeyed => "obeyed",
        };
        table.push_str(&format!("| `-{letter}` | {takes} | {treatment} | {reason} |\n"));
    }
    table
}

/// The table of the names, as the document shows it.
fn name_table() -> String {
    let mut table = String::from("| called as | what it does |\n|---|---|\n");
    for names::Name { name, meaning, .. } in names::NAMES {
        table.push_str(&format!("| `{name}` | {meaning} |\n"));
    }
    table
}

/// The part of the document under a heading, up to the next heading of that level; empty without that heading.
fn section(heading: &str) -> &'static str {
    let rest = DOCUMENT.split_once(&format!("\n## {heading}\n")).map_or("", |(_, rest)| rest);
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

/// The section holds exactly this table: no row is missing, old, or of another's making.
fn assert_shows(heading: &str, expected: &str) {
    let lines = section(heading).lines().skip_while(|line| !line.starts_with('|'));
    let shown: String = lines.take_while(|line| line.starts_with('|')).map(|line| format!("{line}\n")).collect();
    assert!(shown == expected, "docs/compatibility.md, under \"{heading}\", should read:\n\n{expected}");
}

#[test]
fn document_shows_the_names() {
    assert_shows("The names", &name_table());
}

#[test]
fn document_shows_the_letters_of_sendmail() {
    assert_shows("sendmail's letters", &table(sendmail::LETTERS));
}

#[test]
fn document_shows_the_letters_of_mail() {
    assert_shows("mail(1)'s letters", &table(mail::LETTERS));
}

#[test]
fn each_letter_stands_once_and_in_order_with_a_reason() {
    for letters in [sendmail::LETTERS, mail::LETTERS] {
        let keys: Vec<_> = letters.iter().map(|l| (l.letter.to_ascii_uppercase(), l.letter)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert!(letters.iter().all(|l| l.letter.is_ascii_graphic() && !l.reason.is_empty() && !l.reason.contains('|')));
    }
}

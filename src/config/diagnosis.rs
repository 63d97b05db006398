//! Turns the TOML reader's words into a sentence with a hint. The sentence holds nothing that could be a value.

use toml::de::{DeTable, DeValue};

use super::form;
use crate::likeness::nearest;
use crate::lookalike;

/// A fault in the text of a configuration file.
#[derive(Debug, thiserror::Error)]
#[error("{line}:{column}: {what}")]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The sentence about it, with a guess at what was meant.
    pub what: String,
}

impl Fault {
    /// The fault in `text` that the reader stopped at.
    pub(super) fn of(error: &toml::de::Error, text: &str) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        if let Some((at, what)) = typed_wide(text, offset) {
            let (line, column) = place(text, at);
            return Self { line, column, what };
        }
        let (line, column) = place(text, offset);
        Self { line, column, what: sentence(error.message(), text, offset) }
    }
}

/// A character in the line at `offset` that looks like one of ASCII, as an input method types it: its place, and what
/// to type. Where the text is TOML, a value is at fault, and the character is in it; else it is outside of quotes.
fn typed_wide(text: &str, offset: usize) -> Option<(usize, String)> {
    let start = text.get(..offset)?.rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let is_read = DeTable::parse(text).is_ok();
    let mut is_quoted = false;
    let mut key = line.split(['=', ':', '\u{ff1d}', '\u{ff1a}']).next().unwrap_or_default().trim();
    key = key.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    for (at, c) in line.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            '#' if !is_quoted => break,
            '\u{ff1a}' if !is_quoted => {
                return Some((start + at, format!("{} is not = here: type =", lookalike::name(c))));
            }
            // A letter of the value could be one of a secret.
            _ if is_quoted != is_read || c.is_alphanumeric() && key.starts_with("password") => {}
            _ => {
                if let Some(advice) = lookalike::advice(c) {
                    return Some((start + at, advice));
                }
            }
        }
    }
    let colon = line.find(':').filter(|at| !is_read && !line[..*at].contains(['=', '"', '#', '[']))?;
    form::of(line[..colon].trim()).map(|_| (start + colon, "the sign behind a key is =, not : here".to_string()))
}

/// Line and column, from 1, of a byte offset.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The sentence for the reader's `message` about the octet at `offset` of `text`.
fn sentence(message: &str, text: &str, offset: usize) -> String {
    let message = crate::outcome::clean(message);
    if message == "duplicate key" {
        return set_twice(text, offset);
    }
    let Ok(table) = DeTable::parse(text) else { return broken(&message) };
    if message.starts_with("unknown field") {
        return unknown_key(&message);
    }
    let path = path(table.get_ref(), offset).unwrap_or_default();
    // Tables and their keys are ours; deeper names are the user's own.
    let Some((key, form)) = path.iter().take(2).rev().find_map(|name| form::of(name)) else {
        return "wrong kind of value".to_string();
    };
    if message.starts_with("unknown variant") {
        return format!("{key}: expected one of {}", list(&wrong_and_known(&message).1));
    }
    if key == "smarthost" && message.starts_with("missing field") {
        return format!("the key \"{}\" is missing", ticked(&message).first().copied().unwrap_or_default());
    }
    // The reader's sentences tell the value, or are for programmers; our own say more than the form.
    let is_ours =
        ["expected ", "http://", "the proxy's ", "unknown charset"].iter().any(|ours| message.starts_with(ours));
    if is_ours { format!("{key}: {message}") } else { format!("{key}: expected {form}") }
}

/// The sentence for a text that is no TOML: the reader's words, which hold nothing of the text.
fn broken(message: &str) -> String {
    let is_bare = message.starts_with("string values must be quoted");
    if is_bare { "a text has to stand in quotes".to_string() } else { message.to_string() }
}

/// The sentence for a name that is set twice. A name that is no key could be a secret, and is not told.
fn set_twice(text: &str, offset: usize) -> String {
    let (before, name) = text.split_at_checked(offset).unwrap_or((text, ""));
    let is_table = before.rsplit('\n').next().is_some_and(|line| line.trim_start().starts_with('['));
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(name.len());
    match form::of(&name[..end]) {
        Some(("smarthost", _)) => {
            "there is a smarthost already: where there are several, write [[smarthost]] above each of them".to_string()
        }
        Some((name, _)) if is_table => format!("the table {name} is there twice: put its keys together"),
        Some((name, _)) => format!("{name} is set twice"),
        None => "this key is set twice".to_string(),
    }
}

/// The names of the tables and the key at `offset`, from the outermost to the innermost.
fn path<'a>(table: &'a DeTable<'_>, offset: usize) -> Option<Vec<&'a str>> {
    table.iter().find_map(|(key, value)| {
        let is_here = || (key.span().contains(&offset) || value.span().contains(&offset)).then(Vec::new);
        let mut path = within(value.get_ref(), offset).or_else(is_here)?;
        path.insert(0, key.get_ref().as_ref());
        Some(path)
    })
}

/// As [`path`], for a place within a value.
fn within<'a>(value: &'a DeValue<'_>, offset: usize) -> Option<Vec<&'a str>> {
    match value {
        DeValue::Table(table) => path(table, offset),
        DeValue::Array(items) => items.iter().find_map(|item| {
            let is_here = || item.span().contains(&offset).then(Vec::new);
            within(item.get_ref(), offset).or_else(is_here)
        }),
        _ => None,
    }
}

fn unknown_key(message: &str) -> String {
    let (wrong, known) = wrong_and_known(message);
    let is_outermost = known.contains(&"smarthost");
    if let Some(table) = form::table_of(wrong).filter(|_| is_outermost) {
        return format!("{wrong} belongs below a line [{table}]");
    }
    match nearest(wrong, known.iter().copied()) {
        Some(key) => format!("unknown key \"{wrong}\": did you mean \"{key}\"?"),
        None if known.is_empty() => "unknown key".to_string(),
        None => format!("unknown key \"{wrong}\": known here are {}", list(&known)),
    }
}

/// The unknown text and the known ones, from the reader's sentence. The unknown text may hold backticks and other parts
/// of such a sentence: only the words after the last ", expected" are surely the reader's.
fn wrong_and_known(message: &str) -> (&str, Vec<&str>) {
    let (before, known) = message.rsplit_once(", expected ").unwrap_or((message, ""));
    let wrong = before.split_once('`').and_then(|(_, wrong)| wrong.strip_suffix('`')).unwrap_or_default();
    (wrong, ticked(known))
}

/// The texts between backticks.
fn ticked(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_one() {
        assert_eq!(place("a\nbc", 0), (1, 1));
        assert_eq!(place("a\nbc", 3), (2, 2));
        assert_eq!(place("ä\n", 2), (1, 2));
        assert_eq!(place("a", 99), (1, 2));
    }

    #[test]
    fn broken_syntax_is_told_as_it_is() {
        assert_eq!(sentence("unclosed table, expected `]`", "[x", 2), "unclosed table, expected `]`");
    }

    #[test]
    fn value_that_the_reader_quotes_is_not_told() {
        let wrong = "invalid type: string \"hunter2\", expected u16";
        assert_eq!(sentence(wrong, "x = \"hunter2\"", 4), "wrong kind of value");
        assert_eq!(sentence(wrong, "smarthost.port = \"hunter2\"", 17), "port: expected a number from 1 to 65535");
    }

    #[test]
    fn far_off_keys_get_the_list() {
        let text = sentence("unknown field `zzz`, expected one of `host`, `port`", "", 0);
        assert_eq!(text, "unknown key \"zzz\": known here are \"host\", \"port\"");
    }

    #[test]
    fn characters_of_an_input_method_are_named() {
        for (text, column, says) in [
            ("[smarthost]\nhost = \u{201c}a.example\u{201d}\n", 8, "\u{201c} (U+201C) is not a quote here: type \""),
            ("[smarthost]\nhost\u{ff1d}\"a.example\"\n", 5, "\u{ff1d} (U+FF1D) is not = here: type ="),
            ("[smarthost]\nhost\u{ff1a}\"a.example\"\n", 5, "\u{ff1a} (U+FF1A) is not = here: type ="),
            ("[smarthost]\nhost: \"a.example\"\n", 5, "the sign behind a key is =, not : here"),
            ("[smarthost]\nhost = \"a\u{3002}example\"\n", 10, "\u{3002} (U+3002) is not . here: type ."),
            (
                "[smarthost]\n\u{3000}host = \"a.example\"\n",
                1,
                "a blank that is none (U+3000) stands there: type a plain one",
            ),
        ] {
            let fault = super::super::file::File::parse(text).err().unwrap();
            assert_eq!((fault.line, fault.column, fault.what.as_str()), (2, column, says), "{text}");
        }
        let secret = super::super::file::File::parse("[smarthost]\npassword\u{ff1d}\"hunter2\"\n").err().unwrap();
        assert!(!secret.to_string().contains("hunter2"), "{secret}");
    }

    #[test]
    fn key_without_its_table_is_told_where_it_belongs() {
        for (text, says) in [("host = \"a\"\n", "[smarthost]"), ("default = \"a@x.org\"\n", "[recipients]")] {
            let fault = super::super::file::File::parse(text).err().unwrap();
            assert!(fault.what.ends_with(&format!("belongs below a line {says}")), "{fault}");
        }
    }

    #[test]
    fn value_with_backticks_is_not_told_in_part() {
        let text = "smarthost.tls = \"\"";
        for value in ["a`hunter2`b", "`, expected one of `hunter2`"] {
            let wrong = format!("unknown variant `{value}`, expected one of `implicit`, `none`");
            assert_eq!(sentence(&wrong, text, 17), "tls: expected one of \"implicit\", \"none\"");
        }
        let key = sentence("unknown field `a`b`c`, expected `host` or `port`", "", 0);
        assert_eq!(key, "unknown key \"a`b`c\": known here are \"host\", \"port\"");
    }
}

//! From the TOML reader's words to a sentence with a hint, and without anything that could be a value.

use crate::likeness::nearest;

/// Line and column, from 1, of a byte offset.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The sentence for one of the reader's messages.
pub(super) fn sentence(message: &str) -> String {
    let message = crate::outcome::clean(message);
    let quoted = ticked(&message);
    if message.starts_with("unknown field") {
        return unknown_key(&quoted);
    }
    if message.starts_with("missing field") {
        return format!("the key \"{}\" is missing", quoted.first().copied().unwrap_or_default());
    }
    if message.starts_with("unknown variant") {
        return format!("not one of the known values: {}", list(&quoted[1..]));
    }
    if let (true, Some((_, expected))) = (message.starts_with("invalid"), message.split_once(", expected ")) {
        // Between "invalid type: string" and this stands the value.
        return format!("wrong kind of value, expected {expected}");
    }
    message
}

fn unknown_key(quoted: &[&str]) -> String {
    let [wrong, known @ ..] = quoted else { return "unknown key".to_string() };
    match nearest(wrong, known.iter().copied()) {
        Some(key) => format!("unknown key \"{wrong}\": did you mean \"{key}\"?"),
        None => format!("unknown key \"{wrong}\": known here are {}", list(known)),
    }
}

/// What stands between backticks.
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
        assert_eq!(sentence("unclosed table, expected `]`"), "unclosed table, expected `]`");
        let wrong = "invalid type: string \"hunter2\", expected u16";
        assert_eq!(sentence(wrong), "wrong kind of value, expected u16");
    }

    #[test]
    fn far_off_keys_get_the_list() {
        let text = sentence("unknown field `zzz`, expected one of `host`, `port`");
        assert_eq!(text, "unknown key \"zzz\": known here are \"host\", \"port\"");
    }
}

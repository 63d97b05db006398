//! The lines of main.cf: `key = value`, continued by lines that start with a blank, with `$name` replaced
//! (postconf(5)).

use std::collections::BTreeMap;

use super::super::words::switch;

/// A value that refers to itself ends here, and so does one that doubles with each step.
const DEEPEST: u8 = 20;
const LONGEST: usize = 1 << 16;

/// The values that Postfix has for names that main.cf refers to without setting them.
const DEFAULTS: [(&str, &str); 6] = [
    ("config_directory", "/etc/postfix"),
    ("daemon_directory", "/usr/lib/postfix/sbin"),
    ("data_directory", "/var/lib/postfix"),
    ("default_database_type", "hash"),
    ("mail_name", "Postfix"),
    ("queue_directory", "/var/spool/postfix"),
];

/// Each key with its line and its value, in which `$name` is replaced.
pub(super) struct Settings {
    values: BTreeMap<String, (usize, String)>,
    /// The lines that set nothing.
    pub(super) broken: Vec<usize>,
    /// The keys that other values refer to.
    used: Vec<String>,
}

impl Settings {
    pub(super) fn of(text: &str) -> Self {
        let (mut values, mut broken) = (BTreeMap::<String, (usize, String)>::new(), Vec::new());
        let mut last = None;
        for (n, line) in text.lines().enumerate() {
            match line.split_once('=') {
                _ if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
                // A line that starts with a blank goes on with the one above.
                _ if line.starts_with([' ', '\t']) => {
                    if let Some((_, value)) = last.as_ref().and_then(|key| values.get_mut(key)) {
                        value.push(' ');
                        value.push_str(line.trim());
                    }
                }
                Some((key, value)) => {
                    let key = key.trim().to_string();
                    values.insert(key.clone(), (n + 1, value.trim().to_string()));
                    last = Some(key);
                }
                None => {
                    broken.push(n + 1);
                    last = None;
                }
            }
        }
        Self::expanded(values, broken)
    }

    fn expanded(mut values: BTreeMap<String, (usize, String)>, broken: Vec<usize>) -> Self {
        let mut plain: BTreeMap<String, String> =
            DEFAULTS.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        plain.extend(values.iter().map(|(key, (_, value))| (key.clone(), value.clone())));
        // postconf(5): without mydomain it is what stands behind the first dot of myhostname.
        if let (None, Some((_, domain))) =
            (plain.get("mydomain"), plain.get("myhostname").and_then(|name| name.split_once('.')))
        {
            plain.insert("mydomain".to_string(), domain.to_string());
        }
        let mut used = Vec::new();
        for (_, value) in values.values_mut() {
            let mut room = LONGEST;
            *value = Expansion { plain: &plain, used: &mut used, room: &mut room }.of(value, 0).trim().to_string();
        }
        Self { values, broken, used }
    }

    /// The line and the value of a key that has one.
    pub(super) fn at(&self, key: &str) -> Option<(usize, &str)> {
        self.values.get(key).map(|(n, value)| (*n, value.as_str())).filter(|(_, value)| !value.is_empty())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.at(key).map(|(_, value)| value)
    }

    /// The line of a key, which may be empty.
    pub(super) fn line(&self, key: &str) -> usize {
        self.values.get(key).map_or(0, |(n, _)| *n)
    }

    pub(super) fn is_on(&self, key: &str) -> bool {
        self.get(key).and_then(switch) == Some(true)
    }

    /// The first of these keys that has a value, with its line.
    pub(super) fn first(&self, keys: &[&'static str]) -> Option<(usize, &'static str, &str)> {
        keys.iter().find_map(|key| self.at(key).map(|(n, value)| (n, *key, value)))
    }

    /// The keys with their lines, but for those that only other values refer to.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, usize)> {
        let is_own = |key: &&String| !self.used.contains(key);
        self.values.iter().filter(move |(key, _)| is_own(key)).map(|(key, (n, _))| (key.as_str(), *n))
    }
}

/// The seconds of a time with one of Postfix's units; `unit` is that of a bare number.
pub(super) fn seconds(text: &str, unit: u64) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => unit,
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|n| *n > 0)
}

/// The entries of a list.
pub(super) fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(|c: char| c == ',' || c.is_whitespace()).filter(|host| !host.is_empty())
}

struct Expansion<'a> {
    plain: &'a BTreeMap<String, String>,
    used: &'a mut Vec<String>,
    room: &'a mut usize,
}

impl Expansion<'_> {
    /// The value with `$name`, `${name}` and `$(name)` replaced, and with `${name?text}` and `${name:text}` decided.
    fn of(&mut self, value: &str, depth: u8) -> String {
        let mut expanded = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once('$') {
            self.push(&mut expanded, before);
            let (inner, behind) = reference(after);
            if inner.is_empty() && after.starts_with('$') {
                // `$$` is a dollar.
                self.push(&mut expanded, "$");
                rest = &after[1..];
                continue;
            }
            // A reference costs room too, so that references to nothing come to an end.
            *self.room = self.room.saturating_sub(1);
            let found = if depth < DEEPEST && *self.room > 0 { self.referred(inner, depth + 1) } else { String::new() };
            self.push(&mut expanded, &found);
            rest = behind;
        }
        self.push(&mut expanded, rest);
        expanded
    }

    fn push(&mut self, expanded: &mut String, text: &str) {
        let left = self.room.checked_sub(text.len());
        if left.is_some() {
            expanded.push_str(text);
        }
        *self.room = left.unwrap_or_default();
    }

    /// What stands for the inside of a reference.
    fn referred(&mut self, inner: &str, depth: u8) -> String {
        let (name, rest) = inner.split_at(inner.find(|c| !is_of_name(c)).unwrap_or(inner.len()));
        if !self.used.iter().any(|used| used == name) {
            self.used.push(name.to_string());
        }
        let value = self.plain.get(name).cloned().unwrap_or_default();
        let is_set = !value.is_empty();
        let chosen = match (rest.trim_start().chars().next(), rest.trim_start().get(1..)) {
            (None, _) => value,
            (Some('?'), Some(texts)) => {
                let (yes, no) = alternatives(texts);
                if is_set { yes } else { no }.to_string()
            }
            (Some(':'), Some(texts)) => if is_set { "" } else { alternatives(texts).0 }.to_string(),
            _ => String::new(),
        };
        self.of(&chosen, depth)
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The inside of the reference behind a `$`, and what follows it.
fn reference(after: &str) -> (&str, &str) {
    match after.chars().next() {
        Some('{') => braced(after, '{', '}').unwrap_or((after, "")),
        Some('(') => braced(after, '(', ')').unwrap_or((after, "")),
        _ => after.split_at(after.find(|c| !is_of_name(c)).unwrap_or(after.len())),
    }
}

/// The inside of the braces that the text starts with, and what follows them.
pub(super) fn braced(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some((&text[open.len_utf8()..at], &text[at + c.len_utf8()..]));
            }
        } else if depth == 0 {
            return None;
        }
    }
    None
}

/// `{yes}:{no}`, or one text without braces.
fn alternatives(texts: &str) -> (&str, &str) {
    let texts = texts.trim();
    let Some((yes, rest)) = braced(texts, '{', '}') else { return (texts, "") };
    let no = rest.trim_start().strip_prefix(':').map(str::trim);
    (yes.trim(), no.map_or("", |no| braced(no, '{', '}').map_or(no, |(no, _)| no.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_as_postconf_does() {
        let text = "myhostname = web1.example.com\na = ${b}x$(b)\nb = $c\nc = 1\n\
                    yes = ${c?{set}:{not}}\nno = ${none?{set}:{not $c}}\nold = ${none:$c}\nold2 = ${c?x}\n\
                    price = 5$$\ndomain = smtp.$mydomain\npath = $config_directory/x\nlong =\n  # no\n\n\t v\n";
        let settings = Settings::of(text);
        for (key, value) in [
            ("a", "1x1"),
            ("yes", "set"),
            ("no", "not 1"),
            ("old", "1"),
            ("old2", "x"),
            ("price", "5$"),
            ("domain", "smtp.example.com"),
            ("path", "/etc/postfix/x"),
            ("long", "v"),
        ] {
            assert_eq!(settings.get(key).unwrap_or_default(), value, "{key}");
        }
        let doubling: String = (0..30).map(|n| format!("a{} = $a{n}$a{n}\n", n + 1)).collect();
        assert!(Settings::of(&format!("a0 = xxxxxxxxxx\n{doubling}")).get("a30").unwrap_or_default().len() <= LONGEST);
    }

    #[test]
    fn times_have_units() {
        assert_eq!((seconds("90", 1), seconds("3", 86_400)), (Some(90), Some(259_200)));
        assert_eq!((seconds("2h", 1), seconds("0", 1), seconds("x", 1)), (Some(7200), None, None));
    }
}

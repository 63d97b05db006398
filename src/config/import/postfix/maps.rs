//! Postfix's lookup tables as far as they are texts: files of lines, patterns, and tables inside of main.cf.

use std::path::{Path, PathBuf};

use super::super::files::Files;
use super::super::imported::Imported;
use super::super::words::for_shell;
use super::main_cf::{Settings, braced};
use crate::relay::SenderPattern;

/// The types of tables that postmap(1) makes of a file of lines, each with the end of the database's name.
const DATABASES: [(&str, &str); 6] =
    [("btree", "db"), ("cdb", "cdb"), ("dbm", "pag"), ("hash", "db"), ("lmdb", "lmdb"), ("sdbm", "pag")];

/// A line of a table, with its file.
pub(super) struct Row {
    pub(super) path: PathBuf,
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: String,
    /// The key is a pattern in which `*` stands for any text.
    is_pattern: bool,
}

impl Row {
    /// The row is for that key. Tables know no case (postmap(1)).
    pub(super) fn fits(&self, key: &str) -> bool {
        if self.is_pattern {
            SenderPattern::from(self.key.as_str()).fits(key)
        } else {
            self.key.eq_ignore_ascii_case(key)
        }
    }
}

/// The first row for one of these keys, each of which is looked up in all tables before the next.
pub(super) fn find<'a>(rows: &'a [Row], keys: &[&str]) -> Option<&'a Row> {
    keys.iter().find_map(|key| rows.iter().find(|row| row.fits(key)))
}

/// The rows of the tables that a setting names, in their order. A note tells of each table that cannot be read.
pub(super) fn rows(files: &Files, settings: &Settings, imported: &mut Imported, key: &str) -> Vec<Row> {
    let Some((n, value)) = settings.at(key) else { return Vec::new() };
    let mut rows = Vec::new();
    for table in tables(value) {
        let named = table.strip_prefix("proxy:").unwrap_or(table);
        let (kind, rest) = named.split_once(':').unwrap_or(("", named));
        match kind {
            "static" => rows.push(Row {
                path: files.path.clone(),
                line: n,
                key: "*".to_string(),
                value: unbraced(rest).to_string(),
                is_pattern: true,
            }),
            "inline" => rows.extend(inline(&files.path, n, unbraced(rest))),
            "pcre" | "regexp" => {
                if let Some((path, text)) = text(files, imported, (n, key, kind), rest) {
                    patterns(&path, &text, imported, &mut rows);
                }
            }
            _ if kind == "texthash" || DATABASES.iter().any(|(known, _)| *known == kind) => {
                let found = text(files, imported, (n, key, kind), rest);
                rows.extend(found.map(|(path, text)| lines(&path, &text)).unwrap_or_default());
            }
            "" => imported.leave_out(n, &format!("a table of {key}"), "it has no type in front, such as hash:"),
            _ => imported.leave_out(
                n,
                &format!("a table of {key}"),
                "it is no file of lines: set by hand what stands in it",
            ),
        }
    }
    rows
}

/// The tables of a list, in which braces keep a text with blanks together.
fn tables(value: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth) = (Vec::new(), None, 0usize);
    for (at, c) in value.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (c == ',' || c.is_whitespace()) {
            found.extend(start.take().map(|start| &value[start..at]));
        } else if start.is_none() {
            start = Some(at);
        }
    }
    found.extend(start.map(|start| &value[start..]));
    found
}

/// A text without the braces around it.
fn unbraced(text: &str) -> &str {
    braced(text, '{', '}').filter(|(_, behind)| behind.is_empty()).map_or(text, |(inner, _)| inner).trim()
}

/// `{key = value}, {key = value}`; a pair without blanks needs no braces.
fn inline(path: &Path, line: usize, text: &str) -> Vec<Row> {
    let row = |pair: &str| {
        let (key, value) = unbraced(pair).split_once('=')?;
        let (key, value) = (key.trim().to_string(), value.trim().to_string());
        Some(Row { path: path.to_path_buf(), line, key, value, is_pattern: false })
    };
    tables(text).into_iter().filter_map(row).collect()
}

/// The text of a table. A note tells why there is none, and what helps.
fn text(
    files: &Files,
    imported: &mut Imported,
    (n, key, kind): (usize, &str, &str),
    name: &str,
) -> Option<(PathBuf, String)> {
    let absent = match files.named(name) {
        Ok(found) => return Some(found),
        Err(absent) => absent,
    };
    let database = DATABASES.iter().find(|(known, _)| *known == kind).map(|(_, end)| format!("{name}.{end}"));
    let why = match database.filter(|database| absent.is_missing() && files.is_there(database)) {
        Some(database) => {
            let (table, path) = (for_shell(&format!("{kind}:{name}")), for_shell(name));
            format!(
                "of {name} only the database {database} is there: (umask 077; postmap -s {table} >{path}) writes \
                 the text anew; then import once more"
            )
        }
        None => absent.to_string(),
    };
    imported.leave_out(n, &format!("a table of {key}"), &why);
    None
}

/// The lines of a table, continued by lines that start with a blank: `key value`.
fn lines(path: &Path, text: &str) -> Vec<Row> {
    let row = |(line, text): (usize, String)| {
        let (key, value) = text.split_once(char::is_whitespace)?;
        let (key, value) = (key.trim_matches('"').to_string(), value.trim().to_string());
        Some(Row { path: path.to_path_buf(), line, key, value, is_pattern: false })
    };
    logical_lines(text).into_iter().filter_map(row).collect()
}

fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match found.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
            Some((_, last)) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            None => found.push((n + 1, line.trim().to_string())),
        }
    }
    found
}

/// `/pattern/flags value`. A note tells of a pattern that is more than text with gaps.
fn patterns(path: &Path, text: &str, imported: &mut Imported, rows: &mut Vec<Row>) {
    for (line, text) in logical_lines(text) {
        let mut quoted = text.strip_prefix('/').map(|rest| {
            let end = rest.char_indices().find(|(at, c)| *c == '/' && !rest[..*at].ends_with('\\'));
            end.map_or((rest, ""), |(at, _)| (&rest[..at], &rest[at + 1..]))
        });
        let parts = quoted.take().and_then(|(pattern, rest)| {
            let (_, value) = rest.split_once(char::is_whitespace)?;
            Some((gaps(pattern)?, value.trim().to_string()))
        });
        match parts {
            Some((key, value)) => {
                rows.push(Row { path: path.to_path_buf(), line, key, value, is_pattern: true });
            }
            None => imported.note_in(path, line, "the line is left out: its pattern is more than text with gaps"),
        }
    }
}

/// A regular expression as a text in which `*` stands for any text; `None` for one that says more.
fn gaps(pattern: &str) -> Option<String> {
    let (start, rest) = pattern.strip_prefix('^').map_or(("*", pattern), |rest| ("", rest));
    let (rest, end) = rest.strip_suffix('$').map_or((rest, "*"), |rest| (rest, ""));
    let mut found = start.to_string();
    let rest = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest);
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '.' => {
                chars.next_if(|next| matches!(next, '*' | '+'));
                found.push('*');
            }
            '\\' => found.push(chars.next().filter(|c| c.is_ascii_punctuation())?),
            '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            c => found.push(c),
        }
    }
    found.push_str(end);
    while found.contains("**") {
        found = found.replace("**", "*");
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_patterns_are_read() {
        assert_eq!(
            tables("hash:/a,\n hash:/b  inline:{ {a = b}, c=d }"),
            ["hash:/a", "hash:/b", "inline:{ {a = b}, c=d }"]
        );
        for (pattern, expected) in [
            (".+", Some("*")),
            (".", Some("*")),
            ("^(.*)$", Some("*")),
            ("@shop\\.example$", Some("*@shop.example")),
            ("^root@", Some("root@*")),
            ("[a-z]+", None),
        ] {
            assert_eq!(gaps(pattern).as_deref(), expected, "{pattern}");
        }
    }
}

//! Rust source as the tests of the house read it: without comments, without quoted text, and without the items that
//! only tests see. The rest is enough to find every path.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of `src/`.
pub(crate) struct Source {
    /// Its path below `src/`.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// Its code, without comments, quotes and tests.
    pub(crate) code: String,
    /// Its place in the crate: `relay`, `tls`; for `lib.rs`, nothing.
    pub(crate) module: Vec<String>,
}

/// Every file of `src/` that is not for tests alone.
pub(crate) fn files() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let paths = paths_below("src");
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        Source { module: module(&path), code: without_tests(&plain(&text)), text, path }
    };
    // `#[cfg(test)] mod tests;` is a file of its own.
    paths.iter().filter(|path| !path.ends_with("tests.rs")).map(read).collect()
}

/// The Rust files below that directory of the tree, in order.
pub(crate) fn paths_below(directory: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut paths);
    paths.sort();
    paths
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

pub(crate) fn module(path: &str) -> Vec<String> {
    let parts = path.trim_end_matches(".rs").split('/').filter(|part| !["lib", "mod"].contains(part));
    parts.map(str::to_owned).collect()
}

/// The code with comments left out and quotes emptied.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = comment(rest).map(|n| (n, " ")).or_else(|| quoted(rest, &plain).map(|n| (n, "\"\"")));
        let (length, instead) = skipped.unwrap_or((c.len_utf8(), &rest[..c.len_utf8()]));
        plain.push_str(instead);
        rest = &rest[length..];
    }
    plain
}

/// The length of the comment that begins here.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// The length of the string or character that begins here; `before` is the code in front of it.
fn quoted(rest: &str, before: &str) -> Option<usize> {
    let is_in_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let hashes = rest.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len());
    match hashes {
        Some(n) if rest[1 + n..].starts_with('"') && (!is_in_word || ends_in_prefix(before)) => {
            let end = format!("\"{}", "#".repeat(n));
            return Some(rest[n + 2..].find(&end).map_or(rest.len(), |at| n + 2 + at + end.len()));
        }
        _ => {}
    }
    let end = |mark: char| {
        let mut is_escaped = false;
        let at = rest.char_indices().skip(1).find(|(_, c)| {
            let is_end = *c == mark && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            is_end
        });
        at.map_or(rest.len(), |(at, _)| at + 1)
    };
    match rest.as_bytes() {
        [b'"', ..] => Some(end('"')),
        [b'\'', b'\\', ..] => Some(end('\'')),
        // 'a' is a character, 'a is a lifetime.
        [b'\'', ..] => rest.chars().nth(2).is_some_and(|c| c == '\'').then(|| end('\'')),
        _ => None,
    }
}

/// The b of `br"…"` and the c of `cr"…"` are no words.
fn ends_in_prefix(before: &str) -> bool {
    let mut back = before.chars().rev();
    back.next().is_some_and(|c| c == 'b' || c == 'c') && !back.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// The code without the items that only tests see.
pub(crate) fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        rest = &rest[at..][item(&rest[at..])..];
    }
    kept + rest
}

/// The length of an item: to its closing brace, or to a semicolon outside of all brackets.
fn item(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(c, '}' | ';') {
            return at + 1;
        }
    }
    code.len()
}

/// The names that follow `head` and two colons: one, or those in a group of braces, each with the path after it.
pub(crate) fn names_after(code: &str, head: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(head) {
        let is_whole = !code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$'));
        let Some(rest) = code[at + head.len()..].trim_start().strip_prefix("::").filter(|_| is_whole) else { continue };
        match rest.trim_start().strip_prefix('{') {
            Some(group) => names.extend(members(group)),
            None => names.push(path(rest.trim_start())),
        }
    }
    names
}

/// The members of a group, up to its closing brace.
fn members(group: &str) -> Vec<String> {
    let mut depth = 0;
    let end = group.find(|c| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        depth < 0
    });
    let mut depth = 0;
    let divided = group[..end.unwrap_or(group.len())].split(|c| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        c == ',' && depth == 0
    });
    divided.map(|member| path(member.trim())).filter(|name| !name.is_empty()).collect()
}

/// The path at the front: `message::Mailbox`.
fn path(code: &str) -> String {
    code.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect()
}

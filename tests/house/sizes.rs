//! No file of `src/` has more than 400 lines besides its tests, and no function more than 50: a longer one has a second
//! subject. No comment is wider than the code, whose width rustfmt sees to.

use std::fs;

use crate::house::source::{files, paths_below};

/// The most lines of a file without its tests.
const FILE: usize = 400;
/// The most lines of a function, its signature and its last brace among them.
const FUNCTION: usize = 50;
/// The most columns of a comment, `max_width` of rustfmt.toml. The rows of a table cannot be wrapped.
const WIDTH: usize = 120;

/// The lines in front of the tests, which stand at the foot of a file.
fn lines(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let are_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{');
    let end = lines.windows(2).position(are_tests).unwrap_or(lines.len());
    lines[..end].to_vec()
}

/// The name of the function that begins in a line.
fn function(line: &str) -> Option<&str> {
    let words = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async "];
    let mut rest = line.trim_start();
    while let Some(after) = words.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = after;
    }
    rest.strip_prefix("fn ").map(|rest| rest.split(['(', '<']).next().unwrap_or(rest))
}

/// The lines of a function whose first line is at the front. rustfmt puts its last brace under its first word.
fn length(lines: &[&str]) -> usize {
    let first = lines[0];
    if first.ends_with('}') || first.ends_with(';') {
        return 1;
    }
    let margin = &first[..first.len() - first.trim_start().len()];
    // The second is the last line of a signature without a body, which traits have.
    let is_last = |rest: &str| rest == "}" || (rest.starts_with(')') && rest.ends_with(';'));
    lines
        .iter()
        .skip(1)
        .position(|line| line.strip_prefix(margin).is_some_and(is_last))
        .map_or(lines.len(), |at| at + 2)
}

#[test]
fn files_and_functions_are_short_enough_to_have_one_subject() {
    let mut long = Vec::new();
    for file in files() {
        let lines = lines(&file.text);
        if lines.len() > FILE {
            long.push(format!("src/{} has {} lines besides its tests, of {FILE}", file.path, lines.len()));
        }
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = function(line) else { continue };
            let length = length(&lines[at..]);
            if length > FUNCTION {
                long.push(format!("src/{}:{}: `{name}` has {length} lines, of {FUNCTION}", file.path, at + 1));
            }
        }
    }
    assert!(long.is_empty(), "look for the second subject:\n{}", long.join("\n"));
}

#[test]
fn comments_are_as_wide_as_the_code_at_the_most() {
    let mut wide = Vec::new();
    for path in ["src", "tests", "examples", "benches", "fuzz/fuzz_targets"].into_iter().flat_map(paths_below) {
        let text = fs::read_to_string(&path).unwrap();
        for (at, line) in text.lines().enumerate() {
            let is_comment = line.trim_start().starts_with("//") && !line.starts_with("//! |");
            if is_comment && line.chars().count() > WIDTH {
                wide.push(format!("{}:{}", path.display(), at + 1));
            }
        }
    }
    assert!(wide.is_empty(), "wrap these comments at {WIDTH} columns:\n{}", wide.join("\n"));
}

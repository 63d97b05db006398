//! `docs/security.md` promises nothing that no test shows: each row of its tables ends with tests, and they exist.

use std::collections::BTreeSet;
use std::fs;

use crate::house::source::paths_below;

const PAGE: &str = include_str!("../../docs/security.md");

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in ["src", "tests"].into_iter().flat_map(paths_below) {
        let text = fs::read_to_string(path).unwrap();
        let after = text.split("#[test]\n").skip(1);
        names.extend(after.filter_map(|rest| Some(rest.split_once("fn ")?.1.split_once('(')?.0.to_string())));
    }
    names
}

/// The last cell of each row under a head whose last cell is `test` or `tests`.
fn cells() -> Vec<&'static str> {
    let mut cells = Vec::new();
    let mut names_tests = false;
    for line in PAGE.lines() {
        match line.strip_prefix('|').and_then(|row| row.trim_end_matches('|').rsplit('|').next()).map(str::trim) {
            None => names_tests = false,
            Some("test" | "tests") => names_tests = true,
            Some(cell) if names_tests && !cell.starts_with("---") => cells.push(cell),
            Some(_) => {}
        }
    }
    cells
}

#[test]
fn each_test_that_the_page_names_exists() {
    let names = tests();
    let cells = cells();
    assert!(cells.len() > 50, "{} rows", cells.len());
    for cell in cells {
        for test in cell.split(", ") {
            let name = test.strip_prefix('`').and_then(|test| test.strip_suffix('`'));
            assert!(name.is_some_and(|name| names.contains(name)), "docs/security.md: there is no test {test}");
        }
    }
}

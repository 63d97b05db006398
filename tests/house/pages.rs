//! The pages for contributors name files and tests that exist: both move and change their names.

use std::fs;
use std::path::Path;

use super::source;

const PAGES: [&str; 4] = ["CONTRIBUTING.md", "docs/architecture.md", "tests/README.md", "fixtures/README.md"];
/// A path begins with one of these.
const TOPS: [&str; 8] = ["src/", "tests/", "docs/", "packaging/", "fixtures/", "examples/", "benches/", "fuzz/"];

/// The texts between backticks, outside of blocks.
fn quoted(page: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let text: String = text.split("```").step_by(2).collect();
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn pages_name_files_that_exist() {
    let mut count = 0;
    for page in PAGES {
        for path in quoted(page).iter().filter(|path| TOPS.iter().any(|top| path.starts_with(top))) {
            // `TARGET` and `*` stand for names.
            if path.contains(|c: char| c.is_ascii_uppercase() && !path.ends_with(".md") || "* {".contains(c)) {
                continue;
            }
            count += 1;
            assert!(
                Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(),
                "{page} names {path}, which is not there"
            );
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn page_for_contributors_names_tests_that_exist() {
    let known = source::tests();
    let quoted = quoted("CONTRIBUTING.md");
    // Only a test has a sentence for a name.
    let named: Vec<&String> = quoted
        .iter()
        .filter(|name| name.matches('_').count() > 2 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect();
    assert!(named.len() > 15, "{named:?}");
    for name in named {
        assert!(known.contains(name), "CONTRIBUTING.md names the test {name}, which is not there");
    }
}

//! The oldest compiler that `Cargo.toml` names is new enough for the whole tree of crates, and for our own code: what
//! clippy's `incompatible_msrv` cannot see, which is the language itself, is looked for here.

use std::process::Command;

use serde_json::Value;

use super::source::files;

/// The version as numbers; whoever names none is content with any.
fn version(named: &Value) -> Vec<u32> {
    let parts = named.as_str().unwrap_or("0").split('.').map(|part| part.parse().unwrap());
    parts.chain(std::iter::repeat(0)).take(3).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_crate_is_content_with_the_oldest_compiler() {
    let about = cargo(&["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // Crates of other systems are not here, and nothing is fetched for this.
    let metadata = cargo(&["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let crates = metadata["packages"].as_array().unwrap();
    assert!(crates.len() > 100, "{}", crates.len());
    let oldest = version(&crates.iter().find(|found| found["name"] == "mailx-t").unwrap()["rust_version"]);
    let newer = crates.iter().filter(|found| version(&found["rust_version"]) > oldest);
    let newer: Vec<String> = newer.map(|found| format!("{} {}", found["name"], found["rust_version"])).collect();
    assert!(newer.is_empty(), "these want a newer compiler than rust-version in Cargo.toml: {newer:?}");
}

/// The `if let` at the start of the code is the guard of a match arm, which is language since 1.95.
fn is_guard(code: &str) -> bool {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '=' if depth == 0 && code[at..].starts_with("=>") => return true,
            ',' | ';' if depth == 0 => return false,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    false
}

#[test]
fn no_match_arm_is_guarded_by_a_pattern() {
    assert!(is_guard("if let Some(by) = of(letter) => {") && is_guard("if let Some(A { b }) = c(|d| { d }) => e"));
    assert!(!is_guard("if let Some(A { b }) = c { d } else { e }, f => g") && !is_guard("if let A = b { c } }"));
    for file in files() {
        let guard = file.code.match_indices("if let ").find(|(at, _)| is_guard(&file.code[*at..]));
        assert!(guard.is_none(), "{}: `if let` in a match arm's guard wants Rust 1.95", file.path);
    }
}

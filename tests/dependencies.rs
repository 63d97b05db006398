//! The tree of crates keeps to deny.toml: known licences, one version of each crate, nothing banned, all from crates.io.
//! cargo-deny reads the same file and says the same; here neither it nor a network is needed.

// A helper of a test may stop it.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Rules {
    bans: Bans,
    licenses: Licenses,
    sources: Sources,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Named>,
    skip: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "crate")]
    name: String,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    license: Option<String>,
    name: String,
    source: Option<String>,
    version: String,
}

fn rules() -> Rules {
    toml::from_str(include_str!("../deny.toml")).unwrap()
}

fn cargo(arguments: &[&str]) -> String {
    let machine = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let target = format!("{}-unknown-linux-{machine}", std::env::consts::ARCH);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).arg(target).args(["--locked", "--offline"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// All crates that are built on this machine, ours apart.
fn packages() -> Vec<Package> {
    // The metadata also list what features that are off would need: the tree tells what is built.
    let tree = cargo(&["tree", "--edges", "all", "--prefix", "none", "--format", "{p}", "--target"]);
    let built: BTreeSet<(&str, &str)> =
        tree.lines().filter_map(|line| line.split_once(" v")).map(|(name, rest)| (name, version(rest))).collect();
    assert!(built.len() > 20, "only {} crates", built.len());
    let metadata = cargo(&["metadata", "--format-version", "1", "--filter-platform"]);
    let metadata: Metadata = serde_json::from_str(&metadata).unwrap();
    let is_built = |package: &Package| built.contains(&(package.name.as_str(), package.version.as_str()));
    metadata.packages.into_iter().filter(|package| package.name != "mailx-t" && is_built(package)).collect()
}

fn version(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

/// The expression (SPDX 2.3 annex D) can be met with the licences allowed. An exception only adds permissions.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = expression.split_whitespace().peekable();
    let met = any(&mut words, allowed);
    met && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let met = any(words, allowed);
        return words.next() == Some(")") && met;
    }
    let met = words.next().is_some_and(|license| allowed.contains(license));
    if words.next_if_eq(&"WITH").is_some() {
        words.next();
    }
    met
}

#[test]
fn licenses_are_those_that_may_be_shipped() {
    let rules = rules();
    for Package { name, license, .. } in packages() {
        let license = license.unwrap_or_default();
        assert!(is_allowed(&license, &rules.licenses.allow), "{name}: \"{license}\" is not in deny.toml");
    }
}

#[test]
fn license_expressions_are_read() {
    let allowed = BTreeSet::from(["MIT", "Zlib"].map(str::to_string));
    for met in ["MIT", "MIT/GPL-3.0", "GPL-3.0 OR (MIT AND Zlib)", "MIT WITH x-exception AND Zlib", "(Zlib)"] {
        assert!(is_allowed(met, &allowed), "{met}");
    }
    for unmet in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND GPL-3.0", "(MIT", "MIT Zlib"] {
        assert!(!is_allowed(unmet, &allowed), "{unmet}");
    }
}

#[test]
fn crates_are_not_banned_and_come_in_one_version() {
    let rules = rules();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        assert!(rules.bans.deny.iter().all(|banned| banned.name != package.name), "{} is banned", package.name);
        versions.entry(package.name).or_default().insert(package.version);
    }
    let is_skipped = |name: &String| rules.bans.skip.iter().any(|skipped| skipped.name == *name);
    let several: Vec<_> = versions.iter().filter(|(name, found)| found.len() > 1 && !is_skipped(name)).collect();
    assert!(several.is_empty(), "more than one version: {several:?}");
}

#[test]
fn sources_are_the_registry() {
    let rules = rules();
    for Package { name, source, .. } in packages() {
        let registry = source.as_deref().and_then(|source| source.strip_prefix("registry+"));
        let is_known =
            registry.is_some_and(|registry| rules.sources.allow_registry.iter().any(|known| known == registry));
        assert!(is_known, "{name} comes from {source:?}");
    }
}

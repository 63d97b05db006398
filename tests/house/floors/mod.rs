//! The floors of the house: the table at the head of `src/lib.rs` is read and the source is held to it.

mod circles;

use std::collections::BTreeMap;

use super::source::{Source, files, names_after, plain, without_tests};

/// Neighbours on one floor: the first may know the second, never the other way round.
const NEIGHBOURS: [(&str, &str); 8] = [
    ("main", "cli"),
    ("bin", "cli"),
    ("error", "config"),
    ("envelope", "message"),
    ("fold", "repeats"),
    ("repeats", "rewrite"),
    ("rewrite", "message"),
    ("rewrite", "envelope"),
];

/// Foreign crates with one home: no other file names them.
const HOMES: [(&str, &str); 8] = [
    ("mail_parser", "message/"),
    ("mime_guess", "message/parts.rs"),
    ("native_tls", "relay/"),
    ("openssl", "relay/"),
    ("toml", "config"),
    ("clap", "cli/"),
    ("env_logger", "log"),
    ("landlock", "confinement.rs"),
];

/// The floor of each module, from the rows `| 5 doors | … |` of the table.
fn floors() -> BTreeMap<String, u32> {
    let lib = files().into_iter().find(|file| file.path == "lib.rs").unwrap();
    let rows = lib.text.lines().filter_map(|line| line.strip_prefix("//! | "));
    let mut floors = BTreeMap::new();
    for (floor, modules) in rows.filter_map(|row| Some((row.split(' ').next()?.parse().ok()?, row.split('|').nth(1)?)))
    {
        for module in modules.split('`').skip(1).step_by(2) {
            floors.insert(module.to_owned(), floor);
        }
    }
    floors
}

/// The top-level modules that a file names, and how it names them.
fn named(file: &Source) -> Vec<String> {
    let mut names = names_after(&file.code, "crate");
    names.extend(names_after(&file.code, "mailx_t"));
    // `super::` once for each module around it leads to the crate's own floor.
    let up = vec!["super"; file.module.len()].join("::");
    if !up.is_empty() {
        names.extend(names_after(&file.code, &up));
    }
    names.iter().map(|name| name.split("::").next().unwrap_or_default().to_owned()).collect()
}

fn own(file: &Source) -> &str {
    file.module.first().map_or("lib", String::as_str)
}

#[test]
fn table_names_every_module_and_no_other() {
    let mut modules: Vec<String> =
        files().iter().map(|file| own(file).to_owned()).filter(|module| module != "lib").collect();
    modules.sort();
    modules.dedup();
    assert_eq!(modules, floors().into_keys().collect::<Vec<_>>());
}

#[test]
fn imports_go_down_only() {
    let floors = floors();
    let mut faults = Vec::new();
    for file in files() {
        let from = own(&file);
        for to in named(&file) {
            let (Some(own), Some(other)) = (floors.get(from), floors.get(&to)) else { continue };
            let is_neighbour = from == to || NEIGHBOURS.contains(&(from, &to));
            if other > own || (other == own && !is_neighbour) {
                faults.push(format!("src/{} of floor {own} names {to} of floor {other}", file.path));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn table_has_the_floors_that_the_rules_are_about() {
    let floors = floors();
    for (module, floor) in [("cli", 5), ("command", 4), ("config", 3), ("error", 3), ("message", 1), ("outcome", 0)] {
        assert_eq!(floors.get(module), Some(&floor), "{module}");
    }
    for module in ["spool", "relay", "log", "system"] {
        assert_eq!(floors.get(module), Some(&2), "{module}");
    }
}

#[test]
fn each_foreign_crate_has_one_home() {
    let mut faults = Vec::new();
    for file in files() {
        for (name, home) in HOMES {
            let is_named = !names_after(&file.code, name).is_empty();
            if is_named && !file.path.starts_with(home) {
                faults.push(format!("src/{} names {name}, whose home is src/{home}", file.path));
            }
        }
        let of_lettre = names_after(&file.code, "lettre");
        let is_home = |name: &String| match name.as_str() {
            "Address" => true,
            name if name.starts_with("message") => file.path == "message/parts.rs",
            _ => file.path.starts_with("relay/"),
        };
        if !of_lettre.iter().all(is_home) {
            faults.push(format!("src/{} names more of lettre than Address", file.path));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn homes_are_lived_in() {
    for (name, home) in HOMES {
        let at_home = files().into_iter().filter(|file| file.path.starts_with(home));
        assert!(at_home.into_iter().any(|file| !names_after(&file.code, name).is_empty()), "nobody names {name}");
    }
}

#[test]
fn unsafe_code_is_forbidden() {
    let lib = files().into_iter().find(|file| file.path == "lib.rs").unwrap();
    assert!(lib.code.contains("#![forbid(unsafe_code)]"));
    let manifest = include_str!("../../../Cargo.toml");
    assert!(manifest.contains("[lints.rust]\nunsafe_code = \"forbid\""), "the programs and the tests too");
}

#[test]
fn every_file_opens_with_a_header() {
    for file in files() {
        assert!(file.text.starts_with("//! "), "src/{} opens without saying what lives there", file.path);
    }
}

#[test]
fn comments_quotes_and_tests_are_no_imports() {
    let text = r##"
        use crate::{config::{self, Config}, spool as s, error};
        // use crate::comment;
        /* crate::outer /* crate::inner */ crate::still */
        const A: (&str, &[u8]) = ("crate::quoted \" crate::quoted", b"crate::bytes\\");
        const B: &str = r#"crate::raw " crate::raw"#;
        fn life<'a>(c: &'a str) -> [char; 4] { ['"', '\'', '\\', 'c'] } // a "
        fn found() -> crate :: relay::Tls { super::super::log::open() }
        #[cfg(test)]
        use crate::only_tests;
        #[cfg(test)]
        mod tests { fn f() { crate::only_tests::g(";}"); } }
        fn after() { crate::system::f() }
    "##;
    let code = without_tests(&plain(text));
    assert_eq!(names_after(&code, "crate"), ["config::", "spool", "error", "relay::Tls", "system::f"]);
    assert_eq!(names_after(&code, "super::super"), ["log::open"]);
    let module = vec!["relay".to_owned(), "tls".to_owned()];
    let file = Source { path: "relay/tls.rs".to_owned(), text: text.to_owned(), code, module };
    assert_eq!(named(&file), ["config", "spool", "error", "relay", "system", "log"]);
}

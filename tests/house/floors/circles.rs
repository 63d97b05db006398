//! No two files of `src/` import each other, by any way round: a circle is one file in several pieces, which nobody can
//! read, test or move alone.
//!
//! An import is every name of another file, in a `use` or in a path. It leads to the file that defines the name: a
//! re-export on the way is passed through. It is an import itself, as any other `use`. A `mod` declaration is none.
//!
//! Parents and their children are held to the same rule. Thus the file of a module with children stands above them,
//! and then it uses and re-exports them, and they name nothing that it defines. Or it stands below them, defines what
//! they share, and names nothing of theirs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::house::source::{Source, files, module, plain, without_tests};

/// The place of a module in the crate: `relay`, `tls`; for the crate itself, nothing.
type Place = Vec<String>;

/// A name that `use` brings into a file, and the path it stands for.
struct Import {
    name: String,
    path: Vec<String>,
}

/// One file with the paths in it.
struct Imports {
    uses: Vec<Import>,
    /// Those outside of `use`: two names or more.
    paths: Vec<Vec<String>>,
}

/// The files by the modules they are.
type Tree = BTreeMap<Place, Imports>;

/// Words, `::` as one, and all other characters one by one.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The names at the front that `::` joins, and how many tokens they are.
fn path<'a>(tokens: &[&'a str]) -> (Vec<&'a str>, usize) {
    let mut names = Vec::new();
    let mut at = 0;
    while tokens.get(at).is_some_and(|token| is_name(token)) {
        names.push(tokens[at]);
        at += 1;
        match (tokens.get(at), tokens.get(at + 1)) {
            (Some(&"::"), Some(next)) if is_name(next) => at += 1,
            _ => break,
        }
    }
    (names, at)
}

/// Reads the names after `use`, or those of a group after `before`. Returns the number of their tokens.
fn read_use(tokens: &[&str], before: &[String], uses: &mut Vec<Import>) -> usize {
    let (names, mut at) = path(tokens);
    let mut whole: Vec<String> = before.iter().cloned().chain(names.iter().map(|name| name.to_string())).collect();
    if tokens.get(at) == Some(&"::") {
        at += 1;
    }
    match tokens.get(at) {
        Some(&"{") => {
            at += 1;
            while !matches!(tokens.get(at), None | Some(&"}")) {
                at += read_use(&tokens[at..], &whole, uses);
                if tokens.get(at) == Some(&",") {
                    at += 1;
                }
            }
            return at + 1;
        }
        Some(&"*") => {
            uses.push(Import { name: "*".to_owned(), path: whole });
            return at + 1;
        }
        _ => {}
    }
    if whole.last().is_some_and(|last| last == "self") && whole.len() > 1 {
        whole.pop();
    }
    let mut name = whole.last().cloned().unwrap_or_default();
    if tokens.get(at) == Some(&"as") {
        name = tokens[at + 1].to_owned();
        at += 2;
    }
    uses.push(Import { name, path: whole });
    at.max(1)
}

fn imports(code: &str) -> Imports {
    let tokens = tokens(code);
    let mut imports = Imports { uses: Vec::new(), paths: Vec::new() };
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at] {
            // `+ use<'a>` says what a type captures.
            "use" if tokens.get(at + 1) != Some(&"<") => at += 1 + read_use(&tokens[at + 1..], &[], &mut imports.uses),
            token if is_name(token) => {
                let (names, length) = path(&tokens[at..]);
                let is_whole = at == 0 || tokens[at - 1] != "::";
                if is_whole && names.len() > 1 {
                    imports.paths.push(names.into_iter().map(str::to_owned).collect());
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    imports
}

/// The module or item that a path leads to.
#[derive(Debug, PartialEq)]
enum Target {
    Module(Place),
    /// Something that the file of that module defines.
    Item(Place),
}

/// The place to which `path` leads, read in the file of `from`; `None` if it leads out of the crate. `depth` ends a way
/// that leads round.
fn resolve(tree: &Tree, from: &Place, path: &[String], depth: usize) -> Option<Target> {
    let (mut at, mut rest) = (from.clone(), path);
    match path.first().map(String::as_str)? {
        "crate" | "mailx_t" => (at, rest) = (Place::new(), &path[1..]),
        "self" => rest = &path[1..],
        "super" => {
            while rest.first().is_some_and(|name| name == "super") {
                at.pop()?;
                rest = &rest[1..];
            }
        }
        // A name that the file does not bring in itself is the prelude's, a crate's, or defined here.
        first => {
            let is_child = tree.contains_key(&child(from, first));
            let is_used = tree[from].uses.iter().any(|import| import.name == first && import.path != path[..1]);
            if !is_child && !is_used {
                return None;
            }
        }
    }
    for (count, name) in rest.iter().enumerate() {
        let below = child(&at, name);
        if tree.contains_key(&below) {
            at = below;
            continue;
        }
        let used = tree.get(&at)?.uses.iter().find(|import| import.name == *name && depth < 8);
        let Some(import) = used else { return Some(Target::Item(at)) };
        return match resolve(tree, &at, &import.path, depth + 1)? {
            Target::Module(module) if count + 1 < rest.len() => {
                let further: Vec<String> = ["self".to_owned()].into_iter().chain(rest[count + 1..].to_vec()).collect();
                resolve(tree, &module, &further, depth + 1)
            }
            target => Some(target),
        };
    }
    Some(Target::Module(at))
}

fn child(parent: &Place, name: &str) -> Place {
    parent.iter().cloned().chain([name.to_owned()]).collect()
}

/// The modules whose definitions each file names.
fn graph(tree: &Tree) -> BTreeMap<Place, BTreeSet<Place>> {
    let named = |from: &Place, imports: &Imports| {
        let uses = imports.uses.iter().map(|import| (&import.path, import.name == "*"));
        let paths = imports.paths.iter().map(|path| (path, false));
        let targets = uses.chain(paths).filter_map(|(path, is_glob)| match resolve(tree, from, path, 0)? {
            Target::Item(module) => Some(module),
            Target::Module(module) => is_glob.then_some(module),
        });
        targets.filter(|to| to != from).collect()
    };
    tree.iter().map(|(from, imports)| (from.clone(), named(from, imports))).collect()
}

/// The shortest way from a file back to itself.
fn circle(graph: &BTreeMap<Place, BTreeSet<Place>>, start: &Place) -> Option<Vec<Place>> {
    let mut before: BTreeMap<&Place, &Place> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for to in &graph[at] {
            if to == start {
                let mut way = vec![start.clone(), at.clone()];
                while way[way.len() - 1] != *start {
                    way.push(before[&way[way.len() - 1]].clone());
                }
                way.reverse();
                return Some(way);
            }
            if !before.contains_key(to) && graph.contains_key(to) {
                before.insert(to, at);
                queue.push_back(to);
            }
        }
    }
    None
}

/// Each circle once, as `a.rs -> b.rs -> a.rs`, from its first file in the order of the alphabet.
fn circles(sources: &[Source]) -> BTreeSet<String> {
    let tree: Tree = sources.iter().map(|file| (file.module.clone(), imports(&file.code))).collect();
    let paths: BTreeMap<&Place, &str> = sources.iter().map(|file| (&file.module, file.path.as_str())).collect();
    let graph = graph(&tree);
    let found = graph.keys().filter_map(|start| circle(&graph, start));
    let shown = found.map(|mut way| {
        way.pop();
        let first = (0..way.len()).min_by_key(|at| paths[&way[*at]]).unwrap_or_default();
        way.rotate_left(first);
        way.push(way[0].clone());
        way.iter().map(|place| paths[place]).collect::<Vec<_>>().join(" -> ")
    });
    shown.collect()
}

#[test]
fn no_files_import_each_other() {
    let found = circles(&files());
    assert!(found.is_empty(), "{found:#?}");
}

/// Files of a crate, each with its path.
fn made_up(files: &[(&str, &str)]) -> Vec<Source> {
    let source = |(path, text): &(&str, &str)| Source {
        path: path.to_string(),
        text: text.to_string(),
        code: without_tests(&plain(text)),
        module: module(path),
    };
    files.iter().map(source).collect()
}

fn found(files: &[(&str, &str)]) -> Vec<String> {
    circles(&made_up(files)).into_iter().collect()
}

#[test]
fn circle_is_found_however_a_file_is_named() {
    for back in [
        "use crate::relay::wire::Wire;",
        "use crate::{relay::{mail, wire::{self as w, Wire as W}}, spool};",
        "use super::wire::*;",
        "use super::{mail::Mail, wire::Wire};",
        "use super::wire; fn f() -> wire::Wire { todo() }",
        "fn f() { super::wire::open(); }",
        "fn f() -> Option<crate::relay::wire::Wire> { None }",
        "use super::Wire;",
        "use crate::relay; fn f() { relay::Wire::open(); }",
        "use super::super::relay::W as Wire;",
    ] {
        let files = [
            ("lib.rs", "mod relay; mod spool;"),
            ("relay/mod.rs", "mod mail; mod wire; pub use self::wire::Wire; pub(crate) use wire::Wire as W;"),
            ("relay/mail.rs", back),
            ("relay/wire.rs", "use std::io; use super::mail::Mail; impl From<Mail> for Wire {}"),
        ];
        assert_eq!(found(&files), ["relay/mail.rs -> relay/wire.rs -> relay/mail.rs"], "{back}");
    }
}

#[test]
fn circle_of_several_is_told_once_from_its_first_file() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use crate::c;\nfn f() { c::d() }"),
        ("c.rs", "use crate::a::A;"),
        ("d.rs", "use crate::a::A;"),
    ];
    assert_eq!(found(&files), ["a.rs -> b.rs -> c.rs -> a.rs"]);
}

#[test]
fn parent_that_names_its_children_defines_nothing_for_them() {
    let child = ("spool/claim.rs", "use super::Spool;");
    let reexport = ("spool/mod.rs", "mod claim; pub use claim::Claim; pub struct Spool;");
    let call = ("spool/mod.rs", "mod claim; pub struct Spool; fn f() { claim::f() }");
    for parent in [reexport, call] {
        let files = [("lib.rs", "mod spool;"), parent, child];
        assert_eq!(found(&files), ["spool/claim.rs -> spool/mod.rs -> spool/claim.rs"]);
    }
}

#[test]
fn declarations_detours_and_tests_are_no_imports() {
    let files = [
        ("lib.rs", "mod spool; mod system;"),
        // The parent only declares its child, or only hands on what others define.
        ("spool/mod.rs", "mod claim; pub struct Spool;"),
        ("spool/claim.rs", "use super::Spool; use crate::system::{Lock, now};"),
        ("system/mod.rs", "mod lock; mod clock; pub use lock::Lock; pub use clock::now;"),
        ("system/lock.rs", "use super::now; // use crate::spool::Spool;"),
        ("system/clock.rs", "#[cfg(test)] mod tests { use crate::spool::Spool; } fn f() -> impl Fn() + use<'_> { x }"),
    ];
    assert!(found(&files).is_empty(), "{:?}", found(&files));
}

//! Foreign bytes, without cargo-fuzz: every target of `fuzz/targets.rs` gets the inputs kept in `fixtures/fuzz` and a
//! number of random variants of them. The variants are the same in every run, so that a failure comes again.
//!
//! `FUZZ_RUNS=100000 cargo test --release --test all golden::fuzz` runs longer. A test that fails names the file that
//! keeps its input: put it into `fixtures/fuzz/TARGET` under a name that says what it is, with the fix.

#[path = "../../fuzz/targets.rs"]
mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use fastrand::Rng;
use targets::TARGETS;

/// Random inputs for each target, unless the environment says otherwise.
const RUNS: usize = 10_000;
/// No input grows beyond this: a fault of long inputs shows in shorter ones.
const LONGEST: usize = 8 << 10;

/// The texts that matter in the grammars read here.
const TOKENS: [&str; 40] = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\t",
    " ",
    ":",
    ": ",
    ",",
    ";",
    "@",
    "<",
    ">",
    "\"",
    "\\",
    "(",
    ")",
    "#",
    "=",
    "[",
    "]",
    "-",
    "=?utf-8?q?",
    "=?gbk?b?",
    "?=",
    "\u{1b}[1m",
    "\u{feff}",
    "é",
    "备份",
    "\u{202e}",
    "From ",
    "To: ",
    "Subject:",
    "Content-Type: ",
    "250-",
    "250 ",
    "|/bin/x",
    ":include:",
    "-t",
    "99999999999999999999",
];

#[test]
fn no_foreign_bytes_harm_any_target() {
    let runs = std::env::var("FUZZ_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    for (name, _) in TARGETS {
        let corpus = corpus(name);
        corpus.iter().for_each(|input| judge(name, input));
        let mut chance =
            Rng::with_seed(name.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte)));
        for _ in 0..runs {
            judge(name, &mutant(&corpus, &mut chance));
        }
    }
}

#[test]
fn every_target_has_inputs_and_a_program_for_cargo_fuzz() {
    let manifest = fs::read_to_string("fuzz/Cargo.toml").unwrap();
    for (name, _) in TARGETS {
        assert!(!corpus(name).is_empty(), "fixtures/fuzz/{name} holds nothing");
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "fuzz/Cargo.toml has no {name}");
        let program = fs::read_to_string(format!("fuzz/fuzz_targets/{name}.rs")).unwrap();
        assert!(program.contains(&format!("run(\"{name}\"")), "fuzz/fuzz_targets/{name}.rs runs another target");
    }
    let programs = fs::read_dir("fuzz/fuzz_targets").unwrap().count();
    let corpora = fs::read_dir("fixtures/fuzz").unwrap().count();
    assert_eq!((programs, corpora), (TARGETS.len(), TARGETS.len()), "no program and no folder without a target");
}

#[test]
fn chance_is_the_same_in_every_run() {
    let corpus = corpus("message");
    let series = || {
        let mut chance = Rng::with_seed(1);
        (0..50).map(|_| mutant(&corpus, &mut chance)).collect::<Vec<_>>()
    };
    assert_eq!(series(), series());
}

/// The inputs kept for a target, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        fs::read_dir(Path::new("fixtures/fuzz").join(name)).unwrap().map(|found| found.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn judge(name: &'static str, input: &[u8]) {
    if catch_unwind(|| targets::run(name, input)).is_err() {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
        fs::write(&kept, input).unwrap();
        panic!("{name} fails on \"{}\", kept in {}", input.escape_ascii(), kept.display());
    }
}

/// One of the inputs, changed in a few places.
fn mutant(corpus: &[Vec<u8>], chance: &mut Rng) -> Vec<u8> {
    let mut input = chance.choice(corpus).unwrap().clone();
    for _ in 0..=chance.usize(..6) {
        change(&mut input, corpus, chance);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], chance: &mut Rng) {
    let at = chance.usize(..=input.len());
    match chance.u8(..7) {
        0 => drop(input.splice(at..at, [chance.u8(..)])),
        1 => drop(input.splice(at..at, TOKENS[chance.usize(..TOKENS.len())].bytes())),
        2 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << chance.u8(..8);
            }
        }
        3 => drop(input.drain(piece(at, input.len(), chance))),
        4 => {
            // Repeated, for faults that grow with each repetition.
            let again = input[piece(at, input.len(), chance)].repeat(chance.usize(1..20));
            drop(input.splice(at..at, again));
        }
        5 => {
            let other = chance.choice(corpus).unwrap();
            let from = chance.usize(..=other.len());
            drop(input.splice(at..at, other[piece(from, other.len(), chance)].iter().copied()));
        }
        _ => input.truncate(at),
    }
}

/// A piece from that offset on, mostly a short one.
fn piece(from: usize, length: usize, chance: &mut Rng) -> std::ops::Range<usize> {
    let most = if chance.u8(..4) == 0 { length } else { 16 };
    from..(from + chance.usize(..=most)).min(length)
}

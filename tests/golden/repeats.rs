//! Repeats of a job's mail: each file of `fixtures/repeats` holds a job with several troubles, from which the mails of
//! an hour are drawn. `expected` says how many of sixty mails of one trouble leave because they are new, and what is
//! hidden: another trouble that is taken for a repeat behind thirty mails of the first one.
//!
//! `BLESS=1 cargo test --test all golden::repeats` writes the expected file anew; read the difference before you
//! commit it. `REPEATS_CORPUS=FILE` judges another corpus and shows its table: JSON, `{job: {trouble: [text, …]}}`,
//! with at least 31 texts each.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::support::fixtures::expected;
use crate::support::jobs;
use mailx_t::repeats::{Memory, News, Print, Verdict};

/// The texts of each trouble of each job.
type Corpus = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// The mails after which something else comes.
const BEFORE: usize = 30;

/// A trouble of a job.
struct Trouble {
    name: String,
    /// The mail behind the first ones.
    next: String,
    /// Its print.
    print: Print,
    /// What is known after the first mails.
    known: Memory,
    /// How many of all its mails are new.
    left: usize,
    mails: usize,
}

impl Trouble {
    fn of(name: &str, texts: &[String]) -> Self {
        let (mut memory, mut known, mut left) = (Memory::default(), Memory::default(), 0);
        for (at, text) in texts.iter().enumerate() {
            if at == BEFORE {
                known = memory.clone();
            }
            left += usize::from(memory.learn(&Print::of(text)).verdict != Verdict::Repeat);
        }
        let next = texts[BEFORE].clone();
        Self { name: name.to_string(), print: Print::of(&next), next, known, left, mails: texts.len() }
    }

    /// A mail that comes next is taken for a repeat.
    fn hides(&self, print: &Print) -> bool {
        self.known.judge(print) == Verdict::Repeat
    }
}

/// The troubles of each job.
fn troubles(corpus: &Corpus) -> Vec<(&str, Vec<Trouble>)> {
    let of = |list: &BTreeMap<String, Vec<String>>| list.iter().map(|(name, texts)| Trouble::of(name, texts)).collect();
    corpus.iter().map(|(job, list)| (job.as_str(), of(list))).collect()
}

/// How many mails of each trouble leave, and which troubles are hidden.
fn table(jobs: &[(&str, Vec<Trouble>)]) -> String {
    let (mut table, mut hidden, mut pairs) = (String::new(), String::new(), 0);
    for (job, troubles) in jobs {
        for trouble in troubles {
            writeln!(table, "{job}: {}: {} of {}", trouble.name, trouble.left, trouble.mails).unwrap();
            for other in troubles.iter().filter(|other| other.name != trouble.name) {
                pairs += 1;
                if trouble.hides(&other.print) {
                    writeln!(hidden, "{job}: {} hides behind {}", other.name, trouble.name).unwrap();
                }
            }
        }
    }
    let all = || jobs.iter().flat_map(|(_, troubles)| troubles);
    let mean = |of: fn(&Trouble) -> usize| all().map(of).sum::<usize>() as f64 / all().count() as f64;
    let (left, mails) = (mean(|trouble| trouble.left), mean(|trouble| trouble.mails));
    let count = hidden.lines().count();
    format!("{table}{left:.1} of {mails} in the mean\n\n{hidden}{count} of {pairs} pairs are hidden\n")
}

/// A text with one change that nobody chose; the changes of one kind.
fn changed(kind: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let middle = lines.len() / 2;
    let with = |lines: Vec<&str>| lines.join("\n") + "\n";
    match kind {
        "a word is another" => {
            words(text, |word| word.len() > 2 && word.bytes().all(|octet| octet.is_ascii_lowercase()))
                .map(|(at, word)| format!("{}disarranged{}", &text[..at], &text[at + word.len()..]))
                .collect()
        }
        "a number has two digits more" => words(text, |word| word.bytes().all(|octet| octet.is_ascii_digit()))
            .filter(|(_, word)| word.len() < 7 && !word.starts_with('0'))
            .map(|(at, word)| format!("{}{word}73{}", &text[..at], &text[at + word.len()..]))
            .collect(),
        "a line is gone" if lines.len() > 1 => {
            vec![with([&lines[..middle], &lines[middle + 1..]].concat())]
        }
        "a line is added" => vec![with([&lines[..], &["cannot write /var/lib/state: Read-only file system"]].concat())],
        "a line stands thirty times" => {
            vec![with([&lines[..middle], &[lines[middle]; 30], &lines[middle + 1..]].concat())]
        }
        "the first line is the last" if lines.len() > 1 && lines[0] != lines[lines.len() - 1] => {
            vec![with([&lines[1..], &lines[..1]].concat())]
        }
        _ => Vec::new(),
    }
}

/// The words that stand alone and are of that kind, each with its place.
fn words<'t>(text: &'t str, is_one: impl Fn(&str) -> bool + 't) -> impl Iterator<Item = (usize, &'t str)> {
    let is_apart = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ';');
    let mut at = 0;
    text.split_inclusive(is_apart).filter_map(move |piece| {
        let word = piece.trim_end_matches(is_apart);
        at += piece.len();
        (!word.is_empty() && is_one(word)).then_some((at - piece.len(), word))
    })
}

const KINDS: [&str; 6] = [
    "a word is another",
    "a number has two digits more",
    "a line is gone",
    "a line is added",
    "a line stands thirty times",
    "the first line is the last",
];

/// How many changes of each kind are hidden in the mail behind thirty of the same trouble.
fn changes(jobs: &[(&str, Vec<Trouble>)]) -> String {
    let mut table = String::new();
    for kind in KINDS {
        let (mut all, mut hidden) = (0, 0);
        for trouble in jobs.iter().flat_map(|(_, troubles)| troubles) {
            for text in changed(kind, &trouble.next) {
                all += 1;
                hidden += usize::from(trouble.hides(&Print::of(&text)));
            }
        }
        writeln!(table, "{kind}: {hidden} of {all} are hidden").unwrap();
    }
    table
}

#[test]
fn each_trouble_is_told_and_its_repeats_are_known() {
    let corpus = jobs::corpus();
    assert!(corpus.len() >= 28, "{}", corpus.len());
    let troubles = troubles(&corpus);
    let made = format!("{}\n{}", table(&troubles), changes(&troubles));
    let expected = expected(Path::new("fixtures/repeats/expected"), made.as_bytes());
    assert_eq!(made, String::from_utf8(expected).unwrap());
    for trouble in troubles.iter().flat_map(|(_, troubles)| troubles) {
        let text = trouble.known.to_text();
        assert_eq!(Memory::from_lines(text.lines()).unwrap(), trouble.known, "behind its file");
    }
}

#[test]
fn corpus_of_another_is_judged() {
    let Some(file) = std::env::var_os("REPEATS_CORPUS") else { return };
    let corpus: Corpus = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let troubles = troubles(&corpus);
    println!("{}\n{}", table(&troubles), changes(&troubles));
}

#[test]
fn mail_with_too_much_in_it_is_new_each_time() {
    let text = "1 ".repeat(5000);
    let mut memory = Memory::default();
    let verdicts = [(); 2].map(|()| memory.learn(&Print::of(&text)).verdict);
    assert_eq!(verdicts, [Verdict::New(News::TooMuch); 2]);
}

//! docs/compatibility.md agrees with the program's tables: each row stands there word for word. The manual pages name
//! every letter, every verb, every long option and every exit status.

use std::fs;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use clap::CommandFactory;
use mailx_t::cli::getopt::{Letter, Takes, Treatment};
use mailx_t::cli::mail::Means;
use mailx_t::cli::{ctl, mail, names, sendmail};

/// The document, below the package, where cargo runs its tests.
const DOCUMENT: &str = "docs/compatibility.md";
/// The page for people, with mail(1)'s letters.
const USER_PAGE: &str = include_str!("../../packaging/man/mailx-t.1");
/// The page for administrators, with sendmail's letters and the verbs.
const ADMINISTRATION_PAGE: &str = include_str!("../../packaging/man/mailx-t.8");

/// The statuses as the program has them.
const STATUSES: &str = include_str!("../../src/error/exit.rs");
/// The page that newcomers read, with the statuses.
const README: &str = include_str!("../../README.md");

/// The table of a command line, as the document shows it.
fn table(letters: &[Letter]) -> String {
    let mut table =
        String::from("| letter | value | treatment | what it does here, or why nothing |\n|---|---|---|---|\n");
    for Letter { letter, takes, treatment, reason } in letters {
        let takes = match takes {
            Takes::Glued => "glued only",
            Takes::Late => "glued, after a recipient also next",
            Takes::Nothing => "none",
            Takes::Path => "glued, or next if that is a path",
            Takes::Perhaps => "glued, or next if that is no option",
            Takes::Value => "glued or next",
        };
        let treatment = match treatment {
            Treatment::Ignored => "ignored",
            Treatment::Obeyed => "obeyed",
        };
        table.push_str(&format!("| `-{letter}` | {takes} | {treatment} | {reason} |\n"));
    }
    table
}

/// The table of the names, as the document shows it.
fn name_table() -> String {
    let mut table = String::from("| called as | what it does |\n|---|---|\n");
    for names::Name { name, meaning, .. } in names::NAMES {
        table.push_str(&format!("| `{name}` | {meaning} |\n"));
    }
    table
}

/// Tests that write the document take turns.
static WRITER: Mutex<()> = Mutex::new(());

/// The place of a table in the document: under that heading, with that first row.
fn place(document: &str, heading: &str, first: &str) -> Range<usize> {
    let section = document.find(&format!("\n## {heading}\n")).expect(heading);
    let start = section + document[section..].find(&format!("\n{first}\n")).expect(first) + 1;
    let rows = document[start..].split_inclusive('\n').take_while(|line| line.starts_with('|'));
    start..start + rows.map(str::len).sum::<usize>()
}

/// The section holds exactly this table: no row is missing, old, or of another's making. With `BLESS=1` it does from
/// then on.
fn assert_shows(heading: &str, expected: &str) {
    let _turn = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    let mut document = fs::read_to_string(DOCUMENT).unwrap();
    let place = place(&document, heading, expected.lines().next().unwrap());
    if std::env::var_os("BLESS").is_some() {
        document.replace_range(place, expected);
        fs::write(DOCUMENT, document).unwrap();
        return;
    }
    let shown = &document[place];
    let row = |mine: &str, others: &str| {
        mine.lines().find(|line| !others.lines().any(|other| other == *line)).map(str::to_owned)
    };
    assert!(
        shown == expected,
        "{DOCUMENT}, under \"{heading}\", lacks {:?} and should not have {:?}: BLESS=1 cargo test --test all house::compatibility",
        row(expected, shown),
        row(shown, expected)
    );
}

#[test]
fn document_shows_the_names() {
    assert_shows("The names", &name_table());
}

#[test]
fn document_shows_the_letters_of_sendmail() {
    assert_shows("sendmail's letters", &table(sendmail::LETTERS));
}

#[test]
fn document_shows_the_long_options_of_mail() {
    let mut table = String::from("| option | value | letter, or why nothing |\n|---|---|---|\n");
    for (name, means, takes) in mail::LONG {
        let means = match means {
            Means::Letter(letter) => format!("`-{letter}`"),
            Means::Nothing(reason) => reason.to_string(),
            Means::NextName => "the name of the next file to attach, as its reader sees it".to_string(),
            Means::NoStartup => "the caller's start-up file is not read".to_string(),
            Means::Rehearsal => "the same as `--dry-run`".to_string(),
        };
        let takes = if *takes == Takes::Nothing { "none" } else { "needed" };
        table.push_str(&format!("| `--{name}` | {takes} | {means} |\n"));
    }
    assert_shows("mail(1)'s letters", &table);
}

#[test]
fn document_shows_the_letters_of_mail() {
    assert_shows("mail(1)'s letters", &table(mail::LETTERS));
}

#[test]
fn each_letter_stands_once_and_in_order_with_a_reason() {
    for letters in [sendmail::LETTERS, mail::LETTERS] {
        let keys: Vec<_> = letters.iter().map(|l| (l.letter.to_ascii_uppercase(), l.letter)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert!(letters.iter().all(|l| l.letter.is_ascii_graphic() && !l.reason.is_empty() && !l.reason.contains('|')));
    }
}

/// A page as its reader sees it: dashes are dashes, and fonts are gone.
fn read(page: &str) -> String {
    ["\\fB", "\\fI", "\\fR"].iter().fold(page.replace("\\-", "-"), |page, font| page.replace(font, ""))
}

/// The letters that the page has to name and does not.
fn unnamed(page: &str, letters: &[Letter]) -> String {
    let page = read(page);
    let names = |letter: char| {
        // A letter with its value glued to it counts: `-odb` is a form of `-o`.
        let option = format!("-{letter}");
        page.match_indices(&option).any(|(at, _)| !page[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    letters.iter().map(|known| known.letter).filter(|letter| !names(*letter)).collect()
}

#[test]
fn pages_name_every_letter() {
    assert_eq!(unnamed(ADMINISTRATION_PAGE, sendmail::LETTERS), "", "mailx-t.8 lacks letters of sendmail");
    assert_eq!(unnamed(USER_PAGE, mail::LETTERS), "", "mailx-t.1 lacks letters of mail");
}

/// The numbers of a list that names statuses, of which one row may name several.
fn statuses<'t>(rows: impl Iterator<Item = &'t str>) -> Vec<u8> {
    rows.flat_map(|row| row.split(", ").map(|status| status.parse().unwrap())).collect()
}

#[test]
fn pages_list_every_exit_status_and_no_other() {
    let known = STATUSES.lines().filter_map(|line| line.split_once(" = ")?.1.strip_suffix(','));
    let known = statuses(known.filter(|number| number.parse::<u8>().is_ok()));
    assert!(known.len() > 8, "{known:?}");
    let section = |page: &'static str, from: &str, to: &str| page.split_once(from).unwrap().1.split(to).next().unwrap();
    let rows = section(README, "## Exit status\n", "\n## ").lines().skip(3);
    let rows = rows.filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let mut found = statuses(rows);
    found.sort_unstable();
    assert_eq!(found, known, "README.md");
    let rows = section(USER_PAGE, ".SH \"EXIT STATUS\"\n", ".TE").lines().filter_map(|line| line.split_once('\t'));
    assert_eq!(statuses(rows.map(|(status, _)| status)), known, "mailx-t.1");
}

/// The verbs and long options below a command of clap's.
fn words(command: &clap::Command, found: &mut Vec<String>) {
    let long = command.get_arguments().filter_map(clap::Arg::get_long);
    found.extend(long.filter(|long| !["help", "version"].contains(long)).map(|long| format!("--{long}")));
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        found.push(verb.get_name().to_string());
        words(verb, found);
    }
}

#[test]
fn page_names_every_verb_and_option_of_administration() {
    let mut found = Vec::new();
    words(&ctl::Arguments::command(), &mut found);
    assert!(found.len() > 8, "{found:?}");
    let page = read(ADMINISTRATION_PAGE);
    let is_named = |word: &String| page.split(|c: char| !c.is_alphanumeric() && c != '-').any(|other| other == word);
    let lacking: Vec<String> = found.into_iter().filter(|word| !is_named(word)).collect();
    assert!(lacking.is_empty(), "mailx-t.8 lacks {lacking:?}");
}

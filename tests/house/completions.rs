//! The shells complete what the program knows: the files in packaging/completions are made from its own tables.
//!
//! After a change of letters or verbs: `BLESS=1 cargo test --test all house::completions`.

use std::path::{Path, PathBuf};
use std::process::Command as Process;

use crate::support::fixtures::expected;
use clap::{Arg, ArgAction, Command, CommandFactory, ValueHint};
use clap_complete::{Shell, generate};
use mailx_t::cli::getopt::{Letter, Takes, Treatment};
use mailx_t::cli::{ctl, mail, sendmail};

/// The files, and the program that each completes.
const FILES: [(&str, Shell, &str); 6] = [
    ("_mailx-t", Shell::Zsh, "mailx-t"),
    ("_mailx-tctl", Shell::Zsh, "mailx-tctl"),
    ("mailx-t.bash", Shell::Bash, "mailx-t"),
    ("mailx-t.fish", Shell::Fish, "mailx-t"),
    ("mailx-tctl.bash", Shell::Bash, "mailx-tctl"),
    ("mailx-tctl.fish", Shell::Fish, "mailx-tctl"),
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/completions")
}

/// The letters that do something; sendmail's if both have one. Letters that read a mailbox find none, so they are left
/// out.
fn letters() -> Vec<&'static Letter> {
    let does_something = |letter: &&Letter| letter.treatment == Treatment::Obeyed && !"eHu".contains(letter.letter);
    let all = sendmail::LETTERS.iter().chain(mail::LETTERS);
    let mut letters: Vec<&Letter> = all.filter(does_something).collect();
    letters.sort_by_key(|letter| letter.letter);
    letters.dedup_by_key(|letter| letter.letter);
    letters
}

fn option(letter: &Letter) -> Arg {
    let name: &str = letter.letter.to_string().leak();
    let option = Arg::new(name).short(letter.letter).help(letter.reason.replace('`', ""));
    match (letter.letter, letter.takes) {
        (_, Takes::Nothing) => option.action(ArgAction::SetTrue),
        ('A' | 'a' | 'C' | 'q', _) => option.action(ArgAction::Append).value_hint(ValueHint::FilePath),
        ('b' | 'c' | 'f' | 'r', _) => option.action(ArgAction::Append).value_hint(ValueHint::EmailAddress),
        _ => option.action(ArgAction::Append).value_hint(ValueHint::Other),
    }
}

/// The program, as clap describes it.
fn command(name: &'static str) -> Command {
    if name == "mailx-tctl" {
        return ctl::Arguments::command().name(name);
    }
    let config = Arg::new("config").long("config").help("Another configuration").value_hint(ValueHint::FilePath);
    let recipient = Arg::new("recipient").num_args(0..).value_hint(ValueHint::EmailAddress);
    Command::new(name)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(letters().into_iter().map(option))
        .arg(config)
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("List the queue as JSON"))
        .arg(Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue).help("Show what would leave, send nothing"))
        .arg(Arg::new("help").long("help").action(ArgAction::SetTrue).help("Print help"))
        .arg(Arg::new("version").long("version").action(ArgAction::SetTrue).help("Print the version"))
        .arg(recipient)
        .subcommand(ctl::Arguments::command().name("ctl"))
}

#[test]
fn files_complete_what_the_program_knows() {
    for (file, shell, name) in FILES {
        let mut made = Vec::new();
        generate(shell, &mut command(name), name, &mut made);
        // For bash clap_complete 4.6 takes the dash of our name for one between commands, in half of the places.
        let made = String::from_utf8(made).unwrap().replace("mailx__subcmd__t", "mailx__t");
        let path = directory().join(file);
        assert!(
            expected(&path, made.as_bytes()) == made.as_bytes(),
            "{file} is old: BLESS=1 cargo test --test all house::completions"
        );
    }
}

#[test]
fn bash_offers_verbs_and_options() {
    let offered = |line: &[&str]| {
        let words: String = line.iter().map(|word| format!("'{word}' ")).collect();
        let script = format!(
            "source {}\nCOMP_WORDS=({words})\nCOMP_CWORD={}\n_mailx__t mailx-t '{}' '{}'\necho \"${{COMPREPLY[*]}}\"",
            directory().join("mailx-t.bash").display(),
            line.len() - 1,
            line[line.len() - 1],
            line[line.len() - 2],
        );
        let said = Process::new("bash").args(["--norc", "-c", &script]).output().expect("bash is there");
        assert!(said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    };
    assert!(offered(&["mailx-t", "ctl", "ch"]).contains("check"));
    assert!(offered(&["mailx-t", "ctl", "queue", "re"]).contains("retry"));
    assert!(offered(&["mailx-t", "ctl", "check", "--"]).contains("--offline"));
    assert!(offered(&["mailx-t", "-"]).contains("-s"));
}

//! The properties of a command line under every name.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use proptest::prelude::*;

use super::getopt::{Letter, Takes};
use super::*;

/// Values that would be an option, or the end of all options, if they stood alone.
const TEMPTING: &[&str] = &[
    "--",
    "--account",
    "--config",
    "--config=/c",
    "--dry-run",
    "--foo",
    "--help",
    "--json",
    "--subject",
    "--subject=S",
    "--version",
    "-",
    "-f",
    "-s",
    "-t",
    "ctl",
];

/// The names that read options of sendmail's, and those of mail(1)'s; our own is the latter once a letter says so.
const SENDMAIL: &[&[&str]] = &[&["sendmail"], &["send-mail"], &["mailq"], &["newaliases"], &["mailx-t"]];
const MAIL: &[&[&str]] = &[&["mail"], &["mailx"], &["Mail"]];
const OUR_MAIL: &[&[&str]] = &[&["mailx-t", "-sS"]];

fn asked(line: &[OsString]) -> String {
    format!("{:?}", command(&line[0], line[1..].to_vec(), People::default()))
}

fn line(called: &[&str], words: &[&OsStr]) -> Vec<OsString> {
    called.iter().map(OsString::from).chain(words.iter().map(OsString::from)).collect()
}

/// `option` with the value as the next argument, and glued to it.
fn assert_same(called: &[&str], option: &str, glue: &str, value: &OsStr) {
    let glued: OsString = [OsStr::new(option), OsStr::new(glue), value].into_iter().collect();
    let next = line(called, &[OsStr::new(option), value, OsStr::new("root")]);
    let glued = line(called, &[&glued, OsStr::new("root")]);
    assert_eq!(asked(&next), asked(&glued), "{next:?}");
}

fn assert_no_option(value: &OsStr) {
    let ours = mail::OUR_GRAMMAR.letters;
    for (names, letters) in [(SENDMAIL, sendmail::LETTERS), (MAIL, mail::LETTERS), (OUR_MAIL, ours)] {
        let valued = |takes: Takes| letters.iter().filter(move |known: &&Letter| known.takes == takes);
        for called in names {
            // Under our own name a letter of mail(1) alone is mail(1)'s.
            let is_own = |known: &&Letter| *called != ["mailx-t"] || !names::MAIL_ONLY.contains(&(known.letter as u8));
            // Some values of theirs say that the next argument is the value (`-ap SECRET`).
            let is_whole = |known: &&Letter| !(sendmail::GRAMMAR.names_kind)(known.letter, value.as_bytes());
            let valued_here = valued(Takes::Value).filter(is_own).filter(is_whole);
            valued_here.for_each(|known| assert_same(called, &format!("-v{}", known.letter), "", value));
            let late = [called, &["a@x"][..]].concat();
            valued(Takes::Late).for_each(|known| assert_same(&late, &format!("-v{}", known.letter), "", value));
            assert_same(called, "--config", "=", value);
        }
    }
    for called in [MAIL, OUR_MAIL].concat() {
        let valued = mail::LONG.iter().filter(|(_, _, takes)| *takes == Takes::Value);
        valued.for_each(|(name, ..)| assert_same(called, &format!("--{name}"), "=", value));
    }
}

#[test]
fn value_that_looks_like_an_option_is_none() {
    TEMPTING.iter().for_each(|value| assert_no_option(OsStr::new(value)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn value_is_the_same_glued_and_as_the_next_argument(
        value in prop::collection::vec(prop_oneof![Just(b'-'), any::<u8>()], 1..9),
    ) {
        assert_no_option(&OsString::from_vec(value));
    }
}

#[test]
fn options_that_are_nobodys_value_work_wherever_they_stand() {
    let is_asked = |words: &[&str]| {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        command(&words[0], words[1..].to_vec(), People::default()).unwrap().command
    };
    for words in [&["mail", "-s", "S", "--help"][..], &["sendmail", "-q", "--help"], &["mailx-t", "--help", "ctl"]] {
        assert!(matches!(is_asked(words), Command::Help), "{words:?}");
    }
    for words in [&["mail", "--vers"][..], &["mailx-t", "-sS", "--vers"]] {
        assert!(matches!(is_asked(words), Command::Version), "{words:?}");
    }
    for words in [
        &["mail", "-s", "S", "root", "--dry-run"][..],
        &["mailx-t", "--subj=S", "a@x", "--dry"],
        &["sendmail", "-i", "root", "--dry-run"],
    ] {
        let Command::Submit { request, .. } = is_asked(words) else { panic!("{words:?}") };
        assert_eq!(request.delivery, Delivery::Never, "{words:?}");
    }
    assert!(matches!(is_asked(&["mailx-t", "--config", "/c", "ctl", "--version"]), Command::Control(_)));
}

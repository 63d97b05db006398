//! postqueue's command line (postqueue(1) of Postfix), as monitors and administrators use it.

use std::ffi::OsStr;

use super::common;
use super::getopt::{self, Grammar, Letter, Line, Takes, Word, WrongOption};
use crate::command::list::Form;
use crate::command::selection::{By, Matching};
use crate::outcome;

/// Its letters. A directory with Postfix's configuration means nothing here.
const LETTERS: &[Letter] = &[
    Letter::obeyed('f', Takes::Nothing, "all mail is tried now"),
    Letter::obeyed('i', Takes::Value, "the mail with that id is tried now"),
    Letter::obeyed('j', Takes::Nothing, "the queue as JSON"),
    Letter::obeyed('p', Takes::Nothing, "the queue as text"),
    Letter::obeyed('s', Takes::Value, "the mail for that domain is tried now"),
    Letter::obeyed('v', Takes::Nothing, "the dialogue is shown"),
    Letter::ignored('c', Takes::Value, "there is no directory of Postfix's"),
];

pub(crate) const GRAMMAR: Grammar = Grammar {
    expand: OsStr::to_owned,
    letters: LETTERS,
    long_takes_next: common::takes_next,
    names_kind: |_, _| false,
};

/// The act that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Have all mail tried (`-f`).
    Flush,
    /// Have some tried (`-i`, `-s`).
    FlushSome(Matching),
    /// List the queue (`-p`, `-j`).
    List(Form),
}

/// The arguments of postqueue.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    /// The last act that is named counts.
    pub(super) act: Option<Act>,
    /// Options that nobody knows, and operands.
    pub(super) unknown: Vec<String>,
    /// The dialogue is shown (`-v`).
    pub(super) verbose: bool,
}

/// Reads a line that [`GRAMMAR`] lexed.
///
/// # Errors
/// A letter lacks its value.
pub(super) fn parse(line: Line<'_>) -> Result<Arguments, WrongOption> {
    let mut arguments = Arguments::default();
    for word in line.into_posix_words() {
        match word {
            Word::End => {}
            Word::Missing(letter) => getopt::check_missing(LETTERS, letter)?,
            Word::Long { option: word, .. } | Word::Operand(word) => arguments.unknown.push(written(&word)),
            Word::Unknown(octet) => arguments.unknown.push(format!("-{}", octet.escape_ascii())),
            Word::Option { letter, value, .. } => arguments.obey(letter, &value.unwrap_or_default()),
        }
    }
    Ok(arguments)
}

impl Arguments {
    fn obey(&mut self, letter: char, value: &OsStr) {
        let act = match letter {
            'f' => Act::Flush,
            'i' => Act::FlushSome(Matching::id(written(value).trim_end_matches(['*', '!']))),
            'j' => Act::List(Form::Json),
            'p' => Act::List(Form::Text),
            's' => Act::FlushSome(of_site(&written(value))),
            'v' => return self.verbose = true,
            _ => return,
        };
        self.act = Some(act);
    }
}

/// The mail for a domain; Postfix writes the name of a host in brackets.
fn of_site(site: &str) -> Matching {
    let site = site.trim_start_matches(['@', '[']).trim_end_matches(']');
    Matching { by: By::Recipient, text: format!("@{site}"), is_negated: false }
}

fn written(word: &OsStr) -> String {
    outcome::clean(&word.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn read(line: &[&str]) -> Arguments {
        let line: Vec<OsString> = line.iter().map(OsString::from).collect();
        parse(Line::lex(&GRAMMAR, &line)).unwrap()
    }

    #[test]
    fn each_letter_asks_for_what_postfix_does() {
        let some = |by, text: &str| Act::FlushSome(Matching { by, text: text.to_string(), is_negated: false });
        for (line, act) in [
            (&["-p"][..], Act::List(Form::Text)),
            (&["-c", "/etc/postfix", "-j"], Act::List(Form::Json)),
            (&["-vf"], Act::Flush),
            (&["-i", "66187F7D5BE4000*"], some(By::Id, "66187F7D5BE4000")),
            (&["-s", "[mail.example.com]"], some(By::Recipient, "@mail.example.com")),
            (&["-sexample.com"], some(By::Recipient, "@example.com")),
        ] {
            assert_eq!(read(line).act, Some(act), "{line:?}");
        }
        assert!(read(&["-c", "/etc/postfix", "ops@example.com"]).act.is_none());
        assert_eq!(read(&["-p", "-Z", "word"]).unknown.len(), 2);
    }
}

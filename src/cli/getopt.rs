//! A lexer like getopt(3), over bytes: it makes words of the arguments.
//!
//! Each face has a table of [`Letter`]s, and decides what they mean. clap cannot read the lines that callers rely on
//! (`-q` that never takes the next word, `-i -i`, unknown letters), and getopt stops at the first letter that it does
//! not know. Every byte of the arguments comes out in some word, so nothing is lost unseen. The value of an option is
//! never read as an option.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::slice;

use thiserror::Error;

/// One letter of a command line, with its kind of value, its treatment and the reason for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The letter after the dash.
    pub letter: char,
    /// Its kind of value.
    pub takes: Takes,
    /// Its treatment.
    pub treatment: Treatment,
    /// Its effect here, or the reason why it needs none: a row of docs/compatibility.md.
    pub reason: &'static str,
}

impl Letter {
    /// A letter that does what it says.
    pub(crate) const fn obeyed(letter: char, takes: Takes, reason: &'static str) -> Self {
        Self { letter, takes, treatment: Treatment::Obeyed, reason }
    }

    /// A letter that is known, and not needed.
    pub(crate) const fn ignored(letter: char, takes: Takes, reason: &'static str) -> Self {
        Self { letter, takes, treatment: Treatment::Ignored, reason }
    }
}

/// The kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// The rest of its own argument, which may be empty; never the next argument (`-q`, `-q30m`).
    Glued,
    /// As `Glued` before the first operand, as `Value` after it.
    Late,
    /// No value: further letters may follow in the same argument (`-ti`).
    Nothing,
    /// The rest of its own argument, or else the next argument, if that is a path and no address: a file in one
    /// dialect, and nothing in another.
    Path,
    /// The rest of its own argument, or else the next argument, unless that is an option: a value in one dialect, and
    /// none in another.
    Perhaps,
    /// The rest of its own argument, or else the next argument (`-fX`, `-f X`, `-f ''`).
    Value,
}

/// The treatments of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Known, and not needed.
    Ignored,
    /// Does what it says.
    Obeyed,
}

/// The options of a face.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grammar {
    /// Writes out the name of a long option that is cut short.
    pub(crate) expand: fn(&OsStr) -> OsString,
    /// Its letters.
    pub(crate) letters: &'static [Letter],
    /// A long option, its name in full, has its value in the next argument.
    pub(crate) long_takes_next: fn(&OsStr) -> bool,
    /// The rest of an argument says of what kind the value is, and the next argument is the value (`-oMr smtp`).
    pub(crate) names_kind: fn(char, &[u8]) -> bool,
}

/// A part of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// `--`: all that follow are operands.
    End,
    /// `--name`: it is never read as a cluster of letters.
    Long {
        /// The option with its name in full, and otherwise as it is written.
        option: OsString,
        /// Its value, if that is an argument of its own.
        value: Option<OsString>,
    },
    /// A letter at the end of the arguments that needs a value.
    Missing(char),
    /// No option: an argument without a dash, a lone `-`, or anything after the end of the options.
    Operand(OsString),
    /// A letter of the table.
    Option {
        /// The letter.
        letter: char,
        /// Its value; `None` only for a letter that takes no value.
        value: Option<OsString>,
    },
    /// A letter, or a byte, that is not in the table.
    Unknown(u8),
}

/// A malformed command line (EX_USAGE).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WrongOption {
    /// A long option that is cut short to the start of several names.
    #[error("option --{name} may be {}", alternatives(meant))]
    AmbiguousLong {
        /// The option as it was written, without its dashes.
        name: String,
        /// The options with that start.
        meant: Vec<&'static str>,
    },
    /// The last option lacks its value.
    #[error("option -{0} needs a value, and the command line ends after it")]
    MissingValue(char),
    /// A long option lacks its value.
    #[error("option --{0} needs a value")]
    MissingLong(&'static str),
    /// A long option of mail(1) stands behind the end of the options.
    #[error("option --{0} comes after an address: put it before the first")]
    LateLong(&'static str),
    /// A long option has a value and takes none.
    #[error("option --{0} takes no value")]
    NoValue(&'static str),
    /// A long option of ours, under the name of another program.
    #[error("option --{0} is for the name mailx-t: call mailx-t, or set MAILX_T_CONFIG")]
    OwnName(&'static str),
    /// A long option that nobody knows.
    #[error("unknown option --{name}: {}", hint(*.meant))]
    UnknownLong {
        /// The option as it was written, without its dashes.
        name: String,
        /// The known option that is most like it.
        meant: Option<&'static str>,
    },
}

fn hint(meant: Option<&str>) -> String {
    meant.map_or("see mailx-t --help".to_string(), |meant| format!("did you mean --{meant}?"))
}

fn alternatives(names: &[&str]) -> String {
    names.iter().map(|name| format!("--{name}")).collect::<Vec<_>>().join(" or ")
}

/// A command line, lexed: the arguments behind the program's name, each with its words.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    arguments: Vec<Argument<'a>>,
}

/// An argument, and the next one if that is its value. The argument that ends the options has all that follow.
#[derive(Debug)]
struct Argument<'a> {
    given: &'a [OsString],
    words: Vec<Word>,
}

impl<'a> Line<'a> {
    /// Lexes `arguments`. Options are found wherever they stand before `--`.
    pub(crate) fn lex(grammar: &Grammar, arguments: &'a [OsString]) -> Self {
        let mut lexer = Lexer { grammar, rest: arguments.iter(), has_operand: false };
        Self { arguments: std::iter::from_fn(|| lexer.argument()).collect() }
    }

    /// There are no arguments.
    pub(crate) fn is_empty(&self) -> bool {
        self.arguments.is_empty()
    }

    /// The words in their order: options and operands may mix.
    pub(crate) fn words(&self) -> impl Iterator<Item = &Word> {
        self.arguments.iter().flat_map(|argument| &argument.words)
    }

    /// As [`words`](Self::words), for the dialects of mail(1).
    pub(crate) fn into_words(self) -> Vec<Word> {
        self.arguments.into_iter().flat_map(|argument| argument.words).collect()
    }

    /// The words of a line whose options end at the first operand (POSIX Utility Syntax Guideline 9; sendmail). All
    /// that follow are operands as they were given, so that no recipient can pass for an option.
    pub(crate) fn into_posix_words(self) -> Vec<Word> {
        let mut words = Vec::new();
        let mut arguments = self.arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let is_operand = matches!(argument.words[..], [Word::Operand(_)]);
            words.extend(argument.words);
            if is_operand {
                words.extend(arguments.by_ref().flat_map(|argument| argument.given).cloned().map(Word::Operand));
            }
        }
        words
    }

    /// Takes out the long options that are `wanted`, each with its value if that is an argument of its own.
    pub(crate) fn take_long(&mut self, wanted: fn(&OsStr) -> bool) -> Vec<(OsString, Option<OsString>)> {
        let is_wanted = |argument: &mut Argument<'_>| match &argument.words[..] {
            [Word::Long { option, .. }] => wanted(option),
            _ => false,
        };
        let taken = self.arguments.extract_if(.., is_wanted).flat_map(|argument| argument.words);
        let pairs =
            taken.filter_map(|word| if let Word::Long { option, value } = word { Some((option, value)) } else { None });
        pairs.collect()
    }

    /// Ends the line before its first operand. Returns the arguments behind that operand, as they were given.
    pub(crate) fn cut_at_operand(&mut self) -> Vec<OsString> {
        let is_operand = |argument: &Argument<'_>| matches!(argument.words[..], [Word::Operand(_)]);
        let at = self.arguments.iter().position(is_operand).unwrap_or(self.arguments.len());
        let behind = self.arguments.split_off(at).into_iter().skip(1);
        behind.flat_map(|argument| argument.given).cloned().collect()
    }
}

/// The arguments that are left to lex.
struct Lexer<'g, 'a> {
    grammar: &'g Grammar,
    rest: slice::Iter<'a, OsString>,
    has_operand: bool,
}

impl<'a> Lexer<'_, 'a> {
    fn argument(&mut self) -> Option<Argument<'a>> {
        let before = self.rest.as_slice();
        let argument = self.rest.next()?;
        let mut words = Vec::new();
        match argument.as_bytes() {
            b"--" => {
                words.push(Word::End);
                words.extend(self.rest.by_ref().cloned().map(Word::Operand));
            }
            [b'-', b'-', ..] => {
                let option = (self.grammar.expand)(argument);
                let value = if (self.grammar.long_takes_next)(&option) { self.rest.next().cloned() } else { None };
                words.push(Word::Long { option, value });
            }
            [b'-', cluster @ ..] if !cluster.is_empty() => self.unbundle(cluster, &mut words),
            _ => {
                self.has_operand = true;
                words.push(Word::Operand(argument.clone()));
            }
        }
        Some(Argument { given: &before[..before.len() - self.rest.len()], words })
    }

    /// Takes one argument apart, letter by letter, up to the first that takes a value.
    fn unbundle(&mut self, mut cluster: &[u8], words: &mut Vec<Word>) {
        while let Some((&byte, tail)) = cluster.split_first() {
            cluster = tail;
            let Some(known) = self.grammar.letters.iter().find(|known| known.letter == char::from(byte)) else {
                words.push(Word::Unknown(byte));
                continue;
            };
            let letter = known.letter;
            let next = self.rest.as_slice().first().map(|next| next.as_bytes());
            let is_no_option = next.is_some_and(|next| !next.starts_with(b"-"));
            let may_be_next = match known.takes {
                Takes::Nothing => {
                    words.push(Word::Option { letter, value: None });
                    continue;
                }
                Takes::Glued => false,
                Takes::Late => self.has_operand,
                Takes::Path => next.is_some_and(|next| is_no_option && next.contains(&b'/') && !next.contains(&b'@')),
                Takes::Perhaps => is_no_option,
                Takes::Value => true,
            };
            let value = if may_be_next && tail.is_empty() {
                self.rest.next().cloned()
            } else if is_no_option && (self.grammar.names_kind)(letter, tail) {
                self.rest.next().map(|next| OsString::from_vec([tail, next.as_bytes()].concat()))
            } else {
                Some(OsStr::from_bytes(tail).to_owned())
            };
            words.push(value.map_or(Word::Missing(letter), |value| Word::Option { letter, value: Some(value) }));
            return;
        }
    }
}

/// Judges a letter without its value. A letter that is ignored cannot cost a mail.
///
/// # Errors
/// The letter is obeyed, and nobody knows what it means without its value.
pub(crate) fn check_missing(letters: &[Letter], letter: char) -> Result<(), WrongOption> {
    let is_obeyed = letters.iter().any(|known| known.letter == letter && known.treatment == Treatment::Obeyed);
    if is_obeyed { Err(WrongOption::MissingValue(letter)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LETTERS: &[Letter] = &[
        Letter::obeyed('f', Takes::Value, ""),
        Letter::obeyed('i', Takes::Nothing, ""),
        Letter::obeyed('l', Takes::Late, ""),
        Letter::ignored('D', Takes::Path, ""),
        Letter::ignored('p', Takes::Perhaps, ""),
        Letter::obeyed('q', Takes::Glued, ""),
        Letter::obeyed('t', Takes::Nothing, ""),
        Letter::ignored('X', Takes::Value, ""),
    ];

    const GRAMMAR: Grammar = Grammar {
        expand: OsStr::to_owned,
        letters: LETTERS,
        long_takes_next: |option| option == "--name",
        names_kind: |letter, rest| letter == 'X' && rest == b"k",
    };

    fn strings(arguments: &[&str]) -> Vec<OsString> {
        arguments.iter().map(OsString::from).collect()
    }

    fn posix(arguments: &[&str]) -> Vec<Word> {
        Line::lex(&GRAMMAR, &strings(arguments)).into_posix_words()
    }

    fn mixed(arguments: &[&str]) -> Vec<Word> {
        Line::lex(&GRAMMAR, &strings(arguments)).into_words()
    }

    fn flag(letter: char) -> Word {
        Word::Option { letter, value: None }
    }

    fn with(letter: char, value: &str) -> Word {
        Word::Option { letter, value: Some(value.into()) }
    }

    fn long(option: &str, value: Option<&str>) -> Word {
        Word::Long { option: option.into(), value: value.map(OsString::from) }
    }

    fn operand(text: &str) -> Word {
        Word::Operand(text.into())
    }

    #[test]
    fn value_that_only_one_dialect_has_is_no_option() {
        assert_eq!(mixed(&["-p", "a", "b"]), [with('p', "a"), operand("b")]);
        assert_eq!(mixed(&["-p", "-i", "b"]), [with('p', ""), flag('i'), operand("b")]);
        assert_eq!(mixed(&["-pa", "b"]), [with('p', "a"), operand("b")]);
        assert_eq!(mixed(&["-p"]), [with('p', "")]);
    }

    #[test]
    fn kind_and_path_are_told_from_a_recipient() {
        assert_eq!(posix(&["-Xk", "v", "b"]), [with('X', "kv"), operand("b")]);
        assert_eq!(posix(&["-Xkv", "b"]), [with('X', "kv"), operand("b")]);
        assert_eq!(posix(&["-Xk", "-i", "b"]), [with('X', "k"), flag('i'), operand("b")]);
        assert_eq!(posix(&["-D", "/log", "b"]), [with('D', "/log"), operand("b")]);
        assert_eq!(posix(&["-D", "root"]), [with('D', ""), operand("root")]);
        assert_eq!(posix(&["-D", "a/b@x"]), [with('D', ""), operand("a/b@x")]);
    }

    #[test]
    fn letters_may_share_a_dash() {
        assert_eq!(posix(&["-ti"]), [flag('t'), flag('i')]);
        assert_eq!(posix(&["-tfroot@x"]), [flag('t'), with('f', "root@x")]);
        assert_eq!(posix(&["-itf", "x"]), [flag('i'), flag('t'), with('f', "x")]);
    }

    #[test]
    fn value_is_glued_or_the_next_argument_whatever_it_looks_like() {
        assert_eq!(posix(&["-f<>"]), [with('f', "<>")]);
        assert_eq!(posix(&["-f", ""]), [with('f', "")]);
        assert_eq!(posix(&["-f", "-x"]), [with('f', "-x")]);
        assert_eq!(posix(&["-f", "--", "-t"]), [with('f', "--"), flag('t')]);
        assert_eq!(posix(&["-f=a"]), [with('f', "=a")]);
    }

    #[test]
    fn glued_letter_leaves_the_next_argument_alone() {
        assert_eq!(posix(&["-q", "a@x"]), [with('q', ""), operand("a@x")]);
        assert_eq!(posix(&["-q30m"]), [with('q', "30m")]);
    }

    #[test]
    fn missing_value_is_named_and_matters_only_where_it_is_needed() {
        assert_eq!(posix(&["-t", "-f"]), [flag('t'), Word::Missing('f')]);
        let told = check_missing(LETTERS, 'f').map_err(|usage| usage.to_string());
        assert_eq!(told, Err("option -f needs a value, and the command line ends after it".into()));
        assert_eq!(check_missing(LETTERS, 'X'), Ok(()));
    }

    #[test]
    fn two_dashes_end_the_options() {
        assert_eq!(posix(&["-t", "--", "-weird", "--"]), [flag('t'), Word::End, operand("-weird"), operand("--")]);
        assert_eq!(mixed(&["a", "--", "-t"]), [operand("a"), Word::End, operand("-t")]);
    }

    #[test]
    fn first_operand_ends_the_options_unless_they_are_mixed() {
        assert_eq!(posix(&["a", "-t"]), [operand("a"), operand("-t")]);
        assert_eq!(mixed(&["a", "-t"]), [operand("a"), flag('t')]);
    }

    #[test]
    fn lone_dash_and_empty_argument_are_operands() {
        assert_eq!(posix(&["-"]), [operand("-")]);
        assert_eq!(posix(&[""]), [operand("")]);
    }

    #[test]
    fn unknown_letter_does_not_hide_its_neighbours() {
        assert_eq!(posix(&["-tZi"]), [flag('t'), Word::Unknown(b'Z'), flag('i')]);
    }

    #[test]
    fn long_option_is_not_read_as_letters() {
        assert_eq!(posix(&["--from=x", "-t"]), [long("--from=x", None), flag('t')]);
    }

    #[test]
    fn value_of_a_long_option_is_the_next_argument_whatever_it_looks_like() {
        for value in ["-t", "--", "--name", "a"] {
            assert_eq!(posix(&["--name", value, "-i"]), [long("--name", Some(value)), flag('i')]);
        }
        assert_eq!(posix(&["--name"]), [long("--name", None)]);
    }

    #[test]
    fn late_letter_takes_the_next_argument_after_an_operand_alone() {
        assert_eq!(mixed(&["-l", "-t"]), [with('l', ""), flag('t')]);
        assert_eq!(mixed(&["a", "-l", "-t"]), [operand("a"), with('l', "-t")]);
        assert_eq!(mixed(&["a", "-lb", "-t"]), [operand("a"), with('l', "b"), flag('t')]);
        assert_eq!(mixed(&["a", "-l"]), [operand("a"), Word::Missing('l')]);
    }

    #[test]
    fn arguments_stand_with_their_values() {
        let arguments = ["-tf", "x", "--name", "-i", "-q", "a", "-X", "--", "--", "-t", "b"].map(OsString::from);
        let line = Line::lex(&GRAMMAR, &arguments);
        let given: Vec<&[OsString]> = line.arguments.iter().map(|argument| argument.given).collect();
        let cuts = [0, 2, 4, 5, 6, 8, 11];
        let expected: Vec<&[OsString]> = cuts.windows(2).map(|cut| &arguments[cut[0]..cut[1]]).collect();
        assert_eq!(given, expected);
    }

    #[test]
    fn arguments_behind_the_first_operand_stay_as_they_were_given() {
        let arguments = ["-t", "a", "-f", "--name", "-ti", "--", "-i"];
        let expected: Vec<Word> =
            [flag('t')].into_iter().chain(arguments[1..].iter().map(|text| operand(text))).collect();
        assert_eq!(posix(&arguments), expected);
        let arguments = strings(&arguments);
        let mut line = Line::lex(&GRAMMAR, &arguments);
        assert_eq!(line.cut_at_operand(), arguments[2..]);
        assert_eq!(line.into_words(), [flag('t')]);
    }

    #[test]
    fn long_option_can_be_taken_from_anywhere_but_not_out_of_a_value() {
        let arguments = strings(&["-f", "--name", "--other", "a", "--name", "b", "--", "--name"]);
        let mut line = Line::lex(&GRAMMAR, &arguments);
        assert_eq!(line.take_long(|option| option == "--name"), [("--name".into(), Some("b".into()))]);
        let rest = [with('f', "--name"), long("--other", None), operand("a"), Word::End, operand("--name")];
        assert_eq!(line.into_words(), rest);
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        let raw = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let arguments = [raw(b"-\xff\xe9t"), raw(b"-f\xff"), raw(b"\xfe@x")];
        let expected = [
            Word::Unknown(0xff),
            Word::Unknown(0xe9),
            flag('t'),
            Word::Option { letter: 'f', value: Some(raw(b"\xff")) },
            Word::Operand(raw(b"\xfe@x")),
        ];
        assert_eq!(Line::lex(&GRAMMAR, &arguments).into_posix_words(), expected);
    }

    /// The bytes that a word stands for, the dash before its letter not counted.
    fn bytes(word: &Word) -> Vec<u8> {
        match word {
            Word::End => b"--".to_vec(),
            Word::Long { option, value } => {
                let value = value.as_ref().map_or(&b""[..], |value| value.as_bytes());
                [option.as_bytes(), value].concat()
            }
            Word::Operand(text) => text.as_bytes().to_vec(),
            Word::Missing(letter) => letter.to_string().into_bytes(),
            Word::Option { letter, value } => {
                let value = value.as_ref().map_or(&b""[..], |value| value.as_bytes());
                [letter.to_string().as_bytes(), value].concat()
            }
            Word::Unknown(byte) => vec![*byte],
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_made_up(
            arguments in prop::collection::vec((prop::bool::ANY, prop::collection::vec(
                prop_oneof![prop::sample::select(&b"-filqtXZ@"[..]), any::<u8>()], 0..6)), 0..8),
            is_mixed in prop::bool::ANY,
        ) {
            let arguments: Vec<OsString> = arguments
                .into_iter()
                .map(|(dash, tail)| OsString::from_vec(if dash { [b"-", &tail[..]].concat() } else { tail }))
                .collect();
            let line = Line::lex(&GRAMMAR, &arguments);
            let words = if is_mixed { line.into_words() } else { line.into_posix_words() };
            let found: Vec<u8> = words.iter().flat_map(bytes).collect();
            let mut found = found.into_iter().peekable();
            for byte in arguments.iter().flat_map(|argument| argument.as_bytes()) {
                if found.next_if_eq(byte).is_none() {
                    prop_assert_eq!(*byte, b'-');
                }
            }
            prop_assert_eq!(found.next(), None);
        }
    }
}

//! The names the program answers to, and the face it shows under each.
//!
//! Decided from argv alone, before anything is read: no environment, no file.
//! Under its own name the program is sendmail and mail(1) in one, which is what
//! `crond -m` needs; what only one of them says tells which is meant.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::getopt::{self, Grammar, Word};
use super::{common, mail, sendmail};

/// Which command line is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// Administration; under our own name the first argument is the word `ctl`, see [`administration`].
    Ctl,
    /// mail(1): stdin is a body.
    Mail,
    /// mail(1) under our own name, with sendmail's `-f` and `-F`.
    OurMail,
    /// sendmail's letters; stdin is a message, which names the recipients where the arguments do not
    /// ([`sendmail::Request::for_own_name`]).
    MailxT,
    /// sendmail's letters, mode `-bp`.
    Mailq,
    /// sendmail's letters, mode `-bi`.
    Newaliases,
    /// sendmail's letters; stdin is a message.
    Sendmail,
}

impl Face {
    /// The options that are spoken. Those of administration are clap's, once its name is read.
    pub(crate) fn grammar(self) -> Grammar {
        match self {
            Self::Mail => mail::GRAMMAR,
            Self::OurMail => mail::OUR_GRAMMAR,
            _ => sendmail::GRAMMAR,
        }
    }
}

/// A name, the face it stands for, and what a user of that name expects: a row of docs/compatibility.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The last component of argv\[0\].
    pub name: &'static str,
    /// The face shown under it.
    pub(crate) face: Face,
    /// What a user of that name expects.
    pub meaning: &'static str,
}

/// Every name but our own; a name that is not here counts as our own.
#[rustfmt::skip]
pub const NAMES: &[Name] = &[
    Name { name: "sendmail", face: Face::Sendmail, meaning: "stdin is a message; recipients are arguments, with `-t` also its fields" },
    Name { name: "send-mail", face: Face::Sendmail, meaning: "the same" },
    Name { name: "mail", face: Face::Mail, meaning: "stdin is a body, with `-t` a message; recipients are arguments" },
    Name { name: "mailx", face: Face::Mail, meaning: "the same" },
    Name { name: "Mail", face: Face::Mail, meaning: "the same" },
    Name { name: "mailq", face: Face::Mailq, meaning: "lists the queue, as `sendmail -bp`" },
    Name { name: "newaliases", face: Face::Newaliases, meaning: "as `sendmail -bi`" },
    Name { name: "mailx-tctl", face: Face::Ctl, meaning: "administration, as `mailx-t ctl`" },
];

/// Letters that mean something in mail(1) and nothing, or nothing any longer, in sendmail.
const MAIL_ONLY: &[u8] = b"EHSacsu~";

/// The word that opens administration under our own name.
const CTL: &str = "ctl";

/// The face shown to a caller who says `argv0` and `arguments`.
pub(crate) fn face(argv0: &OsStr, arguments: &[OsString]) -> Face {
    let name = base_name(argv0.as_bytes());
    match NAMES.iter().find(|known| known.name.as_bytes() == name) {
        Some(known) => known.face,
        None if opens_administration(arguments) => Face::Ctl,
        None if speaks_mail(arguments) => Face::OurMail,
        None => Face::MailxT,
    }
}

/// Whether the program was called by one of the [`NAMES`].
pub(crate) fn is_linked(argv0: &OsStr) -> bool {
    NAMES.iter().any(|known| known.name.as_bytes() == base_name(argv0.as_bytes()))
}

/// The arguments of administration under our own name: without the word that opens it, and with what was said before it.
pub(crate) fn administration(config: Option<PathBuf>, arguments: &[OsString]) -> Vec<OsString> {
    let config = config.map(|path| [OsString::from("--config"), path.into_os_string()]);
    config.into_iter().flatten().chain(arguments.iter().skip(1).cloned()).collect()
}

/// `argv[0]` without its directories, and without the dash that login(1) puts before a shell's name.
fn base_name(argv0: &[u8]) -> &[u8] {
    let name = argv0.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.strip_prefix(b"-").unwrap_or(name)
}

/// Only in the first place, long options of every name apart, so that a recipient of that name stays one.
fn opens_administration(arguments: &[OsString]) -> bool {
    let is_own = |word: &Word| matches!(word, Word::Long { option, .. } if common::knows(option));
    let mut words = getopt::words(&sendmail::GRAMMAR, arguments).into_iter().skip_while(is_own);
    matches!(words.next(), Some(Word::Operand(first)) if first == CTL)
}

/// Whether an option of mail(1)'s own is there, before the first operand: no recipient can choose the face.
fn speaks_mail(arguments: &[OsString]) -> bool {
    let is_mail_only = |byte: u8| MAIL_ONLY.contains(&byte);
    getopt::words(&sendmail::GRAMMAR, arguments).iter().any(|word| match word {
        Word::Option { letter, .. } => u8::try_from(*letter).is_ok_and(is_mail_only),
        Word::Unknown(byte) => is_mail_only(*byte),
        // sendmail has none.
        Word::Long { option, .. } => mail::knows(option),
        Word::End | Word::Missing(_) | Word::Operand(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn called(argv0: &str, line: &[&str]) -> Face {
        let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
        face(OsStr::new(argv0), &arguments)
    }

    #[test]
    fn each_name_has_its_face_whatever_the_path() {
        for known in NAMES {
            for argv0 in [known.name.to_string(), format!("/usr/sbin/{}", known.name), format!("-{}", known.name)] {
                assert_eq!(called(&argv0, &["-t", "ctl"]), known.face, "{argv0}");
            }
        }
        assert_eq!(called("send-mail", &[]), Face::Sendmail);
    }

    #[test]
    fn any_other_name_counts_as_our_own() {
        for argv0 in ["mailx-t", "/opt/mailx-t", "mailx-t-1.0", "MAIL", "/usr/sbin/", "", "--mail"] {
            assert_eq!(called(argv0, &[]), Face::MailxT, "{argv0}");
        }
        assert_eq!(face(&OsString::from_vec(b"/x/\xff".to_vec()), &[]), Face::MailxT);
    }

    #[test]
    fn own_name_speaks_sendmail_to_a_cron() {
        let cronie = ["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"];
        for line in [
            &[][..],
            &cronie,
            &["-ti"],
            &["-bp"],
            &["-q"],
            &["-bs"],
            &["-fs", "a@x"],
            &["a@x", "-s", "S"],
            &["a@x", "--cc=c@x"],
        ] {
            assert_eq!(called("mailx-t", line), Face::MailxT, "{line:?}");
        }
    }

    #[test]
    fn own_name_speaks_mail_where_a_letter_says_so() {
        let lines = [
            &["-s", "S", "a@x"][..],
            &["-sS", "a@x"],
            &["-s", "someone@x", "-t"],
            &["-b", "b@x", "-r", "r@x", "-sS", "a@x"],
            &["-a", "X-Job: 1", "a@x"],
            &["-Ssendwait", "a@x"],
            &["-vE", "set escape", "a@x"],
            &["--subject", "S", "a@x"],
            &["-v", "--bcc=b@x", "a@x"],
        ];
        for line in lines {
            assert_eq!(called("mailx-t", line), Face::OurMail, "{line:?}");
        }
    }

    #[test]
    fn letters_that_choose_mail_are_in_its_table_and_not_obeyed_by_sendmail() {
        for letter in MAIL_ONLY.iter().copied().map(char::from) {
            assert!(mail::LETTERS.iter().any(|known| known.letter == letter), "{letter}");
            let obeyed = |known: &getopt::Letter| known.treatment == getopt::Treatment::Obeyed;
            assert!(!sendmail::LETTERS.iter().any(|known| known.letter == letter && obeyed(known)), "{letter}");
        }
    }

    #[test]
    fn administration_is_the_first_word_or_a_name_of_its_own() {
        assert_eq!(called("mailx-t", &["ctl", "check", "-s"]), Face::Ctl);
        assert_eq!(called("mailx-t", &["-t", "ctl"]), Face::MailxT);
        assert_eq!(called("mailx-t", &["--config", "/c", "ctl", "check"]), Face::Ctl);
        assert_eq!(called("mailx-t", &["--subject", "ctl", "a@x"]), Face::OurMail);
        let arguments = ["ctl", "check"].map(OsString::from);
        assert_eq!(administration(None, &arguments), ["check"]);
        assert_eq!(administration(Some("/c".into()), &arguments), ["--config", "/c", "check"]);
        assert!(is_linked(OsStr::new("/sbin/mailx-tctl")) && !is_linked(OsStr::new("/usr/bin/mailx-t")));
    }
}

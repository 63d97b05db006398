//! The names that the program answers to, and the face that it shows under each.
//!
//! argv alone decides, not the environment and no file. Under its own name the program is sendmail and mail(1) in one,
//! as `crond -m` needs it: an option that only one of them has tells which is meant.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::getopt::{Grammar, Line, Word};
use super::{common, mail, postqueue, sendmail};

/// A kind of command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// Administration under a name of its own: clap reads all arguments.
    Ctl,
    /// mail(1): stdin is a body.
    Mail,
    /// sendmail's letters, mode `-bp`.
    Mailq,
    /// sendmail's letters; stdin is a message, which names the recipients if the arguments do not
    /// ([`SendmailArguments::for_own_name`](sendmail::SendmailArguments::for_own_name)).
    MailxT,
    /// sendmail's letters, mode `-bi`.
    Newaliases,
    /// Administration under our own name: clap reads all that follow the word `ctl`.
    OurCtl,
    /// mail(1) under our own name, with sendmail's `-f` and `-F`.
    OurMail,
    /// postqueue(1): stdin is left alone.
    Postqueue,
    /// sendmail's letters, mode `-q`.
    Runq,
    /// sendmail's letters; stdin is a message.
    Sendmail,
}

impl Face {
    /// It is shown under a name of ours: every argument is meant for this program.
    pub(crate) fn is_own(self) -> bool {
        matches!(self, Self::Ctl | Self::MailxT | Self::OurCtl | Self::OurMail)
    }

    /// The options of the face. clap reads those of administration, once its name is found.
    pub(crate) fn grammar(self) -> Grammar {
        match self {
            Self::Mail => mail::GRAMMAR,
            Self::OurMail => mail::OUR_GRAMMAR,
            Self::Postqueue => postqueue::GRAMMAR,
            _ => sendmail::GRAMMAR,
        }
    }
}

/// A name, its face, and the expectation of its users: a row of docs/compatibility.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The last component of argv\[0\].
    pub name: &'static str,
    /// The face shown under it.
    pub(crate) face: Face,
    /// The expectation of its users.
    pub meaning: &'static str,
}

/// Every name except our own. A name that is not here counts as our own.
#[rustfmt::skip]
pub const NAMES: &[Name] = &[
    Name { name: "sendmail", face: Face::Sendmail, meaning: "stdin is a message; recipients are arguments, with `-t` also its fields" },
    Name { name: "send-mail", face: Face::Sendmail, meaning: "the same" },
    Name { name: "mail", face: Face::Mail, meaning: "stdin is a body, with `-t` a message; recipients are arguments" },
    Name { name: "mailx", face: Face::Mail, meaning: "the same" },
    Name { name: "Mail", face: Face::Mail, meaning: "the same" },
    Name { name: "mailq", face: Face::Mailq, meaning: "lists the queue, as `sendmail -bp`" },
    Name { name: "postqueue", face: Face::Postqueue, meaning: "Postfix's: `-p` and `-j` list the queue, `-f`, `-i ID` and `-s SITE` have it tried" },
    Name { name: "runq", face: Face::Runq, meaning: "as `sendmail -q`" },
    Name { name: "newaliases", face: Face::Newaliases, meaning: "as `sendmail -bi`" },
    Name { name: "mailx-tctl", face: Face::Ctl, meaning: "administration, as `mailx-t ctl`" },
];

/// Letters of mail(1) that mean nothing in sendmail, or mean nothing any longer.
pub(super) const MAIL_ONLY: &[u8] = b"EHSacsu~";

/// The word that opens administration under our own name.
const CTL: &str = "ctl";

/// The face for `argv0` and `arguments`, and the line as that face lexes it.
pub(crate) fn face<'a>(argv0: &OsStr, arguments: &'a [OsString]) -> (Face, Line<'a>) {
    let name = base_name(argv0.as_bytes());
    if let Some(known) = NAMES.iter().find(|known| known.name.as_bytes() == name) {
        return (known.face, Line::lex(&known.face.grammar(), arguments));
    }
    let line = Line::lex(&Face::MailxT.grammar(), arguments);
    if opens_administration(&line) {
        (Face::OurCtl, line)
    } else if speaks_mail(&line) {
        // The same letters take other values in this face.
        (Face::OurMail, Line::lex(&Face::OurMail.grammar(), arguments))
    } else {
        (Face::MailxT, line)
    }
}

/// `argv[0]` without its directories, and without the dash that login(1) puts before a shell's name.
fn base_name(argv0: &[u8]) -> &[u8] {
    let name = argv0.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.strip_prefix(b"-").unwrap_or(name)
}

/// The word `ctl` counts only as the first one, apart from the long options of every name, so that it may also be a
/// recipient.
fn opens_administration(line: &Line<'_>) -> bool {
    let is_common = |word: &&Word| matches!(word, Word::Long { option, .. } if common::knows(option));
    let mut words = line.words().skip_while(is_common);
    matches!(words.next(), Some(Word::Operand(first)) if first == CTL)
}

/// An option of mail(1)'s own stands before the first operand. No recipient can choose the face.
fn speaks_mail(line: &Line<'_>) -> bool {
    let is_mail_only = |byte: u8| MAIL_ONLY.contains(&byte);
    let mut options = line.words().take_while(|word| !matches!(word, Word::Operand(_)));
    options.any(|word| match word {
        Word::Option { letter, .. } => u8::try_from(*letter).is_ok_and(is_mail_only),
        Word::Unknown(byte) => is_mail_only(*byte),
        // sendmail has no long options.
        Word::Long { option, .. } => mail::knows(option),
        Word::End | Word::Missing(_) | Word::Operand(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::super::getopt::{Letter, Treatment};
    use super::*;

    fn called(argv0: &str, line: &[&str]) -> Face {
        let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
        face(OsStr::new(argv0), &arguments).0
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
        assert_eq!(face(&OsString::from_vec(b"/x/\xff".to_vec()), &[]).0, Face::MailxT);
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
            let obeyed = |known: &Letter| known.treatment == Treatment::Obeyed;
            assert!(!sendmail::LETTERS.iter().any(|known| known.letter == letter && obeyed(known)), "{letter}");
        }
    }

    #[test]
    fn administration_is_the_first_word_or_a_name_of_its_own() {
        assert_eq!(called("mailx-t", &["ctl", "check", "-s"]), Face::OurCtl);
        assert_eq!(called("mailx-t", &["-t", "ctl"]), Face::MailxT);
        assert_eq!(called("mailx-t", &["--config", "/c", "ctl", "check"]), Face::OurCtl);
        assert_eq!(called("mailx-t", &["--subject", "ctl", "a@x"]), Face::OurMail);
        assert_eq!(called("/sbin/mailx-tctl", &["check"]), Face::Ctl);
    }
}

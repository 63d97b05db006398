//! mail(1)'s command line: its letters as one table, and the arguments that they make.
//!
//! Four dialects collide under this name (POSIX, bsd-mailx, GNU mailutils, s-nail and heirloom), and the table follows
//! the meaning of their callers. Options and operands may mix. After `--`, sendmail's letters are for the mailer, as in
//! s-nail, and all else is a recipient. An unknown letter never costs a mail. An unknown long option does, since a
//! misspelt `--dry-run` must not send. `long` has the long options; `composed` decides whether `-a` names a header or a
//! file.

pub(super) mod composed;
mod long;
pub(super) mod startup;

use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use super::getopt::{self, Grammar, Letter, Line, Takes, Word, WrongOption};
use super::sendmail::mode::DeliveryMode;
use super::sendmail::{self, SendmailArguments};
use crate::dsn::{Notify, OfMail};
use Takes::{Glued, Late, Nothing, Path as File, Perhaps, Value};
pub use long::{LONG, Means};
pub(super) use long::{knows, wrong_long};

/// mail(1)'s letters; docs/compatibility.md shows the same table.
#[rustfmt::skip]
pub const LETTERS: &[Letter] = &[
    Letter::ignored('#', Nothing, "every call is a batch call"),
    Letter::ignored('.', Nothing, "s-nail's guard against options among the recipients; `--` is understood"),
    Letter::obeyed(':', Value, "the start-up files to read (s-nail): without `u` among the letters not even the caller's own"),
    Letter::obeyed('A', Value, "a file to attach (mailutils); a word that is no file is s-nail's account, with a warning"),
    Letter::obeyed('a', Value, "a header where the value has the form of one and is no file, else a file to attach"),
    Letter::ignored('B', Nothing, "output is never held back"),
    Letter::obeyed('b', Perhaps, "blind copies; may repeat"),
    Letter::obeyed('C', Value, "a header (s-nail) where the value has the form of one, else another configuration file"),
    Letter::obeyed('c', Perhaps, "copies; may repeat"),
    Letter::ignored('D', Nothing, "no mailbox is opened, so there is none to disconnect"),
    Letter::ignored('d', Nothing, "the mail is sent; the log level is a setting"),
    Letter::obeyed('E', Nothing, "an empty body sends nothing; but with an argument such as `set escape` it is mailutils' and not needed"),
    Letter::ignored('e', Nothing, "asks about a mailbox: there is none to read; with an argument such as `set x=y` it is mutt's and not needed"),
    Letter::ignored('F', File, "no copy is kept in a file named after the recipient, and mutt's settings are not read; called as mailx-t, the sender's full name follows"),
    Letter::obeyed('f', Late, "reads a mailbox: there is none; after a recipient or `--`, or before an address, the reverse-path, as for sendmail"),
    Letter::ignored('H', Nothing, "lists a mailbox: there is none to read"),
    Letter::ignored('h', Value, "the servers on the way count the hops"),
    Letter::ignored('I', Nothing, "nothing is asked at the terminal"),
    Letter::ignored('i', Nothing, "an interrupt before the end of input sends nothing, ever"),
    Letter::ignored('L', Value, "there are no mailboxes to open"),
    Letter::obeyed('M', Glued, "the media type of the body (s-nail), here or as the next argument; alone (mailutils) it is not needed"),
    Letter::ignored('m', Perhaps, "the body is read from stdin, not from s-nail's file; HP-UX's letter takes no value"),
    Letter::ignored('N', Nothing, "no mailbox is listed"),
    Letter::obeyed('n', Nothing, "the system's start-up file is not read; of it (`/etc/mail.rc`) only the aliases count, of the caller's own (`$MAILRC`, `~/.mailrc`) the sender and Reply-To too"),
    Letter::obeyed('o', Glued, "sendmail's `-od` is obeyed, as `--help` promises under every name, any other (`-oi`) is ignored"),
    Letter::obeyed('q', Glued, "a file that the body starts with (s-nail), here or as the next argument; alone (mailutils) it is not needed"),
    Letter::ignored('R', Nothing, "no mailbox is opened"),
    Letter::obeyed('r', Value, "the sender, in From and in the envelope"),
    Letter::obeyed('S', Value, "`from=`, `replyto=`, `reply-to=` and `sendwait` are obeyed, `debug` is `--dry-run`, any other variable is ignored"),
    Letter::obeyed('s', Value, "the subject"),
    Letter::ignored('T', Value, "historic (heirloom); s-nail's recipients by kind are not known"),
    Letter::obeyed('t', Nothing, "stdin is a message with a header section, whose own fields win"),
    Letter::obeyed('u', Value, "reads a user's mailbox: there is none to read"),
    Letter::obeyed('V', Nothing, "tells program and version, and reads nothing"),
    Letter::obeyed('v', Nothing, "waits for the outcome and tells it"),
    Letter::ignored('X', Value, "s-nail's commands are not run"),
    Letter::ignored('Y', Value, "s-nail's commands are not run"),
    Letter::ignored('~', Nothing, "a line that starts with a tilde is text, always"),
];

/// Its command line.
pub(crate) const GRAMMAR: Grammar =
    Grammar { expand: long::expand, letters: LETTERS, long_takes_next: long::takes_next, names_kind: |_, _| false };

/// The letters under our own name, whose `--help` says that `-f` and `-F` take a value.
const OUR_LETTERS: [Letter; LETTERS.len()] = {
    let mut letters = [LETTERS[0]; LETTERS.len()];
    let mut n = 0;
    while n < letters.len() {
        letters[n] = match LETTERS[n].letter {
            'F' => Letter::obeyed('F', Value, "the sender's full name"),
            'f' => Letter::obeyed('f', Value, "the reverse-path"),
            _ => LETTERS[n],
        };
        n += 1;
    }
    letters
};

/// The command line under our own name.
pub(crate) const OUR_GRAMMAR: Grammar = Grammar { letters: &OUR_LETTERS, ..GRAMMAR };

/// The arguments of mail(1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MailArguments {
    /// The values of `-a`, `-A` and of a `-C` that is a header, in order.
    pub(crate) attachments_or_headers: Vec<Added>,
    /// Blind copies, each as given: one may hold several addresses (`-b`).
    pub(crate) bcc: Vec<OsString>,
    /// Copies, each as given (`-c`).
    pub(crate) cc: Vec<OsString>,
    /// Another configuration (`-C`).
    pub(crate) config: Option<PathBuf>,
    /// The media type of the body (`-M`).
    pub(crate) content_type: Option<OsString>,
    /// The caller waits for the outcome or not (`-Ssendwait`, `-od`).
    pub(crate) delivery: DeliveryMode,
    /// The content of reports of delivery (`-- -R`, `-- -V`).
    pub(crate) dsn: OfMail,
    /// stdin is a message with a header section (`-t`).
    pub(crate) formatted: bool,
    /// The sender, an address or a name with one (`-r`, `-S from=`).
    pub(crate) from: Option<OsString>,
    /// The sender's name (`-- -F`).
    pub(crate) full_name: Option<OsString>,
    /// The name of the next file to attach (`--content-filename`).
    next_name: Option<OsString>,
    /// The occasions for a report (`-- -N`).
    pub(crate) notify: Option<Notify>,
    /// A file that the body starts with (`-q`).
    pub(crate) quoted: Option<PathBuf>,
    /// The caller wants to read a mailbox, or names nothing that a mail would need.
    pub(crate) reading: bool,
    /// The mail is only shown (`--debug`, `-Sdebug`).
    pub(crate) rehearsal: bool,
    /// The recipients as given: each may hold several addresses.
    pub(crate) recipients: Vec<OsString>,
    /// The address for answers (`-S replyto=`).
    pub(crate) reply_to: Option<OsString>,
    /// The envelope sender alone (`-- -f`).
    pub(crate) reverse_path: Option<OsString>,
    /// An empty body is not sent (`-E`).
    pub(crate) skip_empty: bool,
    /// The subject as given: it may hold line ends (`-s`).
    pub(crate) subject: Option<OsString>,
    /// Letters nobody knows, fit to print, for one warning.
    pub(crate) unknown: Vec<String>,
    /// The caller's start-up file is not read (`-:/`, `--no-user-config`).
    pub(crate) without_startup: bool,
    /// The system's start-up file is not read (`-n`).
    pub(crate) without_system_startup: bool,
    /// Tell what happens (`-v`).
    pub(crate) verbose: bool,
    /// The caller asks for program and version alone (`-V`).
    pub(crate) version: bool,
}

/// A file to attach, or a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Added {
    /// The letter that gave it.
    pub(crate) letter: char,
    /// Its value, as given.
    pub(crate) value: OsString,
    /// The name that the reader of the file sees, if it is another than the file's.
    pub(crate) name: Option<OsString>,
}

/// Reads a line that [`GRAMMAR`] lexed.
///
/// # Errors
/// A letter that is obeyed lacks its value, or a long option is unknown.
pub(crate) fn parse(line: Line<'_>) -> Result<MailArguments, WrongOption> {
    read(false, line)
}

/// Reads a line that [`OUR_GRAMMAR`] lexed: `-f` and `-F` take a value wherever they stand, as for sendmail.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_as_ours(line: Line<'_>) -> Result<MailArguments, WrongOption> {
    read(true, line)
}

fn read(is_ours: bool, line: Line<'_>) -> Result<MailArguments, WrongOption> {
    let mut arguments = MailArguments::default();
    let letters = if is_ours { OUR_GRAMMAR.letters } else { GRAMMAR.letters };
    let mut words = line.into_words().into_iter().peekable();
    while let Some(word) = words.next() {
        match word {
            Word::End => arguments.obey_mailer(operands(&mut words))?,
            Word::Long { option, value } => arguments.obey_long(&option, value)?,
            Word::Missing(letter) => getopt::check_missing(letters, letter)?,
            Word::Operand(operand) => arguments.recipients.push(operand),
            Word::Option { letter: 'F', value } if is_ours => arguments.full_name = value,
            Word::Option { letter: 'f', value } if is_ours => arguments.reverse_path = value,
            Word::Option { letter, value } => arguments.obey(letter, value.unwrap_or_default(), &mut words),
            Word::Unknown(byte) => arguments.unknown.push(format!("-{}", byte.escape_ascii())),
        }
    }
    arguments.reading |= !arguments.sends();
    Ok(arguments)
}

/// The variables that mail programs obey, where no option says otherwise: heirloom's, mailutils' return-address,
/// s-nail's reply-to, and bsd-mailx's REPLYTO.
const FROM: [&str; 2] = ["from", "return-address"];
const REPLY_TO: [&str; 3] = ["replyto", "reply-to", "REPLYTO"];

impl MailArguments {
    /// Takes what the variables say and no option does.
    #[must_use]
    pub(crate) fn or_of(mut self, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        self.from = self.from.or_else(|| FROM.iter().find_map(|name| variable(name)));
        self.reply_to = self.reply_to.or_else(|| REPLY_TO.iter().find_map(|name| variable(name)));
        self
    }

    /// Puts others in the place of those who get the mail.
    #[must_use]
    pub(crate) fn with_people(mut self, put: impl Fn(OsString) -> OsString) -> Self {
        for list in [&mut self.recipients, &mut self.cc, &mut self.bcc] {
            list.iter_mut().for_each(|argument| *argument = put(std::mem::take(argument)));
        }
        self
    }

    /// The caller gave something that is of use to a new mail only.
    fn sends(&self) -> bool {
        let lists = [&self.recipients, &self.cc, &self.bcc];
        self.formatted
            || self.subject.is_some()
            || self.from.is_some()
            || !self.attachments_or_headers.is_empty()
            || lists.iter().any(|list| !list.is_empty())
    }

    /// Obeys one letter. If a letter may have one value, the last one wins.
    fn obey(&mut self, letter: char, value: OsString, next: &mut Peekable<IntoIter<Word>>) {
        match letter {
            ':' => self.without_startup |= !value.as_bytes().contains(&b'u'),
            'A' | 'a' => self.attachments_or_headers.push(Added { letter, value, name: self.next_name.take() }),
            'b' => self.bcc.push(value),
            'C' if is_header(value.as_bytes()) => {
                self.attachments_or_headers.push(Added { letter, value, name: None });
            }
            'C' => self.config = Some(value.into()),
            'c' => self.cc.push(value),
            'E' => self.skip_empty |= operand_if(next, is_command).is_none(),
            'e' => drop(operand_if(next, is_command)),
            'f' if !self.recipients.is_empty() => self.reverse_path = Some(value),
            'f' => match either(value, next, is_address) {
                Some(sender) if is_address(sender.as_bytes()) => self.reverse_path = Some(sender),
                _ => self.reading = true,
            },
            'u' => self.reading = true,
            'M' => {
                let kind = either(value, next, is_media_type).filter(|kind| is_media_type(kind.as_bytes()));
                self.content_type = kind.or(self.content_type.take());
            }
            'q' => self.quoted = either(value, next, is_path).map(PathBuf::from).or(self.quoted.take()),
            'n' => self.without_system_startup = true,
            'o' => self.obey_setting(value.as_bytes()),
            'r' => self.from = Some(value),
            'S' => self.obey_variable(&value),
            's' => self.subject = Some(value),
            't' => self.formatted = true,
            'V' => self.version = true,
            'v' => self.verbose = true,
            _ => {}
        }
    }

    /// `--name`, `--name=value` or `--name value`.
    fn obey_long(&mut self, option: &OsStr, next: Option<OsString>) -> Result<(), WrongOption> {
        let (name, given) = long::split(option);
        let Some((name, means, takes)) = long::known(name) else { return Err(wrong_long(option)) };
        if given.is_some() && *takes == Nothing && !matches!(means, Means::Letter('f') | Means::Nothing(_)) {
            // `--to=ADDRESS` must not pass for `-t`.
            return Err(WrongOption::NoValue(name));
        }
        let given = given.map(|value| OsStr::from_bytes(value).to_owned());
        let value = match takes {
            Value => given.or(next).ok_or(WrongOption::MissingLong(name))?,
            _ => OsString::new(),
        };
        match means {
            Means::Letter('E') => self.skip_empty = true,
            Means::Letter('f') => self.reading = true,
            Means::Letter(letter) => self.obey(*letter, value, &mut Vec::new().into_iter().peekable()),
            Means::NextName => self.next_name = Some(value),
            Means::NoStartup => self.without_startup = true,
            Means::Rehearsal => self.rehearsal = true,
            Means::Nothing(_) => {}
        }
        Ok(())
    }

    /// `-oX`: obeys sendmail's setting about delivery.
    fn obey_setting(&mut self, setting: &[u8]) {
        self.delivery = setting.strip_prefix(b"d").and_then(DeliveryMode::from_name).unwrap_or(self.delivery);
    }

    /// `-S name=value`: obeys a variable of s-nail's. `-r` is stronger than `from`.
    fn obey_variable(&mut self, setting: &OsString) {
        let mut parts = setting.as_bytes().splitn(2, |byte| *byte == b'=');
        match (parts.next().unwrap_or_default(), parts.next()) {
            (b"from", Some(value)) => {
                self.from.get_or_insert_with(|| OsString::from_vec(value.to_vec()));
            }
            (b"replyto" | b"reply-to", Some(value)) => self.reply_to = Some(OsString::from_vec(value.to_vec())),
            // s-nail delivers nothing under this variable.
            (b"debug", _) => self.rehearsal = true,
            (b"sendwait", _) => self.delivery = DeliveryMode::Wait,
            _ => {}
        }
    }

    /// Obeys the words after `--`: sendmail's options for the mailer, and recipients.
    fn obey_mailer(&mut self, mut words: impl Iterator<Item = OsString>) -> Result<(), WrongOption> {
        let mut mailer = SendmailArguments { delivery: self.delivery, ..SendmailArguments::default() };
        while let Some(word) = words.next() {
            let Some((known, glued)) = for_mailer(word.as_bytes()) else {
                self.recipients.push(word);
                continue;
            };
            let glued = OsString::from_vec(glued.to_vec());
            let value = match known.takes {
                Value if glued.is_empty() => words.next().ok_or(WrongOption::MissingValue(known.letter))?,
                _ => glued,
            };
            mailer.obey(known.letter, value);
        }
        self.delivery = mailer.delivery;
        self.verbose |= mailer.verbose;
        (self.dsn, self.notify) = (mailer.dsn, mailer.notify);
        (self.full_name, self.reverse_path) = (mailer.full_name, mailer.reverse_path);
        self.unknown.extend(mailer.unknown);
        Ok(())
    }
}

/// The letter of sendmail's that a word after `--` begins with, and the rest of the word. An address may begin with a
/// dash, which is what `--` is for.
fn for_mailer(word: &[u8]) -> Option<(&'static Letter, &[u8])> {
    let [b'-', letter, glued @ ..] = word else { return None };
    let known = sendmail::LETTERS.iter().find(|known| known.letter == char::from(*letter))?;
    let is_address = glued.contains(&b'@') && !matches!(known.letter, 'F' | 'f' | 'r');
    (!is_address).then_some((known, glued))
}

/// The operands among the words that are left: all words after `--` are operands.
fn operands(words: impl Iterator<Item = Word>) -> impl Iterator<Item = OsString> {
    words.filter_map(|word| if let Word::Operand(operand) = word { Some(operand) } else { None })
}

/// Takes the next word, if it is an operand that fits.
fn operand_if(words: &mut Peekable<IntoIter<Word>>, fits: impl Fn(&[u8]) -> bool) -> Option<OsString> {
    let word = words.next_if(|word| matches!(word, Word::Operand(operand) if fits(operand.as_bytes())))?;
    if let Word::Operand(operand) = word { Some(operand) } else { None }
}

/// The operand is a command for mailutils' `-E`, as fail2ban and git's manual write it, or for mutt's `-e`, and no
/// recipient: `set`, or words without `@`.
fn is_command(operand: &[u8]) -> bool {
    let mut words = operand.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_verb = words.next().is_some_and(|word| [&b"set"[..], b"unset", b"my_hdr", b"source"].contains(&word));
    is_verb || (words.next().is_some() && !operand.contains(&b'@'))
}

/// The operand is an address, and no path of a mailbox.
fn is_address(operand: &[u8]) -> bool {
    operand.contains(&b'@') && !operand.contains(&b'/')
}

/// The value that is glued to its letter, else the next word, if it is an operand that fits.
fn either(glued: OsString, next: &mut Peekable<IntoIter<Word>>, fits: impl Fn(&[u8]) -> bool) -> Option<OsString> {
    Some(glued).filter(|glued| !glued.is_empty()).or_else(|| operand_if(next, fits))
}

/// The operand is `type/subtype`, RFC 2045 section 5.1, and neither an address nor a path.
fn is_media_type(operand: &[u8]) -> bool {
    operand.contains(&b'/') && !operand.contains(&b'@') && !operand.starts_with(b"/") && !operand.starts_with(b".")
}

/// The operand is a path or the name of a file, and no address.
fn is_path(operand: &[u8]) -> bool {
    !operand.contains(&b'@') && (operand.contains(&b'/') || Path::new(OsStr::from_bytes(operand)).is_file())
}

/// The value is `Name: value` with a field name of RFC 5322 section 2.2, and no path.
pub(super) fn is_header(value: &[u8]) -> bool {
    let name = value.split(|byte| *byte == b':').next().unwrap_or_default();
    name.len() < value.len() && !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'/')
}

#[cfg(test)]
mod tests;

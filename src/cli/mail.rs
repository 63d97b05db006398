//! mail(1)'s command line: its letters as one table, and the request they make.
//!
//! Four dialects collide under this name (POSIX, bsd-mailx, GNU mailutils,
//! s-nail and heirloom); the table follows what their callers mean. Options and
//! operands may mix. After `--`, `-f`, `-F` and `-o` are for the mailer, as in
//! s-nail, and all else is a recipient. An unknown letter never costs a mail.
//! Whether `-a` names a header or a file is not decided here.

use std::ffi::OsString;
use std::iter::Peekable;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::vec::IntoIter;

use super::getopt::{self, Letter, Order, Takes, Usage, Word};
use super::mode::Delivery;
use crate::outcome;
use Takes::{Glued, Nothing, Value};

/// mail(1)'s letters; docs/compatibility.md shows the same table.
#[rustfmt::skip]
pub const LETTERS: &[Letter] = &[
    Letter::ignored('#', Nothing, "every call is a batch call"),
    Letter::ignored('.', Nothing, "s-nail's guard against options among the recipients; `--` is understood"),
    Letter::ignored(':', Value, "there are no start-up files to choose from"),
    Letter::obeyed('A', Value, "a file to attach (mailutils); s-nail's account where there is no such file"),
    Letter::obeyed('a', Value, "a header where the value has the form of one and is no file, else a file to attach"),
    Letter::ignored('B', Nothing, "output is never held back"),
    Letter::obeyed('b', Value, "blind copies; may repeat"),
    Letter::obeyed('C', Value, "a header (s-nail) where the value has the form of one, else another configuration file"),
    Letter::obeyed('c', Value, "copies; may repeat"),
    Letter::ignored('D', Nothing, "no mailbox is opened, so there is none to disconnect"),
    Letter::ignored('d', Nothing, "the mail is sent; the log level is a setting"),
    Letter::obeyed('E', Nothing, "an empty body sends nothing; but with an argument such as `set escape` it is mailutils' and not needed"),
    Letter::obeyed('e', Nothing, "asks about a mailbox: there is none to read"),
    Letter::ignored('F', Nothing, "no copy is kept in a file named after the recipient"),
    Letter::obeyed('f', Glued, "reads a mailbox: there is none; after a recipient or `--`, the reverse-path, as for sendmail"),
    Letter::obeyed('H', Nothing, "lists a mailbox: there is none to read"),
    Letter::ignored('h', Value, "the servers on the way count the hops"),
    Letter::ignored('I', Nothing, "nothing is asked at the terminal"),
    Letter::ignored('i', Nothing, "an interrupt before the end of input sends nothing, ever"),
    Letter::ignored('L', Value, "there are no mailboxes to open"),
    Letter::ignored('M', Glued, "the body goes as plain text; a next argument of the form `text/html` is dropped with it"),
    Letter::ignored('m', Value, "the body is read from stdin"),
    Letter::ignored('N', Nothing, "no mailbox is listed"),
    Letter::ignored('n', Nothing, "start-up files are never read"),
    Letter::obeyed('o', Glued, "sendmail's `-od` is obeyed, as `--help` promises under every name, any other (`-oi`) is ignored"),
    Letter::ignored('q', Value, "the body is read from stdin"),
    Letter::ignored('R', Nothing, "no mailbox is opened"),
    Letter::obeyed('r', Value, "the sender, in From and in the envelope"),
    Letter::obeyed('S', Value, "`from=` and `sendwait` are obeyed, any other variable is ignored"),
    Letter::obeyed('s', Value, "the subject"),
    Letter::ignored('T', Value, "historic (heirloom); s-nail's recipients by kind are not known"),
    Letter::obeyed('t', Nothing, "stdin is a message with a header section, whose own fields win"),
    Letter::obeyed('u', Value, "reads a user's mailbox: there is none to read"),
    Letter::obeyed('v', Nothing, "waits for the outcome and tells it"),
    Letter::ignored('X', Value, "s-nail's commands are not run"),
    Letter::ignored('Y', Value, "s-nail's commands are not run"),
    Letter::ignored('~', Nothing, "a line that starts with a tilde is text, always"),
];

/// What mail(1) was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The values of `-a`, `-A` and of a `-C` that is a header, each with its letter, in order, as given.
    pub attachments_or_headers: Vec<(char, OsString)>,
    /// Blind copies, each as given: one may hold several addresses (`-b`).
    pub bcc: Vec<OsString>,
    /// Copies, each as given (`-c`).
    pub cc: Vec<OsString>,
    /// Another configuration (`-C`).
    pub config: Option<PathBuf>,
    /// Whether to wait for the outcome (`-Ssendwait`, `-od`).
    pub delivery: Delivery,
    /// stdin is a message with a header section (`-t`).
    pub formatted: bool,
    /// The sender, an address or a name with one (`-r`, `-S from=`).
    pub from: Option<OsString>,
    /// The sender's name (`-- -F`).
    pub full_name: Option<OsString>,
    /// Options known and not needed, for the debug log.
    pub ignored: Vec<String>,
    /// A mailbox was to be read, or nothing was said that sends a mail.
    pub reading: bool,
    /// The recipients as given: each may hold several addresses.
    pub recipients: Vec<OsString>,
    /// The envelope sender alone (`-- -f`).
    pub reverse_path: Option<OsString>,
    /// An empty body is not sent (`-E`).
    pub skip_empty: bool,
    /// The subject as given: it may hold line ends (`-s`).
    pub subject: Option<OsString>,
    /// Options nobody knows, fit to print, for one warning.
    pub unknown: Vec<String>,
    /// Tell what happens (`-v`).
    pub verbose: bool,
}

/// Reads mail(1)'s command line, the program's name not in it.
///
/// # Errors
/// A letter that is needed lacks its value.
pub fn parse(arguments: &[OsString]) -> Result<Request, Usage> {
    let mut request = Request::default();
    let mut words = getopt::words(LETTERS, Order::Permute, arguments).into_iter().peekable();
    while let Some(word) = words.next() {
        match word {
            Word::End => request.obey_mailer(operands(&mut words))?,
            Word::Long(name) => request.unknown.push(outcome::clean(&name.to_string_lossy())),
            Word::Missing(letter) => {
                getopt::check_missing(LETTERS, letter)?;
                request.ignored.push(format!("-{letter}"));
            }
            Word::Operand(operand) => request.recipients.push(operand),
            Word::Option { letter, value } => request.obey(letter, value.unwrap_or_default(), &mut words)?,
            Word::Unknown(byte) => request.unknown.push(format!("-{}", byte.escape_ascii())),
        }
    }
    request.reading |= !request.sends();
    Ok(request)
}

impl Request {
    /// Whether anything was said that only a mail to be sent needs.
    fn sends(&self) -> bool {
        let lists = [&self.recipients, &self.cc, &self.bcc];
        self.formatted
            || self.subject.is_some()
            || self.from.is_some()
            || !self.attachments_or_headers.is_empty()
            || lists.iter().any(|list| !list.is_empty())
    }

    /// Does what one letter says; of the letters with one answer the last wins.
    fn obey(&mut self, letter: char, value: OsString, next: &mut Peekable<IntoIter<Word>>) -> Result<(), Usage> {
        match letter {
            'A' | 'a' => self.attachments_or_headers.push((letter, value)),
            'b' => self.bcc.push(value),
            'C' if is_header(value.as_bytes()) => self.attachments_or_headers.push((letter, value)),
            'C' => self.config = Some(value.into()),
            'c' => self.cc.push(value),
            'E' => self.skip_empty |= operand_if(next, is_command).is_none(),
            'f' if !self.recipients.is_empty() => {
                let value = Some(value).filter(|glued| !glued.is_empty()).or_else(|| operand_if(next, |_| true));
                self.reverse_path = Some(value.ok_or(Usage::MissingValue('f'))?);
            }
            'e' | 'f' | 'H' | 'u' => self.reading = true,
            'M' => {
                if value.is_empty() {
                    operand_if(next, is_media_type);
                }
                self.ignored.push("-M".into());
            }
            'o' => self.obey_setting(value.as_bytes()),
            'r' => self.from = Some(value),
            'S' => self.obey_variable(&value),
            's' => self.subject = Some(value),
            't' => self.formatted = true,
            'v' => self.verbose = true,
            _ => self.ignored.push(format!("-{letter}")),
        }
        Ok(())
    }

    /// `-oX`: of sendmail's settings the one about delivery.
    fn obey_setting(&mut self, setting: &[u8]) {
        match setting.strip_prefix(b"d").and_then(Delivery::from_name) {
            Some(delivery) => self.delivery = delivery,
            None => self.ignored.push(outcome::clean(&format!("-o{}", String::from_utf8_lossy(setting)))),
        }
    }

    /// `-S name=value`: s-nail's variables; `-r` is stronger than `from`.
    fn obey_variable(&mut self, setting: &OsString) {
        let mut parts = setting.as_bytes().splitn(2, |byte| *byte == b'=');
        match (parts.next().unwrap_or_default(), parts.next()) {
            (b"from", Some(value)) => {
                self.from.get_or_insert_with(|| OsString::from_vec(value.to_vec()));
            }
            (b"sendwait", _) => self.delivery = Delivery::Wait,
            (name, _) => self.ignored.push(outcome::clean(&format!("-S {}", String::from_utf8_lossy(name)))),
        }
    }

    /// The words after `--`: what is for the mailer, and recipients.
    fn obey_mailer(&mut self, mut words: impl Iterator<Item = OsString>) -> Result<(), Usage> {
        while let Some(word) = words.next() {
            match word.as_bytes() {
                [b'-', letter @ (b'F' | b'f'), glued @ ..] => {
                    let glued = Some(glued).filter(|glued| !glued.is_empty());
                    let value = glued.map(|glued| OsString::from_vec(glued.to_vec())).or_else(|| words.next());
                    let value = value.ok_or(Usage::MissingValue(char::from(*letter)))?;
                    let kept = if *letter == b'F' { &mut self.full_name } else { &mut self.reverse_path };
                    *kept = Some(value);
                }
                [b'-', b'o', setting @ ..] => self.obey_setting(setting),
                _ => self.recipients.push(word),
            }
        }
        Ok(())
    }
}

/// The words that are left, all operands: nothing else comes after `--`.
fn operands(words: impl Iterator<Item = Word>) -> impl Iterator<Item = OsString> {
    words.filter_map(|word| if let Word::Operand(operand) = word { Some(operand) } else { None })
}

/// Takes the next word, if it is an operand that fits.
fn operand_if(words: &mut Peekable<IntoIter<Word>>, fits: impl Fn(&[u8]) -> bool) -> Option<OsString> {
    let word = words.next_if(|word| matches!(word, Word::Operand(operand) if fits(operand.as_bytes())))?;
    if let Word::Operand(operand) = word { Some(operand) } else { None }
}

/// A command for mailutils' `-E`, as fail2ban and git's manual write it, and no recipient: `set`, or words without `@`.
fn is_command(operand: &[u8]) -> bool {
    let mut words = operand.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.next() == Some(b"set") || (words.next().is_some() && !operand.contains(&b'@'))
}

/// `type/subtype`, RFC 2045 section 5.1, and no address.
fn is_media_type(operand: &[u8]) -> bool {
    operand.contains(&b'/') && !operand.contains(&b'@')
}

/// `Name: value` with a field name of RFC 5322 section 2.2; a path is none.
fn is_header(value: &[u8]) -> bool {
    let name = value.split(|byte| *byte == b':').next().unwrap_or_default();
    name.len() < value.len() && !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'/')
}

#[cfg(test)]
mod tests {
    use super::super::getopt::Treatment;
    use super::*;

    fn try_read(line: &[&str]) -> Result<Request, Usage> {
        let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
        parse(&arguments)
    }

    fn read(line: &[&str]) -> Request {
        try_read(line).unwrap()
    }

    /// A mail with a subject, and nothing else out of the ordinary.
    fn mail(subject: &str, recipients: &[&str]) -> Request {
        let recipients = recipients.iter().map(OsString::from).collect();
        Request { subject: Some(subject.into()), recipients, ..Request::default() }
    }

    #[test]
    fn system_tools_are_understood() {
        assert_eq!(read(&["-s", "S", "a@x", "b@x"]), mail("S", &["a@x", "b@x"]), "smartd");
        assert_eq!(read(&["-s", "/var/log/x.1", "root"]), mail("/var/log/x.1", &["root"]), "logrotate");
        assert_eq!(read(&["-sS", "root"]), mail("S", &["root"]), "UPS scripts");
        let unattended = read(&["-r", "root <root@x>", "-s", "S", "root"]);
        assert_eq!(unattended, Request { from: Some("root <root@x>".into()), ..mail("S", &["root"]) });
        let icinga = read(&["-a", "From: N <x>", "-s", "S", "root"]);
        assert_eq!(icinga.attachments_or_headers, [('a', "From: N <x>".into())]);
        let apticron = read(&["-a", "MIME-Version: 1.0", "-a", "Content-type: text/plain", "-s", "S", "root"]);
        assert_eq!((apticron.attachments_or_headers.len(), apticron.recipients.len()), (2, 1));
        let apticron = read(&["-S", "ttycharset=utf-8", "-r", "a@x", "-s", "S", "root"]);
        assert_eq!((apticron.from, apticron.ignored), (Some("a@x".into()), vec!["-S ttycharset".to_string()]));
    }

    #[test]
    fn published_handler_line_for_crond_is_understood() {
        let request = read(&["-s", "someone@x", "-t"]);
        assert_eq!(request, Request { formatted: true, ..mail("someone@x", &[]) });
    }

    #[test]
    fn command_of_mailutils_is_no_recipient() {
        for command in ["set escape", "set", "unset x"] {
            assert_eq!(read(&["-E", command, "-s", "S", "root"]), mail("S", &["root"]), "fail2ban");
        }
        let skipping = |recipients| Request { skip_empty: true, ..mail("S", recipients) };
        assert_eq!(read(&["-Es", "S", "root"]), skipping(&["root"]));
        assert_eq!(read(&["-s", "S", "-E", "root"]), skipping(&["root"]));
        assert_eq!(read(&["-s", "S", "-E", "setup@x"]), skipping(&["setup@x"]));
        assert_eq!(read(&["-s", "S", "-E", "a@x, b@x"]), skipping(&["a@x, b@x"]));
        assert_eq!(read(&["-s", "S", "-E", "--", "set"]), skipping(&["set"]));
    }

    #[test]
    fn copies_may_repeat_and_stay_as_given() {
        let request = read(&["-c", "a@x,b@x", "-cc@x", "-b", "d@x", "-s", "S", "root", "-b", "e@x"]);
        assert_eq!(request.cc, ["a@x,b@x", "c@x"]);
        assert_eq!(request.bcc, ["d@x", "e@x"]);
        assert_eq!(request.recipients, ["root"]);
    }

    #[test]
    fn words_after_two_dashes_are_for_the_mailer_or_recipients() {
        let request = read(&["-s", "S", "a@x", "--", "-f", "f@x", "-FName", "-odq", "-oem", "-weird", "b@x"]);
        assert_eq!(request.recipients, ["a@x", "-weird", "b@x"]);
        assert_eq!((request.reverse_path, request.full_name), (Some("f@x".into()), Some("Name".into())));
        assert_eq!((request.delivery, request.ignored), (Delivery::Queue, vec!["-oem".to_string()]));
        assert_eq!(try_read(&["-s", "S", "a@x", "--", "-f"]), Err(Usage::MissingValue('f')));
    }

    #[test]
    fn setting_of_sendmail_neither_swallows_a_recipient_nor_asks_for_a_mailbox() {
        for (option, delivery) in [("-odi", Delivery::Wait), ("-odq", Delivery::Queue), ("-odb", Delivery::Background)]
        {
            assert_eq!(read(&["-s", "S", option, "a@x"]), Request { delivery, ..mail("S", &["a@x"]) });
        }
        for option in ["-oem", "-oi", "-o"] {
            assert_eq!(
                read(&["-s", "S", option, "a@x"]),
                Request { ignored: vec![option.into()], ..mail("S", &["a@x"]) }
            );
        }
    }

    #[test]
    fn sender_after_a_recipient_is_no_mailbox() {
        let sent = Request { reverse_path: Some("f@x".into()), ..mail("S", &["a@x"]) };
        assert_eq!(read(&["-s", "S", "a@x", "-f", "f@x"]), sent);
        assert_eq!(read(&["-s", "S", "a@x", "-ff@x"]), sent);
        assert_eq!(try_read(&["-s", "S", "a@x", "-f"]), Err(Usage::MissingValue('f')));
    }

    #[test]
    fn reading_a_mailbox_is_told_from_sending() {
        for line in [&[][..], &["-n"], &["-f"], &["-f", "mbox"], &["-u", "alice"], &["-H"], &["-e"], &["-Hf", "mbox"]] {
            assert!(read(line).reading, "{line:?}");
        }
        for line in [&["root"][..], &["-s", "S"], &["-t"], &["-c", "a@x"], &["-v", "--", "root"]] {
            assert!(!read(line).reading, "{line:?}");
        }
    }

    #[test]
    fn configuration_and_header_share_a_letter() {
        let request = read(&["-C", "/etc/a:b.toml", "-C", "X-Job: backup", "-s", "S", "root"]);
        assert_eq!(request.config, Some("/etc/a:b.toml".into()));
        assert_eq!(request.attachments_or_headers, [('C', "X-Job: backup".into())]);
    }

    #[test]
    fn media_type_is_no_recipient() {
        for line in
            [&["-M", "text/html", "-s", "S", "root"][..], &["-Mtext/html", "-sS", "root"], &["-M", "-sS", "root"]]
        {
            assert_eq!(read(line), Request { ignored: vec!["-M".into()], ..mail("S", &["root"]) });
        }
    }

    #[test]
    fn variables_that_matter_are_obeyed() {
        let request = read(&["-Ssendwait", "-S", "from=a@x", "-S", "smtp=host:25", "root"]);
        assert_eq!((request.delivery, request.from), (Delivery::Wait, Some("a@x".into())));
        assert_eq!(request.ignored, ["-S smtp"]);
        assert_eq!(read(&["-r", "r@x", "-S", "from=a@x", "root"]).from, Some("r@x".into()));
    }

    #[test]
    fn unknown_option_is_named_and_costs_nothing() {
        let request = read(&["-Z", "--nosum", "-sS", "root"]);
        assert_eq!(request, Request { unknown: vec!["-Z".into(), "--nosum".into()], ..mail("S", &["root"]) });
        assert_eq!(read(&["root", "-X"]).ignored, ["-X"]);
        assert_eq!(try_read(&["root", "-s"]), Err(Usage::MissingValue('s')));
    }

    #[test]
    fn table_says_what_is_done() {
        for known in LETTERS {
            let value = match (known.takes, known.letter) {
                (Nothing, _) => "",
                (_, 'o') => "dq",
                (_, 'S') => "sendwait",
                _ => "m",
            };
            let request = read(&["root", &format!("-{}{value}", known.letter)]);
            let is_ignored = !request.ignored.is_empty();
            assert_eq!(is_ignored, known.treatment == Treatment::Ignored, "-{}", known.letter);
            let rest = Request { ignored: vec![], ..request };
            assert_eq!(is_ignored, rest == read(&["root"]), "-{}", known.letter);
        }
    }
}

//! sendmail's command line: its letters as one table, and the arguments that they make.
//!
//! The letters are those of Sendmail 8.17, Postfix 3.7, Exim, and the sendmails of OpenSMTPD, BusyBox, ssmtp, dma and
//! msmtp, so that no value of theirs is taken for a recipient; `long` has msmtp's long options. Options end at the
//! first operand. An unknown letter is worth a warning and never costs a mail; a missing value of a letter that is
//! obeyed does. `mode` has the meaning of `-b`, `-q` and `-od`.

mod long;
pub(super) mod mode;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::common;
use super::getopt::{self, Grammar, Letter, Line, Takes, Word, WrongOption};
use crate::dsn::{Envid, Notify, OfMail};
use crate::outcome;
use Takes::{Glued, Nothing, Path, Value};
use mode::{DeliveryMode, Mode};

/// sendmail's letters; docs/compatibility.md shows the same table.
#[rustfmt::skip]
pub const LETTERS: &[Letter] = &[
    Letter::ignored('A', Value, "one configuration serves submission and transfer"),
    Letter::ignored('a', Value, "an account of msmtp's, or the login of BusyBox (`-auUSER`, `-apPASSWORD`) and ssmtp (`-au USER`): the settings say who logs in"),
    Letter::ignored('B', Value, "the body's own bytes decide how it is encoded, whatever was declared"),
    Letter::obeyed('b', Value, "the mode, see below"),
    Letter::obeyed('C', Value, "another configuration file, never with more rights than the caller's"),
    Letter::ignored('c', Nothing, "historic; there is one way out, and it is tried at once"),
    Letter::ignored('D', Path, "sendmail's debugging has no counterpart, so it needs no file; dma's letter takes no value"),
    Letter::obeyed('d', Glued, "`-d0` (`-d0.1`) without a recipient tells the version and reads nothing; other debug levels have no counterpart"),
    Letter::ignored('E', Glued, "historic"),
    Letter::ignored('e', Value, "trouble is told by the exit status, and after acceptance by a bounce"),
    Letter::obeyed('F', Value, "the sender's full name, for a message that has no From; without it, that of the user database"),
    Letter::obeyed('f', Value, "the reverse-path; what the smarthost would not let us use is replaced by the account's address"),
    Letter::ignored('G', Nothing, "a relayed mail and a new one get the same repairs"),
    Letter::ignored('H', Value, "BusyBox's program for the connection: the settings name the server"),
    Letter::ignored('h', Value, "the servers on the way count the hops"),
    Letter::obeyed('I', Nothing, "the same as `-bi`"),
    Letter::obeyed('i', Nothing, "dots at the start of lines are text, all of them; without it see above"),
    Letter::ignored('J', Glued, "historic"),
    Letter::ignored('L', Value, "the log knows one name, so that one filter finds every mail"),
    Letter::ignored('M', Value, "there are no macros to set"),
    Letter::ignored('m', Nothing, "the sender is never taken out of an alias anyway"),
    Letter::obeyed('N', Value, "when to report (`never`, or of `success,failure,delay`), also to the smarthost where it offers DSN"),
    Letter::ignored('n', Nothing, "aliases always apply, or a mail to root would reach nobody"),
    Letter::obeyed('O', Value, "`DeliveryMode`, `IgnoreDots` and `Verbose` are obeyed, any other name is ignored"),
    Letter::obeyed('o', Value, "`-od`, `-oi` and `-ov` are obeyed, any other (`-oem`, `-om`) is ignored; Exim's `-oMr` and its kin have the value next"),
    Letter::ignored('p', Value, "how a mail came in is not taken from the caller"),
    Letter::ignored('Q', Glued, "there is no quarantine"),
    Letter::obeyed('q', Glued, "runs the queue, see below; never takes the next argument"),
    Letter::obeyed('R', Value, "how much of the mail a report returns (`hdrs`, `full`), also to the smarthost where it offers DSN"),
    Letter::obeyed('r', Value, "the same as `-f`"),
    Letter::ignored('S', Value, "BusyBox's server: the settings name it"),
    Letter::ignored('s', Nothing, "historic"),
    Letter::ignored('T', Glued, "historic; how long a mail is kept is a setting"),
    Letter::obeyed('t', Nothing, "recipients from To, Cc and Bcc, in union with the operands"),
    Letter::ignored('U', Nothing, "every mail is taken as a first submission"),
    Letter::obeyed('V', Value, "the envelope's identifier, which reports name, also to the smarthost where it offers DSN"),
    Letter::obeyed('v', Nothing, "waits for the outcome and tells it"),
    Letter::ignored('w', Value, "BusyBox's time limit: every wait has its own"),
    Letter::ignored('X', Value, "no traffic log: it would hold what the mails say"),
    Letter::ignored('x', Nothing, "historic"),
];

/// Its command line. It has no long options except those that every name knows, and msmtp's.
pub(crate) const GRAMMAR: Grammar =
    Grammar { expand: OsStr::to_owned, letters: LETTERS, long_takes_next: long::takes_next, names_kind };

/// ssmtp's login, and Exim's words about the message and its files: what follows is the value.
fn names_kind(letter: char, rest: &[u8]) -> bool {
    const OF_EXIM: [&[u8]; 13] =
        [b"A", b"B", b"P", b"X", b"Ma", b"Maa", b"Mai", b"Mas", b"Mi", b"Mm", b"Mr", b"Ms", b"Mt"];
    match letter {
        'a' => matches!(rest, [b'm' | b'p' | b'u']),
        'o' => OF_EXIM.contains(&rest),
        _ => false,
    }
}

/// The arguments of sendmail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SendmailArguments {
    /// The version is asked for, as far as there is no mail (`-d0.1`).
    pub(crate) asks_version: bool,
    /// Another configuration (`-C`).
    pub(crate) config: Option<PathBuf>,
    /// The caller waits for the outcome or not (`-od`).
    pub(crate) delivery: DeliveryMode,
    /// The header section names recipients (`-t`).
    pub(crate) extract_recipients: bool,
    /// The content of reports of delivery (`-R`, `-V`).
    pub(crate) dsn: OfMail,
    /// The sender's name (`-F`).
    pub(crate) full_name: Option<OsString>,
    /// A line of a lone dot is text (`-i`, `-oi`).
    pub(crate) keep_dots: bool,
    /// The program that sendmail stands in for (`-b`, `-q`, `-I`).
    pub(crate) mode: Mode,
    /// The occasions for a report (`-N`).
    pub(crate) notify: Option<Notify>,
    /// The recipients as given: each may hold several addresses.
    pub(crate) operands: Vec<OsString>,
    /// The envelope sender that was asked for (`-f`, `-r`); empty or `<>` is the null sender.
    pub(crate) reverse_path: Option<OsString>,
    /// Options nobody knows, fit to print, for one warning.
    pub(crate) unknown: Vec<String>,
    /// Tell what happens (`-v`).
    pub(crate) verbose: bool,
}

/// Reads a line that [`GRAMMAR`] lexed.
///
/// # Errors
/// A letter that is obeyed lacks its value.
pub(crate) fn parse(line: Line<'_>) -> Result<SendmailArguments, WrongOption> {
    let mut arguments = SendmailArguments::default();
    let mut run = None;
    for word in line.into_posix_words() {
        match word {
            Word::End => {}
            // The file that it names is not told.
            Word::Long { option, .. } if common::is_config(&option) => arguments.unknown.push("--config".to_owned()),
            Word::Long { option, value } => arguments.obey_long(&option, value),
            Word::Missing(letter) => getopt::check_missing(LETTERS, letter)?,
            Word::Operand(operand) => arguments.operands.push(operand),
            Word::Option { letter: 'q', value } => run = Some(value.unwrap_or_default()),
            Word::Option { letter, value } => arguments.obey(letter, value.unwrap_or_default()),
            Word::Unknown(byte) => arguments.unknown.push(format!("-{}", byte.escape_ascii())),
        }
    }
    if let Some(run) = run {
        arguments.mode = arguments.mode.with_run(run.as_bytes());
    }
    let is_idle = matches!(arguments.mode, Mode::Deliver | Mode::Unsupported(_));
    if arguments.asks_version && is_idle && arguments.operands.is_empty() && !arguments.extract_recipients {
        arguments.mode = Mode::Version;
    }
    Ok(arguments)
}

/// The first long option of the line before `--`, since sendmail has no such options. It may stand behind an operand.
pub(crate) fn long_option<'l>(line: &'l Line<'_>) -> Option<&'l OsStr> {
    line.words().find_map(|word| if let Word::Long { option, .. } = word { Some(option.as_os_str()) } else { None })
}

impl SendmailArguments {
    /// The arguments under our own name. `crond -m` calls it with no argument at all: the message goes on to the end of
    /// the file, and names the recipients itself if no operand does.
    #[must_use]
    pub(crate) fn for_own_name(mut self) -> Self {
        self.keep_dots = true;
        self.extract_recipients |= self.operands.is_empty();
        self
    }

    /// Obeys one letter. The last of a kind wins, as in Postfix.
    pub(in crate::cli) fn obey(&mut self, letter: char, value: OsString) {
        match letter {
            'b' => self.mode = Mode::from_letter(value.as_bytes()),
            'C' => self.config = Some(value.into()),
            'd' => self.asks_version |= matches!(value.as_bytes(), [b'0'] | [b'0', b'.', ..]),
            'F' => self.full_name = Some(value),
            'f' | 'r' => self.reverse_path = Some(value),
            'I' => self.mode = Mode::Aliases,
            'i' => self.keep_dots = true,
            'N' | 'R' | 'V' => self.obey_dsn(letter, &value.to_string_lossy()),
            'O' => self.obey_name(value.as_bytes()),
            'o' => self.obey_setting(value.as_bytes()),
            't' => self.extract_recipients = true,
            'v' => self.verbose = true,
            _ => {}
        }
    }

    /// Obeys an option of msmtp's. The value of an unknown one is not told: it may be a secret.
    fn obey_long(&mut self, option: &OsStr, next: Option<OsString>) {
        let (name, glued) = long::split(option);
        match (long::known(name), long::question(name)) {
            (Some((_, Some(letter), _)), _) => self.obey(*letter, glued.or(next).unwrap_or_default()),
            (Some(_), _) => {}
            (None, Some(question)) => self.mode = Mode::Unsupported(format!("--{question}")),
            (None, None) => self.unknown.push(format!("--{}", outcome::clean(&name.to_string_lossy()))),
        }
    }

    /// Obeys a letter about reports. A value that cannot be read is worth a warning and costs no mail.
    fn obey_dsn(&mut self, letter: char, value: &str) {
        let value = value.trim();
        let understood = match letter {
            'N' => value.parse().map(|notify| self.notify = Some(notify)).is_ok(),
            'R' => value.parse().map(|ret| self.dsn.ret = Some(ret)).is_ok(),
            _ => {
                // Sendmail wants it in the form of the wire, Postfix as it is.
                self.dsn.envid = value.parse().ok().or_else(|| Envid::plain(value));
                self.dsn.envid.is_some()
            }
        };
        if !understood {
            self.unknown.push(outcome::clean(&format!("-{letter} {value}")).trim().to_string());
        }
    }

    /// `-oX…`: obeys a setting of one letter.
    fn obey_setting(&mut self, setting: &[u8]) {
        let delivery = setting.strip_prefix(b"d").and_then(DeliveryMode::from_name);
        match (setting, delivery) {
            (_, Some(delivery)) => self.delivery = delivery,
            ([b'i', value @ ..], _) if is_true(value) => self.keep_dots = true,
            ([b'v', value @ ..], _) if is_true(value) => self.verbose = true,
            _ => {}
        }
    }

    /// `-O Name=value`: obeys a setting by its long name, in upper or lower case.
    fn obey_name(&mut self, setting: &[u8]) {
        let mut parts = setting.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let delivery = DeliveryMode::from_name(value);
        match (name.to_ascii_lowercase().as_slice(), delivery) {
            (b"deliverymode", Some(delivery)) => self.delivery = delivery,
            (b"ignoredots", _) if is_true(value) => self.keep_dots = true,
            (b"verbose", _) if is_true(value) => self.verbose = true,
            _ => {}
        }
    }
}

/// A switch is on unless its value says otherwise, as in sendmail's own option code.
fn is_true(value: &[u8]) -> bool {
    value.first().is_none_or(|first| b"tTyY".contains(first))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::mode::Run;
    use super::*;
    use crate::cli::getopt::Treatment;
    use crate::dsn::Ret;

    fn read(line: &[&str]) -> SendmailArguments {
        let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
        parse(Line::lex(&GRAMMAR, &arguments)).unwrap()
    }

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    /// The options of a cron for its mail: `-F`, `-i` or `-oi`, `-t`, `-f`, the operands.
    fn cron(line: &[&str]) -> (Option<String>, bool, bool, Option<String>, Vec<OsString>) {
        let request = read(line);
        assert_eq!((request.mode, request.unknown), (Mode::Deliver, vec![]), "{line:?}");
        let text = |value: Option<OsString>| value.map(|value| value.into_string().unwrap());
        let (name, sender) = (text(request.full_name), text(request.reverse_path));
        (name, request.keep_dots, request.extract_recipients, sender, request.operands)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[test]
    fn cronie_is_understood() {
        let said = |sender| (some("CronDaemon"), true, true, some(sender), vec![]);
        assert_eq!(cron(&["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"]), said("root"));
        assert_eq!(cron(&["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "<>"]), said("<>"));
        assert_eq!(read(&["-FCronDaemon", "-i", "-odi", "-oem", "-t", "-f", "root"]).delivery, DeliveryMode::Wait);
    }

    #[test]
    fn the_other_crons_are_understood() {
        let debian = cron(&["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "a@x,b@x"]);
        assert_eq!(debian, (some("CronDaemon"), true, false, None, vec!["a@x,b@x".into()]));
        let systemd = cron(&["-i", "-B", "8BITMIME", "a@x,b@x"]);
        assert_eq!(systemd, (None, true, false, None, vec!["a@x,b@x".into()]));
        assert_eq!(cron(&["-FAnacron", "-odi", "root"]), (some("Anacron"), false, false, None, vec!["root".into()]));
        assert_eq!(cron(&["-Ffcron", "-odi", "alice"]), (some("fcron"), false, false, None, vec!["alice".into()]));
        assert_eq!(cron(&["-FCronDaemon", "-i", "-odi", "-oem", "-t"]), (some("CronDaemon"), true, true, None, vec![]));
        assert_eq!(cron(&["-ti"]), (None, true, true, None, vec![]), "busybox");
        assert_eq!(cron(&["-t", "-oem", "-i"]), (None, true, true, None, vec![]), "dcron");
        assert_eq!(cron(&["-i", "alice"]), (None, true, false, None, vec!["alice".into()]), "at");
    }

    #[test]
    fn php_and_its_frameworks_are_understood() {
        assert_eq!(cron(&["-t", "-i", "-fwww@x"]), (None, true, true, some("www@x"), vec![]));
        assert_eq!(cron(&["-t", "-i", "-oi", "-fwww@x", "-t"]), (None, true, true, some("www@x"), vec![]));
        assert_eq!(cron(&["-t", "-i", "-f", ""]), (None, true, true, some(""), vec![]));
        assert_eq!(read(&["-t", "-i", "-ODeliveryMode=b"]).delivery, DeliveryMode::Background);
        let symfony = read(&["-bs", "-i"]);
        assert_eq!((symfony.mode, symfony.keep_dots), (Mode::Smtp, true));
        assert_eq!(read(&["-bs", "-odb", "-oem", "-om"]), read(&["-bs", "-odb"]), "alpine");
    }

    #[test]
    fn developer_tools_are_understood() {
        let git = cron(&["-f", "a@x", "-i", "b@x", "c@x"]);
        assert_eq!(git, (None, true, false, some("a@x"), vec!["b@x".into(), "c@x".into()]));
        let union = cron(&["-oi", "-t", "-i", "b@x"]);
        assert_eq!(union, (None, true, true, None, vec!["b@x".into()]), "git --sendmail-cmd");
        let perl = cron(&["-i", "-f", "", "--", "b@x"]);
        assert_eq!(perl, (None, true, false, some(""), vec!["b@x".into()]), "Email::Sender");
        assert_eq!(cron(&["-i", "-i", "-t", "-t"]), (None, true, true, None, vec![]));
    }

    #[test]
    fn value_of_an_ignored_letter_is_no_recipient() {
        let lines = [
            "-h 3 -O Timeout=1h -X log -L t -p a a@x",
            "-au me -ap secret -am login a@x",
            "-auME -apSECRET -amPLAIN -S smtp.x:25 -w 30 a@x",
            "-a work --host smtp.x --port=587 --tls=on --user me@x --logfile /log --account work a@x",
            "-oMr esmtp -oMs host.x -oMa 1.2.3.4 -oMas root -D /log -d21.4 a@x",
            "-oMresmtp -D a@x",
            "--acc work --logfile-t %F --passwordev cmd --tls-trust /ca a@x",
        ];
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(read(&words), read(&["a@x"]), "{line}");
        }
    }

    #[test]
    fn long_options_of_msmtp_are_obeyed_where_a_letter_means_the_same() {
        let request = read(&["--from", "me@x", "--read-recipients", "--read-envelope-from", "a@x"]);
        let same = read(&["-f", "me@x", "-t", "a@x"]);
        assert_eq!(request, same);
        assert_eq!(read(&["--from=me@x", "a@x"]), read(&["-fme@x", "a@x"]));
        assert_eq!(read(&["--nonsense=secret", "a@x"]).unknown, ["--nonsense"]);
        assert_eq!(read(&["--read", "a@x"]).unknown, ["--read"], "it may be one or the other");
        for question in ["--pretend", "--serverinfo", "--pret", "--serv"] {
            assert!(matches!(read(&[question, "a@x"]).mode, Mode::Unsupported(_)), "{question}");
        }
    }

    #[test]
    fn what_is_asked_about_delivery_is_understood_or_named() {
        let request = read(&["-N", "delay,Failure", "-Rhdrs", "-V", "QQ314+159", "a@x"]);
        assert_eq!(request.notify.unwrap().to_string(), "FAILURE,DELAY");
        assert_eq!(request.dsn.ret, Some(Ret::Hdrs));
        assert_eq!(request.dsn.envid.unwrap().text(), "QQ314+159");
        assert_eq!(read(&["-V", "QQ314+2B159"]).dsn.envid.unwrap().text(), "QQ314+159");
        assert_eq!(read(&["--dsn-return=hdrs", "--dsn-notify", "delay", "a@x"]).operands, ["a@x"]);
        let odd = read(&["-N", "often", "-R", "all", "-V", "\n", "a@x"]);
        assert_eq!((odd.dsn, odd.notify, odd.operands), (OfMail::default(), None, vec!["a@x".into()]));
        assert_eq!(odd.unknown, strings(&["-N often", "-R all", "-V"]));
    }

    #[test]
    fn letter_with_a_glued_value_eats_no_recipient() {
        assert_eq!(read(&["-d", "a@x"]).operands, ["a@x"]);
        let run = read(&["-q", "a@x"]);
        assert_eq!((run.mode, run.operands), (Mode::FlushQueue(Run::All), vec!["a@x".into()]));
        assert_eq!(read(&["-q30", "-bd"]).mode, read(&["-bd", "-q30m"]).mode);
    }

    #[test]
    fn recipient_cannot_pass_for_an_option() {
        let request = read(&["-v", "--", "-weird"]);
        assert_eq!((request.verbose, request.operands), (true, vec!["-weird".into()]));
        let request = read(&["a@x", "-C/tmp/evil", "-t"]);
        assert_eq!((request.config, request.extract_recipients, request.operands.len()), (None, false, 3));
    }

    #[test]
    fn unknown_option_is_named_and_costs_nothing() {
        let mut line: Vec<OsString> = ["-Z", "--unread-envelope", "-ti"].map(OsString::from).into();
        line.push(OsString::from_vec(b"-\xff".to_vec()));
        let request = parse(Line::lex(&GRAMMAR, &line)).unwrap();
        assert_eq!(request.unknown, strings(&["-Z", "--unread-envelope", "-\\xff"]));
        assert!(request.extract_recipients && request.keep_dots);
    }

    #[test]
    fn only_a_value_that_is_needed_may_be_missing() {
        for letter in ['f', 'r', 'F', 'C', 'b', 'o', 'O'] {
            let line = [OsString::from("-t"), OsString::from(format!("-{letter}"))];
            assert_eq!(parse(Line::lex(&GRAMMAR, &line)), Err(WrongOption::MissingValue(letter)));
        }
        assert_eq!(read(&["-t", "-X"]), read(&["-t"]));
    }

    #[test]
    fn settings_are_obeyed_in_both_spellings() {
        use DeliveryMode::{Background, Default, Queue, Wait};
        let settings = [("i", Wait), ("f", Wait), ("b", Background), ("q", Queue), ("d", Queue), ("x", Default)];
        for (letter, delivery) in settings {
            assert_eq!(read(&[&format!("-od{letter}")]).delivery, delivery);
            assert_eq!(read(&["-O", &format!("deliverymode = {letter}")]).delivery, delivery);
        }
        assert!(read(&["-oitrue"]).keep_dots && read(&["-OIgnoreDots"]).keep_dots && read(&["-ov"]).verbose);
        assert!(!read(&["-oif"]).keep_dots && !read(&["-OIgnoreDots=False"]).keep_dots);
    }

    #[test]
    fn table_says_what_is_done() {
        for known in LETTERS {
            let sample = match known.letter {
                'b' => "p",
                'd' => "0",
                'o' => "i",
                'O' => "Verbose",
                _ => "m",
            };
            let sample = if known.takes == Nothing { "" } else { sample };
            let request = read(&[&format!("-{}{sample}", known.letter)]);
            let is_ignored = request == SendmailArguments::default();
            assert_eq!(is_ignored, known.treatment == Treatment::Ignored, "-{}", known.letter);
        }
    }

    #[test]
    fn own_name_without_arguments_reads_a_whole_message() {
        let request = read(&[]).for_own_name();
        assert!(request.extract_recipients && request.keep_dots);
        let request = read(&["a@x"]).for_own_name();
        assert!(!request.extract_recipients && request.keep_dots);
    }
}

//! Properties that foreign bytes must never break, one function for each place where we read such bytes.
//!
//! The same functions serve `tests/golden/fuzz.rs`, which runs a bounded number of inputs with the stable toolchain in
//! every `make test`, and the programs beside this file, which cargo-fuzz runs for hours. A function that returns has
//! found nothing; one that panics has found a defect.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::LazyLock;

use mailx_t::cli::{self, People};
use mailx_t::command::submission::prepare::{Moment, prepare};
use mailx_t::command::submission::request::{Input, Request};
use mailx_t::config::import::{self, Kind};
use mailx_t::config::{Config, Source};
use mailx_t::envelope::{Aliases, Resolver};
use mailx_t::message::{Mailbox, Message};
use mailx_t::reception::{Dialogue, Line, Step, Wire};
use mailx_t::relay::{Capabilities, Replies};
use mailx_t::spool::{Entry, Progress, QueueId};
use mailx_t::system::Caller;

/// A target: its name, and its function.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets, by name.
pub(crate) const TARGETS: &[Target] = &[
    ("addresses", addresses),
    ("aliases", aliases),
    ("arguments", arguments),
    ("configuration", configuration),
    ("dialogue", dialogue),
    ("entry", entry),
    ("import", import),
    ("journal", journal),
    ("message", message),
    ("replies", replies),
];

/// Gives `bytes` to the target of that name.
pub(crate) fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("there is no target {name}")).1(bytes);
}

const SETTINGS: &str = r#"
    [smarthost]
    host = "smtp.example.org"
    user = "mail@example.org"
    [recipients]
    aliases-file = "/dev/null"
    [recipients.aliases]
    root = "ops@example.org"
    loop = "loop"
"#;

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let path = Path::new("/config.toml");
    Config::of(path, SETTINGS, Source::System(path.into())).expect("the settings are good ones")
});

/// An address list becomes recipients that SMTP can carry, and in a field it is one field.
fn addresses(bytes: &[u8]) {
    let mailboxes = Mailbox::list(bytes);
    let aliases = Aliases::default();
    let hosts = ["web1".to_owned()];
    let mut resolver = Resolver::new(&aliases, &hosts, Some("example.org"), None, &CONFIG.account);
    for recipient in mailboxes.iter().flat_map(|mailbox| resolver.one(&mailbox.address)).collect::<Vec<_>>() {
        let address = recipient.address.to_string();
        let is_harmless = |c: char| !c.is_control() && c != '<' && c != '>' || address.starts_with('"');
        assert!(address.chars().all(is_harmless), "{address:?} would break a command");
        assert!(!address.contains(['\r', '\n', '\0']), "{address:?} would break a command");
    }
    resolver.warnings().iter().for_each(|warning| is_one_line(warning));
}

/// An alias file leads every name to an end.
fn aliases(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (aliases, warnings) = Aliases::parse(&text);
    let hosts = ["web1".to_owned()];
    let mut resolver = Resolver::new(&aliases, &hosts, None, None, &CONFIG.account);
    for name in text.split([':', ',', '\n', ' ']).take(50) {
        for recipient in resolver.one(name) {
            assert!(!recipient.address.to_string().contains(['\r', '\n', '\0']));
        }
    }
    warnings.iter().chain(resolver.warnings()).for_each(|warning| is_one_line(warning));
}

/// A command line, its arguments divided by NUL, is a command or a usage error.
fn arguments(bytes: &[u8]) {
    let mut words = bytes.split(|b| *b == 0).map(OsStr::from_bytes);
    let name = words.next().unwrap_or_default();
    let arguments: Vec<OsString> = words.map(OsStr::to_owned).collect();
    if let Err(error) = cli::command(name, arguments, People::default()) {
        // 65: a file to attach is missing.
        assert!([64, 65].contains(&(error.exit() as u8)), "{error}");
    }
}

/// A configuration is settings, or a sentence that names the file and is fit for a terminal.
fn configuration(bytes: &[u8]) {
    let path = Path::new("/etc/mailx-t/config.toml");
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = Config::of(path, &text, Source::System(path.into())) {
        let sentence = error.to_string();
        assert!(sentence.starts_with("/etc/mailx-t/config.toml"), "{sentence}");
        is_one_line(&sentence);
    }
}

/// A caller of `sendmail -bs` hears one well-formed answer for each line and cannot take memory without end; a mail has
/// recipients, and no more octets than the limit.
fn dialogue(bytes: &[u8]) {
    const MOST: u64 = 1000;
    let mut wire = Wire::new(bytes);
    let mut dialogue = Dialogue::new("web1", MOST);
    loop {
        let step = match wire.line().expect("memory can be read") {
            Line::End => return,
            Line::Text(line) => dialogue.take(&line, &mut |address| !Mailbox::list(address.as_bytes()).is_empty()),
            Line::TooLong => dialogue.take_too_long(),
        };
        let (Step::Answer(reply) | Step::Take(reply, _) | Step::End(reply)) = &step;
        let text = reply.to_string();
        assert!(text.is_ascii() && text.ends_with("\r\n"), "{text:?}");
        text.split_terminator("\r\n").for_each(is_one_line);
        match step {
            Step::Answer(_) => {}
            Step::End(_) => return,
            Step::Take(_, transaction) => {
                assert!(!transaction.recipients.is_empty());
                let mut content = wire.content(MOST);
                let mut read = Vec::new();
                let is_whole = content.read_to_end(&mut read).is_ok();
                assert!(read.len() as u64 <= MOST);
                assert!(!is_whole || !content.is_cut() && !content.is_too_large());
                let _ = content.pass_over();
            }
        }
    }
}

/// An envelope block is the same after it is written and read again.
fn entry(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(found) = Entry::parse(&text) else { return };
    let again = |entry: &Entry| Entry::parse(entry.block().0.trim_end_matches('\n')).expect("our own block is read");
    let once = again(&found);
    assert_eq!(
        (&once.id, once.uid, once.size, &once.reverse_path),
        (&found.id, found.uid, found.size, &found.reverse_path)
    );
    let addresses = |entry: &Entry| entry.recipients.iter().map(|r| r.address.to_string()).collect::<Vec<_>>();
    assert_eq!(addresses(&once), addresses(&found));
    assert_eq!(again(&once), once);
}

/// The settings of any mailer are a configuration of ours, or sentences fit for a terminal.
fn import(bytes: &[u8]) {
    const KINDS: [&str; 9] = ["postfix", "ssmtp", "uci", "esmtp", "dma", "exim", "mailrc", "msmtp", "nullmailer"];
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let kind = Kind::from_name(KINDS[usize::from(*first) % KINDS.len()]).expect("a kind");
    let path = Path::new("/etc/mailx-t/config.toml");
    let mut imported = import::of_text(kind, &String::from_utf8_lossy(rest));
    match import::write(&mut imported, path) {
        Ok(written) => {
            Config::of(path, &written.config, Source::System(path.into())).expect("our own configuration is read");
        }
        Err(error) => is_one_line(&error.to_string()),
    }
    imported.notes().iter().for_each(|note| is_one_line(note));
}

/// A journal settles nobody by a line that is not whole.
fn journal(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let progress = Progress::parse(&text);
    assert!(progress.last.len() <= text.matches('\n').count());
    for recipient in progress.last.keys() {
        let _ = progress.is_settled(*recipient);
    }
}

/// Any input becomes a mail that is legal on the wire, however it comes in, and no byte of it is lost to reading, but
/// for an indentation, blank lines at the start and the `-e` of an echo.
fn message(bytes: &[u8]) {
    let read = |input: &mut dyn Read| {
        let mut body = Vec::new();
        let message = Message::read_mended(input, &mut body).expect("memory can be read");
        (message, body)
    };
    let (message, body) = read(&mut &bytes[..]);
    let (dripped, same) = read(&mut Drip(bytes));
    assert!(dripped.octets() == message.octets() && same == body, "pieces make a difference");
    let visible = |octets: &[u8]| -> Vec<u8> {
        octets.iter().copied().filter(|octet| !octet.is_ascii_whitespace() && *octet != b';').collect()
    };
    let (came, read) = (visible(bytes), visible(&[message.octets(), &body].concat()));
    assert!(came.ends_with(&read) && came.len() - read.len() <= "-en".len(), "bytes are lost");

    let moment = Moment {
        caller: Caller { uid: 0, name: "root".into(), full_name: None, home: None },
        host: "web1".into(),
        hosts: vec!["web1".into()],
        id: QueueId::parse("0123456789ABCDE").expect("an id"),
        unique: "0123456789ABCDE".into(),
        arrived: jiff::Timestamp::UNIX_EPOCH,
        date: "Fri, 20 Nov 2026 09:30:00 +0000".into(),
    };
    let request = Request { input: Input::Formatted, ..Request::default() };
    let prepared = prepare(&request, &CONFIG, &message, &moment).expect("there is always the account");
    is_legal_head(&prepared.rewritten.head);
    let mut out = Vec::new();
    prepared.rewritten.write(&mut &body[..], &mut out).expect("memory can be written");
    let no_line_ends = String::from_utf8_lossy(&out).replace("\r\n", "");
    assert!(!no_line_ends.contains(['\r', '\n']), "a bare CR or LF is on the wire");
}

/// Any answer of a server is a reply with a printable line, or an error; it never takes memory without end.
fn replies(bytes: &[u8]) {
    let mut replies = Replies::default();
    let mut from = bytes;
    while let Ok(answer) = replies.read(&mut from) {
        assert!((200..600).contains(&answer.code) && !answer.lines.is_empty());
        let _ = Capabilities::of(&answer.lines);
        let line = answer.reply().to_string();
        is_one_line(&line);
        assert!(line.chars().count() < 1100, "{} characters are kept", line.len());
    }
}

/// The text is fit for a log and a terminal.
fn is_one_line(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?} has control characters");
}

/// RFC 5322 sections 2.1.1 and 2.2: ASCII in lines of 998 octets at most, ended by CRLF alone; none of them is empty.
fn is_legal_head(head: &[u8]) {
    let head = head.strip_suffix(b"\r\n\r\n").expect("a header section ends with an empty line");
    let shown = String::from_utf8_lossy(head);
    assert!(head.is_ascii(), "{shown:?} is not ASCII");
    for line in shown.split("\r\n") {
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?} is not fit for a header section");
        assert!(!line.is_empty() && line.len() <= 998, "a line of {} octets: {line:?}", line.len());
    }
}

/// Gives one byte at a time.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}

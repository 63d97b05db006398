//! The input of real programs, and the mail we make of it: each folder of `fixtures/captures` holds a command line and
//! a stdin as they were recorded, and the expected envelope and message.
//!
//! `BLESS=1 cargo test --test all golden::captures` writes the expected files anew; read the difference before you
//! commit it. Rules for every mail, blessed or not, are asserted separately, with a reader of header sections that
//! shares no code with ours. Paths are relative to the package, where cargo runs its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::rc::Rc;

use crate::support::captures::{Capture, PLACE};
use crate::support::fixtures::{Settings, expected, with_crlf};
use mailx_t::cli::{self, Command, People};
use mailx_t::command::submission::compose::Composition;
use mailx_t::command::submission::prepare::{Moment, prepare};
use mailx_t::command::submission::request::Input;
use mailx_t::command::submission::take;
use mailx_t::message::{Mailbox, decoded, text};
use mailx_t::spool::{EntryRecipient, QueueId};
use mailx_t::system::Caller;

/// The number of captures on which the reference programs agree.
const AGREED: usize = 78;
/// The only sender that the smarthost of `fixtures/config.toml` allows.
const ACCOUNT: &str = "mail@example.org";

#[test]
fn captures_become_the_mails_expected() {
    walk(|case| {
        let mail = case.submit(&case.capture.stdin)?;
        for (name, found) in [("envelope", mail.envelope.as_bytes()), ("message", &mail.message)] {
            same(name, &expected(&case.capture.folder.join(name), found), found)?;
        }
        Ok(())
    });
}

#[test]
fn line_ends_of_the_input_make_no_difference() {
    walk(|case| {
        let (plain, other) = (case.submit(&case.capture.stdin)?, case.submit(&with_crlf(&case.capture.stdin))?);
        same("envelope from CRLF", plain.envelope.as_bytes(), other.envelope.as_bytes())?;
        same("message from CRLF", &plain.message, &other.message)
    });
}

#[test]
fn header_section_is_one_that_any_provider_takes() {
    walk(|case| {
        let mail = case.submit(&case.capture.stdin)?;
        for (name, most) in [("Date", 1), ("From", 1), ("Message-ID", 1), ("Subject", 1), ("To", 1)] {
            let count = mail.values(name).len();
            ensure(count == most, || format!("{name} stands {count} times"))?;
        }
        for name in ["Bcc", "Resent-Bcc", "Return-Path", "X-Cron-Env"] {
            ensure(mail.values(name).is_empty(), || format!("{name} leaves the house"))?;
        }
        let from = Mailbox::list(mail.values("From")[0].as_bytes());
        let from: Vec<&str> = from.iter().map(|mailbox| mailbox.address.as_str()).collect();
        ensure(from == [ACCOUNT], || format!("From is {from:?}"))?;
        ensure(mail.head.is_ascii(), || "the header section has bytes over 127".into())?;
        let longest = mail.head.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or_default();
        ensure(longest <= 999, || format!("a field has a line of {longest} octets, RFC 5322 section 2.1.1 allows 998"))
    });
}

#[test]
fn subject_reads_as_it_was_written() {
    walk(|case| {
        let mail = case.submit(&case.capture.stdin)?;
        let Some(written) = &mail.subject_given else { return Ok(()) };
        let found = words(&decoded(mail.values("Subject")[0].as_bytes()));
        same("subject", words(written).as_bytes(), found.as_bytes())
    });
}

#[test]
fn secrets_of_the_crontab_stay_at_home() {
    let mut secrets = 0;
    walk(|case| {
        let mail = case.submit(&case.capture.stdin)?;
        for (_, value) in header_and_body(&case.capture.stdin).0 {
            let variable = value.trim().strip_prefix('<').and_then(|value| value.strip_suffix('>'));
            let Some((name, value)) = variable.and_then(|variable| variable.split_once('=')) else { continue };
            if ["PASS", "SECRET", "TOKEN", "KEY"].iter().any(|word| name.contains(word)) {
                secrets += 1;
                ensure(!text(&mail.head).contains(value), || format!("the header section tells {name}"))?;
            }
        }
        Ok(())
    });
    assert!(secrets > 0, "no capture has a secret to lose");
}

#[test]
fn lines_end_in_crlf_and_plain_bodies_arrive_whole() {
    walk(|case| {
        let mail = case.submit(&case.capture.stdin)?;
        let without_line_ends = text(&mail.message).replace("\r\n", "");
        ensure(!without_line_ends.contains(['\r', '\n']), || "a CR or LF stands alone".into())?;
        ensure(mail.message.ends_with(b"\r\n"), || "the last line has no end".into())?;
        let mut expected = with_crlf(&mail.body_given);
        let is_plain = |byte: &u8| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~');
        let longest = expected.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or_default();
        if expected.trim_ascii().is_empty() || !expected.iter().all(is_plain) || longest > 999 {
            return Ok(());
        }
        if !expected.ends_with(b"\n") {
            expected.extend_from_slice(b"\r\n");
        }
        same("body", &expected, &mail.message[mail.head.len()..])
    });
}

#[test]
fn recipients_are_those_that_three_mtas_agree_on() {
    let reference = reference();
    let mut agreed = 0;
    walk(|case| {
        let Some(theirs) = reference.get(case.capture.name()) else { return Ok(()) };
        agreed += 1;
        let expected: BTreeSet<String> = theirs.iter().map(|address| case.with_our_settings(address)).collect();
        let found = case.submit(&case.capture.stdin)?.recipients.into_iter().map(|r| r.address.to_string()).collect();
        ensure(expected == found, || format!("recipients are {found:?}, by the reference {expected:?}"))
    });
    assert_eq!(agreed, AGREED, "captures with a reference");
}

/// One folder.
struct Case {
    capture: Capture,
    caller: String,
    settings: Rc<Settings>,
}

/// Its outcome.
struct Mail {
    envelope: String,
    recipients: Vec<EntryRecipient>,
    head: Vec<u8>,
    /// Head and body as they would stand in the queue.
    message: Vec<u8>,
    /// The subject the caller gave, readable.
    subject_given: Option<String>,
    body_given: Vec<u8>,
}

impl Case {
    fn of(capture: Capture, settings: Rc<Settings>) -> Self {
        let caller = fs::read_to_string(capture.folder.join("caller")).unwrap_or("root".into());
        Self { caller: caller.trim().into(), capture, settings }
    }

    /// The way of a mail from argv to the wire, without the disk.
    fn submit(&self, stdin: &[u8]) -> Result<Mail, String> {
        let argv: Vec<OsString> = self.capture.argv.iter().map(OsString::from).collect();
        let command = cli::command(&argv[0], argv[1..].to_vec(), People::default());
        let Command::Submit { request, .. } = command.map_err(|error| error.to_string())?.command else {
            return Err("is no submission".into());
        };
        let mut body = Vec::new();
        let message = take::read(&request, &mut &stdin[..], &mut body).map_err(|error| error.to_string())?;
        let prepared =
            prepare(&request, &self.settings.config, &message, &self.moment()).map_err(|error| error.to_string())?;
        let mut whole = Vec::new();
        prepared.rewritten.write(&mut &body[..], &mut whole).map_err(|error| error.to_string())?;
        let head = prepared.rewritten.head;
        let (subject_given, body_given) = given(&request.input, stdin);
        let recipients = prepared.entry.recipients;
        let reverse_path = prepared.entry.reverse_path.map(|address| address.to_string()).unwrap_or_default();
        Ok(Mail {
            envelope: envelope(&reverse_path, &recipients),
            recipients,
            head,
            message: whole,
            subject_given,
            body_given,
        })
    }

    /// The machine is called `host`, not `host.example`: the captures' `ops@host.example` is then somebody elsewhere,
    /// as in most mail, and only bare names are local.
    fn moment(&self) -> Moment {
        let uid = if self.caller == "root" { 0 } else { 1001 };
        Moment {
            caller: Caller { uid, name: self.caller.clone(), full_name: None, home: None },
            host: "host".into(),
            hosts: vec!["host".into(), "localhost".into()],
            id: QueueId::parse("0123456789ABCDE").unwrap(),
            unique: "0123456789ABCDE".into(),
            arrived: jiff::Timestamp::UNIX_EPOCH,
            date: "Fri, 20 Nov 2026 09:30:00 +0000".into(),
        }
    }

    /// The reference programs ran on `host.example` and added that to bare names, for which we have aliases and a
    /// domain.
    fn with_our_settings(&self, reference: &str) -> String {
        let is_recipient = |name: &str| ["to", "cc", "bcc"].contains(&name.to_lowercase().as_str());
        let fields = header_and_body(&self.capture.stdin).0.into_iter();
        let fields = fields.filter(|(name, _)| is_recipient(name)).map(|(_, value)| value);
        let operands = self.capture.argv.iter().cloned();
        let is_written =
            fields.chain(operands).any(|text| text.split([' ', ',', '<', '>']).any(|word| word == reference));
        match reference.strip_suffix("@host.example") {
            Some("root") if !is_written => "ops@example.org".into(),
            Some(name) if !is_written => format!("{name}@example.org"),
            _ => reference.into(),
        }
    }
}

impl Mail {
    fn values(&self, name: &str) -> Vec<String> {
        let fields = header_and_body(&self.head).0.into_iter();
        fields.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

/// Asks this of every capture, and fails with all the faults it found.
fn walk(mut ask: impl FnMut(&Case) -> Result<(), String>) {
    let settings = Rc::new(Settings::copied());
    let cases = Capture::of_mails().into_iter().map(|capture| Case::of(capture, Rc::clone(&settings)));
    let failures: Vec<String> = cases
        .filter_map(|case| ask(&case).err().map(|problem| format!("{}: {problem}", case.capture.name())))
        .collect();
    assert!(failures.is_empty(), "{} of the captures:\n{}", failures.len(), failures.join("\n"));
}

/// As it stands in the file: the reverse-path, then one recipient a line, with the name it was made from.
fn envelope(reverse_path: &str, recipients: &[EntryRecipient]) -> String {
    let original = |name: &Option<String>| name.as_ref().map(|name| format!(" for {name}")).unwrap_or_default();
    let recipients = recipients.iter().map(|r| format!("RCPT TO:<{}>{}\n", r.address, original(&r.original)));
    format!("MAIL FROM:<{reverse_path}>\n{}", recipients.collect::<String>())
}

/// The subject and the body that the caller gave.
fn given(input: &Input, stdin: &[u8]) -> (Option<String>, Vec<u8>) {
    let option =
        |given: &Composition| given.fields.iter().find(|(name, _)| name == "Subject").map(|(_, value)| text(value));
    let (fields, body) = header_and_body(stdin);
    let field = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("Subject"));
    let readable = |value: String| if value.contains("=?") { decoded(value.as_bytes()) } else { value };
    let field = field.map(|(_, value)| readable(value));
    match input {
        Input::Formatted => (field, body.to_vec()),
        Input::FormattedWith(given) => (field.or_else(|| option(given)), body.to_vec()),
        Input::Body(given) => (option(given), stdin.to_vec()),
    }
}

/// Names and unfolded values of a header section, and the octets after it.
fn header_and_body(octets: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let (mut fields, mut rest): (Vec<(String, String)>, _) = (Vec::new(), octets);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let line = text(&rest[..end]).trim_end_matches(['\r', '\n']).to_string();
        let field = line.split_once(':').filter(|(name, _)| !name.contains(' '));
        match (fields.last_mut(), field) {
            _ if line.is_empty() => return (fields, &rest[end..]),
            (Some((_, value)), _) if line.starts_with([' ', '\t']) => value.push_str(&line),
            (_, Some((name, value))) => fields.push((name.into(), value.into())),
            (None, _) if line.starts_with("From ") => {}
            _ => break,
        }
        rest = &rest[end..];
    }
    (fields, rest)
}

/// The recipients of the captures on which Postfix, Sendmail and Exim agree, by name.
fn reference() -> BTreeMap<String, BTreeSet<String>> {
    let table = fs::read_to_string(format!("{PLACE}/reference.tsv")).unwrap();
    let mut answers: BTreeMap<String, Vec<BTreeSet<String>>> = BTreeMap::new();
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let recipients = columns[3].split(' ').map(|address| address.trim_matches(['<', '>']).to_string()).collect();
        answers.entry(columns[0].into()).or_default().push(recipients);
    }
    let agreed =
        answers.into_iter().filter(|(_, answers)| answers.len() == 3 && answers.windows(2).all(|w| w[0] == w[1]));
    agreed.map(|(name, mut answers)| (name, answers.remove(0))).collect()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Fails with the first line that differs, of both.
fn same(what: &str, expected: &[u8], found: &[u8]) -> Result<(), String> {
    let lines = |octets: &[u8]| -> Vec<String> {
        octets.split_inclusive(|byte| *byte == b'\n').map(|line| line.escape_ascii().to_string()).collect()
    };
    let (expected, found) = (lines(expected), lines(found));
    let Some(at) = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at)) else {
        return Ok(());
    };
    let line = |lines: &[String]| lines.get(at).cloned().unwrap_or("(its end)".into());
    Err(format!("{what}, line {}\n  expected: {}\n  found:    {}", at + 1, line(&expected), line(&found)))
}

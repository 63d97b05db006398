//! The repairs of faulty mails: each folder of `fixtures/repairs` holds an input (`in`), settings of `[rewrite]` if it
//! needs some (`config`), and the expected mail (`out`). Its name begins with the name of the repair that it shows.
//!
//! `BLESS=1 cargo test --test all golden::repairs` writes the expected files anew; read the difference before you
//! commit it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::fixtures::{expected, with_crlf};
use mail_parser::MessageParser;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mailx_t::command::submission::prepare::{Moment, prepare};
use mailx_t::command::submission::request::{Input, Request};
use mailx_t::command::submission::take;
use mailx_t::config::{Config, Source};
use mailx_t::envelope::Destination;
use mailx_t::message::{Message, decoded};
use mailx_t::rewrite::Repair;
use mailx_t::spool::QueueId;
use mailx_t::system::Caller;
use proptest::prelude::*;

const DOCUMENT: &str = include_str!("../../docs/repairs.md");
/// A walk that finds fewer folders proves nothing.
const FOLDERS: usize = 56;

#[test]
fn each_folder_becomes_the_mail_expected_in_lf_and_crlf() {
    for folder in folders() {
        let given = fs::read(folder.join("in")).unwrap();
        let config = config(&folder);
        let (mail, repairs) = sent(&config, &given);
        let expected = expected(&folder.join("out"), &mail);
        assert_eq!(mail.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{}", folder.display());
        let is_shown = repairs.iter().any(|repair| name(&folder).starts_with(repair.as_str()));
        assert!(is_shown, "{} shows only {repairs:?}", folder.display());
        let (crlf, _) = sent(&config, &with_crlf(&given));
        assert_eq!(crlf.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{}, CRLF", folder.display());
    }
}

#[test]
fn what_has_been_mended_needs_no_repair() {
    for folder in folders() {
        let mail = fs::read(folder.join("out")).unwrap();
        let (again, repairs) = sent(&config(&folder), &mail);
        assert_eq!(again.escape_ascii().to_string(), mail.escape_ascii().to_string(), "{}", folder.display());
        assert!(repairs.is_empty(), "{}: {repairs:?}", folder.display());
    }
}

#[test]
fn each_repair_has_a_folder_and_a_row_in_the_document() {
    let folders: Vec<String> = folders().iter().map(|folder| name(folder)).collect();
    let names: BTreeSet<&str> = Repair::ALL.iter().map(|repair| repair.name()).collect();
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    assert_eq!(rows.map(|(name, _)| name).collect::<BTreeSet<_>>(), names, "docs/repairs.md");
    for name in names {
        // The cut of a mail depends on the place where the whole is kept: tested there.
        assert!(
            name.ends_with("cut") || folders.iter().any(|folder| folder.starts_with(name)),
            "no folder shows {name}"
        );
    }
}

#[test]
fn other_parsers_read_every_mail_expected_without_a_defect() {
    for folder in folders() {
        let mail = fs::read(folder.join("out")).unwrap();
        let message = MessageParser::new().parse(&mail).unwrap();
        let broken = message.parts.iter().filter(|part| part.is_encoding_problem).count();
        assert_eq!(broken, 0, "{}: mail-parser cannot decode a part", folder.display());
    }
    let check = Command::new("python3").arg("tests/golden/wire.py").output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&[check.stdout, check.stderr].concat()));
}

/// Lines that cron's jobs print, and lines that break mails, in any order.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        "(From|To|Cc|Subject|Subject |Date|X-Y|Received|Resent-To|Comments): [ -~]{0,40}\n",
        "(Subject|From|To|X-Y): [ -~é备\u{1}]{0,40}\n",
        "Content-Type: (text/(plain|html)|multipart/mixed|message/rfc822|application/x)(; (charset|boundary)=[a-z0-9-]{1,9})?\n",
        "Content-Transfer-Encoding: (7bit|8bit|binary|base64|quoted-printable|x)\n",
        "--[a-z]{1,3}(--)?\r?\n",
        "[ -~é备\r]{0,60}\r?\n",
        "\n",
    ];
    let bytes = prop_oneof![
        6 => line.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 900usize..1200).prop_map(|(byte, count)| vec![byte; count]),
    ];
    proptest::collection::vec(bytes, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_input_becomes_legal_on_the_wire_and_a_second_pass_changes_nothing(input in anything()) {
        let config = config(Path::new("/nonexistent"));
        let (mail, _) = sent(&config, &input);
        let rest = String::from_utf8_lossy(&mail).replace("\r\n", "");
        prop_assert!(!rest.contains(['\r', '\n', '\0']));
        prop_assert!(mail.split(|b| *b == b'\n').all(|line| line.len() <= 999));
        let head = mail.windows(4).position(|octets| octets == b"\r\n\r\n").unwrap();
        prop_assert!(mail[..head].is_ascii());
        let (again, _) = sent(&config, &mail);
        prop_assert_eq!(again.escape_ascii().to_string(), mail.escape_ascii().to_string());
    }
}

/// A mail that needs no repair, and now and then a line that does.
fn nearly_legal() -> impl Strategy<Value = Vec<u8>> {
    let before = prop_oneof![9 => Just(""), 1 => Just("From root Fri Nov 20 01:02:03 2026\n"), 1 => Just("\u{feff}")];
    let field = prop_oneof![
        6 => "(X-Y|Comments|Received|Cc|Reply-To): a@example[.]net( [a-z ]{0,9}[a-z])?\n",
        3 => "X-Z: [a-z]{0,5}\r?\n[ \t]{1,2}[a-z]{1,5} ?\n",
        1 => Just("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n".to_string()),
        1 => "(X-Y |Bcc|X-Z|Date|[a-z]+ [a-z]+): [ -~é\u{1}]{0,9}\n( \n)?( x\n)?",
        1 => (900usize..1100).prop_map(|count| format!("X-Y: {}\n", "x".repeat(count))),
    ];
    let line = prop_oneof![9 => "[ -~]{0,60}\r?\n", 1 => "[ -~é\r\0\u{1b}]{0,20}\n", 1 => "[.]\n", 1 => "x{990,1010}"];
    let fields = proptest::collection::vec(field, 0..3).prop_map(|fields| fields.concat());
    let body = proptest::collection::vec(line, 0..4).prop_map(|lines| lines.concat());
    (before, fields, prop_oneof![9 => Just("\n"), 1 => Just("")], body).prop_map(|(before, fields, blank, body)| {
        let legal = "From: mail@example.org\nTo: ops@example.org\nSubject: s\nDate: Fri, 20 Nov 2026 01:02:03 +0000\n\
                     Message-ID: <1@example.org>\n";
        format!("{before}{legal}{fields}{blank}{body}").into_bytes()
    })
}

/// Repairs that change the body or its labels, and no other field.
const OF_THE_BODY: [&str; 7] = ["body", "charset", "encoding", "parts", "separator", "set-aside", "terminal-codes"];

proptest! {
    #[test]
    fn nothing_changes_that_no_repair_names(input in nearly_legal()) {
        let (mail, repairs) = sent(&config(Path::new("/nonexistent")), &input);
        let mut written = with_crlf(&input);
        if !written.ends_with(b"\n") {
            written.extend_from_slice(b"\r\n");
        }
        let (of_body, of_fields): (Vec<&str>, Vec<&str>) =
            repairs.iter().map(String::as_str).partition(|repair| OF_THE_BODY.contains(repair));
        let ((fields, body), (new_fields, new_body)) = (apart(&written), apart(&mail));
        if of_body.is_empty() {
            prop_assert_eq!(body.escape_ascii().to_string(), new_body.escape_ascii().to_string(), "{:?}", repairs);
        }
        if of_fields.is_empty() && !repairs.iter().any(|repair| repair == "set-aside") {
            prop_assert_eq!(fields, new_fields, "{:?}", repairs);
        }
        if repairs.is_empty() {
            prop_assert_eq!(written.escape_ascii().to_string(), mail.escape_ascii().to_string());
        }
    }

    #[test]
    fn wire_form_reads_back_as_the_same_fields_and_the_same_text(input in prop_oneof![anything(), nearly_legal()]) {
        let (mail, repairs) = sent(&config(Path::new("/nonexistent")), &input);
        let is_made = |name: &str| repairs.iter().any(|repair| repair == name);
        let ((before, body), (after, wire)) = (read(&input), read(&mail));
        prop_assume!(!is_made("set-aside") && before.fields().all(|field| std::str::from_utf8(field.value).is_ok()));
        for (name, becomes) in
            [("Comments", "Comments"), ("Received", "Received"), ("X-Y", "X-Y"), ("X-Z", "X-Z"), ("", "X-Malformed")]
        {
            prop_assert_eq!(said(&before, name), said(&after, becomes), "{:?}", repairs);
        }
        if let Some(subject) = said(&before, "Subject").into_iter().next().filter(|subject| !subject.is_empty()) {
            prop_assert_eq!(vec![subject], said(&after, "Subject"));
        }
        let kind = before.named("Content-Type").next().and_then(|field| field.media_type());
        let holds_others = kind.is_some_and(|kind| kind.has_parts() || kind.is_message());
        if !holds_others && !is_made("body") && !["base64", "quoted-printable"].contains(&encoding(&before).as_str()) {
            let text = match encoding(&after).as_str() {
                "base64" => base64_decode(&wire).unwrap(),
                "quoted-printable" => quoted_printable_decode(&wire).unwrap(),
                _ => wire,
            };
            prop_assert_eq!(lines(&text), lines(&body), "{:?}", repairs);
        }
    }
}

/// As by `sendmail -t`.
fn read(mail: &[u8]) -> (Message, Vec<u8>) {
    let mut body = Vec::new();
    let message = Message::read_mended(&mut &mail[..], &mut body).unwrap();
    (message, body)
}

/// The fields except those about the body, and the body, of a mail with CRLF.
fn apart(mail: &[u8]) -> (Vec<String>, Vec<u8>) {
    let (message, body) = read(mail);
    let is_label = |name: &str| name.to_ascii_lowercase().starts_with("content-") || name == "MIME-Version";
    let before = &mail[..if message.has_preamble() { 1 } else { 0 }];
    let fields = message.fields().filter(|field| !is_label(field.name)).map(|field| field.octets);
    (std::iter::once(before).chain(fields).map(|octets| octets.escape_ascii().to_string()).collect(), body)
}

/// The fields of that name as a reader sees them, without blanks, control characters and what stands for them.
fn said(message: &Message, name: &str) -> Vec<String> {
    let is_seen = |c: &char| !c.is_whitespace() && !c.is_control() && *c != '?';
    message.named(name).map(|field| decoded(field.value).chars().filter(is_seen).collect()).collect()
}

/// The Content-Transfer-Encoding in lower case, empty without one.
fn encoding(message: &Message) -> String {
    let value = message.named("Content-Transfer-Encoding").next().map(|field| decoded(field.value));
    value.unwrap_or_default().trim().to_ascii_lowercase()
}

/// Line ends are not part of a text, nor are empty lines at its end.
fn lines(text: &[u8]) -> Vec<String> {
    let bare = |line: &[u8]| {
        let text = line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n"));
        text.unwrap_or(line).escape_ascii().to_string()
    };
    let mut lines: Vec<String> = text.split_inclusive(|byte| *byte == b'\n').map(bare).collect();
    lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
    lines
}

/// The mail as it would stand in the queue, and the repairs made.
fn sent(config: &Config, input: &[u8]) -> (Vec<u8>, Vec<String>) {
    let mut body = Vec::new();
    let request = Request {
        input: Input::Formatted,
        destination: Destination { extract: true, ..Destination::default() },
        ..Request::default()
    };
    let message = take::read(&request, &mut &input[..], &mut body).unwrap();
    let prepared = prepare(&request, config, &message, &moment()).unwrap();
    let mut mail = Vec::new();
    prepared.rewritten.write(&mut &body[..], &mut mail).unwrap();
    (mail, prepared.entry.repairs)
}

fn moment() -> Moment {
    Moment {
        caller: Caller { uid: 0, name: "root".into(), full_name: None, home: None },
        host: "host".into(),
        hosts: vec!["host".into(), "localhost".into()],
        id: QueueId::parse("0123456789ABCDE").unwrap(),
        unique: "0123456789ABCDE".into(),
        arrived: jiff::Timestamp::UNIX_EPOCH,
        date: "Fri, 20 Nov 2026 09:30:00 +0000".into(),
    }
}

/// The settings of the captures, and the folder's own.
fn config(folder: &Path) -> Config {
    let settings = fs::read_to_string("fixtures/config.toml").unwrap();
    let own = fs::read_to_string(folder.join("config")).unwrap_or_default();
    let settings = settings.replace("[rewrite]\n", &format!("[rewrite]\n{own}"));
    assert!(settings.contains(&own), "fixtures/config.toml has no [rewrite]");
    let path = Path::new("/fixtures/config.toml");
    Config::of(path, &settings, Source::System(path.into())).unwrap()
}

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir("fixtures/repairs").unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= FOLDERS, "only {} folders were found", folders.len());
    folders
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

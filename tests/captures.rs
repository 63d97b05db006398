//! What cron daemons really hand in, delivered through a provider that takes mail only where MAIL FROM and the
//! From field are the login: the envelope, the header section and the body that arrive.
//!
//! `fixtures/captures/NNN-name/argv` is the command line, one argument a line, `stdin` the bytes.

// What fails here fails the test, in the helpers too.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use mail_parser::MessageParser;
use support::machine::{DEFAULT, HANG, USER};
use support::{Machine, Received, Smarthost};

const OPS: &str = "ops@host.example";
const DEV: &str = "dev@host.example";
const CRON: &str = "ops+cron@host.example";

/// A capture: as whom the daemon called us, with which arguments, and what it wrote.
struct Capture {
    name: String,
    arguments: Vec<String>,
    stdin: Vec<u8>,
}

impl Capture {
    fn read(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures").join(name);
        let argv = fs::read_to_string(directory.join("argv")).unwrap();
        let mut arguments = argv.lines().map(str::to_owned);
        let name = arguments.next().unwrap();
        Self { name, arguments: arguments.collect(), stdin: fs::read(directory.join("stdin")).unwrap() }
    }

    /// The value of a field it wrote.
    fn field(&self, name: &str) -> String {
        let text = String::from_utf8_lossy(&self.stdin).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
        line.unwrap()
    }

    /// The body it wrote, with the line ends of the wire.
    fn body(&self) -> String {
        let text = String::from_utf8(self.stdin.clone()).unwrap();
        let body = text.split_once("\n\n").unwrap().1;
        body.lines().map(|line| format!("{line}\r\n")).collect()
    }
}

/// Delivers a capture as its daemon would, and checks what is the same for all of them.
fn delivered(name: &str, recipients: &[&str]) -> (Capture, Received) {
    let capture = Capture::read(name);
    let machine = Machine::strict(Smarthost::new());
    let arguments: Vec<_> = capture.arguments.iter().map(String::as_str).collect();
    let ran = machine.run(&capture.name, &arguments, &capture.stdin);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    assert!(machine.smarthost().wait_for(1, HANG) && machine.smarthost().wait_until_idle(HANG));
    assert!(machine.queue().is_empty() && machine.failed().is_empty());

    let mail = machine.smarthost().mails().remove(0);
    assert_eq!((mail.reverse_path.as_str(), mail.addresses()), (USER, recipients.to_vec()));
    for field in ["Date", "Message-ID", "From", "To", "Subject"] {
        assert_eq!(mail.header(field).len(), 1, "{field}");
    }
    assert!(mail.header("From")[0].contains(&format!("<{USER}>")), "{:?}", mail.header("From"));
    assert_eq!(mail.header("X-Cron-Env"), <[&str; 0]>::default());
    let parsed = MessageParser::new().parse(&mail.content).unwrap();
    assert_eq!(parsed.subject(), Some(capture.field("Subject").as_str()));
    (capture, mail)
}

/// As `delivered`, and the body is what the daemon wrote, byte for byte; no receiver could object to anything.
fn delivered_as_it_is(name: &str, recipients: &[&str]) -> Received {
    let (capture, mail) = delivered(name, recipients);
    assert_eq!(String::from_utf8_lossy(mail.body()), capture.body());
    assert_eq!(mail.oddities(), <[&str; 0]>::default());
    mail
}

#[test]
fn cronie_root_without_mailto() {
    delivered_as_it_is("001-cronie-root-no-mailto", &[DEFAULT]);
}

#[test]
fn cronie_user_without_mailto() {
    delivered_as_it_is("002-cronie-user-no-mailto", &[DEFAULT]);
}

#[test]
fn cronie_one_recipient() {
    let mail = delivered_as_it_is("003-cronie-one-rcpt", &[OPS]);
    assert_eq!(mail.header("To"), [OPS]);
    assert_eq!(mail.header("Auto-Submitted"), ["auto-generated"]);
}

#[test]
fn cronie_two_recipients() {
    delivered_as_it_is("004-cronie-two-rcpt", &[OPS, DEV]);
}

#[test]
fn cronie_chinese_output_labelled_ascii() {
    let mail = delivered_as_it_is("006-cronie-utf8-nolang", &[CRON]);
    assert!(mail.mail_parameters.contains(&"BODY=8BITMIME".to_owned()), "{:?}", mail.mail_parameters);
}

#[test]
fn cronie_no_final_newline() {
    delivered_as_it_is("010-cronie-no-final-newline", &[CRON]);
}

#[test]
fn cronie_nul_in_the_output() {
    let (_, mail) = delivered("013-cronie-nul", &[CRON]);
    let parsed = MessageParser::new().parse(&mail.content).unwrap();
    let text = parsed.body_text(0).unwrap().into_owned();
    assert!(text.starts_with("nul ") && text.trim_end().ends_with(" byte"), "{text:?}");
}

#[test]
fn cronie_html_in_quoted_printable() {
    let mail = delivered_as_it_is("018-cronie-html-qp", &[CRON]);
    assert_eq!(mail.header("Content-Transfer-Encoding"), ["quoted-printable"]);
    assert!(mail.header("Content-Type")[0].starts_with("text/html"));
}

#[test]
fn cronie_secrets_of_the_crontab_stay_out_of_the_header() {
    let mail = delivered_as_it_is("022-cronie-env-leak", &[CRON]);
    let head = mail.content.len() - mail.body().len();
    assert!(!String::from_utf8_lossy(&mail.content[..head]).contains("sekret123"));
}

#[test]
fn cronie_handler_for_root() {
    delivered_as_it_is("029-cronie-m-noargs-root", &[DEFAULT]);
}

#[test]
fn cronie_handler_with_a_lone_dot_in_the_output() {
    delivered_as_it_is("030-cronie-m-noargs-user", &[OPS]);
}

#[test]
fn cronie_handler_mailx_with_subject_and_t() {
    delivered_as_it_is("033-cronie-m-mailx-s-t", &[OPS]);
}

#[test]
fn debian_cron_root_without_mailto() {
    delivered_as_it_is("036-debcron-root-no-mailto", &[DEFAULT]);
}

#[test]
fn debian_cron_two_recipients_in_one_operand() {
    delivered_as_it_is("037-debcron-two-rcpt", &[OPS, DEV]);
}

#[test]
fn debian_cron_chinese_output_labelled_ascii() {
    delivered_as_it_is("038-debcron-utf8-nolang", &[CRON]);
}

//! The input of real cron daemons, delivered through a provider that takes mail only if MAIL FROM and the From field
//! are the login: the envelope, the header section and the body that arrive.
//!
//! `fixtures/README.md` says what a recording holds.

use std::fs::{self, File};
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::smarthost::{HANG, Received, Smarthost};
use crate::support::Machine;
use crate::support::captures::Capture;
use crate::support::machine::{DEFAULT, Ran, USER, door_path, start};
use mail_parser::{MessageParser, MimeHeaders};

const OPS: &str = "ops@host.example";
const DEV: &str = "dev@host.example";
const CRON: &str = "ops+cron@host.example";

impl Capture {
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

    /// The door as that program started it: name, arguments, environment, kinds of streams.
    fn run(&self, machine: &Machine) -> Ran {
        let streams = self.file("streams");
        let kinds: Vec<&str> = streams.split_whitespace().collect();
        // Only a shell can close a stream for another program; it does not change argv[0] for us.
        let closed: String = [(1, ">&-"), (2, "2>&-")]
            .iter()
            .filter(|(n, _)| kinds[*n] == "closed")
            .map(|(_, r)| *r)
            .collect::<Vec<_>>()
            .join(" ");
        let mut command = if closed.is_empty() { Command::new(door_path()) } else { Command::new("/bin/bash") };
        if closed.is_empty() {
            command.arg0(&self.argv[0]);
        } else {
            command.args(["-c", &format!("exec -a \"$0\" \"$@\" {closed}"), &self.argv[0]]).arg(door_path());
        }
        command.args(&self.argv[1..]).env_clear();
        let environment = self.file("env");
        command.envs(environment.lines().filter_map(|line| line.split_once('=')));
        command.env("MAILX_T_CONFIG", machine.config()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut socket = None;
        match kinds[0] {
            "file" => {
                let path = machine.path("stdin");
                fs::write(&path, &self.stdin).unwrap();
                command.stdin(File::open(&path).unwrap());
                fs::remove_file(path).unwrap();
            }
            "socket" => {
                let (ours, theirs) = UnixStream::pair().unwrap();
                command.stdin(Stdio::from(OwnedFd::from(theirs)));
                socket = Some(ours);
            }
            "devnull" => drop(command.stdin(Stdio::null())),
            _ => drop(command.stdin(Stdio::piped())),
        }
        let started = start(command, &self.stdin);
        if let Some(mut socket) = socket {
            socket.write_all(&self.stdin).unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
        }
        started.finish()
    }

    /// The recipients of the golden envelope, as this machine is set up like `fixtures/config.toml`.
    fn recipients(&self) -> Vec<String> {
        let envelope = self.file("envelope");
        let paths = envelope.lines().filter_map(|line| line.strip_prefix("RCPT TO:<"));
        let mut found: Vec<_> =
            paths.map(|path| path.split('>').next().unwrap().replace("mail@example.org", USER)).collect();
        found.sort();
        found
    }
}

/// Delivers a capture as its daemon would, and checks what is the same for all of them.
fn delivered(name: &str, recipients: &[&str]) -> (Capture, Received) {
    let capture = Capture::read(name);
    let machine = Machine::strict(Smarthost::new());
    let arguments: Vec<_> = capture.argv[1..].iter().map(String::as_str).collect();
    let ran = machine.run(&capture.argv[0], &arguments, &capture.stdin);
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

/// As `delivered`, and the body is the daemon's, byte for byte; no receiver could object to anything.
fn delivered_as_it_is(name: &str, recipients: &[&str]) -> Received {
    let (capture, mail) = delivered(name, recipients);
    assert_eq!(String::from_utf8_lossy(mail.body()), capture.body());
    assert_eq!(mail.oddities(), <[&str; 0]>::default());
    mail
}

#[test]
fn cronie_root_without_mailto() {
    delivered_as_it_is("cronie-root-without-mailto", &[DEFAULT]);
}

#[test]
fn cronie_user_without_mailto() {
    delivered_as_it_is("cronie-user-without-mailto", &[DEFAULT]);
}

#[test]
fn cronie_one_recipient() {
    let mail = delivered_as_it_is("cronie-one-recipient", &[OPS]);
    assert_eq!(mail.header("To"), [OPS]);
    assert_eq!(mail.header("Auto-Submitted"), ["auto-generated"]);
}

#[test]
fn cronie_two_recipients() {
    delivered_as_it_is("cronie-two-recipients", &[OPS, DEV]);
}

#[test]
fn cronie_chinese_output_labelled_ascii() {
    let mail = delivered_as_it_is("cronie-utf8-labelled-ascii", &[CRON]);
    assert!(mail.mail_parameters.contains(&"BODY=8BITMIME".to_owned()), "{:?}", mail.mail_parameters);
}

#[test]
fn cronie_no_final_newline() {
    delivered_as_it_is("cronie-no-final-newline", &[CRON]);
}

#[test]
fn cronie_nul_in_the_output() {
    let (_, mail) = delivered("cronie-nul", &[CRON]);
    let parsed = MessageParser::new().parse(&mail.content).unwrap();
    let text = parsed.body_text(0).unwrap().into_owned();
    assert!(text.starts_with("nul ") && text.trim_end().ends_with(" byte"), "{text:?}");
}

#[test]
fn cronie_html_in_quoted_printable() {
    let mail = delivered_as_it_is("cronie-html-quoted-printable", &[CRON]);
    assert_eq!(mail.header("Content-Transfer-Encoding"), ["quoted-printable"]);
    assert!(mail.header("Content-Type")[0].starts_with("text/html"));
}

#[test]
fn cronie_secrets_of_the_crontab_stay_out_of_the_header() {
    let mail = delivered_as_it_is("cronie-secret-in-environment", &[CRON]);
    let head = mail.content.len() - mail.body().len();
    assert!(!String::from_utf8_lossy(&mail.content[..head]).contains("sekret123"));
}

#[test]
fn cronie_handler_for_root() {
    delivered_as_it_is("cronie-handler-root", &[DEFAULT]);
}

#[test]
fn cronie_handler_with_a_lone_dot_in_the_output() {
    delivered_as_it_is("cronie-handler-user", &[OPS]);
}

#[test]
fn cronie_handler_mailx_with_subject_and_t() {
    delivered_as_it_is("cronie-handler-mailx", &[OPS]);
}

#[test]
fn debian_cron_root_without_mailto() {
    delivered_as_it_is("debian-cron-root-without-mailto", &[DEFAULT]);
}

#[test]
fn debian_cron_two_recipients_in_one_operand() {
    delivered_as_it_is("debian-cron-two-recipients", &[OPS, DEV]);
}

#[test]
fn debian_cron_chinese_output_labelled_ascii() {
    delivered_as_it_is("debian-cron-utf8-labelled-ascii", &[CRON]);
}

#[test]
fn mailx_attaches_a_file() {
    let capture = Capture::read("mail-attachment");
    let machine = Machine::strict(Smarthost::new());
    // The machine that runs the tests may have no such file, and its own is nobody's business.
    let file = machine.path("hostname");
    fs::write(&file, b"host.example\r\n\xff").unwrap();
    let file = file.to_str().unwrap();
    let arguments: Vec<_> =
        capture.argv[1..].iter().map(|argument| if argument == "/etc/hostname" { file } else { argument }).collect();
    let ran = machine.run(&capture.argv[0], &[&["-odi"], &arguments[..]].concat(), &capture.stdin);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    let mail = machine.smarthost().mails().remove(0);
    assert_eq!(mail.addresses(), ["a@host.example"]);
    assert_eq!(mail.oddities(), <[&str; 0]>::default());
    let parsed = MessageParser::new().parse(&mail.content).unwrap();
    assert_eq!(parsed.subject(), Some("attach heirloom style"));
    assert_eq!(parsed.body_text(0).unwrap().trim_end(), "body");
    let attachment = parsed.attachment(0).unwrap();
    assert_eq!((attachment.attachment_name(), attachment.contents()), (Some("hostname"), &b"host.example\r\n\xff"[..]));
}

/// The settings of `fixtures/config.toml`, except the account.
fn settled(machine: &Machine) {
    let text = fs::read_to_string(machine.config()).unwrap();
    let text = text.replace(&format!("default = \"{DEFAULT}\"\n"), "");
    let aliases = "\n[rewrite]\ndomain = \"example.org\"\n\n[recipients.aliases]\nroot = \"ops@example.org\"\nalice = \"alice@example.org\"\n";
    fs::write(machine.config(), text + aliases).unwrap();
}

/// The faults of the mail that a capture makes; empty if all is well.
fn faults(capture: &Capture) -> Vec<String> {
    let machine = Machine::strict(Smarthost::new());
    settled(&machine);
    let ran = capture.run(&machine);
    let mut faults = Vec::new();
    // Only a caller who waits may be told something.
    if ran.status != Some(0) || !ran.stdout.is_empty() {
        faults.push(format!("{ran:?}"));
    }
    if !machine.smarthost().wait_for(1, HANG) || !machine.smarthost().wait_until_idle(HANG) {
        return [faults, vec!["no mail came".to_owned()]].concat();
    }
    let mail = machine.smarthost().mails().remove(0);
    let mut recipients: Vec<_> = mail.addresses().iter().map(ToString::to_string).collect();
    recipients.sort();
    if (mail.reverse_path.as_str(), &recipients) != (USER, &capture.recipients()) {
        faults.push(format!("from {} to {recipients:?}, not {:?}", mail.reverse_path, capture.recipients()));
    }
    let counted =
        |name: &str, most: usize| (mail.header(name).len() != most).then(|| format!("{name}: {:?}", mail.header(name)));
    faults.extend(["Date", "Message-ID", "From", "To", "Subject"].iter().filter_map(|name| counted(name, 1)));
    faults.extend(["Bcc", "X-Cron-Env"].iter().filter_map(|name| counted(name, 0)));
    if !mail.header("From").concat().contains(USER) {
        faults.push(format!("From is {:?}", mail.header("From")));
    }
    let parsed = MessageParser::new().parse(&mail.content).unwrap();
    let texts = [parsed.subject().map(str::to_owned), parsed.body_text(0).map(|text| text.into_owned())];
    if texts.iter().any(|text| text.as_deref().is_none_or(|text| text.trim().is_empty() || text.contains('\u{fffd}'))) {
        faults.push(format!("cannot be read: {texts:?}"));
    }
    if machine.queue().len() + machine.failed().len() > 0 {
        faults.push("something is left in the spool".to_owned());
    }
    faults
}

#[test]
fn every_capture_arrives_as_its_program_meant_it() {
    let all = Capture::of_mails();
    let wrong = all.iter().map(|capture| (capture.name(), faults(capture))).filter(|(_, faults)| !faults.is_empty());
    let wrong: Vec<_> = wrong.map(|(name, faults)| format!("{name}: {}", faults.join("; "))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn cronie_that_kills_its_mailer_sends_nothing() {
    let capture = Capture::read("cronie-mailer-killed");
    let machine = Machine::strict(Smarthost::new());
    let arguments: Vec<&str> = capture.argv[1..].iter().map(String::as_str).collect();
    let mut child = machine.door(&capture.argv[0], &arguments).spawn().unwrap();
    // Longer than any pipe, so most of it has been read when this returns.
    let mut stdin = child.stdin.take().unwrap();
    (0..200).for_each(|_| stdin.write_all(&capture.stdin).unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(machine.smarthost().connections().is_empty());
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
}

#[test]
fn queue_is_listed_run_and_left_alone_as_the_originals_do() {
    let machine = Machine::strict(Smarthost::new());
    let empty = "Mail queue is empty\n";
    for (name, stdout) in [("mailq", empty), ("newaliases", ""), ("sendmail-bp", empty), ("sendmail-q", "")] {
        let ran = Capture::read(name).run(&machine);
        assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), stdout, ""), "{name}");
    }
}

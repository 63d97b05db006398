//! Delivery status notifications, RFC 3461: a sender's requests reach a smarthost that knows the extension, and a
//! report that we write fulfils them.

use crate::smarthost::{Act, On, Point, Received, Smarthost};
use crate::support::Machine;

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";
const ASKED: [&str; 6] = ["-N", "success,failure", "-R", "hdrs", "-V", "QQ314+159"];

fn send(machine: &Machine, letters: &[&str], to: &str) {
    let ran = machine.run("sendmail", &[letters, &["-odq", to]].concat(), MAIL);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    machine.run("sendmail", &["-q"], b"");
}

/// A smarthost that takes no mail for `gone`.
fn refusing() -> Machine {
    let refuse = On::at(Point::Rcpt).containing("gone@");
    Machine::strict(Smarthost::new().on(refuse, Act::reply("550 5.1.1 no such user")))
}

fn reports(machine: &Machine) -> Vec<Received> {
    machine.run("sendmail", &["-q"], b"");
    machine.smarthost().mails()
}

#[test]
fn smarthost_that_offers_dsn_is_asked() {
    let machine = Machine::strict(Smarthost::new());
    send(&machine, &ASKED, "a@host.example");
    let mail = &machine.smarthost().mails()[0];
    assert!(mail.mail_parameters.contains(&"RET=HDRS".to_string()), "{:?}", mail.mail_parameters);
    assert!(mail.mail_parameters.contains(&"ENVID=QQ314+2B159".to_string()), "{:?}", mail.mail_parameters);
    assert_eq!(mail.recipients, ["a@host.example NOTIFY=SUCCESS,FAILURE"]);
}

#[test]
fn smarthost_without_dsn_is_asked_nothing_and_the_log_says_who_will_not_hear() {
    let machine = Machine::strict(Smarthost::new().without("DSN"));
    send(&machine, &ASKED, "a@host.example");
    let mail = &machine.smarthost().mails()[0];
    assert_eq!(mail.recipients, ["a@host.example"]);
    assert!(machine.log().contains("the smarthost offers no DSN: nobody will report success"), "{}", machine.log());
}

#[test]
fn mail_that_asks_nothing_is_sent_as_ever() {
    let machine = Machine::strict(Smarthost::new());
    send(&machine, &[], "a@host.example");
    let mail = &machine.smarthost().mails()[0];
    assert_eq!(mail.recipients, ["a@host.example"]);
    assert!(!mail.mail_parameters.iter().any(|p| p.starts_with("RET") || p.starts_with("ENVID")));
}

#[test]
fn sender_who_wants_no_report_gets_none_and_the_mail_is_kept() {
    for notify in ["never", "success", "delay"] {
        let machine = refusing();
        send(&machine, &["-N", notify], "gone@host.example");
        assert_eq!(reports(&machine), [], "{notify}");
        assert_eq!((machine.queue().len(), machine.failed().len()), (0, 1), "{notify}");
        assert!(machine.log().contains("status=bounced") && machine.log().contains("asked for no report of failure"));
    }
}

#[test]
fn report_says_what_the_sender_named_and_returns_what_was_asked() {
    let machine = refusing();
    send(&machine, &ASKED, "gone@host.example");
    let reports = reports(&machine);
    assert_eq!(reports.len(), 1);
    let text = String::from_utf8_lossy(reports[0].body()).into_owned();
    assert!(text.contains("\r\nOriginal-Envelope-Id: QQ314+159\r\n"), "{text}");
    assert!(text.contains("Subject: backup") && !text.contains("all is well"), "{text}");
    assert_eq!(machine.failed().len(), 1, "what no report holds is kept");
}

/// A mail that is anything but legal, returned whole and as its header.
#[test]
fn report_about_a_hostile_mail_is_legal_on_the_wire() {
    let long = "y".repeat(5000);
    let head = format!("Subject: \u{e9}\u{1}\r\nMessage-ID: <{long}@\u{e9}>\nX-Long: {long}\nbroken\u{e9}\nTo: x\n\n");
    let body = b"--report-\n\0nul\rbare\r\r\n.\r\nMAIL FROM:<evil@host.example>\r\n\xff\xfe\n.\n".to_vec();
    let line = b"--x\r\n".repeat(20_000);
    for mail in [body.clone(), [body.as_slice(), &vec![b'z'; 3000]].concat(), [body.as_slice(), &line].concat()] {
        let machine = refusing();
        let mail = [head.as_bytes(), &mail].concat();
        assert_eq!(machine.run("sendmail", &["-odq", "gone@host.example"], &mail).status, Some(0));
        machine.run("sendmail", &["-q"], b"");
        let reports = reports(&machine);
        assert_eq!((reports.len(), reports[0].oddities()), (1, Vec::new()));
        assert_eq!(reports[0].header("Content-Transfer-Encoding"), ["8bit"]);
        // The Message-ID of the mail is none, and the mail got another.
        let [references] = &reports[0].header("References")[..] else { panic!("References stands once") };
        assert!(references.starts_with('<') && references.len() < 100, "{references}");
        let parts = mail_parser::MessageParser::new().parse(&reports[0].content).unwrap().attachment_count();
        assert_eq!(parts, 2, "the status and the mail");
    }
}

#[test]
fn report_for_an_address_beyond_ascii_names_it_only_in_the_envelope() {
    let refuse = On::at(Point::Rcpt).containing("gon");
    let machine = Machine::strict(Smarthost::new().on(refuse, Act::reply("550 5.1.1 no such user")));
    let mail = "From: jos\u{e9}@host.example\nSubject: s\n\nx\n";
    let ran = machine.run("sendmail", &["-odq", "gon\u{e9}@host.example", "gone@host.example"], mail.as_bytes());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    machine.run("sendmail", &["-q"], b"");
    let reports = reports(&machine);
    assert_eq!((reports.len(), reports[0].addresses()), (1, vec!["jos\u{e9}@host.example"]), "{}", machine.log());
    assert_eq!(reports[0].header("To"), ["undisclosed-recipients:;"]);
    let text = String::from_utf8_lossy(&reports[0].content).into_owned();
    assert!(text.split("\r\n\r\n").next().is_some_and(str::is_ascii), "{text}");
    assert!(text.contains("\r\nFinal-Recipient: utf-8; gon\\x{E9}@host.example\r\n"), "{text}");
}

#[test]
fn what_cannot_be_understood_costs_a_warning_and_no_mail() {
    let machine = Machine::strict(Smarthost::new());
    let ran = machine.run("sendmail", &["-N", "often", "-odi", "a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), "mailx-t: ignored unknown options: -N often\n"));
    assert_eq!(machine.smarthost().mails()[0].recipients, ["a@host.example"]);
}

//! From the command line to the smarthost: mails that arrive, that wait, that are given up, and the caller's sentences.
//!
//! The mails of cron daemons are in `captures.rs`, trouble with smarthost and machine in `trouble.rs`.

use crate::smarthost::{Act, HANG, On, Point, Received, Smarthost};
use crate::support::Machine;
use crate::support::machine::{DEFAULT, PASSWORD, USER, reach, relay, start};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";

fn strict() -> Machine {
    Machine::strict(Smarthost::new())
}

/// A smarthost that refuses some recipients for good.
fn refusing(recipients: &[&str]) -> Smarthost {
    let refuse = |smarthost: Smarthost, recipient: &&str| {
        smarthost.on(On::at(Point::Rcpt).containing(recipient), Act::reply("550 5.1.1 no such user"))
    };
    recipients.iter().fold(Smarthost::new(), refuse)
}

/// The mail is a report to the address that gets the calling user's mail, and it names the refused recipient.
fn assert_reported(mail: &Received, recipient: &str) {
    assert_eq!(mail.addresses(), [DEFAULT]);
    assert!(mail.header("Content-Type")[0].starts_with("multipart/report"), "{:?}", mail.header("Content-Type"));
    let text = String::from_utf8_lossy(mail.body()).into_owned();
    assert!(text.contains(recipient) && text.contains("550 5.1.1 no such user"), "{text}");
}

fn sizes(mails: &[Received]) -> Vec<usize> {
    mails.iter().map(|mail| mail.recipients.len()).collect()
}

#[test]
fn success_says_nothing_and_leaves_nothing_but_postfixs_lines_in_the_log() {
    let machine = strict();
    let ran = machine.send(&["ops@host.example"], MAIL);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
    let log = machine.log();
    let lines: Vec<_> = log.lines().collect();
    let says = ["pickup[", "cleanup[", "qmgr[", "smtp[", "qmgr["].map(|part| format!(" mailx-t/{part}"));
    assert_eq!(lines.len(), says.len(), "{log}");
    assert!(lines.iter().zip(&says).all(|(line, part)| line.contains(part)), "{log}");
    assert!(lines[2].ends_with("nrcpt=1 (queue active)") && lines[4].ends_with(": removed"), "{log}");
    assert!(lines[3].contains("to=<ops@host.example>"), "{log}");
    assert!(lines[3].contains("dsn=2.0.0, status=sent (250 2.0.0 ok, queued as 1)"), "{log}");
    assert_eq!(machine.smarthost().mails()[0].login.as_deref(), Some(USER));
}

#[test]
fn every_name_delivers() {
    let machine = strict();
    let body = b"all is well\n";
    for (name, arguments, stdin) in [
        ("sendmail", &["-odi", "a@host.example"][..], MAIL),
        ("/usr/lib/sendmail", &["-odi", "a@host.example"], MAIL),
        ("mail", &["-v", "-s", "backup", "a@host.example"], body),
        ("mailx", &["-v", "-s", "backup", "a@host.example"], body),
        ("mailx-t", &["-odi", "-s", "backup", "a@host.example"], body),
        ("mailx-t", &[], b"To: a@host.example\nSubject: backup\n\nall is well\n"),
    ] {
        let before = machine.smarthost().mails().len();
        let ran = machine.run(name, arguments, stdin);
        assert_eq!(ran.status, Some(0), "{name}: {ran:?}");
        let mails = machine.smarthost().mails();
        assert_eq!(mails.len(), before + 1, "{name}: {ran:?}");
        assert_eq!(mails[before].addresses(), ["a@host.example"], "{name}");
        assert_eq!(mails[before].header("Subject"), ["backup"], "{name}");
        assert_eq!(mails[before].body(), b"all is well\r\n", "{name}");
    }
}

/// The caller hears of its own mail and leaves; a queue run waits for its turn, so after it the report has left too.
fn finish(machine: &Machine) {
    machine.flush();
}

#[test]
fn refused_recipient_does_not_sink_the_others() {
    let machine = Machine::strict(refusing(&["gone@"]));
    let ran = machine.send(&["a@host.example", "gone@host.example", "b@host.example"], MAIL);
    assert_eq!(ran.status, Some(0));
    assert_eq!(ran.stderr, "mailx-t: <gone@host.example> was refused for good: 550 5.1.1 no such user\n");
    finish(&machine);
    let mails = machine.smarthost().mails();
    assert_eq!(mails[0].addresses(), ["a@host.example", "b@host.example"]);
    assert_reported(&mails[1], "gone@host.example");
    assert_eq!((mails.len(), machine.mail_files().len()), (2, 0));
    assert!(machine.log().contains("to=<gone@host.example>, relay=localhost["), "{}", machine.log());
    assert!(machine.log().contains("dsn=5.1.1, status=bounced (550 5.1.1 no such user)"), "{}", machine.log());
}

#[test]
fn mail_refused_for_everybody_is_told_as_such() {
    let machine = Machine::strict(refusing(&["gone@", "left@"]));
    let ran = machine.send(&["gone@host.example", "left@host.example"], MAIL);
    assert_eq!(ran.status, Some(65));
    let expected = "mailx-t: <gone@host.example> (and one other) was refused for good: 550 5.1.1 no such user\n";
    assert_eq!(ran.stderr, expected);
    finish(&machine);
    let mails = machine.smarthost().mails();
    assert_reported(&mails[0], "gone@host.example");
    assert_reported(&mails[0], "left@host.example");
    assert_eq!((mails.len(), machine.mail_files().len()), (1, 0));
}

#[test]
fn refusal_of_another_mail_is_no_business_of_the_caller() {
    let machine = Machine::strict(refusing(&["gone@"]));
    machine.run("sendmail", &["-odq", "gone@host.example"], MAIL);
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(machine.smarthost().mails()[0].addresses(), ["a@host.example"]);
}

#[test]
fn deferred_mail_goes_with_the_next_queue_run_once_and_under_its_name() {
    let busy = On::at(Point::Content).times(1);
    let machine = Machine::strict(Smarthost::new().on(busy, Act::reply("451 4.3.0 later")));
    let ran = machine.send(&["a@host.example"], b"Subject: x\nMessage-ID: <own@host.example>\n\nbody\n");
    let queue = machine.queue();
    assert_eq!((ran.status, queue.len()), (Some(0), 1));
    let expected = format!(
        "mailx-t: <a@host.example>: 451 4.3.0 later; the mail is kept as {} and will be tried again\n",
        queue[0]
    );
    assert_eq!(ran.stderr, expected);

    for _ in 0..2 {
        let run = machine.run("sendmail", &["-q"], b"");
        assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", ""));
        let mails = machine.smarthost().mails();
        assert_eq!(mails.len(), 1, "a second queue run finds nothing to do");
        assert_eq!(mails[0].header("Message-ID"), ["<own@host.example>"]);
        assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
    }
}

#[test]
fn message_id_of_ours_is_the_same_over_all_attempts() {
    // The server keeps both attempts, so that they can be compared.
    let twice = On::at(Point::Content).times(1);
    let machine = Machine::strict(Smarthost::new().on(twice, Act::StoreThenReply("451 4.3.0 later".to_owned())));
    machine.send(&["a@host.example"], MAIL);
    machine.run("sendmail", &["-q"], b"");
    let mails = machine.smarthost().mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].header("Message-ID").len(), 1);
    assert_eq!(mails[0].content, mails[1].content);
}

#[test]
fn delivered_recipients_are_not_sent_to_again() {
    let greylist = On::at(Point::Rcpt).containing("slow@").times(1);
    let machine = Machine::strict(Smarthost::new().on(greylist, Act::reply("450 4.2.0 greylisted")));
    let ran = machine.send(&["a@host.example", "slow@host.example", "b@host.example"], MAIL);
    assert_eq!((ran.status, machine.queue().len()), (Some(0), 1));
    machine.run("sendmail", &["-q"], b"");
    let mails = machine.smarthost().mails();
    assert_eq!(sizes(&mails), [2, 1]);
    assert_eq!(mails[1].addresses(), ["slow@host.example"]);
    assert_eq!(mails[0].content, mails[1].content);
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
}

#[test]
fn refused_recipient_is_reported_once_while_the_others_wait() {
    let greylist = On::at(Point::Rcpt).containing("slow@").times(1);
    let machine = Machine::strict(refusing(&["gone@"]).on(greylist, Act::reply("450 4.2.0 greylisted")));
    let ran = machine.send(&["gone@host.example", "slow@host.example"], MAIL);
    assert_eq!(ran.status, Some(0));
    finish(&machine);
    let mails = machine.smarthost().mails();
    assert_reported(&mails[0], "gone@host.example");
    assert_eq!(mails[1].addresses(), ["slow@host.example"]);
    assert_eq!((mails.len(), machine.mail_files().len()), (2, 0));
    let connections = machine.smarthost().connections();
    let commands = connections.iter().flat_map(|connection| &connection.commands);
    assert_eq!(commands.filter(|line| line.contains("gone@")).count(), 1);
}

#[test]
fn bcc_behind_a_line_that_is_no_field_gets_the_mail_and_is_seen_by_nobody() {
    let machine = strict();
    let mail = b"To: a@host.example\nSubject: broken\nin two\nBcc: hidden@host.example\n\nall is well\n";
    let ran = machine.run("sendmail", &["-t", "-odi"], mail);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    let mails = machine.smarthost().mails();
    assert_eq!((mails.len(), mails[0].addresses()), (1, vec!["a@host.example", "hidden@host.example"]));
    assert_eq!(mails[0].header("X-Malformed"), ["in two"]);
    assert!(!String::from_utf8_lossy(&mails[0].content).contains("hidden"));
    assert!(machine.log().contains("malformed"), "{}", machine.log());
}

#[test]
fn odq_leaves_the_mail_to_the_next_queue_run() {
    let machine = strict();
    let ran = machine.run("sendmail", &["-odq", "a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str(), machine.queue().len()), (Some(0), "", 1));
    assert!(machine.smarthost().connections().is_empty());
    let run = machine.run("sendmail", &["-q", "-v"], b"");
    assert_eq!(run.status, Some(0));
    assert!(run.stdout.ends_with(": <a@host.example> sent (250 2.0.0 ok, queued as 1)\n"), "{run:?}");
}

#[test]
fn many_queued_mails_share_one_connection() {
    let machine = strict();
    for _ in 0..3 {
        machine.run("sendmail", &["-odq", "a@host.example"], MAIL);
    }
    machine.run("sendmail", &["-q"], b"");
    assert_eq!((machine.smarthost().mails().len(), machine.smarthost().connections().len()), (3, 1));
}

#[test]
fn caller_who_does_not_wait_is_let_go_with_its_pipes_while_the_mail_is_on_its_way() {
    let mut machine = Machine::with(Smarthost::new().account(USER, PASSWORD).on(Point::Greeting, Act::Stall), "");
    // It returns only when nobody holds the pipes any more, and the smarthost answers nobody.
    let ran = machine.run("sendmail", &["a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str(), machine.queue().len()), (Some(0), "", 1));
    assert!(machine.smarthost().wait_for_connections(1, HANG));
    machine.stop_smarthost();
}

#[test]
fn caller_who_does_not_wait_has_the_mail_delivered() {
    let machine = strict();
    let ran = machine.run("sendmail", &["a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    assert!(machine.smarthost().wait_for(1, HANG) && machine.smarthost().wait_until_idle(HANG));
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
}

#[test]
fn login_without_plain_works() {
    let machine = Machine::strict(Smarthost::new().mechanisms(&["LOGIN"]));
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str(), machine.smarthost().mails().len()), (Some(0), "", 1));
}

#[test]
fn starttls_works() {
    let machine = Machine::with(Smarthost::new().starttls().account(USER, PASSWORD), "tls = \"starttls\"\n");
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert!(machine.smarthost().mails()[0].tls.is_some());
}

#[test]
fn server_without_auth_gets_neither_mail_nor_password() {
    let machine = Machine::with(Smarthost::new().without("AUTH").auth_optional(), "");
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!((ran.status, machine.queue().len()), (Some(0), 1));
    assert!(ran.stderr.contains("no login: the server offers no AUTH: check port and tls, or unset user"), "{ran:?}");
    assert!(machine.smarthost().wait_until_idle(HANG));
    let connection = machine.smarthost().connections().remove(0);
    assert!(connection.commands.iter().all(|line| ["EHLO", "QUIT"].contains(&&line[..4])), "{connection:?}");
    assert!(machine.smarthost().mails().is_empty());
}

#[test]
fn eight_bit_body_is_declared_and_seven_bit_one_is_not() {
    let machine = strict();
    machine.send(&["a@host.example"], "Subject: x\n\nd\u{e9}j\u{e0} vu\n".as_bytes());
    machine.send(&["a@host.example"], MAIL);
    let is_declared = |mail: &Received| mail.mail_parameters.iter().any(|given| given == "BODY=8BITMIME");
    let mails = machine.smarthost().mails();
    assert_eq!(mails[0].body(), "d\u{e9}j\u{e0} vu\r\n".as_bytes());
    assert_eq!(mails.iter().map(is_declared).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn dots_survive() {
    let machine = strict();
    machine.send(&["a@host.example"], b"Subject: x\n\n.\n..\n.lead\n\n.\nend\n.");
    let mail = machine.smarthost().mails().remove(0);
    assert_eq!(String::from_utf8_lossy(mail.body()), ".\r\n..\r\n.lead\r\n\r\n.\r\nend\r\n.\r\n");
}

#[test]
fn large_bodies_arrive_whole() {
    let machine = Machine::strict(Smarthost::new());
    let line = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
    for mib in [3, 20] {
        let body = format!("{line}\n").repeat(mib << 14);
        let ran = machine.send(&["a@host.example"], format!("Subject: {mib}\n\n{body}").as_bytes());
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
        let mail = machine.smarthost().mails().pop().unwrap();
        assert_eq!(mail.header("Subject"), [mib.to_string()]);
        assert!(mail.body() == body.replace('\n', "\r\n").as_bytes(), "{mib} MiB: {} bytes came", mail.body().len());
        assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
    }
}

#[test]
fn second_smarthost_takes_what_the_first_does_not() {
    let smarthost = Smarthost::new().account(USER, PASSWORD).start();
    let machine = Machine::configured(|place| {
        std::fs::write(place.join("ca.pem"), smarthost.ca_pem()).unwrap();
        let second = reach(&smarthost, place);
        // Nobody listens on port 1 of an unassigned address.
        let first = "host = \"127.255.255.254\"\nport = 1\n";
        let user = format!("user = \"{USER}\"\npassword-file = \"{}/password\"\n", place.display());
        format!("[[smarthost]]\n{first}{user}\n[[smarthost]]\n{second}")
    });
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(smarthost.mails()[0].addresses(), ["a@host.example"]);
}

#[test]
fn settings_of_the_environment_reach_the_relay_without_their_password_showing() {
    // A URL names no ca-file, so the connection ends at the certificate: everything before it was understood.
    let smarthost = Smarthost::new().account(USER, PASSWORD).start();
    let url = format!("smtps://{}:{PASSWORD}@localhost:{}", USER.replace('@', "%40"), smarthost.port());
    let lines = format!("MAILX_T_URL={url}\nMAILX_T_FROM={USER}\nMAILX_T_TO={DEFAULT}\n");
    let mut command = relay();
    command.args(["--environment-on-stdin", "probe"]);
    let ran = start(command, lines.as_bytes()).finish();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(78), ""));
    let expected = format!("\nFAIL  smarthost localhost:{}: the issuer of the server's certificate", smarthost.port());
    assert!(ran.stdout.contains(&expected), "{ran:?}");
    assert!(!ran.stdout.contains(PASSWORD));
}

#[test]
fn smarthost_without_8bitmime_gets_the_mail_converted() {
    let machine = Machine::strict(Smarthost::new().without("8BITMIME"));
    let ran = machine.send(&["ops@host.example"], "Subject: s\n\ncafé\n".as_bytes());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    let mails = machine.smarthost().mails();
    assert_eq!(mails[0].body(), b"caf=C3=A9\r\n");
    assert_eq!(mails[0].header("Content-Transfer-Encoding"), ["quoted-printable"]);
    assert!(mails[0].oddities().is_empty(), "{:?}", mails[0].oddities());
}

#[test]
fn address_beyond_ascii_is_refused_alone_where_smtputf8_is_not_offered() {
    let machine = Machine::strict(Smarthost::new().without("SMTPUTF8"));
    machine.send(&["ops@host.example", "dörte@host.example"], MAIL);
    let mails = machine.smarthost().mails();
    assert_eq!(mails[0].addresses(), ["ops@host.example"]);
    assert!(
        machine.log().contains("dsn=5.6.7, status=bounced (the address has characters beyond ASCII"),
        "{}",
        machine.log()
    );
}

#[test]
fn mail_in_circles_is_kept_and_the_caller_hears_so() {
    let machine = strict();
    let mail = [b"Received: from a by b\n".repeat(101), MAIL.to_vec()].concat();
    let ran = machine.send(&["ops@host.example"], &mail);
    assert_eq!(ran.status, Some(65));
    assert!(ran.stderr.contains("goes in circles") && ran.stderr.contains("was saved in"), "{}", ran.stderr);
    assert!(machine.smarthost().mails().is_empty());
}

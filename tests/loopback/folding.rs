//! Repeats of a job's mail: what is new leaves at once, the rest in a digest that holds every mail whole.

use std::io::Read;

use mail_parser::MimeHeaders;

use crate::smarthost::{Act, On, Point, Received, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, USER, relay, start};

/// A mail as cronie hands it to its mailer.
fn mail(job: &str, text: &str) -> Vec<u8> {
    format!(
        "From: \"(Cron Daemon)\" <root>\nTo: ops@host.example\nSubject: Cron <root@web1> {job}\n\
         Auto-Submitted: auto-generated\nX-Cron-Env: <LOGNAME=root>\n\n{text}\n"
    )
    .into_bytes()
}

fn machine(smarthost: Smarthost, settings: &str) -> Machine {
    let smarthost = smarthost.mail_from_must_be_login().header_from_must_be_login().account(USER, PASSWORD);
    let machine = Machine::with(smarthost, "");
    set(&machine, &format!("\n[fold]\n{settings}"));
    machine
}

fn set(machine: &Machine, more: &str) {
    let text = std::fs::read_to_string(machine.config()).unwrap();
    std::fs::write(machine.config(), text + more).unwrap();
}

fn send(machine: &Machine, job: &str, text: &str) {
    let ran = machine.run("sendmail", &["-i", "-odi", "-t"], &mail(job, text));
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

/// The text of a digest, and its mails as its attachment has them.
fn unfolded(digest: &Received) -> (String, String) {
    let message = mail_parser::MessageParser::new().parse(&digest.content).unwrap();
    assert_eq!((message.text_body_count(), message.attachment_count()), (1, 1));
    let attachment = message.attachment(0).unwrap();
    assert_eq!(attachment.attachment_name(), Some("folded.mbox.gz"));
    let mut mbox = String::new();
    flate2::read::GzDecoder::new(attachment.contents()).read_to_string(&mut mbox).unwrap();
    (message.body_text(0).unwrap().into_owned(), mbox)
}

/// Six times the same of one job: two leave, and four are folded.
fn folded(settings: &str, smarthost: Smarthost) -> Machine {
    let machine = machine(smarthost, settings);
    (0..6).for_each(|_| send(&machine, "/opt/import.sh", "database is away\nFrom here on nothing works"));
    assert_eq!((machine.smarthost().mails().len(), machine.queue().len()), (2, 4), "{}", machine.log());
    machine
}

/// As the timer does.
fn flush_due(machine: &Machine) {
    let mut command = relay();
    command.arg("--config").arg(machine.config()).args(["flush", "--due"]);
    let ran = start(command, b"").finish();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

fn out(machine: &Machine, name: &str, arguments: &[&str]) -> String {
    let ran = machine.run(name, arguments, b"");
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{name} {arguments:?}");
    ran.stdout
}

#[test]
fn what_is_folded_is_one_entry_of_a_listing() {
    let machine = folded("", Smarthost::new());
    let listed = out(&machine, "mailq", &[]);
    assert!(listed.contains("(4 mails folded: repeats, which leave with the digest at 2"), "{listed}");
    assert!(listed.ends_with(" Kbytes in 1 Request.\n"), "{listed}");
    let json = out(&machine, "mailq", &["-j"]);
    assert_eq!(json.lines().filter(|line| line.contains("\"job\":\"/opt/import.sh\"")).count(), 4, "{json}");
    assert!(!json.contains("\"folded_until\":null"), "{json}");
}

#[test]
fn folded_mails_leave_one_by_one_if_they_are_meant() {
    let machine = folded("", Smarthost::new());
    let first = machine.queue()[0].clone();
    out(&machine, "mailx-t", &["ctl", "queue", "retry", &first]);
    assert_eq!((machine.smarthost().mails().len(), machine.queue().len()), (3, 3), "{}", machine.log());
    out(&machine, "mailx-t", &["ctl", "queue", "remove", &machine.queue()[0]]);
    out(&machine, "mailx-t", &["ctl", "queue", "hold", &machine.queue()[0]]);
    machine.flush();
    assert_eq!((machine.smarthost().mails().len(), machine.queue().len()), (4, 1), "{}", machine.log());
    out(&machine, "mailx-t", &["ctl", "queue", "release", "all"]);
    out(&machine, "sendmail", &["-q", "--unfold"]);
    let subjects = machine.subjects();
    assert!(subjects.len() == 5 && subjects.iter().all(|subject| !subject.contains("more")), "{subjects:?}");
}

#[test]
fn digest_waits_until_it_is_due() {
    let machine = folded("", Smarthost::new());
    flush_due(&machine);
    assert_eq!((machine.smarthost().mails().len(), machine.queue().len()), (2, 4), "{}", machine.log());
    for id in machine.queue() {
        let path = machine.path("spool/queue").join(format!("{id}.journal"));
        let text = std::fs::read_to_string(&path).unwrap();
        let due = text.split('\t').nth(3).unwrap().to_owned();
        std::fs::write(path, text.replace(&due, "2026-11-20T09:30:00Z")).unwrap();
    }
    flush_due(&machine);
    assert_eq!((machine.smarthost().mails().len(), machine.queue().len()), (3, 0), "{}", machine.log());
}

#[test]
fn digest_that_is_refused_is_taken_apart() {
    let machine = folded(
        "",
        Smarthost::new()
            .on(On::at(Point::Content).containing("folded.mbox.gz"), Act::reply("552 5.3.4 message too big")),
    );
    machine.flush();
    let subjects = machine.subjects();
    assert!(subjects.len() == 6 && subjects.iter().all(|subject| !subject.contains("more")), "{subjects:?}");
    assert_eq!((machine.queue().len(), machine.failed().len()), (0, 0), "{}", machine.log());
    send(&machine, "/opt/import.sh", "database is away\nFrom here on nothing works");
    assert_eq!(machine.queue().len(), 1, "the next repeat is folded all the same");
}

#[test]
fn folding_that_is_switched_off_lets_all_leave_one_by_one() {
    let machine = folded("", Smarthost::new());
    let text = std::fs::read_to_string(machine.config()).unwrap();
    std::fs::write(machine.config(), text.replace("[fold]", "")).unwrap();
    flush_due(&machine);
    let subjects = machine.subjects();
    assert!(subjects.len() == 6 && subjects.iter().all(|subject| !subject.contains("more")), "{subjects:?}");
}

#[test]
fn repeats_leave_in_one_digest_that_holds_them_whole() {
    let machine = folded("", Smarthost::new());
    machine.flush();
    let mails = machine.smarthost().mails();
    assert_eq!((mails.len(), machine.queue().len()), (3, 0), "{}", machine.log());
    println!("{}", String::from_utf8_lossy(&mails[2].content));
    let (text, mbox) = unfolded(&mails[2]);
    println!("{text}\n{mbox}");
    assert_eq!(mbox.matches("\n>From here on nothing works\n").count(), 4);
    assert_eq!(mbox.matches("\nSubject: Cron <root@web1> /opt/import.sh\n").count(), 4);
}

//! `sendmail -bs`: dialogues as programs really hold them, and acts that no caller must achieve with one.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::Instant;

use crate::smarthost::{Client, HANG, Received, Smarthost};
use crate::support::Machine;
use crate::support::machine::{DEFAULT, start};

const BEGIN: &str = "EHLO app\r\nMAIL FROM:<app@host.example>\r\nRCPT TO:<a@host.example>\r\nDATA\r\n";

fn strict() -> Machine {
    Machine::strict(Smarthost::new())
}

/// The answers to all that, and the exit status; every mail kept has been sent.
fn answers(machine: &Machine, dialogue: &str) -> (String, Option<i32>) {
    let ran = machine.run("sendmail", &["-bs", "-odq"], dialogue.as_bytes());
    machine.run("sendmail", &["-q"], b"");
    (ran.stdout, ran.status)
}

/// The codes of the answers, each once.
fn codes(answers: &str) -> Vec<&str> {
    answers.lines().filter(|line| line.as_bytes().get(3) == Some(&b' ')).map(|line| &line[..3]).collect()
}

fn text(mail: &Received) -> String {
    String::from_utf8_lossy(mail.body()).into_owned()
}

/// The door at the other end of a socket, for a program that waits for each answer.
fn dialled(machine: &Machine, arguments: &[&str]) -> (Child, Client<UnixStream>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(HANG)).unwrap();
    let mut command = machine.door("sendmail", arguments);
    command.stdin(OwnedFd::from(theirs.try_clone().unwrap())).stdout(OwnedFd::from(theirs)).stderr(Stdio::inherit());
    (command.spawn().unwrap(), Client::over(ours))
}

/// Says the recorded lines of the program, and wants the answers it got.
fn replay(name: &str) -> Received {
    let machine = strict();
    let folder = format!("fixtures/dialogues/{name}");
    let argv = fs::read_to_string(format!("{folder}/argv")).unwrap();
    let arguments: Vec<&str> = argv.lines().skip(1).collect();
    let (mut child, mut client) = dialled(&machine, &arguments);
    let recorded = fs::read_to_string(format!("{folder}/dialogue")).unwrap();
    for line in recorded.lines() {
        if let Some(said) = line.strip_prefix("C: ") {
            client.send(format!("{said}\r\n").as_bytes());
        } else if let Some(answered) = line.strip_prefix("S: ") {
            let reply = client.reply().unwrap();
            assert_eq!(reply[..3], answered[..3], "{name}: {reply}");
        }
    }
    assert!(child.wait().unwrap().success());
    assert!(machine.smarthost().wait_for(1, HANG));
    machine.smarthost().mails().remove(0)
}

#[test]
fn symfony_is_served() {
    let mail = replay("symfony");
    assert_eq!(mail.addresses(), ["a@host.example", "c@host.example", "hidden@host.example"]);
    assert_eq!(mail.header("Subject"), ["=?utf-8?Q?=C5=BB=C3=B3=C5=82=C4=87_=E2=82=AC?="]);
    assert!(text(&mail).starts_with("Body\r\n.\r\n") && text(&mail).ends_with("\r\n..two\r\n"), "{}", text(&mail));
    assert!(!String::from_utf8_lossy(&mail.content).contains("hidden"));
}

#[test]
fn nmh_is_served() {
    let mail = replay("nmh");
    assert_eq!((mail.addresses(), text(&mail).as_str()), (vec!["a@host.example"], "body\r\n.\r\nend\r\n"));
}

#[test]
fn mail_is_in_the_spool_before_it_is_answered() {
    let machine = strict();
    let (mut child, mut client) = dialled(&machine, &["-bs", "-i", "-odq"]);
    assert!(client.reply().unwrap().starts_with("220 "));
    for (line, code) in [("EHLO app", "250"), ("MAIL FROM:<>", "250"), ("RCPT TO:<root>", "250"), ("DATA", "354")] {
        assert_eq!(client.say(line)[..3], *code, "{line}");
    }
    assert!(machine.queue().is_empty());
    let reply = client.say("Subject: x\r\n\r\nbody\r\n.");
    assert_eq!(reply, format!("250 2.0.0 ok: queued as {}\r\n", machine.queue()[0]));
    assert_eq!(client.say("QUIT"), "221 2.0.0 bye\r\n");
    assert!(child.wait().unwrap().success());
    machine.run("sendmail", &["-q"], b"");
    assert_eq!(machine.smarthost().mails()[0].addresses(), [DEFAULT]);
}

#[test]
fn extensions_are_named_and_commands_may_come_in_groups() {
    let machine = strict();
    let mails = "Subject: x\r\n\r\none\r\n.\r\nMAIL FROM:<b@host.example>\r\nRCPT TO:<b@host.example>\r\nDATA\r\n\
                 Subject: y\r\n\r\ntwo\r\n.\r\nRSET\r\nQUIT\r\n";
    let (answers, status) = answers(&machine, &format!("{BEGIN}{mails}"));
    assert_eq!(status, Some(0));
    assert_eq!(codes(&answers), ["220", "250", "250", "250", "354", "250", "250", "250", "354", "250", "250", "221"]);
    for extension in ["PIPELINING", "SIZE 26214400", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN"] {
        assert!(answers.contains(&format!("\r\n250-{extension}\r\n")), "{extension} in {answers}");
    }
    assert!(!answers.contains("AUTH"));
    assert_eq!(machine.smarthost().mails().iter().map(text).collect::<Vec<_>>(), ["one\r\n", "two\r\n"]);
}

#[test]
fn mail_cannot_end_itself_and_begin_another() {
    let machine = strict();
    let evil = "MAIL FROM:<evil@host.example>\r\nRCPT TO:<victim@host.example>\r\nDATA\r\nforged\r\n";
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r"] {
        let (answers, status) = answers(&machine, &format!("{BEGIN}Subject: x\r\n\r\nbody{end}{evil}.\r\nQUIT\r\n"));
        assert_eq!(
            (codes(&answers), status),
            (vec!["220", "250", "250", "250", "354", "250", "221"], Some(0)),
            "{end:?}"
        );
    }
    let mails = machine.smarthost().mails();
    assert_eq!(mails.len(), 6);
    for mail in mails {
        assert_eq!((mail.addresses(), mail.oddities()), (vec!["a@host.example"], vec![]));
        assert!(text(&mail).ends_with("forged\r\n"));
    }
}

#[test]
fn caller_who_types_line_feeds_is_understood() {
    let machine = strict();
    let dialogue =
        "helo me\nmail from: app@host.example\nrcpt to: a@host.example\ndata\nSubject: x\n\n..\nbody\n.\nquit\n";
    let (answers, status) = answers(&machine, dialogue);
    assert_eq!((codes(&answers), status), (vec!["220", "250", "250", "250", "354", "250", "221"], Some(0)));
    assert_eq!(text(&machine.smarthost().mails()[0]), ".\r\nbody\r\n");
}

#[test]
fn mail_that_breaks_off_is_not_sent() {
    let machine = strict();
    let ran = machine.run("sendmail", &["-bs"], format!("{BEGIN}Subject: x\r\n\r\nhalf a mail\r\n").as_bytes());
    assert_eq!(ran.status, Some(74));
    assert!(ran.stderr.contains("the input ended before the final dot: nothing was sent"), "{ran:?}");
    assert!(machine.mail_files().is_empty() && machine.smarthost().mails().is_empty());
    // Between mails no mail is lost.
    let ran = machine.run("sendmail", &["-bs"], b"EHLO app\r\nMAIL FROM:<a@host.example>\r\n");
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn refused_recipient_does_not_sink_the_others() {
    let machine = strict();
    let dialogue = "EHLO app\r\nMAIL FROM:<app@host.example>\r\nRCPT TO:<a b@host.example>\r\nRCPT TO:<a@host.example,b@host.example>\r\n\
                    RCPT TO:<c@host.example> NOTIFY=NEVER ORCPT=rfc822;d@host.example\r\nDATA\r\n\r\nbody\r\n.\r\nQUIT\r\n";
    let (answers, status) = answers(&machine, dialogue);
    assert_eq!(codes(&answers), ["220", "250", "250", "501", "553", "250", "354", "250", "221"], "{answers}");
    assert_eq!(status, Some(0));
    let recipients = &machine.smarthost().mails()[0].recipients;
    assert_eq!(recipients, &["c@host.example NOTIFY=NEVER ORCPT=rfc822;d@host.example"]);
}

#[test]
fn mail_above_the_limit_is_refused_announced_or_not() {
    let machine = strict();
    let config = fs::read_to_string(machine.config()).unwrap();
    fs::write(machine.config(), config.replace("[spool]\n", "[spool]\nmax-message-size = \"1 KiB\"\n")).unwrap();
    let announced = "EHLO app\r\nMAIL FROM:<app@host.example> SIZE=1025\r\n";
    let large = format!("{BEGIN}{}.\r\n", "a line of text\r\n".repeat(65));
    let after = &BEGIN["EHLO app\r\n".len()..];
    let (answers, status) =
        answers(&machine, &format!("{announced}{large}{after}Subject: x\r\n\r\nsmall\r\n.\r\nQUIT\r\n"));
    let expected = ["220", "250", "552", "250", "250", "250", "354", "552", "250", "250", "354", "250", "221"];
    assert_eq!((codes(&answers), status), (expected.to_vec(), Some(0)), "{answers}");
    assert_eq!(machine.smarthost().mails().iter().map(text).collect::<Vec<_>>(), ["small\r\n"]);
}

#[test]
fn mail_nobody_can_keep_is_refused_for_now() {
    let mut machine = strict();
    machine.stop_smarthost();
    fs::remove_dir(machine.path("spool/tmp")).unwrap();
    let ran =
        machine.run("sendmail", &["-bs"], format!("{BEGIN}Subject: x\r\n\r\nbody\r\n.\r\nNOOP\r\nQUIT\r\n").as_bytes());
    assert_eq!(codes(&ran.stdout), ["220", "250", "250", "250", "354", "451", "250", "221"], "{ran:?}");
    assert!(ran.stdout.contains("451 4.3.0 cannot create") && ran.stdout.contains("saved in"), "{ran:?}");
    assert!(machine.queue().is_empty());
}

#[test]
fn broken_configuration_is_told_instead_of_a_greeting() {
    let machine = strict();
    fs::write(machine.config(), "[smarthots]\n").unwrap();
    let ran = machine.run("sendmail", &["-bs"], BEGIN.as_bytes());
    assert_eq!(ran.status, Some(78));
    assert!(ran.stdout.starts_with("421 4.3.5 ") && ran.stdout.contains("did you mean \"smarthost\""), "{ran:?}");
}

#[test]
fn large_mail_needs_no_more_memory_than_a_small_one() {
    let machine = strict();
    let mut command = machine.door("sendmail", &[]);
    let program = command.get_program().to_os_string();
    command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -d 8192 && exec \"$0\" -bs -odq"]).arg(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("MAILX_T_CONFIG", machine.config());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mail = format!("{BEGIN}Subject: x\r\n\r\n{}.\r\nQUIT\r\n", "a line of text\r\n".repeat(1_500_000));
    let ran = start(command, mail.as_bytes()).finish();
    assert_eq!((codes(&ran.stdout).last(), ran.status), (Some(&"221"), Some(0)), "{}", ran.stderr);
    assert_eq!(machine.queue().len(), 1);
}

/// The state of a process as the kernel writes it (proc_pid_stat(5)); `None` once it is gone.
fn state(pid: &str) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn relays_of_a_long_session_do_not_pile_up() {
    let machine = strict();
    let (mut child, mut client) = dialled(&machine, &["-bs"]);
    let started = || fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    client.reply().unwrap();
    for _ in 0..4 {
        for line in ["MAIL FROM:<a@x.org>", "RCPT TO:<b@host.example>", "DATA"] {
            client.say(line);
        }
        assert!(client.say("\r\nbody\r\n.").starts_with("250"));
        let relays = started();
        let is_running = |pid: &str| !matches!(state(pid), None | Some('Z'));
        let until = Instant::now() + HANG;
        while relays.split_whitespace().any(is_running) && Instant::now() < until {
            std::thread::yield_now();
        }
    }
    assert!(started().split_whitespace().count() <= 1, "{}", started());
    client.say("QUIT");
    assert!(child.wait().unwrap().success());
}

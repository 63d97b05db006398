//! Callers of many kinds, beyond those that were recorded: each is a command line and a stdin, and the mail that must
//! arrive.

use crate::smarthost::{HANG, Smarthost};
use crate::support::Machine;
use crate::support::machine::{DEFAULT, USER};
use mail_parser::MessageParser;

/// A way to call, and its expected outcome.
struct Call {
    who: &'static str,
    argv: &'static [&'static str],
    stdin: &'static [u8],
    to: &'static [&'static str],
    subject: &'static str,
    body: &'static str,
}

const CALLS: &[Call] = &[
    Call {
        who: "FreeBSD cron, whose MAILTO may hold names and blanks",
        argv: &["sendmail", "-FCronDaemon", "-odi", "-oem", "-oi", "-t"],
        stdin: b"From: Cron Daemon <root@host.example>\nTo: Al Ex <al@x.example>, b@x.example\nSubject: Cron <root@host> job\n\nout\n",
        to: &["al@x.example", "b@x.example"],
        subject: "Cron <root@host> job",
        body: "out",
    },
    Call {
        who: "Proxmox, with field names in capitals and a folded type",
        argv: &["sendmail", "-B", "8BITMIME", "-f", "root", "a@x.example", "b@x.example"],
        stdin: b"TO: a@x.example\nFROM: vzdump <root>\nSUBJECT: vzdump backup status\nContent-Type: multipart/alternative;\n\tboundary=\"b\"\n\n--b\nContent-Type: text/plain\n\nok\n--b--\n",
        to: &["a@x.example", "b@x.example"],
        subject: "vzdump backup status",
        body: "ok",
    },
    Call {
        who: "a script with a subject that looks like an option",
        argv: &["mail", "-s", "--help", "a@x.example"],
        stdin: b"how to\n",
        to: &["a@x.example"],
        subject: "--help",
        body: "how to",
    },
    Call {
        who: "Symfony without -i, its dots doubled",
        argv: &["sendmail", "-fapp@x.example", "--", "a@x.example"],
        stdin: b"To: a@x.example\r\nSubject: link\r\n\r\n..\r\n...two\r\nend",
        to: &["a@x.example"],
        subject: "link",
        body: ".\n..two\nend",
    },
    Call {
        who: "Dovecot's LDA, a report with the null sender",
        argv: &["/usr/lib/sendmail", "-i", "-f", "<>", "--", "a@x.example"],
        stdin: b"From: Mail Delivery <postmaster@x.example>\r\nTo: a@x.example\r\nSubject: rejected\r\nAuto-Submitted: auto-replied\r\n\r\nno\r\n",
        to: &["a@x.example"],
        subject: "rejected",
        body: "no",
    },
    Call {
        who: "a content filter of Postfix",
        argv: &["/usr/sbin/sendmail", "-G", "-i", "-f", "s@x.example", "--", "a@x.example"],
        stdin: b"Return-Path: <s@x.example>\nReceived: from y by z; Fri, 20 Nov 2026 09:30:00 +0000\nFrom: s@x.example\nTo: a@x.example\nSubject: filtered\n\nbody\n",
        to: &["a@x.example"],
        subject: "filtered",
        body: "body",
    },
    Call {
        who: "a shell that knows neither header nor option",
        argv: &["sendmail", "root"],
        stdin: b"error: disk full\nsee above\n",
        to: &[DEFAULT],
        subject: "",
        body: "error: disk full\nsee above",
    },
    Call {
        who: "debsecan, -t without -i, a lone dot and text after it",
        argv: &["/usr/sbin/sendmail", "-t"],
        stdin: b"To: a@x.example\nSubject: vulnerabilities\n\none\n.\ntwo\n",
        to: &["a@x.example"],
        subject: "vulnerabilities",
        body: "one\n.\ntwo",
    },
    Call {
        who: "options in a cluster, the sender glued to it",
        argv: &["sendmail", "-tifroot@x.example"],
        stdin: b"Cc: c@x.example\nBcc: d@x.example\nSubject: s\n\nx\n",
        to: &["c@x.example", "d@x.example"],
        subject: "s",
        body: "x",
    },
    Call {
        who: "a list with a group, a comment, quotes and a semicolon",
        argv: &["sendmail", "-oi", "-t"],
        stdin: b"To: staff: a@x.example, \"B, b\" <b@x.example>; (nobody else)\nCc: c@x.example (see)\nSubject: s\n\nx\n",
        to: &["a@x.example", "b@x.example", "c@x.example"],
        subject: "s",
        body: "x",
    },
    Call {
        who: "every letter of the old days",
        argv: &["sendmail", "-Am", "-bm", "-c", "-d0.1", "-em", "-h", "5", "-L", "tag", "-m", "-n", "-oQ/var/x", "-odb", "-om", "-O", "Timeout.queuereturn=1d", "-pSMTP:h", "-U", "-s", "a@x.example"],
        stdin: b"Subject: s\n\nx\n",
        to: &["a@x.example"],
        subject: "s",
        body: "x",
    },
    Call {
        who: "mailutils with long options",
        argv: &["mail", "--subject=report", "--append=X-Job: 1", "--return-address", "Job <job@x.example>", "a@x.example"],
        stdin: b"x\n",
        to: &["a@x.example"],
        subject: "report",
        body: "x",
    },
    Call {
        who: "s-nail with variables of an account that is not ours",
        argv: &["mailx", "-n", "-Sv15-compat", "-Smta=smtps://u@h:465", "-Sfrom=me@x.example", "-S", "smtp-auth=login", "-s", "alert", "a@x.example", "b@x.example"],
        stdin: b"x\n",
        to: &["a@x.example", "b@x.example"],
        subject: "alert",
        body: "x",
    },
    Call {
        who: "a script that sends HTML by its subject, and somebody who tries more",
        argv: &["mail", "-s", "Status\nContent-Type: text/html; charset=UTF-8\nBcc: evil@x.example", "a@x.example"],
        stdin: "<b>gr\u{fc}n</b>\n".as_bytes(),
        to: &["a@x.example"],
        subject: "Status Bcc: evil@x.example",
        body: "<b>gr\u{fc}n</b>",
    },
    Call {
        who: "bsd-mailx, options between and after recipients, a list in one of them",
        argv: &["mail", "a@x.example, b@x.example", "-s", "S", "Carl <c@x.example>", "-b", "d@x.example"],
        stdin: b"~r /etc/passwd\n.\nx\n",
        to: &["a@x.example", "b@x.example", "c@x.example", "d@x.example"],
        subject: "S",
        body: "~r /etc/passwd\n.\nx",
    },
    Call {
        who: "RT, which sends again what it got",
        argv: &["sendmail", "-oi", "-t", "-f", "rt@x.example"],
        stdin: b"Resent-From: rt@x.example\nResent-To: r@x.example\nFrom: s@x.example\nTo: a@x.example\nSubject: [rt #1]\nMessage-ID: <1@x.example>\nDate: Fri, 20 Nov 2026 09:30:00 +0000\n\nx\n",
        to: &["r@x.example"],
        subject: "[rt #1]",
        body: "x",
    },
    Call {
        who: "a mailbox file, its From line and a Status field in front",
        argv: &["sendmail", "-oi", "a@x.example"],
        stdin: b"From s@x.example Fri Nov 20 09:30:00 2026\nSubject: kept\nStatus: RO\nTo: a@x.example\n\n>From here\n",
        to: &["a@x.example"],
        subject: "kept",
        body: ">From here",
    },
    Call {
        who: "crond's handler for a job whose output looks like fields",
        argv: &["/opt/bin/mailx-t"],
        stdin: b"From: \"(Cron Daemon)\" <al>\nTo: ops@x.example\nSubject: Cron <al@h> x\nX-Cron-Env: <MAILTO=ops@x.example>\nX-Cron-Env: <A=b: c>\n\nBcc: evil@x.example\n\nTo: evil@x.example\n",
        to: &["ops@x.example"],
        subject: "Cron <al@h> x",
        body: "Bcc: evil@x.example\n\nTo: evil@x.example",
    },
    Call {
        who: "a subject in Latin-1, as MIME::Lite writes it",
        argv: &["sendmail", "-oi", "-t"],
        stdin: b"To: a@x.example\nSubject: caf\xe9\n\nnaive\n",
        to: &["a@x.example"],
        subject: "caf\u{e9}",
        body: "naive",
    },
];

/// The faults of the mail that arrives; empty if all is well.
fn faults(call: &Call) -> Vec<String> {
    let machine = Machine::strict(Smarthost::new());
    let ran = machine.run(call.argv[0], &call.argv[1..], call.stdin);
    if ran.status != Some(0) || !ran.stdout.is_empty() || !machine.smarthost().wait_for(1, HANG) {
        return vec![format!("{ran:?}")];
    }
    let mail = machine.smarthost().mails().remove(0);
    let parsed = MessageParser::new().parse(&mail.content).unwrap();
    let text = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    let (subject, body) = (
        text(parsed.subject().unwrap_or_default()),
        parsed.parts.iter().find_map(|part| part.text_contents()).map(text),
    );
    let mut faults = mail.oddities();
    let mut differ = |what: &str, found: String, expected: String| {
        if found != expected {
            faults.push(format!("{what} is {found:?}, not {expected:?}"));
        }
    };
    let mut to = mail.addresses();
    to.sort();
    differ("the envelope", to.join(" "), call.to.join(" "));
    differ("the body", body.unwrap_or_default(), call.body.to_owned());
    if !call.subject.is_empty() {
        differ("the subject", subject, call.subject.to_owned());
    }
    for (name, count) in [("From", 1), ("To", 1), ("Date", 1), ("Message-ID", 1), ("Bcc", 0), ("X-Cron-Env", 0)] {
        let found = mail.header(name).len();
        // A caller who asks only for copies has no To of their own.
        if found != count && !(name == "To" && mail.header("Cc").len() == 1) {
            faults.push(format!("{name} stands {found} times"));
        }
    }
    if !mail.header("From").concat().contains(USER) {
        faults.push(format!("From is {:?}", mail.header("From")));
    }
    faults
}

#[test]
fn every_kind_of_caller_is_understood() {
    let wrong = CALLS.iter().map(|call| (call.who, faults(call))).filter(|(_, faults)| !faults.is_empty());
    let wrong: Vec<_> = wrong.map(|(who, faults)| format!("{who}: {}", faults.join("; "))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn argument_that_hides_an_address_leads_to_nobody_it_names() {
    let machine = Machine::strict(Smarthost::new());
    let hiding = [
        &["a@host.example\nBcc: evil@evil.example"][..],
        &["a@host.example Foo: evil@evil.example"],
        &["-c", "b@host.example Foo: evil@evil.example", "a@host.example"],
        &["-b", "b@host.example\rFoo: evil@evil.example", "a@host.example"],
        &["-a", "Cc: b@host.example\nBcc: evil@evil.example", "a@host.example Foo: evil@evil.example"],
        &["-r", "b@host.example> SIZE=1\r\nRCPT TO:<evil@evil.example", "a@host.example"],
        &["a@host.example", "--", "-f", "b@host.example Foo: evil@evil.example"],
    ];
    for arguments in hiding {
        let ran = machine.run("mail", &[&["-s", "x", "-Ssendwait"], arguments].concat(), b"body\n");
        assert_eq!(ran.status, Some(0), "{arguments:?} {ran:?}");
        assert!(ran.stderr.contains("is no address"), "{arguments:?} {ran:?}");
    }
    let mails = machine.smarthost().mails();
    assert_eq!(mails.len(), hiding.len());
    for mail in mails {
        assert!(!format!("{mail:?}").contains("evil.example"), "{mail:?}");
    }
}

#[test]
fn recipient_that_an_option_took_for_its_value_is_named() {
    let machine = Machine::strict(Smarthost::new());
    let ran = machine.run("mail", &["-s", "x", "-r", "a@host.example"], b"body\n");
    assert_eq!(ran.status, Some(64));
    assert!(ran.stderr.contains("no recipient (a@host.example is the sender: -r takes a value)"), "{ran:?}");
}

#[test]
fn text_beside_a_file_arrives_whatever_stands_in_it() {
    let machine = Machine::strict(Smarthost::new());
    let file = machine.path("file");
    std::fs::write(&file, b"\0\x01").unwrap();
    let bodies = ["x".repeat(5000), "a\0b\rc".into(), format!("{}\0", "line\n".repeat(80_000))];
    for (n, body) in bodies.iter().enumerate() {
        let ran = machine.run("mail", &["-s", "x", "-A", file.to_str().unwrap(), "a@host.example"], body.as_bytes());
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
        assert!(machine.smarthost().wait_for(n + 1, HANG));
        let mail = &machine.smarthost().mails()[n];
        assert_eq!(mail.oddities(), Vec::<String>::new());
        let parsed = MessageParser::new().parse(&mail.content).unwrap();
        let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
        assert!(text.trim_end() == body, "{:?}", &text[..text.len().min(80)]);
        assert_eq!(parsed.attachment(0).unwrap().contents(), b"\0\x01");
    }
}

#[test]
fn mail_for_dev_null_goes_to_nobody_and_the_log_says_so() {
    let machine = Machine::strict(Smarthost::new());
    let aliases = "\u{feff}noreply: /dev/null\nteam: noreply, a@host.example\n";
    std::fs::write(machine.path("aliases"), aliases).unwrap();
    let run = |argv: &[&str], mail: &str| {
        let ran = machine.run(argv[0], &argv[1..], mail.as_bytes());
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{argv:?}");
        ran.stdout
    };
    run(&["sendmail", "noreply"], "Subject: alias\n\nx\n");
    run(&["sendmail", "-FCronDaemon", "-i", "-oem", "/dev/null"], "To: /dev/null\nSubject: operand\n\nx\n");
    run(&["mailx-t"], "From: root\nTo: /dev/null\nX-Cron-Env: <MAILTO=/dev/null>\nSubject: field\n\nx\n");
    run(&["mailx-t"], "X-Cron-Env: <MAILTO=/dev/null>\nSubject: variable\n\nx\n");
    let said =
        run(&["sendmail", "-bs"], "HELO x\nMAIL FROM:<>\nRCPT TO:<noreply>\nDATA\nSubject: smtp\n\nx\n.\nQUIT\n");
    assert!(said.contains("250 2.0.0 ok: thrown away"), "{said}");
    assert!(
        run(&["sendmail", "-bv", "noreply"], "")
            .contains("noreply... aliased to /dev/null\n/dev/null... throws it away")
    );
    assert!(run(&["sendmail", "--dry-run", "noreply"], "Subject: x\n\nx\n").ends_with("to: nobody\n"));
    run(&["sendmail", "-t"], "To: team, /dev/null\nSubject: both\n\nx\n");
    assert!(machine.smarthost().wait_for(1, HANG));
    let log = machine.log();
    assert_eq!(log.matches(": thrown away for noreply, which leads to /dev/null").count(), 2, "{log}");
    assert_eq!(log.matches(": thrown away for /dev/null, which leads to /dev/null").count(), 4, "{log}");
    assert_eq!(log.matches(": thrown away for team, which leads to /dev/null").count(), 1, "{log}");
    let mails = machine.smarthost().mails();
    assert_eq!((mails.len(), mails[0].addresses()), (1, vec!["a@host.example"]));
    assert_eq!(mails[0].header("To"), ["a@host.example"]);
}

#[test]
fn file_that_is_missing_costs_no_text() {
    let machine = Machine::strict(Smarthost::new());
    let ran = machine.run("mail", &["-s", "report", "-a", "/nonexistent.csv", "a@host.example"], b"all of it\n");
    assert_eq!(ran.status, Some(75), "{ran:?}");
    assert!(ran.stderr.contains("/nonexistent.csv") && ran.stderr.contains("failed/"), "{ran:?}");
    let kept = std::fs::read_dir(machine.path("spool/failed")).unwrap().next().unwrap().unwrap().path();
    let kept = std::fs::read_to_string(kept).unwrap();
    assert_eq!(kept, "X-Envelope-To: a@host.example\nSubject: report\nTo: a@host.example\n\nall of it\n");
    assert!(machine.smarthost().mails().is_empty());
}

#[test]
fn question_is_no_mail_and_leaves_stdin_alone() {
    let machine = Machine::strict(Smarthost::new());
    let version = concat!("mailx-t ", env!("CARGO_PKG_VERSION"), "\n");
    let mail = "To: a@host.example\nSubject: next\n\nx\n";
    for (argv, status, said) in [
        (&["sendmail", "-d0"][..], 0, version),
        (&["sendmail", "-d0.1", "-bt"], 0, version),
        (&["sendmail", "-bV"], 0, version),
        (&["mail", "-V"], 0, version),
        (&["sendmail", "-bt"], 64, "-bt is not served"),
        (&["sendmail", "-bP"], 64, "-bP is not served"),
        (&["sendmail", "-F"], 64, "-F needs a value"),
        (&["mailx-t", "check"], 64, "did you mean mailx-t ctl check?"),
        (&["mailx-t", "queue", "list"], 64, "did you mean mailx-t ctl queue list?"),
        (&["mailx-t", "help"], 64, "did you mean mailx-t ctl help?"),
    ] {
        let ran = machine.run(argv[0], &argv[1..], mail.as_bytes());
        assert_eq!(ran.status, Some(status), "{argv:?} {ran:?}");
        assert!(ran.stdout.contains(said) || ran.stderr.contains(said), "{argv:?} {ran:?}");
    }
    // The next reader of the same stdin has it all.
    let door = crate::support::DOOR;
    let script = format!("{door} --config /nonexistent ctl help >/dev/null; {door} check 2>/dev/null; cat");
    let mut command = std::process::Command::new("sh");
    let command =
        command.args(["-c", &script]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), mail.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(), mail);
    assert!(machine.smarthost().mails().is_empty());
}

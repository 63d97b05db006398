//! `--dry-run`: it shows the mail that would leave, and does nothing else.

use crate::smarthost::Smarthost;
use crate::support::Machine;

const CRON: &[u8] = "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@web1> 备份\nMessage-ID: <1@web1>\n\
                      Date: Fri, 20 Nov 2026 09:30:00 +0000\nX-Cron-Env: <PASSWORD=sekret>\n\n失败\n.\n"
    .as_bytes();

/// The output before the empty line, and the mail after it.
fn parts(shown: &str) -> (&str, &str) {
    shown.split_once("\n\n").unwrap()
}

#[test]
fn shown_mail_is_the_one_that_leaves() {
    let machine = Machine::strict(Smarthost::new());
    for (name, arguments) in [
        ("mailx-t", &["-t", "--dry-run"][..]),
        ("sendmail", &["--dry-run", "-i", "-t", "joe@host.example"]),
        ("mail", &["-s", "S", "--dry-run", "a@host.example"]),
        ("mail", &["-s", "S", "--debug", "a@host.example"]),
        ("mailx", &["-s", "S", "-Sdebug", "-Ssendwait", "a@host.example"]),
    ] {
        let before = machine.log();
        let ran = machine.run(name, arguments, CRON);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{name}");
        assert!(machine.smarthost().connections().is_empty() && machine.mail_files().is_empty(), "{name}");
        assert_eq!(machine.log(), before, "{name}");
    }
    let ran = machine.run("mailx-t", &["-t", "--dry-run"], CRON);
    let (envelope, mail) = parts(&ran.stdout);
    assert!(envelope.contains("\nfrom: <") || envelope.starts_with("from: <"), "{envelope}");
    assert!(envelope.contains("\nto: <") && envelope.contains(", written as root\n"), "{envelope}");
    assert!(envelope.contains("\nrepairs: ") && envelope.contains(" cron-env"), "{envelope}");
    assert!(envelope.contains(&format!("\nsize: {}", mail.len())), "{envelope}");
    assert!(!ran.stdout.contains("sekret"));
    let sent = machine.run("mailx-t", &["-t", "-odi"], CRON);
    assert_eq!(sent.status, Some(0), "{}", sent.stderr);
    assert_eq!(String::from_utf8(machine.smarthost().mails()[0].content.clone()).unwrap(), mail);
}

#[test]
fn exit_status_is_that_of_the_real_thing() {
    let machine = Machine::strict(Smarthost::new());
    for (arguments, status) in
        [(&["--dry-run", "-q"][..], 64), (&["--dry-run", "-bp"], 64), (&["--dry-run", "-C/none", "-t"], 78)]
    {
        let ran = machine.run("sendmail", arguments, CRON);
        assert_eq!(ran.status, Some(status), "{arguments:?}: {}", ran.stderr);
        assert!(machine.mail_files().is_empty(), "{arguments:?}");
    }
}

#[test]
fn misspelt_dry_run_sends_nothing_where_a_person_may_have_typed_it() {
    let machine = Machine::strict(Smarthost::new());
    let long = [CRON, &[b'x'; 300_000]].concat();
    for (name, arguments) in [
        ("mailx-t", &["-s", "S", "--dryrun", "a@host.example"][..]),
        ("mailx-t", &["-t", "--dryrun"]),
        ("mailx-t", &["a@host.example", "--dryrun"]),
        ("mail", &["a@host.example", "--dryrun"]),
        ("mailx", &["--dryrun", "-s", "S", "a@host.example"]),
    ] {
        let ran = machine.run(name, arguments, &long);
        let told = "mailx-t: unknown option --dryrun: did you mean --dry-run?\n";
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(64), told), "{name} {arguments:?}");
        assert!(machine.smarthost().connections().is_empty() && machine.mail_files().is_empty(), "{name}");
    }
    // Programs that call sendmail may pass the options of another mailer.
    let ran = machine.run("sendmail", &["--another-mailers-option", "-odi", "a@host.example"], CRON);
    let told = "mailx-t: ignored unknown options: --another-mailers-option\n";
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), told));
    assert_eq!(machine.smarthost().mails().len(), 1);
}

#[test]
fn mail_that_is_too_large_is_shown_as_it_would_be_cut() {
    let machine = Machine::strict(Smarthost::new());
    let config = std::fs::read_to_string(machine.config()).unwrap();
    let config = config.replacen("[spool]\n", "[spool]\nmax-message-size = \"20000 B\"\n", 1);
    std::fs::write(machine.config(), config).unwrap();
    let lines: String = (0..5000).map(|n| format!("line {n}\n")).collect();
    let ran = machine.run("mailx-t", &["--dry-run", "a@host.example"], format!("Subject: s\n\n{lines}").as_bytes());
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let (envelope, mail) = parts(&ran.stdout);
    assert!(
        envelope.contains("repairs: cut ") && mail.len() <= 20_000 && mail.contains("[mailx-t: about "),
        "{envelope}"
    );
    assert!(machine.mail_files().is_empty());
}

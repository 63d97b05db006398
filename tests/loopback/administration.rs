//! A person's commands and their output: the listing, single mails, reports, the alarm, the daemon.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::smarthost::{Act, HANG, On, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, Ran, door_path, relay, relay_path, start};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";

fn machine() -> Machine {
    Machine::strict(Smarthost::new())
}

fn queued(machine: &Machine, to: &str) -> String {
    let ran = machine.run("sendmail", &["-odq", "-f", "root", to], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    machine.queue().pop().unwrap()
}

fn done(ran: &Ran) -> &str {
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    &ran.stdout
}

/// The output of `mailx-t` at a terminal with that letter.
fn at_terminal(machine: &Machine, letter: &str) -> String {
    // script(1) gives it a terminal.
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &format!("{} {letter}", door_path().display())]).arg(machine.path("typescript"));
    command.env_clear().env("TERM", "xterm").env("MAILX_T_CONFIG", machine.config()).env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = start(command, b"").finish();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    fs::read_to_string(machine.path("typescript")).unwrap()
}

#[test]
fn mail_that_is_shown_does_not_steer_the_terminal() {
    let machine = machine();
    let mail = b"From: root\nSubject: s\x1b]0;pwn\x07\n\n\x1b]0;pwn\x07\x1b[2Jbody\n";
    assert_eq!(machine.run("sendmail", &["-odq", "a@host.example"], mail).status, Some(0));
    let id = machine.queue().pop().unwrap();
    fs::write(machine.path("mail"), mail).unwrap();
    let rehearsed = format!("--dry-run a@host.example <{}", machine.path("mail").display());
    for words in [rehearsed.as_str(), &format!("ctl queue show {id}"), "-bp", "ctl queue list"] {
        let shown = at_terminal(&machine, words);
        assert!(!shown.contains(['\x1b', '\x07']), "{words}: {shown:?}");
    }
    assert!(at_terminal(&machine, &rehearsed).contains("\\x1b]0;pwn\\x07\\x1b[2Jbody"));
    let piped = machine.run("mailx-t", &["--dry-run", "a@host.example"], mail).stdout;
    assert!(piped.contains("\x1b]0;pwn\x07\x1b[2Jbody"), "{piped:?}");
}

#[test]
fn mailq_reads_like_postfix() {
    let machine = machine();
    assert_eq!(done(&machine.run("mailq", &[], b"")), "Mail queue is empty\n");
    let id = queued(&machine, "a@host.example");
    let text = machine.run("mailq", &[], b"").stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "----Queue ID---- --Size-- ---Arrival Time---- --Sender/Recipient------");
    // Monitors count the lines that begin as Postfix's ids do.
    assert!(id.bytes().all(|octet| b"0123456789ABCDEF".contains(&octet)), "{id}");
    let fields: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!((fields[0], fields[6]), (id.as_str(), "root"));
    assert_eq!(lines[2].trim(), "a@host.example");
    assert_eq!(lines[4], "-- 1 Kbytes in 1 Request.");
    assert_eq!(machine.run("sendmail", &["-bp"], b"").stdout, text);
}

#[test]
fn json_listing_has_the_members_of_postqueue_and_ours() {
    let machine = machine();
    let id = queued(&machine, "a@host.example");
    let text = machine.run("mailq", &["--json"], b"").stdout;
    let object: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(object["queue_id"], id.as_str());
    assert_eq!(object["queue_name"], "incoming");
    assert_eq!(object["recipients"][0]["address"], "a@host.example");
    for member in ["arrival_time", "message_size", "forced_expire", "sender", "attempts", "next_attempt", "message_id"]
    {
        assert!(object.get(member).is_some(), "{member}");
    }
}

#[test]
fn held_mail_waits_for_its_release() {
    let machine = machine();
    let id = queued(&machine, "a@host.example");
    done(&machine.run("mailx-t", &["ctl", "queue", "hold", &id], b""));
    done(&machine.run("sendmail", &["-q"], b""));
    assert!(machine.smarthost().mails().is_empty());
    assert!(machine.run("mailq", &[], b"").stdout.contains(&format!("{id}!")));
    done(&machine.run("mailx-t", &["ctl", "queue", "release", "all"], b""));
    done(&machine.run("sendmail", &["-q"], b""));
    assert_eq!(machine.smarthost().mails().len(), 1);
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());

    let given_up = queued(&machine, "b@host.example");
    for verb in ["hold", "bounce"] {
        done(&machine.run("mailx-t", &["ctl", "queue", verb, &given_up], b""));
    }
    done(&machine.run("sendmail", &["-q"], b""));
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
}

#[test]
fn mail_that_cannot_be_tried_now_is_no_success() {
    let machine = machine();
    let id = queued(&machine, "a@host.example");
    done(&machine.run("mailx-t", &["ctl", "queue", "hold", &id], b""));
    let held = machine.run("mailx-t", &["ctl", "queue", "retry", &id], b"");
    assert_eq!(held.status, Some(65), "{held:?}");
    assert!(held.stderr.contains(&format!("mailx-t ctl queue release {id} comes first")), "{held:?}");
    done(&machine.run("mailx-t", &["ctl", "queue", "release", &id], b""));
    let tried = machine.run("mailx-t", &["ctl", "queue", "retry", &id], b"");
    assert!(done(&tried).contains("sent"), "{tried:?}");
    for verb in ["retry", "show", "hold", "release", "remove", "bounce"] {
        let gone = machine.run("mailx-t", &["ctl", "queue", verb, &id], b"");
        assert_eq!((gone.status, gone.stderr), (Some(65), format!("mailx-t: {id}: not in the queue\n")), "{verb}");
    }
}

#[test]
fn single_mails_are_shown_removed_and_returned() {
    let machine = machine();
    let first = queued(&machine, "a@host.example");
    let shown = machine.run("mailx-t", &["ctl", "queue", "show", "--raw", &first], b"");
    assert!(done(&shown).contains("to: a@host.example\n") && shown.stdout.contains("Subject: backup\r\n"), "{shown:?}");
    assert!(!shown.stdout.contains("all is well"));
    done(&machine.run("mailx-t", &["ctl", "queue", "remove", &first], b""));
    assert!(machine.mail_files().is_empty());

    let second = queued(&machine, "b@host.example");
    done(&machine.run("mailx-t", &["ctl", "queue", "bounce", &second], b""));
    done(&machine.run("sendmail", &["-q"], b""));
    let mails = machine.smarthost().mails();
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].header("Content-Type")[0].starts_with("multipart/report"),
        "{:?}",
        mails[0].header("Content-Type")
    );
    let gone = machine.run("mailx-t", &["ctl", "queue", "show", &second], b"");
    assert_eq!(gone.status, Some(65));
}

#[test]
fn queue_run_may_be_for_some_mails_only() {
    let machine = machine();
    for to in ["a@host.example", "b@other.example"] {
        queued(&machine, to);
    }
    done(&machine.run("sendmail", &["-qRother"], b""));
    let mails = machine.smarthost().mails();
    assert_eq!((mails.len(), mails[0].addresses()), (1, vec!["b@other.example"]));
    assert_eq!(machine.queue().len(), 1);
}

#[test]
fn report_goes_from_the_account_where_the_null_sender_is_refused() {
    // `strict` refuses MAIL FROM:<>, like providers that want their login there.
    let refuse = On::at(Point::Rcpt).containing("gone@");
    let machine = Machine::strict(Smarthost::new().on(refuse, Act::reply("550 5.1.1 no such user")));
    queued(&machine, "gone@host.example");
    done(&machine.run("sendmail", &["-q"], b""));
    let mails = machine.smarthost().mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].header("Auto-Submitted"), ["auto-replied"]);
    assert!(!mails[0].reverse_path.is_empty());
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
}

#[test]
fn report_that_nobody_takes_stays_in_failed() {
    let machine = Machine::strict(Smarthost::new().on(Point::Rcpt, Act::reply("550 5.1.1 no such user")));
    queued(&machine, "gone@host.example");
    done(&machine.run("sendmail", &["-q"], b""));
    done(&machine.run("sendmail", &["-q"], b""));
    assert!(machine.smarthost().mails().is_empty() && machine.queue().is_empty());
    assert_eq!(machine.failed().len(), 1, "the report, which holds the mail");
    assert!(machine.log().contains("a report could not be delivered"));
    // A program that reads it finds what it knows; check and a terminal have a word for people.
    assert_eq!(done(&machine.run("mailq", &[], b"")), "Mail queue is empty\n");
    assert_eq!(done(&machine.run("mailq", &["--json"], b"")), "");
    let place = machine.path("spool/failed").display().to_string();
    let shown = at_terminal(&machine, "-bp");
    let parts =
        ["Mail queue is empty", "1 mail was given up and not returned, the oldest of 2", ", the last because: 5"];
    assert!(parts.iter().all(|part| shown.contains(part)), "{shown:?}");
    assert!(shown.contains(&format!(": look into {place}")), "{shown:?}");
    let has_drop = machine.has_drop();
    if has_drop {
        fs::write(machine.path("spool/drop/core"), "x").unwrap();
    }
    let checked = machine.run("mailx-t", &["ctl", "check", "--offline"], b"");
    let lines = checked.stdout;
    assert!(lines.contains("\nFAIL  failed: 1 mail given up and not returned, the oldest of 2"), "{lines}");
    assert!(lines.contains(&format!(": look at them in {place}, and remove what is seen to")), "{lines}");
    assert_eq!(lines.contains("\nnote  drop: core cannot be taken in: "), has_drop, "{lines}");
}

#[test]
fn alarm_is_raised_once_per_trouble() {
    let machine = machine();
    let path = machine.path("alarm");
    let alarm = format!("[alarm]\ncommand = \"cat >> {}\"\n", path.display());
    let config = fs::read_to_string(machine.config()).unwrap();
    fs::write(machine.config(), config + &alarm).unwrap();
    machine.write_password("wrong");
    queued(&machine, "a@host.example");
    for _ in 0..3 {
        machine.run("sendmail", &["-q"], b"");
    }
    assert_eq!(machine.log().matches("no mail leaves this machine until the configuration is mended").count(), 1);
    machine.write_password(PASSWORD);
    done(&machine.run("sendmail", &["-q"], b""));
    assert_eq!(machine.smarthost().mails().len(), 1);
    // The command runs on its own: it has begun by now, and ends only when somebody reads the FIFO.
    machine.write_password("wrong");
    queued(&machine, "b@host.example");
    machine.run("sendmail", &["-q"], b"");
    assert_eq!(machine.log().matches("no mail leaves this machine until the configuration is mended").count(), 2);
}

/// Leaves a mail as another user would: root's own go to the queue, and are not taken from `drop/`.
fn leave(mail: &Path, place: &Path) {
    std::os::unix::fs::chown(mail, Some(54_321), Some(fs::metadata(place.parent().unwrap()).unwrap().gid())).unwrap();
    fs::set_permissions(mail, fs::Permissions::from_mode(0o1640)).unwrap();
    fs::rename(mail, place).unwrap();
}

#[test]
fn last_line_of_mailq_counts_what_is_left_in_drop_too() {
    let (machine, elsewhere) = (machine(), machine());
    if !machine.has_drop() {
        return;
    }
    queued(&machine, "a@host.example");
    let id = queued(&elsewhere, "b@host.example");
    leave(&elsewhere.path("spool/queue").join(&id), &machine.path("spool/drop").join(&id));
    fs::write(machine.path("spool/drop/6645F0AB1C2D000"), "no mail").unwrap();
    let text = machine.run("mailq", &[], b"").stdout;
    assert_eq!(text.lines().last(), Some("-- 1 Kbytes in 2 Requests."), "{text}");
    assert!(text.contains(&format!("\n{id} ")) && text.contains(" b@host.example\n"), "{text}");
    let json = machine.run("mailq", &["-j"], b"").stdout;
    assert_eq!((json.lines().count(), json.matches("\"queue_name\":\"maildrop\"").count()), (2, 1), "{json}");
}

#[test]
fn daemon_serves_what_is_left_in_drop_at_once() {
    let (machine, elsewhere) = (machine(), machine());
    if !machine.has_drop() {
        return;
    }
    let mut command = relay();
    command.args(["--config", &machine.config().to_string_lossy(), "serve", "--stay", "--every", "1h"]);
    let mut daemon = command.spawn().unwrap();
    // Mails that it finds when it starts, and mails that come while it waits.
    for n in 1..=2 {
        let id = queued(&elsewhere, "a@host.example");
        leave(&elsewhere.path("spool/queue").join(&id), &machine.path("spool/drop").join(&id));
        assert!(machine.smarthost().wait_for(n, HANG), "mail {n} did not come");
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

#[test]
fn daemon_without_a_watch_of_the_kernels_serves_by_the_clock() {
    let in_namespace = |script: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", script]);
        command
    };
    let none_left = "echo 0 >/proc/sys/user/max_inotify_instances";
    // If that is not allowed here, the test cannot judge.
    if !in_namespace(none_left).stderr(Stdio::null()).status().unwrap().success() {
        return;
    }
    let (machine, elsewhere) = (machine(), machine());
    if !machine.has_drop() {
        return;
    }
    let mut command = in_namespace(&format!(r#"{none_left} && exec "$0" "$@""#));
    command.arg(relay_path()).args(["--config", &machine.config().to_string_lossy()]);
    command.args(["serve", "--stay", "--every", "1s"]).stdin(Stdio::null());
    let mut daemon = command.spawn().unwrap();
    for n in 1..=3 {
        let id = queued(&elsewhere, "a@host.example");
        leave(&elsewhere.path("spool/queue").join(&id), &machine.path("spool/drop").join(&id));
        let has_come = machine.smarthost().wait_for(n, HANG);
        if !has_come {
            daemon.kill().unwrap();
        }
        assert!(has_come, "mail {n} did not come: {}", machine.log());
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert_eq!(machine.log().matches("fs.inotify.max_user_instances").count(), 1, "{}", machine.log());
}

#[test]
fn named_configuration_before_the_verb_is_no_recipient() {
    let machine = machine();
    let config = machine.config();
    let ran = machine.run("mailx-t", &["--config", &config.to_string_lossy(), "ctl", "queue", "list"], b"");
    assert_eq!(done(&ran), "Mail queue is empty\n");
    assert!(machine.mail_files().is_empty());
}

#[test]
fn sender_with_a_line_end_is_nobody() {
    let machine = machine();
    let ran =
        machine.run("sendmail", &["-odi", "-f", "a@host.example\nBcc: evil@host.example", "b@host.example"], MAIL);
    assert_eq!(ran.status, Some(0));
    let mails = machine.smarthost().mails();
    assert_eq!(mails[0].addresses(), ["b@host.example"]);
    assert!(!String::from_utf8_lossy(&mails[0].content).contains("evil"));
}

#[test]
fn what_ends_the_daemon_in_the_foreground_ends_all_of_it() {
    let (machine, elsewhere) = (machine(), machine());
    if !machine.has_drop() {
        return;
    }
    let id = queued(&elsewhere, "a@host.example");
    leave(&elsewhere.path("spool/queue").join(&id), &machine.path("spool/drop").join(&id));
    let mut daemon = machine.door("sendmail", &["-bD", "-q1h"]).spawn().unwrap();
    assert!(machine.smarthost().wait_for(1, HANG), "the daemon does not serve");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let lock = fs::File::open(machine.path("spool/queue/serve.lock")).unwrap();
    assert!(lock.try_lock().is_ok(), "somebody still serves the spool");
}

#[test]
fn second_daemon_is_refused() {
    let machine = machine();
    // The first daemon, as the file system sees it: a lock.
    let lock = fs::File::create(machine.path("spool/queue/serve.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = relay();
    command.args(["--config", &machine.config().to_string_lossy(), "serve", "--stay", "--every", "1h"]);
    let ran = start(command, b"").finish();
    assert_eq!(ran.status, Some(78));
    assert!(ran.stderr.contains("another daemon serves this spool already"), "{ran:?}");
}

#[test]
fn queue_run_at_a_terminal_shows_how_far_it_has_come() {
    // Each answer takes longer than a moment.
    let machine = Machine::strict(Smarthost::new().on(Point::Content, Act::Drip(Duration::from_millis(60))));
    for to in ["a@host.example", "b@host.example"] {
        queued(&machine, to);
    }
    let shown = at_terminal(&machine, "-q");
    assert!(shown.contains("2 of 2 mails") && shown.contains("2 sent, 0 deferred, 0 refused"), "{shown:?}");
    assert_eq!(machine.smarthost().mails().len(), 2);
}

#[test]
fn what_was_given_up_goes_back_into_the_queue() {
    let machine = machine();
    let id = queued(&machine, "a@host.example,b@host.example");
    let failed = machine.path("spool/failed");
    fs::rename(machine.path("spool/queue").join(&id), failed.join(&id)).unwrap();
    let sent = "2026-11-30T00:00:00Z\t0\tsent\trcpt\trecipient\t2.0.0\t-\tok\n";
    fs::write(failed.join(format!("{id}.journal")), sent).unwrap();
    let input = "X-Envelope-To: c@host.example\nSubject: saved\n\ntext\n";
    fs::write(failed.join("0KCX3T1M2A7Q4ZD.input"), input).unwrap();
    fs::write(failed.join("0KCX3T1M2A7Q4ZE.refused"), "a line that is no mail\n").unwrap();
    let one = machine.run(
        "mailx-t",
        &["ctl", "queue", "requeue", &failed.join("0KCX3T1M2A7Q4ZD.input").to_string_lossy()],
        b"",
    );
    assert!(done(&one).starts_with("0KCX3T1M2A7Q4ZD: in the queue again, as "), "{one:?}");
    let rest = machine.run("mailx-t", &["ctl", "queue", "requeue", "all"], b"");
    assert!(rest.stdout.starts_with(&format!("{id}: in the queue again, as ")), "{rest:?}");
    assert!(rest.status != Some(0) && rest.stderr.contains("0KCX3T1M2A7Q4ZE"), "{rest:?}");
    done(&machine.run("sendmail", &["-q"], b""));
    assert!(machine.smarthost().wait_for(2, HANG) && machine.smarthost().wait_until_idle(HANG));
    let mut to: Vec<String> = machine.smarthost().mails().iter().map(|mail| mail.addresses().join(",")).collect();
    to.sort();
    assert_eq!(to, ["b@host.example", "c@host.example"]);
    let left: Vec<_> = fs::read_dir(&failed).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["0KCX3T1M2A7Q4ZE.refused"]);
    // Nobody is left to get these.
    let all_sent = queued(&machine, "a@host.example");
    fs::rename(machine.path("spool/queue").join(&all_sent), failed.join(&all_sent)).unwrap();
    fs::write(failed.join(format!("{all_sent}.journal")), sent).unwrap();
    fs::write(failed.join("0KCX3T1M2A7Q4ZF.input"), "X-Envelope-To: /dev/null\nSubject: x\n\nx\n").unwrap();
    for id in [&all_sent, "0KCX3T1M2A7Q4ZF"] {
        let ran = machine.run("mailx-t", &["ctl", "queue", "requeue", id], b"");
        assert_eq!(done(&ran), format!("{id}: nobody is left to get it, so it is removed\n"), "{ran:?}");
    }
    assert!(machine.queue().iter().all(|name| name.contains('.')), "{:?}", machine.queue());
    let left: Vec<_> = fs::read_dir(&failed).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["0KCX3T1M2A7Q4ZE.refused"]);
    let none = machine.run("mailx-t", &["ctl", "queue", "requeue", &id], b"");
    assert_eq!((none.status, none.stderr), (Some(65), format!("mailx-t: {id}: not in failed/\n")));
}

#[test]
fn person_reads_when_the_next_try_comes_and_what_a_run_came_to() {
    let machine = Machine::strict(Smarthost::new().on(Point::Rcpt, Act::reply("450 4.2.0 greylisted")));
    let id = queued(&machine, "a@host.example");
    assert!(machine.run("mailx-t", &["ctl", "queue", "show", &id], b"").stdout.contains("not tried yet"));
    let said = at_terminal(&machine, "-q");
    assert!(said.contains("greylisted") && said.contains("1 mail waits: mailq tells why"), "{said}");
    let shown = machine.run("mailx-t", &["ctl", "queue", "show", &id], b"").stdout;
    for says in [
        "to         a@host.example\n",
        "tried once, last at ",
        ", next try at ",
        "450 4.2.0 greylisted",
        "Subject: backup\r\n",
    ] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    assert!(!shown.contains("deferred\t") && !shown.contains("all is well"), "{shown}");
}

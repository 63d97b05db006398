//! A smarthost that means harm, or an impostor in its place: bounded memory, bounded time, no secret told, and the mail
//! stays.
//!
//! The faults of an honest smarthost are in `trouble.rs`.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use crate::smarthost::{Act, Authority, HANG, Kind, On, Point, Running, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, Ran, USER, relay, relay_path, start};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";
/// The relay gets no more memory for its data than this, in KiB; if it wants more it dies, and its status tells.
const MOST_MEMORY: &str = "16384";

fn knowing_us() -> Smarthost {
    Smarthost::new().account(USER, PASSWORD)
}

/// A mail waits at that machine, and the relay tries it.
fn tried(machine: &Machine) -> Ran {
    let kept = machine.run("sendmail", &["-odq", "a@host.example"], MAIL);
    assert_eq!(kept.status, Some(0), "{kept:?}");
    flush(machine)
}

fn flush(machine: &Machine) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -d "$0" && exec "$@""#, MOST_MEMORY]).arg(relay_path());
    command.arg("--config").arg(machine.config()).arg("flush").env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    start(command, b"").finish()
}

/// The mail is still there, every connection has ended, and the log has not heard the password.
fn assert_unharmed(machine: &Machine, what: &str) {
    assert_eq!((machine.queue().len(), machine.failed().len()), (1, 0), "{what}: {}", machine.log());
    assert!(machine.smarthost().wait_until_idle(HANG), "{what}");
    assert!(!machine.log().contains(PASSWORD), "{what}");
}

#[test]
fn answer_without_an_end_is_not_waited_for() {
    for (what, bytes) in [
        ("a line", b"250 ".to_vec()),
        ("lines", b"250-and one more\r\n".repeat(100)),
        ("zeros", vec![0; 4096]),
        ("high bytes", vec![0xff; 4096]),
        ("line ends", b"\r\n".repeat(1000)),
    ] {
        for point in [Point::Greeting, Point::Ehlo, Point::Auth, Point::Mail, Point::Rcpt, Point::Content] {
            let machine = Machine::with(knowing_us().on(point, Act::Flood(bytes.clone())), "timeout = \"20s\"\n");
            let ran = tried(&machine);
            assert_eq!(ran.status, Some(0), "{ran:?}");
            assert_unharmed(&machine, &format!("{what} at {point:?}"));
        }
    }
}

#[test]
fn refusal_that_quotes_our_login_does_not_tell_the_secret() {
    let encoded = openssl::base64::encode_block(format!("\0{USER}\0{PASSWORD}").as_bytes());
    let quoted = format!("500 5.5.2 unrecognized: \"AUTH PLAIN {encoded}\", that is {PASSWORD}");
    for (lines, last, shown) in [
        ("", Act::Reply(quoted.clone()), "***"),
        ("auth-in-group = true\n", Act::Reply(quoted.clone()), "***"),
        ("auth-in-group = true\n", Act::Reply(quoted.replace("500", "334")), "broken off"),
        ("", Act::Garbage(format!("AUTH PLAIN {encoded}\r\n").into_bytes()), "***"),
    ] {
        let lines = format!("auth = \"plain\"\n{lines}");
        let smarthost = knowing_us().on(Point::Auth, last.clone()).on(Point::Mail, Act::Reply(quoted.clone()));
        let machine = Machine::with(smarthost, &lines);
        let kept = machine.run("sendmail", &["-odi", "a@host.example"], MAIL);
        let watched = machine.run("mailx-t", &["ctl", "check", "-v"], b"");
        let read = |path: &std::path::PathBuf| fs::read_to_string(path).unwrap_or_default();
        let spool: String = machine.spool_files().iter().map(read).collect();
        let told =
            [machine.log(), spool, format!("{kept:?}"), format!("{watched:?}"), format!("{:?}", flush(&machine))];
        assert!(told[0].contains(shown), "{last:?}: {}", machine.log());
        for text in &told {
            assert!(!text.contains(PASSWORD) && !text.contains(&encoded[..16]), "{last:?}: {text}");
        }
    }
}

#[test]
fn answers_that_come_before_the_question_do_not_make_a_mail_taken() {
    // All the answers of a whole dialogue, in one go with the greeting; then nothing.
    let ahead = "220 hello\r\n250 ok\r\n235 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n";
    for unread in ["", "451 not stored\r\n"] {
        let bytes = format!("{ahead}{unread}").into_bytes();
        let smarthost = knowing_us().on(Point::Greeting, Act::Garbage(bytes)).on(Point::Ehlo, Act::Cut);
        let machine = Machine::with(smarthost, "timeout = \"5s\"\n");
        assert_eq!(tried(&machine).status, Some(0));
        assert_unharmed(&machine, "answers ahead");
    }
}

#[test]
fn challenge_without_an_end_is_no_login() {
    for mechanism in ["PLAIN", "LOGIN"] {
        let smarthost = knowing_us().mechanisms(&[mechanism]).on(Point::Auth, Act::reply("334 VXNlcm5hbWU6"));
        let machine = Machine::with(smarthost, "timeout = \"5s\"\n");
        assert_eq!(tried(&machine).status, Some(0));
        assert_unharmed(&machine, mechanism);
    }
}

#[test]
fn whoever_cannot_prove_to_be_the_smarthost_hears_nothing() {
    for kind in [Kind::CommonNameOnly, Kind::Expired, Kind::NotYetValid, Kind::SelfSigned, Kind::WrongHost] {
        let machine = Machine::with(knowing_us().certificate(kind), "");
        assert_eq!(tried(&machine).status, Some(0));
        assert_unharmed(&machine, &format!("{kind:?}"));
        for connection in machine.smarthost().connections() {
            assert_eq!(connection.commands, Vec::<String>::new(), "{kind:?}");
        }
    }
}

#[test]
fn smarthost_that_becomes_another_one_hears_nothing() {
    let machine = Machine::with(knowing_us(), "");
    assert_eq!(machine.send(&["a@host.example"], MAIL).status, Some(0));
    assert_eq!(machine.smarthost().mails().len(), 1);
    // The process that sent that one has ended, and with it the settings it had read.
    assert_eq!(flush(&machine).status, Some(0));
    // The same name and port; only the certificate comes from elsewhere.
    let impostor = knowing_us().authority(Authority::new()).start();
    let text = fs::read_to_string(machine.config()).unwrap();
    let port = |running: &Running| format!("port = {}\n", running.port());
    fs::write(machine.config(), text.replace(&port(machine.smarthost()), &port(&impostor))).unwrap();
    assert_eq!(tried(&machine).status, Some(0));
    assert_unharmed(&machine, "another certificate");
    assert!(impostor.connections().iter().all(|connection| connection.commands.is_empty()));
    assert!(machine.log().contains("issuer"), "{}", machine.log());
}

#[test]
fn outdated_tls_is_refused() {
    let machine = Machine::with(knowing_us().outdated(), "");
    assert_eq!(tried(&machine).status, Some(0));
    assert_unharmed(&machine, "TLS 1.1");
    assert!(machine.smarthost().connections().iter().all(|connection| connection.commands.is_empty()));
}

#[test]
fn relay_dumps_no_core_and_starts_nothing_with_more_rights() {
    let mut machine = Machine::with(knowing_us().on(On::at(Point::Content).times(1), Act::Stall), "");
    assert_eq!(machine.run("sendmail", &["-odq", "a@host.example"], MAIL).status, Some(0));
    let mut command = relay();
    command.arg("--config").arg(machine.config()).args(["flush"]);
    let running = start(command, b"");
    assert!(machine.smarthost().wait_for_commands(4, HANG));
    let about = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", running.child.id())).unwrap();
    let limits = about("limits");
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_whitespace().filter(|word| *word == "0").count(), 2, "{cores}");
    // Landlock goes together with it; a kernel without Landlock changes neither.
    if fs::read_to_string("/sys/kernel/security/lsm").is_ok_and(|modules| modules.contains("landlock")) {
        assert!(about("status").contains("NoNewPrivs:\t1"));
    }
    machine.stop_smarthost();
    running.finish();
    assert_eq!(machine.queue().len(), 1);
}

/// The same command, with as large a core as the machine grants, in that machine's directory.
fn with_cores(machine: &Machine, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"ulimit -c "$(ulimit -H -c)" && exec "$0" "$@""#]).arg(command.get_program());
    shell.args(command.get_args()).env_clear().current_dir(machine.path(""));
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// True if it leaves a core when it dies of that signal.
fn dumps_core(child: &mut Child) -> bool {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGABRT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGABRT as i32), "{status:?}");
    status.core_dumped()
}

#[test]
fn killed_program_leaves_no_core() {
    let machine = Machine::with(knowing_us().on(On::at(Point::Content).times(1), Act::Stall), "");
    // Any other program leaves a core here; if none does, or cores are handed to a collector, the test would prove
    // nothing.
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let mut other = with_cores(&machine, &Command::new("cat")).spawn().unwrap();
    let mut answer = [0];
    other.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    other.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
    if pattern.starts_with('|') || !dumps_core(&mut other) {
        eprintln!("this machine writes no core files: nothing was tried");
        let _ = other.kill().and_then(|()| other.wait());
        return;
    }

    let mut door = with_cores(&machine, &machine.door("mailx-t", &["-odq", "a@host.example"])).spawn().unwrap();
    // More than the pipe holds: the door has begun to read.
    door.stdin.as_mut().unwrap().write_all(&b"a line of text\n".repeat(20_000)).unwrap();
    assert!(!dumps_core(&mut door), "the door");

    assert_eq!(machine.run("sendmail", &["-odq", "a@host.example"], MAIL).status, Some(0));
    let mut command = relay();
    command.arg("--config").arg(machine.config()).args(["flush"]);
    let mut relay = with_cores(&machine, &command).spawn().unwrap();
    assert!(machine.smarthost().wait_for_commands(4, HANG));
    assert!(!dumps_core(&mut relay), "the relay");
    assert_eq!(machine.queue().len(), 1);
}

#[test]
fn password_file_that_others_can_read_is_not_used() {
    for mode in [0o644, 0o604, 0o620] {
        let machine = Machine::with(knowing_us(), "");
        fs::set_permissions(machine.path("password"), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(tried(&machine).status, Some(0));
        assert_unharmed(&machine, "a password for all");
        assert!(machine.smarthost().mails().is_empty());
        assert!(machine.log().contains("chmod"), "{}", machine.log());
    }
}

//! Callers and machines as they are: closed streams, a directory that is gone, no environment, a broken spool; and
//! secrets that must never show on the way.
//!
//! No test here lets the program fail with a mail in its hands and no spool to keep it: the mail would go to the
//! `dead.letter` of the user that runs the tests.

use std::fs::{self, File};
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::smarthost::{Act, HANG, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, Ran, USER, children, door_path, start};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";

fn machine() -> Machine {
    Machine::strict(Smarthost::new())
}

/// The mail came through, and nothing was said about it.
fn assert_delivered(machine: &Machine, ran: &Ran) {
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    let mails = machine.smarthost().mails();
    assert_eq!((mails.len(), mails[0].body()), (1, &b"all is well\r\n"[..]));
    assert!(machine.queue().is_empty());
}

/// Runs the door from a shell's line, in which `"$@"` is the whole command.
fn by_shell(machine: &Machine, line: &str, stdin: &[u8]) -> Ran {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line, "sh"]).arg(door_path()).args(["-odi", "a@host.example"]);
    shell.env_clear().env("MAILX_T_CONFIG", machine.config()).current_dir(machine.path(""));
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    start(shell, stdin).finish()
}

#[test]
fn closed_output_streams_are_normal() {
    for line in [r#"exec "$@" >&-"#, r#"exec "$@" 2>&-"#, r#"exec "$@" >&- 2>&-"#] {
        let machine = machine();
        assert_delivered(&machine, &by_shell(&machine, line, MAIL));
    }
}

#[test]
fn status_is_told_even_where_the_sentence_cannot_be() {
    let machine = Machine::with(Smarthost::new().account(USER, PASSWORD), "");
    fs::remove_file(machine.config()).unwrap();
    assert_eq!(by_shell(&machine, r#"exec "$@" >&- 2>&-"#, b"").status, Some(78));
    assert_eq!(by_shell(&machine, r#"exec "$@" 2>/dev/full"#, b"").status, Some(78));
}

#[test]
fn closed_stdin_is_an_empty_message() {
    let machine = machine();
    let ran = by_shell(&machine, r#"exec "$@" <&-"#, b"");
    assert_eq!((ran.status, ran.stderr.as_str(), machine.smarthost().mails().len()), (Some(0), "", 1));
}

#[test]
fn working_directory_may_be_gone() {
    let machine = machine();
    let ran = by_shell(&machine, r#"mkdir gone && cd gone && rmdir ../gone && exec "$@""#, MAIL);
    assert_delivered(&machine, &ran);
}

#[test]
fn environment_may_be_empty() {
    let machine = machine();
    let config = machine.config();
    for (name, option) in [("sendmail", "-C"), ("mailx-t", "--config")] {
        let before = machine.smarthost().mails().len();
        let mut command = machine.door(name, &[option, config.to_str().unwrap()]);
        command.args(["-odi", "a@host.example"]).env_clear();
        let ran = start(command, MAIL).finish();
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
        assert_eq!(machine.smarthost().mails().len(), before + 1);
    }
}

#[test]
fn stdin_may_be_a_file_without_a_name() {
    let machine = machine();
    let path = machine.path("message");
    fs::write(&path, MAIL).unwrap();
    let mut command = machine.door("sendmail", &["-odi", "a@host.example"]);
    command.stdin(File::open(&path).unwrap());
    fs::remove_file(path).unwrap();
    assert_delivered(&machine, &start(command, b"").finish());
}

#[test]
fn stdin_may_be_a_socket() {
    let machine = machine();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = machine.door("sendmail", &["-odi", "a@host.example"]);
    command.stdin(Stdio::from(OwnedFd::from(theirs)));
    ours.write_all(MAIL).unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    assert_delivered(&machine, &start(command, b"").finish());
}

#[test]
fn caller_that_still_writes_hears_the_status_and_no_broken_pipe() {
    let machine = machine();
    let much = [MAIL, &vec![b'x'; 1 << 20]].concat();
    for (name, arguments) in
        [("sendmail", &["-odi", "-f"][..]), ("mail", &["-u", "alice"]), ("mailx-t", &["ctl", "nonsense"])]
    {
        let ran = machine.run(name, arguments, &much);
        assert_eq!(ran.status, Some(64), "{name} {arguments:?}: {ran:?}");
        assert!(ran.stdin.is_ok(), "{name} {arguments:?}: {ran:?}");
        assert!(ran.stderr.starts_with("mailx-t: "), "{name} {arguments:?}: {ran:?}");
    }
}

#[test]
fn lone_option_without_its_value_is_a_question_that_leaves_stdin_alone() {
    let machine = machine();
    let door = machine.door("mailx-t", &[]).get_program().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "\"$0\" -F 2>&1; cat"]).arg(door);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = start(shell, b"for the next\n").finish();
    let expected = "mailx-t: option -F needs a value, and the command line ends after it\nfor the next\n";
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), expected), "{ran:?}");
}

#[test]
fn killed_before_the_end_of_its_input_it_leaves_nothing() {
    let machine = machine();
    let mut child = machine.door("sendmail", &["-odi", "a@host.example"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A pipe holds far less: most of it has been read when this returns.
    stdin.write_all(&[MAIL, &vec![b'x'; 2 << 20]].concat()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
    assert!(machine.smarthost().connections().is_empty());
}

#[test]
fn lock_of_the_caller_is_not_held_by_the_relay() {
    // A script that holds a lock while it mails: `flock job.lock script`.
    let machine = Machine::strict(Smarthost::new().on(Point::Greeting, Act::Stall));
    let lock = machine.path("job.lock");
    let script = "exec 9>\"$1\"; flock 9; exec \"$2\" -odb a@host.example";
    let mut command = Command::new("/bin/sh");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("MAILX_T_CONFIG", machine.config());
    command.args(["-c", script, "sh"]).arg(&lock).arg(door_path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = start(command, MAIL).finish();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(machine.smarthost().wait_for_connections(1, HANG), "the relay is at work");
    assert!(fs::File::open(&lock).unwrap().try_lock().is_ok(), "and the next run of the job can begin");
}

#[test]
fn mail_that_no_spool_keeps_is_sent_at_once() {
    let machine = machine();
    fs::remove_dir_all(machine.path("spool")).unwrap();
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let beginning = format!("mailx-t: cannot create {}/", machine.path("spool/tmp").display());
    assert!(ran.stderr.starts_with(&beginning), "{ran:?}");
    assert!(ran.stderr.ends_with(": the mail was sent at once instead of being kept\n"), "{ran:?}");
    assert_eq!(machine.smarthost().mails().len(), 1);
}

#[test]
fn mail_is_sent_at_once_also_where_no_disk_takes_anything() {
    let machine = machine();
    fs::remove_dir_all(machine.path("spool")).unwrap();
    let mut command = machine.door("sendmail", &["-i", "-odi", "a@host.example"]);
    command.env("TMPDIR", machine.path("none"));
    let ran = start(command, MAIL).finish();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(machine.smarthost().mails().len(), 1);
}

#[test]
fn without_spool_and_smarthost_the_sentence_says_so() {
    let mut machine = machine();
    machine.stop_smarthost();
    fs::remove_dir_all(machine.path("spool")).unwrap();
    let ran = machine.send(&["a@host.example"], b"");
    assert_eq!(ran.status, Some(73));
    assert!(ran.stderr.ends_with(": No such file or directory (os error 2)\n"), "{ran:?}");
}

#[test]
fn mail_that_can_be_neither_kept_nor_sent_is_saved_in_failed_of_its_own_spool() {
    let mut machine = machine();
    machine.stop_smarthost();
    // A file in place of a directory stops root too.
    fs::remove_dir(machine.path("spool/tmp")).unwrap();
    fs::write(machine.path("spool/tmp"), "").unwrap();
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!(ran.status, Some(75));
    assert!(ran.stderr.contains(": Not a directory (os error 20): the message "), "{ran:?}");
    let saved: Vec<_> = fs::read_dir(machine.path("spool/failed")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(saved.len(), 1);
    assert!(ran.stderr.ends_with(&format!(": the message was saved in {}\n", saved[0].display())), "{ran:?}");
    assert_eq!(fs::read(&saved[0]).unwrap(), MAIL);
}

/// All that other users can see of a process, and some facts that they cannot.
fn seen(pid: u32) -> String {
    let read = |name: &str| String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{name}")).unwrap()).into_owned();
    format!("{} {}", read("cmdline"), read("environ")).replace('\0', " ")
}

#[test]
fn environment_of_the_caller_does_not_reach_the_relay() {
    let mut machine = Machine::with(Smarthost::new().account(USER, PASSWORD).on(Point::Content, Act::Stall), "");
    let mut command = machine.door("sendmail", &["-odi", "a@host.example"]);
    let theirs = ["RUST_LOG", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", "HOME", "PATH", "LANG", "LD_BIND_NOW"];
    command.envs(theirs.map(|name| (name, "/of/the/caller")));
    let door = start(command, MAIL);
    assert!(machine.smarthost().wait_for_commands(4, HANG));
    let relays = children(door.child.id());
    assert_eq!(relays.len(), 1);
    let seen = seen(relays[0]);
    assert!(seen.contains("PATH=") && !seen.contains("/of/the/caller"), "{seen}");
    machine.stop_smarthost();
    assert_eq!((door.finish().status, machine.queue().len()), (Some(0), 1));
}

#[test]
fn password_stands_nowhere_but_in_its_file() {
    // The server has the mail and its reply never comes: both programs are there to be inspected.
    let mut machine =
        Machine::with(Smarthost::new().account(USER, PASSWORD).on(Point::Content, Act::StoreThenStall), "");
    let mut command = machine.door("sendmail", &["-odi", "-v", "a@host.example"]);
    command.env("OF_THE_CALLER", "alone");
    let door = start(command, MAIL);
    assert!(machine.smarthost().wait_for(1, HANG));
    let relays = children(door.child.id());
    assert_eq!(relays.len(), 1);
    let (door_seen, relay_seen) = (seen(door.child.id()), seen(relays[0]));
    assert!(door_seen.contains("-odi") && relay_seen.contains("mailx-t-relay"), "{door_seen}\n{relay_seen}");
    assert!(!relay_seen.contains("OF_THE_CALLER"), "{relay_seen}");
    let mail = machine.smarthost().mails().remove(0);
    assert_eq!(mail.login.as_deref(), Some(USER));
    machine.stop_smarthost();

    let ran = door.finish();
    assert_eq!((ran.status, machine.queue().len()), (Some(0), 1));
    let texts = [door_seen, relay_seen, ran.stdout, ran.stderr, machine.log()].map(String::into_bytes);
    let files = machine.spool_files().into_iter().map(|path| fs::read(path).unwrap());
    let encoded = openssl::base64::encode_block(format!("\0{USER}\0{PASSWORD}").as_bytes());
    for bytes in texts.into_iter().chain(files).chain([mail.content]) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(PASSWORD) && !text.contains(&encoded), "{text}");
    }
}

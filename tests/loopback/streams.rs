//! Mails as callers hand them over: kinds of stdin, dots in the text, signals, limits and the environment that the
//! callers hand down. Closed and odd streams are in `rough.rs`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};

use crate::smarthost::{HANG, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, Ran, USER, door_path, install, relay_path, start};
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";

fn machine() -> Machine {
    Machine::strict(Smarthost::new())
}

/// Runs a command that ends in our door, called as `sendmail -odi a@host.example`.
fn through(machine: &Machine, words: &[&str], stdin: &[u8]) -> Ran {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(door_path()).args(["-odi", "a@host.example"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("MAILX_T_CONFIG", machine.config());
    command.current_dir(machine.path("")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    start(command, stdin).finish()
}

/// The one mail that arrived, after a call that said nothing.
fn assert_delivered(machine: &Machine, ran: &Ran) {
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(body(machine), "all is well\r\n");
    assert!(machine.mail_files().is_empty());
}

fn body(machine: &Machine) -> String {
    assert_eq!(machine.smarthost().mails().len(), 1);
    String::from_utf8(machine.smarthost().mails().remove(0).body().to_vec()).unwrap()
}

/// The mail that this body becomes under that name with these arguments.
fn handed_in(name: &str, arguments: &[&str], text: &str) -> String {
    let machine = machine();
    let stdin = if name == "mail" { text.to_string() } else { format!("Subject: s\n\n{text}") };
    let ran = machine.run(name, arguments, stdin.as_bytes());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{name} {arguments:?}");
    assert!(machine.smarthost().wait_for(1, HANG));
    body(&machine).replace("\r\n", "\n")
}

#[test]
fn lone_dot_of_a_pipe_or_a_file_ends_nothing() {
    let text = "one\n.\ntwo\n.\n";
    for arguments in [&["-odi", "a@host.example"][..], &["-i", "-odi", "a@host.example"]] {
        assert_eq!(handed_in("sendmail", arguments, text), text, "{arguments:?}");
    }
    assert_eq!(handed_in("mailx-t", &["a@host.example"], text), text);
    assert_eq!(handed_in("mail", &["-odi", "-s", "S", "a@host.example"], text), text);
}

#[test]
fn dots_that_the_caller_has_doubled_are_single_again_unless_it_says_they_are_not() {
    let text = "..\n..two\na.b\n";
    assert_eq!(handed_in("sendmail", &["-odi", "a@host.example"], text), ".\n.two\na.b\n");
    for letter in ["-i", "-oi", "-OIgnoreDots"] {
        assert_eq!(handed_in("sendmail", &["-odi", letter, "a@host.example"], text), text, "{letter}");
    }
    assert_eq!(handed_in("mailx-t", &["a@host.example"], text), text, "crond's handler is given no -i");
    assert_eq!(handed_in("mail", &["-odi", "-s", "S", "a@host.example"], text), text);
}

#[test]
fn output_of_a_job_keeps_its_dots_without_i() {
    let listing = ".\n..\n.profile\n";
    assert_eq!(handed_in("sendmail", &["-FAnacron", "-odi", "a@host.example"], listing), listing);
}

#[test]
fn file_is_read_from_where_it_stands() {
    let machine = machine();
    let path = machine.path("output");
    fs::write(&path, [b"not of this mail\n", MAIL].concat()).unwrap();
    let mut file = File::open(&path).unwrap();
    file.seek(SeekFrom::Start(17)).unwrap();
    let mut command = machine.door("sendmail", &["-odi", "a@host.example"]);
    command.stdin(file);
    assert_delivered(&machine, &start(command, b"").finish());
}

#[test]
fn nobody_is_called_before_the_input_has_ended() {
    let machine = machine();
    let mut child = machine.door("sendmail", &["-odi", "a@host.example"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A pipe holds far less: most of it has been read when this returns.
    stdin.write_all(&[MAIL, &vec![b'\n'; 1 << 20]].concat()).unwrap();
    assert!(machine.smarthost().connections().is_empty());
    assert!(machine.queue().is_empty());
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(machine.smarthost().mails().len(), 1);
}

#[test]
fn message_without_a_body_and_one_without_anything_are_mails() {
    for (input, subject) in [(&b"Subject: only"[..], "only"), (b"Subject: only\n\n", "only"), (b"\n\nx", "x")] {
        let machine = machine();
        let ran = machine.send(&["a@host.example"], input);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
        assert!(machine.smarthost().mails()[0].header("Subject")[0].starts_with(subject));
    }
}

#[test]
fn signals_that_the_caller_blocks_or_ignores_change_nothing() {
    // mutt, s-nail, swaks, PHP: env(1) of coreutils plays them.
    for words in [
        &["env", "--block-signal=CHLD,TSTP,PIPE,TERM,ALRM"][..],
        &["env", "--ignore-signal=HUP,INT,QUIT,PIPE,TSTP,TTIN,TTOU"],
        &["env", "--ignore-signal=CHLD"],
    ] {
        let machine = machine();
        assert_delivered(&machine, &through(&machine, words, MAIL));
    }
}

#[test]
fn queue_run_and_password_command_are_waited_for_under_a_caller_that_ignores_its_children() {
    let smarthost = Smarthost::new().account(USER, PASSWORD);
    let machine = Machine::with(smarthost, "");
    let text = fs::read_to_string(machine.config()).unwrap();
    let file = format!("password-file = \"{}\"", machine.path("password").display());
    let command = format!("password-command = \"cat {}\"", machine.path("password").display());
    fs::write(machine.config(), text.replace(&file, &command)).unwrap();
    assert_eq!(machine.run("sendmail", &["-odq", "a@host.example"], MAIL).status, Some(0));
    let mut run = Command::new("env");
    run.arg("--ignore-signal=CHLD").arg(door_path()).arg("-q");
    run.env("MAILX_T_CONFIG", machine.config()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = start(run, b"").finish();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(machine.smarthost().mails().len(), 1);
}

#[test]
fn umask_of_the_caller_changes_nothing() {
    for mask in ["077", "0177", "0777", "0"] {
        let machine = machine();
        let line = format!("umask {mask}; exec \"$@\"");
        assert_delivered(&machine, &through(&machine, &["/bin/sh", "-c", &line, "sh"], MAIL));
    }
}

#[test]
fn file_size_limit_is_told_like_a_full_disk_and_kills_nobody() {
    let machine = machine();
    let much = [MAIL, &vec![b'x'; 1 << 20]].concat();
    // No home to write to, whichever user runs the tests.
    let line = "ulimit -f 1; exec \"$@\"";
    let ran = through(&machine, &["/bin/sh", "-c", line, "sh"], &much);
    assert!(matches!(ran.status, Some(74 | 75)), "{ran:?}");
    assert!(ran.stderr.contains("File too large") && ran.stdin.is_ok(), "{ran:?}");
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
}

#[test]
fn user_is_who_calls_whatever_the_environment_says() {
    let machine = machine();
    let mut command = machine.door("sendmail", &["-odi", "a@host.example"]);
    command.env("USER", "mallory").env("LOGNAME", "mallory").env("HOME", "/nonexistent").env("LANG", "zh_CN.GB18030");
    assert_eq!(start(command, MAIL).finish().status, Some(0));
    let mail = machine.smarthost().mails().remove(0);
    let caller = mailx_t::system::caller().name;
    assert!(mail.header("From")[0].starts_with(&format!("\"{caller} on ")), "{:?}", mail.header("From"));
    assert!(!String::from_utf8_lossy(&mail.content).contains("mallory"));
}

#[test]
fn relay_that_dies_at_once_is_not_waited_for() {
    let machine = machine();
    let place = machine.path("bin");
    fs::create_dir(&place).unwrap();
    install(&door_path(), &place.join("mailx-t"));
    let relay = place.join("mailx-t-relay");
    fs::write(machine.path("dies"), "#!/bin/sh\nkill -9 $$\n").unwrap();
    install(&machine.path("dies"), &relay);
    let mut command = Command::new(place.join("mailx-t"));
    command.args(["-odi", "a@host.example"]).env_clear().env("MAILX_T_CONFIG", machine.config());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = start(command, MAIL).finish();
    assert_eq!((ran.status, machine.queue().len()), (Some(0), 1), "{ran:?}");
    assert!(ran.stderr.contains("mailx-t-relay told nothing before its end (signal: 9"), "{ran:?}");
    assert!(ran.stderr.contains("will be tried again"), "{ran:?}");

    fs::remove_file(&relay).unwrap();
    install(&relay_path(), &relay);
    machine.flush();
    assert_eq!(machine.smarthost().mails().len(), 1);
}

#[test]
fn arguments_in_any_bytes_are_taken() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let machine = machine();
    let mut command = machine.door("mail", &["-odi", "-s"]);
    command.arg(OsStr::from_bytes(b"caf\xe9 \xff")).arg("-r").arg(OsStr::from_bytes(b"N\xe9 <n@x.example>"));
    command.arg("a@host.example");
    let ran = start(command, b"all is well\n").finish();
    assert_delivered(&machine, &ran);
    let mail = machine.smarthost().mails().remove(0);
    let parsed = mail_parser::MessageParser::new().parse(&mail.content).unwrap();
    assert_eq!(parsed.subject(), Some("café ÿ"));
    assert_eq!(mail.oddities(), <[&str; 0]>::default());
}

/// A terminal, by its keyboard and by its line; neither is inherited by the children of the tests beside this one.
fn terminal() -> (PtyMaster, File) {
    let keyboard = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let line = ptsname_r(&keyboard).unwrap();
    let line = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(line).unwrap();
    (keyboard, line)
}

#[test]
fn person_at_a_terminal_is_asked_for_the_subject_and_ends_with_a_dot() {
    let machine = machine();
    let (mut typing, terminal) = terminal();
    let mut command = machine.door("mail", &["a@host.example"]);
    command.stdin(terminal.try_clone().unwrap()).stdout(terminal).stderr(Stdio::piped());
    typing.write_all(b"backup\nall is well\n.\nnot of the mail\n").unwrap();
    let child = command.spawn().unwrap();
    drop(command);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(body(&machine), "all is well\r\n");
    assert_eq!(machine.smarthost().mails()[0].header("Subject"), ["backup"]);
    let mut shown = [0; 4096];
    let count = typing.read(&mut shown).unwrap();
    assert!(String::from_utf8_lossy(&shown[..count]).contains("Subject: "));
}

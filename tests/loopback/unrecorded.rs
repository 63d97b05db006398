//! Outcomes that could not be recorded: the journal or the queue refuses a write, and nobody gets the mail twice.

use std::process::Command;

use crate::smarthost::{Act, On, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, USER, relay, relay_path, start};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";

/// A machine with a mail to these in its queue, and the id of that mail. `later@` is put off once.
fn queued(people: &[&str]) -> (Machine, String) {
    let later = On::at(Point::Rcpt).containing("later@").times(1);
    let host = Smarthost::new().account(USER, PASSWORD).on(later, Act::reply("450 4.2.1 later"));
    let machine = Machine::with(host, "");
    machine.run("sendmail", &[&["-odq"], people].concat(), MAIL);
    let id = machine.queue()[0].clone();
    (machine, id)
}

/// Runs the queue while the kernel refuses these calls about these files of the queue, then once more in peace.
fn flush_with(machine: &Machine, files: &[String], injection: &str) {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null"]);
    for file in files {
        strace.arg("-P").arg(machine.path("spool").join(file));
    }
    strace.arg("-e").arg(format!("inject={injection}"));
    strace.arg(relay_path()).arg("--config").arg(machine.config()).args(["flush", "--due"]).env_clear();
    strace.stdin(std::process::Stdio::null());
    start(strace, b"").finish();
    let mut again = relay();
    again.arg("--config").arg(machine.config()).args(["flush", "--due"]);
    start(again, b"").finish();
}

fn copies(machine: &Machine, person: &str) -> usize {
    machine.smarthost().mails().iter().filter(|mail| mail.addresses().contains(&person)).count()
}

#[test]
fn mail_that_cannot_be_taken_out_of_the_queue_is_not_sent_again() {
    for injection in [
        "unlink,unlinkat:error=EIO:when=1",
        "unlink,unlinkat:error=EIO",
        "unlink,unlinkat,rename,renameat,renameat2:error=EROFS",
    ] {
        let (machine, id) = queued(&["good@b.example"]);
        flush_with(&machine, &[format!("queue/{id}")], injection);
        assert_eq!(
            (copies(&machine, "good@b.example"), machine.queue().len()),
            (1, 0),
            "{injection}\n{}",
            machine.log()
        );
    }
}

#[test]
fn mail_whose_journal_cannot_be_written_is_not_sent_again() {
    for error in ["EIO", "ENOSPC"] {
        for when in [":when=1", ""] {
            let (machine, id) = queued(&["good@b.example", "later@b.example"]);
            flush_with(&machine, &[format!("queue/{id}.journal")], &format!("write,writev:error={error}{when}"));
            assert_eq!(copies(&machine, "good@b.example"), 1, "{error}{when}\n{}", machine.log());
            let is_told = machine.log().contains("was taken, and that cannot be recorded");
            assert_eq!(is_told, when.is_empty(), "{}", machine.log());
        }
    }
}

#[test]
fn mail_that_can_neither_be_recorded_nor_held_is_put_into_failed() {
    let (machine, id) = queued(&["good@b.example", "later@b.example"]);
    // Nothing can be made behind this name.
    std::os::unix::fs::symlink("/nonexistent/x", machine.path("spool/queue").join(format!("{id}.hold"))).unwrap();
    flush_with(&machine, &[format!("queue/{id}.journal")], "write,writev:error=ENOSPC");
    assert_eq!(copies(&machine, "good@b.example"), 1, "{}", machine.log());
    assert_eq!((machine.queue().len(), machine.failed()), (0, vec![id.clone()]), "{}", machine.log());
    assert!(machine.log().contains(&format!("it lies in failed/{id}")), "{}", machine.log());
}

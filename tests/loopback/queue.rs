//! Many at once, and the mails in the queue: each leaves exactly once, and none waits for another's trouble.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::net::TcpStream;

use crate::smarthost::{Act, HANG, On, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, Started, USER, start};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";

fn machine() -> Machine {
    Machine::strict(Smarthost::new())
}

fn queued(machine: &Machine, n: usize) {
    for i in 0..n {
        let ran = machine.run("sendmail", &["-odq", &format!("a{i}@host.example")], MAIL);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    }
    assert_eq!(machine.queue().len(), n);
}

/// The recipients of all mails taken, in their order.
fn recipients(machine: &Machine) -> Vec<String> {
    let mails = machine.smarthost().mails();
    mails.iter().flat_map(|mail| mail.addresses()).map(str::to_owned).collect()
}

#[test]
fn jobs_that_end_together_each_have_their_mail_delivered_once() {
    let machine = machine();
    let jobs: Vec<Started> =
        (0..12).map(|i| start(machine.door("sendmail", &["-odi", &format!("a{i}@host.example")]), MAIL)).collect();
    for job in jobs {
        let ran = job.finish();
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    }
    let mails = machine.smarthost().mails();
    let ids: BTreeSet<_> = mails.iter().flat_map(|mail| mail.header("Message-ID")).collect();
    let whom: BTreeSet<_> = recipients(&machine).into_iter().collect();
    assert_eq!((mails.len(), ids.len(), whom.len()), (12, 12, 12));
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
}

#[test]
fn queue_runs_at_the_same_time_send_nothing_twice() {
    let machine = machine();
    queued(&machine, 6);
    let runs: Vec<Started> = (0..3).map(|_| start(machine.door("sendmail", &["-q"]), b"")).collect();
    for run in runs {
        let ran = run.finish();
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    }
    let mut whom = recipients(&machine);
    whom.sort();
    assert_eq!(whom, (0..6).map(|i| format!("a{i}@host.example")).collect::<Vec<_>>());
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
}

#[test]
fn queue_run_sends_the_oldest_first() {
    let machine = machine();
    queued(&machine, 4);
    machine.run("sendmail", &["-q"], b"");
    assert_eq!(recipients(&machine), (0..4).map(|i| format!("a{i}@host.example")).collect::<Vec<_>>());
}

#[test]
fn queue_run_may_be_for_some_for_all_others_or_for_none() {
    let machine = machine();
    queued(&machine, 3);
    for (run, expected) in [
        ("-qQspam", &[][..]),
        ("-qL", &[]),
        ("-q!RA1@Host", &["a0@host.example", "a2@host.example"]),
        ("-qRa1", &["a0@host.example", "a2@host.example", "a1@host.example"]),
    ] {
        let ran = machine.run("sendmail", &[run], b"");
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{run}");
        assert_eq!(recipients(&machine), expected, "{run}");
    }
}

#[test]
fn damaged_entry_is_named_kept_and_in_nobodys_way() {
    let machine = machine();
    queued(&machine, 3);
    let torn = machine.path("spool/queue").join(&machine.queue()[1]);
    let whole = fs::read(&torn).unwrap();
    fs::write(&torn, &whole[..whole.len() - 1]).unwrap();
    machine.flush();
    assert_eq!(recipients(&machine), ["a0@host.example", "a2@host.example"]);
    assert!(torn.exists());
    assert!(machine.log().contains(&format!("{} is no queue entry: ", torn.display())), "{}", machine.log());
}

#[test]
fn drop_that_is_no_directory_is_named_and_the_queue_is_sent() {
    let machine = machine();
    if !machine.has_drop() {
        return;
    }
    queued(&machine, 2);
    let place = machine.path("spool/drop");
    fs::remove_dir(&place).unwrap();
    fs::write(&place, "").unwrap();
    let ran = machine.run("sendmail", &["-q"], b"");
    assert_eq!(recipients(&machine), ["a0@host.example", "a1@host.example"]);
    assert_eq!(ran.status, Some(78));
    assert!(ran.stderr.contains(&format!("cannot read {}: ", place.display())), "{}", ran.stderr);
}

#[test]
fn mail_somebody_else_is_sending_is_left_to_them() {
    let machine = machine();
    queued(&machine, 2);
    let held = OpenOptions::new().read(true).open(machine.path("spool/queue").join(&machine.queue()[0])).unwrap();
    held.try_lock().unwrap();
    machine.flush();
    assert_eq!(recipients(&machine), ["a1@host.example"]);
    held.unlock().unwrap();
    machine.flush();
    assert_eq!(recipients(&machine), ["a1@host.example", "a0@host.example"]);
}

#[test]
fn mails_that_a_relay_is_at_work_on_are_named_and_not_passed_over_in_silence() {
    let machine = machine();
    queued(&machine, 3);
    let ids = machine.queue();
    let claim = |id: &String| {
        let file = OpenOptions::new().read(true).open(machine.path("spool/queue").join(id)).unwrap();
        file.try_lock().unwrap();
        file
    };
    let held = [claim(&ids[0]), claim(&ids[2])];
    let all = machine.run("mailx-t", &["ctl", "queue", "remove", "all"], b"");
    let sentence = format!("2 mails skipped, since a relay is at work on them: {}, {}: try again\n", ids[0], ids[2]);
    assert_eq!((all.status, all.stderr), (Some(75), format!("mailx-t: {sentence}")));
    assert!(all.stdout.contains(&format!("{} (", ids[1])) && all.stdout.lines().count() == 1, "{}", all.stdout);
    let one = machine.run("mailx-t", &["ctl", "queue", "hold", &ids[0]], b"");
    assert_eq!(one.status, Some(75), "{one:?}");
    assert!(one.stderr.contains("1 mail skipped, since a relay is at work on it"), "{one:?}");
    held.iter().for_each(|held| held.unlock().unwrap());
    assert_eq!(machine.run("mailx-t", &["ctl", "queue", "remove", "all"], b"").status, Some(0));
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
}

#[test]
fn damaged_entry_hides_neither_the_others_nor_those_a_relay_is_at_work_on() {
    let machine = machine();
    queued(&machine, 4);
    let ids = machine.queue();
    let place = |id: &String| machine.path("spool/queue").join(id);
    for id in [&ids[0], &ids[2]] {
        let whole = fs::read(place(id)).unwrap();
        fs::write(place(id), &whole[..whole.len() - 1]).unwrap();
    }
    let held = OpenOptions::new().read(true).open(place(&ids[1])).unwrap();
    held.try_lock().unwrap();
    let ran = machine.run("mailx-t", &["ctl", "queue", "remove", "all"], b"");
    assert_eq!(ran.status, Some(69), "{ran:?}");
    assert!(ran.stdout.contains(&format!("{} (", ids[3])) && ran.stdout.lines().count() == 1, "{ran:?}");
    let told: Vec<&str> = ran.stderr.lines().collect();
    assert!(told.len() == 3 && told.iter().all(|line| line.starts_with("mailx-t: ")), "{told:#?}");
    for (line, id) in told.iter().zip([&ids[0], &ids[2]]) {
        assert!(line.contains(&format!("{} is no queue entry: ", place(id).display())), "{told:#?}");
    }
    assert!(told[2].contains(&format!("1 mail skipped, since a relay is at work on it: {}", ids[1])), "{told:#?}");
}

#[test]
fn trouble_with_one_mail_leaves_the_connection_to_the_next() {
    let refused = On::at(Point::Mail).times(1);
    let later = On::at(Point::Content).times(1);
    let smarthost = Smarthost::new()
        .on(refused, Act::reply("452 4.3.1 full"))
        .on(later, Act::reply("451 4.3.0 later"))
        .on(On::at(Point::Rcpt).containing("a2@"), Act::reply("550 5.1.1 unknown"));
    let machine = Machine::strict(smarthost);
    queued(&machine, 4);
    machine.flush();
    assert_eq!(recipients(&machine)[0], "a3@host.example");
    assert_eq!(machine.smarthost().mails()[0].connection, 0);
    assert_eq!(machine.queue().len(), 2);
}

#[test]
fn link_lost_with_one_mail_is_opened_again_for_the_next() {
    let machine = Machine::strict(Smarthost::new().on(On::at(Point::Content).times(1), Act::Cut));
    queued(&machine, 2);
    machine.flush();
    assert_eq!(recipients(&machine), ["a1@host.example"]);
    assert_eq!((machine.smarthost().connections().len(), machine.queue().len()), (2, 1));
}

#[test]
fn smarthost_that_takes_nobody_is_asked_once_a_run() {
    let machine = machine();
    queued(&machine, 3);
    machine.write_password("mistyped");
    let run = machine.run("sendmail", &["-q", "-v"], b"");
    assert_eq!(run.status, Some(0));
    assert_eq!(run.stdout.matches("deferred (smarthost localhost:").count(), 1, "{run:?}");
    assert_eq!((machine.smarthost().connections().len(), machine.queue().len()), (1, 3));
    machine.write_password(PASSWORD);
    machine.run("sendmail", &["-q"], b"");
    assert_eq!((machine.smarthost().mails().len(), machine.queue().len()), (3, 0));
}

#[test]
fn caller_waits_no_longer_than_it_is_told_and_the_relay_goes_on() {
    // Nobody is greeted before the test has come by itself.
    let smarthost = Smarthost::new().account(USER, PASSWORD).on(Point::Greeting, Act::AwaitConnections(2));
    let machine = Machine::with(smarthost, "");
    let text = fs::read_to_string(machine.config()).unwrap();
    fs::write(machine.config(), text.replace("wait = \"30s\"", "wait = \"300ms\"")).unwrap();
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str(), machine.queue().len()), (Some(0), "", 1));
    drop(TcpStream::connect(machine.smarthost().address()).unwrap());
    assert!(machine.smarthost().wait_for(1, HANG) && machine.smarthost().wait_until_idle(HANG));
    assert!(machine.mail_files().is_empty(), "{:?}", machine.mail_files());
}

#[test]
fn option_that_nobody_knows_is_named_where_no_mail_is_sent_either() {
    let machine = Machine::strict(Smarthost::new());
    for (name, words, shown) in [
        ("mailq", &["--foo", "-j"][..], ""),
        ("sendmail", &["-bp", "--foo"], "Mail queue is empty\n"),
        ("newaliases", &["--foo"], ""),
        ("sendmail", &["-q", "--foo"], ""),
        ("sendmail", &["-bv", "--foo", "a@host.example"], "a@host.example... deliverable: "),
    ] {
        let ran = machine.run(name, words, b"");
        let told = "mailx-t: ignored unknown options: --foo\n";
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), told), "{name} {words:?}");
        assert!(ran.stdout.starts_with(shown), "{name} {words:?}: {}", ran.stdout);
    }
}

#[test]
fn mailq_takes_the_letter_of_postqueue_for_json() {
    let machine = Machine::strict(Smarthost::new());
    let kept = machine.run("sendmail", &["-odq", "a@host.example"], b"Subject: x\n\nx\n");
    assert_eq!(kept.status, Some(0), "{kept:?}");
    let listed = machine.run("mailq", &["-j"], b"");
    assert_eq!(listed.stderr, "");
    let mail: serde_json::Value = serde_json::from_slice(listed.stdout.as_ref()).unwrap();
    assert_eq!(mail["recipients"][0]["address"], "a@host.example");
}

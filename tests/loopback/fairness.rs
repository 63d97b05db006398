//! Many users share one queue and one account: nobody's mail waits for all the mail of another.
//!
//! An entry tells whose it is by its id and its envelope block, so these tests need no second user.

use std::fs;
use std::time::Duration;

use crate::smarthost::{Act, HANG, On, Point, Smarthost, client};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, USER, start};
use mailx_t::spool::QueueId;

/// Two users of the machine.
const ALICE: u32 = 54_321;
const BOB: u32 = 54_322;

fn machine(smarthost: Smarthost, lines: &str) -> Machine {
    Machine::with(smarthost.account(USER, PASSWORD), lines)
}

/// Puts a mail of that user into the queue.
fn enqueue(machine: &Machine, uid: u32, subject: &str) {
    enqueue_to(machine, uid, subject, 1);
}

/// Puts a mail of that user to so many people into the queue.
fn enqueue_to(machine: &Machine, uid: u32, subject: &str, people: usize) {
    let to: String = (0..people).map(|n| format!("to: a{n}@host.example\n")).collect();
    let id = QueueId::of_user(uid);
    let message = format!("Subject: {subject}\r\n\r\nx\r\n");
    let entry = format!(
        "mailx-t-entry: 1\nid: {id}\narrived: {}\nuid: {uid}\nfrom: {USER}\noriginator: user\n{to}\
         message-id: <{id}@host.example>\nbody: 7bit\nrepairs: \nsize: {:015}\n\n{message}",
        jiff::Timestamp::now(),
        message.len()
    );
    fs::write(machine.path("spool/queue").join(id.as_str()), entry).unwrap();
}

/// Root's own mail; on a machine where the spool is a user's own, that user's.
fn enqueue_first(machine: &Machine, subject: &str) {
    let ran = machine.run("sendmail", &["-odq", "a@host.example"], format!("Subject: {subject}\n\nx\n").as_bytes());
    assert_eq!(ran.status, Some(0), "{ran:?}");
}

#[test]
fn users_have_their_turns_in_the_queue_and_root_the_first() {
    let machine = machine(Smarthost::new(), "");
    (0..5).for_each(|n| enqueue(&machine, ALICE, &format!("alice {n}")));
    (0..2).for_each(|n| enqueue(&machine, BOB, &format!("bob {n}")));
    enqueue_first(&machine, "alarm");
    machine.flush();
    assert_eq!(machine.subjects(), ["alarm", "alice 0", "bob 0", "alice 1", "bob 1", "alice 2", "alice 3", "alice 4"]);
}

/// Trouble that a mail brings must not close the way before others were tried.
#[test]
fn mail_of_root_that_was_tried_waits_for_its_turn() {
    let busy = Act::reply("451 4.3.0 try later");
    let machine = machine(Smarthost::new().on(On::at(Point::Content).containing("alarm").times(1), busy), "");
    enqueue_first(&machine, "alarm");
    machine.flush();
    enqueue(&machine, ALICE, "alice 0");
    enqueue(&machine, ALICE, "alice 1");
    machine.flush();
    assert_eq!(machine.subjects(), ["alice 0", "alarm", "alice 1"]);
}

#[test]
fn mail_that_comes_while_a_long_queue_is_sent_waits_for_its_turn_only() {
    // Its first mail waits for the test, and then takes longer than a list of the queue is used.
    let slow = Smarthost::new()
        .on(On::at(Point::Mail).times(1), Act::AwaitConnections(2))
        .on(On::at(Point::Content).times(1), Act::Drip(Duration::from_millis(150)));
    let machine = machine(slow, "pipelining = false\nmax-connections = 1\n");
    (0..6).for_each(|n| enqueue(&machine, ALICE, &format!("alice {n}")));
    let flushing = start(machine.door("sendmail", &["-q"]), b"");
    assert!(machine.smarthost().wait_for_connections(1, HANG));
    enqueue_first(&machine, "alarm");
    drop(client::plain(machine.smarthost()));
    assert_eq!(flushing.finish().status, Some(0));
    assert_eq!(machine.subjects(), ["alice 0", "alarm", "alice 1", "alice 2", "alice 3", "alice 4", "alice 5"]);
}

#[test]
fn user_leaves_a_part_of_the_day_to_others_and_root_the_last_quarter() {
    let machine = machine(Smarthost::new(), "per-day = 20\n");
    (0..40).for_each(|n| enqueue(&machine, ALICE, &format!("alice {n}")));
    machine.flush();
    let count = |who: &str| machine.subjects().iter().filter(|subject| subject.starts_with(who)).count();
    assert_eq!(count("alice"), 8, "fifteen are for users, and half of them for one at a time");
    (0..10).for_each(|n| enqueue(&machine, BOB, &format!("bob {n}")));
    (0..2).for_each(|n| enqueue_first(&machine, &format!("alarm {n}")));
    machine.flush();
    // Two of root's, then as many of Bob's as are left for users after them.
    assert_eq!((count("alarm"), count("alice"), count("bob")), (2, 8, 3));
    // The day is not used up, and no way is closed.
    (2..6).for_each(|n| enqueue_first(&machine, &format!("alarm {n}")));
    machine.flush();
    assert_eq!((count("alarm"), count("alice"), count("bob")), (6, 8, 3));
    let log = machine.log();
    let told = |uid: u32| {
        let start =
            format!("user {uid} has had a share of what the settings allow, 20 a day: the next mail of this user");
        log.matches(&start).count()
    };
    assert_eq!((told(ALICE), told(BOB)), (1, 1), "{log}");
    let listed = machine.run("mailq", &[], b"").stdout;
    assert!(listed.contains(&format!("(user {ALICE} has had a share")), "{listed}");
}

#[test]
fn user_with_a_mail_to_many_has_no_more_of_the_day_than_with_many_mails() {
    let machine = machine(Smarthost::new(), "per-day = 20\n");
    enqueue_to(&machine, ALICE, "alice", 30);
    (0..10).for_each(|n| enqueue(&machine, BOB, &format!("bob {n}")));
    machine.flush();
    enqueue_first(&machine, "alarm");
    machine.flush();
    let people = |who: &str| -> Vec<usize> {
        let mails = machine.smarthost().mails().into_iter();
        mails.filter(|mail| mail.header("Subject")[0].starts_with(who)).map(|mail| mail.recipients.len()).collect()
    };
    assert_eq!((people("alice"), people("bob").len(), people("alarm")), (vec![8], 4, vec![1]));
    let log = machine.log();
    assert!(log.contains(&format!("user {ALICE} has had a share of what the settings allow, 20 a day")), "{log}");
    assert!(!log.contains("recipients in one mail"), "that is no limit of the server's: {log}");
    let listed = machine.run("mailq", &[], b"").stdout;
    assert!(listed.contains("a8@host.example") && !listed.contains("a7@host.example"), "{listed}");
}

#[test]
fn mail_of_root_to_many_leaves_users_their_part_of_the_day() {
    let machine = machine(Smarthost::new(), "per-day = 20\n");
    let people: Vec<String> = (0..30).map(|n| format!("a{n}@host.example")).collect();
    let words: Vec<&str> = ["-odq"].into_iter().chain(people.iter().map(String::as_str)).collect();
    assert_eq!(machine.run("sendmail", &words, b"Subject: news\n\nx\n").status, Some(0));
    machine.flush();
    enqueue(&machine, ALICE, "alice");
    machine.flush();
    assert_eq!(machine.subjects(), ["news", "alice"]);
}

#[test]
fn root_does_not_wait_for_the_short_limit_that_a_user_has_used_up() {
    let machine = machine(Smarthost::new(), "rate = \"4/2s\"\n");
    (0..5).for_each(|n| enqueue(&machine, ALICE, &format!("alice {n}")));
    enqueue_first(&machine, "alarm 1");
    machine.flush();
    let arrived = machine.subjects();
    assert_eq!(arrived, ["alarm 1", "alice 0", "alice 1", "alice 2", "alice 3", "alice 4"]);
    let machine = self::machine(Smarthost::new(), "rate = \"4/1h\"\n");
    (0..5).for_each(|n| enqueue(&machine, ALICE, &format!("alice {n}")));
    machine.flush();
    enqueue_first(&machine, "alarm 1");
    machine.flush();
    assert_eq!(machine.subjects(), ["alice 0", "alice 1", "alarm 1"]);
}

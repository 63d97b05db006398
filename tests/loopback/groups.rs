//! Commands in groups, and every way in which a smarthost can fail with them: nothing is lost, and a recipient gets a
//! mail twice only if it was in doubt.

use std::time::Duration;

use crate::smarthost::{Act, HANG, On, Point, Received, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, Ran, USER};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n.\n";
/// The number of mails in a long queue of these tests, and the most of them under way at once (docs/spool.md).
const MANY: usize = 80;
const WINDOW: usize = 11;

fn knowing_us() -> Smarthost {
    Smarthost::new().account(USER, PASSWORD)
}

fn machine(smarthost: Smarthost) -> Machine {
    Machine::with(smarthost, "")
}

fn address(n: usize) -> String {
    format!("m{n}@host.example")
}

/// Queues that many mails, one recipient each.
fn queue(machine: &Machine, many: usize) {
    for n in 0..many {
        let ran = machine.run("sendmail", &["-i", "-odq", &address(n)], MAIL);
        assert_eq!(ran.status, Some(0), "{ran:?}");
    }
}

fn flush(machine: &Machine) -> Ran {
    let ran = machine.run("sendmail", &["-q"], b"");
    assert!(machine.smarthost().wait_until_idle(HANG));
    ran
}

/// The copies that came for an address.
fn copies(machine: &Machine, address: &str) -> Vec<Received> {
    machine.smarthost().mails().into_iter().filter(|mail| mail.addresses().contains(&address)).collect()
}

/// Each of the queued mails has come, whole; returns the number of those that came more than once.
fn assert_complete(machine: &Machine, many: usize) -> usize {
    let counts: Vec<usize> = (0..many)
        .map(|n| {
            let copies = copies(machine, &address(n));
            assert!(!copies.is_empty(), "{} is lost\n{}", address(n), machine.log());
            assert!(copies.iter().all(|copy| copy.body() == b"all is well\r\n.\r\n"), "{}", address(n));
            copies.len()
        })
        .collect();
    assert_eq!(machine.mail_files(), Vec::<std::path::PathBuf>::new());
    counts.iter().filter(|count| **count > 1).count()
}

fn verbs(machine: &Machine, connection: usize) -> Vec<String> {
    let connection = machine.smarthost().connections().swap_remove(connection);
    connection.commands.iter().map(|line| line.split([' ', ':']).next().unwrap().to_owned()).collect()
}

/// Sends one mail to three recipients, `refused@` among them, and returns the caller's sentences.
fn send(machine: &Machine) -> Ran {
    let ran = machine.send(&["a@host.example", "refused@host.example", "c@host.example"], MAIL);
    assert!(machine.smarthost().wait_until_idle(HANG));
    ran
}

fn remarks(machine: &Machine) -> String {
    machine.remarks()
}

#[test]
fn small_mail_takes_one_round_trip_after_the_login() {
    let machine = machine(knowing_us());
    assert_eq!(send(&machine).status, Some(0));
    let connection = machine.smarthost().connections().remove(0);
    // Greeting, EHLO, AUTH, the mail, QUIT.
    assert_eq!(connection.turns, 5, "{:?}", connection.commands);
    assert_eq!(verbs(&machine, 0), ["EHLO", "AUTH", "MAIL", "RCPT", "RCPT", "RCPT", "BDAT", "QUIT"]);
    assert_eq!(machine.smarthost().mails()[0].body(), b"all is well\r\n.\r\n");
}

#[test]
fn what_the_server_does_not_offer_is_not_done() {
    for (without, turns) in [("CHUNKING", 6), ("PIPELINING", 10)] {
        let machine = machine(knowing_us().without(without));
        assert_eq!(send(&machine).status, Some(0));
        let connection = machine.smarthost().connections().remove(0);
        assert_eq!((connection.turns, machine.smarthost().mails()[0].via), (turns, "DATA"), "{without}");
    }
}

#[test]
fn what_the_configuration_forbids_is_not_done() {
    for (line, turns) in [("chunking = false\n", 6), ("pipelining = false\n", 10)] {
        let machine = Machine::with(knowing_us(), line);
        assert_eq!(send(&machine).status, Some(0));
        let connection = machine.smarthost().connections().remove(0);
        assert_eq!((connection.turns, machine.smarthost().mails()[0].via), (turns, "DATA"), "{line}");
    }
}

#[test]
fn large_mail_waits_for_its_envelope_and_goes_in_chunks() {
    let body = "a line of a large mail that is more than one piece of it\n".repeat(20_000);
    let machine = machine(knowing_us());
    let ran = machine.send(&["a@host.example"], format!("Subject: x\n\n{body}").as_bytes());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(machine.smarthost().mails()[0].body(), body.replace('\n', "\r\n").as_bytes());
    assert!(verbs(&machine, 0).iter().filter(|verb| *verb == "BDAT").count() > 10);
}

#[test]
fn large_mail_is_not_sent_for_nobody() {
    let machine = machine(knowing_us().on(On::at(Point::Rcpt).containing("a@host"), Act::reply("550 5.1.1 no")));
    let ran = machine.send(&["a@host.example"], format!("Subject: x\n\n{}", "a line\n".repeat(40_000)).as_bytes());
    assert_eq!(ran.status, Some(65), "{ran:?}");
    assert!(machine.smarthost().wait_until_idle(HANG));
    assert_eq!(verbs(&machine, 0)[2..4], ["MAIL", "RCPT"]);
    assert!(copies(&machine, "a@host.example").is_empty());
}

#[test]
fn long_queue_goes_over_one_connection_in_each_mode() {
    for without in ["", "CHUNKING", "PIPELINING"] {
        let machine = machine(knowing_us().without(without));
        queue(&machine, 40);
        assert_eq!(flush(&machine).status, Some(0));
        assert_eq!(assert_complete(&machine, 40), 0);
        assert_eq!(machine.smarthost().connections().len(), 1);
    }
}

/// The answer to a mail by which the first connection has shown what it can do, with many behind it.
fn proven() -> On {
    On::at(Point::Content).skip(40).times(1)
}

#[test]
fn very_long_queue_gets_another_connection_if_that_is_allowed() {
    for (line, peak) in [("", 2), ("max-connections = 1\n", 1)] {
        let machine = Machine::with(knowing_us().on(proven(), Act::AwaitConnections(peak)), line);
        queue(&machine, 180);
        assert_eq!(flush(&machine).status, Some(0));
        assert_eq!(assert_complete(&machine, 180), 0);
        assert_eq!(machine.smarthost().peak(), peak, "{line}");
    }
}

#[test]
fn second_connection_that_is_refused_is_done_without() {
    let refusal = On::at(Point::Greeting).skip(1).times(1);
    let refusing = knowing_us().on(refusal, Act::reply("421 4.7.0 too many connections"));
    let machine = machine(refusing.on(proven(), Act::AwaitConnections(2)));
    queue(&machine, 180);
    assert_eq!(flush(&machine).status, Some(0));
    assert_eq!(assert_complete(&machine, 180), 0);
    assert_eq!(machine.smarthost().connections().len(), 2);
    assert!(!machine.log().contains("status=deferred"), "{}", machine.log());
}

#[test]
fn partly_refused_mail_goes_to_the_others() {
    for without in ["", "CHUNKING", "PIPELINING"] {
        let refusal = On::at(Point::Rcpt).containing("refused");
        let machine = machine(knowing_us().without(without).on(refusal, Act::reply("550 5.1.1 no such user")));
        let ran = send(&machine);
        assert!(ran.stderr.contains("<refused@host.example> was refused for good: 550 5.1.1"), "{without}: {ran:?}");
        assert_eq!(copies(&machine, "a@host.example").len(), 1, "{without}");
        assert_eq!(copies(&machine, "a@host.example")[0].addresses(), ["a@host.example", "c@host.example"]);
    }
}

#[test]
fn mail_that_everybody_refuses_leaves_the_next_one_alone() {
    for without in ["", "CHUNKING", "PIPELINING"] {
        let refusal = On::at(Point::Rcpt).containing("m1@");
        let machine = machine(knowing_us().without(without).on(refusal, Act::reply("550 5.1.1 no such user")));
        queue(&machine, 3);
        assert_eq!(flush(&machine).status, Some(0));
        let delivered = [0, 1, 2].map(|n| copies(&machine, &address(n)).len());
        assert_eq!(delivered, [1, 0, 1], "{without}\n{}", machine.log());
        assert_eq!(remarks(&machine), "", "{without}");
        // The report about it.
        assert!(machine.log().contains("sender non-delivery notification"), "{without}");
    }
}

#[test]
fn mails_behind_one_that_everybody_refuses_are_sent_once() {
    let refusal = On::at(Point::Rcpt).containing("m40@");
    let machine = machine(knowing_us().on(refusal, Act::reply("550 5.1.1 no such user")));
    queue(&machine, MANY);
    assert_eq!(flush(&machine).status, Some(0));
    for n in 0..MANY {
        assert_eq!(copies(&machine, &address(n)).len(), usize::from(n != 40), "{n}\n{}", machine.log());
    }
    assert_eq!(remarks(&machine), "");
}

#[test]
fn go_ahead_for_nobody_is_answered_by_a_lone_dot() {
    let smarthost = knowing_us()
        .without("CHUNKING")
        .on(On::at(Point::Rcpt).containing("m0@"), Act::reply("550 5.1.1 no such user"))
        .on(On::at(Point::Data).times(1), Act::reply("354 go ahead all the same"))
        .on(On::at(Point::Content).times(1), Act::reply("554 5.5.1 no valid recipients"));
    let machine = machine(smarthost);
    queue(&machine, 2);
    assert_eq!(flush(&machine).status, Some(0));
    assert_eq!([0, 1].map(|n| copies(&machine, &address(n)).len()), [0, 1], "{}", machine.log());
    let log = machine.log();
    assert!(log.contains("status=bounced (550 5.1.1 no such user)"), "{log}");
}

#[test]
fn chunks_that_are_offered_and_refused_become_data_at_once_and_that_is_remembered() {
    for refusal in ["500 5.5.2 what?", "502 5.5.1 not implemented", "504 5.5.4 no", "555 5.5.4 no"] {
        let machine = machine(knowing_us().on(On::at(Point::Content).times(1), Act::reply(refusal)));
        let ran = send(&machine);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{refusal}: {}", machine.log());
        assert_eq!(send(&machine).status, Some(0));
        let vias: Vec<&str> = machine.smarthost().mails().iter().map(|mail| mail.via).collect();
        assert_eq!(vias, ["DATA", "DATA"], "{refusal}");
        assert_eq!(machine.smarthost().connections().len(), 3, "{refusal}");
        assert!(remarks(&machine).ends_with("\tno chunking\n"), "{}", remarks(&machine));
    }
}

#[test]
fn server_that_loses_its_way_in_a_group_gets_one_command_at_a_time_and_that_is_remembered() {
    let cases = [
        (Point::Mail, "503 5.5.1 out of order"),
        (Point::Rcpt, "503 5.5.1 out of order"),
        (Point::Content, "503 5.5.1 out of order"),
        (Point::Mail, "500 5.5.2 what?"),
        (Point::Mail, "554 5.5.0 Error: SMTP protocol synchronization"),
        (Point::Rcpt, "421 4.7.0 improper command pipelining"),
    ];
    for (point, reply) in cases {
        let machine = machine(knowing_us().on(On::at(point).times(1), Act::reply(reply)));
        for _ in 0..2 {
            let ran = machine.send(&["a@host.example"], MAIL);
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{point:?} {reply}: {}", machine.log());
        }
        assert!(remarks(&machine).ends_with("\tno groups\n"), "{point:?} {reply}: {}", remarks(&machine));
        assert_eq!(copies(&machine, "a@host.example").len(), 2, "{point:?} {reply}: {}", machine.log());
        assert!(machine.smarthost().wait_until_idle(HANG));
        let slow = ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"];
        assert_eq!([verbs(&machine, 1), verbs(&machine, 2)], [slow, slow]);
    }
}

#[test]
fn refusal_that_is_no_fault_of_groups_is_believed() {
    // A sender who is refused at MAIL may send later; a mail that is refused as content may not.
    let cases = [(Point::Mail, "550 5.7.1 no", 0), (Point::Content, "554 5.7.1 spam", 65)];
    for (point, reply, status) in cases {
        let machine = machine(knowing_us().on(On::at(point).times(1), Act::reply(reply)));
        let ran = machine.send(&["a@host.example"], MAIL);
        assert_eq!(ran.status, Some(status), "{reply}: {ran:?}");
        assert_eq!(remarks(&machine), "");
    }
}

#[test]
fn answers_out_of_order_leave_the_mail_in_doubt_and_the_next_try_goes_slowly() {
    let machine = machine(knowing_us().on(On::at(Point::Mail).times(1), Act::reply("354 go ahead")));
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("the answer makes no sense (354 go ahead)"), "{ran:?}");
    assert!(remarks(&machine).ends_with("\tno groups\n"));
    assert_eq!(flush(&machine).status, Some(0));
    assert_eq!(copies(&machine, "a@host.example").len(), 1, "{}", machine.log());
    assert_eq!(machine.smarthost().mails()[0].via, "DATA");
}

#[test]
fn link_that_is_lost_in_the_first_group_makes_the_next_try_go_slowly() {
    for act in [Act::Cut, Act::Reset] {
        let machine = machine(knowing_us().on(On::at(Point::Rcpt).times(1), act));
        let ran = machine.send(&["a@host.example"], MAIL);
        assert!(ran.stderr.contains("and will be tried again"), "{ran:?}");
        assert_eq!(flush(&machine).status, Some(0));
        assert_eq!(machine.smarthost().mails()[0].via, "DATA");
        assert_eq!(assert_gone(&machine), 1);
    }
}

fn assert_gone(machine: &Machine) -> usize {
    assert_eq!(machine.queue(), Vec::<String>::new());
    machine.smarthost().mails().len()
}

#[test]
fn link_cut_inside_a_window_loses_nothing_and_doubles_only_what_was_in_doubt() {
    for act in [Act::Cut, Act::Reset, Act::StoreThenCut] {
        let machine = machine(knowing_us().on(On::at(Point::Content).skip(40).times(1), act.clone()));
        queue(&machine, MANY);
        for _ in 0..3 {
            assert_eq!(flush(&machine).status, Some(0));
        }
        let doubled = assert_complete(&machine, MANY);
        assert!(doubled <= WINDOW, "{act:?}: {doubled} came twice");
        let mails = machine.smarthost().mails();
        let last = mails.iter().filter(|mail| mail.connection == 0).count();
        assert!((40..=41).contains(&last), "{act:?}: {last} over the first connection");
        // The mails that were under way when the link was cut had to wait for their next attempt, and no others.
        let deferred = machine.log().matches("status=deferred").count();
        assert!((1..=WINDOW).contains(&deferred), "{act:?}: {deferred} deferred");
        // The server has handled groups before; windows are in doubt.
        let remarks = remarks(&machine);
        assert!(remarks.lines().count() == 1 && remarks.contains("\tone mail at a time\n"), "{remarks}");
    }
}

#[test]
fn server_that_closes_inside_a_window_gets_the_rest_over_another_connection_at_once() {
    for point in [Point::Mail, Point::Rcpt] {
        let machine = machine(knowing_us().on(On::at(point).skip(40).times(1), Act::reply("421 4.3.2 enough for now")));
        queue(&machine, MANY);
        assert_eq!(flush(&machine).status, Some(0));
        assert_eq!(assert_complete(&machine, MANY), 0, "{}", machine.log());
        assert_eq!(machine.smarthost().connections().len(), 2);
        assert!(!machine.log().contains("status=deferred"), "{}", machine.log());
        assert_eq!(remarks(&machine), "", "who says good-bye bears windows");
    }
}

#[test]
fn answers_in_one_piece_or_byte_by_byte_are_the_same() {
    let drip = Act::Drip(Duration::from_millis(1));
    let machine = machine(knowing_us().on(On::at(Point::Content).skip(1).times(6), drip));
    queue(&machine, 30);
    assert_eq!(flush(&machine).status, Some(0));
    assert_eq!(assert_complete(&machine, 30), 0);
    assert_eq!(machine.smarthost().connections().len(), 1);
}

#[test]
fn mail_with_very_many_recipients_is_no_deadlock() {
    // Their replies are more than the kernel holds while the content is on its way.
    let recipients: Vec<String> = (0..3000).map(address).collect();
    let words: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let long = format!("250 2.1.5 {}", "recipient ok ".repeat(30));
    let machine = machine(knowing_us().on(Point::Rcpt, Act::Reply(long)));
    let ran = machine.send(&words, format!("Subject: x\n\n{}", "a line\n".repeat(8000)).as_bytes());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(machine.smarthost().mails()[0].recipients.len(), 3000);
}

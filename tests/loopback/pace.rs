//! The settings' limits on how much may leave, and the answers of a smarthost to too much.

use std::time::{Duration, Instant};

use crate::smarthost::{Act, HANG, On, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, USER, reach, relay, start};

fn knowing_us() -> Smarthost {
    Smarthost::new().account(USER, PASSWORD)
}

#[test]
fn what_is_over_the_limit_of_a_day_waits_in_order_and_is_seen() {
    let machine = Machine::with(knowing_us(), "per-day = 3\n");
    machine.enqueue(5);
    machine.flush();
    assert_eq!(machine.subjects(), ["0", "1", "2"]);
    assert_eq!(machine.queue().len(), 2);
    let listed = machine.run("mailq", &[], b"").stdout;
    assert!(listed.contains("3 a day are allowed by the settings"), "{listed}");
    // Another run does not get round it, and a run by the clock does not either.
    machine.flush();
    let mut due = relay();
    due.arg("--config").arg(machine.config()).args(["flush", "--due"]);
    assert_eq!(start(due, b"").finish().status, Some(0));
    assert_eq!(machine.subjects().len(), 3);
}

#[test]
fn what_is_over_a_short_limit_leaves_when_its_turn_comes() {
    let machine = Machine::with(knowing_us(), "rate = \"2/100ms\"\n");
    machine.enqueue(5);
    let started = Instant::now();
    machine.flush();
    assert!(started.elapsed() >= Duration::from_millis(200), "the fifth leaves in the third stretch");
    assert_eq!(machine.subjects(), ["0", "1", "2", "3", "4"]);
    assert_eq!(machine.queue(), Vec::<String>::new());
    let log = machine.log();
    assert_eq!(log.matches("status=sent").count(), 5, "{log}");
}

#[test]
fn connection_takes_no_more_mails_than_it_may() {
    let machine = Machine::with(knowing_us(), "per-connection = 2\n");
    machine.enqueue(5);
    machine.flush();
    assert_eq!(machine.subjects().len(), 5);
    assert!(machine.smarthost().wait_until_idle(HANG));
    let connections = machine.smarthost().connections();
    assert_eq!(connections.len(), 3);
    assert!(connections.iter().all(|connection| connection.is_quit), "each is left politely");
}

#[test]
fn smarthost_that_has_had_too_much_is_left_alone_for_a_while() {
    let busy = Act::reply("450 4.7.1 Error: too many messages, slow down");
    let machine = Machine::with(knowing_us().on(On::at(Point::Mail).skip(1), busy), "pipelining = false\n");
    machine.enqueue(20);
    machine.flush();
    assert_eq!((machine.subjects().len(), machine.queue().len()), (1, 19));
    let connections = machine.smarthost().connections();
    let asked =
        connections.iter().flat_map(|connection| &connection.commands).filter(|c| c.starts_with("MAIL")).count();
    assert_eq!(asked, 4, "one taken, one that may be too many for the connection, and two refusals are enough");
}

#[test]
fn smarthost_out_of_reach_is_not_asked_first_for_a_while() {
    let (first, second) = (knowing_us().on(Point::Handshake, Act::Cut).start(), knowing_us().start());
    let machine = Machine::configured(|place| {
        std::fs::write(place.join("ca.pem"), second.ca_pem()).unwrap();
        format!("[[smarthost]]\n{}\n[[smarthost]]\n{}", reach(&first, place), reach(&second, place))
    });
    for n in 1..=3 {
        let ran = machine.send(&["a@host.example"], b"Subject: x\n\nx\n");
        assert_eq!((ran.status, second.mails().len()), (Some(0), n), "{ran:?}");
    }
    assert_eq!(first.connections().len(), 1);
}

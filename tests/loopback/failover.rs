//! Several smarthosts for the same mail: if one does not take it now, the next one gets it, nobody gets it twice, and
//! the first one is asked again before long.

use std::time::Duration;

use crate::smarthost::{Act, Authority, HANG, On, Point, Running, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, Ran, USER, reach, relay, remember_chunks, start};
use mailx_t::spool::QueueId;

const MAIL: &[u8] = b"Subject: x\n\nx\n";

/// A machine with these smarthosts, in their order; the lines go into their tables.
fn machine(smarthosts: Vec<(Smarthost, &str)>) -> (Machine, Vec<Running>) {
    let authority = Authority::new();
    let start = |smarthost: Smarthost| smarthost.authority(authority.clone()).account(USER, PASSWORD).start();
    let (running, lines): (Vec<_>, Vec<_>) = smarthosts.into_iter().map(|(host, lines)| (start(host), lines)).unzip();
    let machine = Machine::configured(|place| {
        std::fs::write(place.join("ca.pem"), running[0].ca_pem()).unwrap();
        let table = |(running, lines): (&Running, &&str)| format!("[[smarthost]]\n{}{lines}\n", reach(running, place));
        running.iter().zip(&lines).map(table).collect()
    });
    for running in &running {
        remember_chunks(&machine.path("spool"), running);
    }
    (machine, running)
}

/// The same with two; the first does that.
fn first_does(when: impl Into<On>, act: Act) -> (Machine, Running, Running) {
    let (machine, running) = machine(vec![(Smarthost::new().on(when, act), ""), (Smarthost::new(), "")]);
    let [first, second] = running.try_into().ok().unwrap();
    (machine, first, second)
}

fn addresses(running: &Running) -> Vec<String> {
    running
        .mails()
        .iter()
        .flat_map(|mail| mail.addresses().into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Makes the relay send a mail that no spool keeps.
fn carry(machine: &Machine) -> Ran {
    let message = "Subject: x\r\n\r\nx\r\n";
    let entry = format!(
        "mailx-t-entry: 1\nid: {}\narrived: 2026-11-20T09:30:03Z\nuid: 0\nfrom: {USER}\noriginator: root\n\
         to: a@host.example\nmessage-id: <1@example.test>\nbody: 7bit\nrepairs: \nsize: {:015}\n\n{message}",
        QueueId::new(),
        message.len()
    );
    std::fs::write(machine.path("entry"), entry).unwrap();
    let mut carry = relay();
    carry.arg("--config").arg(machine.config()).arg("carry");
    carry.stdin(std::fs::File::open(machine.path("entry")).unwrap());
    start(carry, b"").finish()
}

#[test]
fn mail_that_one_smarthost_puts_off_goes_to_the_next_at_once() {
    for point in [Point::Greeting, Point::Ehlo, Point::Auth, Point::Mail, Point::Rcpt, Point::Data, Point::Content] {
        for reply in ["421 4.3.2 busy", "451 4.3.0 later"] {
            let host = Smarthost::new().without("CHUNKING").on(point, Act::reply(reply));
            let (machine, running) = machine(vec![(host, ""), (Smarthost::new(), "")]);
            let ran = machine.send(&["a@host.example"], MAIL);
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{point:?} {reply}\n{}", machine.log());
            let taken = [addresses(&running[0]), addresses(&running[1])];
            assert_eq!(taken, [vec![], vec!["a@host.example".to_string()]], "{point:?} {reply}");
            assert_eq!(machine.queue(), Vec::<String>::new());
            assert!(machine.log().contains(reply), "what the first one said: {}", machine.log());
        }
    }
}

#[test]
fn only_those_whom_no_smarthost_has_taken_go_to_the_next() {
    let put_off = On::at(Point::Rcpt).containing("b@host.example");
    let (machine, first, second) = first_does(put_off, Act::reply("451 4.7.0 rate limit reached"));
    let ran = machine.send(&["a@host.example", "b@host.example", "c@host.example"], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(addresses(&first), ["a@host.example", "c@host.example"]);
    assert_eq!(addresses(&second), ["b@host.example"]);
    assert_eq!((machine.queue().len(), machine.log().matches("status=sent").count()), (0, 3), "{}", machine.log());
}

#[test]
fn trouble_of_one_recipient_is_no_reason_to_ask_another_smarthost() {
    let put_off = On::at(Point::Rcpt).containing("b@host.example");
    let (machine, first, second) = first_does(put_off, Act::reply("450 4.2.1 mailbox busy"));
    machine.send(&["a@host.example", "b@host.example"], MAIL);
    assert_eq!((addresses(&first), addresses(&second)), (vec!["a@host.example".to_string()], vec![]));
    assert_eq!(machine.queue().len(), 1);
}

#[test]
fn mail_that_may_have_been_taken_is_not_offered_to_another_smarthost_at_once() {
    let (machine, first, second) = first_does(Point::Content, Act::StoreThenCut);
    let ran = machine.send(&["a@host.example"], MAIL);
    assert!(ran.stderr.contains("a duplicate is possible"), "{ran:?}");
    assert_eq!((first.mails().len(), second.mails().len(), machine.queue().len()), (1, 0, 1));
    // A smarthost that loses its first mail is not the first to be asked the next time.
    machine.flush();
    assert_eq!((first.mails().len(), second.mails().len(), machine.queue().len()), (1, 1, 0));
}

#[test]
fn refusal_for_good_is_the_last_word() {
    let refused = On::at(Point::Rcpt).times(1);
    let (machine, first, second) = first_does(refused, Act::reply("550 5.1.1 no such user"));
    assert_eq!(machine.send(&["a@host.example"], MAIL).status, Some(65));
    machine.flush();
    assert_eq!((first.mails().len(), second.mails().len()), (1, 0), "the report leaves as any mail");
}

#[test]
fn content_that_one_smarthost_refuses_is_offered_to_the_next_and_its_answer_counts() {
    for reply in ["550 5.7.1 spam", "554 5.5.0 MI:STC"] {
        let (machine, first, second) = first_does(Point::Content, Act::reply(reply));
        assert_eq!(machine.send(&["a@host.example"], MAIL).status, Some(0));
        assert_eq!((first.mails().len(), second.mails().len(), machine.queue().len()), (0, 1, 0), "{}", machine.log());
    }
}

#[test]
fn each_mail_of_a_long_queue_is_taken_once() {
    let (machine, first, second) = first_does(On::at(Point::Mail).skip(3), Act::reply("452 4.3.1 disk full"));
    machine.enqueue(30);
    machine.flush();
    let mut subjects: Vec<_> =
        [&first, &second].iter().flat_map(|host| host.mails()).map(|m| m.header("Subject")).collect();
    subjects.sort();
    subjects.dedup();
    assert_eq!((subjects.len(), first.mails().len(), second.mails().len()), (30, 3, 27));
    // The first one was asked over a new connection whether it had only had enough of the old one.
    assert_eq!((first.connections().len(), second.connections().len()), (2, 1));
}

#[test]
fn first_smarthost_is_asked_again_once_it_is_well() {
    let (machine, first, second) = first_does(On::at(Point::Mail).times(1), Act::reply("452 4.3.1 disk full"));
    for taken in [(0, 1), (1, 1)] {
        machine.send(&["a@host.example"], MAIL);
        assert_eq!((first.mails().len(), second.mails().len()), taken);
    }
}

#[test]
fn mail_that_all_put_off_waits() {
    let busy = |text: &str| Smarthost::new().on(Point::Mail, Act::reply(text));
    let (machine, running) =
        machine(vec![(busy("452 4.3.1 one"), ""), (busy("452 4.3.1 two"), ""), (busy("452 4.3.1 three"), "")]);
    let ran = machine.send(&["a@host.example"], MAIL);
    assert!(ran.stderr.contains("452 4.3.1 three"), "{ran:?}");
    assert!(running.iter().all(|host| host.connections().len() == 1 && host.mails().is_empty()));
    assert_eq!((machine.queue().len(), machine.log().matches("status=deferred").count()), (1, 1), "{}", machine.log());
}

#[test]
fn login_that_two_smarthosts_share_is_asked_once() {
    let authority = Authority::new();
    let put_off = Smarthost::new().on(Point::Rcpt, Act::reply("450 4.2.1 mailbox busy"));
    let running = put_off.authority(authority).account(USER, PASSWORD).start();
    let machine = Machine::configured(|place| {
        std::fs::write(place.join("ca.pem"), running.ca_pem()).unwrap();
        let table = format!("[[smarthost]]\n{}", reach(&running, place));
        format!("{table}{table}timeout = \"10s\"\n")
    });
    machine.send(&["a@host.example"], MAIL);
    let commands: Vec<String> = running.connections().into_iter().flat_map(|each| each.commands).collect();
    assert_eq!(commands.iter().filter(|command| command.starts_with("RCPT")).count(), 1, "{commands:?}");
    assert_eq!(machine.queue().len(), 1);
}

#[test]
fn smarthost_that_refuses_us_as_we_are_is_named_although_the_next_takes_the_mail() {
    let (machine, _first, second) = first_does(Point::Mail, Act::reply("553 5.7.1 sender not allowed"));
    assert_eq!(machine.send(&["a@host.example"], MAIL).stderr, "");
    assert_eq!(second.mails().len(), 1);
    let log = machine.log();
    assert!(log.contains("puts off 1 of its recipients (553 5.7.1 sender not allowed)"), "{log}");
    let told = "mail leaves by another smarthost until the configuration is mended: smarthost localhost:";
    assert_eq!(log.matches(told).count(), 1, "{log}");
    // Once a day.
    machine.send(&["b@host.example"], MAIL);
    assert_eq!(machine.log().matches(told).count(), 1, "{}", machine.log());
}

#[test]
fn limit_of_a_fall_back_holds_when_another_smarthost_fails() {
    for point in [Point::Auth, Point::Mail] {
        let unwell = Smarthost::new().on(point, Act::reply("454 4.7.0 temporary trouble"));
        let (machine, running) = machine(vec![(unwell, ""), (Smarthost::new(), "per-day = 2\n")]);
        for _ in 0..4 {
            machine.send(&["a@host.example"], MAIL);
        }
        assert_eq!((running[1].mails().len(), machine.queue().len()), (2, 2), "{point:?}");
    }
}

#[test]
fn limit_of_a_fall_back_does_not_keep_mail_from_the_first_smarthost() {
    // The first one is out of reach once, and comes after the other for a while.
    let unwell = Smarthost::new().on(On::at(Point::Handshake).times(1), Act::Cut);
    let (machine, running) = machine(vec![(unwell, ""), (Smarthost::new(), "per-day = 1\n")]);
    machine.enqueue(3);
    machine.flush();
    assert_eq!((running[0].mails().len(), running[1].mails().len(), machine.queue().len()), (2, 1, 0));
}

#[test]
fn mails_taken_in_a_window_are_written_down_before_another_smarthost_is_waited_for() {
    // Refused again over a new connection, it is not one mail too many for the first.
    let busy = Smarthost::new()
        .on(On::at(Point::Mail).skip(20), Act::reply("452 4.3.1 disk full"))
        .on(On::at(Point::Content).skip(20), Act::Drip(Duration::from_millis(2)));
    let (machine, running) = machine(vec![(busy, ""), (Smarthost::new().on(Point::Greeting, Act::Stall), "")]);
    machine.enqueue(60);
    let mut flush = relay();
    flush.arg("--config").arg(machine.config()).arg("flush");
    let mut child = flush.spawn().unwrap();
    let is_asked = running[1].wait_for_connections(1, HANG);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_asked, "{}", machine.log());
    assert!(running[0].mails().len() >= 20);
    assert_eq!(running[0].mails().len() + machine.queue().len(), 60, "neither lost nor sent again");
}

#[test]
fn smarthost_that_refuses_a_login_is_not_shown_it_again_with_each_mail() {
    let closed = Smarthost::new().on(Point::Auth, Act::reply("535 5.7.8 bad credentials"));
    let (machine, running) = machine(vec![(closed, ""), (Smarthost::new(), "")]);
    for _ in 0..3 {
        machine.send(&["a@host.example"], MAIL);
    }
    assert_eq!((running[0].connections().len(), running[1].mails().len()), (1, 3), "{}", machine.log());
}

#[test]
fn fall_back_that_takes_no_mail_so_large_returns_nothing() {
    let busy = Smarthost::new().on(Point::Mail, Act::reply("452 4.3.1 disk full"));
    let small = Smarthost::new().keyword("SIZE", "SIZE 100");
    let (machine, running) = machine(vec![(busy, ""), (small, "")]);
    let ran = machine.send(&["a@host.example"], &[MAIL, &[b'x'; 400]].concat());
    assert!(ran.stderr.contains("452 4.3.1 disk full"), "{ran:?}");
    assert_eq!((machine.queue().len(), running[1].mails().len()), (1, 0), "{}", machine.log());
}

#[test]
fn mail_that_no_spool_keeps_goes_to_the_next_smarthost_too() {
    let (machine, first, second) = first_does(Point::Mail, Act::reply("452 4.3.1 disk full"));
    let ran = carry(&machine);
    assert_eq!((ran.status, first.mails().len(), second.mails().len()), (Some(0), 0, 1), "{ran:?}");
}

#[test]
fn fall_back_without_a_memory_does_not_ask_the_first_one_again() {
    let busy = Smarthost::new().on(Point::Mail, Act::reply("452 4.3.1 disk full"));
    let unable = Smarthost::new().on(On::at(Point::Mail).times(1), Act::reply("503 5.5.1 out of order"));
    let (machine, running) = machine(vec![(busy, ""), (unable, "")]);
    assert_eq!(carry(&machine).status, Some(0), "{}", machine.log());
    assert_eq!((running[0].connections().len(), running[1].mails().len()), (1, 1));
}

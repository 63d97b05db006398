//! Mails that a smarthost takes in several transactions, since it takes so many recipients in one.

use std::process::{Command, Stdio};

use crate::smarthost::{Act, On, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, USER, relay, relay_path, start};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";
const TOO_MANY: &str = "452 4.5.3 Too many recipients";

/// A smarthost that takes so many recipients in one mail, and gives that reply to more.
fn taking(most: usize, reply: &str) -> Smarthost {
    Smarthost::new().account(USER, PASSWORD).without("CHUNKING").most_recipients(most, reply)
}

fn people(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("r{n}@b.example")).collect()
}

/// Sends or queues a mail to so many people.
fn mail(machine: &Machine, how: &str, count: usize) {
    let people = people(count);
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let ran = machine.run("sendmail", &[&["-i", how], people.as_slice()].concat(), MAIL);
    assert_eq!(ran.status, Some(0), "{ran:?}");
}

/// The number of recipients of each mail that has come.
fn counts(machine: &Machine) -> Vec<usize> {
    machine.smarthost().mails().iter().map(|mail| mail.addresses().len()).collect()
}

#[test]
fn recipients_past_a_limit_get_the_mail_in_the_next_transactions_of_the_same_connection() {
    for reply in [TOO_MANY, "550 5.5.3 Too many recipients", "556 over size RCPTs", "450 RP:DRC"] {
        let machine = Machine::with(taking(3, reply), "");
        mail(&machine, "-odi", 9);
        assert_eq!((counts(&machine), machine.queue().len()), (vec![3, 3, 3], 0), "{reply}\n{}", machine.log());
        assert_eq!(machine.smarthost().connections().len(), 1);
        // The next mail knows: the server has nothing to refuse.
        assert!(machine.remarks().contains("3 recipients"), "{reply}\n{}", machine.remarks());
        mail(&machine, "-odi", 4);
        assert_eq!(counts(&machine)[3..], [3, 1], "{reply}");
    }
}

/// Anybody can name two people whom a server does not want.
#[test]
fn refusal_of_two_people_teaches_no_limit() {
    let host = Smarthost::new().account(USER, PASSWORD).without("CHUNKING");
    let host = host.on(On::at(Point::Rcpt).containing("bad"), Act::reply("550 5.7.1 blocked"));
    let machine = Machine::with(host, "");
    machine.send(&["good@b.example", "bad1@b.example", "bad2@b.example"], MAIL);
    assert!(!machine.log().contains("recipients in one mail"), "{}", machine.log());
    assert!(!machine.remarks().contains("recipients"), "{}", machine.remarks());
    assert!(machine.log().contains("to=<bad2@b.example>"), "{}", machine.log());
}

/// One frame of the stack for each transaction would be too much for this one.
#[test]
fn mail_in_hundreds_of_transactions_needs_no_deeper_stack() {
    let machine = Machine::with(taking(1, TOO_MANY), "");
    mail(&machine, "-odq", 300);
    let mut narrow = Command::new("prlimit");
    narrow.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    narrow.arg(format!("--stack={}", 1 << 20)).arg(relay_path()).arg("--config").arg(machine.config()).arg("flush");
    let ran = start(narrow, b"").finish();
    assert_eq!((ran.status, counts(&machine).len()), (Some(0), 300), "{}", ran.stderr);
}

#[test]
fn each_transaction_of_a_mail_counts_for_the_limits_of_the_settings() {
    let machine = Machine::with(taking(1, TOO_MANY), "rate = \"2/h\"\n");
    mail(&machine, "-odi", 6);
    assert_eq!((counts(&machine).len(), machine.queue().len()), (2, 1), "{}", machine.log());
    assert_eq!(machine.smarthost().connections().len(), 1);
    assert_eq!(machine.log().matches("status=deferred").count(), 4, "{}", machine.log());
    machine.run("sendmail", &["-q"], b"");
    assert_eq!(counts(&machine).len(), 2, "{}", machine.log());
}

#[test]
fn mail_in_several_transactions_goes_on_when_its_turn_comes() {
    let machine = Machine::with(taking(1, TOO_MANY), "rate = \"2/100ms\"\n");
    mail(&machine, "-odq", 6);
    machine.run("sendmail", &["-q"], b"");
    assert_eq!((counts(&machine).len(), machine.queue().len()), (6, 0), "{}", machine.log());
}

#[test]
fn who_is_not_named_to_a_server_in_trouble_waits_like_the_others() {
    let host = taking(1, TOO_MANY).on(On::at(Point::Mail).skip(3), Act::reply("421 4.3.2 not now"));
    let machine = Machine::with(host, "");
    mail(&machine, "-odi", 3);
    assert_eq!(counts(&machine).len(), 3, "{}", machine.log());
    mail(&machine, "-odq", 3);
    let flush = || {
        let mut relay = relay();
        relay.arg("--config").arg(machine.config()).args(["flush", "--due"]);
        assert_eq!(start(relay, b"").finish().status, Some(0));
    };
    flush();
    assert_eq!(machine.log().matches("status=deferred").count(), 3, "{}", machine.log());
    let before = machine.smarthost().connections().len();
    flush();
    assert_eq!(machine.smarthost().connections().len(), before, "{}", machine.log());
}

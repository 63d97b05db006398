//! The log as those see it who read it with a program: docs/log.md describes it.

use std::fs;

use serde_json::Value;

use crate::smarthost::{Act, On, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::relay;

/// Changes the last table of the machine's configuration, which is that of the log.
fn write_log_as(machine: &Machine, lines: &str) {
    let text = fs::read_to_string(machine.config()).unwrap();
    let (rest, _) = text.split_once("\n[log]\n").unwrap();
    fs::write(machine.config(), format!("{rest}\n[log]\n{lines}\n")).unwrap();
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn each_line_of_a_json_log_is_an_object_and_names_its_mail() {
    let refuse = On::at(Point::Rcpt).containing("gone@");
    let machine = Machine::strict(Smarthost::new().on(refuse, Act::reply("550 5.1.1 no such user")));
    write_log_as(&machine, &format!("target = \"{}\"\nformat = \"json\"", machine.path("log").display()));
    machine.run("sendmail", &["-odi", "gone@host.example", "ops@host.example"], b"Subject: backup\n\nall is well\n");
    machine.run("sendmail", &["-q"], b"");

    let lines = objects(&machine.log());
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).collect::<Vec<_>>();
    assert_eq!(
        lines.len(),
        of("accepted").len() + of("attempt").len() + of("removed").len() + of("note").len(),
        "{lines:?}"
    );
    let id = &of("accepted")[0]["queue_id"];
    assert!(id.as_str().is_some_and(|id| id.len() == 15), "{id}");
    for (to, status) in [("gone@host.example", "bounced"), ("ops@host.example", "sent")] {
        let ended: Vec<_> = of("attempt").into_iter().filter(|line| line["to"] == to).collect();
        assert_eq!(ended.len(), 1, "{lines:?}");
        assert_eq!((&ended[0]["queue_id"], &ended[0]["status"]), (id, &status.into()));
        assert_eq!(ended[0]["delays"].as_array().map(Vec::len), Some(4));
    }
    let returned = of("note").into_iter().find(|line| line["queue_id"] == *id).unwrap();
    let sentence = returned["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("sender non-delivery notification: "), "{sentence}");
}

#[test]
fn json_on_stderr_has_nothing_in_front_of_it() {
    let machine = Machine::strict(Smarthost::new());
    write_log_as(&machine, "target = \"stderr\"\nformat = \"json\"");
    let ran = machine.run("sendmail", &["-odq", "ops@host.example"], b"Subject: backup\n\nall is well\n");
    let lines = objects(&ran.stderr);
    assert_eq!((ran.status, lines.len()), (Some(0), 1), "{lines:?}");
    assert_eq!(lines[0]["event"], "accepted");
}

#[test]
fn each_mail_that_waits_for_a_smarthost_has_one_line_and_another_when_it_was_tried_again() {
    let mut machine = Machine::strict(Smarthost::new());
    machine.stop_smarthost();
    let deferred = |machine: &Machine, what: &str| {
        machine.log().lines().filter(|line| line.contains(what) && line.contains("status=deferred")).count()
    };
    for n in 0..4 {
        machine.run("sendmail", &["-odq", &format!("{n}@host.example")], b"Subject: backup\n\nall is well\n");
    }
    let flush_due = || {
        assert!(relay().args(["--config"]).arg(machine.config()).args(["flush", "--due"]).status().unwrap().success())
    };
    flush_due();
    flush_due();
    assert_eq!(deferred(&machine, "delivery temporarily suspended: "), 3, "{}", machine.log());
    assert_eq!(deferred(&machine, "to="), 4, "{}", machine.log());

    // The time of the next try has come.
    let clock = machine.path("spool/queue/relay.clock");
    let text = fs::read_to_string(&clock).unwrap();
    let line = |line: &str| {
        if line.starts_with("next-attempt") { "next-attempt: 2026-01-01T00:00:00Z" } else { line }.to_string()
    };
    fs::write(&clock, text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n").unwrap();
    flush_due();
    flush_due();
    let log = machine.log();
    for n in 0..4 {
        assert!((1..=2).contains(&deferred(&machine, &format!("to=<{n}@"))), "{log}");
    }
    assert_eq!(deferred(&machine, "to="), 7, "three of them wait for their own time or were tried: {log}");
}

/// It comes while another one is being tried: after that one, and before the way is known to be closed.
#[test]
fn mail_that_comes_while_the_way_closes_has_its_line_too() {
    let mut machine = Machine::strict(Smarthost::new());
    machine.stop_smarthost();
    let hand_in = |to: &str| machine.run("sendmail", &["-odq", to], b"Subject: backup\n\nall is well\n");
    let flush_due = || {
        assert!(relay().args(["--config"]).arg(machine.config()).args(["flush", "--due"]).status().unwrap().success())
    };
    hand_in("first@host.example");
    flush_due();
    hand_in("second@host.example");
    let clock = machine.path("spool/queue/relay.clock");
    let text = fs::read_to_string(&clock).unwrap();
    let now = format!("tried: {}", jiff::Timestamp::now());
    let ended_now = |line: &str| if line.starts_with("tried: ") { now.clone() } else { line.to_string() };
    fs::write(&clock, text.lines().map(ended_now).collect::<Vec<_>>().join("\n") + "\n").unwrap();
    flush_due();
    let waits = "to=<second@host.example>, relay=none";
    assert_eq!(machine.log().lines().filter(|line| line.contains(waits)).count(), 1, "{}", machine.log());
}

#[test]
fn name_of_the_program_is_that_of_the_settings() {
    let machine = Machine::strict(Smarthost::new());
    write_log_as(&machine, &format!("target = \"{}\"\nname = \"postfix\"", machine.path("log").display()));
    machine.run("sendmail", &["-odi", "ops@host.example"], b"Subject: backup\n\nall is well\n");
    assert!(machine.log().lines().all(|line| line.contains(" postfix/")), "{}", machine.log());
}

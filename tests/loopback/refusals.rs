//! Refusals: what a server says, at which stage, and what becomes of the mail. The replies are those of
//! `fixtures/refusals.txt`, said by a real server to the real programs; the unit tests of `verdict` judge every one.

use std::collections::BTreeMap;

use crate::smarthost::{Act, On, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, USER, relay, start};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";
const PERSON: &str = "ops1@b.example";

/// One reply for each stage and each thing it may be about: stage, about, reply.
fn kinds() -> Vec<(String, String, String)> {
    let text = include_str!("../../fixtures/refusals.txt");
    let mut kinds = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut fields = line.splitn(3, ' ').map(str::to_owned);
        let (stage, about, reply) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
        let class = reply[..1].to_owned();
        kinds.entry((stage, about, class)).or_insert(reply);
    }
    kinds.into_iter().map(|((stage, about, _), reply)| (stage, about, reply)).collect()
}

fn point(stage: &str) -> Option<Point> {
    Some(match stage {
        "mail" => Point::Mail,
        "rcpt" => Point::Rcpt,
        "data" => Point::Data,
        "content" => Point::Content,
        _ => return None,
    })
}

/// A machine whose smarthost is asked for the content, so that every stage is one of its own.
fn refusing(on: On, reply: &str) -> Machine {
    let smarthost = Smarthost::new().account(USER, PASSWORD).without("CHUNKING");
    Machine::with(smarthost.on(on, Act::reply(reply)), "")
}

/// The word of the log for what became of the mail to that person.
fn status(machine: &Machine, person: &str) -> String {
    let log = machine.log();
    let line = log.lines().find(|line| line.contains(&format!("to=<{person}>"))).unwrap_or_default();
    line.split("status=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned()
}

#[test]
fn only_what_is_about_the_mail_or_its_recipient_is_refused_for_good() {
    let kinds = kinds();
    assert!(kinds.len() >= 20, "{kinds:?}");
    for (stage, about, reply) in kinds {
        let Some(point) = point(&stage).filter(|_| about != "taken") else { continue };
        let machine = refusing(On::at(point), &reply);
        machine.run("sendmail", &["-odq", PERSON], MAIL);
        let mut relay = relay();
        relay.arg("--config").arg(machine.config()).args(["flush", "--due"]);
        start(relay, b"").finish();
        let is_refused = matches!(about.as_str(), "mail" | "recipient" | "size" | "unknown") && reply.starts_with('5');
        let expected = if is_refused { "bounced" } else { "deferred" };
        assert_eq!(status(&machine, PERSON), expected, "{stage} {about} {reply}\n{}", machine.log());
    }
}

#[test]
fn same_refusal_of_two_mails_to_two_people_closes_the_way_and_is_told() {
    let machine = refusing(Point::Rcpt.into(), "554 5.7.1 Relay access denied");
    for n in 1..=4 {
        machine.run("sendmail", &["-odq", &format!("o{n}@b.example")], MAIL);
    }
    machine.run("sendmail", &["-q"], b"");
    assert!(machine.log().contains("no mail leaves this machine until"), "{}", machine.log());
    assert_eq!((machine.queue().len(), machine.log().matches("status=deferred").count()), (4, 2), "{}", machine.log());
}

#[test]
fn refusal_of_one_person_never_closes_the_way_for_others() {
    for reply in ["450 4.2.1 The recipient has exceeded message rate limit", "450 4.7.1 come back later"] {
        let machine = refusing(On::at(Point::Rcpt).containing(PERSON), reply);
        for _ in 0..4 {
            machine.run("sendmail", &["-odq", PERSON], MAIL);
        }
        machine.run("sendmail", &["-odq", "other@b.example"], MAIL);
        machine.run("sendmail", &["-q"], b"");
        assert_eq!((status(&machine, "other@b.example").as_str(), machine.queue().len()), ("sent", 4), "{reply}");
    }
}

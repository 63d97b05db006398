//! Refusals: what a server says, at which stage, and what becomes of the mail. The replies are those of
//! `fixtures/refusals.txt`, said by a real server to the real programs; the unit tests of `verdict` judge every one.

use std::collections::BTreeMap;

use crate::smarthost::{Act, On, Point, Received, Smarthost};
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

/// The number of tries in vain that the log tells of; a mail that waits behind a closed way was not tried.
fn tried(log: &str) -> usize {
    log.lines().filter(|line| line.contains("status=deferred") && !line.contains("temporarily suspended")).count()
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
        relay_run(&machine);
        // A mail whose refusal is not understood waits for the answer to its report.
        let is_refused = matches!(about.as_str(), "mail" | "recipient" | "size") && reply.starts_with('5');
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
    let told = "no mail leaves this machine until the configuration is mended: smarthost localhost[";
    assert!(machine.log().contains(told), "{}", machine.log());
    assert_eq!((machine.queue().len(), tried(&machine.log())), (4, 2), "{}", machine.log());
}

/// A relay of its own, which sends what is due.
fn relay_run(machine: &Machine) {
    let mut relay = relay();
    relay.arg("--config").arg(machine.config()).args(["flush", "--due"]);
    start(relay, b"").finish();
}

#[test]
fn two_mails_that_two_processes_sent_are_evidence_too() {
    for (at, reply) in [
        (Point::Mail, "550 5.7.60 not allowed"),
        (Point::Rcpt, "450 4.7.1 Relay access denied"),
        (Point::Content, "451 4.7.0 not now"),
    ] {
        let machine = refusing(at.into(), reply);
        for n in 1..=2 {
            machine.run("sendmail", &["-odq", &format!("o{n}@b.example")], MAIL);
            assert!(!machine.path("spool/queue/relay.clock").exists(), "{reply} closes the way after {n} mails");
            relay_run(&machine);
        }
        assert!(machine.path("spool/queue/relay.clock").exists(), "{reply}: {}", machine.log());
    }
}

#[test]
fn smallest_mail_alone_shows_whether_the_way_is_open_again() {
    let machine = refusing(On::at(Point::Content).times(3), "451 4.7.0 not now");
    let large = [MAIL, "x".repeat(9000).as_bytes(), b"\n"].concat();
    for (name, mail) in
        [("large1@b.example", large.as_slice()), ("small@b.example", MAIL), ("large2@c.example", &large)]
    {
        machine.run("sendmail", &["-odq", name], mail);
    }
    relay_run(&machine);
    let clock = machine.path("spool/queue/relay.clock");
    let has_come = |now: &str| {
        let text = std::fs::read_to_string(&clock).unwrap();
        let next = text.lines().find(|line| line.starts_with("next-attempt")).unwrap();
        std::fs::write(&clock, text.replace(next, now)).unwrap();
    };
    has_come("next-attempt: 2026-01-01T00:00:00Z");
    let before = machine.log().len();
    machine.run("sendmail", &["-q"], b"");
    let log = &machine.log()[before..];
    assert_eq!(tried(log), 1, "{log}");
    assert!(log.contains("to=<small@b.example>"), "{log}");
    has_come("next-attempt: 2026-01-01T00:00:00Z");
    machine.run("sendmail", &["-q"], b"");
    assert_eq!((machine.queue().len(), clock.exists()), (0, false), "{}", machine.log());
    assert_eq!(machine.smarthost().mails()[0].addresses(), ["small@b.example"]);
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

/// The report, if there is one among the mails that the smarthost has taken.
fn report(machine: &Machine) -> Option<String> {
    // Whoever waits hears of the refusal before the report leaves.
    machine.run("sendmail", &["-q"], b"");
    let is_report = |mail: &Received| mail.header("Auto-Submitted") == ["auto-replied"];
    machine
        .smarthost()
        .mails()
        .iter()
        .find(|mail| is_report(mail))
        .map(|mail| String::from_utf8_lossy(&mail.content).into_owned())
}

#[test]
fn report_that_is_refused_as_its_mail_was_shows_that_the_refusal_is_about_all_our_mail() {
    for reply in ["554 5.7.0 Service for this tenant is closed, ticket 4711", "550 5.7.1 policy"] {
        let machine = refusing(Point::Content.into(), reply);
        assert_eq!(machine.send(&[PERSON], MAIL).status, Some(0));
        machine.run("sendmail", &["-q"], b"");
        assert_eq!((machine.queue().len(), machine.failed().len()), (1, 0), "{}", machine.log());
        assert!(machine.log().contains("no mail leaves this machine until"), "{}", machine.log());
        assert!(!machine.log().contains(&format!("to=<{PERSON}>, relay=none, ")), "{}", machine.log());
        let shown = machine.run("mailq", &[], b"").stdout;
        assert!(shown.contains(reply) && shown.contains(PERSON), "{shown}");
    }
}

#[test]
fn mail_stays_until_its_report_is_taken() {
    // The report is put off once.
    let host = Smarthost::new().account(USER, PASSWORD).without("CHUNKING");
    let host = host.on(On::at(Point::Rcpt).containing(PERSON), Act::reply("550 5.1.1 no such user"));
    let machine = Machine::with(host.on(On::at(Point::Rcpt).times(2), Act::reply("450 4.3.0 later")), "");
    assert_eq!(machine.send(&[PERSON], MAIL).status, Some(65));
    let waiting = machine.queue();
    assert_eq!((waiting.len(), machine.failed().len()), (2, 0), "{}", machine.log());
    let journal = std::fs::read_to_string(machine.path("spool/queue").join(format!("{}.journal", waiting[0]))).unwrap();
    assert!(journal.contains(&format!("\treturned\trcpt\trecipient\t5.1.1\t{}\t550", waiting[1])), "{journal}");
    machine.run("sendmail", &["-q"], b"");
    assert_eq!((machine.queue().len(), machine.failed().len()), (0, 0), "{}", machine.log());
    assert!(report(&machine).unwrap().contains("all is well"));
}

#[test]
fn report_about_a_refused_text_goes_without_the_text() {
    let machine = refusing(On::at(Point::Content).containing("cheap-watches"), "554 5.7.1 looks like spam");
    machine.send(&[PERSON], b"Subject: cheap-watches for you\n\nbuy cheap-watches now\n");
    let report = report(&machine).unwrap();
    assert!(report.contains("554 5.7.1 looks like spam") && !report.contains("cheap-watches"), "{report}");
    assert_eq!((machine.queue().len(), machine.failed().len()), (0, 1), "the whole is kept: {}", machine.log());
}

#[test]
fn report_goes_from_the_account_at_whatever_stage_the_null_sender_is_refused() {
    for (point, reply) in [
        (Point::Mail, "553 NULL sender is not allowed"),
        (Point::Rcpt, "553 5.7.1 <>: Sender address rejected"),
        (Point::Content, "550 5.7.60 Client does not have permissions to send as this sender"),
    ] {
        let host = Smarthost::new().account(USER, PASSWORD).without("CHUNKING");
        let host = host.on(On::at(Point::Rcpt).containing("gone@"), Act::reply("550 5.1.1 no such user"));
        let host = match point {
            Point::Mail => host.on(On::at(point).containing("<>"), Act::reply(reply)),
            Point::Rcpt => host.on(On::at(point).containing("ops@").times(1), Act::reply(reply)),
            _ => host.on(On::at(point).times(1), Act::reply(reply)),
        };
        let machine = Machine::with(host, "");
        machine.send(&["gone@b.example"], MAIL);
        assert!(report(&machine).is_some(), "{reply}\n{}", machine.log());
        assert_eq!((machine.queue().len(), machine.failed().len()), (0, 0), "{reply}\n{}", machine.log());
        assert!(!machine.log().contains("no mail leaves"), "{}", machine.log());
    }
}

#[test]
fn report_that_its_originator_cannot_have_goes_to_the_administrator() {
    let host = Smarthost::new().account(USER, PASSWORD);
    let host = host.on(On::at(Point::Rcpt).containing("gone@"), Act::reply("550 5.1.1 no such user"));
    let machine = Machine::with(host.on(On::at(Point::Rcpt).containing("boss@"), Act::reply("550 5.1.1 unknown")), "");
    machine.run("sendmail", &["-odi", "-f", "boss@x.example", "gone@b.example"], MAIL);
    let report = report(&machine).unwrap_or_default();
    assert!(report.contains("To: ops@example.test"), "{report}\n{}", machine.log());
    assert_eq!((machine.queue().len(), machine.failed().len()), (0, 0), "{}", machine.log());
}

#[test]
fn mail_that_is_one_too_many_for_a_connection_goes_over_the_next() {
    for (point, reply) in [
        (Point::Mail, "450 MI:DMC smtp8"),
        (Point::Data, "452 4.4.5 Maximum number of messages per session exceeded"),
        (Point::Mail, "550 5.7.0 Too many messages for this connection"),
        (Point::Rcpt, "550 5.7.0 Too many messages in this session"),
        (Point::Content, "452 4.3.1 Out of memory, reconnect"),
    ] {
        let machine = refusing(On::at(point).skip(2).times(1), reply);
        for n in 1..=4 {
            machine.run("sendmail", &["-odq", &format!("u{n}@b.example")], MAIL);
        }
        machine.run("sendmail", &["-q"], b"");
        let connections = machine.smarthost().connections().len();
        assert_eq!((machine.smarthost().mails().len(), connections), (4, 2), "{reply}\n{}", machine.log());
    }
}

#[test]
fn report_that_one_of_its_addressees_has_taken_is_no_refused_report() {
    let host = Smarthost::new().account(USER, PASSWORD);
    let host = host.on(On::at(Point::Rcpt).containing("gone@"), Act::reply("550 5.1.1 no such user"));
    let host = host.on(On::at(Point::Rcpt).containing("two@").times(1), Act::reply("450 4.2.1 later"));
    let host = host.on(On::at(Point::Rcpt).containing("two@"), Act::reply("550 5.1.1 no such user"));
    let machine = Machine::with(host, "");
    std::fs::write(machine.path("aliases"), "root: one@b.example, two@b.example\n").unwrap();
    machine.run("sendmail", &["-odq", "gone@b.example"], MAIL);
    for _ in 0..3 {
        machine.run("sendmail", &["-q"], b"");
    }
    assert!(machine.log().contains("to=<two@b.example>"), "{}", machine.log());
    assert!(!machine.log().contains("was refused, and a report could not be delivered"), "{}", machine.log());
    assert_eq!(machine.queue().len(), 0, "{}", machine.log());
}

#[test]
fn texts_that_the_server_refuses_stop_nobody_elses_mail() {
    for quiet in [&[][..], &["-N", "never"]] {
        let machine = refusing(On::at(Point::Content).containing("cheap-watches"), "554 5.7.1 Message rejected");
        for n in 1..=3 {
            let to = format!("o{n}@b.example");
            let words = [&["-odq"], quiet, &[to.as_str()]].concat();
            machine.run("sendmail", &words, b"Subject: cheap-watches\n\nbuy cheap-watches now\n");
        }
        machine.run("sendmail", &["-odq", PERSON], MAIL);
        for _ in 0..2 {
            machine.run("sendmail", &["-q"], b"");
        }
        assert_eq!(status(&machine, PERSON), "sent", "{quiet:?}\n{}", machine.log());
        assert!(!machine.log().contains("no mail leaves"), "{quiet:?}\n{}", machine.log());
        assert!(machine.queue().is_empty(), "{quiet:?}\n{}", machine.log());
    }
}

#[test]
fn mail_whose_refusal_is_repeated_waits_and_nobody_is_told_before_a_report_is_refused() {
    let machine = refusing(Point::Rcpt.into(), "550 5.7.1 policy");
    for n in 1..=2 {
        machine.run("sendmail", &["-odq", "-N", "never", &format!("o{n}@b.example")], MAIL);
    }
    machine.run("sendmail", &["-q"], b"");
    assert_eq!((machine.queue().len(), machine.failed().len()), (1, 1), "{}", machine.log());
    assert!(!machine.log().contains("no mail leaves"), "{}", machine.log());
}

#[test]
fn refused_report_whose_mail_has_left_the_queue_goes_to_failed() {
    let host = Smarthost::new().account(USER, PASSWORD);
    let host = host.on(On::at(Point::Rcpt).containing("gone@"), Act::reply("550 5.1.1 no such user"));
    let host = host.on(On::at(Point::Rcpt).containing("boss@").times(2), Act::reply("450 4.3.0 later"));
    let host = host.on(On::at(Point::Rcpt).containing("boss@"), Act::reply("550 5.1.1 no such user"));
    let machine = Machine::with(host, "");
    machine.run("sendmail", &["-odq", "-f", "boss@x.example", "gone@b.example"], MAIL);
    let id = machine.queue()[0].clone();
    machine.run("sendmail", &["-q"], b"");
    let queue = machine.path("spool/queue");
    // The entry and then its journal, as a stop may leave it.
    std::fs::remove_file(queue.join(&id)).unwrap();
    for journal in std::fs::read_dir(&queue).unwrap().map(|file| file.unwrap().path()) {
        if journal.extension().is_some_and(|kind| kind == "journal") {
            std::fs::remove_file(journal).unwrap();
        }
    }
    machine.run("sendmail", &["-q"], b"");
    assert_eq!((machine.queue().len(), machine.failed().len()), (0, 1), "{}", machine.log());
}

#[test]
fn recipient_whom_a_server_has_no_time_for_closes_the_way_for_nobody() {
    let on = On::at(Point::Rcpt).containing(PERSON);
    let machine = refusing(on, "421 4.7.1 Messages to this recipient are deferred, try again later");
    for _ in 0..3 {
        machine.run("sendmail", &["-odq", PERSON], MAIL);
    }
    machine.run("sendmail", &["-odq", "other@c.example"], MAIL);
    machine.run("sendmail", &["-q"], b"");
    assert!(!machine.path("spool/queue/relay.clock").exists(), "{}", machine.log());
    assert_eq!((status(&machine, "other@c.example").as_str(), machine.queue().len()), ("sent", 3), "{}", machine.log());
}

#[test]
fn trouble_that_lasts_for_hours_is_told_once() {
    let machine = refusing(Point::Mail.into(), "450 4.3.2 closed for maintenance");
    for n in 1..=2 {
        machine.run("sendmail", &["-odq", &format!("o{n}@b.example")], MAIL);
    }
    machine.run("sendmail", &["-q"], b"");
    let told = "no mail has left this machine since 2026-01-01T00:00:00Z: smarthost localhost[";
    let clock = machine.path("spool/queue/relay.clock");
    for _ in 0..2 {
        assert!(!machine.log().contains("no mail has left") || machine.log().contains(told), "{}", machine.log());
        let text = std::fs::read_to_string(&clock).unwrap();
        let earlier = |line: &str| match line.split_once(": ") {
            Some((key @ ("since" | "tried" | "next-attempt"), _)) => format!("{key}: 2026-01-01T00:00:00Z\n"),
            _ => format!("{line}\n"),
        };
        std::fs::write(&clock, text.lines().map(earlier).collect::<String>()).unwrap();
        machine.run("sendmail", &["-q"], b"");
    }
    assert_eq!(machine.log().matches(told).count(), 1, "{}", machine.log());
}

#[test]
fn mail_whose_parameters_are_refused_is_offered_without_them() {
    for reply in ["501 5.5.4 Invalid arguments", "504 parameter not implemented", "555 5.5.4 unsupported option"] {
        let machine = refusing(On::at(Point::Mail).containing("SIZE="), reply);
        assert_eq!(machine.send(&[PERSON], MAIL).status, Some(0), "{reply}\n{}", machine.log());
        assert_eq!(machine.smarthost().mails().len(), 1, "{reply}\n{}", machine.log());
    }
}

#[test]
fn clock_that_was_set_while_the_machines_clock_was_wrong_keeps_no_mail() {
    // Without a network nothing is counted; with one that leads nowhere, tries are.
    for attempts in [0, 7] {
        let machine = Machine::with(Smarthost::new().account(USER, PASSWORD), "");
        machine.run("sendmail", &["-odq", PERSON], MAIL);
        let ahead = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(10);
        let text =
            format!("attempts: {attempts}\ntried: {ahead}\nnext-attempt: {ahead}\nalarmed: no\nreason: no network\n");
        std::fs::write(machine.path("spool/queue/relay.clock"), text).unwrap();
        relay_run(&machine);
        assert_eq!(machine.queue().len(), 0, "{}", machine.log());
    }
}

#[test]
fn mail_that_is_refused_again_and_again_as_its_reports_are_raises_one_alarm() {
    let machine = refusing(Point::Content.into(), "550 5.7.1 virus found");
    machine.run("sendmail", &["-odq", PERSON], MAIL);
    for _ in 0..3 {
        machine.run("sendmail", &["-q"], b"");
    }
    let count = |words: &str| machine.log().matches(words).count();
    assert_eq!(count("no mail leaves this machine until"), 1, "{}", machine.log());
    assert!(count("mail waits again, as was told: smarthost") > 0, "{}", machine.log());
}

#[test]
fn mail_larger_than_any_that_was_taken_is_cut_if_nobody_knows_why_it_is_refused() {
    for is_taken_before in [true, false] {
        let machine = refusing(On::at(Point::Content).containing("in the middle"), "550 5.7.0 not accepted");
        if is_taken_before {
            machine.run("sendmail", &["-odi", PERSON], MAIL);
        }
        let half = "a line of the output\n".repeat(4000);
        let large = format!("Subject: output\n\n{half}in the middle\n{half}");
        machine.run("sendmail", &["-odq", PERSON], large.as_bytes());
        machine.run("sendmail", &["-q"], b"");
        let mails = machine.smarthost().mails();
        let is_cut = mails.iter().any(|mail| mail.header("Subject") == ["output"]);
        assert_eq!(is_cut, is_taken_before, "{}", machine.log());
    }
}

#[test]
fn trouble_that_comes_back_after_a_mail_has_left_raises_another_alarm() {
    let gone = On::at(Point::Rcpt).containing("gone@");
    let machine = Machine::strict(Smarthost::new().account(USER, PASSWORD).on(gone, Act::reply("550 5.1.1 nobody")));
    let alarms = |name: &str, password: &str, count: usize| {
        machine.write_password(password);
        machine.run("sendmail", &["-odq", name], MAIL);
        machine.run("sendmail", &["-q"], b"");
        let log = machine.log();
        assert_eq!(log.matches("no mail leaves this machine until").count(), count, "{name}\n{log}");
    };
    alarms("gone@b.example", "wrong", 1);
    // The refusal opens the way, and the report is what leaves.
    alarms("gone@b.example", PASSWORD, 1);
    assert!(!machine.smarthost().mails().is_empty());
    alarms("ops@b.example", "wrong", 2);
}

#[test]
fn mail_of_a_sender_that_the_settings_name_no_more_stops_no_other_mail() {
    let machine = Machine::strict(Smarthost::new());
    let mended = std::fs::read_to_string(machine.config()).unwrap();
    std::fs::write(machine.config(), format!("{mended}\n[rewrite]\nfrom = \"other@other.example\"\n")).unwrap();
    for name in ["ops3@b.example", "ops4@c.example"] {
        machine.run("sendmail", &["-odq", name], MAIL);
    }
    std::fs::write(machine.config(), mended).unwrap();
    machine.run("sendmail", &["-q"], b"");
    machine.run("sendmail", &["-odi", PERSON], MAIL);
    assert_eq!(status(&machine, PERSON), "sent", "{}", machine.log());
    assert!(!machine.log().contains("no mail leaves this machine"), "{}", machine.log());
    assert_eq!(machine.queue().len(), 2);
}

//! The login in one group with the first mail: it saves a round trip if the smarthost accepts it; if the smarthost
//! fails on it or refuses it, nothing is lost, bounced or doubled.

use crate::smarthost::{Act, HANG, On, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, Ran, USER};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n.\n";
const SWITCH: &str = "auth-in-group = true\n";
const WITHOUT: &str = "\tno login in groups\n";

fn knowing_us() -> Smarthost {
    Smarthost::new().account(USER, PASSWORD)
}

fn send(machine: &Machine) -> Ran {
    let ran = machine.send(&["a@host.example", "b@host.example"], MAIL);
    assert!(machine.smarthost().wait_until_idle(HANG));
    ran
}

fn verbs(machine: &Machine, connection: usize) -> Vec<String> {
    let connection = machine.smarthost().connections().swap_remove(connection);
    connection.commands.iter().map(|line| line.split([' ', ':']).next().unwrap().to_owned()).collect()
}

fn remarks(machine: &Machine) -> String {
    machine.remarks()
}

#[test]
fn login_rides_with_the_first_mail_only() {
    // Greeting, EHLO, login and mail, without BDAT the content, QUIT.
    for (without, turns) in [("", 4), ("CHUNKING", 5)] {
        let machine = Machine::with(knowing_us().without(without), SWITCH);
        for n in 0..10 {
            let ran = machine.run("sendmail", &["-i", "-odq", &format!("m{n}@host.example")], MAIL);
            assert_eq!(ran.status, Some(0), "{ran:?}");
        }
        machine.flush();
        assert_eq!(machine.smarthost().mails().len(), 10, "{without}: {}", machine.log());
        assert!(machine.smarthost().wait_until_idle(HANG));
        assert_eq!(verbs(&machine, 0).iter().filter(|verb| *verb == "AUTH").count(), 1);
        assert_eq!((machine.smarthost().connections().len(), remarks(&machine).as_str()), (1, ""));
        assert_eq!(send(&machine).status, Some(0));
        assert_eq!(machine.smarthost().connections()[1].turns, turns, "{:?}", verbs(&machine, 1));
    }
}

#[test]
fn login_that_may_need_another_try_goes_alone() {
    for (smarthost, lines) in [
        (knowing_us(), ""),
        (knowing_us(), "auth-in-group = true\nauth = \"login\"\n"),
        (knowing_us(), "auth-in-group = true\npipelining = false\n"),
        (knowing_us().without("PIPELINING"), SWITCH),
    ] {
        let machine = Machine::with(smarthost, lines);
        assert_eq!(send(&machine).status, Some(0), "{lines}: {}", machine.log());
        assert!(machine.smarthost().connections()[0].turns > 4, "{lines}");
    }
}

#[test]
fn refused_login_is_told_as_ever_and_bounces_nothing() {
    for without in ["", "CHUNKING"] {
        let machine = Machine::with(Smarthost::new().account(USER, "another").without(without), SWITCH);
        let ran = send(&machine);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert!(ran.stderr.contains(&format!("login of {USER} refused (535 ")), "{ran:?}");
        assert!(ran.stderr.contains("check user and password"), "{ran:?}");
        assert_eq!(machine.queue().len(), 1, "{}", machine.log());
        assert_eq!((remarks(&machine).as_str(), machine.smarthost().connections().len()), ("", 1));
        assert_eq!(verbs(&machine, 0)[2..5], ["MAIL", "RCPT", "RCPT"], "it went out in the group");
        assert!(machine.smarthost().mails().is_empty());
    }
}

#[test]
fn login_put_off_is_no_fault_of_groups() {
    let smarthost = knowing_us().on(On::at(Point::Auth).times(1), Act::reply("454 4.7.0 the directory is down"));
    let machine = Machine::with(smarthost, SWITCH);
    let ran = send(&machine);
    assert!(ran.stderr.contains("put off (454 4.7.0 the directory is down)"), "{ran:?}");
    assert_eq!((machine.queue().len(), remarks(&machine).as_str()), (1, ""));
}

#[test]
fn server_that_does_not_bear_it_gets_a_login_of_its_own_at_once_and_that_is_remembered() {
    for act in [
        "554 5.5.0 Error: SMTP protocol synchronization",
        "503 5.5.1 not now",
        "334 VGVsbCBtZSBtb3Jl",
        "421 pipelining",
    ] {
        let machine = Machine::with(knowing_us().on(On::at(Point::Auth).times(1), Act::reply(act)), SWITCH);
        for _ in 0..2 {
            let ran = send(&machine);
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{act}: {}", machine.log());
        }
        assert!(remarks(&machine).ends_with(WITHOUT), "{act}: {}", remarks(&machine));
        assert_eq!((machine.smarthost().mails().len(), machine.smarthost().connections().len()), (2, 3), "{act}");
        assert_eq!(machine.smarthost().connections()[2].turns, 5, "the mail still goes in a group");
    }
}

#[test]
fn link_lost_behind_a_login_makes_the_next_one_go_alone() {
    for point in [Point::Auth, Point::Mail] {
        let machine = Machine::with(knowing_us().on(On::at(point).times(1), Act::Cut), SWITCH);
        let ran = send(&machine);
        assert!(ran.stderr.contains("and will be tried again"), "{ran:?}");
        assert!(remarks(&machine).ends_with(WITHOUT), "{}", remarks(&machine));
        machine.flush();
        assert_eq!((machine.smarthost().mails().len(), machine.queue().len()), (1, 0), "{}", machine.log());
    }
}

#[test]
fn mail_taken_in_spite_of_a_refused_login_is_taken() {
    let smarthost =
        Smarthost::new().auth_optional().on(On::at(Point::Auth).times(1), Act::reply("535 5.7.8 who are you?"));
    let machine = Machine::with(smarthost, SWITCH);
    let ran = send(&machine);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", machine.log());
    assert_eq!((machine.smarthost().mails().len(), machine.queue().len()), (1, 0));
}

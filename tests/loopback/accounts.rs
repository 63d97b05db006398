//! Several accounts: a mail leaves over the smarthost of its sender, and as that account.

use std::time::Duration;

use crate::smarthost::{Act, Authority, On, Point, Running, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, USER, reach, relay, start};

const MILLISECOND: Duration = Duration::from_millis(1);
const SHOP: &str = "shop@b.example";

fn strict(authority: &Authority, user: &str) -> Running {
    let smarthost = Smarthost::new().authority(authority.clone()).account(user, PASSWORD);
    smarthost.mail_from_must_be_login().header_from_must_be_login().start()
}

/// Two providers that each demand their own account as the sender.
fn machine() -> (Machine, Running, Running) {
    machine_with("", "")
}

/// The same, with further lines for each.
fn machine_with(for_ours: &str, for_shops: &str) -> (Machine, Running, Running) {
    let authority = Authority::new();
    let (ours, shops) = (strict(&authority, USER), strict(&authority, SHOP));
    (machine_of(&ours, &shops, for_ours, for_shops), ours, shops)
}

fn machine_of(ours: &Running, shops: &Running, for_ours: &str, for_shops: &str) -> Machine {
    Machine::configured(|place| {
        std::fs::write(place.join("ca.pem"), ours.ca_pem()).unwrap();
        let of_shop = reach(shops, place).replace(USER, SHOP);
        let matching = "match-from = [\"*@b.example\", \"www-data\"]";
        let of_ours = reach(ours, place);
        format!("[[smarthost]]\n{of_ours}{for_ours}\n[[smarthost]]\n{of_shop}{matching}\n{for_shops}\n")
    })
}

fn subjects(running: &Running) -> Vec<String> {
    running.mails().iter().flat_map(|mail| mail.header("Subject")).collect()
}

#[test]
fn sender_decides_over_the_smarthost_and_the_account() {
    let (machine, ours, shops) = machine();
    let mails = [("root", "1"), ("info@b.example", "2"), ("root", "3"), ("www-data", "4"), ("shop@B.example", "5")];
    for (sender, subject) in mails {
        let message = format!("Subject: {subject}\n\nx\n");
        let ran = machine.run("sendmail", &["-odq", "-f", sender, "a@host.example"], message.as_bytes());
        assert_eq!(ran.status, Some(0), "{ran:?}");
    }
    let ran = machine.run("sendmail", &["-q"], b"");
    assert_eq!((ran.status, machine.queue()), (Some(0), Vec::new()), "{ran:?}\n{}", machine.log());
    assert_eq!(
        (subjects(&ours), subjects(&shops)),
        (vec!["1".into(), "3".into()], vec!["2".into(), "4".into(), "5".into()])
    );
    assert!(shops.mails().iter().all(|mail| mail.reverse_path == SHOP && mail.header("From")[0].contains(SHOP)));
}

#[test]
fn author_of_the_message_counts_where_no_sender_is_named() {
    let (machine, ours, shops) = machine();
    let ran = machine.send(&["a@host.example"], b"From: Shop <info@b.example>\nSubject: x\n\nx\n");
    assert_eq!((ran.status, ours.mails().len(), shops.mails().len()), (Some(0), 0, 1), "{ran:?}");
}

fn queue(machine: &Machine, mails: &[(&str, &str)]) {
    for (sender, subject) in mails {
        let message = format!("Subject: {subject}\n\nx\n");
        let ran = machine.run("sendmail", &["-odq", "-f", sender, "a@host.example"], message.as_bytes());
        assert_eq!(ran.status, Some(0), "{ran:?}");
    }
}

/// The mails of one account after those of the other, many enough for a second connection.
fn queue_long(machine: &Machine) {
    for (sender, name) in [("root", "ours"), ("info@b.example", "shops")] {
        let names: Vec<String> = (0..130).map(|n| format!("{name} {n}")).collect();
        queue(machine, &names.iter().map(|name| (sender, name.as_str())).collect::<Vec<_>>());
    }
}

#[test]
fn connection_that_comes_about_late_is_for_its_own_account() {
    let authority = Authority::new();
    let slow = |host: Smarthost, n: usize| host.on(On::at(Point::Handshake).skip(n).times(1), Act::Drip(MILLISECOND));
    let lenient = |user: &str| Smarthost::new().authority(authority.clone()).account(user, PASSWORD);
    let ours = slow(lenient(USER), 1).start();
    let shops = lenient(SHOP).on(Point::Content, Act::Drip(MILLISECOND)).start();
    let machine = machine_of(&ours, &shops, "", "");
    queue_long(&machine);
    let ran = machine.run("sendmail", &["-q"], b"");
    assert_eq!((ran.status, machine.queue().len()), (Some(0), 0), "{ran:?}\n{}", machine.log());
    for (running, user) in [(&ours, USER), (&shops, SHOP)] {
        assert_eq!(running.mails().len(), 130);
        assert!(running.mails().iter().all(|mail| mail.reverse_path == user));
    }
}

#[test]
fn connection_of_one_account_leaves_no_more_room_to_the_mails_of_another() {
    let authority = Authority::new();
    let lenient = |user: &str| Smarthost::new().authority(authority.clone()).account(user, PASSWORD);
    let ours = lenient(USER).on(Point::Content, Act::Drip(MILLISECOND)).start();
    let shops = lenient(SHOP).on(Point::Content, Act::Stall).start();
    let machine = machine_of(&ours, &shops, "", "timeout = \"1s\"\n");
    queue_long(&machine);
    machine.run("sendmail", &["-q"], b"");
    let put_off = machine.log().matches("status=deferred").count();
    assert_eq!(ours.mails().len(), 130);
    assert_eq!(put_off, shops.connections().len(), "nobody has shown yet that a window is borne");
}

#[test]
fn limit_of_one_account_holds_over_all_runs_and_for_nobody_else() {
    let (machine, ours, shops) = machine_with("", "per-day = 1\n");
    for subject in ["1", "2", "3"] {
        queue(&machine, &[(SHOP, subject), ("root", subject)]);
        machine.flush();
    }
    assert_eq!((subjects(&ours), subjects(&shops)), (["1", "2", "3"].map(String::from).into(), vec!["1".to_string()]));
    let (machine, ours, shops) = machine_with("per-day = 1\n", "");
    queue(&machine, &[("root", "1"), ("root", "2"), (SHOP, "3"), ("root", "4"), (SHOP, "5")]);
    for _ in 0..2 {
        let mut due = relay();
        due.arg("--config").arg(machine.config()).args(["flush", "--due"]);
        assert_eq!(start(due, b"").finish().status, Some(0));
    }
    assert_eq!((subjects(&ours), subjects(&shops)), (vec!["1".to_string()], ["3", "5"].map(String::from).into()));
    assert!(machine.run("mailq", &[], b"").stdout.contains("1 a day are allowed by the settings"));
}

#[test]
fn short_limit_of_one_account_does_not_hold_up_another() {
    let (machine, ours, shops) = machine_with("rate = \"1/300ms\"\n", "");
    queue(&machine, &[("root", "1"), ("root", "2"), ("root", "3"), (SHOP, "4")]);
    machine.flush();
    assert_eq!((subjects(&ours), subjects(&shops)), (["1", "2", "3"].map(String::from).into(), vec!["4".to_string()]));
    let log = machine.log();
    let place = |host: &Running, n: usize| {
        let lines: Vec<_> = log.lines().filter(|line| line.contains("status=sent")).collect();
        let of_host = lines.iter().enumerate().filter(|(_, line)| line.contains(&format!(":{},", host.port())));
        of_host.map(|(at, _)| at).nth(n).unwrap()
    };
    assert!(place(&shops, 0) < place(&ours, 1), "{log}");
}

#[test]
fn trouble_of_one_account_is_not_anothers() {
    let (machine, ours, shops) = machine();
    machine.write_password("wrong");
    let (good, text) = (machine.path("good"), std::fs::read_to_string(machine.config()).unwrap());
    machine.write_password_at(&good, PASSWORD);
    // The password file of the first smarthost stays wrong.
    let (first, second) = text.split_at(text.rfind("[[smarthost]]").unwrap());
    let (old, new) = (machine.path("password").display().to_string(), good.display().to_string());
    std::fs::write(machine.config(), format!("{first}{}", second.replace(&old, &new))).unwrap();
    queue(&machine, &[("root", "1"), (SHOP, "2"), ("root", "3"), (SHOP, "4")]);
    for _ in 0..2 {
        machine.flush();
    }
    assert_eq!((subjects(&ours).len(), subjects(&shops)), (0, ["2", "4"].map(String::from).into()));
    assert_eq!(machine.queue().len(), 2);
}

#[test]
fn check_asks_each_smarthost_for_the_account_that_mail_leaves_as_there() {
    let (machine, _ours, shops) = machine();
    let ran = machine.run("mailx-t", &["ctl", "check", "--config", &machine.config().to_string_lossy()], b"");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let asked = shops.connections().into_iter().flat_map(|connection| connection.commands);
    assert!(asked.filter(|command| command.starts_with("MAIL")).all(|command| command.contains(SHOP)));
    assert!(ran.stdout.contains(&format!("mail from {SHOP} would be taken")), "{}", ran.stdout);
}

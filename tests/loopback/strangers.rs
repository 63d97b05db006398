//! Things that reach the programs from a stranger: a configuration that an argument or a variable names, a signal of
//! the terminal, a network that is not the machine's.

use std::fs;
use std::os::unix::process::CommandExt;
use std::time::Instant;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::smarthost::{Act, HANG, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{self, children, start};
use crate::support::village::{self, ALICE, Village};

const UPLOAD: &str = "home/alice/upload.jpg";
const SMARTHOST: &str = "[smarthost]\nhost = \"localhost\"\nport = 1\nuser = \"a@b.example\"\n";

/// A village with a configuration of the machine's own, and a page of alice's whose visitors upload files.
fn village() -> Option<Village> {
    let village = Village::new()?;
    village.configure(&Smarthost::new().account(village::USER, village::PASSWORD).start(), "");
    Some(village)
}

fn upload(village: &Village, table: &str) {
    village.write(UPLOAD, table, 0o644);
    village.own(UPLOAD, ALICE);
}

/// Each way of a path into a call. The last place of `mail` is a recipient.
fn calls() -> Vec<Vec<&'static str>> {
    [
        &["sendmail", "-odi", "-C/home/alice/upload.jpg", "c@d.example"][..],
        &["sendmail", "-odi", "-C", "/etc/../home/alice/upload.jpg", "c@d.example"],
        &["sendmail", "-odi", "--config=/home/alice/upload.jpg", "c@d.example"],
        &["sendmail", "-odi", "--config", "/home/alice/upload.jpg", "c@d.example"],
        &["mail", "-Ssendwait", "-C/home/alice/upload.jpg", "c@d.example"],
        &["mail", "-Ssendwait", "--config=/home/alice/upload.jpg", "c@d.example"],
        &["mail", "-Ssendwait", "--config", "/home/alice/upload.jpg", "c@d.example"],
        &["mailq", "-C/home/alice/upload.jpg"],
        &["mailq", "--config=/home/alice/upload.jpg"],
        &["mailx-t", "--config=/home/alice/upload.jpg", "ctl", "check"],
        &["mailx-t", "--config", "/home/alice/upload.jpg", "-s", "x", "-Ssendwait", "c@d.example"],
        &["env", "MAILX_T_CONFIG=/home/alice/upload.jpg", "sendmail", "-odi", "c@d.example"],
        &["env", "MAILX_T_CONFIG=/home/alice/upload.jpg", "sendmail", "-q"],
        &["env", "MAILX_T_CONFIG=/home/alice/upload.jpg", "sendmail", "-bs"],
        &["mailx-t-relay", "--config", "/home/alice/upload.jpg", "flush"],
        &["mailx-t-relay", "--user-config", "/home/alice/upload.jpg", "flush"],
    ]
    .map(<[&str]>::to_vec)
    .into()
}

#[test]
fn configuration_that_a_stranger_may_have_named_runs_no_command() {
    let Some(village) = village() else { return };
    let touch = "touch /home/alice/ran";
    for table in [
        format!("{SMARTHOST}password-command = \"{touch}\"\n"),
        format!("{SMARTHOST}token-command = \"{touch}\"\n"),
        format!("{SMARTHOST}password-file = \"/home/alice/nonexistent\"\n[alarm]\ncommand = \"{touch}\"\n"),
    ] {
        upload(&village, &table);
        for words in calls() {
            let (_, said) = village.run(&ALICE.to_string(), &words, "x\n");
            assert!(!village.at("home/alice/ran").exists(), "{words:?}: {said}");
            let is_refused = said.contains("names a command to run") || said.contains("--config");
            assert!(is_refused || words.contains(&"-bs"), "{words:?}: {said}");
        }
    }
}

#[test]
fn configuration_that_a_stranger_may_have_named_takes_no_secret_from_another_place() {
    let Some(village) = village() else { return };
    let secret = "home/alice/.netrc";
    village.write(secret, "geheim\n", 0o600);
    village.own(secret, ALICE);
    let tokens = "client-id = \"i\"\ntoken-endpoint = \"https://localhost:1/t\"\n";
    fs::create_dir(village.at("home/alice/uploads")).unwrap();
    village.own("home/alice/uploads", ALICE);
    for table in
        ["password-file = \"/home/alice/.netrc\"\n", &format!("{tokens}refresh-token-file = \"/home/alice/.netrc\"\n")]
    {
        village.write("home/alice/uploads/x.jpg", format!("{SMARTHOST}{table}"), 0o644);
        village.own("home/alice/uploads/x.jpg", ALICE);
        for words in [
            &["sendmail", "-odi", "-C/home/alice/uploads/x.jpg", "c@d.example"][..],
            &["sendmail", "-q", "-C/home/alice/uploads/x.jpg"],
        ] {
            let (_, said) = village.run(&ALICE.to_string(), words, "x\n");
            assert!(said.contains("names a secret outside of its own directory"), "{words:?}: {said}");
        }
    }
}

#[test]
fn variable_that_leads_away_from_home_is_not_the_users_own_place() {
    let Some(village) = village() else { return };
    fs::create_dir_all(village.at("var/tmp/upload/mailx-t")).unwrap();
    fs::create_dir_all(village.at("var/tmp/upload/.config/mailx-t")).unwrap();
    for place in ["", "/mailx-t", "/.config", "/.config/mailx-t"] {
        village.own(&format!("var/tmp/upload{place}"), ALICE);
    }
    for (variable, place) in [("XDG_CONFIG_HOME", "mailx-t"), ("HOME", ".config/mailx-t")] {
        let file = format!("var/tmp/upload/{place}/config.toml");
        village.write(&file, format!("{SMARTHOST}password-command = \"touch /home/alice/ran\"\n"), 0o600);
        village.own(&file, ALICE);
        let set = format!("{variable}=/var/tmp/upload");
        let (_, said) = village.run(&ALICE.to_string(), &["env", &set, "sendmail", "-odi", "c@d.example"], "x\n");
        assert!(said.contains("names a command to run") && !village.at("home/alice/ran").exists(), "{said}");
    }
}

#[test]
fn configuration_that_a_stranger_may_have_named_writes_nothing_that_could_be_run() {
    let Some(village) = village() else { return };
    upload(
        &village,
        &format!("{SMARTHOST}password-file = \"/home/alice/x\"\n[log]\ntarget = \"/home/alice/page.php\"\n"),
    );
    for words in calls() {
        let (_, said) = village.run(&ALICE.to_string(), &words, "x\n");
        assert!(!village.at("home/alice/page.php").exists(), "{words:?}: {said}");
    }
}

#[test]
fn command_is_run_for_the_users_own_place_and_for_a_file_of_roots() {
    let Some(village) = village() else { return };
    let table = format!("{SMARTHOST}password-command = \"touch /home/alice/ran\"\n");
    fs::create_dir_all(village.at("home/alice/.config/mailx-t")).unwrap();
    fs::create_dir(village.at("home/alice/of-root")).unwrap();
    for place in ["home/alice/.config", "home/alice/.config/mailx-t"] {
        village.own(place, ALICE);
    }
    for (place, owner) in [
        ("home/alice/.config/mailx-t/config.toml", ALICE),
        ("home/alice/of-root/config.toml", 0),
        ("etc/other.toml", 0),
        // Alice could have brought it here.
        ("home/alice/config.toml", 0),
    ] {
        village.write(place, &table, 0o644);
        village.own(place, owner);
    }
    for (words, is_run) in [
        (&["sendmail", "-odi", "c@d.example"][..], true),
        (&["sendmail", "-odi", "-C/home/alice/.config/mailx-t/config.toml", "c@d.example"], true),
        (&["sendmail", "-odi", "-C/home/alice/of-root/config.toml", "c@d.example"], true),
        (&["sendmail", "-odi", "-C/etc/other.toml", "c@d.example"], true),
        (&["sendmail", "-odi", "-C/home/alice/config.toml", "c@d.example"], false),
    ] {
        let (_, said) = village.run(&ALICE.to_string(), words, "x\n");
        assert_eq!(village.at("home/alice/ran").exists(), is_run, "{words:?}: {said}");
        let _ = fs::remove_file(village.at("home/alice/ran"));
    }
}

/// Waits until it holds; true then.
fn becomes(holds: impl Fn() -> bool) -> bool {
    let until = Instant::now() + HANG;
    while !holds() {
        if Instant::now() > until {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// The letter for the state of a process, proc_pid_stat(5); `None` if it is gone.
fn state(pid: u32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn keystroke_that_stops_a_queue_run_does_not_stop_the_queue() {
    let smarthost = Smarthost::new().account(machine::USER, machine::PASSWORD).on(Point::Content, Act::StoreThenStall);
    let mut machine = Machine::with(smarthost, "");
    assert_eq!(machine.run("sendmail", &["-odq", "a@host.example"], b"x\n").status, Some(0));
    let mut command = machine.door("sendmail", &["-q"]);
    command.process_group(0);
    let door = start(command, b"");
    assert!(machine.smarthost().wait_for(1, HANG));
    let (id, relay) = (door.child.id(), children(door.child.id())[0]);
    let group = Pid::from_raw(i32::try_from(id).unwrap());
    killpg(group, Signal::SIGTSTP).unwrap();
    assert!(becomes(|| state(id) == Some('T')));
    // The relay hears that the link is lost, and ends; the door cannot bury it.
    machine.stop_smarthost();
    let is_over = becomes(|| matches!(state(relay), None | Some('Z')));
    killpg(group, Signal::SIGCONT).unwrap();
    door.finish();
    assert!(is_over, "the relay was stopped as well, and holds the queue");
}

#[test]
fn caller_without_a_network_puts_off_nobody_elses_mail() {
    let Some(village) = Village::new() else { return };
    let running = Smarthost::new().account(village::USER, village::PASSWORD).start();
    village.configure(&running, "");
    assert_eq!(village.run("root", &["mailx-t", "ctl", "init"], "").0, Some(0));
    if village.run("root", &["unshare", "-n", "true"], "").0 != Some(0) {
        return println!("skipped: no network namespace here");
    }
    for within in ["", "ip link set lo up; "] {
        for _ in 0..2 {
            let line = format!("{within}exec mail -Ssendwait -s within a@b.example");
            let (code, said) = village.run("root", &["unshare", "-n", "sh", "-c", &line], "x\n");
            assert!(code == Some(0) && said.contains("sees no network but its own"), "{code:?}: {said}");
        }
    }
    assert_eq!(village.run("root", &["mail", "-s", "outside", "c@d.example"], "x\n").0, Some(0));
    // Those of the caller without a network leave with it.
    assert!(running.wait_for(5, HANG), "{}", running.mails().len());
}

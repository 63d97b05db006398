//! One user of the machine against another, and a service that has been taken over against root, with real users.
//!
//! Needs root and mount namespaces; else each test says so and passes.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::smarthost::{Act, On, Point, Running, Smarthost};
use crate::support::village::{ALICE, BOB, PASSWORD, SERVICE, USER, Village};

fn smarthost() -> Running {
    Smarthost::new().account(USER, PASSWORD).start()
}

/// Owner and mode.
fn state(village: &Village, place: &str) -> (u32, u32) {
    let found = fs::symlink_metadata(village.at(place)).unwrap();
    (found.uid(), found.mode() & 0o7777)
}

fn assert_init(village: &Village, status: i32, says: &str) {
    let (code, said) = village.run("root", &["mailx-t", "ctl", "init"], "");
    assert!(code == Some(status) && said.contains(says), "{code:?}: {said}");
}

const NAMES: [(&str, u32); 5] =
    [("queue", 0o740), ("list", 0o2750), ("tmp", 0o700), ("failed", 0o700), ("drop", 0o3733)];

fn assert_spool_is_whole(village: &Village) {
    assert_eq!(state(village, "var/spool/mailx-t"), (0, 0o755));
    for (name, mode) in NAMES {
        assert_eq!(state(village, &format!("var/spool/mailx-t/{name}")), (SERVICE, mode), "{name}");
    }
}

/// The form that an earlier version gave it.
fn give_the_spool_to_the_service(village: &Village) {
    village.own("var/spool/mailx-t", SERVICE);
}

#[test]
fn init_is_repeated_before_and_after_the_settings_are_filled_in() {
    let Some(village) = Village::new() else { return };
    let init = |arguments: &[&str]| village.run("root", &[&["mailx-t", "ctl", "init"], arguments].concat(), "");
    assert_eq!(init(&[]).0, Some(0));
    fs::remove_file(village.at("etc/mailx-t/password")).unwrap();
    let (code, said) = init(&[]);
    assert!(code == Some(0) && said.contains("now fill in its [smarthost]"), "{code:?}: {said}");
    assert!(village.at("etc/mailx-t/password").is_file(), "{said}");
    let (code, said) = init(&["--provider", "gmail"]);
    assert!(code == Some(0) && said.contains("app password"), "{code:?}: {said}");
    let filled = fs::read_to_string(village.at("etc/mailx-t/config.toml")).unwrap();
    assert!(filled.contains("host = \"smtp.gmail.com\""), "{filled}");
    village.write("etc/mailx-t/config.toml", filled.replace("mail@example.com", "me@gmail.com"), 0o644);
    let (code, said) = init(&["--provider", "qq"]);
    assert!(code == Some(0) && said.contains("does not change"), "{code:?}: {said}");
}

#[test]
fn service_owns_no_name_that_root_works_with() {
    let Some(village) = Village::new() else { return };
    village.configure(&smarthost(), "");
    assert_init(&village, 0, "");
    assert_spool_is_whole(&village);
    for line in ["mv failed old", "ln -s /etc link", "touch file", "rmdir tmp", "chmod 777 ."] {
        let (code, said) = village.shell(SERVICE, &format!("cd /var/spool/mailx-t && {line}"));
        assert_ne!(code, Some(0), "{line}: {said}");
    }
    assert_eq!(village.shell(SERVICE, "cd /var/spool/mailx-t/queue && touch x && rm x").0, Some(0));
}

#[test]
fn init_as_root_gives_away_nothing_that_the_service_has_put_there() {
    let Some(village) = Village::new() else { return };
    village.configure(&smarthost(), "");
    assert_init(&village, 0, "");
    fs::create_dir(village.at("etc/victim")).unwrap();
    fs::set_permissions(village.at("etc/victim"), Permissions::from_mode(0o751)).unwrap();
    for (name, mode) in NAMES {
        for (put, says) in [
            ("ln -s /etc/victim", "is a symbolic link and no directory"),
            ("mkfifo", "is a named pipe and no directory"),
            ("touch", "is a file and no directory"),
        ] {
            give_the_spool_to_the_service(&village);
            let put = format!("cd /var/spool/mailx-t && mv {name} old && {put} {name}");
            assert_eq!(village.shell(SERVICE, &put).0, Some(0));
            assert_init(&village, 73, says);
            assert_eq!(state(&village, "etc/victim"), (0, 0o751), "{put}");
            let back = format!("cd /var/spool/mailx-t && rm {name} && mv old {name}");
            assert_eq!(village.shell(SERVICE, &back).0, Some(0));
            assert_init(&village, 0, "is ready");
            assert_eq!(state(&village, &format!("var/spool/mailx-t/{name}")), (SERVICE, mode));
        }
    }
    assert_eq!(fs::read_dir(village.at("etc/victim")).unwrap().count(), 0);
}

#[test]
fn service_that_swaps_names_while_root_makes_the_spool_gains_nothing() {
    let Some(village) = Village::new() else { return };
    village.configure(&smarthost(), "");
    assert_init(&village, 0, "");
    fs::create_dir(village.at("etc/victim")).unwrap();
    let before = state(&village, "etc/victim");
    for _ in 0..5 {
        give_the_spool_to_the_service(&village);
        let swap = "cd /var/spool/mailx-t; ln -s /etc/victim link; while mv failed old && mv link failed && \
                    mv failed link && mv old failed; do :; done 2>/dev/null; true";
        let mut swapping = village.command(&SERVICE.to_string(), &["sh", "-c", swap]).spawn().unwrap();
        // Once the directory is root's, nothing can be swapped any more, and the loop ends by itself.
        while state(&village, "var/spool/mailx-t").0 != 0 {
            village.run("root", &["mailx-t", "ctl", "init"], "");
            assert_eq!(state(&village, "etc/victim"), before);
        }
        swapping.wait().unwrap();
        village.run("root", &["sh", "-c", "cd /var/spool/mailx-t; rm -f link; [ ! -h failed ] || rm failed; true"], "");
        village.run("root", &["sh", "-c", "cd /var/spool/mailx-t; [ ! -d old ] || mv old failed"], "");
        assert_init(&village, 0, "is ready");
        assert_spool_is_whole(&village);
        assert_eq!(state(&village, "etc/victim"), before);
    }
}

#[test]
fn spool_of_an_earlier_version_becomes_roots_and_its_mail_leaves() {
    let Some(village) = Village::new() else { return };
    let running = smarthost();
    village.configure(&running, "");
    assert_init(&village, 0, "");
    let send = ["sendmail", "-odq", "a@host.example"];
    assert_eq!(village.run("root", &send, "Subject: of root\n\nx\n").0, Some(0));
    give_the_spool_to_the_service(&village);
    let verbose = ["sendmail", "-v", "-odq", "a@host.example"];
    let (code, said) = village.run(&ALICE.to_string(), &verbose, "Subject: of alice\n\nx\n");
    assert!(code == Some(0) && said.contains("the mail is kept as "), "{code:?} {said}");
    let (_, told) = village.run("root", &["mailx-t", "ctl", "check", "--offline"], "");
    let sentence = format!("FAIL  /var/spool/mailx-t belongs to user {SERVICE}, who can put anything in the place of");
    assert!(told.contains(&sentence), "{told}");
    assert_init(&village, 0, "is ready");
    assert_spool_is_whole(&village);
    let (code, said) = village.run("root", &["sendmail", "-q"], "");
    assert_eq!((code, running.mails().len()), (Some(0), 2), "{said}");
    let (code, told) = village.run("root", &["mailx-t", "ctl", "check", "--offline"], "");
    assert_eq!(code, Some(0), "{told}");
}

const OWN: &str = "/home/alice/.local/state/mailx-t";

/// Alice's own settings, in her home.
fn configure_alice(village: &Village, running: &Running, more: &str) {
    village.write("etc/ca.pem", running.ca_pem(), 0o644);
    let text = format!(
        "[smarthost]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{USER}\"\npassword-file = \"/home/alice/pw\"\n\
         ca-file = \"/etc/ca.pem\"\n[log]\ntarget = \"/home/alice/log\"\n{more}",
        running.port()
    );
    let made = format!(
        "umask 022; mkdir -p ~/.config/mailx-t ~/.local/state; cat >~/.config/mailx-t/config.toml; \
         echo {PASSWORD} >~/pw; chmod 600 ~/pw"
    );
    assert_eq!(village.run(&ALICE.to_string(), &["sh", "-c", &made], &text).0, Some(0));
    assert_eq!(village.run(&ALICE.to_string(), &["mailx-t", "ctl", "init"], "").0, Some(0));
}

/// A file for `drop/` made by hand.
fn entry(id: &str, to: &str) -> String {
    format!(
        "mailx-t-entry: 1\nid: {id}\narrived: 2026-11-20T09:30:03Z\nuid: 0\nfrom: {USER}\noriginator: bob\n\
         to: {to}\nmessage-id: <1@example.test>\nbody: 7bit\nrepairs: \nsize: 000000000000003\n\n\r\nx"
    )
}

#[test]
fn nobody_leaves_mail_in_a_spool_of_anothers_own() {
    let Some(village) = Village::new() else { return };
    let running = smarthost();
    configure_alice(&village, &running, "");
    assert!(!village.at(&OWN[1..]).join("drop").exists());
    // The form that an earlier version gave it.
    let open = format!("mkdir {OWN}/drop && chmod 3733 {OWN}/drop && chmod 755 {OWN}");
    assert_eq!(village.shell(ALICE, &open).0, Some(0));
    let id = "0KCX3T1M2A7Q4ZD";
    let left = format!("{OWN}/drop/{id}");
    assert_eq!(
        village.run(&BOB.to_string(), &["sh", "-c", &format!("cat >{left}")], &entry(id, "evil@host.example")).0,
        Some(0)
    );
    let send = ["sendmail", "-odi", "a@host.example"];
    assert_eq!(village.run(&ALICE.to_string(), &send, "Subject: of alice\n\nx\n").0, Some(0));
    assert_eq!(village.run(&ALICE.to_string(), &["sendmail", "-q"], "").0, Some(0));
    let mails = running.mails();
    assert_eq!(mails.iter().map(|mail| mail.addresses()).collect::<Vec<_>>(), [["a@host.example"]]);
    let (_, told) = village.run(&ALICE.to_string(), &["mailx-t", "ctl", "check", "--offline"], "");
    assert!(told.contains("drop is for the machine's spool alone: run mailx-t ctl init"), "{told}");
    assert_eq!(village.run(&ALICE.to_string(), &["mailx-t", "ctl", "init"], "").0, Some(0));
    assert_ne!(village.shell(BOB, &format!("touch {left}2")).0, Some(0));
}

/// A directory that is made in `drop/` hands its group down, so a copy that is made in it has that group too.
#[test]
fn copy_that_a_user_had_another_make_is_no_mail_of_that_one() {
    let Some((village, running)) = village_with(Smarthost::new().account(USER, PASSWORD)) else { return };
    let place = "/var/spool/mailx-t/drop";
    for (n, (who, copy)) in [(BOB, "cp"), (BOB, "cat <"), (ALICE, "install -m 1640")].into_iter().enumerate() {
        let id = format!("0KCX3T1M2A7Q4Z{n}");
        village.write("home/alice/notes", entry(&id, "evil@host.example"), 0o644);
        assert_eq!(village.shell(ALICE, &format!("umask 0; mkdir {place}/inbox{n}")).0, Some(0));
        let to = if copy.starts_with("cat") { "> " } else { "" };
        let made = format!("umask 022; {copy} /home/alice/notes {to}{place}/inbox{n}/notes");
        assert_eq!(village.shell(who, &made).0, Some(0));
        assert_eq!(village.shell(ALICE, &format!("mv {place}/inbox{n}/notes {place}/{id}")).0, Some(0));
    }
    let (log, _) = sent(&village);
    assert!(log.contains(&format!("uid={ALICE}")) && !log.contains(&format!("uid={BOB}")), "{log}");
    // What an earlier version left has none either, so it is sent.
    assert_eq!((log.matches("uid=4294967295").count(), running.mails().len()), (2, 3), "{log}");
}

#[test]
fn root_in_a_spool_of_anothers_becomes_that_user() {
    let Some(village) = Village::new() else { return };
    let running = smarthost();
    configure_alice(&village, &running, "");
    village.configure(&running, "");
    village.write("etc/other.toml", fs::read(village.at("etc/mailx-t/config.toml")).unwrap(), 0o644);
    village.run("root", &["sh", "-c", &format!("printf '[spool]\\npath = \"{OWN}\"\\n' >>/etc/other.toml")], "");
    // The place that root would write to through it.
    let trap = format!("rm -r {OWN}/tmp && ln -s /etc/mailx-t {OWN}/tmp");
    assert_eq!(village.shell(ALICE, &trap).0, Some(0));
    let before = fs::read_dir(village.at("etc/mailx-t")).unwrap().count();
    let words = ["mailx-t", "--config", "/etc/other.toml", "-odq", "a@host.example"];
    village.run("root", &words, "Subject: x\n\nx\n");
    assert_eq!(fs::read_dir(village.at("etc/mailx-t")).unwrap().count(), before);
    assert!(village.shell(ALICE, &format!("ls {OWN}/queue")).1.is_empty());
}

#[test]
fn aliases_of_another_user_are_nobodys() {
    let Some(village) = Village::new() else { return };
    let running = smarthost();
    village.configure(&running, "aliases-file = \"/home/alice/aliases\"");
    assert_init(&village, 0, "");
    for line in ["echo 'root: alice@evil.example' >~/aliases", "rm ~/aliases; mkfifo ~/aliases"] {
        assert_eq!(village.shell(ALICE, line).0, Some(0));
        let (code, told) = village.run("root", &["mailx-t", "ctl", "check", "--offline"], "");
        assert!(code != Some(0) && told.contains("FAIL  /home/alice/aliases: is not obeyed: it "), "{told}");
        let (code, said) = village.run("root", &["sendmail", "-odi", "root"], "Subject: x\n\nx\n");
        assert_eq!(code, Some(0), "{said}");
    }
    let mails = running.mails();
    assert_eq!(mails.iter().map(|mail| mail.addresses()).collect::<Vec<_>>(), [["ops@example.test"]; 2]);
    let log = fs::read_to_string(village.at("var/log/mailx-t/mail.log")).unwrap();
    assert_eq!(log.matches("/home/alice/aliases: is not obeyed").count(), 2, "{log}");
    // One of root's, in a directory where alice could swap it.
    village.write("home/alice/root", "root: alice@evil.example\n", 0o644);
    assert_eq!(village.shell(ALICE, "mv ~/root ~/aliases").0, Some(0));
    let (_, told) = village.run("root", &["mailx-t", "ctl", "check", "--offline"], "");
    assert!(told.contains("lies in /home/alice, where user 54402 can put another in its place"), "{told}");
}

#[test]
fn configuration_that_others_could_have_written_runs_nothing() {
    let Some(village) = Village::new() else { return };
    let running = smarthost();
    village.configure(&running, "");
    assert_init(&village, 0, "");
    let text = fs::read_to_string(village.at("etc/mailx-t/config.toml")).unwrap();
    let command = "password-command = \"touch /var/tmp/ran; echo x\"";
    let text = text.replace("password-file = \"/etc/mailx-t/password\"", command);
    let place = "var/tmp/case/config.toml";
    fs::create_dir(village.at("var/tmp/case")).unwrap();
    let run = || {
        let words = ["mailx-t", "--config", "/var/tmp/case/config.toml", "-odi", "a@host.example"];
        village.run("root", &words, "Subject: x\n\nx\n")
    };
    let set_mode = |place: &str, mode| fs::set_permissions(village.at(place), Permissions::from_mode(mode)).unwrap();
    for (mode, owner, folder_mode, folder_owner, says) in [
        (0o664, 0, 0o755, 0, "has mode 0664 and may be written by its group: chmod go-w it"),
        (0o646, 0, 0o755, 0, "has mode 0646 and may be written by everybody: chmod go-w it"),
        (0o644, ALICE, 0o755, 0, "belongs to user 54402: give it to yourself or root"),
        (0o644, SERVICE, 0o755, 0, "belongs to user 54401: give it to yourself or root"),
        (0o644, 0, 0o775, 0, "case, which has mode 0775: others can put another in its place"),
        (0o644, 0, 0o755, ALICE, "case, where user 54402 can put another in its place"),
    ] {
        village.write(place, &text, mode);
        village.own(place, owner);
        set_mode("var/tmp/case", folder_mode);
        village.own("var/tmp/case", folder_owner);
        let (code, said) = run();
        assert!(code == Some(78) && said.contains(says), "{code:?} {said}");
    }
    village.own("var/tmp/case", 0);
    fs::remove_file(village.at(place)).unwrap();
    assert_eq!(village.run("root", &["mkfifo", "/var/tmp/case/config.toml"], "").0, Some(0));
    let (code, said) = run();
    assert!(code == Some(78) && said.contains("is a named pipe and not a regular file"), "{code:?} {said}");
    assert!(!village.at("var/tmp/ran").exists());
    fs::remove_file(village.at(place)).unwrap();
    village.write(place, &text, 0o644);
    let (_, said) = run();
    assert!(village.at("var/tmp/ran").exists(), "one of root's own is obeyed: {said}");
}

#[test]
fn secret_that_a_group_of_strangers_may_read_is_not_used() {
    let Some(village) = Village::new() else { return };
    let running = smarthost();
    village.configure(&running, "");
    assert_init(&village, 0, "");
    let password = village.at("etc/mailx-t/password");
    for (gid, mode, says) in [
        (100, 0o640, "mode 0640 opens it to the group users: chown root:mailx-t it, and chmod 640 it"),
        (ALICE, 0o640, "mode 0640 opens it to the group alice: chown root:mailx-t it, and chmod 640 it"),
        (SERVICE, 0o660, "mode 0660 lets its group write it"),
        (SERVICE, 0o640, "password for the login of mail@example.test found, not tried"),
    ] {
        std::os::unix::fs::chown(&password, Some(0), Some(gid)).unwrap();
        fs::set_permissions(&password, Permissions::from_mode(mode)).unwrap();
        let words = ["setpriv", "--reuid", "54401", "--regid", "54401", "--groups", &format!("100,{ALICE}")];
        let words: Vec<&str> = words.into_iter().chain(["mailx-t", "ctl", "check", "--offline"]).collect();
        let (_, told) = village.run("root", &words, "");
        assert!(told.contains(says), "{gid} {mode:o}: {told}");
    }
}

#[test]
fn log_that_the_service_has_made_a_link_is_not_followed_by_root() {
    let Some(village) = Village::new() else { return };
    let running = smarthost();
    village.configure(&running, "");
    // Root's own settings and spool, in the machine's log.
    let text = fs::read_to_string(village.at("etc/mailx-t/config.toml")).unwrap();
    village.write("root/config.toml", format!("{text}[spool]\npath = \"/root/spool\"\n"), 0o600);
    village.write("etc/victim", "", 0o644);
    assert_eq!(village.shell(SERVICE, "ln -s /etc/victim /var/log/mailx-t/mail.log").0, Some(0));
    let settings = ["mailx-t", "--config", "/root/config.toml"];
    let run = |words: &[&str]| village.run("root", &[&settings[..], words].concat(), "Subject: x\n\nx\n");
    assert_eq!(run(&["ctl", "init"]).0, Some(0));
    run(&["-odi", "a@host.example"]);
    assert_eq!(running.mails().len(), 1);
    assert_eq!(fs::read(village.at("etc/victim")).unwrap(), b"");
    let (_, told) = run(&["ctl", "check", "--offline"]);
    assert!(
        told.contains("FAIL  log /var/log/mailx-t/mail.log: it is a link in a directory that others may"),
        "{told}"
    );
}

/// A village whose mail goes to that smarthost.
fn village_with(host: Smarthost) -> Option<(Village, Running)> {
    let village = Village::new()?;
    let running = host.start();
    village.configure(&running, "");
    assert_init(&village, 0, "");
    Some((village, running))
}

fn send(village: &Village, who: u32, to: &str) {
    let (code, said) = village.run(&who.to_string(), &["sendmail", "-odq", to], "Subject: x\n\nx\n");
    assert_eq!(code, Some(0), "{said}");
}

/// Sends the queue; returns the log so far, and whether the way of all mail is closed.
fn sent(village: &Village) -> (String, bool) {
    for _ in 0..2 {
        village.run("root", &["sendmail", "-q"], "");
    }
    let log = fs::read_to_string(village.at("var/log/mailx-t/mail.log")).unwrap();
    (log, village.at("var/spool/mailx-t/queue/relay.clock").exists())
}

#[test]
fn mails_of_one_user_do_not_stop_the_mail_of_others() {
    for (point, reply) in [
        (Point::Rcpt, "554 5.7.1 Relay access denied"),
        (Point::Rcpt, "550 Access denied"),
        (Point::Rcpt, "451 4.3.0 later"),
        (Point::Content, "554 5.7.1 Message rejected"),
        (Point::Content, "451 4.3.0 later"),
    ] {
        let refused = On::at(point).containing("elsewhere");
        let host = Smarthost::new().account(USER, PASSWORD).without("CHUNKING").on(refused, Act::reply(reply));
        let Some((village, _running)) = village_with(host) else { return };
        for to in ["one@elsewhere.example", "two@elsewhere.org"] {
            send(&village, ALICE, to);
        }
        let (log, is_closed) = sent(&village);
        assert!(log.contains(&reply[..9]), "{reply}: {log}");
        assert!(!is_closed && !log.contains("no mail leaves"), "{reply}: {log}");
    }
}

/// A user chooses parameters of MAIL as well, and the size.
#[test]
fn parameters_of_one_users_mails_do_not_stop_the_mail_of_others() {
    let large = format!("Subject: x\n\n{}", "text of a large mail\n".repeat(5000));
    for (options, input, refused, reply) in [
        (&["-V", "job"][..], "x\n", "ENVID=", "550 5.7.1 ENVID against our policy"),
        (&["-R", "hdrs"], "x\n", "RET=", "550 5.7.1 RET against our policy"),
        (&[], &large, "SIZE=1", "550 5.7.1 Mails above 100 KB need another plan"),
    ] {
        let host = Smarthost::new().account(USER, PASSWORD);
        let host = host.on(On::at(Point::Mail).containing(refused), Act::reply(reply));
        let Some((village, _running)) = village_with(host) else { return };
        for (who, to) in [(ALICE, "one@one.example"), (ALICE, "two@two.example"), (BOB, "three@three.example")] {
            let words = [&["sendmail", "-odq"], options, &[to]].concat();
            let (code, said) = village.run(&who.to_string(), &words, input);
            assert_eq!(code, Some(0), "{said}");
            let (log, is_closed) = sent(&village);
            assert!(log.contains(&reply[..9]), "{reply}: {log}");
            assert_eq!((is_closed, log.contains("no mail leaves")), (who == BOB, false), "{reply}: {log}");
        }
    }
}

#[test]
fn same_refusal_of_two_users_closes_the_way() {
    let refused = On::at(Point::Rcpt).containing("elsewhere");
    let host = Smarthost::new().account(USER, PASSWORD).on(refused, Act::reply("554 5.7.1 Relay access denied"));
    let Some((village, _running)) = village_with(host) else { return };
    send(&village, ALICE, "one@elsewhere.example");
    send(&village, BOB, "two@elsewhere.org");
    let (log, is_closed) = sent(&village);
    assert!(is_closed, "{log}");
}

#[test]
fn mail_of_root_and_of_users_waits_for_a_configuration_and_leaves_with_it() {
    let Some((village, running)) = village_with(Smarthost::new().account(USER, PASSWORD)) else { return };
    let path = village.at("etc/mailx-t/config.toml");
    let filled = fs::read_to_string(&path).unwrap();
    give_the_spool_to_the_service(&village);
    let template = include_str!("../../packaging/config.toml");
    for (n, broken) in
        [filled.replace("host =", "hots ="), template.to_string(), "[smarthost\n".to_string()].iter().enumerate()
    {
        fs::write(&path, broken).unwrap();
        let alice = ALICE.to_string();
        for (name, who) in [("root", "root"), ("alice", &alice)] {
            let subject = format!("{name} {n}");
            let (code, said) = village.run(who, &["mailx-t", "-s", &subject, "ops@host.example"], "text\n");
            assert!(code == Some(75) && said.contains("leaves once that is mended"), "{code:?} {said}");
        }
        // That is when one looks.
        let (code, listed) = village.run("root", &["sendmail", "-bp"], "");
        assert!(code == Some(78) && listed.contains("-- 1 Kbytes in 2 Requests."), "{code:?} {listed}");
        // Nobody has a mail that is none.
        assert_eq!(village.run("root", &["mailx-t", "-E", "-s", "none", "ops@host.example"], "").0, Some(78));
        fs::write(&path, &filled).unwrap();
        let (code, said) = village.run("root", &["mailx-t", "-q"], "");
        assert_eq!((code, said.as_str()), (Some(0), ""));
        let mut subjects: Vec<String> = running.mails().iter().map(|mail| mail.header("Subject")[0].clone()).collect();
        subjects.sort();
        let mut expected: Vec<String> = (0..=n).flat_map(|n| [format!("alice {n}"), format!("root {n}")]).collect();
        expected.sort();
        assert_eq!(subjects, expected);
        let from_root = |mail: &&crate::smarthost::Received| mail.header("Subject")[0].starts_with("root");
        assert!(running.mails().iter().find(from_root).unwrap().header("From")[0].contains("root on "));
    }
    assert_eq!(fs::read_dir(village.at("var/spool/mailx-t/failed")).unwrap().count(), 0);
}

/// A configuration that a user could have written would have the mail of all wait in that user's directory.
#[test]
fn configuration_that_is_refused_takes_no_mail_to_a_users_directory() {
    let Some((village, running)) = village_with(Smarthost::new().account(USER, PASSWORD)) else { return };
    let filled = fs::read_to_string(village.at("etc/mailx-t/config.toml")).unwrap();
    let trap = "umask 022; mkdir -p ~/spool/queue ~/spool/tmp ~/spool/drop && chmod 3733 ~/spool/drop";
    assert_eq!(village.shell(ALICE, trap).0, Some(0));
    let send = |who: &str, subject: &str| {
        let words = ["mailx-t", "-s", subject, "ops@host.example"];
        let (code, said) = village.run(who, &words, "text\n");
        let (_, trapped) = village.shell(ALICE, "find ~/spool -type f");
        assert_eq!(trapped, "", "{code:?} {said}");
        (code, said)
    };
    let named = |path: &str| format!("{filled}[spool] # our mails\npath = \"{path}\"\n");
    village.write("etc/mailx-t/config.toml", named("/home/alice/spool").replace(" # our mails", ""), 0o664);
    std::os::unix::fs::chown(village.at("etc/mailx-t/config.toml"), Some(0), Some(ALICE)).unwrap();
    for who in ["root", &BOB.to_string()] {
        let (code, said) = send(who, "kept");
        assert!(code == Some(75) && said.contains("/var/spool/mailx-t/"), "{code:?} {said}");
    }
    let (_, listed) = village.run("root", &["mailx-t", "ctl", "check", "--offline"], "");
    assert!(listed.contains("may be written by its group"), "{listed}");
    // Root's own file may name it: that user has made it all the same.
    village.own("etc/mailx-t/config.toml", 0);
    village.write("etc/mailx-t/config.toml", format!("[smarthost\n{}", named("/home/alice/spool")), 0o644);
    for who in ["root", &BOB.to_string()] {
        assert_ne!(send(who, "rescued").0, Some(0));
    }
    // The mended file names a spool of the machine's where nothing waits.
    village.write("etc/mailx-t/config.toml", named("/var/spool/other"), 0o644);
    assert_init(&village, 0, "");
    let (code, said) = village.run("root", &["mailx-t", "-q"], "");
    assert_eq!((code, running.mails().len()), (Some(0), 2), "{said}");
}

#[test]
fn mail_that_waits_for_a_configuration_is_in_the_listing() {
    let Some((village, running)) = village_with(Smarthost::new().account(USER, PASSWORD)) else { return };
    let path = village.at("etc/mailx-t/config.toml");
    let filled = fs::read_to_string(&path).unwrap();
    fs::write(&path, "[smarthost\n").unwrap();
    for n in 0..2 {
        let to = format!("ops{n}@host.example");
        village.run("root", &["mailx-t", "-s", "x", &to], "text\n");
    }
    fs::write(&path, &filled).unwrap();
    let run = |words: &[&str]| village.run("root", words, "");
    let (_, listed) = run(&["mailq"]);
    assert!(listed.contains("ops1@host.example") && listed.contains(" in 2 Requests."), "{listed}");
    let (_, listed) = run(&["mailx-t", "ctl", "queue", "list", "--json"]);
    assert_eq!(listed.matches("\"queue_name\":\"maildrop\"").count(), 2, "{listed}");
    let first: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let id = first["queue_id"].as_str().unwrap();
    for shown in [&["mailx-t", "ctl", "queue", "show", id][..], &["mailx-t", "ctl", "queue", "show", "--raw", id]] {
        let (code, said) = run(shown);
        assert!(code == Some(0) && said.contains("host.example") && said.contains("Subject: x"), "{said}");
    }
    let (code, said) = run(&["mailx-t", "ctl", "queue", "remove", id]);
    assert!(code == Some(0) && said.contains("removed"), "{said}");
    assert_eq!(run(&["mailx-t", "ctl", "queue", "remove", id]).0, Some(65));
    assert_eq!((run(&["mailx-t", "-q"]).0, running.mails().len()), (Some(0), 1));
}

#[test]
fn unfilled_settings_of_a_user_take_no_mail_away() {
    let Some((village, running)) = village_with(Smarthost::new().account(USER, PASSWORD)) else { return };
    give_the_spool_to_the_service(&village);
    let own = "/home/alice/.config/mailx-t/config.toml";
    let (code, said) = village.run(&ALICE.to_string(), &["mailx-t", "ctl", "init"], "");
    assert!(code == Some(77) && said.contains("ask root to run it") && said.contains(own), "{code:?} {said}");
    assert!(!village.at("home/alice/.config").exists());
    let (code, said) = village.run(&ALICE.to_string(), &["mailx-t", "ctl", "init", "--config", own], "");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("/home/alice/.local/state/mailx-t is ready"), "{said}");
    for (n, text) in [None, Some(""), Some("# later\n")].into_iter().enumerate() {
        if let Some(text) = text {
            fs::write(village.at("home/alice/.config/mailx-t/config.toml"), text).unwrap();
        }
        let (code, said) =
            village.run(&ALICE.to_string(), &["mailx-t", "-s", "by the machine", "ops@host.example"], "text\n");
        assert_eq!((code, said.as_str()), (Some(0), ""));
        assert_eq!(village.run("root", &["mailx-t", "-q"], "").0, Some(0));
        assert_eq!(running.mails().len(), n + 1);
    }
    let (code, said) = village.run(&ALICE.to_string(), &["mailx-t", "ctl", "init"], "");
    assert!(code == Some(77) && said.contains("ask root"), "{code:?} {said}");
}

/// A user has as many subordinate uids as subuid(5) gives; together they are one user.
#[test]
fn subordinate_uids_count_as_the_user_whose_they_are() {
    let refused = On::at(Point::Rcpt).containing("elsewhere");
    let host = Smarthost::new().account(USER, PASSWORD).on(refused, Act::reply("451 4.3.0 later"));
    let Some((village, _running)) = village_with(host) else { return };
    village.write("etc/subuid", "root:500000:65536\nalice:600000:65536\n", 0o644);
    for users in [[ALICE, 600_001, 600_002], [BOB, 500_001, 500_002]] {
        for who in users {
            send(&village, who, &format!("a@elsewhere{who}.example"));
        }
        let (log, is_closed) = sent(&village);
        assert!(log.contains("uid=600001"), "the log names the uid itself: {log}");
        assert_eq!(is_closed, users[0] == BOB, "three uids of one user are one: {log}");
    }
    let list = fs::read_dir(village.at("var/spool/mailx-t/queue")).unwrap();
    let ids = list.map(|file| file.unwrap().file_name().into_string().unwrap()).filter(|name| !name.contains('.'));
    let mut marks: Vec<String> = ids.map(|id| id[12..15].to_string()).collect();
    marks.sort();
    let count = |mark: &String| marks.iter().filter(|other| *other == mark).count();
    let mut counts: Vec<usize> = marks.iter().map(count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2, 2, 3, 3, 3], "alice's, root's, and bob: {marks:?}");
}

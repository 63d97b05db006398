//! The group of `readers` lists the queue of the machine, and has no other part in it. With real users; needs root.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::Value;

use crate::smarthost::{Act, On, Point, Smarthost};
use crate::support::village::{ALICE, BOB, PASSWORD, SERVICE, USER, Village};

/// The group; bob runs a monitor in it.
const READERS: u32 = 54_410;

fn village() -> Option<(Village, crate::smarthost::Running)> {
    let village = Village::new()?;
    let refused = On::at(Point::Rcpt).containing("elsewhere");
    let running = Smarthost::new().account(USER, PASSWORD).on(refused, Act::reply("450 4.2.0 Greylisted")).start();
    village.configure(&running, "[spool]\nreaders = \"monitors\"\n");
    OpenOptions::new()
        .append(true)
        .open(village.at("etc/group"))
        .unwrap()
        .write_all(format!("monitors:x:{READERS}:bob\n").as_bytes())
        .unwrap();
    let (code, said) = village.run("root", &["mailx-t", "ctl", "init"], "");
    assert_eq!(code, Some(0), "{said}");
    Some((village, running))
}

/// A line of the shell as bob with that group.
fn as_bob(village: &Village, group: u32, line: &str) -> (Option<i32>, String) {
    let (uid, gid) = (BOB.to_string(), group.to_string());
    let become_bob = ["setpriv", "--reuid", &uid, "--regid", &gid, "--clear-groups", "--inh-caps=-all"];
    village.run("root", &[&become_bob[..], &["--bounding-set=-all", "sh", "-c", line]].concat(), "")
}

/// Two mails wait, one of them tried; returns their ids.
fn two_mails_wait(village: &Village) -> Vec<String> {
    let hand_in = |to: &str| {
        let (code, said) = village.run("root", &["sendmail", "-odq", to], "Subject: salary\n\nof everybody\n");
        assert_eq!(code, Some(0), "{said}");
    };
    hand_in("one@elsewhere.example");
    village.run("root", &["sendmail", "-q"], "");
    hand_in("two@host.example");
    let queue = fs::read_dir(village.at("var/spool/mailx-t/queue")).unwrap();
    let mut ids: Vec<String> = queue.map(|found| found.unwrap().file_name().into_string().unwrap()).collect();
    ids.retain(|name| name.len() == 15);
    ids.sort();
    assert_eq!(ids.len(), 2);
    ids
}

#[test]
fn reader_lists_the_queue_as_root_does() {
    let Some((village, _running)) = village() else { return };
    let ids = two_mails_wait(&village);
    let (code, listed) = as_bob(&village, READERS, "mailq | cat");
    assert_eq!(code, Some(0), "{listed}");
    for part in ["one@elsewhere.example", "450 4.2.0 Greylisted", &ids[0], &ids[1], "Kbytes in 2 Requests."] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    assert!(!listed.contains("salary") && !listed.contains("two@"), "no relay has looked at it yet: {listed}");
    let rows = |listed: &str| listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let (_, seen) = as_bob(&village, READERS, "mailq -j");
    let (seen, (_, whole)) = (rows(&seen), village.run("root", &["mailq", "-j"], ""));
    assert_eq!((&seen[0], seen.len()), (&rows(&whole)[0], 2), "{whole}");
    assert!(seen[1]["sender"].is_null() && seen[1]["message_size"].is_null(), "{seen:?}");
    village.run("root", &["mailx-t", "ctl", "queue", "hold", &ids[0]], "");
    village.run("root", &["sendmail", "-q"], "");
    let (_, listed) = as_bob(&village, READERS, "mailx-t ctl queue list | cat");
    assert!(listed.contains(&format!("{}!", ids[0])) && listed.contains("in 1 Request."), "{listed}");
    let (code, said) = as_bob(&village, BOB, "mailq");
    assert!(code == Some(0) && said.contains("the administrator's") && !said.contains(&ids[0]), "{code:?}: {said}");
    // A program that counts lines would take none for an empty queue.
    let (code, said) = as_bob(&village, BOB, "mailq -j");
    assert!(code == Some(77) && said.contains("readers of [spool]") && !said.contains(&ids[0]), "{code:?}: {said}");
}

/// A lock that a reader could take, the relay would wait for; a name that a reader could give, it would believe.
#[test]
fn reader_neither_reads_mail_nor_stops_holds_or_removes_any() {
    let Some((village, running)) = village() else { return };
    let ids = two_mails_wait(&village);
    let (first, second) = (&ids[0], &ids[1]);
    for line in [
        format!("cat queue/{first}"),
        format!("cat queue/{first}.journal"),
        "cat queue/relay.lock".into(),
        format!("flock -n queue/{second} true"),
        "flock -n queue/relay.lock true".into(),
        format!("stat queue/{second}"),
        format!("ln queue/{second} drop/{second}"),
        format!("ln queue/{second} /var/tmp/kept"),
        format!("mv queue/{second} /var/tmp/kept"),
        format!("rm -f queue/{second}"),
        format!("rm -f list/{first}"),
        format!("mv list/{first} /var/tmp/kept"),
        format!("echo x >>list/{first}"),
        format!("echo x >list/{second}"),
        format!("ln -s /etc list/{second}"),
        "touch queue/relay.clock list/relay.clock".into(),
        format!("mailx-t ctl queue remove {second}"),
        "mailx-t ctl queue hold all".into(),
        format!("mailx-t ctl queue show {first}"),
        "mailx-t ctl check --offline".into(),
        "mailx-t -q".into(),
        "ls tmp failed".into(),
        "cat /etc/mailx-t/password".into(),
    ] {
        let (code, said) = as_bob(&village, READERS, &format!("cd /var/spool/mailx-t && {line}"));
        assert!(code != Some(0) && !said.contains("salary") && !said.contains(PASSWORD), "{line}: {code:?}: {said}");
    }
    // The locks that a reader can have are on directories and copies, and nobody waits for those.
    let line = format!("cd /var/spool/mailx-t && flock queue flock list flock list/{first} sh -c 'echo locked; cat'");
    let become_bob = ["setpriv", "--reuid", &BOB.to_string(), "--regid", &READERS.to_string(), "--clear-groups"];
    let mut locking = village.command("root", &[&become_bob[..], &["sh", "-c", &line]].concat());
    let mut locking = locking.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = [0; 6];
    std::io::Read::read_exact(locking.stdout.as_mut().unwrap(), &mut said).unwrap();
    let (code, told) = village.run("root", &["sendmail", "-q"], "");
    assert_eq!((code, running.mails().len()), (Some(0), 1), "{told}");
    drop(locking.stdin.take());
    locking.wait().unwrap();
}

#[test]
fn check_judges_what_readers_see_and_init_mends_it() {
    let Some((village, _running)) = village() else { return };
    let check = || village.run("root", &["mailx-t", "ctl", "check", "--offline"], "").1;
    let spool = |name: &str| village.at(&format!("var/spool/mailx-t/{name}"));
    let state = |name: &str| {
        let found = fs::metadata(spool(name)).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o7777)
    };
    let whole = [("queue", (SERVICE, READERS, 0o740)), ("list", (SERVICE, READERS, 0o2750))];
    for (name, mode) in [("queue", 0o750), ("list", 0o2770)] {
        fs::set_permissions(spool(name), fs::Permissions::from_mode(mode)).unwrap();
        assert!(check().contains(&format!("has mode {mode:o} instead of")), "{}", check());
        std::os::unix::fs::chown(spool(name), None, Some(ALICE)).unwrap();
        assert!(check().contains(&format!("belongs to group {ALICE} instead of {READERS}")), "{}", check());
        assert_eq!(village.run("root", &["mailx-t", "ctl", "init"], "").0, Some(0));
        whole.iter().for_each(|(name, expected)| assert_eq!(state(name), *expected, "{name}"));
    }
    let config = village.at("etc/mailx-t/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("\"monitors\"", "\"nobody-knows\"")).unwrap();
    let (code, said) = village.run("root", &["mailx-t", "ctl", "init"], "");
    assert!(code != Some(0) && said.contains("names the group nobody-knows"), "{said}");
    assert!(check().contains("names the group nobody-knows"), "{}", check());
    fs::write(&config, text.replace("readers = \"monitors\"\n", "")).unwrap();
    assert_eq!(village.run("root", &["mailx-t", "ctl", "init"], "").0, Some(0));
    assert_eq!((state("queue").1, state("list").1), (SERVICE, SERVICE), "the group of the service");
}

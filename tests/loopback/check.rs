//! `ctl check` and `ctl test`: the sentences that a person reads before the first mail, and with it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use crate::smarthost::{Act, Kind, On, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{DEFAULT, PASSWORD, Ran, USER, start};

fn knowing_us() -> Smarthost {
    Smarthost::new().account(USER, PASSWORD)
}

/// That call of the door, with the real spools of this machine and its user out of reach: a new configuration names
/// none, and `ctl init` makes the one that then counts. `None` if root cannot be kept away from it.
fn away_from_real_spools(machine: &Machine, door: &Command) -> Option<Command> {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = Command::new(if is_root { "unshare".as_ref() } else { door.get_program() });
    if is_root {
        if !Command::new("unshare").args(["--mount", "true"]).status().unwrap().success() {
            return None;
        }
        let script = r#"mount -t tmpfs none /var/spool && exec "$0" "$@""#;
        command.args(["--mount", "sh", "-c", script]).arg(door.get_program());
    }
    command.args(door.get_args()).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", machine.path("home"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(command)
}

fn check(machine: &Machine, arguments: &[&str]) -> Ran {
    machine.run("mailx-t", &[&["ctl", "check"], arguments].concat(), b"")
}

#[test]
fn aliases_that_are_not_obeyed_are_a_failure() {
    let machine = Machine::with(knowing_us(), "");
    let told = |what: &str| format!("FAIL  {}: is not obeyed: it {what}", machine.path("aliases").display());
    fs::create_dir(machine.path("aliases")).unwrap();
    let ran = check(&machine, &["--offline"]);
    assert!(ran.stdout.contains(&told("is a directory and not a regular file: name a file")), "{ran:?}");
    fs::remove_dir(machine.path("aliases")).unwrap();
    nix::unistd::mkfifo(&machine.path("aliases"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let ran = check(&machine, &["--offline"]);
    assert!(ran.stdout.contains(&told("is a named pipe and not a regular file")), "{ran:?}");
    fs::remove_file(machine.path("aliases")).unwrap();
    fs::write(machine.path("aliases"), "root: someone@host.example\n").unwrap();
    fs::set_permissions(machine.path("aliases"), fs::Permissions::from_mode(0o666)).unwrap();
    let ran = check(&machine, &["--offline"]);
    assert!(ran.stdout.contains(&told("has mode 0666 and may be written by everybody: chmod go-w it")), "{ran:?}");
    let sent = machine.send(&["root"], b"Subject: x\n\nx\n");
    assert_eq!(sent.status, Some(0), "{sent:?}");
    assert_eq!(machine.smarthost().mails()[0].addresses(), [DEFAULT]);
    assert!(machine.log().contains("is not obeyed: it has mode 0666"), "{}", machine.log());
    fs::set_permissions(machine.path("aliases"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(machine.send(&["root"], b"Subject: x\n\nx\n").status, Some(0));
    assert_eq!(machine.smarthost().mails()[1].addresses(), ["someone@host.example"]);
}

#[test]
fn disk_that_has_room_for_a_name_only_is_no_spool() {
    let machine = Machine::with(knowing_us(), "");
    let door = machine.door("mailx-t", &["ctl", "check", "--offline"]);
    let mut limited = Command::new("sh");
    // A file may have 4 KiB (sh(1p), "ulimit"), as on a disk that is full except for one block.
    limited.args(["-c", r#"ulimit -f 8; exec "$0" "$@""#]).arg(door.get_program()).args(door.get_args());
    for (name, value) in door.get_envs() {
        limited.env(name, value.unwrap_or_default());
    }
    let ran = limited.output().unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(told.contains("FAIL  cannot write ") && !told.contains("ok    spool"), "{told}");
}

#[test]
fn everything_in_order_is_one_screen_of_ok() {
    let machine = Machine::with(knowing_us(), "");
    let ran = check(&machine, &[]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines.len() < 12 && lines.iter().all(|line| line.starts_with("ok    ")), "{lines:#?}");
    for words in [
        "mail leaves as",
        "spool ",
        "log /",
        "connected",
        "TLS (TLSv1.3, TLS_",
        "certificate for smarthost.test by mailx-t test authority",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {lines:#?}");
    }
    assert!(ran.stdout.contains("SIZE 36700160, AUTH PLAIN LOGIN XOAUTH2\n"), "{lines:#?}");
    assert!(ran.stdout.contains(&format!("login of {USER}\n")), "{lines:#?}");
    assert!(ran.stdout.ends_with(&format!("mail from {USER} would be taken; none was sent\n")), "{lines:#?}");
    assert!(machine.smarthost().mails().is_empty());
}

#[test]
fn each_step_that_fails_is_told_after_those_that_did_not() {
    for (smarthost, failure, ok) in [
        (knowing_us().on(Point::Mail, Act::reply("550 5.7.1 not yours")), "set from in [rewrite]", 7),
        (knowing_us().on(Point::Rcpt, Act::reply("553 5.7.1 not owned by user")), "set from in [rewrite]", 7),
        (knowing_us().on(Point::Auth, Act::reply("535 5.7.8 no")), "check user and password-file", 5),
        (knowing_us().certificate(Kind::WrongHost), "is for another name", 4),
        (knowing_us().on(Point::Greeting, Act::reply("554 5.7.1 go away")), "turns us away", 5),
    ] {
        let machine = Machine::with(smarthost, "");
        let ran = check(&machine, &[]);
        assert_eq!(ran.status, Some(78), "{ran:?}");
        let lines: Vec<_> = ran.stdout.lines().collect();
        let (last, before) = lines.split_last().unwrap();
        assert!(last.starts_with("FAIL  ") && last.contains(failure), "{lines:#?}");
        let is_ok = before.iter().all(|line| line.starts_with("ok    "));
        assert!(is_ok && (ok..=ok + 1).contains(&before.len()), "{lines:#?}");
    }
}

#[test]
fn port_that_speaks_tls_at_once_is_recognized_by_its_silence() {
    // Like a server of implicit TLS, it waits for us.
    let smarthost = knowing_us().starttls().on(Point::Connect, Act::Stall);
    let machine = Machine::with(smarthost, "tls = \"starttls\"\ntimeout = \"300ms\"\n");
    let ran = check(&machine, &[]);
    let last = ran.stdout.lines().last().unwrap();
    let sentence =
        "no complete answer within 300ms: is tls = \"implicit\" (smtps:// in MAILX_T_URL) or another port meant?";
    assert!(ran.status == Some(78) && last.starts_with("FAIL  ") && last.ends_with(sentence), "{ran:?}");
}

#[test]
fn refused_login_of_a_well_known_provider_names_what_it_wants() {
    let refusal = "535 Login Fail. Please enter your authorization code to login.";
    let machine = Machine::with(knowing_us().on(Point::Auth, Act::reply(refusal)), "");
    let ran = check(&machine, &[]);
    assert!(ran.stdout.contains("check user and password-file: it wants an authorization code"), "{ran:?}");
}

#[test]
fn json_is_one_object_a_line_from_both_programs() {
    let machine = Machine::with(knowing_us().on(Point::Auth, Act::reply("535 5.7.8 no")), "");
    let ran = check(&machine, &["--json"]);
    let objects = ran.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let states: Vec<_> = objects.map(|object| object["status"].as_str().unwrap().to_owned()).collect();
    assert!(states.len() > 4 && states.last().unwrap() == "fail", "{ran:?}");
}

#[test]
fn tls_is_told_after_starttls_and_as_json_too() {
    let machine = Machine::with(knowing_us().starttls(), "tls = \"starttls\"\n");
    let ran = check(&machine, &["--json"]);
    assert!(ran.stdout.contains("\"TLS (TLSv1.3, TLS_"), "{ran:?}");
}

#[test]
fn log_that_cannot_be_written_is_told_without_the_network_too() {
    let machine = Machine::with(knowing_us(), "");
    let (text, log) = (fs::read_to_string(machine.config()).unwrap(), machine.path("log"));
    let elsewhere = machine.path("none/log");
    fs::write(machine.config(), text.replace(log.to_str().unwrap(), elsewhere.to_str().unwrap())).unwrap();
    let sentence = format!("log {}: {} cannot be reached", elsewhere.display(), machine.path("none").display());
    for form in [&["--offline"][..], &["--json"]] {
        let ran = check(&machine, form);
        assert!(ran.status == Some(78) && ran.stdout.contains(&sentence), "{ran:?}");
    }
    assert_eq!(machine.run("mailx-t", &["ctl", "test"], b"").status, Some(0), "it costs no mail");
}

#[test]
fn files_of_a_token_are_looked_at_offline() {
    let lines = "refresh-token-file = \"/REFRESH\"\nclient-id = \"me\"\nclient-secret-file = \"/SECRET\"\n\
                 token-endpoint = \"https://localhost:1/token\"\n";
    let machine = Machine::with(knowing_us(), lines);
    let (refresh, secret) = (machine.path("refresh"), machine.path("secret"));
    let text = std::fs::read_to_string(machine.config()).unwrap();
    let text = text.replace("/REFRESH", refresh.to_str().unwrap()).replace("/SECRET", secret.to_str().unwrap());
    let text: String =
        text.lines().filter(|line| !line.starts_with("password-file")).map(|line| format!("{line}\n")).collect();
    std::fs::write(machine.config(), text).unwrap();
    for (key, path) in [("refresh-token-file", &refresh), ("client-secret-file", &secret)] {
        let ran = check(&machine, &["--offline"]);
        let sentence = format!("\nFAIL  {key} {}: cannot be opened", path.display());
        assert!(ran.status == Some(78) && ran.stdout.contains(&sentence), "{ran:?}");
        machine.write_password_at(path, PASSWORD);
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let ran = check(&machine, &["--offline"]);
        let sentence = format!("\nFAIL  {key} {}: mode 0644 opens it to every user", path.display());
        assert!(ran.status == Some(78) && ran.stdout.contains(&sentence), "{ran:?}");
        machine.write_password_at(path, PASSWORD);
    }
    let ran = check(&machine, &["--offline"]);
    assert!(ran.status == Some(0) && ran.stdout.contains("refresh token found, not tried"), "{ran:?}");
    assert!(machine.smarthost().connections().is_empty() && !ran.stdout.contains(PASSWORD));
}

#[test]
fn dialogue_is_shown_without_its_secrets() {
    let machine = Machine::with(knowing_us().mechanisms(&["LOGIN"]), "");
    let ran = check(&machine, &["-v"]);
    assert_eq!(ran.status, Some(0));
    assert!(ran.stderr.contains("> AUTH LOGIN\n< 334 ***\n> ***\n< 334 ***\n> ***\n< 235 "), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("> MAIL FROM:<{USER}>\n< 250 ")), "{}", ran.stderr);
    let encoded = openssl::base64::encode_block(PASSWORD.as_bytes());
    assert!(!ran.stderr.contains(&encoded) && !ran.stdout.contains(PASSWORD));
}

#[test]
fn test_mail_is_followed_to_the_answer() {
    let machine = Machine::with(knowing_us(), "");
    let ran = machine.run("mailx-t", &["ctl", "test", "-v"], b"");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains(&format!("kept, to <{DEFAULT}>\n")), "{ran:?}");
    assert!(ran.stdout.contains(&format!(": <{DEFAULT}> sent (250 2.0.0 ok, queued as 1)\n")), "{ran:?}");
    assert!(ran.stderr.contains(" octets)\n") && !ran.stderr.contains(PASSWORD), "{ran:?}");
    let mails = machine.smarthost().mails();
    assert!(mails.len() == 1 && mails[0].header("Subject")[0].starts_with("test of mailx-t on "));
}

#[test]
fn test_mail_that_does_not_leave_is_a_failure() {
    for (act, outcome, status) in [("451 4.3.0 later", "deferred", 75), ("550 5.1.1 nobody", "bounced", 65)] {
        let machine = Machine::with(knowing_us().on(On::at(Point::Rcpt).times(1), Act::reply(act)), "");
        let ran = machine.run("mailx-t", &["ctl", "test", "a@host.example"], b"");
        assert_eq!(ran.status, Some(status), "{ran:?}");
        assert!(ran.stdout.contains(&format!("<a@host.example> {outcome} ({act})")), "{ran:?}");
    }
}

#[test]
fn configuration_for_a_provider_is_made_once() {
    let machine = Machine::with(knowing_us(), "");
    let path = machine.path("new.toml");
    let init = |provider: &str| {
        let config = path.to_string_lossy();
        let door = machine.door("mailx-t", &["ctl", "init", "--provider", provider, "--config", &config]);
        away_from_real_spools(&machine, &door).map(|door| start(door, b"").finish())
    };
    let Some(unknown) = init("nobody") else {
        eprintln!("this machine refuses mounts even to root: nothing was tried");
        return;
    };
    let init = |provider: &str| init(provider).unwrap();
    assert!(unknown.stderr.contains("no provider nobody is known"));
    assert!(!path.exists());
    let made = init("icloud");
    assert!(made.stdout.contains("set user in its [smarthost]; it wants an app-specific password"), "{made:?}");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\n[smarthost]\nhost = \"smtp.mail.me.com\"\ntls = \"starttls\"\n"), "{text}");
    assert!(init("icloud").stdout.contains("set user in its [smarthost]"));
    // Nobody has filled it in, so another provider may take its place.
    assert!(init("gmail").stdout.contains("set user in its [smarthost]"));
    let text = fs::read_to_string(&path).unwrap().replace("mail@example.com", "me@gmail.com");
    assert!(text.contains("host = \"smtp.gmail.com\""), "{text}");
    fs::write(&path, &text).unwrap();
    let kept = init("qq").stdout;
    assert!(kept.contains("is not for smtp.qq.com, and which --provider does not change: remove it first"), "{kept}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn mail_that_nobody_sees_to_has_a_note() {
    let smarthost = knowing_us().on(Point::Rcpt, Act::reply("450 4.2.0 greylisted"));
    let machine = Machine::with(smarthost, "");
    assert_eq!(machine.send(&["a@host.example"], b"Subject: s\n\nx\n").status, Some(0));
    assert_eq!(machine.run("sendmail", &["-q"], b"").status, Some(0));
    let id = machine.queue().into_iter().find(|name| !name.contains('.')).unwrap();
    assert_eq!(machine.run("sendmail", &["-odq", "b@host.example"], b"Subject: s\n\nx\n").status, Some(0));
    let held = machine.queue().into_iter().find(|name| !name.contains('.') && *name != id).unwrap();
    assert_eq!(machine.run("mailx-t", &["ctl", "queue", "hold", &held], b"").status, Some(0));
    let left = machine.path("spool/drop").join("0KCX3T1M2A7Q4ZD");
    fs::write(&left, "x").unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    fs::File::options().write(true).open(&left).unwrap().set_modified(long_ago).unwrap();
    let ran = check(&machine, &["--offline"]);
    for says in [
        "note  queue: 1 mail is held: mailx-t ctl queue release",
        "note  queue: 1 mail waits, the oldest of ",
        "450 4.2.0 greylisted: mailx-t ctl queue show ",
        "note  queue: 1 mail waits in drop/ since ",
        "is mailx-t-relay.path enabled, or /etc/cron.d/mailx-t there?",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
}

#[test]
fn one_cause_is_one_line() {
    let mut machine = Machine::with(knowing_us(), "");
    machine.stop_smarthost();
    assert_eq!(machine.send(&["a@host.example"], b"Subject: s\n\nx\n").status, Some(0));
    assert_eq!(machine.run("sendmail", &["-q"], b"").status, Some(0));
    let ran = check(&machine, &[]);
    let failures: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(failures.len() == 1 && failures[0].contains("; 1 mail waits, the oldest of "), "{failures:#?}");
    assert!(ran.stderr.contains("one thing found wrong"), "{ran:?}");
    fs::remove_dir_all(machine.path("spool")).unwrap();
    let ran = check(&machine, &["--offline"]);
    let failures: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(failures.len() == 1 && failures[0].ends_with("spool is not there: run mailx-t ctl init"), "{failures:#?}");
}

#[test]
fn example_that_nobody_has_filled_in_is_a_failure() {
    let machine = Machine::with(knowing_us(), "");
    let config = fs::read_to_string(machine.config()).unwrap();
    let asked = |text: &str| {
        fs::write(machine.config(), text).unwrap();
        check(&machine, &["--offline"])
    };
    let host = format!("host = \"{}\"", machine.smarthost().host());
    let at_provider = config.replacen(&host, "host = \"smtp.qq.com\"", 1);
    for (text, keys) in [
        (at_provider.replace(USER, "Mail@Example.com"), &["user"][..]),
        (config.replacen("user = ", "user = \"mail@example.com\"           # the account, x\n# ", 1), &["user"]),
        (at_provider.replace(USER, "mail@example.net"), &[]),
        (config.replace(USER, "mail@example.com"), &[]),
    ] {
        let ran = asked(&text);
        let failures = ran.stdout.matches(" is still the example's: write your own").count();
        assert_eq!(failures, keys.len(), "{text}\n{ran:?}");
        let place = machine.config().display().to_string();
        assert!(keys.iter().all(|key| ran.stdout.contains(&format!("FAIL  {key} in {place} is still"))), "{ran:?}");
    }
}

#[test]
fn mail_of_local_names_that_nobody_gets_has_a_note() {
    let machine = Machine::with(knowing_us(), "");
    let text = fs::read_to_string(machine.config()).unwrap();
    let note = "note  no default in [recipients] leads to a person";
    for (default, is_noted) in [("default = \"root\"", true), ("", true), ("default = \"ops@host.example\"", false)] {
        let changed: Vec<&str> =
            text.lines().map(|line| if line.starts_with("default = ") { default } else { line }).collect();
        fs::write(machine.config(), changed.join("\n")).unwrap();
        let ran = check(&machine, &["--offline"]);
        assert_eq!(ran.stdout.contains(note), is_noted, "{default}: {}", ran.stdout);
    }
}

//! `mailx-t ctl import`: the settings that other mailers' settings become. Each folder of `fixtures/import` holds files
//! as people have them, the arguments, and the expected configuration and sentences.
//!
//! `BLESS=1 cargo test --test all golden::import` writes the expected files anew; read the difference before you commit
//! it. Every secret in the folders begins with the same word, which must come out only in a password file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::fixtures::expected;
use lettre::Address;
use mailx_t::config::import::{self, Kind};
use mailx_t::config::{Config, Source};
use proptest::prelude::*;

const SECRET: &str = "hunter2";
const TARGET: &str = "/etc/mailx-t/config.toml";
/// The number of folders; a walk that finds fewer proves nothing.
const FOLDERS: usize = 58;

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir("fixtures/import").unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert_eq!(folders.len(), FOLDERS);
    folders
}

/// Imports the files of a folder, as its arguments say.
fn import(folder: &Path, target: &Path, more: &[&str]) -> Output {
    let arguments = fs::read_to_string(folder.join("arguments")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailx-t"));
    command.args(["ctl", "import", "--config"]).arg(target).args(arguments.lines()).args(more);
    command.current_dir(folder).env_clear().output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn judged(config: &str) -> Config {
    Config::of(Path::new(TARGET), config, Source::System(TARGET.into())).unwrap()
}

/// The hosts that mail leaving as that account goes to.
fn hosts(config: &Config, account: &Address) -> Vec<String> {
    let smarthosts = &config.smarthosts;
    smarthosts.of(Some(account)).into_iter().map(|id| smarthosts[id].host.clone()).collect()
}

#[test]
fn settings_become_the_configuration_expected() {
    for folder in folders() {
        let ran = import(&folder, Path::new(TARGET), &[]);
        assert!(ran.status.success(), "{}: {}", folder.display(), text(&ran.stderr));
        for (name, found) in [("config.toml", &ran.stdout), ("stderr", &ran.stderr)] {
            let path = folder.join(name);
            assert_eq!(text(found), text(&expected(&path, found)), "{}", path.display());
            assert!(!text(found).contains(SECRET), "{}", path.display());
        }
        judged(text(&ran.stdout));
    }
}

/// The tables of a configuration, each with its keys.
fn keys_of(config: &str) -> String {
    let mut tables: Vec<String> = Vec::new();
    for line in config.lines() {
        if line.starts_with('[') {
            tables.push(format!("`{line}`"));
        } else if let (Some(table), Some((key, value))) = (tables.last_mut(), line.split_once(" = ")) {
            let shown = if ["port", "tls"].contains(&key) {
                format!(" {key} {}", value.trim_matches('"'))
            } else {
                format!(" {key}")
            };
            table.push_str(&shown);
        }
    }
    tables.join("; ")
}

#[test]
fn page_lists_each_form_with_what_becomes_of_it() {
    const PAGE: &str = "docs/migrating.md";
    const START: &str = "| form | what stands in it | what becomes of it | sentences |\n|---|---|---|---|\n";
    let mut table = START.to_string();
    for folder in folders() {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap();
        let sentences = read("stderr").lines().filter(|line| !line.contains("the password is not shown")).count();
        let (form, keys) = (read("form"), keys_of(&read("config.toml")));
        table.push_str(&format!("| [{name}](../fixtures/import/{name}) | {} | {keys} | {sentences} |\n", form.trim()));
    }
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(START).expect("the page has the table");
    let behind = rest.split_once("\n\n").map_or("", |(_, behind)| behind);
    let behind = if behind.is_empty() { String::new() } else { format!("\n{behind}") };
    let made = format!("{before}{table}{behind}");
    let is_same = text(&expected(Path::new(PAGE), made.as_bytes())) == made;
    assert!(is_same, "{PAGE} is old: BLESS=1 cargo test --test all golden::import");
}

#[test]
fn passwords_go_to_files_that_others_cannot_read() {
    for folder in folders() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("new/config.toml");
        let ran = import(&folder, &target, &["--write", "--force"]);
        assert!(ran.status.success(), "{}: {}", folder.display(), text(&ran.stderr));
        let written = fs::read_to_string(&target).unwrap();
        assert!(!written.contains(SECRET) && !text(&ran.stderr).contains(SECRET), "{written}");
        for smarthost in judged(&written).smarthosts.iter() {
            let Some(path) = &smarthost.password_file else { continue };
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
            let password = fs::read_to_string(path).unwrap();
            // An empty file is closed before a person puts the password in.
            assert!(password.is_empty() || password.starts_with(SECRET) && password.ends_with('\n'), "{password}");
        }
    }
}

#[test]
fn secret_is_the_one_that_was_written() {
    for (folder, password) in [
        ("msmtp-manual", "hunter2 with \"quotes\" # and blanks\n"),
        ("dma-masquerade", "hunter2:with:colons\n"),
        ("mailrc-s-nail", "hunter2!\n"),
        ("mailrc-settings-and-account", "hunter2 # x\n"),
        ("nullmailer-two-remotes", "hunter2 x\n"),
        ("postfix-generic", "hunter2:x\n"),
        ("ssmtp-comments", "hunter2\n"),
        ("ssmtp-cut-password", "hunter2\n"),
        ("exim-two-smarthosts", "hunter2:x\n"),
        ("dma-comments", "hunter2#x\n"),
        ("msmtp-quotes", "hunter2'\n"),
        ("uci-msmtp", "hunter2 \"x\n"),
        ("esmtp", "hunter2\n"),
        ("nullmailer-quotes", "hunter2 word\n"),
        ("mailrc-source", "hunter2\n"),
    ] {
        let place = tempfile::tempdir().unwrap();
        import(&Path::new("fixtures/import").join(folder), &place.path().join("config.toml"), &["--write"]);
        assert_eq!(fs::read_to_string(place.path().join("password")).unwrap(), password, "{folder}");
    }
}

#[test]
fn each_account_has_the_secret_that_was_its_own() {
    for (folder, sender, password) in [
        ("msmtp-several-senders", "x@shop.example", "hunter2-shop\n"),
        ("ssmtp-revaliases", "www-data", "hunter2\n"),
        ("postfix-sender-dependent", "x@list.example", "hunter2-lists\n"),
        ("postfix-sender-dependent", "root@host.example", "hunter2-host\n"),
        ("postfix-sender-dependent", "second@example.com", "hunter2-second\n"),
        ("mailrc-several-accounts", "me@home.example", "hunter2-home\n"),
    ] {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("config.toml");
        import(&Path::new("fixtures/import").join(folder), &target, &["--write"]);
        let config = judged(&fs::read_to_string(&target).unwrap());
        let theirs = config.smarthosts.iter().find(|smarthost| smarthost.matches(sender)).unwrap();
        let file = theirs.password_file.as_ref().unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), password, "{folder}: {sender}");
    }
}

#[test]
fn first_account_of_msmtp_that_fits_a_sender_has_their_mail() {
    let all = |name: &str| format!("account {name}\nhost a.example\nfrom bob@list.example\nuser bob\n");
    let some = "account list\nhost b.example\nfrom *@list.example\nuser list@list.example\n";
    let (bob, list) = (("bob@list.example", "a.example"), ("list@list.example", "b.example"));
    for (text_of_file, of_bob) in [
        (format!("{}{some}", all("default")), bob),
        (format!("{}{some}account default : private\n", all("private")), bob),
        (format!("{some}{}", all("default")), list),
    ] {
        let place = tempfile::tempdir().unwrap();
        for (name, text) in [("msmtprc", text_of_file.as_str()), ("arguments", "msmtprc")] {
            fs::write(place.path().join(name), text).unwrap();
        }
        let ran = import(place.path(), Path::new(TARGET), &[]);
        let config = judged(text(&ran.stdout));
        for (sender, (account, host)) in [("Bob@list.example", of_bob), ("eve@list.example", list), ("root", bob)] {
            let found = config.account_of(sender);
            let hosts = hosts(&config, &found);
            let expected = (account, vec![host.to_string()]);
            assert_eq!((found.to_string().as_str(), hosts), expected, "{sender}: {}", text(&ran.stdout));
        }
    }
}

#[test]
fn pattern_of_msmtp_is_no_address_to_send_from() {
    let place = tempfile::tempdir().unwrap();
    let settings = "account default\nhost a.example\nfrom *@list.example\nuser me@a.example\n";
    for (name, text) in [("msmtprc", settings), ("arguments", "msmtprc")] {
        fs::write(place.path().join(name), text).unwrap();
    }
    let ran = import(place.path(), Path::new(TARGET), &[]);
    let config = judged(text(&ran.stdout));
    assert_eq!((config.rewrite.from.as_ref(), config.account.to_string().as_str()), (None, "me@a.example"));
    assert!(text(&ran.stderr).contains("msmtprc:3: from is left out: it stands for many senders"), "{ran:?}");
}

#[test]
fn whole_sender_address_of_postfix_comes_before_its_domain_wherever_it_stands() {
    let place = tempfile::tempdir().unwrap();
    let main = "relayhost = [a.example]:587\nsmtp_tls_security_level = secure\n\
                smtp_sender_dependent_authentication = yes\n\
                sender_dependent_relayhost_maps = hash:/etc/postfix/hubs\n\
                smtp_sasl_password_maps = hash:/etc/postfix/logins\n";
    let hubs = "@list.example [b.example]:587\nann@list.example [c.example]:587\n";
    let logins = "[a.example]:587 all@a.example:hunter2\n@list.example list@list.example:hunter2-list\n\
                  bob@list.example bob@list.example:hunter2-bob\nann@list.example ann@list.example:hunter2-ann\n";
    for (name, text) in [("main.cf", main), ("hubs", hubs), ("logins", logins), ("arguments", "main.cf")] {
        fs::write(place.path().join(name), text).unwrap();
    }
    let ran = import(place.path(), Path::new(TARGET), &[]);
    let config = judged(text(&ran.stdout));
    for (sender, account, host) in [
        ("bob@list.example", "bob@list.example", "b.example"),
        ("ann@list.example", "ann@list.example", "c.example"),
        ("eve@list.example", "list@list.example", "b.example"),
        ("eve@a.example", "all@a.example", "a.example"),
    ] {
        let found = config.account_of(sender);
        let hosts = hosts(&config, &found);
        assert_eq!((found.to_string().as_str(), hosts), (account, vec![host.to_string()]), "{}", text(&ran.stdout));
    }
}

#[test]
fn nothing_that_counts_is_replaced_unasked() {
    let place = tempfile::tempdir().unwrap();
    let (target, password) = (place.path().join("config.toml"), place.path().join("password"));
    let folder = Path::new("fixtures/import/ssmtp-gmail");
    // The file that ctl init makes holds no settings yet.
    fs::write(&target, include_str!("../../packaging/config.toml")).unwrap();
    fs::write(&password, "").unwrap();
    assert!(import(folder, &target, &["--write"]).status.success());
    let written = fs::read(&target).unwrap();
    for standing in [&target, &password] {
        fs::write(&target, include_str!("../../packaging/config.toml")).unwrap();
        fs::write(&password, "").unwrap();
        fs::write(standing, "mine\n").unwrap();
        let ran = import(folder, &target, &["--write"]);
        let sentence = format!("mailx-t: {} exists: --force replaces it\n", standing.display());
        assert_eq!(ran.status.code(), Some(73));
        assert!(text(&ran.stderr).ends_with(&sentence), "{}", text(&ran.stderr));
        assert_eq!(fs::read(standing).unwrap(), b"mine\n");
    }
    assert!(import(folder, &target, &["--write", "--force"]).status.success());
    assert_eq!(fs::read(&target).unwrap(), written);
    let names: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn what_makes_no_configuration_says_what_is_missing() {
    let place = tempfile::tempdir().unwrap();
    let import = |name: &str, text: &str, more: &[&str]| {
        fs::write(place.path().join(name), text).unwrap();
        fs::write(place.path().join("arguments"), name).unwrap();
        let ran = import(place.path(), Path::new(TARGET), more);
        assert!(ran.stdout.is_empty());
        (ran.status.code(), self::text(&ran.stderr).to_string())
    };
    let (status, sentence) = import("ssmtp.conf", "mailhub=mail\n", &[]);
    assert!(status == Some(65) && sentence.contains("say --sender ADDRESS"), "{sentence}");
    let (status, sentence) = import("main.cf", "relayhost =\n", &[]);
    assert!(status == Some(65) && sentence.contains("it names no smarthost"), "{sentence}");
    let (status, sentence) = import("settings", "what is this\n", &[]);
    assert!(status == Some(65) && sentence.contains("say --from KIND"), "{sentence}");
    fs::write(place.path().join("arguments"), "missing.conf").unwrap();
    let ran = self::import(place.path(), Path::new(TARGET), &[]);
    assert_eq!(ran.status.code(), Some(66), "{}", text(&ran.stderr));
    let (status, sentence) = import("settings", "", &["--from", "fetchmail"]);
    assert!(status == Some(64) && sentence.contains("known are dma, esmtp, exim, mailrc"), "{sentence}");
    let (status, sentence) = import("msmtprc", "host a b\nfrom x@y.org\n", &[]);
    assert!(status == Some(65) && sentence.contains("it makes no configuration"), "{sentence}");
}

#[test]
fn login_that_did_not_come_out_is_said_last_and_nothing_is_written() {
    for folder in
        ["postfix-database-only", "postfix-other-host", "exim-no-fitting-login", "msmtp-no-user", "mailrc-no-user"]
    {
        let folder = Path::new("fixtures/import").join(folder);
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("config.toml");
        let ran = import(&folder, &target, &["--write"]);
        let last = text(&ran.stderr).lines().last().unwrap_or_default();
        assert!(last.contains("logs in, and no login was found: nothing is written: --force"), "{last}");
        assert_eq!((ran.status.code(), fs::read_dir(place.path()).unwrap().count()), (Some(65), 0), "{last}");
        for more in [&["--write", "--force"][..], &[]] {
            let ran = import(&folder, &target, more);
            let last = text(&ran.stderr).lines().last().unwrap_or_default();
            assert!(ran.status.success() && last.ends_with("no login was found: the configuration has none"), "{last}");
        }
    }
}

#[test]
fn password_file_is_closed_before_a_person_puts_the_password_in() {
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("config.toml");
    let ran = import(Path::new("fixtures/import/msmtp-keyring"), &target, &["--write"]);
    let password = place.path().join("password");
    assert_eq!(fs::metadata(&password).unwrap().permissions().mode() & 0o777, 0o600, "{}", text(&ran.stderr));
    let line = format!(": gpg -dq ~/.authinfo.gpg >{}\n", password.display());
    assert!(text(&ran.stderr).contains(&line), "{}", text(&ran.stderr));
}

#[test]
fn line_that_is_told_for_a_command_prints_the_password_and_shows_it_nowhere() {
    for command in ["\"echo 'hunter2' | tr -d '\\n'\"", "bash -c 'echo hunter2'", "\"printf 'hunter%s' 2\""] {
        let place = tempfile::tempdir().unwrap();
        let settings = format!("host a.example\nauth on\nuser me@a.example\n  passwordeval   {command}\n");
        for (name, text) in [("it's msmtprc", settings.as_str()), ("arguments", "it's msmtprc\n--from\nmsmtp")] {
            fs::write(place.path().join(name), text).unwrap();
        }
        let target = place.path().join("new/config.toml");
        let ran = import(place.path(), &target, &["--write"]);
        let told = text(&ran.stderr);
        assert!(!told.contains(SECRET), "{told}");
        let line = told.lines().find_map(|line| line.split_once("password-file ")?.1.split_once(": ")).unwrap().1;
        assert!(Command::new("sh").arg("-c").arg(line).status().unwrap().success(), "{line}");
        let password = fs::read_to_string(place.path().join("new/password")).unwrap();
        assert_eq!(password.trim_end(), SECRET, "{line}");
    }
}

#[test]
fn directory_is_searched_for_settings() {
    let place = tempfile::tempdir().unwrap();
    let find = |more: &[&str]| {
        fs::write(place.path().join("arguments"), ["."].iter().chain(more).copied().collect::<Vec<_>>().join("\n"))
            .unwrap();
        let ran = import(place.path(), Path::new(TARGET), &[]);
        (ran.status.code(), text(&ran.stderr).to_string() + text(&ran.stdout))
    };
    let (status, told) = find(&[]);
    assert!(status == Some(66) && told.contains("known are dma, esmtp, exim"), "{told}");
    fs::create_dir_all(place.path().join("postfix")).unwrap();
    fs::write(place.path().join("postfix/main.cf"), "relayhost = [a.example]\n").unwrap();
    let (status, told) = find(&["--sender", "me@a.example"]);
    assert!(status == Some(0) && told.contains("host = \"a.example\""), "{told}");
    fs::write(place.path().join("msmtprc"), "host b.example\nfrom me@b.example\n").unwrap();
    let (status, told) = find(&[]);
    assert!(
        status == Some(65) && told.contains("name the one that mail leaves by: ./msmtprc, ./postfix/main.cf"),
        "{told}"
    );
    let (status, told) = find(&["--from", "msmtp"]);
    assert!(status == Some(0) && told.contains("host = \"b.example\""), "{told}");
    fs::rename(place.path().join("msmtprc"), place.path().join("config")).unwrap();
    let (status, told) = find(&["--from", "msmtp"]);
    assert!(status == Some(0) && told.contains("host = \"b.example\""), "{told}");
}

#[test]
fn file_of_a_mailer_that_is_not_read_is_named_with_what_to_do() {
    for (name, settings, expected) in [
        (
            "smtpd.conf",
            "action \"out\" relay host smtp+tls://me@a.example:587 auth <secrets>\n",
            "it is OpenSMTPD's settings",
        ),
        (
            "mail.conf",
            "match for any action \"out\"\naction \"out\" relay host smtps://a.example\n",
            "it is OpenSMTPD's settings",
        ),
        ("sendmail.mc", "define(`SMART_HOST',`[a.example]')dnl\n", "SMART_HOST is host of [smarthost]"),
        ("config.mc", "FEATURE(`authinfo',`hash -o /etc/mail/authinfo.db')dnl\n", "it is a file of sendmail"),
        ("exim4.conf.localmacros", "MAIN_TLS_ENABLE = 1\n", "update-exim4.conf.conf"),
        ("my.conf", "  driver = manualroute\n  route_list = * a.example\n", "it is Exim's own settings"),
        (".muttrc", "set smtp_url = \"smtps://me@a.example\"\nset smtp_pass = \"hunter2\"\n", "it is mutt's settings"),
        ("sasl_passwd", "[a.example]:587 me:hunter2\n", "import the settings that it belongs to"),
        ("master.cf", "smtp inet n - y - - smtpd\n", "import main.cf"),
    ] {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join(name), settings).unwrap();
        fs::write(place.path().join("arguments"), name).unwrap();
        let ran = import(place.path(), Path::new(TARGET), &[]);
        let told = text(&ran.stderr);
        assert!(ran.status.code() == Some(65) && told.contains("is not read: it is"), "{told}");
        assert!(told.contains(expected) && !told.contains(SECRET), "{told}");
    }
}

const KINDS: [&str; 9] = ["dma", "esmtp", "exim", "mailrc", "msmtp", "nullmailer", "postfix", "ssmtp", "uci"];

/// Words of all kinds, from which lines are made at random.
const WORDS: [&str; 33] = [
    "SMARTHOST",
    "host ",
    "mailhub=",
    "set smtp=smtps://",
    "set mta=",
    "relayhost =",
    "dc_smarthost='",
    "a.org",
    "a.org:25",
    " smtp",
    " --user=",
    " --ssl",
    "tls on",
    "auth ",
    "from ",
    "set from=",
    "x@a.org",
    "AuthUser=",
    "account default",
    "defaults",
    " ",
    "=",
    "\"",
    "'",
    "\\",
    "{",
    "}",
    "${",
    ":",
    "@",
    "[",
    "\u{e9}",
    "\0",
];

/// Whole lines, some with a secret in its place.
const LINES: [&str; 35] = [
    "SMARTHOST a.org",
    "SECURETRANSFER",
    "host a.org",
    "user x@a.org",
    "password hunter2",
    "passwordeval echo hunter2",
    "passwordeval bash -c 'echo hunter2'",
    "passwordeval \"echo hunter2 | tr -d x\"",
    "passwordeval /usr/bin/decrypt --key hunter2",
    "passwordeval gpg --passphrase hunter2 -d /etc/pw.gpg",
    "set socks-proxy=socks5://x:hunter2@127.0.0.1:1080",
    "proxy_host x:hunter2@127.0.0.1",
    "username = \"x@a.org\"",
    "hostname = a.org:587",
    "config msmtp 'default'",
    "\toption password 'hunter2'",
    "tls on",
    "tls_certcheck off",
    "account default",
    "account b",
    "mailhub=a.org:465",
    "UseTLS=YES",
    "AuthUser=x@a.org",
    "AuthPass=hunter2",
    "set smtp=smtps://a.org from=x@a.org",
    "set mta=smtps://x%40a.org:hunter2@a.org",
    "set smtp-auth-user=x@a.org smtp-auth-password=hunter2 ssl-verify=ignore",
    "account c {",
    "}",
    "a.org smtp --user=x@a.org --pass=hunter2 --insecure",
    "relayhost = [a.org]:587",
    "smtp_tls_security_level = may",
    "smtp_sasl_password_maps = static:x@a.org:hunter2",
    "dc_smarthost='a.org::587'",
    "dc_readhost='a.org'",
];

/// The output: the configuration, if there is one, and the sentences.
fn made(kind: &str, text: &str, sender: Option<&str>) -> (Option<String>, Vec<String>) {
    let mut imported = import::of_text(Kind::from_name(kind).unwrap(), text);
    if let Some(sender) = sender {
        imported.send_as(&sender.parse().unwrap());
    }
    let written = import::write(&mut imported, Path::new(TARGET));
    let mut sentences = imported.notes();
    let config = written.map_err(|error| sentences.push(error.to_string())).ok().map(|written| written.config);
    (config, sentences)
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_a_sentence(
        lines in prop::collection::vec(prop_oneof![
            4 => prop::collection::vec(prop::sample::select(&WORDS[..]), 0..5).prop_map(|words| words.concat()),
            1 => any::<String>(),
        ], 0..8),
        has_sender in any::<bool>(),
    ) {
        for kind in KINDS {
            let (config, sentences) = made(kind, &lines.join("\n"), has_sender.then_some("x@a.org"));
            config.iter().for_each(|config| drop(judged(config)));
            prop_assert!(sentences.iter().all(|sentence| !sentence.contains(|c: char| c.is_control())));
        }
    }

    #[test]
    fn no_secret_is_told_whichever_mailer_a_line_was_for(lines in prop::collection::vec(prop::sample::select(&LINES[..]), 0..8)) {
        for kind in KINDS {
            let (config, sentences) = made(kind, &lines.join("\n"), Some("x@a.org"));
            prop_assert!(!sentences.iter().chain(&config).any(|told| told.contains(SECRET)), "{kind}: {config:?} {sentences:?}");
        }
    }
}

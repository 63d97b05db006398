//! Settings that are read, settings that are refused, and the words of the refusals.

use std::fs;

use super::*;

fn load(text: &str) -> Result<Config, String> {
    let path = Path::new("/etc/mailx-t/config.toml");
    Config::of(path, text, Source::System(path.to_path_buf())).map_err(|error| error.to_string())
}

const MINIMAL: &str = "[smarthost]\nhost = \"smtp.example.com\"\nuser = \"me@example.com\"\npassword-file = \"/p\"\n";

#[test]
fn minimal_file_has_the_defaults_of_the_manual() {
    let config = load(MINIMAL).unwrap();
    assert_eq!(config.smarthosts.first().port(), 465);
    assert_eq!(config.account.to_string(), "me@example.com");
    assert_eq!(config.spool_path(), Path::new("/var/spool/mailx-t"));
    assert_eq!(config.spool.max_message_size.as_u64(), 25 << 20);
    assert_eq!(config.recipients.aliases_file, Path::new("/etc/aliases"));
    assert_eq!(config.retry.give_up_after.as_secs(), 5 * 86_400);
}

#[test]
fn several_smarthosts_keep_their_order() {
    let text = "[[smarthost]]\nhost = \"a.org\"\nuser = \"x@a.org\"\n[[smarthost]]\nhost = \"b.org\"\n";
    let hosts: Vec<String> = load(text).unwrap().smarthosts.iter().map(|s| s.host.clone()).collect();
    assert_eq!(hosts, ["a.org", "b.org"]);
}

#[test]
fn sender_may_have_a_smarthost_and_an_account_of_their_own() {
    let text = "[[smarthost]]\nhost = \"a.org\"\nuser = \"x@a.org\"\n\
                [[smarthost]]\nhost = \"b.org\"\nuser = \"y@b.org\"\nmatch-from = [\"*@b.org\", \"www-data\"]\n\
                [[smarthost]]\nhost = \"c.org\"\nuser = \"x@a.org\"\n";
    let config = load(text).unwrap();
    let smarthosts = &config.smarthosts;
    let hosts = |sender: &str| {
        let account = config.account_of(sender);
        let hosts: Vec<_> = smarthosts.of(Some(&account)).iter().map(|id| smarthosts[*id].host.clone()).collect();
        (account.to_string(), hosts.join(" "))
    };
    assert_eq!(hosts("root"), ("x@a.org".into(), "a.org c.org".into()));
    assert_eq!(hosts("shop@b.org"), ("y@b.org".into(), "b.org".into()));
    assert_eq!(hosts("www-data"), ("y@b.org".into(), "b.org".into()));
    let reports: Vec<_> = smarthosts.of(None).iter().map(|id| smarthosts[*id].host.clone()).collect();
    assert_eq!(reports, ["a.org", "c.org"]);
    let nobody = load(&text.replace("y@b.org", "y")).unwrap_err();
    assert!(nobody.contains("smarthost b.org:465 has match-from and no account"), "{nobody}");
}

#[test]
fn every_key_of_the_manual_is_known() {
    let text = r#"
        [smarthost]
        host = "smtp.example.com"
        port = 465
        tls = "implicit"
        user = "mail@example.com"
        password-file = "/etc/mailx-t/password"
        auth = "auto"
        ca-file = "/x"
        connect-timeout = "10s"
        timeout = "5m"
        [rewrite]
        from = "mail@example.com"
        domain = "example.com"
        [recipients]
        default = "ops@example.com"
        aliases-file = "/etc/aliases"
        [recipients.aliases]
        root = ["ops@example.com"]
        www-data = "ops@example.com, dev@example.com"
        [spool]
        path = "/var/spool/mailx-t"
        max-message-size = "25 MiB"
        wait = "10s"
        [retry]
        first = "1m"
        max = "3h"
        give-up-after = "5d"
        [log]
        target = "syslog"
        format = "postfix"
        [alarm]
        command = "logger -t mail-alarm"
    "#;
    let config = load(text).unwrap();
    assert_eq!(config.recipients.aliases["www-data"].list().len(), 2);
}

#[test]
fn misspelt_key_is_named_with_its_place_and_the_nearest_key() {
    let error = load(&MINIMAL.replace("password-file", "pasword-file")).unwrap_err();
    assert_eq!(error, "/etc/mailx-t/config.toml:4:1: unknown key \"pasword-file\": did you mean \"password-file\"?");
    let error = load(&format!("{MINIMAL}[rewirte]\n")).unwrap_err();
    assert!(error.ends_with("5:2: unknown key \"rewirte\": did you mean \"rewrite\"?"), "{error}");
}

#[test]
fn no_error_quotes_what_could_be_a_secret() {
    for line in [
        "password = \"hunter2\" x",
        "password = hunter2",
        "password = [\"hunter2\"]",
        "port = \"hunter2\"",
        "auth = \"hunter2\"",
        "timeout = \"hunter2\"",
        "password = \"hunter2",
        "fingerprint = \"hunter2\"",
        "password-file = { hunter2 = 1 }",
    ] {
        let error = load(&format!("{MINIMAL}{line}\n")).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains("config.toml:5:"), "{error}");
    }
}

#[test]
fn file_with_a_password_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    let spool = directory.path().display();
    let text = "[smarthost]\nhost = \"a\"\nuser = \"u@x.org\"\npassword = \"p\"\n";
    fs::write(&path, format!("{text}[spool]\npath = \"{spool}\"\n")).unwrap();
    for source in [Source::User(path.clone()), Source::System(path.clone())] {
        for (mode, is_fine) in
            [(0o600, true), (0o400, true), (0o640, false), (0o660, false), (0o670, false), (0o604, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Config::load(source.clone()).err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(error.is_empty(), is_fine, "{mode:o}: {error}");
            let cure = if mode & 0o020 != 0 { ": chmod go-w it" } else { ": chmod 600 it, or " };
            assert!(is_fine || error.contains(cure), "{error}");
        }
    }
}

#[test]
fn recipients_that_are_none_are_refused() {
    for (lines, word) in [
        ("[recipients]\ndefault = \"not an address\"", "default"),
        ("[recipients]\ndefault = []", "default"),
        ("[recipients]\ndefault = [\"ops@x.org\", \"bad addr@x y\"]", "default"),
        ("[recipients.aliases]\nroot = \"|cat\"", "alias root"),
        ("[recipients.aliases]\nroot = \"/etc/x\"", "alias root"),
        ("[spool]\npath = \"relative\"", "absolute"),
    ] {
        let error = load(&format!("{MINIMAL}{lines}\n")).unwrap_err();
        assert!(error.contains(word), "{lines}: {error}");
    }
    for lines in ["[recipients]\ndefault = \"root\"", "[recipients.aliases]\nroot = [\"ops\", \"Al <al@x.org>\"]"] {
        assert!(load(&format!("{MINIMAL}{lines}\n")).is_ok(), "{lines}");
    }
}

#[test]
fn file_is_named_by_an_absolute_path_and_what_is_none_is_not_quoted() {
    for key in ["refresh-token-file", "client-secret-file", "ca-file", "client-cert", "client-key"] {
        let error = load(&format!("{MINIMAL}{key} = \"S3KRET9\"\n")).unwrap_err();
        assert!(error.contains("absolute path") && !error.contains("S3KRET9"), "{error}");
    }
    let error = load(&MINIMAL.replace("/p", "S3KRET9")).unwrap_err();
    assert!(error.contains("absolute path") && !error.contains("S3KRET9"), "{error}");
}

#[test]
fn domain_of_local_names_can_stand_in_an_address() {
    for domain in ["@x.org", "a b", "", "x..y", "x.org\\r\\nRCPT"] {
        let error = load(&format!("{MINIMAL}[rewrite]\ndomain = \"{domain}\"\n")).unwrap_err();
        assert!(error.contains("such as"), "{domain}: {error}");
    }
    assert!(load(&format!("{MINIMAL}[rewrite]\ndomain = \"x.org\"\n")).is_ok());
}

#[test]
fn sender_of_a_further_smarthost_that_would_not_count_is_refused() {
    let further = "[[smarthost]]\nhost = \"b.org\"\nuser = \"two@b.org\"\nfrom = \"two@b.org\"\n";
    let first = MINIMAL.replace("[smarthost]", "[[smarthost]]");
    let error = load(&format!("{first}{further}")).unwrap_err();
    assert!(error.contains("leaves as me@example.com: leave from out, or add match-from"), "{error}");
    assert!(load(&format!("{first}{}", further.replace("from = \"two@b.org\"\n", ""))).is_ok());
}

#[test]
fn only_the_machines_own_file_speaks_for_the_machine() {
    let error = |path: &str| Config::of(Path::new(path), "x = 1", Source::System(path.into())).unwrap_err();
    assert!(error("/etc/mailx-t/config.toml").is_of_machine());
    assert!(!error("/home/joe/config.toml").is_of_machine());
    assert!(!super::Error::from(WrongEnvironment::From).is_of_machine());
}

#[test]
fn missing_parts_are_named() {
    assert!(load("").unwrap_err().contains("there is no [smarthost]"));
    assert!(load("[smarthost]\nhost = \"a.org\"\nuser = \"login\"\n").unwrap_err().contains("set from in [rewrite]"));
    assert!(load("[smarthost]\nuser = \"x@a.org\"\n").unwrap_err().contains("host"));
}

#[test]
fn mail_has_some_size() {
    let refused = load(&format!("{MINIMAL}[spool]\nmax-message-size = 0\n")).unwrap_err();
    assert!(refused.contains("max-message-size in [spool] is 0"), "{refused}");
}

#[test]
fn senders_of_their_own_need_an_account_of_their_own() {
    let text = "[[smarthost]]\nhost = \"a.org\"\nuser = \"x@a.org\"\nmatch-from = [\"*@a.org\"]\n\
                [[smarthost]]\nhost = \"b.org\"\nuser = \"x@a.org\"\n";
    let refused = load(text).unwrap_err();
    assert!(refused.contains("match-from and the account x@a.org, which others have too"), "{refused}");
    let config = load(&text.replace("b.org\"\nuser = \"x@a.org", "b.org\"\nuser = \"y@b.org")).unwrap();
    assert_eq!(config.account_of("root").to_string(), "y@b.org", "the first that is for all");
}

/// The fault in the lines, which follow those of the smarthost: the place and the sentence.
fn wrong(lines: &str) -> String {
    let error = load(&format!("{MINIMAL}{lines}\n")).unwrap_err();
    error.strip_prefix("/etc/mailx-t/config.toml:").unwrap_or(&error).to_string()
}

#[test]
fn value_of_the_wrong_form_is_told_by_its_key_and_the_form_expected() {
    for (lines, told) in [
        ("port = \"x\"", "5:8: port: expected a number from 1 to 65535"),
        ("port = 0", "5:8: port: expected a number from 1 to 65535"),
        ("port = 99999999999999999999999", "5:8: port: expected a number from 1 to 65535"),
        ("pipelining = \"yes\"", "5:14: pipelining: expected true or false, without quotes"),
        ("max-connections = 0", "5:19: max-connections: expected a number from 1 to 255"),
        ("per-day = -1", "5:11: per-day: expected a number from 1 on"),
        ("tls = 5", "5:7: tls: expected a word in quotes, such as \"implicit\""),
        ("tls = \"x\"", "5:7: tls: expected one of \"implicit\", \"none\", \"starttls\""),
        ("from = \"x\"", "5:8: from: expected a mail address in quotes, such as \"me@example.com\""),
        ("from = {}", "5:8: from: expected a mail address in quotes, such as \"me@example.com\""),
        ("source-address = \"x\"", "5:18: source-address: expected an IP address in quotes"),
        ("match-from = \"x\"", "5:14: match-from: expected a list of texts, such as [\"*@example.com\", \"www-data\"]"),
        (
            "timeout = 5",
            "5:11: timeout: expected a length of time in quotes, such as \"10s\", \"5m\", \"3h\" or \"5d\"",
        ),
        ("timeout = \"0s\"", "5:11: timeout: expected a length of time above zero"),
        ("[spool]\nmax-message-size = \"x\"", "6:20: max-message-size: expected a size in quotes, such as \"25 MiB\""),
        ("[recipients.aliases]\nport = 5", "6:8: aliases: expected an address or a list of addresses"),
        ("[[rewrite]]", "5:1: rewrite: expected a table: [rewrite] on a line of its own, and its keys below"),
        ("user = x@y", "5:8: a text has to stand in quotes"),
    ] {
        assert_eq!(wrong(lines), told);
    }
}

#[test]
fn what_is_set_twice_is_told_by_its_name() {
    let several = "there is a smarthost already: where there are several, write [[smarthost]] above each of them";
    for (lines, told) in [
        ("[smarthost]\nhost = \"b.org\"", format!("5:2: {several}")),
        ("[[smarthost]]\nhost = \"b.org\"", format!("5:3: {several}")),
        ("host = \"b.org\"", "5:1: host is set twice".to_string()),
        ("[spool]\n[log]\n[spool]", "7:2: the table spool is there twice: put its keys together".to_string()),
        (
            "[recipients.aliases]\nhunter2 = \"a@x.org\"\nhunter2 = \"b@x.org\"",
            "7:1: this key is set twice".to_string(),
        ),
    ] {
        assert_eq!(wrong(lines), told);
    }
}

#[test]
fn every_key_has_a_form_and_no_other_has() {
    let known = |lines: &str| {
        let told = wrong(&format!("{lines}zzz = 1"));
        let list = told.split_once("known here are ").unwrap().1;
        list.split(", ").map(|key| key.trim_matches('"').to_string()).collect::<Vec<_>>()
    };
    let top = load("zzz = 1").unwrap_err();
    let mut keys: Vec<String> = top.split('"').skip(3).step_by(2).map(str::to_string).collect();
    let sections = keys.iter().filter(|section| *section != "smarthost").cloned().collect::<Vec<_>>();
    keys.extend(known(""));
    keys.extend(sections.iter().flat_map(|section| match section.as_str() {
        "alarm" => vec!["command".to_string()],
        section => known(&format!("[{section}]\n")),
    }));
    keys.sort();
    keys.dedup();
    let forms: Vec<&str> = form::FORMS.iter().map(|(key, _)| *key).collect();
    let formless: Vec<&String> = keys.iter().filter(|key| !forms.contains(&key.as_str())).collect();
    let unknown: Vec<&&str> = forms.iter().filter(|form| !keys.iter().any(|key| key == *form)).collect();
    assert!(formless.is_empty() && unknown.is_empty(), "keys without a form: {formless:?}; no keys: {unknown:?}");
    assert!(forms.is_sorted(), "config/form.rs is not in alphabetical order");
}

//! Logging in: each mechanism with the real programs, the order in which they give way to each other, and the sources
//! of tokens.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::smarthost::{Act, On, Point, Smarthost, Tokens};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, USER};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";

fn knowing_us(mechanisms: &[&str]) -> Smarthost {
    Smarthost::new().account(USER, PASSWORD).mechanisms(mechanisms)
}

/// Sends a mail and returns the AUTH lines of the dialogue, without the secrets.
fn delivered_by(machine: &Machine) -> Vec<String> {
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", machine.log());
    assert_eq!(machine.smarthost().mails().len(), 1, "{}", machine.log());
    auths(machine)
}

fn auths(machine: &Machine) -> Vec<String> {
    let commands = machine.smarthost().connections().into_iter().flat_map(|connection| connection.commands);
    let auths = commands.filter_map(|line| Some(line.strip_prefix("AUTH ")?.trim_end_matches(" ***").to_owned()));
    auths.collect()
}

#[test]
fn every_mechanism_logs_in() {
    for name in ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"] {
        let machine = Machine::with(knowing_us(&[name]), "");
        assert_eq!(delivered_by(&machine), [name]);
    }
    for name in ["XOAUTH2", "OAUTHBEARER"] {
        let lines = format!("auth = \"{}\"\n", name.to_lowercase());
        assert_eq!(delivered_by(&Machine::with(knowing_us(&[name]), &lines)), [name]);
    }
}

#[test]
fn best_mechanism_is_taken_and_its_refusal_is_not_the_end() {
    let offered = ["LOGIN", "PLAIN", "CRAM-MD5", "SCRAM-SHA-256"];
    assert_eq!(delivered_by(&Machine::with(knowing_us(&offered), "")), ["SCRAM-SHA-256"]);
    let without = knowing_us(&offered).on(On::at(Point::Auth).times(1), Act::reply("535 5.7.8 no scheme for that"));
    assert_eq!(delivered_by(&Machine::with(without, "")), ["SCRAM-SHA-256", "PLAIN"]);
}

#[test]
fn wrong_password_is_shown_once_for_each_family_and_in_no_sentence() {
    let machine = Machine::with(knowing_us(&["LOGIN", "PLAIN", "CRAM-MD5", "SCRAM-SHA-256"]), "");
    machine.write_password("geheim");
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!(ran.status, Some(0));
    assert!(ran.stderr.contains("refused (535 5.7.8 username and password not accepted): check user"), "{ran:?}");
    assert!(!ran.stderr.contains("geheim") && !machine.log().contains("geheim"));
    assert_eq!(auths(&machine), ["SCRAM-SHA-256", "PLAIN"]);
}

/// The same machine with other lines about the secret in its `[smarthost]`.
fn with_secret(machine: Machine, lines: &str) -> Machine {
    let text = std::fs::read_to_string(machine.config()).unwrap();
    let is_kept = |line: &&str| !line.starts_with("password-file");
    let text: Vec<_> = text.lines().filter(is_kept).collect();
    let text = text.join("\n").replacen("\n[recipients]", &format!("{lines}\n[recipients]"), 1);
    std::fs::write(machine.config(), text).unwrap();
    machine
}

#[test]
fn token_of_a_command_logs_in() {
    let machine = Machine::with(knowing_us(&["PLAIN", "XOAUTH2", "OAUTHBEARER"]), "");
    let command = format!("token-command = \"cat '{}'\"\n", machine.path("password").display());
    assert_eq!(delivered_by(&with_secret(machine, &command)), ["OAUTHBEARER"]);
}

const REFRESH: &str = "refresh-me-please";

/// A machine that gets its tokens from `tokens`; the smarthost takes the token `PASSWORD`.
fn with_grant(smarthost: Smarthost, tokens: &Tokens) -> Machine {
    let machine = Machine::with(smarthost, "");
    let path = machine.path("refresh");
    std::fs::write(&path, format!("{REFRESH}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let (path, url) = (path.display(), tokens.url());
    with_secret(machine, &format!("refresh-token-file = \"{path}\"\nclient-id = \"us\"\ntoken-endpoint = \"{url}\"\n"))
}

/// The files in which tokens are kept.
fn kept(machine: &Machine) -> Vec<PathBuf> {
    machine.spool_files().into_iter().filter(|path| path.to_string_lossy().contains("relay.token-")).collect()
}

fn given(token: &str) -> String {
    format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600,"refresh_token":"second"}}"#)
}

#[test]
fn token_of_the_endpoint_is_kept_until_it_expires() {
    let tokens = Tokens::start(&[(200, &given(PASSWORD))]);
    let machine = with_grant(knowing_us(&["XOAUTH2", "PLAIN"]), &tokens);
    for _ in 0..2 {
        assert_eq!(machine.send(&["a@host.example"], MAIL).status, Some(0));
    }
    assert_eq!(auths(&machine), ["XOAUTH2", "XOAUTH2"]);
    assert_eq!(tokens.forms(), ["grant_type=refresh_token&refresh_token=refresh-me-please&client_id=us"]);
    let kept = kept(&machine);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!machine.log().contains(PASSWORD) && !machine.log().contains(REFRESH));
}

#[test]
fn kept_token_that_is_refused_is_renewed_once() {
    let tokens = Tokens::start(&[(200, &given(PASSWORD))]);
    let revoked = On::at(Point::Auth).skip(1).times(1);
    let machine = with_grant(knowing_us(&["OAUTHBEARER"]).on(revoked, Act::reply("535 5.7.8 revoked")), &tokens);
    for _ in 0..2 {
        assert_eq!(machine.send(&["a@host.example"], MAIL).status, Some(0));
    }
    assert_eq!(machine.smarthost().mails().len(), 2, "{}", machine.log());
    assert_eq!(auths(&machine).len(), 3);
    let forms = tokens.forms();
    assert!(forms.len() == 2 && forms[1].contains("refresh_token=second&"), "the rotated one: {forms:?}");
}

#[test]
fn new_token_that_is_refused_is_not_asked_for_again() {
    let tokens = Tokens::start(&[(200, &given("not-good"))]);
    let machine = with_grant(knowing_us(&["XOAUTH2"]), &tokens);
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!((ran.status, tokens.forms().len()), (Some(0), 1));
    assert!(ran.stderr.contains("check user and refresh-token-file"), "{ran:?}");
    assert!(!ran.stderr.contains("not-good") && !machine.log().contains("not-good"));
}

#[test]
fn endpoint_that_refuses_or_fails_is_named() {
    let revoked = r#"{"error":"invalid_grant","error_description":"Token has been revoked."}"#;
    for (answer, expected) in [
        ((400, revoked), "127.0.0.1 refuses (invalid_grant: Token has been revoked.): authorize this machine anew"),
        ((503, "busy"), "token endpoint 127.0.0.1: HTTP status 503"),
    ] {
        let tokens = Tokens::start(&[answer]);
        let machine = with_grant(knowing_us(&["XOAUTH2"]), &tokens);
        let ran = machine.send(&["a@host.example"], MAIL);
        assert!(ran.status == Some(0) && ran.stderr.contains(expected), "{ran:?}");
        assert_eq!((machine.queue().len(), auths(&machine).len()), (1, 0));
    }
}

//! Logging in: each mechanism with the real programs, the order in which they give way to each other, and the sources
//! of tokens.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::smarthost::{Act, On, Point, Smarthost, Tokens};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, Ran, USER};

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
    with_secret(
        machine,
        &format!(
            "refresh-token-file = \"{path}\"\nclient-id = \"us\"\ntoken-endpoint = \"{url}\"\ntrusted-port = true\n"
        ),
    )
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
fn no_secret_comes_back_from_a_reply_of_any_code_or_from_a_token_endpoint() {
    let plain = openssl::base64::encode_block(format!("\0{USER}\0{PASSWORD}").as_bytes());
    let piece = &plain[plain.len() - 16..plain.len() - 4];
    let quoting = format!("ok {PASSWORD} {} {plain} {piece}", PASSWORD.to_uppercase());
    for (point, start) in [
        // From an earlier login the server knows it before this one.
        (Point::Greeting, "220"),
        (Point::Ehlo, "250-x\r\n250 AUTH"),
        (Point::Auth, "235 2.7.0"),
        (Point::Auth, "535 5.7.8"),
        (Point::Mail, "250 2.0.0"),
        (Point::Mail, "334"),
        (Point::Rcpt, "250 2.0.0"),
        (Point::Rcpt, "354"),
        (Point::Rcpt, "550 5.1.1"),
        (Point::Content, "250 2.0.0"),
        (Point::Content, "451 4.0.0"),
    ] {
        let smarthost = knowing_us(&["PLAIN"]).on(point, Act::Reply(format!("{start} {quoting}")));
        let machine = Machine::with(smarthost, "");
        let ran = machine.run("sendmail", &["-v", "-odi", "a@host.example"], MAIL);
        let all = machine.run("mailx-t", &["ctl", "check", "-v"], b"");
        let queue = machine.run("mailq", &[], b"");
        for ran in [ran, all, queue] {
            assert_tells_none(&machine, &ran, &[PASSWORD, &plain, piece]);
        }
    }
    let quoting = format!(
        r#"{{"error":"invalid_grant","error_description":"{} {REFRESH} {} {}"}}"#,
        "x".repeat(190),
        openssl::base64::encode_block(REFRESH.as_bytes()),
        REFRESH.to_uppercase()
    );
    let tokens = Tokens::start(&[(400, &quoting)]);
    let machine = with_grant(knowing_us(&["XOAUTH2"]), &tokens);
    let ran = machine.send(&["a@host.example"], MAIL);
    assert!(ran.stderr.contains("refuses (invalid_grant"), "{ran:?}");
    assert_tells_none(&machine, &ran, &[REFRESH, &openssl::base64::encode_block(REFRESH.as_bytes())]);
}

/// No secret stands in a stream, the log or a file of the spool, in whatever case.
fn assert_tells_none(machine: &Machine, ran: &Ran, secrets: &[&str]) {
    // The relay may still put a file in its place.
    let files = machine.spool_files().into_iter().filter_map(|path| std::fs::read(path).ok());
    let told = [ran.stdout.clone(), ran.stderr.clone(), machine.log()].map(String::into_bytes);
    let texts: Vec<Vec<u8>> = files.chain(told).collect();
    for bytes in &texts {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        for secret in secrets {
            assert!(!text.contains(&secret.to_lowercase()), "{secret} in {text}");
        }
    }
}

#[test]
fn secret_is_not_shown_without_tls_at_a_port_that_any_user_may_have() {
    for (mechanism, line, is_sent) in
        [("PLAIN", "", false), ("LOGIN", "", false), ("PLAIN", "trusted-port = true\n", true)]
    {
        let machine = Machine::with(knowing_us(&[mechanism]).plaintext(), &format!("tls = \"none\"\n{line}"));
        let ran = machine.send(&["a@host.example"], MAIL);
        assert_eq!((ran.status, machine.smarthost().mails().len()), (Some(0), usize::from(is_sent)), "{ran:?}");
        if !is_sent {
            assert!(ran.stderr.contains("any user of this machine could be listening"), "{ran:?}");
            assert!(auths(&machine).is_empty());
        }
    }
    let tokens = Tokens::start(&[(200, &given(PASSWORD))]);
    let machine = with_grant(knowing_us(&["XOAUTH2"]), &tokens);
    let text = std::fs::read_to_string(machine.config()).unwrap();
    std::fs::write(machine.config(), text.replace("trusted-port = true\n", "")).unwrap();
    let ran = machine.send(&["a@host.example"], MAIL);
    assert!(ran.stderr.contains("any user of this machine could be listening"), "{ran:?}");
    assert!(tokens.forms().is_empty());
}

#[test]
fn refresh_token_without_tls_goes_through_no_proxy() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = proxy.local_addr().unwrap().port();
    let tokens = Tokens::start(&[(200, &given(PASSWORD))]);
    let machine = with_grant(knowing_us(&["XOAUTH2"]), &tokens);
    let text = std::fs::read_to_string(machine.config()).unwrap();
    let proxied = text.replace("[smarthost]\n", &format!("[smarthost]\nproxy = \"socks5://127.0.0.1:{port}\"\n"));
    std::fs::write(machine.config(), proxied).unwrap();
    let ran = machine.send(&["a@host.example"], MAIL);
    assert!(ran.stderr.contains("http:// is only for this machine itself, and the proxy is not"), "{ran:?}");
    proxy.set_nonblocking(true).unwrap();
    assert!(proxy.accept().is_err(), "nobody has asked the proxy");
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

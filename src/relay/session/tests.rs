//! How a session comes about, or does not: greeting, STARTTLS, and what a server must not be able to do.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use openssl::ssl::SslVersion;

use super::super::tests::{DATA, HELLO, MAIL, PATIENCE, RCPT, follow, open, patient, send, serve};
use super::super::tls::tests::{accept, pinned, valid};
use super::*;
use crate::outcome::Status;

/// For those who are to be kept waiting; everybody else has all the time a busy machine needs.
const LIMIT: Duration = Duration::from_millis(200);

fn trouble(smarthost: &Smarthost) -> Trouble {
    open(smarthost).err().expect("no session was to come about")
}

#[test]
fn silent_greeting_ends_in_time() {
    let (smarthost, server) = patient(&[]);
    let start = Instant::now();
    let trouble = trouble(&Smarthost { timeout: LIMIT, ..smarthost });
    assert!(start.elapsed() < PATIENCE);
    assert_eq!((trouble.stage, trouble.scope), (Stage::Greeting, Scope::Host));
    assert!(trouble.sentence.contains("no complete answer within 200ms"), "{trouble}");
    server.join().unwrap();
}

#[test]
fn person_who_looks_on_waits_less_than_a_mail_and_is_told_so() {
    for (timeout, told) in [
        (Duration::from_secs(300), "no complete answer within 200ms; a mail waits for one up to 300s: is tls = "),
        (LIMIT, "no complete answer within 200ms: is tls = "),
    ] {
        let (smarthost, server) = patient(&[]);
        let smarthost = Smarthost { tls: Tls::StartTls, timeout, ..smarthost };
        let client = Client { patience: Some(LIMIT), ..Client::named("me") };
        let trouble = Session::open(&smarthost, None, &client).err().unwrap();
        assert!(trouble.sentence.contains(told), "{trouble}");
        server.join().unwrap();
    }
}

#[test]
fn dripping_greeting_ends_in_time() {
    let (smarthost, server) = serve(|mut tcp| {
        // An octet each time that the other end is not heard to hang up.
        tcp.set_read_timeout(Some(LIMIT / 10)).unwrap();
        while tcp.write_all(b"2").is_ok() && !matches!(tcp.read(&mut [0]), Ok(0)) {}
        String::new()
    });
    let start = Instant::now();
    assert!(trouble(&Smarthost { timeout: LIMIT, ..smarthost }).sentence.contains("no complete answer"));
    assert!(start.elapsed() < PATIENCE);
    server.join().unwrap();
}

#[test]
fn server_that_turns_us_away_is_quoted() {
    let (smarthost, server) = patient(&[("", "554 5.7.1 not you\r\n")]);
    let refused = trouble(&smarthost);
    assert_eq!((refused.stage, refused.scope), (Stage::Greeting, Scope::Host));
    assert!(refused.sentence.ends_with("the server turns us away (554 5.7.1 not you)"), "{refused}");
    assert_eq!(refused.outcome().enhanced.to_string(), "4.7.1");
    server.join().unwrap();
}

#[test]
fn plaintext_never_leaves_this_machine_and_starttls_is_never_done_without() {
    let (smarthost, server) = patient(&[("", "220 hello\r\n"), HELLO]);
    let refused = trouble(&Smarthost { tls: Tls::StartTls, ..smarthost });
    assert_eq!((refused.stage, refused.scope), (Stage::Tls, Scope::Configuration));
    assert!(refused.sentence.contains("STARTTLS is not offered"), "{refused}");
    assert_eq!(server.join().unwrap(), "EHLO me\r\n");
}

#[test]
fn plaintext_goes_through_no_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Some(listener.local_addr().unwrap().into());
    let server = thread::spawn(move || {
        let mut client = listener.accept().unwrap().0;
        client.read_exact(&mut [0; 3]).unwrap();
        client.write_all(&[5, 0]).unwrap();
        client.read_exact(&mut [0; 4 + 1 + 4 + 2]).unwrap();
        client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1]).unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).unwrap();
        heard
    });
    let refused = trouble(&Smarthost { tls: Tls::None, proxy, ..Smarthost::new("far1") });
    assert!(refused.sentence.contains("only for this machine itself"), "{refused}");
    assert!(server.join().unwrap().is_empty());
}

#[test]
fn starttls_forgets_what_was_said_before_it() {
    let identity = valid("elsewhere.example", None);
    let smarthost = pinned(&identity);
    let (plain, server) = serve(move |tcp| {
        let mut heard = String::new();
        let script: [(&str, &str); 3] =
            [("", "220 x\r\n"), ("EHLO", "250-x\r\n250-SIZE 1\r\n250 starttls\r\n"), ("STARTTLS", "220 go\r\n")];
        follow(&script, &tcp, &mut heard);
        let mut stream = accept(&identity, SslVersion::TLS1_3, tcp).unwrap();
        follow(&[HELLO, MAIL, RCPT, DATA, (".", "250 ok\r\n"), ("QUIT", "")], &mut stream, &mut heard);
        heard
    });
    let smarthost = Smarthost { tls: Tls::StartTls, fingerprint: smarthost.fingerprint, ..plain };
    let mut session = open(&smarthost).unwrap();
    assert_eq!(session.capabilities().size, Some(1000));
    assert_eq!(send(&mut session, 1, "x")[0].status, Status::Sent);
    session.quit();
    assert!(server.join().unwrap().starts_with("EHLO me\r\nSTARTTLS\r\nEHLO me\r\nMAIL"));
}

#[test]
fn answer_that_comes_ahead_of_the_handshake_is_taken_for_tampering() {
    let (smarthost, server) = patient(&[
        ("", "220 x\r\n"),
        ("EHLO", "250-x\r\n250 starttls\r\n"),
        ("STARTTLS", "220 go\r\n250-injected\r\n250 SIZE 1\r\n"),
    ]);
    let refused = trouble(&Smarthost { tls: Tls::StartTls, ..smarthost });
    assert_eq!((refused.stage, refused.scope), (Stage::Tls, Scope::Host));
    assert!(refused.sentence.contains("tampering"), "{refused}");
    assert_eq!(server.join().unwrap(), "EHLO me\r\nSTARTTLS\r\n");
}

#[test]
fn trouble_with_tls_names_server_and_cure() {
    let (plain, server) = serve(|tcp| {
        accept(&valid("a.example", None), SslVersion::TLS1_3, tcp);
        String::new()
    });
    let refused = trouble(&Smarthost { tls: Tls::Implicit, ..plain });
    assert_eq!((refused.stage, refused.scope), (Stage::Tls, Scope::Configuration));
    assert!(refused.sentence.starts_with("smarthost 127.0.0.1:"), "{refused}");
    assert!(
        refused.sentence.ends_with("is self-signed: set ca-file to it, or fingerprint to its SHA-256"),
        "{refused}"
    );
    server.join().unwrap();
}

#[test]
fn name_cannot_break_the_command_line() {
    let (smarthost, server) = patient(&[("", "220 hello\r\n"), ("EHLO", "250 hi\r\n")]);
    drop(Session::open(&smarthost, None, &Client::named("we b\r\nMAIL")).unwrap());
    assert_eq!(server.join().unwrap(), "EHLO webMAIL\r\n");
}

//! Tests of the test smarthost: it speaks SMTP strictly and records what it was sent.
//!
//! Its misbehaviour by a script is in `script.rs`.

use std::time::Duration;

use crate::smarthost::client::{handshake, plain};
use crate::smarthost::{Client, HANG, Handshake, Kind, Running, Smarthost};
use openssl::base64::encode_block;
use openssl::ssl::HandshakeError;

const USER: &str = "cron@example.test";
const PASSWORD: &str = "secret";
const MAIL: &str = "MAIL FROM:<cron@example.test>";
const RCPT: &str = "RCPT TO:<root@example.test>";

fn smarthost() -> Smarthost {
    Smarthost::new().account(USER, PASSWORD)
}

fn open_relay() -> Smarthost {
    Smarthost::new().auth_optional()
}

/// Past EHLO, without a login.
fn introduced(running: &Running) -> Client<impl std::io::Read + std::io::Write + use<>> {
    let mut client = Client::greeted(running);
    client.say("EHLO client.test");
    client
}

fn code(reply: &str) -> &str {
    reply.get(..3).unwrap_or("none")
}

/// Sends content in DATA; the code of the last reply.
fn send_content(running: &Running, content: &str) -> String {
    let mut client = introduced(running);
    for line in [MAIL, RCPT, "DATA"] {
        client.say(line);
    }
    code(&client.say(&format!("{content}\r\n."))).to_owned()
}

#[test]
fn good_mail_is_recorded_as_it_was_sent() {
    let running = smarthost().start();
    let mut client = Client::logged_in(&running, USER, PASSWORD);
    assert_eq!(code(&client.say(&format!("{MAIL} SIZE=60 BODY=8BITMIME"))), "250");
    assert_eq!(code(&client.say(&format!("{RCPT} NOTIFY=FAILURE"))), "250");
    assert_eq!(code(&client.say("rcpt to:<postmaster>")), "250");
    assert_eq!(code(&client.say("DATA")), "354");
    client.send(b"Subject: a long\r\n one\r\nSubject: two\r\n\r\n..dot\r\nend\r\n.\r\n");
    assert_eq!(client.reply().unwrap(), "250 2.0.0 ok, queued as 1\r\n");
    assert_eq!(code(&client.say("QUIT")), "221");

    assert!(running.wait_for(1, HANG) && running.wait_until_idle(HANG));
    let mail = running.mails().remove(0);
    assert_eq!(mail.login.as_deref(), Some(USER));
    assert_eq!(mail.reverse_path, "cron@example.test");
    assert_eq!(mail.mail_parameters, ["SIZE=60", "BODY=8BITMIME"]);
    assert_eq!(mail.recipients, ["root@example.test NOTIFY=FAILURE", "postmaster"]);
    assert_eq!(mail.addresses(), ["root@example.test", "postmaster"]);
    assert_eq!(mail.header("subject"), ["a long one", "two"]);
    assert_eq!(mail.body(), b".dot\r\nend\r\n");
    assert!(mail.wire.ends_with(b"\r\n\r\n..dot\r\nend\r\n.\r\n"));
    assert_eq!((mail.via, mail.tls.as_deref()), ("DATA", Some("TLSv1.3")));
    assert!(mail.oddities().is_empty());

    let connection = running.connections().remove(0);
    assert!(connection.is_quit && !connection.is_open);
    assert_eq!(connection.handshake, Handshake::Done("TLSv1.3".into()));
    assert_eq!(connection.commands[..2], ["EHLO client.test", "AUTH PLAIN ***"]);
    assert_eq!(connection.turns, 9);
}

#[test]
fn content_ends_in_the_strict_dot_only() {
    let running = open_relay().start();
    assert_eq!(send_content(&running, "a: b\r\n\r\n1\n.\n2\n.\r\n3\r.\r\n4\r\n.\n5"), "250");
    assert_eq!(running.mails()[0].body(), b"1\n.\n2\n.\r\n3\r.\r\n4\r\n\n5\r\n");
    let mut client = introduced(&running);
    for line in [MAIL, RCPT, "DATA"] {
        client.say(line);
    }
    assert_eq!(code(&client.say(".")), "250", "no content at all");
    assert_eq!(running.mails()[1].content, b"");
}

#[test]
fn oddities_are_named() {
    let running = open_relay().start();
    assert_eq!(send_content(&running, "Subject: \u{e9}\r\n\r\n\0\n\r.\u{e9}"), "250");
    let expected = ["bare CR (1)", "bare LF (1)", "NUL (1)", "8-bit in header (2)", "undeclared 8-bit in body (2)"];
    assert_eq!(running.mails()[0].oddities(), expected);
    for (length, expected) in [(998, &[][..]), (999, &["line over 998 (1)"])] {
        send_content(&running, &format!("a: b\r\n\r\n{}", "x".repeat(length)));
        assert_eq!(running.mails().pop().unwrap().oddities(), expected);
    }
}

#[test]
fn a_pipelined_group_is_one_turn() {
    let running = smarthost().start();
    let mut client = introduced(&running);
    let response = encode_block(format!("\0{USER}\0{PASSWORD}").as_bytes());
    let group =
        format!("AUTH PLAIN {response}\r\n{MAIL}\r\n{RCPT}\r\nBDAT 8\r\na: b\r\n\r\nBDAT 4 LAST\r\n.c\r\nQUIT\r\n");
    client.send(group.as_bytes());
    let codes: Vec<_> = (0..6).map(|_| code(&client.reply().unwrap()).to_owned()).collect();
    assert_eq!(codes, ["235", "250", "250", "250", "250", "221"]);
    assert!(running.wait_until_idle(HANG));
    assert_eq!(running.connections()[0].turns, 3, "greeting, EHLO, the group");
    let mail = running.mails().remove(0);
    assert_eq!((mail.via, &mail.content[..]), ("BDAT", &b"a: b\r\n\r\n.c\r\n"[..]));
    assert_eq!(mail.wire, mail.content);
}

#[test]
fn every_mechanism_logs_in_with_and_without_initial_response() {
    let running = smarthost().start();
    let plain = encode_block(format!("\0{USER}\0{PASSWORD}").as_bytes());
    let token = encode_block(format!("user={USER}\x01auth=Bearer {PASSWORD}\x01\x01").as_bytes());
    let (user, password) = (encode_block(USER.as_bytes()), encode_block(PASSWORD.as_bytes()));
    let dialogues: [&[&str]; 6] = [
        &[&format!("AUTH PLAIN {plain}")],
        &["AUTH PLAIN", &plain],
        &["AUTH LOGIN", &user, &password],
        &[&format!("auth login {user}"), &password],
        &[&format!("AUTH XOAUTH2 {token}")],
        &["AUTH XOAUTH2", &token],
    ];
    for lines in dialogues {
        let mut client = introduced(&running);
        let codes: Vec<_> = lines.iter().map(|line| code(&client.say(line)).to_owned()).collect();
        let (last, before) = codes.split_last().unwrap();
        assert!(last == "235" && before.iter().all(|code| code == "334"), "{lines:?}: {codes:?}");
    }
    let commands: String = running.connections().into_iter().flat_map(|connection| connection.commands).collect();
    assert!(![&plain, &token, &user, &password].iter().any(|secret| commands.contains(*secret)), "{commands}");
}

#[test]
fn wrong_credentials_are_refused() {
    let running = smarthost().mechanisms(&["PLAIN", "XOAUTH2"]).start();
    let mut client = introduced(&running);
    let plain = encode_block(format!("\0{USER}\0wrong").as_bytes());
    assert_eq!(client.say(&format!("AUTH PLAIN {plain}")), "535 5.7.8 username and password not accepted\r\n");
    let token = encode_block(format!("user={USER}\x01auth=Bearer old\x01\x01").as_bytes());
    assert_eq!(code(&client.say(&format!("AUTH XOAUTH2 {token}"))), "334");
    assert_eq!(code(&client.say("")), "535");
    assert_eq!(code(&client.say("AUTH LOGIN")), "504");
    assert_eq!(code(&client.say("AUTH PLAIN ?")), "501");
    assert_eq!(code(&client.say("AUTH PLAIN")), "334");
    assert_eq!(code(&client.say("*")), "501");
    assert_eq!(code(&client.say(MAIL)), "530");
}

#[test]
fn mail_from_another_than_the_login_is_refused() {
    let running = smarthost().mail_from_must_be_login().start();
    let mut client = Client::logged_in(&running, USER, PASSWORD);
    for sender in ["MAIL FROM:<root@example.test>", "MAIL FROM:<>"] {
        assert_eq!(client.say(sender), "553 5.7.1 mail from must be same as authorization user\r\n");
    }
    assert_eq!(code(&client.say(MAIL)), "250");
}

#[test]
fn header_from_another_than_the_login_is_refused() {
    let running = smarthost().header_from_must_be_login().start();
    let mut client = Client::logged_in(&running, USER, PASSWORD);
    for (from, expected) in [("root@example.test", "554"), ("Cron <CRON@example.test>", "250")] {
        for line in [MAIL, RCPT, "DATA"] {
            client.say(line);
        }
        assert_eq!(code(&client.say(&format!("From: {from}\r\n\r\nhello\r\n."))), expected);
    }
    assert_eq!(running.mails().len(), 1);
}

#[test]
fn sequence_and_syntax_are_strict() {
    let running = open_relay().start();
    let mut client = Client::greeted(&running);
    for (line, expected) in [
        (MAIL, "503"),
        ("EHLO", "501"),
        ("EHLO client.test", "250"),
        (RCPT, "503"),
        ("DATA", "503"),
        ("MAIL FROM: <cron@example.test>", "501"),
        ("MAIL FROM:cron@example.test", "501"),
        ("MAIL FROM:<cron>", "501"),
        ("MAIL FROM:<\u{e9}@example.test>", "553"),
        ("MAIL FROM:<cron@example.test> COLOUR=RED", "555"),
        ("MAIL FROM:<\"a> b\"@example.test> RET=HDRS", "250"),
        (MAIL, "503"),
        ("DATA", "554"),
        ("RCPT TO:<root>", "501"),
        ("RCPT TO:<root@example.test>", "250"),
        ("RSET", "250"),
        (RCPT, "503"),
        ("NOOP", "250"),
        ("VRFY root", "252"),
        ("STARTTLS", "503"),
        ("HELLO", "500"),
        ("NOOP\n", "500"),
        ("QUIT", "221"),
    ] {
        let reply = client.say(line.trim_end());
        assert_eq!(code(&reply), if line.ends_with('\n') { "250" } else { expected }, "{line}");
    }
}

#[test]
fn declared_size_is_the_limit() {
    let running = open_relay().keyword("SIZE", "SIZE 100").start();
    assert_eq!(code(&introduced(&running).say(&format!("{MAIL} SIZE=101"))), "552");
    assert_eq!(send_content(&running, &"x".repeat(200)), "552");
    assert_eq!(send_content(&running, "a: b\r\n\r\nc"), "250");
}

#[test]
fn keywords_are_switched_one_by_one() {
    let running = open_relay().without("PIPELINING").without("CHUNKING").without("AUTH").keyword("DSN", "dsn").start();
    let mut client = Client::greeted(&running);
    let expected =
        ["smarthost.test at your service", "SIZE 36700160", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8", "dsn"];
    let reply = client.say("EHLO client.test");
    assert_eq!(reply.lines().map(|line| &line[4..]).collect::<Vec<_>>(), expected);
    assert_eq!(code(&client.say("BDAT 0 LAST")), "500");
    client.send(format!("{MAIL}\r\n{RCPT}\r\n").as_bytes());
    assert_eq!(code(&client.reply().unwrap()), "554", "a group nobody offered");
    assert!(client.reply().is_err());
}

#[test]
fn starttls_comes_before_anything_that_matters() {
    let running = smarthost().starttls().start();
    let mut client = Client::over(plain(&running));
    assert_eq!(code(&client.reply().unwrap()), "220");
    let reply = client.say("EHLO client.test");
    assert!(reply.contains("250 STARTTLS\r\n") && !reply.contains("AUTH"), "{reply}");
    assert_eq!(code(&client.say("AUTH PLAIN AAAA")), "538");
    assert_eq!(code(&client.say(MAIL)), "530");
    assert_eq!(code(&client.say("STARTTLS")), "220");
    let mut client = Client::over(handshake(&running, client.into_inner()).unwrap());
    assert_eq!(code(&client.say(MAIL)), "503", "EHLO is forgotten");
    let reply = client.say("EHLO client.test");
    assert!(!reply.contains("STARTTLS") && reply.contains("AUTH PLAIN LOGIN XOAUTH2"), "{reply}");
}

#[test]
fn plaintext_smarthost_takes_a_login() {
    let running = smarthost().plaintext().start();
    let mut client = Client::over(plain(&running));
    client.reply().unwrap();
    client.say("EHLO client.test");
    let response = encode_block(format!("\0{USER}\0{PASSWORD}").as_bytes());
    assert_eq!(code(&client.say(&format!("AUTH PLAIN {response}"))), "235");
    assert_eq!(running.connections()[0].handshake, Handshake::None);
}

#[test]
fn certificates_are_wrong_in_the_promised_way() {
    for (kind, expected) in [
        (Kind::Expired, "certificate has expired"),
        (Kind::NotYetValid, "certificate is not yet valid"),
        (Kind::SelfSigned, "self-signed certificate"),
        (Kind::WrongHost, "hostname mismatch"),
    ] {
        let running = open_relay().certificate(kind).start();
        let Err(HandshakeError::Failure(failed)) = handshake(&running, plain(&running)) else {
            panic!("{kind:?} was accepted");
        };
        let reason = failed.ssl().verify_result().error_string().replace("self signed", "self-signed");
        assert_eq!(reason.to_ascii_lowercase(), expected);
        drop(failed);
        assert!(running.wait_until_idle(HANG));
        assert!(matches!(running.connections()[0].handshake, Handshake::Failed(_)));
    }
}

#[test]
fn connections_are_counted_while_they_last() {
    let running = open_relay().start();
    let clients = [Client::greeted(&running), Client::greeted(&running)];
    assert!(!running.wait_until_idle(Duration::from_millis(1)));
    drop(clients);
    assert!(running.wait_until_idle(HANG));
    drop(Client::greeted(&running));
    assert_eq!(running.peak(), 2);
    assert_eq!(running.connections().len(), 3);
    assert!(!running.wait_for(1, Duration::from_millis(1)));
}

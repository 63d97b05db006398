//! The dialogue of a mail (`session` and `login` have their own) against small servers on the loopback: what each side
//! says, and what becomes of the mail.
//!
//! A script is what the server expects line by line and what it answers; `.` stands for the content up to
//! the final dot. At the end of its script the server waits for the client to go, or hangs up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lettre::Address;

use super::chunks::CHUNK;
use super::{Client, Mail, Session, Smarthost, Tls, Trouble};
use crate::outcome::{Outcome, Scope, Stage, Status};

pub(super) type Script = &'static [(&'static str, &'static str)];

pub(super) const HELLO: (&str, &str) = ("EHLO me", "250-hi\r\n250-SIZE 1000\r\n250 8bitmime\r\n");
pub(super) const MAIL: (&str, &str) = ("MAIL FROM:<a@b.example>", "250 ok\r\n");
pub(super) const RCPT: (&str, &str) = ("RCPT TO:", "250 ok\r\n");
pub(super) const DATA: (&str, &str) = ("DATA", "354 go\r\n");
/// All the time a busy machine needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Serves one connection; what the client said comes back when it is over.
pub(super) fn serve<F>(talk: F) -> (Smarthost, JoinHandle<String>)
where
    F: FnOnce(TcpStream) -> String + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let smarthost = Smarthost {
        port: Some(listener.local_addr().unwrap().port()),
        tls: Tls::None,
        timeout: PATIENCE,
        ..Smarthost::new("127.0.0.1")
    };
    (smarthost, thread::spawn(move || talk(listener.accept().unwrap().0)))
}

pub(super) fn follow(script: &[(&str, &str)], tcp: impl Read + Write, heard: &mut String) {
    let mut lines = BufReader::new(tcp);
    for (expected, answer) in script {
        let start = heard.len();
        while !expected.is_empty() && lines.read_line(heard).unwrap() > 0 {
            if *expected != "." || heard.ends_with("\r\n.\r\n") || &heard[start..] == ".\r\n" {
                break;
            }
        }
        assert!(heard[start..].starts_with(expected) || *expected == ".", "{expected}: {heard}");
        lines.get_mut().write_all(answer.as_bytes()).unwrap();
    }
}

/// Follows the script, then waits until the client has gone.
pub(super) fn patient(script: Script) -> (Smarthost, JoinHandle<String>) {
    serve(move |mut tcp| {
        let mut heard = String::new();
        follow(script, tcp.try_clone().unwrap(), &mut heard);
        tcp.read_to_string(&mut heard).unwrap_or_default();
        heard
    })
}

/// Follows the script, then hangs up.
pub(super) fn hasty(script: Script) -> (Smarthost, JoinHandle<String>) {
    serve(move |tcp| {
        let mut heard = String::new();
        follow(script, tcp, &mut heard);
        heard
    })
}

pub(super) fn open(smarthost: &Smarthost) -> Result<Session, Trouble> {
    Session::open(smarthost, None, &Client::named("me"))
}

pub(super) fn with_mail<T>(recipients: usize, content: &str, then: impl FnOnce(&Mail<'_>, &mut dyn Read) -> T) -> T {
    let sender: Address = "a@b.example".parse().unwrap();
    let addresses: Vec<Address> = (0..recipients).map(|n| format!("r{n}@b.example").parse().unwrap()).collect();
    let recipients: Vec<&Address> = addresses.iter().collect();
    let mail = Mail {
        reverse_path: Some(&sender),
        recipients: &recipients,
        size: content.len() as u64,
        eight_bit: true,
        smtputf8: true,
        ..Mail::default()
    };
    then(&mail, &mut content.as_bytes())
}

pub(super) fn send(session: &mut Session, recipients: usize, content: &str) -> Vec<Outcome> {
    with_mail(recipients, content, |mail, content| hand_over(session, mail, content))
}

/// Nothing else is under way.
fn hand_over(session: &mut Session, mail: &Mail<'_>, content: &mut dyn Read) -> Vec<Outcome> {
    session.begin(mail, content);
    session.finish().unwrap().outcomes
}

pub(super) fn verdicts(outcomes: &[Outcome]) -> Vec<(Status, Stage, Scope)> {
    outcomes.iter().map(|o| (o.status, o.stage, o.scope)).collect()
}

#[test]
fn refused_recipient_does_not_sink_the_others() {
    let (smarthost, server) = patient(&[
        ("", "220-hello\r\n220 there\r\n"),
        HELLO,
        MAIL,
        RCPT,
        ("RCPT", "550 5.1.1 unknown\r\n"),
        ("RCPT", "450 4.2.1 grey\r\n"),
        ("RCPT", "553 5.7.1 x: Sender address rejected: not owned by user y\r\n"),
        DATA,
        (".", "250 2.0.0 queued as 1\r\n"),
    ]);
    let mut session = open(&smarthost).unwrap();
    assert_eq!(session.relay(), format!("127.0.0.1[127.0.0.1]:{}", smarthost.port()));
    let outcomes = send(&mut session, 4, "Subject: x\r\n\r\n.dot\r\n");
    assert_eq!(
        verdicts(&outcomes),
        [
            (Status::Sent, Stage::Content, Scope::Message),
            (Status::Bounced, Stage::Rcpt, Scope::Recipient),
            (Status::Deferred, Stage::Rcpt, Scope::Recipient),
            (Status::Deferred, Stage::Rcpt, Scope::Configuration),
        ]
    );
    assert_eq!(outcomes[0].reason, "250 2.0.0 queued as 1");
    assert!(session.is_usable());
    session.quit();
    let heard = server.join().unwrap();
    assert!(heard.contains("MAIL FROM:<a@b.example> SIZE=20 BODY=8BITMIME\r\n"), "{heard}");
    assert!(heard.ends_with("DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n"), "{heard}");
}

#[test]
fn two_mails_go_over_one_session_even_when_all_of_the_first_are_refused() {
    let (smarthost, server) = patient(&[
        ("", "220 hello\r\n"),
        HELLO,
        MAIL,
        ("RCPT", "550 no\r\n"),
        ("RCPT", "550 no\r\n"),
        ("RSET", "250 ok\r\n"),
        MAIL,
        RCPT,
        DATA,
        (".", "250 ok\r\n"),
    ]);
    let mut session = open(&smarthost).unwrap();
    assert_eq!(verdicts(&send(&mut session, 2, "x")), [(Status::Bounced, Stage::Rcpt, Scope::Recipient); 2]);
    assert_eq!(send(&mut session, 1, "x")[0].status, Status::Sent);
    session.quit();
    server.join().unwrap();
}

#[test]
fn refused_data_is_followed_by_a_reset() {
    let (smarthost, server) = patient(&[
        ("", "220 hello\r\n"),
        HELLO,
        MAIL,
        RCPT,
        ("DATA", "451 later\r\n"),
        ("RSET", "250 ok\r\n"),
        ("MAIL", "550 5.7.1 sender on a list\r\n"),
    ]);
    let mut session = open(&smarthost).unwrap();
    assert_eq!(verdicts(&send(&mut session, 1, "x")), [(Status::Deferred, Stage::Data, Scope::Message)]);
    assert_eq!(verdicts(&send(&mut session, 1, "x")), [(Status::Bounced, Stage::Mail, Scope::Message)]);
    assert!(session.is_usable());
    drop(session);
    server.join().unwrap();
}

#[test]
fn mail_larger_than_the_servers_size_is_not_even_begun() {
    let (smarthost, server) = patient(&[("", "220 hello\r\n"), HELLO]);
    let mut session = open(&smarthost).unwrap();
    let outcomes = send(&mut session, 2, &"x".repeat(1001));
    assert_eq!(verdicts(&outcomes), [(Status::Bounced, Stage::Mail, Scope::Message); 2]);
    assert_eq!(outcomes[0].enhanced.to_string(), "5.3.4");
    session.quit();
    assert!(server.join().unwrap().ends_with("EHLO me\r\nQUIT\r\n"));
}

#[test]
fn link_lost_after_the_final_dot_may_mean_a_duplicate() {
    let (smarthost, server) =
        hasty(&[("", "220 hello\r\n"), HELLO, MAIL, RCPT, ("RCPT", "550 no\r\n"), DATA, (".", "")]);
    let mut session = open(&smarthost).unwrap();
    let outcomes = send(&mut session, 2, "x\r\n");
    assert_eq!((outcomes[0].status, outcomes[0].stage), (Status::Deferred, Stage::Content));
    assert!(outcomes[0].reason.contains("duplicate is possible"), "{}", outcomes[0].reason);
    assert_eq!(outcomes[1].status, Status::Bounced);
    assert!(!session.is_usable());
    let next = send(&mut session, 1, "x");
    assert!(next[0].reason.contains("no longer usable"), "{}", next[0].reason);
    server.join().unwrap();
}

#[test]
fn link_lost_at_a_recipient_defers_whoever_has_no_outcome_yet() {
    let (smarthost, server) = hasty(&[("", "220 hello\r\n"), HELLO, MAIL, ("RCPT", "550 no\r\n"), RCPT, ("RCPT", "")]);
    let mut session = open(&smarthost).unwrap();
    let outcomes = send(&mut session, 3, "x");
    assert_eq!(outcomes[0].status, Status::Bounced);
    assert_eq!(verdicts(&outcomes[1..]), [(Status::Deferred, Stage::Rcpt, Scope::Host); 2]);
    assert!(outcomes[1].reason.contains("closed the connection"), "{}", outcomes[1].reason);
    assert!(!outcomes[1].reason.contains("duplicate"));
    server.join().unwrap();
}

#[test]
fn closing_reply_ends_the_session_at_any_step() {
    let (smarthost, server) = patient(&[("", "220 hello\r\n"), HELLO, MAIL, RCPT, ("RCPT", "421 4.3.2 closing\r\n")]);
    let mut session = open(&smarthost).unwrap();
    assert_eq!(verdicts(&send(&mut session, 3, "x")), [(Status::Deferred, Stage::Rcpt, Scope::Host); 3]);
    assert!(!session.is_usable());
    session.quit();
    assert!(!server.join().unwrap().contains("QUIT"));
}

#[test]
fn last_words_during_the_content_decide() {
    let (smarthost, server) = hasty(&[
        ("", "220 hello\r\n"),
        ("EHLO", "250 hi\r\n"),
        MAIL,
        RCPT,
        ("DATA", "354 go\r\n552 5.3.4 too big\r\n"),
    ]);
    let mut session = open(&smarthost).unwrap();
    let outcomes = send(&mut session, 1, &"x".repeat(32 << 20));
    assert_eq!((outcomes[0].status, outcomes[0].enhanced.to_string().as_str()), (Status::Bounced, "5.3.4"));
    assert!(!session.is_usable());
    server.join().unwrap();
}

#[test]
fn content_that_cannot_be_read_is_never_ended() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk gone"))
        }
    }
    let (smarthost, server) = patient(&[("", "220 hello\r\n"), HELLO, MAIL, RCPT, DATA]);
    let mut session = open(&smarthost).unwrap();
    let (sender, recipient): (Address, Address) = ("a@b.example".parse().unwrap(), "c@d.example".parse().unwrap());
    let mail = Mail {
        reverse_path: Some(&sender),
        recipients: &[&recipient],
        size: 5,
        eight_bit: false,
        smtputf8: false,
        dsn: None,
        recipient_dsn: &[],
    };
    let outcomes = hand_over(&mut session, &mail, &mut Broken);
    assert!(outcomes[0].reason.contains("disk gone"), "{}", outcomes[0].reason);
    assert!(session.is_usable(), "nothing was said of it");
    let mut torn = std::io::repeat(b'x').take(CHUNK as u64).chain(Broken);
    let outcomes = hand_over(&mut session, &mail, &mut torn);
    assert!(outcomes[0].reason.contains("disk gone"), "{}", outcomes[0].reason);
    assert!(!session.is_usable());
    drop(session);
    assert!(server.join().unwrap().ends_with(&"x".repeat(CHUNK)));
}

#[test]
fn answer_that_fits_no_command_defers() {
    for answer in ["354 go\r\n", "HTTP/1.1 400 Bad Request\r\n", "250-a\r\n550 b\r\n"] {
        let (smarthost, server) = serve(move |tcp| {
            let mut heard = String::new();
            follow(&[("", "220 hello\r\n"), HELLO, ("MAIL", "")], tcp.try_clone().unwrap(), &mut heard);
            (&tcp).write_all(answer.as_bytes()).unwrap();
            heard
        });
        let mut session = open(&smarthost).unwrap();
        assert_eq!(verdicts(&send(&mut session, 1, "x")), [(Status::Deferred, Stage::Mail, Scope::Host)]);
        assert!(!session.is_usable());
        server.join().unwrap();
    }
}

#[test]
fn reply_that_is_not_utf8_keeps_its_verdict() {
    let (smarthost, server) = serve(|tcp| {
        let mut heard = String::new();
        follow(&[("", "220 hello\r\n"), HELLO, MAIL, ("RCPT", "")], tcp.try_clone().unwrap(), &mut heard);
        (&tcp).write_all(b"550 5.1.1 Empf\xe4nger unbekannt\r\n").unwrap();
        heard
    });
    let outcomes = send(&mut open(&smarthost).unwrap(), 1, "x");
    assert_eq!(outcomes[0].status, Status::Bounced);
    assert_eq!(outcomes[0].reason, "550 5.1.1 Empf\u{fffd}nger unbekannt");
    server.join().unwrap();
}

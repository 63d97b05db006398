//! More than one mail under way, and what each reply is taken for.

use super::super::tests::{DATA, MAIL, RCPT, hasty, open, patient, verdicts, with_mail};
use super::super::{Lesson, Session};
use crate::outcome::{Outcome, Scope, Stage, Status};

/// Three mails begun before the first of them is answered.
fn three_at_once(session: &mut Session) -> Vec<(Status, Stage, Scope)> {
    for content in ["one\r\n", "two\r\n", "three\r\n"] {
        with_mail(1, content, |mail, content| session.begin(mail, content));
    }
    let outcomes: Vec<Outcome> = (0..3).flat_map(|_| session.finish().unwrap().outcomes).collect();
    assert!(session.finish().is_none());
    verdicts(&outcomes)
}

#[test]
fn mails_go_out_before_those_ahead_of_them_are_answered() {
    let (smarthost, server) = patient(&[
        ("", "220 hello\r\n"),
        ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
        ("MAIL FROM:<a@b.example>\r\n", ""),
        ("RCPT", ""),
        ("BDAT 5 LAST\r\n", ""),
        ("one\r\n", ""),
        ("MAIL", ""),
        ("RCPT", ""),
        ("BDAT 5 LAST\r\n", ""),
        ("two\r\n", ""),
        ("MAIL", ""),
        ("RCPT", ""),
        ("BDAT 7 LAST\r\n", ""),
        ("three\r\n", "250 a\r\n250 b\r\n250 2.0.0 c\r\n250 a\r\n550 no\r\n554 none\r\n250 a\r\n250"),
        ("", " b\r\n552 5.3.4 too big\r\n"),
    ]);
    let mut session = open(&smarthost).unwrap();
    let expected = [
        (Status::Sent, Stage::Content, Scope::Message),
        (Status::Bounced, Stage::Rcpt, Scope::Recipient),
        (Status::Bounced, Stage::Content, Scope::Message),
    ];
    assert_eq!(three_at_once(&mut session), expected);
    assert_eq!(session.trust(), 2);
    session.quit();
    server.join().unwrap();
}

#[test]
fn answer_that_has_come_is_known_before_it_is_asked_for() {
    let (smarthost, server) = patient(&[
        ("", "220 hello\r\n"),
        ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
        ("MAIL", ""),
        ("RCPT", ""),
        ("BDAT", ""),
        ("one\r\n", "250 a\r\n250 b\r\n250 c\r\n"),
        ("MAIL", ""),
        ("RCPT", ""),
        ("BDAT", ""),
        ("two\r\n", "250 a\r\n250 b\r\n250 c\r\n"),
    ]);
    let mut session = open(&smarthost).unwrap();
    for content in ["one\r\n", "two\r\n"] {
        with_mail(1, content, |mail, content| session.begin(mail, content));
    }
    assert_eq!(session.finish().unwrap().outcomes[0].status, Status::Sent);
    Session::first_heard(&[&session]);
    assert!(session.is_answered());
    assert_eq!(session.finish().unwrap().outcomes[0].status, Status::Sent);
    session.quit();
    server.join().unwrap();
}

#[test]
fn next_envelope_goes_behind_the_final_dot() {
    let (smarthost, server) = patient(&[
        ("", "220 hello\r\n"),
        ("EHLO", "250-hi\r\n250 PIPELINING\r\n"),
        MAIL,
        RCPT,
        DATA,
        (".", ""),
        ("MAIL", ""),
        ("RCPT", ""),
        ("DATA", "250 2.0.0 one is taken\r\n250 a\r\n550 no\r\n354 go on\r\n"),
        (".\r\n", ""),
        ("MAIL", ""),
        ("RCPT", ""),
        ("DATA", "554 none\r\n250 a\r\n250 b\r\n354 go on\r\n"),
        (".", "250 three is taken\r\n"),
    ]);
    let mut session = open(&smarthost).unwrap();
    let expected = [
        (Status::Sent, Stage::Content, Scope::Message),
        (Status::Bounced, Stage::Rcpt, Scope::Recipient),
        (Status::Sent, Stage::Content, Scope::Message),
    ];
    assert_eq!(three_at_once(&mut session), expected);
    session.quit();
    let heard = server.join().unwrap();
    assert!(!heard.contains("two"), "{heard}");
}

#[test]
fn what_is_taken_in_a_transaction_left_open_is_taken() {
    // The server has kept the first mail's transaction open, and takes the second mail in it.
    let (smarthost, server) = patient(&[
        ("", "220 hello\r\n"),
        ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
        ("MAIL", ""),
        ("RCPT", ""),
        ("BDAT", ""),
        ("one", ""),
        ("MAIL", ""),
        ("RCPT", ""),
        ("BDAT", ""),
        ("two", ""),
        ("MAIL", ""),
        ("RCPT", ""),
        ("BDAT", ""),
        ("three", "250 a\r\n550 no\r\n554 none\r\n503 nested\r\n250 b\r\n250 taken\r\n250 a\r\n250 b\r\n250 c\r\n"),
    ]);
    let mut session = open(&smarthost).unwrap();
    let sent = (Status::Sent, Stage::Content, Scope::Message);
    assert_eq!(three_at_once(&mut session), [(Status::Bounced, Stage::Rcpt, Scope::Recipient), sent, sent]);
    drop(session);
    server.join().unwrap();
}

#[test]
fn only_what_the_server_surely_has_not_taken_is_free() {
    let (smarthost, server) = patient(&[
        ("", "220 hello\r\n"),
        ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
        ("MAIL", ""),
        ("RCPT", ""),
        ("BDAT", ""),
        ("one", ""),
        ("MAIL", ""),
        ("RCPT", ""),
        ("BDAT", ""),
        ("two", "250 a\r\n250 b\r\n250 taken\r\n421 enough\r\n"),
    ]);
    let mut session = open(&smarthost).unwrap();
    for content in ["one\r\n", "two\r\n"] {
        with_mail(1, content, |mail, content| session.begin(mail, content));
    }
    assert_eq!(session.finish().map(|handed| (handed.is_free, handed.outcomes[0].status)), Some((false, Status::Sent)));
    let second = session.finish().unwrap();
    assert!(second.is_free && second.lesson.is_none(), "{second:?}");
    assert_eq!(verdicts(&second.outcomes), [(Status::Deferred, Stage::Mail, Scope::Host)]);
    drop(session);
    server.join().unwrap();
}

#[test]
fn mails_on_a_lost_link_are_in_doubt() {
    let (smarthost, server) = hasty(&[
        ("", "220 hello\r\n"),
        ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
        ("MAIL", ""),
        ("RCPT", ""),
        ("BDAT", ""),
        ("one", "250 a\r\n250 b\r\n"),
    ]);
    let mut session = open(&smarthost).unwrap();
    with_mail(1, "one\r\n", |mail, content| session.begin(mail, content));
    server.join().unwrap();
    let handed = session.finish().unwrap();
    assert!(handed.outcomes[0].reason.contains("duplicate is possible"), "{handed:?}");
    assert_eq!((handed.is_free, handed.lesson), (false, Some(Lesson::GroupsMaybe)));
}

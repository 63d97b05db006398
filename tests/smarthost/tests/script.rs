//! Tests of the test smarthost: it misbehaves as told, and never hangs when it is dropped.
//!
//! Its behaviour without a script is in `strict.rs`.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::smarthost::client::{handshake, plain};
use crate::smarthost::{Act, Client, HANG, On, Point, Running, Smarthost};
use openssl::ssl::SslStream;

const MAIL: &str = "MAIL FROM:<cron@example.test>";
const RCPT: &str = "RCPT TO:<root@example.test>";

fn smarthost() -> Smarthost {
    Smarthost::new().auth_optional()
}

fn introduced(running: &Running) -> Client<SslStream<TcpStream>> {
    let mut client = Client::greeted(running);
    client.say("EHLO client.test");
    client
}

/// Sends a mail up to its final dot; the reply, empty if none came.
fn send(running: &Running) -> String {
    let mut client = introduced(running);
    for line in [MAIL, RCPT, "DATA"] {
        client.say(line);
    }
    client.say("a: b\r\n\r\nc\r\n.")
}

#[test]
fn scripted_refusal_hits_one_recipient() {
    let running =
        smarthost().on(On::at(Point::Rcpt).containing("bad@"), Act::reply("550-5.1.1 no\n550 5.1.1 never")).start();
    let mut client = introduced(&running);
    client.say(MAIL);
    assert_eq!(client.say("RCPT TO:<bad@example.test>"), "550-5.1.1 no\r\n550 5.1.1 never\r\n");
    assert!(client.say(RCPT).starts_with("250"));
    client.say("DATA");
    assert!(client.say("a: b\r\n\r\nc\r\n.").starts_with("250"));
    assert_eq!(running.mails()[0].recipients, ["root@example.test"]);
}

#[test]
fn visits_are_counted_over_all_connections() {
    let when = On::at(Point::Mail).skip(1).times(2);
    let running = smarthost().on(when, Act::reply("451 4.3.0 later")).start();
    let codes: Vec<_> = (0..4).map(|_| introduced(&running).say(MAIL)[..3].to_owned()).collect();
    assert_eq!(codes, ["250", "451", "451", "250"]);
}

#[test]
fn positive_reply_takes_effect() {
    let running = smarthost()
        .on(Point::Ehlo, Act::reply("250-hello\n250 PIPELINING"))
        .on(Point::Content, Act::reply("250 2.6.0 <id@smarthost.test> queued"))
        .start();
    assert_eq!(send(&running), "250 2.6.0 <id@smarthost.test> queued\r\n");
    assert_eq!(running.mails().len(), 1);
}

#[test]
fn negative_reply_to_the_content_keeps_nothing() {
    let running = smarthost().on(Point::Content, Act::reply("451 4.3.0 disk full")).start();
    assert_eq!(send(&running), "451 4.3.0 disk full\r\n");
    assert!(running.mails().is_empty());
}

#[test]
fn greeting_can_refuse_service() {
    for (reply, then) in [("554 5.3.2 no", "503 5.5.1 not today\r\n"), ("421 4.3.2 later", "")] {
        let running = smarthost().on(Point::Greeting, Act::reply(reply)).start();
        let mut client = Client::over(handshake(&running, plain(&running)).unwrap());
        assert_eq!(client.reply().unwrap().trim_end(), reply);
        assert_eq!(client.say("EHLO client.test"), then);
    }
}

#[test]
fn cut_ends_the_connection_after_the_replies_due() {
    let running = smarthost().on(Point::Rcpt, Act::Cut).start();
    let mut client = introduced(&running);
    client.send(format!("{MAIL}\r\n{RCPT}\r\nRSET\r\n").as_bytes());
    assert!(client.reply().unwrap().starts_with("250"));
    let error = client.reply().unwrap_err();
    assert_ne!(error.kind(), ErrorKind::WouldBlock);
    assert!(running.wait_until_idle(HANG) && !running.connections()[0].is_quit);
}

#[test]
fn reset_is_a_reset() {
    let running = smarthost().on(Point::Mail, Act::Reset).start();
    let mut client = introduced(&running);
    client.send(format!("{MAIL}\r\n").as_bytes());
    assert_eq!(client.reply().unwrap_err().kind(), ErrorKind::ConnectionReset);

    let running = smarthost().on(Point::Connect, Act::Reset).start();
    let error = plain(&running).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn stall_outlasts_the_patience_of_the_client() {
    let running = smarthost().on(Point::Mail, Act::Stall).start();
    let mut client = introduced(&running);
    client.patience(Duration::from_millis(100));
    client.send(format!("{MAIL}\r\n").as_bytes());
    assert_eq!(client.reply().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(running.connections()[0].is_open);
    drop(client);
    assert!(running.wait_until_idle(HANG));
}

#[test]
fn drip_gives_the_usual_reply_slowly() {
    let interval = Duration::from_millis(5);
    let running =
        smarthost().on(Point::Mail, Act::Drip(interval)).on(Point::Handshake, Act::Drip(interval / 50)).start();
    let mut client = introduced(&running);
    let start = Instant::now();
    let reply = client.say(MAIL);
    assert_eq!(reply, "250 2.1.0 sender ok\r\n");
    assert!(start.elapsed() >= interval * (reply.len() as u32 - 1));
    assert_eq!(running.connections()[0].turns, 3);
}

#[test]
fn reply_can_await_another_connection() {
    let running = smarthost().on(Point::Mail, Act::AwaitConnections(2)).start();
    let mut client = introduced(&running);
    client.patience(Duration::from_millis(100));
    client.send(format!("{MAIL}\r\n").as_bytes());
    assert_eq!(client.reply().unwrap_err().kind(), ErrorKind::WouldBlock);
    let _other = plain(&running);
    client.patience(HANG);
    assert_eq!(client.reply().unwrap(), "250 2.1.0 sender ok\r\n");
}

#[test]
fn garbage_takes_the_place_of_a_reply() {
    let running = smarthost().on(Point::Rcpt, Act::Garbage(b"HTTP/1.1 400\r\n".to_vec())).start();
    let mut client = introduced(&running);
    client.say(MAIL);
    assert_eq!(client.say(RCPT), "HTTP/1.1 400\r\n");
    assert!(client.say("DATA").starts_with("554"), "nobody was accepted");
}

#[test]
fn handshake_fails_in_every_way() {
    for act in [Act::TlsAlert, Act::Cut, Act::PlaintextInsteadOfTls, Act::Garbage(vec![0; 40]), Act::Stall] {
        let running = smarthost().on(Point::Handshake, act.clone()).start();
        let tcp = plain(&running);
        tcp.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let error = handshake(&running, tcp).expect_err("no TLS");
        let is_alert = format!("{error}").to_ascii_lowercase().contains("alert handshake failure");
        assert_eq!(is_alert, matches!(act, Act::TlsAlert), "{act:?}: {error}");
    }
}

#[test]
fn plaintext_in_place_of_tls_is_a_greeting_in_clear() {
    let running = smarthost().on(Point::Connect, Act::PlaintextInsteadOfTls).start();
    let mut start = [0; 4];
    plain(&running).read_exact(&mut start).unwrap();
    assert_eq!(&start, b"220 ");
}

#[test]
fn starttls_can_be_refused() {
    let running = smarthost().starttls().on(Point::Starttls, Act::reply("454 4.7.0 no TLS today")).start();
    let mut client = Client::over(plain(&running));
    client.reply().unwrap();
    client.say("EHLO client.test");
    assert_eq!(client.say("STARTTLS"), "454 4.7.0 no TLS today\r\n");
    assert!(client.say(MAIL).starts_with("530"));
}

#[test]
fn stored_mail_can_be_denied() {
    for (act, reply) in
        [(Act::StoreThenCut, ""), (Act::StoreThenReply("451 4.0.0 who knows".into()), "451 4.0.0 who knows\r\n")]
    {
        let running = smarthost().on(Point::Content, act).start();
        assert_eq!(send(&running), reply);
        assert_eq!(running.mails().len(), 1);
    }
}

#[test]
fn commands_ahead_of_their_time_end_the_connection() {
    let running = smarthost().start();
    let mut client = Client::greeted(&running);
    client.send(format!("EHLO client.test\r\n{MAIL}\r\n").as_bytes());
    assert!(client.reply().unwrap().starts_with("554 5.5.0"));
    assert!(client.reply().is_err());
}

#[test]
#[should_panic(expected = "makes no sense")]
fn act_out_of_place_is_a_mistake_of_the_test() {
    let _ = smarthost().on(Point::Mail, Act::TlsAlert);
}

#[test]
fn drop_never_hangs() {
    let ages = Duration::from_secs(3600);
    for (point, act) in [
        (Point::Connect, Act::Stall),
        (Point::Handshake, Act::Stall),
        (Point::Handshake, Act::Drip(ages)),
        (Point::Greeting, Act::Stall),
        (Point::Greeting, Act::Drip(ages)),
        (Point::Quit, Act::Cut),
    ] {
        let running = smarthost().on(point, act.clone()).start();
        let tcp = plain(&running);
        tcp.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        // Each comes as far as the script lets it, and stays there; the last one is merely idle.
        let mut client = handshake(&running, tcp).map(Client::over);
        let _ = client.as_mut().map(Client::reply);
        let start = Instant::now();
        drop(running);
        assert!(start.elapsed() < HANG, "{point:?} {act:?}");
    }
    drop(smarthost().start());
}

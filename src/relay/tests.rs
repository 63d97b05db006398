//! Small servers on the loopback that follow a script, for the tests of this module, and mails to send to them.
//!
//! A script says what the server expects, line by line, and what it answers. `.` stands for the content up to the final
//! dot. At the end of its script the server waits for the client to go, or hangs up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lettre::Address;

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
    let relay = format!("{}[127.0.0.1]:{}", smarthost.bare_host(), smarthost.port());
    let client = Client { chunk_readers: vec![relay], ..Client::named("me.example") };
    Session::open(smarthost, None, &client)
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
    with_mail(recipients, content, |mail, content| send_mail(session, mail, content))
}

pub(super) fn send_mail(session: &mut Session, mail: &Mail<'_>, content: &mut dyn Read) -> Vec<Outcome> {
    session.offer(mail, content);
    session.await_answer().unwrap().outcomes
}

pub(super) fn verdicts(outcomes: &[Outcome]) -> Vec<(Status, Stage, Scope)> {
    outcomes.iter().map(|o| (o.status, o.stage, o.scope)).collect()
}

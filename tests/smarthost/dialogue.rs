//! The dialogue of one connection: RFC 5321 in its strict order; before every reply it asks the script.
//!
//! It works out the usual reply first, then `answer` says it, or what the script wants instead.

use std::convert::Infallible;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use super::HANG;
use super::record::Handshake;
use super::script::{Act, Point};
use super::server::{Encryption, House};
use super::transaction::Transaction;
use super::wire::Wire;

/// A fatal alert, "handshake failure" (RFC 8446 section 6).
const ALERT: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 40];

/// The end of a dialogue.
pub(super) enum End {
    /// The server closes.
    Cut,
    /// The client has gone, or the server was stopped.
    Lost,
    /// By QUIT.
    Quit,
    /// The server resets.
    Reset,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        End::Lost
    }
}

pub(super) type Step = Result<(), End>;

/// One connection and its state.
pub(super) struct Dialogue<'a> {
    pub(super) house: &'a House,
    pub(super) wire: Wire<'a>,
    pub(super) number: usize,
    pub(super) is_greeted: bool,
    /// The greeting was a refusal (RFC 5321 section 3.1).
    is_unwelcome: bool,
    pub(super) login: Option<String>,
    pub(super) mail: Option<Transaction>,
}

/// Serves a connection to its end.
pub(super) fn serve(house: &House, tcp: TcpStream, number: usize) {
    let wire = Wire::new(tcp, Arc::clone(&house.stop), &house.journal, number);
    let (is_greeted, is_unwelcome) = (false, false);
    let mut dialogue = Dialogue { house, wire, number, is_greeted, is_unwelcome, login: None, mail: None };
    let Err(end) = dialogue.run();
    // Whatever the end, replies already due go out; a client that has gone cannot be told.
    let _ = dialogue.wire.flush();
    if matches!(end, End::Quit) {
        dialogue.wire.bid_farewell();
    }
    house.journal.update(number, |connection| {
        connection.is_open = false;
        connection.is_quit = matches!(end, End::Quit);
    });
    match end {
        End::Reset => {
            // The house's own handle would keep the connection open.
            house.forget(number);
            dialogue.wire.reset();
        }
        End::Cut | End::Lost | End::Quit => {
            dialogue.wire.close();
            house.forget(number);
        }
    }
}

impl Dialogue<'_> {
    /// Queues a reply.
    pub(super) fn say(&mut self, reply: &str) {
        for line in reply.lines() {
            self.wire.queue(format!("{line}\r\n").as_bytes());
        }
    }

    /// The next line, which is never written down.
    pub(super) fn secret_line(&mut self) -> Result<String, End> {
        let line = self.wire.line()?;
        self.note("***".to_owned());
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn run(&mut self) -> Result<Infallible, End> {
        match self.house.host.script.next(Point::Connect, b"") {
            None if self.house.host.encryption == Encryption::Implicit => self.secure()?,
            None | Some(Act::PlaintextInsteadOfTls) => {}
            Some(act) => return self.misbehave(act),
        }
        self.is_unwelcome = !self.answer(Point::Greeting, b"", "220 smarthost.test ESMTP ready")?;
        loop {
            let line = self.wire.line()?;
            self.command(&line)?;
        }
    }

    /// Begins TLS, as the script wants it.
    fn secure(&mut self) -> Step {
        let drip = match self.house.host.script.next(Point::Handshake, b"") {
            None => None,
            Some(Act::Drip(interval)) => Some(interval),
            Some(Act::PlaintextInsteadOfTls) => return Ok(()),
            Some(act) => {
                self.wire.swallow_once();
                return self.misbehave(act).map(|_| ());
            }
        };
        let result = self.wire.secure(&self.house.acceptor, drip);
        let handshake = match (&result, self.wire.tls()) {
            (Err(reason), _) => Handshake::Failed(reason.clone()),
            (Ok(()), version) => Handshake::Done(version.unwrap_or_default()),
        };
        self.house.journal.update(self.number, |connection| connection.handshake = handshake);
        result.map_err(|_| End::Lost)
    }

    /// Does something although no reply was due, and closes.
    fn misbehave(&mut self, act: Act) -> Result<Infallible, End> {
        match act {
            Act::TlsAlert => self.wire.queue(&ALERT),
            act => drop(self.carry_out(Some(act), Point::Connect, "")?),
        }
        Err(End::Cut)
    }

    /// Gives the usual reply or the one that the script wants; true if the client may go on after it.
    pub(super) fn answer(&mut self, point: Point, text: &[u8], usual: &str) -> Result<bool, End> {
        let act = self.house.host.script.next(point, text);
        self.carry_out(act, point, usual)
    }

    pub(super) fn carry_out(&mut self, act: Option<Act>, point: Point, usual: &str) -> Result<bool, End> {
        let reply = match act {
            None => usual.to_owned(),
            Some(Act::AwaitConnections(count)) => {
                self.wire.flush()?;
                self.house.journal.wait_for_connections(count, HANG / 2);
                usual.to_owned()
            }
            Some(Act::Drip(interval)) => {
                self.wire.drip_once(interval);
                usual.to_owned()
            }
            Some(Act::Reply(reply) | Act::StoreThenReply(reply)) => reply,
            Some(Act::Flood(bytes)) => loop {
                self.wire.queue(&bytes);
                self.wire.flush()?;
            },
            Some(Act::Garbage(bytes)) => {
                self.wire.queue(&bytes);
                return Ok(false);
            }
            Some(Act::Stall | Act::StoreThenStall) => {
                self.wire.flush()?;
                self.wire.swallow();
                return Err(End::Lost);
            }
            Some(Act::Reset) => return Err(End::Reset),
            Some(Act::Cut | Act::PlaintextInsteadOfTls | Act::StoreThenCut | Act::TlsAlert) => return Err(End::Cut),
        };
        self.say(&reply);
        if reply.starts_with("421") {
            return Err(End::Cut);
        }
        Ok(reply.starts_with(if point == Point::Data { '3' } else { '2' }))
    }

    fn command(&mut self, line: &[u8]) -> Step {
        let Some(text) = line.strip_suffix(b"\r\n").and_then(|text| str::from_utf8(text).ok()) else {
            self.note(String::from_utf8_lossy(line).into_owned());
            self.say("500 5.5.2 a command is UTF-8 and ends in CRLF");
            return Ok(());
        };
        let verb = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        self.note(if verb == "AUTH" { masked(text) } else { text.to_owned() });
        // A server that forgets octets minds nothing else.
        if self.wire.is_ahead() && self.must_be_last(&verb) && self.house.host.chunks_unread.is_none() {
            self.say("554 5.5.0 protocol synchronization error");
            return Err(End::Cut);
        }
        match verb.as_str() {
            "QUIT" => self.quit(text),
            _ if self.is_unwelcome => self.reply("503 5.5.1 not today"),
            "EHLO" | "HELO" => self.greet(text, &verb),
            "STARTTLS" => self.starttls(text),
            "AUTH" => self.auth(text),
            "MAIL" => self.mail(text),
            "RCPT" => self.rcpt(text),
            "DATA" => self.data(text),
            "BDAT" if self.house.host.offers("CHUNKING") => self.bdat(text),
            "RSET" => {
                self.mail = None;
                self.reply("250 2.0.0 ok")
            }
            "NOOP" => self.reply("250 2.0.0 ok"),
            "VRFY" => self.reply("252 2.1.5 send it and see"),
            _ => self.reply("500 5.5.2 unknown command"),
        }
    }

    /// Nothing may follow these in a group (RFC 2920 section 3.1); without PIPELINING there are no groups.
    fn must_be_last(&self, verb: &str) -> bool {
        match verb {
            "BDAT" => false,
            "DATA" | "EHLO" | "HELO" | "STARTTLS" => true,
            _ => !self.house.host.offers("PIPELINING"),
        }
    }

    /// Replies without asking the script.
    pub(super) fn reply(&mut self, reply: &str) -> Step {
        self.say(reply);
        Ok(())
    }

    fn quit(&mut self, line: &str) -> Step {
        self.answer(Point::Quit, line.as_bytes(), "221 2.0.0 bye")?;
        Err(End::Quit)
    }

    fn greet(&mut self, line: &str, verb: &str) -> Step {
        let usual = match (verb, line.len() > "EHLO ".len()) {
            (_, false) => "501 5.5.4 and who are you?".to_owned(),
            ("EHLO", true) => multiline("250", &self.house.host.introduction(self.wire.tls().is_some())),
            (_, true) => "250 smarthost.test".to_owned(),
        };
        if self.answer(Point::Ehlo, line.as_bytes(), &usual)? {
            self.is_greeted = true;
            self.mail = None;
        }
        Ok(())
    }

    fn starttls(&mut self, line: &str) -> Step {
        let usual = match (self.house.host.encryption, self.wire.tls()) {
            (_, Some(_)) => "503 5.5.1 TLS already active",
            (Encryption::Starttls, None) => "220 2.0.0 go ahead",
            (_, None) => "502 5.5.1 STARTTLS not offered",
        };
        if self.answer(Point::Starttls, line.as_bytes(), usual)? {
            self.wire.flush()?;
            self.secure()?;
            // RFC 3207 section 4.2: the server forgets what was said in clear.
            (self.is_greeted, self.login, self.mail) = (false, None, None);
        }
        Ok(())
    }

    fn auth(&mut self, line: &str) -> Step {
        let proof = match (self.is_greeted, &self.login, &self.mail) {
            (false, ..) => Err("503 5.5.1 EHLO first".to_owned()),
            (_, Some(_), _) | (_, _, Some(_)) => Err("503 5.5.1 not now".to_owned()),
            _ if self.is_in_clear() => Err("538 5.7.11 encryption required".to_owned()),
            _ => self.log_in(line)?,
        };
        let usual = proof.as_ref().map_or_else(String::as_str, |_| "235 2.7.0 accepted").to_owned();
        if self.answer(Point::Auth, line.as_bytes(), &usual)? {
            self.login = Some(proof.unwrap_or_default());
        }
        Ok(())
    }

    /// TLS is offered, and was not asked for.
    pub(super) fn is_in_clear(&self) -> bool {
        self.house.host.encryption == Encryption::Starttls && self.wire.tls().is_none()
    }

    fn note(&self, command: String) {
        self.house.journal.update(self.number, |connection| connection.commands.push(command));
    }
}

/// A command line of AUTH with its secret hidden.
fn masked(line: &str) -> String {
    let mut words = line.splitn(3, ' ');
    let open = [words.next(), words.next()].into_iter().flatten();
    open.chain(words.next().map(|_| "***")).collect::<Vec<_>>().join(" ")
}

/// A reply of several lines (RFC 5321 section 4.2.1).
fn multiline(code: &str, lines: &[String]) -> String {
    let last = lines.len().saturating_sub(1);
    let mark = |at| if at == last { ' ' } else { '-' };
    lines.iter().enumerate().map(|(at, line)| format!("{code}{}{line}\r\n", mark(at))).collect()
}

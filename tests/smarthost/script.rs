//! The script of a smarthost: its faults, their places in the dialogue, and how often they come.
//!
//! Rules are asked in the order they were given and the first that fits wins. Each rule counts on its own, over all
//! connections, how often the dialogue has come to it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A place in the dialogue, in the order a client comes to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The TCP connection stands, and nobody has spoken.
    Connect,
    /// The client has begun TLS, at once or after STARTTLS.
    Handshake,
    /// The 220 that opens the dialogue.
    Greeting,
    /// The reply to EHLO or HELO.
    Ehlo,
    /// The reply to STARTTLS.
    Starttls,
    /// The reply to the last line of AUTH.
    Auth,
    /// The reply to MAIL.
    Mail,
    /// The reply to RCPT.
    Rcpt,
    /// The reply to DATA, before the content.
    Data,
    /// The reply to the final dot or to BDAT LAST; the text to match is the content.
    Content,
    /// The reply to QUIT.
    Quit,
}

/// The condition of a rule: a point, and the number of the visit there.
#[derive(Clone, Debug)]
pub(crate) struct On {
    point: Point,
    text: Option<String>,
    skip: usize,
    times: usize,
}

impl On {
    /// Every visit to that point.
    pub(crate) fn at(point: Point) -> Self {
        Self { point, text: None, skip: 0, times: usize::MAX }
    }

    /// The command line, or the content, has to hold this text.
    pub(crate) fn containing(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// The first `n` of them do not count.
    pub(crate) fn skip(mut self, n: usize) -> Self {
        self.skip = n;
        self
    }

    /// No more than `n` of them count.
    pub(crate) fn times(mut self, n: usize) -> Self {
        self.times = n;
        self
    }

    fn fits(&self, point: Point, text: &[u8]) -> bool {
        let holds = |part: &str| part.is_empty() || text.windows(part.len()).any(|window| window == part.as_bytes());
        self.point == point && self.text.as_deref().is_none_or(holds)
    }
}

impl From<Point> for On {
    fn from(point: Point) -> Self {
        Self::at(point)
    }
}

/// The act in place of the usual reply.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// The usual reply, once so many connections have come; not at `Connect` and `Handshake`.
    AwaitConnections(usize),
    /// Close the connection, without a farewell of TLS; replies already due are still sent.
    Cut,
    /// The usual reply, one byte per interval; at the handshake, the server's side of it.
    Drip(Duration),
    /// These bytes, over and over until the client goes away.
    Flood(Vec<u8>),
    /// These bytes for a reply.
    Garbage(Vec<u8>),
    /// No TLS although the client expects it; only at `Connect` and `Handshake`.
    PlaintextInsteadOfTls,
    /// This reply, of one or more lines. A positive one takes effect, a 421 closes the connection.
    Reply(String),
    /// Tear the connection down with a TCP reset.
    Reset,
    /// Say nothing until the client goes away or the server is stopped.
    Stall,
    /// Accept the mail, then `Cut`; only at `Content`, like the next two.
    StoreThenCut,
    /// Accept the mail, but answer this.
    StoreThenReply(String),
    /// Accept the mail, then `Stall`.
    StoreThenStall,
    /// Refuse the handshake with a fatal alert; only at `Handshake`.
    TlsAlert,
}

impl Act {
    /// `Reply`, without the `.to_owned()`.
    pub(crate) fn reply(text: &str) -> Self {
        Self::Reply(text.to_owned())
    }

    /// The mail is kept, whatever the client is told.
    pub(super) fn is_storing(&self) -> bool {
        matches!(self, Act::StoreThenCut | Act::StoreThenReply(_) | Act::StoreThenStall)
    }

    fn suits(&self, point: Point) -> bool {
        match self {
            Act::StoreThenCut | Act::StoreThenReply(_) | Act::StoreThenStall => point == Point::Content,
            Act::PlaintextInsteadOfTls => matches!(point, Point::Connect | Point::Handshake),
            Act::TlsAlert => point == Point::Handshake,
            Act::AwaitConnections(_) => !matches!(point, Point::Connect | Point::Handshake),
            Act::Drip(_) => point != Point::Connect,
            _ => true,
        }
    }
}

#[derive(Debug)]
struct Rule {
    on: On,
    act: Act,
    visits: AtomicUsize,
}

/// All rules of one smarthost.
#[derive(Debug, Default)]
pub(super) struct Script {
    rules: Vec<Rule>,
}

impl Script {
    pub(super) fn add(&mut self, on: On, act: Act) {
        assert!(act.suits(on.point), "{act:?} makes no sense at {:?}", on.point);
        self.rules.push(Rule { on, act, visits: AtomicUsize::new(0) });
    }

    /// The act that the script wants at this visit; `None` if it wants the usual reply.
    pub(super) fn next(&self, point: Point, text: &[u8]) -> Option<Act> {
        self.rules.iter().find_map(|rule| {
            if !rule.on.fits(point, text) {
                return None;
            }
            let visit = rule.visits.fetch_add(1, Ordering::SeqCst);
            let is_due = visit >= rule.on.skip && visit - rule.on.skip < rule.on.times;
            is_due.then(|| rule.act.clone())
        })
    }
}

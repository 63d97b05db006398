//! The events that the smarthost saw: mails taken, connections served.
//!
//! Everything is written down as it happens, so a connection still open shows what it has done so far. Waiting is by
//! condition variable: nobody polls.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A mail the smarthost has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// The number of the connection it came by.
    pub(crate) connection: usize,
    /// The user that had logged in.
    pub(crate) login: Option<String>,
    /// The parameters of MAIL (`SIZE=400`), in their order.
    pub(crate) mail_parameters: Vec<String>,
    /// The address of MAIL, empty for the null reverse-path.
    pub(crate) reverse_path: String,
    /// The accepted recipients, each with its parameters behind it (`root@example.test NOTIFY=NEVER`).
    pub(crate) recipients: Vec<String>,
    /// The content as it was sent, dots stuffed and the final dot included; of BDAT, the octets of all chunks.
    pub(crate) wire: Vec<u8>,
    /// The content, unstuffed.
    pub(crate) content: Vec<u8>,
    /// `DATA` or `BDAT`.
    pub(crate) via: &'static str,
    /// The version of TLS (`TLSv1.3`), if there was any.
    pub(crate) tls: Option<String>,
}

impl Received {
    /// The addresses of the recipients, without parameters.
    pub(crate) fn addresses(&self) -> Vec<&str> {
        self.recipients.iter().map(|recipient| recipient.split(' ').next().unwrap_or_default()).collect()
    }

    /// The values of all fields of that name, unfolded (RFC 5322 section 2.2.3) and otherwise raw.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let mut fields: Vec<String> = Vec::new();
        for line in String::from_utf8_lossy(self.head()).split_terminator("\r\n") {
            match fields.last_mut() {
                Some(field) if line.starts_with([' ', '\t']) => field.push_str(line),
                _ => fields.push(line.to_owned()),
            }
        }
        let pairs = fields.iter().filter_map(|field| field.split_once(':'));
        pairs.filter(|(n, _)| n.trim_end().eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_owned()).collect()
    }

    /// The octets after the empty line; none if there is none.
    pub(crate) fn body(&self) -> &[u8] {
        let head = self.head().len();
        self.content.get(head + 2..).unwrap_or_default()
    }

    /// Faults that a strict receiver could object to; empty for a well-formed mail.
    pub(crate) fn oddities(&self) -> Vec<String> {
        let content = &self.content;
        let count =
            |is_odd: &dyn Fn(usize, u8) -> bool| content.iter().enumerate().filter(|(i, b)| is_odd(*i, **b)).count();
        let declares = |what: &str| self.mail_parameters.iter().any(|given| given.eq_ignore_ascii_case(what));
        let head = self.head().len();
        let is_8bit_allowed = declares("BODY=8BITMIME") || declares("BODY=BINARYMIME");
        let checks = [
            ("bare CR", count(&|i, b| b == b'\r' && content.get(i + 1) != Some(&b'\n'))),
            ("bare LF", count(&|i, b| b == b'\n' && (i == 0 || content[i - 1] != b'\r'))),
            ("NUL", count(&|_, b| b == 0)),
            ("line over 998", content.split(|b| *b == b'\n').filter(|line| text_length(line) > 998).count()),
            ("8-bit in header", if declares("SMTPUTF8") { 0 } else { count(&|i, b| i < head && b >= 0x80) }),
            ("undeclared 8-bit in body", if is_8bit_allowed { 0 } else { count(&|i, b| i >= head && b >= 0x80) }),
        ];
        checks.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{what} ({n})")).collect()
    }

    /// The header section with the line end of its last field.
    fn head(&self) -> &[u8] {
        if self.content.starts_with(b"\r\n") {
            return &[];
        }
        let end = self.content.windows(4).position(|window| window == b"\r\n\r\n");
        &self.content[..end.map_or(self.content.len(), |end| end + 2)]
    }
}

/// The octets of a line without the CR of its end.
fn text_length(line: &[u8]) -> usize {
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

/// The start of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// It stands, with this version.
    Done(String),
    /// It failed, for this reason.
    Failed(String),
    /// Nobody has tried.
    #[default]
    None,
}

/// One connection, as far as it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Its number, from 0 in the order of arrival.
    pub(crate) number: usize,
    /// The command lines seen, with the arguments of AUTH masked.
    pub(crate) commands: Vec<String>,
    /// The start of TLS.
    pub(crate) handshake: Handshake,
    /// It is still open.
    pub(crate) is_open: bool,
    /// The client said QUIT and was answered.
    pub(crate) is_quit: bool,
    /// The number of connections that were open when it arrived, itself included.
    pub(crate) open_at_once: usize,
    /// The number of batches in which replies went out: the round trips of the dialogue.
    pub(crate) turns: usize,
}

#[derive(Debug, Default)]
struct Pages {
    mails: Vec<Received>,
    connections: Vec<Connection>,
}

/// The memory of one smarthost, shared by its connections.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pages: Mutex<Pages>,
    changed: Condvar,
}

impl Journal {
    /// Writes down a new connection; returns its number.
    pub(super) fn open(&self) -> usize {
        let mut pages = self.pages();
        let number = pages.connections.len();
        let open_at_once = pages.connections.iter().filter(|connection| connection.is_open).count() + 1;
        pages.connections.push(Connection { number, is_open: true, open_at_once, ..Connection::default() });
        self.changed.notify_all();
        number
    }

    pub(super) fn update(&self, number: usize, change: impl FnOnce(&mut Connection)) {
        change(&mut self.pages().connections[number]);
        self.changed.notify_all();
    }

    /// Keeps a mail; returns the number of mails.
    pub(super) fn keep(&self, mail: Received) -> usize {
        let mut pages = self.pages();
        pages.mails.push(mail);
        self.changed.notify_all();
        pages.mails.len()
    }

    pub(super) fn mails(&self) -> Vec<Received> {
        self.pages().mails.clone()
    }

    pub(super) fn connections(&self) -> Vec<Connection> {
        self.pages().connections.clone()
    }

    pub(super) fn wait_for_mails(&self, n: usize, limit: Duration) -> bool {
        self.wait_while(limit, |pages| pages.mails.len() < n)
    }

    pub(super) fn wait_for_connections(&self, n: usize, limit: Duration) -> bool {
        self.wait_while(limit, |pages| pages.connections.len() < n)
    }

    pub(super) fn wait_for_commands(&self, n: usize, limit: Duration) -> bool {
        self.wait_while(limit, |pages| pages.connections.iter().map(|c| c.commands.len()).sum::<usize>() < n)
    }

    pub(super) fn wait_until_idle(&self, limit: Duration) -> bool {
        self.wait_while(limit, |pages| pages.connections.iter().any(|connection| connection.is_open))
    }

    fn wait_while(&self, limit: Duration, is_early: impl Fn(&Pages) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.pages(), limit, |pages| is_early(pages));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

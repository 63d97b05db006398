//! One connection as commands and replies see it: plain or TLS, each step within its limit.
//!
//! No step of SMTP is known here, only that a command is bytes and an answer is a reply.

use std::io::{self, Read, Write};
use std::time::Duration;

use native_tls::TlsStream;

use super::Smarthost;
use super::deadline::Timed;
use super::reply::{Answer, Replies, ReplyError};
use super::tls::{self, Roots, TlsError};
use super::trouble::{Peer, Trouble};
use crate::outcome::{Scope, Stage};

/// The bytes underneath, protected or not.
pub(super) enum Channel {
    Plain(Timed),
    Tls(Box<TlsStream<Timed>>),
}

impl Channel {
    fn allow(&mut self, limit: Duration) {
        match self {
            Channel::Plain(timed) => timed.allow(limit),
            Channel::Tls(stream) => stream.get_mut().allow(limit),
        }
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Channel::Plain(timed) => timed.read(buffer),
            Channel::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Channel::Plain(timed) => timed.write(bytes),
            Channel::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Channel::Plain(timed) => timed.flush(),
            Channel::Tls(stream) => stream.flush(),
        }
    }
}

/// Why a command or its answer did not get through.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the server closed the connection")]
    Closed,
    #[error("the answer is not SMTP ({0:?}): is another port meant?")]
    Garbage(String),
    #[error("the connection broke ({0})")]
    Lost(String),
    #[error("no complete answer within {0:?}")]
    TimedOut(Duration),
    #[error("the answer has no end")]
    TooLong,
}

impl WireError {
    fn new(error: &io::Error, limit: Duration) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => WireError::TimedOut(limit),
            io::ErrorKind::UnexpectedEof => WireError::Closed,
            // OpenSSL 3 has no kind of its own for a link cut without a TLS farewell.
            _ if error.to_string().contains("unexpected eof") => WireError::Closed,
            _ => WireError::Lost(error.to_string()),
        }
    }
}

/// Last words are on their way already, or there are none.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection with its peer, the bytes that came ahead, and the limit for each step.
pub(super) struct Wire {
    channel: Channel,
    peer: Peer,
    replies: Replies,
    limit: Duration,
    is_usable: bool,
}

impl Wire {
    pub(super) fn new(channel: Channel, peer: Peer, limit: Duration) -> Self {
        Self { channel, peer, replies: Replies::default(), limit, is_usable: true }
    }

    /// Puts TLS on a plain connection. What came ahead of the handshake is forgotten, since anybody on the
    /// way could have put it there (RFC 3207 section 4.2).
    pub(super) fn secured(mut self, smarthost: &Smarthost, roots: Roots) -> Result<Self, Trouble> {
        self.replies.clear();
        if let Channel::Plain(timed) = self.channel {
            let stream = tls::handshake(smarthost, timed, roots).map_err(|error| {
                let mut trouble = self.peer.trouble(Stage::Tls, error.scope(), &error);
                trouble.is_issuer_unknown = matches!(error, TlsError::UnknownIssuer(_));
                trouble
            })?;
            self.channel = Channel::Tls(Box::new(stream));
        }
        Ok(self)
    }

    /// The next handshake may take `limit` from now on.
    pub(super) fn allow(&mut self, limit: Duration) {
        self.channel.allow(limit);
    }

    /// Each command and each reply may take `limit`.
    pub(super) fn limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Nothing has failed so far.
    pub(super) fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// Nothing more is to be said over this connection.
    pub(super) fn give_up(&mut self) {
        self.is_usable = false;
    }

    /// Sends bytes within the limit. A server that gives up says why before it closes: where the bytes no
    /// longer get through, those last words are returned.
    pub(super) fn write(&mut self, stage: Stage, bytes: &[u8]) -> Result<Option<Answer>, Trouble> {
        self.channel.allow(self.limit);
        let Err(error) = self.channel.write_all(bytes).and_then(|()| self.channel.flush()) else { return Ok(None) };
        self.is_usable = false;
        let lost = WireError::new(&error, self.limit);
        self.channel.allow(self.limit.min(LAST_WORDS));
        if !matches!(lost, WireError::TimedOut(_))
            && let Ok(answer) = self.replies.read(&mut self.channel)
            && answer.code >= 400
        {
            return Ok(Some(answer));
        }
        Err(self.peer.trouble(stage, Scope::Host, format!("at {stage}: {lost}")))
    }

    /// Reads one reply within the limit.
    pub(super) fn read(&mut self, stage: Stage) -> Result<Answer, Trouble> {
        self.channel.allow(self.limit);
        self.replies.read(&mut self.channel).map_err(|error| {
            self.is_usable = false;
            let error = match error {
                ReplyError::Io(error) => WireError::new(&error, self.limit),
                ReplyError::Closed => WireError::Closed,
                ReplyError::Garbage(line) => WireError::Garbage(line),
                ReplyError::TooLong => WireError::TooLong,
            };
            self.peer.trouble(stage, Scope::Host, format!("at {stage}: {error}"))
        })
    }

    /// Sends a command and reads its reply, whatever it says.
    pub(super) fn ask(&mut self, stage: Stage, command: &str) -> Result<Answer, Trouble> {
        match self.write(stage, command.as_bytes())? {
            Some(last_words) => Ok(last_words),
            None => self.read(stage),
        }
    }
}

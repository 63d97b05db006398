//! One connection as commands and replies see it: plain or TLS, each step within its limit.
//!
//! No step of SMTP is known here, only that a command is bytes and an answer is a reply.

use std::io::{self, Read, Write};
use std::time::Duration;

use native_tls::TlsStream;

use super::deadline::Timed;
use super::redaction::Redaction;
use super::reply::{Answer, Replies, ReplyError};
use super::tls::{Handshake, shake_hands};
use super::tls_error::TlsError;
use super::trouble::{Peer, Trouble};
use super::{Certificate, Client, Dialogue, dialogue, server_hello};
use crate::outcome::{Scope, Stage};

/// The bytes underneath, protected or not.
pub(super) enum Stream {
    Plain(Timed),
    Tls(Box<TlsStream<Timed>>),
}

impl Stream {
    /// Below TLS.
    fn timed(&mut self) -> &mut Timed {
        match self {
            Stream::Plain(timed) => timed,
            Stream::Tls(stream) => stream.get_mut(),
        }
    }

    fn allow(&mut self, limit: Duration) {
        self.timed().allow(limit);
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(timed) => timed.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(timed) => timed.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(timed) => timed.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

/// Why a command or its answer did not get through.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChannelError {
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

impl ChannelError {
    fn new(error: &io::Error, limit: Duration) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => ChannelError::TimedOut(limit),
            io::ErrorKind::UnexpectedEof => ChannelError::Closed,
            // OpenSSL 3 has no kind of its own for a link cut without a TLS farewell.
            _ if error.to_string().contains("unexpected eof") => ChannelError::Closed,
            _ => ChannelError::Lost(error.to_string()),
        }
    }
}

/// Last words are on their way already, or there are none.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection with its peer, the bytes that came ahead, and the limit for each step.
pub(super) struct Channel {
    stream: Stream,
    peer: Peer,
    replies: Replies,
    redaction: Redaction,
    dialogue: Dialogue,
    limit: Duration,
    /// How long a mail would wait for a reply, where `limit` is that of a person who looks on.
    wait_of_mail: Option<Duration>,
    is_usable: bool,
    /// No reply is to be hoped for any more.
    is_silent: bool,
}

impl Channel {
    /// `timeout` is what a mail would wait for each reply.
    pub(super) fn new(stream: Stream, peer: Peer, client: &Client, timeout: Duration) -> Self {
        let limit = client.limit(timeout);
        Self {
            stream,
            peer,
            replies: Replies::default(),
            redaction: Redaction::default(),
            dialogue: client.dialogue,
            limit,
            wait_of_mail: (limit < timeout).then_some(timeout),
            is_usable: true,
            is_silent: false,
        }
    }

    /// Puts TLS on a plain connection. Nothing may have come ahead of the handshake: anybody on the way could have
    /// put it there (RFC 3207 section 4.2).
    pub(super) fn secured(mut self, handshake: Handshake<'_>) -> Result<Self, Trouble> {
        if self.replies.has_more() {
            let why = "more than one answer came to STARTTLS: somebody on the way may be tampering with the connection";
            return Err(self.peer.trouble(Stage::Tls, Scope::Host, why));
        }
        if let Stream::Plain(timed) = self.stream {
            let stream = shake_hands(handshake, timed).map_err(|error| {
                let mut trouble = self.peer.trouble(Stage::Tls, error.scope(), &error);
                trouble.is_issuer_unknown = matches!(error, TlsError::UnknownIssuer(_));
                trouble
            })?;
            self.stream = Stream::Tls(Box::new(stream));
        }
        Ok(self)
    }

    /// The other side's certificate.
    pub(super) fn certificate(&self) -> Option<Certificate> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => Certificate::of(stream),
        }
    }

    /// Version and cipher suite, without TLS none.
    pub(super) fn tls_agreed(&self) -> Option<String> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => server_hello::tls_agreed(stream.get_ref().start()),
        }
    }

    /// The next handshake may take `limit` from now on.
    pub(super) fn allow(&mut self, limit: Duration) {
        self.stream.allow(limit);
    }

    /// Each command and each reply may take `limit`.
    pub(super) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What no refusal is to bring back to us.
    pub(super) fn redaction(&mut self) -> &mut Redaction {
        &mut self.redaction
    }

    /// The answer as others may read it.
    pub(super) fn redacted(&self, answer: &Answer) -> Answer {
        Answer { code: answer.code, lines: answer.lines.iter().map(|line| self.redaction.redacted(line)).collect() }
    }

    /// Nothing has failed so far.
    pub(super) fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// Nothing more is to be said over this connection.
    pub(super) fn give_up(&mut self) {
        self.is_usable = false;
    }

    /// Nothing more is to be said, and nothing to be believed.
    pub(super) fn distrust(&mut self) {
        self.is_usable = false;
        self.is_silent = true;
    }

    /// Sends bytes within the limit; what comes meanwhile is kept for [`read`](Self::read).
    pub(super) fn write(&mut self, stage: Stage, bytes: &[u8]) -> Result<(), Trouble> {
        if self.dialogue == Dialogue::Shown {
            dialogue::said(stage, bytes);
        }
        self.stream.allow(self.limit);
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).map_err(|error| {
            let lost = ChannelError::new(&error, self.limit);
            self.lost(stage, &lost)
        })
    }

    /// A server that gives up says why before it closes. Where bytes no longer get through, those are its last words.
    pub(super) fn last_words(&mut self, stage: Stage) -> Option<Answer> {
        self.limit = self.limit.min(LAST_WORDS);
        if self.is_silent { None } else { self.read(stage).ok() }
    }

    /// Reads one reply within the limit.
    pub(super) fn read(&mut self, stage: Stage) -> Result<Answer, Trouble> {
        self.stream.allow(self.limit);
        let answer = self.replies.read(&mut self.stream).map_err(|error| {
            let error = match error {
                ReplyError::Io(error) => ChannelError::new(&error, self.limit),
                ReplyError::Closed => ChannelError::Closed,
                ReplyError::Garbage(line) => ChannelError::Garbage(self.redaction.redacted(&line)),
                ReplyError::TooLong => ChannelError::TooLong,
            };
            self.lost(stage, &error)
        })?;
        let answer = if answer.code >= 400 { self.redacted(&answer) } else { answer };
        if self.dialogue == Dialogue::Shown {
            dialogue::heard(stage, &answer);
        }
        Ok(answer)
    }

    /// What each reply may take.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Below TLS.
    pub(super) fn timed(&self) -> &Timed {
        match &self.stream {
            Stream::Plain(timed) => timed,
            Stream::Tls(stream) => stream.get_ref(),
        }
    }

    /// Takes in the replies that have come by now, so that they are at hand.
    pub(super) fn read_ahead(&mut self) {
        self.stream.timed().hurry(true);
        self.replies.read_ahead(&mut self.stream);
        self.stream.timed().hurry(false);
    }

    /// How many replies can be read without waiting.
    pub(super) fn replies_at_hand(&self) -> usize {
        self.replies.at_hand()
    }

    /// Sends a command and reads its reply, whatever it says.
    pub(super) fn ask(&mut self, stage: Stage, command: &str) -> Result<Answer, Trouble> {
        match self.write(stage, command.as_bytes()) {
            Ok(()) => self.read(stage),
            Err(trouble) => self.last_words(stage).filter(|answer| answer.code >= 400).ok_or(trouble),
        }
    }

    fn lost(&mut self, stage: Stage, error: &ChannelError) -> Trouble {
        self.is_usable = false;
        self.is_silent |= !matches!(error, ChannelError::Lost(_) | ChannelError::Closed);
        // Silence up to here is no proof of the trouble that the advice after it is about.
        let but = match (error, self.wait_of_mail) {
            (ChannelError::TimedOut(_), Some(wait)) => format!("; a mail waits for one up to {wait:?}"),
            _ => String::new(),
        };
        self.peer.trouble(stage, Scope::Host, format!("at {stage}: {error}{but}"))
    }
}

//! One connection as commands and replies see it: plain or TLS, each step within its limit.
//!
//! No step of SMTP is known here, only that a command is bytes and an answer is a reply.

use std::io::{self, Read, Write};
use std::time::Duration;

use native_tls::TlsStream;

use super::deadline::Timed;
use super::mask::Mask;
use super::reply::{Answer, Replies, ReplyError};
use super::tls::{Handshake, shake_hands};
use super::tls_error::TlsError;
use super::trouble::{Peer, Trouble};
use super::{Certificate, Client, Dialogue, agreed, dialogue};
use crate::outcome::{Scope, Stage};

/// The bytes underneath, protected or not.
pub(super) enum Channel {
    Plain(Timed),
    Tls(Box<TlsStream<Timed>>),
}

impl Channel {
    /// Below TLS.
    fn timed(&mut self) -> &mut Timed {
        match self {
            Channel::Plain(timed) => timed,
            Channel::Tls(stream) => stream.get_mut(),
        }
    }

    fn allow(&mut self, limit: Duration) {
        self.timed().allow(limit);
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
    mask: Mask,
    dialogue: Dialogue,
    limit: Duration,
    /// How long a mail would wait for a reply, where `limit` is that of a person who looks on.
    wait_of_mail: Option<Duration>,
    is_usable: bool,
    /// No reply is to be hoped for any more.
    is_silent: bool,
}

impl Wire {
    /// `timeout` is what a mail would wait for each reply.
    pub(super) fn new(channel: Channel, peer: Peer, client: &Client, timeout: Duration) -> Self {
        let limit = client.limit(timeout);
        Self {
            channel,
            peer,
            replies: Replies::default(),
            mask: Mask::default(),
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
        if let Channel::Plain(timed) = self.channel {
            let stream = shake_hands(handshake, timed).map_err(|error| {
                let mut trouble = self.peer.trouble(Stage::Tls, error.scope(), &error);
                trouble.is_issuer_unknown = matches!(error, TlsError::UnknownIssuer(_));
                trouble
            })?;
            self.channel = Channel::Tls(Box::new(stream));
        }
        Ok(self)
    }

    /// The other side's certificate.
    pub(super) fn certificate(&self) -> Option<Certificate> {
        match &self.channel {
            Channel::Plain(_) => None,
            Channel::Tls(stream) => Certificate::of(stream),
        }
    }

    /// Version and cipher suite, without TLS none.
    pub(super) fn agreed(&self) -> Option<String> {
        match &self.channel {
            Channel::Plain(_) => None,
            Channel::Tls(stream) => agreed::told(stream.get_ref().start()),
        }
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

    /// What no refusal is to bring back to us.
    pub(super) fn mask(&mut self) -> &mut Mask {
        &mut self.mask
    }

    /// The answer as others may read it.
    pub(super) fn masked(&self, answer: &Answer) -> Answer {
        Answer { code: answer.code, lines: answer.lines.iter().map(|line| self.mask.over(line)).collect() }
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
        self.channel.allow(self.limit);
        self.channel.write_all(bytes).and_then(|()| self.channel.flush()).map_err(|error| {
            let lost = WireError::new(&error, self.limit);
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
        self.channel.allow(self.limit);
        let answer = self.replies.read(&mut self.channel).map_err(|error| {
            let error = match error {
                ReplyError::Io(error) => WireError::new(&error, self.limit),
                ReplyError::Closed => WireError::Closed,
                ReplyError::Garbage(line) => WireError::Garbage(self.mask.over(&line)),
                ReplyError::TooLong => WireError::TooLong,
            };
            self.lost(stage, &error)
        })?;
        let answer = if answer.code >= 400 { self.masked(&answer) } else { answer };
        if self.dialogue == Dialogue::Shown {
            dialogue::heard(stage, &answer);
        }
        Ok(answer)
    }

    /// What each reply may take.
    pub(super) fn patience(&self) -> Duration {
        self.limit
    }

    /// Below TLS.
    pub(super) fn timed(&self) -> &Timed {
        match &self.channel {
            Channel::Plain(timed) => timed,
            Channel::Tls(stream) => stream.get_ref(),
        }
    }

    /// Takes in the replies that have come by now, so that they are at hand.
    pub(super) fn take_in(&mut self) {
        self.channel.timed().hurry(true);
        self.replies.take_in(&mut self.channel);
        self.channel.timed().hurry(false);
    }

    /// How many replies can be read without waiting.
    pub(super) fn at_hand(&self) -> usize {
        self.replies.at_hand()
    }

    /// Sends a command and reads its reply, whatever it says.
    pub(super) fn ask(&mut self, stage: Stage, command: &str) -> Result<Answer, Trouble> {
        match self.write(stage, command.as_bytes()) {
            Ok(()) => self.read(stage),
            Err(trouble) => self.last_words(stage).filter(|answer| answer.code >= 400).ok_or(trouble),
        }
    }

    fn lost(&mut self, stage: Stage, error: &WireError) -> Trouble {
        self.is_usable = false;
        self.is_silent |= !matches!(error, WireError::Lost(_) | WireError::Closed);
        // Silence up to here is no proof of the trouble that the advice after it is about.
        let but = match (error, self.wait_of_mail) {
            (WireError::TimedOut(_), Some(wait)) => format!("; a mail waits for one up to {wait:?}"),
            _ => String::new(),
        };
        self.peer.trouble(stage, Scope::Host, format!("at {stage}: {error}{but}"))
    }
}

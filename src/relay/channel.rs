//! The transmission channel (RFC 5321 section 2.1): commands go out and replies come in, each within its limit.
//!
//! This file knows no step of SMTP. A command is bytes, and an answer is a reply.

use std::io::{self, Write};
use std::time::Duration;

use super::deadline::Timed;
use super::redaction::Redaction;
use super::reply::{Answer, Replies, ReplyError};
use super::stream::Stream;
use super::tls::{Handshake, shake_hands};
use super::tls_error::TlsError;
use super::trouble::{Peer, Trouble};
use super::{Certificate, Client, Dialogue, server_hello, transcript};
use crate::outcome::{Scope, Stage};

/// The reason why a command or its reply did not get through.
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
            // OpenSSL 3 has no error kind of its own for a link that is cut without a farewell of TLS.
            _ if error.to_string().contains("unexpected eof") => ChannelError::Closed,
            _ => ChannelError::Lost(error.to_string()),
        }
    }
}

/// The wait for last words: they are on their way already, or there are no such words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A channel to a server.
pub(super) struct Channel {
    stream: Stream,
    peer: Peer,
    replies: Replies,
    redaction: Redaction,
    dialogue: Dialogue,
    /// The time for each command and each reply.
    limit: Duration,
    /// The time for which a mail would wait for a reply, if `limit` is that of a person who looks on.
    wait_of_mail: Option<Duration>,
    /// Another command may be sent.
    is_usable: bool,
    /// No reply will come any more that could be believed.
    is_silent: bool,
}

impl Channel {
    /// `timeout` is how long a mail would wait for each reply.
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

    /// Puts TLS on a plain channel. Nothing may have come ahead of the handshake: anybody on the way could have sent it
    /// (RFC 3207 section 4.2).
    pub(super) fn secured(mut self, handshake: Handshake<'_>) -> Result<Self, Trouble> {
        if self.replies.has_more() {
            let why = "more than one answer came to STARTTLS: somebody on the way may be tampering with the connection";
            return Err(self.peer.trouble(Stage::Tls, Scope::Host, why));
        }
        if let Stream::Plain(timed) = self.stream {
            let stream = shake_hands(handshake, timed).map_err(|error| {
                let mut trouble = self.peer.trouble(Stage::Tls, error.scope(), &error);
                trouble.is_issuer_unknown = matches!(error, TlsError::UnknownIssuer(_));
                trouble.is_name_wrong = matches!(error, TlsError::WrongHost(_));
                trouble
            })?;
            self.stream = Stream::Tls(Box::new(stream));
        }
        Ok(self)
    }

    /// The server's certificate, if there is TLS.
    pub(super) fn certificate(&self) -> Option<Certificate> {
        self.stream.tls().and_then(Certificate::of)
    }

    /// The version of TLS and the cipher suite, if there is TLS.
    pub(super) fn tls_agreed(&self) -> Option<String> {
        server_hello::tls_agreed(self.stream.tls()?.get_ref().start())
    }

    /// The handshake may take `limit` from now on.
    pub(super) fn allow(&mut self, limit: Duration) {
        self.stream.timed_mut().allow(limit);
    }

    /// From now on each command and each reply may take `limit`.
    pub(super) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// From now on the server has the time that it has without our hurry: `timeout` for a mail.
    pub(super) fn take_time(&mut self, client: &Client, timeout: Duration) {
        self.limit = client.limit(timeout);
        self.wait_of_mail = (self.limit < timeout).then_some(timeout);
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The secrets that no reply may bring back to us.
    pub(super) fn redaction(&mut self) -> &mut Redaction {
        &mut self.redaction
    }

    /// The answer as others may read it.
    pub(super) fn redacted(&self, answer: &Answer) -> Answer {
        Answer { code: answer.code, lines: answer.lines.iter().map(|line| self.redaction.redact(line)).collect() }
    }

    /// Nothing has failed so far, so that another command may be sent.
    pub(super) fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// From now on no command may be sent.
    pub(super) fn give_up(&mut self) {
        self.is_usable = false;
    }

    /// From now on no command may be sent, and no reply is believed.
    pub(super) fn distrust(&mut self) {
        self.is_usable = false;
        self.is_silent = true;
    }

    /// Sends bytes within the limit. Bytes that come meanwhile are kept for [`receive`](Self::receive).
    pub(super) fn send(&mut self, stage: Stage, bytes: &[u8]) -> Result<(), Trouble> {
        if self.dialogue == Dialogue::Shown {
            transcript::show_sent(stage, bytes);
        }
        self.stream.timed_mut().allow(self.limit);
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).map_err(|error| {
            let error = ChannelError::new(&error, self.limit);
            self.fail(stage, &error)
        })
    }

    /// Reads what the server said before it closed the connection: a server that gives up says why.
    pub(super) fn last_words(&mut self, stage: Stage) -> Option<Answer> {
        self.limit = self.limit.min(LAST_WORDS);
        if self.is_silent { None } else { self.receive(stage).ok() }
    }

    /// Reads one reply within the limit.
    pub(super) fn receive(&mut self, stage: Stage) -> Result<Answer, Trouble> {
        self.stream.timed_mut().allow(self.limit);
        let answer = self.replies.read(&mut self.stream).map_err(|error| {
            let error = match error {
                ReplyError::Io(error) => ChannelError::new(&error, self.limit),
                ReplyError::Closed => ChannelError::Closed,
                ReplyError::Garbage(line) => ChannelError::Garbage(self.redaction.redact(&line)),
                ReplyError::TooLong => ChannelError::TooLong,
            };
            self.fail(stage, &error)
        })?;
        let redacted = self.redacted(&answer);
        if self.dialogue == Dialogue::Shown {
            transcript::show_received(stage, &redacted);
        }
        // We act on these two as they are. Nobody else reads them.
        let is_offer = stage == Stage::Ehlo && answer.is_class(2);
        let is_challenge = stage == Stage::Auth && answer.code == 334;
        Ok(if is_offer || is_challenge { answer } else { redacted })
    }

    /// The time for each reply.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// The TCP stream below.
    pub(super) fn timed(&self) -> &Timed {
        self.stream.timed()
    }

    /// Reads the replies that have come by now, and waits for no other.
    pub(super) fn read_ahead(&mut self) {
        self.stream.timed_mut().set_waiting(false);
        self.replies.read_available(&mut self.stream);
        self.stream.timed_mut().set_waiting(true);
    }

    /// Something of a reply has come that nobody has asked for yet.
    pub(super) fn has_come(&self) -> bool {
        self.replies.at_hand() > 0 || self.timed().has_ahead()
    }

    /// The number of replies that can be read without waiting.
    pub(super) fn replies_at_hand(&self) -> usize {
        self.replies.at_hand()
    }

    /// Sends a command and reads its reply, which accepts or refuses it.
    pub(super) fn ask(&mut self, stage: Stage, command: &str) -> Result<Answer, Trouble> {
        match self.send(stage, command.as_bytes()) {
            Ok(()) => self.receive(stage),
            Err(trouble) => self.last_words(stage).filter(|answer| answer.code >= 400).ok_or(trouble),
        }
    }

    /// Gives up the channel, and says why.
    fn fail(&mut self, stage: Stage, error: &ChannelError) -> Trouble {
        self.is_usable = false;
        self.is_silent |= !matches!(error, ChannelError::Lost(_) | ChannelError::Closed);
        // A mail waits longer, so this silence proves nothing yet.
        let but = match (error, self.wait_of_mail) {
            (ChannelError::TimedOut(_), Some(wait)) => format!("; a mail waits for one up to {wait:?}"),
            _ => String::new(),
        };
        self.peer.trouble(stage, Scope::Host, format!("at {stage}: {error}{but}"))
    }
}

//! Mails under way over one session, answered in the order in which they were begun.
//!
//! How far one is written ahead of the replies is the server's choice (RFC 2920, RFC 3030): with CHUNKING a small mail
//! goes out whole, envelope and content in one write, and the next may follow before it is answered; with
//! PIPELINING alone the envelope is one group, and the next mail's goes behind this one's final dot; with neither, or
//! where that has not worked, each command waits for its reply. A large content waits for its envelope's replies, so that
//! it is not sent for nobody.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::AsFd;

use lettre::transport::smtp::commands::{Data, Rset};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use zeroize::Zeroizing;

use super::chunks::{Chunk, Chunks, DotStuffing};
use super::login::Ahead;
use super::mail::{EnvelopeCommands, Mail};
use super::reply::Answer;
use super::session::Session;
use super::transaction::{Awaited, Handed, Transaction};
use super::trouble::{Peer, Trouble};
use crate::outcome::{EnhancedStatus, Outcome, Scope, Stage, Status};

/// Replies to chunks that may be owing: no server has to hold more of them back.
const MOST_OWING: usize = 32;

/// Commands that go out in one write; its memory is wiped.
type Group = Zeroizing<Vec<u8>>;

/// How a session hands over its mails.
pub(super) struct Window {
    /// Commands go out in groups.
    groups: bool,
    /// The content goes out in BDAT, in the group.
    chunks: bool,
    under_way: VecDeque<Transaction>,
    /// Mails that the server has taken over this connection.
    taken: usize,
    /// As far as was heard, the server has a transaction open.
    is_open: bool,
    /// The login that is to go with the first mail; kept until it is answered.
    login: Option<Ahead>,
}

impl Session {
    /// Hands over one mail as far as the server lets us without a word; [`finish`](Self::finish) tells what becomes of
    /// it. `content` is in wire form: lines end in CRLF, dots are not doubled yet. It is not needed any more when this
    /// returns.
    pub(crate) fn begin(&mut self, mail: &Mail<'_>, content: &mut dyn Read) {
        let mut pieces = Chunks::of(content);
        let first = self
            .check(mail)
            .and_then(|()| pieces.next().map_err(|error| unreadable(self.channel.peer(), &error).outcome()));
        let first = match first {
            Ok(first) => first,
            Err(outcome) => {
                return self.window.under_way.push_back(Transaction::ended(mail.recipients.len(), outcome));
            }
        };
        self.window.under_way.push_back(Transaction::new(mail.recipients.len(), self.window.groups));
        if let Err(trouble) = self.hand_over(mail, first, pieces) {
            self.lose(&trouble);
        }
    }

    /// What became of the mail that was begun first; none if no mail is under way.
    pub(crate) fn finish(&mut self) -> Option<Handed> {
        while self.window.under_way.front()?.next().is_some() {
            if let Err(trouble) = self.hear() {
                self.lose(&trouble);
            }
        }
        self.window.under_way.pop_front().map(Transaction::handed)
    }

    /// [`finish`](Self::finish) would not wait.
    pub(crate) fn is_answered(&mut self) -> bool {
        let Some(owing) = self.window.under_way.front().map(Transaction::owing) else { return false };
        if owing > self.channel.at_hand() && self.is_usable() {
            self.channel.take_in();
        }
        owing <= self.channel.at_hand()
    }

    /// How many mails may be under way at once: one until the server has taken one, then one more for each that it
    /// takes; where it wants to be asked for each content, the one asked for and the one before it.
    pub(crate) fn trust(&self) -> usize {
        match (self.window.groups, self.window.chunks) {
            (false, _) => 1,
            (true, false) => 2.min(1 + self.window.taken),
            (true, true) => 1 + self.window.taken,
        }
    }

    /// Waits until the server of one of `sessions` says something; which of them. The first one after the limit for an
    /// answer, so that it is asked and found silent.
    pub(crate) fn first_heard(sessions: &[&Self]) -> usize {
        let is_heard = |session: &&&Self| session.channel.at_hand() > 0 || session.channel.timed().has_ahead();
        if let Some(heard) = sessions.iter().position(|session| is_heard(&session)) {
            return heard;
        }
        let mut sockets: Vec<PollFd<'_>> = sessions
            .iter()
            .map(|session| PollFd::new(session.channel.timed().socket().as_fd(), PollFlags::POLLIN))
            .collect();
        let limit = sessions.iter().map(|session| session.channel.patience()).min().unwrap_or_default();
        // A signal has the first one asked a little early, which costs nothing.
        let _ = poll(&mut sockets, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX));
        sockets.iter().position(|socket| socket.any().unwrap_or(false)).unwrap_or(0)
    }

    /// What can be said before anything is sent.
    fn check(&self, mail: &Mail<'_>) -> Result<(), Outcome> {
        let peer = self.channel.peer();
        if !self.is_usable() {
            return Err(peer.trouble(Stage::Mail, Scope::Host, "the connection is no longer usable").outcome());
        }
        if !mail.recipients.is_empty() && (0..mail.recipients.len()).all(|n| self.is_beyond(mail, n)) {
            return Err(beyond_ascii(peer.relay()));
        }
        match self.capabilities.largest_mail() {
            Some(limit) if limit < mail.size => Err(Outcome {
                status: Status::Bounced,
                stage: Stage::Mail,
                scope: Scope::Message,
                enhanced: EnhancedStatus::new(5, 3, 4),
                reason: format!("the mail has {} bytes, {} takes {limit} at most", mail.size, peer.relay()),
            }),
            _ => Ok(()),
        }
    }

    /// RFC 6531 section 3.5: an address beyond ASCII can only be named to a server that offers SMTPUTF8.
    fn is_beyond(&self, mail: &Mail<'_>, n: usize) -> bool {
        !self.capabilities.smtputf8 && !mail.recipients[n].to_string().is_ascii()
    }

    fn hand_over(&mut self, mail: &Mail<'_>, first: Chunk, pieces: Chunks<'_>) -> Result<(), Trouble> {
        let envelope = EnvelopeCommands::new(mail, &self.capabilities);
        let login = self.window.login.as_ref().map_or(0, |login| login.command.len());
        // It may hold the login, and one that grows would leave copies behind.
        let mut group = Group::new(Vec::with_capacity(login + envelope.len() + first.bytes.len() + 64));
        if let Some(login) = self.window.login.as_ref().filter(|_| self.turn().is_none()) {
            let command = login.command.clone();
            self.say(&mut group, Awaited::Login, &command)?;
        }
        if self.window.is_open && self.turn().is_none() {
            // What an earlier transaction has left behind.
            self.say(&mut group, Awaited::Reset, &Rset.to_string())?;
        }
        self.say(&mut group, Awaited::Mail, &envelope.mail)?;
        for (n, command) in envelope.recipients.iter().enumerate() {
            if self.newest().is_doomed() && !self.window.groups {
                break;
            }
            if self.is_beyond(mail, n) {
                let outcome = beyond_ascii(self.channel.peer().relay());
                self.newest().refuse(n, outcome);
                continue;
            }
            self.say(&mut group, Awaited::Rcpt(n), command)?;
        }
        match (self.window.chunks, first.is_last) {
            (true, true) => self.ride(group, &first),
            (true, false) => self.pour_chunks(group, first, pieces),
            (false, _) => self.pour(group, first, pieces),
        }
    }

    /// The content behind the envelope, in one write.
    fn ride(&mut self, mut group: Group, content: &Chunk) -> Result<(), Trouble> {
        self.chunk(&mut group, content);
        self.newest().has_ended();
        self.channel.write(Stage::Content, &group)
    }

    /// The content in one BDAT after the other, if anybody is to get it.
    fn pour_chunks(&mut self, group: Group, first: Chunk, mut pieces: Chunks<'_>) -> Result<(), Trouble> {
        self.settle(group)?;
        let mut piece = first;
        while !self.newest().is_doomed() {
            let mut chunk = Vec::with_capacity(piece.bytes.len() + 32);
            self.chunk(&mut chunk, &piece);
            if piece.is_last {
                self.newest().has_ended();
            }
            self.channel.write(Stage::Content, &chunk)?;
            if piece.is_last {
                return Ok(());
            }
            while self.newest().owing() > MOST_OWING {
                self.hear()?;
            }
            piece = pieces.next().map_err(|error| self.break_off(&error))?;
        }
        // Nobody is to get it any more. The answers to the chunks that were on their way come before those to the next mail.
        while self.newest().owing() > 0 {
            self.hear()?;
        }
        Ok(())
    }

    /// DATA, its 354, and the content with its final dot.
    fn pour(&mut self, mut group: Group, first: Chunk, mut pieces: Chunks<'_>) -> Result<(), Trouble> {
        if self.window.groups || !self.newest().is_doomed() {
            self.say(&mut group, Awaited::Data, &Data.to_string())?;
        }
        self.settle(group)?;
        if !self.newest().has_go_ahead() {
            return Ok(());
        }
        if self.newest().is_doomed() {
            // RFC 2920 section 3.1: a 354 although nobody is to get the mail.
            self.newest().expect(Awaited::LoneDot);
            return self.channel.write(Stage::Content, b".\r\n");
        }
        self.newest().expect(Awaited::Dot);
        let (mut piece, mut dots) = (first, DotStuffing::new());
        loop {
            let channel = dots.stuffed(&piece);
            if piece.is_last {
                self.newest().has_ended();
            }
            self.channel.write(Stage::Content, &channel)?;
            if piece.is_last {
                return Ok(());
            }
            piece = pieces.next().map_err(|error| self.break_off(&error))?;
        }
    }

    /// A command of the newest mail: into its group, or where there are no groups, over the channel.
    fn say(&mut self, group: &mut Group, awaited: Awaited, command: &str) -> Result<(), Trouble> {
        group.extend_from_slice(command.as_bytes());
        self.newest().expect(awaited);
        if self.window.groups { Ok(()) } else { self.settle(std::mem::take(group)) }
    }

    fn chunk(&mut self, group: &mut Vec<u8>, piece: &Chunk) {
        let last = if piece.is_last { " LAST" } else { "" };
        group.extend_from_slice(format!("BDAT {}{last}\r\n", piece.bytes.len()).as_bytes());
        group.extend_from_slice(&piece.bytes);
        self.newest().expect(if piece.is_last { Awaited::LastChunk } else { Awaited::Chunk });
    }

    /// Sends the group and waits until all that was asked is answered.
    fn settle(&mut self, group: Group) -> Result<(), Trouble> {
        if group.is_empty() {
            return Ok(());
        }
        let stage = self.newest().next().map_or(Stage::Mail, Awaited::stage);
        self.channel.write(stage, &group)?;
        while self.newest().next().is_some() {
            self.hear()?;
        }
        Ok(())
    }

    /// The mail that was begun last.
    fn newest(&mut self) -> &mut Transaction {
        // `begin` has put it there.
        let last = self.window.under_way.len() - 1;
        &mut self.window.under_way[last]
    }

    /// Reads one reply and gives it to the mail whose turn it is.
    fn hear(&mut self) -> Result<(), Trouble> {
        let Some((at, awaited)) = self.turn() else { return Ok(()) };
        let answer = self.channel.read(awaited.stage())?;
        self.take(at, awaited, &answer)
    }

    /// The first mail to which a reply is owing, and the command it answers.
    fn turn(&self) -> Option<(usize, Awaited)> {
        self.window.under_way.iter().enumerate().find_map(|(at, mail)| Some((at, mail.next()?)))
    }

    fn take(&mut self, at: usize, awaited: Awaited, answer: &Answer) -> Result<(), Trouble> {
        let reply = answer.reply();
        let window = &mut self.window;
        if reply.code == 421 {
            self.channel.give_up();
            let outcome = window.under_way[at].closed(&reply, window.taken > 0);
            window.under_way.range_mut(at + 1..).for_each(|later| later.dropped(&outcome, window.taken > 0));
            return Ok(());
        }
        if awaited == Awaited::Login {
            self.take_login(at, answer);
            return Ok(());
        }
        let mail = &mut window.under_way[at];
        let is_early = awaited.is_end() && !mail.is_whole();
        if reply.is_positive() && (is_early || !answer.is_class(awaited.class())) {
            self.channel.distrust();
            let stage = awaited.stage();
            let why = format!("at {stage}: the answer makes no sense ({reply})");
            return Err(self.channel.peer().trouble(stage, Scope::Host, why));
        }
        mail.hear(&reply);
        window.hear(at, awaited, reply.is_positive());
        if window.under_way[at].has_lesson() {
            self.channel.give_up();
            if window.under_way[at].next().is_none() {
                // What the replies to those behind it belong to, nobody can tell.
                self.channel.distrust();
                let why = "the server has lost its way among the commands of a group";
                return Err(self.channel.peer().trouble(awaited.stage(), Scope::Host, why));
            }
        }
        Ok(())
    }

    /// What lies behind a login that is refused says nothing of the mail, but that it was taken all the same.
    fn take_login(&mut self, at: usize, answer: &Answer) {
        let mail = &mut self.window.under_way[at];
        match self.window.login.take() {
            Some(login) if !answer.is_class(2) => {
                mail.turned_away(&answer.reply(), login.refused(&self.channel, answer).outcome());
                self.channel.give_up();
            }
            _ => mail.let_in(),
        }
    }

    /// The link is gone. What the server has said before is still heard.
    fn lose(&mut self, trouble: &Trouble) {
        let is_first_group = self.window.taken == 0;
        while let Some((at, awaited)) = self.turn()
            && let Some(answer) = self.channel.last_words(awaited.stage())
        {
            // Nonsense ends it as well.
            if self.take(at, awaited, &answer).is_err() {
                break;
            }
        }
        self.channel.give_up();
        self.window.under_way.iter_mut().for_each(|mail| mail.lost(trouble, is_first_group));
    }

    /// A mail whose content breaks off gets no end, so that nobody takes it for the whole; that costs the connection.
    fn break_off(&mut self, error: &io::Error) -> Trouble {
        self.channel.distrust();
        unreadable(self.channel.peer(), error)
    }
}

impl Window {
    pub(super) fn new(groups: bool, chunks: bool) -> Self {
        Self { groups, chunks: groups && chunks, under_way: VecDeque::new(), taken: 0, is_open: false, login: None }
    }

    /// The login goes out with the first mail.
    pub(super) fn log_in_with_first(&mut self, login: Ahead) {
        self.login = Some(login);
    }

    /// What a reply to the mail at that place means for those behind it.
    fn hear(&mut self, at: usize, awaited: Awaited, is_taken: bool) {
        self.taken += usize::from(is_taken && awaited.is_end());
        match (awaited, is_taken) {
            (Awaited::Mail, true) => self.is_open = true,
            (Awaited::Dot | Awaited::LoneDot, _) | (Awaited::Reset | Awaited::LastChunk, true) => self.is_open = false,
            // Whether that ends the transaction, RFC 3030 does not say.
            (Awaited::LastChunk | Awaited::Data, false) => {
                if let Some(next) = self.under_way.get_mut(at + 1) {
                    next.is_behind_open();
                }
            }
            _ => {}
        }
    }
}

fn unreadable(peer: &Peer, error: &io::Error) -> Trouble {
    peer.trouble(Stage::Content, Scope::Message, format!("the mail could not be read to its end ({error})"))
}

fn beyond_ascii(relay: &str) -> Outcome {
    Outcome {
        status: Status::Bounced,
        stage: Stage::Rcpt,
        scope: Scope::Recipient,
        enhanced: EnhancedStatus::new(5, 6, 7),
        reason: format!("the address has characters beyond ASCII, and {relay} does not offer SMTPUTF8"),
    }
}

#[cfg(test)]
mod tests;

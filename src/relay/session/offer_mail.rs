//! The offer of a mail: the commands of its envelope, and its content.
//!
//! The server chooses how far a mail is written ahead of the replies (RFC 2920, RFC 3030):
//!
//! - With CHUNKING a small mail goes out whole, envelope and content in one write, and the next mail may follow before
//!   it is answered. The server has to prove first that it reads a chunk that it refuses (`chunk_proof`).
//! - With PIPELINING alone, the envelope goes out as one group. The next mail's envelope follows this mail's final dot.
//! - With neither, or where that has not worked, each command waits for its reply.
//!
//! A large content waits for the replies to its envelope, so that it is not sent if nobody gets it.

use std::io::{self, Read};

use lettre::transport::smtp::commands::{Data, Rset};
use zeroize::Zeroizing;

use super::super::chunks::{Chunk, Chunks, DotStuffing};
use super::super::mail::{EnvelopeCommands, Mail};
use super::super::trouble::{Peer, Trouble};
use super::Session;
use super::transaction::{Awaited, Transaction};
use crate::outcome::{EnhancedStatus, Outcome, Scope, Stage, Status};

/// The most replies to chunks that the server may owe us: no server has to hold more of them back.
const MOST_OWED: usize = 32;

/// Commands that go out in one write. Its memory is wiped, since it may hold the login.
type Group = Zeroizing<Vec<u8>>;

impl Session {
    /// Offers a mail, as far as the server lets us go on without its replies. [`await_answer`](Self::await_answer)
    /// tells what becomes of it.
    ///
    /// `content` has lines that end in CRLF and no doubled dots. It is not needed any more when this returns.
    pub(crate) fn offer(&mut self, mail: &Mail<'_>, content: &mut dyn Read) {
        let mut chunks = Chunks::of(content);
        let first = match self.first_chunk(mail, &mut chunks) {
            Ok(first) => first,
            Err(outcome) => return self.window.push(Transaction::not_offered(mail.recipients.len(), outcome)),
        };
        self.window.push(Transaction::new(mail.recipients.len(), self.window.groups));
        if let Err(trouble) = self.write_mail(mail, first, chunks) {
            self.lose_link(&trouble);
        }
    }

    /// The first chunk of a mail that may be offered, or what becomes of a mail that may not.
    fn first_chunk(&self, mail: &Mail<'_>, chunks: &mut Chunks<'_>) -> Result<Chunk, Outcome> {
        self.check(mail)?;
        chunks.next().map_err(|error| unreadable(self.channel.peer(), &error).outcome())
    }

    /// Judges what can be judged before anything is sent.
    fn check(&self, mail: &Mail<'_>) -> Result<(), Outcome> {
        let peer = self.channel.peer();
        if !self.is_usable() {
            return Err(peer.trouble(Stage::Mail, Scope::Host, "the connection is no longer usable").outcome());
        }
        if !mail.recipients.is_empty() && (0..mail.recipients.len()).all(|n| self.is_beyond_server(mail, n)) {
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
    fn is_beyond_server(&self, mail: &Mail<'_>, n: usize) -> bool {
        !self.capabilities.smtputf8 && !mail.recipients[n].to_string().is_ascii()
    }

    fn write_mail(&mut self, mail: &Mail<'_>, first: Chunk, chunks: Chunks<'_>) -> Result<(), Trouble> {
        let envelope = EnvelopeCommands::new(mail, &self.capabilities);
        self.window.newest().has_parameters = envelope.has_parameters;
        self.prove_chunks(&envelope.mail).inspect_err(|_| self.window.newest().blame_chunks())?;
        let group = self.write_envelope(mail, &envelope, first.bytes.len())?;
        match (self.window.chunks, first.is_last) {
            (true, true) => self.write_only_chunk(group, &first),
            (true, false) => self.write_chunks(group, first, chunks),
            (false, _) => self.write_data(group, first, chunks),
        }
    }

    /// The commands up to the last RCPT, in a group that has room for `content` octets more. Without groups, they
    /// have gone out and the group is empty.
    fn write_envelope(
        &mut self,
        mail: &Mail<'_>,
        envelope: &EnvelopeCommands,
        content: usize,
    ) -> Result<Group, Trouble> {
        let login = self.window.login.as_ref().map_or(0, |login| login.command.len());
        // A group that grows would leave copies of the login behind.
        let mut group = Group::new(Vec::with_capacity(login + envelope.len() + content + 64));
        if let Some(login) = &self.window.login
            && self.window.next_awaited().is_none()
        {
            let command = login.command.clone();
            self.add_command(&mut group, Awaited::Login, &command)?;
        }
        if self.window.is_open && self.window.next_awaited().is_none() {
            // It ends what an earlier transaction has left open.
            self.add_command(&mut group, Awaited::Reset, &Rset.to_string())?;
        }
        self.add_command(&mut group, Awaited::Mail, &envelope.mail)?;
        for (n, command) in envelope.recipients.iter().enumerate() {
            if self.window.newest().is_doomed() && !self.window.groups {
                break;
            }
            if self.is_beyond_server(mail, n) {
                let outcome = beyond_ascii(self.channel.peer().relay());
                self.window.newest().refuse_recipient(n, outcome);
                continue;
            }
            self.add_command(&mut group, Awaited::Rcpt(n), command)?;
        }
        Ok(group)
    }

    /// The whole content in one BDAT behind the envelope, in one write.
    fn write_only_chunk(&mut self, mut group: Group, content: &Chunk) -> Result<(), Trouble> {
        self.add_chunk(&mut group, content);
        self.window.newest().mark_content_sent();
        self.channel.send(Stage::Content, &group)
    }

    /// The content in one BDAT after the other, if anybody gets it.
    fn write_chunks(&mut self, group: Group, first: Chunk, mut chunks: Chunks<'_>) -> Result<(), Trouble> {
        self.exchange(group)?;
        let mut chunk = first;
        while !self.window.newest().is_doomed() {
            let mut command = Vec::with_capacity(chunk.bytes.len() + 32);
            self.add_chunk(&mut command, &chunk);
            if chunk.is_last {
                self.window.newest().mark_content_sent();
            }
            self.channel.send(Stage::Content, &command)?;
            if chunk.is_last {
                return Ok(());
            }
            self.read_replies_down_to(MOST_OWED)?;
            chunk = chunks.next().map_err(|error| self.break_off(&error))?;
        }
        // Every recipient was refused. The replies to the chunks that were under way come before those to the next
        // mail.
        self.read_replies_down_to(0)
    }

    /// DATA, its 354, and the content with its final dot.
    fn write_data(&mut self, mut group: Group, first: Chunk, mut chunks: Chunks<'_>) -> Result<(), Trouble> {
        if self.window.groups || !self.window.newest().is_doomed() {
            self.add_command(&mut group, Awaited::Data, &Data.to_string())?;
        }
        self.exchange(group)?;
        let mail = self.window.newest();
        if !mail.has_go_ahead() {
            return Ok(());
        }
        if mail.is_doomed() {
            // RFC 2920 section 3.1: the server says 354 although nobody gets the mail.
            mail.await_reply(Awaited::LoneDot);
            return self.channel.send(Stage::Content, b".\r\n");
        }
        mail.await_reply(Awaited::Dot);
        let (mut chunk, mut dots) = (first, DotStuffing::new());
        loop {
            let stuffed = dots.stuffed(&chunk);
            if chunk.is_last {
                self.window.newest().mark_content_sent();
            }
            self.channel.send(Stage::Content, &stuffed)?;
            if chunk.is_last {
                return Ok(());
            }
            chunk = chunks.next().map_err(|error| self.break_off(&error))?;
        }
    }

    /// Adds a command of the newest mail to its group. Without groups, it goes out at once.
    fn add_command(&mut self, group: &mut Group, awaited: Awaited, command: &str) -> Result<(), Trouble> {
        group.extend_from_slice(command.as_bytes());
        self.window.newest().await_reply(awaited);
        if self.window.groups { Ok(()) } else { self.exchange(std::mem::take(group)) }
    }

    /// Adds a BDAT with its content.
    fn add_chunk(&mut self, group: &mut Vec<u8>, chunk: &Chunk) {
        let last = if chunk.is_last { " LAST" } else { "" };
        group.extend_from_slice(format!("BDAT {}{last}\r\n", chunk.bytes.len()).as_bytes());
        group.extend_from_slice(&chunk.bytes);
        self.window.newest().await_reply(if chunk.is_last { Awaited::LastChunk } else { Awaited::Chunk });
    }

    /// Writes the group, and reads the replies to all that the newest mail has asked.
    fn exchange(&mut self, group: Group) -> Result<(), Trouble> {
        if group.is_empty() {
            return Ok(());
        }
        let stage = self.window.newest().next_awaited().map_or(Stage::Mail, Awaited::stage);
        self.channel.send(stage, &group)?;
        self.read_replies_down_to(0)
    }

    /// Reads replies until the newest mail awaits no more than `most` of them.
    fn read_replies_down_to(&mut self, most: usize) -> Result<(), Trouble> {
        while self.window.newest().replies_owed() > most {
            self.read_reply()?;
        }
        Ok(())
    }

    /// Leaves a mail without an end, since its content breaks off: nobody may take it for the whole. That costs the
    /// connection.
    fn break_off(&mut self, error: &io::Error) -> Trouble {
        self.channel.distrust();
        unreadable(self.channel.peer(), error)
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
mod tests {
    use std::io::Write;

    use lettre::Address;

    use super::super::super::chunks::CHUNK;
    use super::super::super::tests::{
        DATA, HELLO, MAIL, RCPT, follow, hasty, open, patient, send, send_mail, serve, verdicts,
    };
    use super::*;

    #[test]
    fn refused_recipient_does_not_sink_the_others() {
        let (smarthost, server) = patient(&[
            ("", "220-hello\r\n220 there\r\n"),
            HELLO,
            MAIL,
            RCPT,
            ("RCPT", "550 5.1.1 unknown\r\n"),
            ("RCPT", "450 4.2.1 grey\r\n"),
            ("RCPT", "553 5.7.1 x: Sender address rejected: not owned by user y\r\n"),
            DATA,
            (".", "250 2.0.0 queued as 1\r\n"),
        ]);
        let mut session = open(&smarthost).unwrap();
        assert_eq!(session.relay(), format!("127.0.0.1[127.0.0.1]:{}", smarthost.port()));
        let outcomes = send(&mut session, 4, "Subject: x\r\n\r\n.dot\r\n");
        assert_eq!(
            verdicts(&outcomes),
            [
                (Status::Sent, Stage::Content, Scope::Message),
                (Status::Bounced, Stage::Rcpt, Scope::Recipient),
                (Status::Deferred, Stage::Rcpt, Scope::Recipient),
                (Status::Deferred, Stage::Rcpt, Scope::Configuration),
            ]
        );
        assert_eq!(outcomes[0].reason, "250 2.0.0 queued as 1");
        assert!(session.is_usable());
        session.quit();
        let heard = server.join().unwrap();
        assert!(heard.contains("MAIL FROM:<a@b.example> SIZE=20 BODY=8BITMIME\r\n"), "{heard}");
        assert!(heard.ends_with("DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n"), "{heard}");
    }

    #[test]
    fn two_mails_go_over_one_session_even_when_all_of_the_first_are_refused() {
        let (smarthost, server) = patient(&[
            ("", "220 hello\r\n"),
            HELLO,
            MAIL,
            ("RCPT", "550 no\r\n"),
            ("RCPT", "550 no\r\n"),
            ("RSET", "250 ok\r\n"),
            MAIL,
            RCPT,
            DATA,
            (".", "250 ok\r\n"),
        ]);
        let mut session = open(&smarthost).unwrap();
        assert_eq!(verdicts(&send(&mut session, 2, "x")), [(Status::Bounced, Stage::Rcpt, Scope::Recipient); 2]);
        assert_eq!(send(&mut session, 1, "x")[0].status, Status::Sent);
        session.quit();
        server.join().unwrap();
    }

    #[test]
    fn refused_data_is_followed_by_a_reset() {
        let (smarthost, server) = patient(&[
            ("", "220 hello\r\n"),
            HELLO,
            MAIL,
            RCPT,
            ("DATA", "451 later\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL", "550 5.7.1 sender on a list\r\n"),
        ]);
        let mut session = open(&smarthost).unwrap();
        assert_eq!(verdicts(&send(&mut session, 1, "x")), [(Status::Deferred, Stage::Data, Scope::Message)]);
        assert_eq!(verdicts(&send(&mut session, 1, "x")), [(Status::Deferred, Stage::Mail, Scope::Configuration)]);
        assert!(session.is_usable());
        drop(session);
        server.join().unwrap();
    }

    #[test]
    fn mail_larger_than_the_servers_size_is_not_even_begun() {
        let (smarthost, server) = patient(&[("", "220 hello\r\n"), HELLO]);
        let mut session = open(&smarthost).unwrap();
        let outcomes = send(&mut session, 2, &"x".repeat(1001));
        assert_eq!(verdicts(&outcomes), [(Status::Bounced, Stage::Mail, Scope::Message); 2]);
        assert_eq!(outcomes[0].enhanced.to_string(), "5.3.4");
        session.quit();
        assert!(server.join().unwrap().ends_with("EHLO me.example\r\nQUIT\r\n"));
    }

    #[test]
    fn link_lost_after_the_final_dot_may_mean_a_duplicate() {
        let (smarthost, server) =
            hasty(&[("", "220 hello\r\n"), HELLO, MAIL, RCPT, ("RCPT", "550 no\r\n"), DATA, (".", "")]);
        let mut session = open(&smarthost).unwrap();
        let outcomes = send(&mut session, 2, "x\r\n");
        assert_eq!((outcomes[0].status, outcomes[0].stage), (Status::Deferred, Stage::Content));
        assert!(outcomes[0].reason.contains("duplicate is possible"), "{}", outcomes[0].reason);
        assert_eq!(outcomes[1].status, Status::Bounced);
        assert!(!session.is_usable());
        let next = send(&mut session, 1, "x");
        assert!(next[0].reason.contains("no longer usable"), "{}", next[0].reason);
        server.join().unwrap();
    }

    #[test]
    fn link_lost_at_a_recipient_defers_whoever_has_no_outcome_yet() {
        let (smarthost, server) =
            hasty(&[("", "220 hello\r\n"), HELLO, MAIL, ("RCPT", "550 no\r\n"), RCPT, ("RCPT", "")]);
        let mut session = open(&smarthost).unwrap();
        let outcomes = send(&mut session, 3, "x");
        assert_eq!(outcomes[0].status, Status::Bounced);
        assert_eq!(verdicts(&outcomes[1..]), [(Status::Deferred, Stage::Rcpt, Scope::Host); 2]);
        assert!(outcomes[1].reason.contains("closed the connection"), "{}", outcomes[1].reason);
        assert!(!outcomes[1].reason.contains("duplicate"));
        server.join().unwrap();
    }

    #[test]
    fn closing_reply_ends_the_session_at_any_step() {
        let (smarthost, server) =
            patient(&[("", "220 hello\r\n"), HELLO, MAIL, RCPT, ("RCPT", "421 4.3.2 closing\r\n")]);
        let mut session = open(&smarthost).unwrap();
        assert_eq!(verdicts(&send(&mut session, 3, "x")), [(Status::Deferred, Stage::Rcpt, Scope::Host); 3]);
        assert!(!session.is_usable());
        session.quit();
        assert!(!server.join().unwrap().contains("QUIT"));
    }

    #[test]
    fn last_words_during_the_content_decide() {
        let (smarthost, server) = hasty(&[
            ("", "220 hello\r\n"),
            ("EHLO", "250 hi\r\n"),
            MAIL,
            RCPT,
            ("DATA", "354 go\r\n552 5.3.4 too big\r\n"),
        ]);
        let mut session = open(&smarthost).unwrap();
        let outcomes = send(&mut session, 1, &"x".repeat(32 << 20));
        assert_eq!((outcomes[0].status, outcomes[0].enhanced.to_string().as_str()), (Status::Bounced, "5.3.4"));
        assert!(!session.is_usable());
        server.join().unwrap();
    }

    #[test]
    fn content_that_cannot_be_read_is_never_ended() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("disk gone"))
            }
        }
        let (smarthost, server) = patient(&[("", "220 hello\r\n"), HELLO, MAIL, RCPT, DATA]);
        let mut session = open(&smarthost).unwrap();
        let (sender, recipient): (Address, Address) = ("a@b.example".parse().unwrap(), "c@d.example".parse().unwrap());
        let mail = Mail {
            reverse_path: Some(&sender),
            recipients: &[&recipient],
            size: 5,
            eight_bit: false,
            smtputf8: false,
            dsn: None,
            recipient_dsn: &[],
        };
        let outcomes = send_mail(&mut session, &mail, &mut Broken);
        assert!(outcomes[0].reason.contains("disk gone"), "{}", outcomes[0].reason);
        assert!(session.is_usable(), "nothing was said of it");
        let outcomes = send_mail(&mut session, &mail, &mut std::io::repeat(b'x').take(CHUNK as u64).chain(Broken));
        assert!(outcomes[0].reason.contains("disk gone"), "{}", outcomes[0].reason);
        assert!(!session.is_usable());
        drop(session);
        assert!(server.join().unwrap().ends_with(&"x".repeat(CHUNK)));
    }

    #[test]
    fn answer_that_fits_no_command_defers() {
        for answer in ["354 go\r\n", "HTTP/1.1 400 Bad Request\r\n", "250-a\r\n550 b\r\n"] {
            let (smarthost, server) = serve(move |tcp| {
                let mut heard = String::new();
                follow(&[("", "220 hello\r\n"), HELLO, ("MAIL", "")], tcp.try_clone().unwrap(), &mut heard);
                (&tcp).write_all(answer.as_bytes()).unwrap();
                heard
            });
            let mut session = open(&smarthost).unwrap();
            assert_eq!(verdicts(&send(&mut session, 1, "x")), [(Status::Deferred, Stage::Mail, Scope::Host)]);
            assert!(!session.is_usable());
            server.join().unwrap();
        }
    }

    #[test]
    fn reply_that_is_not_utf8_keeps_its_verdict() {
        let (smarthost, server) = serve(|tcp| {
            let mut heard = String::new();
            follow(&[("", "220 hello\r\n"), HELLO, MAIL, ("RCPT", "")], tcp.try_clone().unwrap(), &mut heard);
            (&tcp).write_all(b"550 5.1.1 Empf\xe4nger unbekannt\r\n").unwrap();
            heard
        });
        let outcomes = send(&mut open(&smarthost).unwrap(), 1, "x");
        assert_eq!(outcomes[0].status, Status::Bounced);
        assert_eq!(outcomes[0].reason, "550 5.1.1 Empf\u{e4}nger unbekannt");
        server.join().unwrap();
    }
}

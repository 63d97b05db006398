//! The proof that a server reads the octets of a BDAT that it refuses, before any content rides with an envelope.
//!
//! RFC 3030 section 2 has the server read the octets of a chunk whatever its reply will be. Some servers offer CHUNKING
//! and do not: they know no BDAT at all, or they forget the octets if there is no transaction for them. Behind a
//! refused MAIL or RCPT, such a server takes the lines of a mail for commands, and we are logged in.
//!
//! So the relay asks once, with octets that are harmless as a command: outside of a transaction, and in one without a
//! recipient. The replies show what the server did with them. `BDAT 0` would have no octets to show it with. The
//! question costs two round trips: one for itself, and one for the content of the first mail behind it, which waits for
//! the answers to its envelope. It costs nothing as long as the answer is remembered.

use super::super::channel::Channel;
use super::super::client::ChunkProof;
use super::super::reply::Answer;
use super::super::trouble::Trouble;
use super::Session;
use crate::outcome::Stage;

/// A chunk of three octets, which no server takes for a command of its own, and a command that every server accepts.
const QUESTION: &str = "BDAT 3 LAST\r\nX\r\nRSET\r\n";

impl Session {
    /// The answer that this session has got from the server and nobody has asked for yet: whether content may ride with
    /// its envelope.
    pub(crate) fn take_chunk_proof(&mut self) -> Option<bool> {
        let is_shown = match self.chunk_proof {
            ChunkProof::Shown => true,
            ChunkProof::Failed => false,
            ChunkProof::Wanted | ChunkProof::Known => return None,
        };
        // Without chunks nobody asks again.
        self.chunk_proof = ChunkProof::Known;
        Some(is_shown)
    }

    /// Asks for the proof if chunks are to be used and nothing is known of them. `mail` is the MAIL command of the mail
    /// that comes next.
    pub(super) fn prove_chunks(&mut self, mail: &str) -> Result<(), Trouble> {
        if !self.window.chunks || self.chunk_proof != ChunkProof::Wanted {
            return Ok(());
        }
        self.channel.send(Stage::Mail, [QUESTION, mail, QUESTION].concat().as_bytes())?;
        let without_mail = has_read(&mut self.channel)?;
        let is_begun = read(&mut self.channel)?.is_class(2);
        let without_recipient = has_read(&mut self.channel)?;
        if !without_mail || !without_recipient {
            self.window.chunks = false;
            self.chunk_proof = ChunkProof::Failed;
        } else if is_begun {
            self.window.hold_first_content();
            self.window.newest().mark_behind_question();
            self.chunk_proof = ChunkProof::Shown;
        } else {
            self.window.chunks = false;
        }
        Ok(())
    }
}

/// The same before the login, for a server that gets the login in a group with a mail: it may read chunks from its
/// users only.
pub(super) fn is_shown_before_login(channel: &mut Channel) -> Result<bool, Trouble> {
    channel.send(Stage::Mail, QUESTION.as_bytes())?;
    has_read(channel)
}

/// The server has read the octets as octets: the reply to BDAT is followed by the one to RSET.
fn has_read(channel: &mut Channel) -> Result<bool, Trouble> {
    read(channel)?;
    if read(channel)?.is_class(2) {
        return Ok(true);
    }
    read(channel)?;
    Ok(false)
}

fn read(channel: &mut Channel) -> Result<Answer, Trouble> {
    let answer = channel.receive(Stage::Mail)?;
    if answer.code == 421 {
        channel.give_up();
        let reply = answer.reply();
        let why = format!("the server closes the connection ({reply})");
        return Err(channel.peer().refusal(Stage::Mail, reply, why));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Script, hasty, patient, send, with_mail};
    use super::super::Lesson;
    use super::*;
    use crate::outcome::Status;
    use crate::relay::Client;

    const HELLO: (&str, &str) = ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n");

    fn open(script: Script) -> (Session, std::thread::JoinHandle<String>) {
        let (smarthost, server) = patient(script);
        (Session::open(&smarthost, None, &Client::named("me.example")).unwrap(), server)
    }

    #[test]
    fn server_that_reads_refused_chunks_is_asked_once_and_gets_the_content_with_the_envelope() {
        let (mut session, server) = open(&[
            ("", "220 hello\r\n"),
            HELLO,
            ("BDAT 3 LAST\r\n", ""),
            ("X\r\n", "503 5.5.1 MAIL first\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL FROM:<a@b.example>\r\n", "250 ok\r\n"),
            ("BDAT 3 LAST\r\n", ""),
            ("X\r\n", "503 5.5.1 RCPT first\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL", ""),
            ("RCPT", ""),
            ("DATA", "250 a\r\n250 b\r\n354 go\r\n"),
            (".", "250 c\r\n"),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT 5 LAST\r\n", ""),
            ("two\r\n", "250 a\r\n250 b\r\n250 c\r\n"),
        ]);
        assert_eq!(send(&mut session, 1, "one\r\n")[0].status, Status::Sent);
        assert_eq!((session.take_chunk_proof(), session.take_chunk_proof()), (Some(true), None));
        assert_eq!(send(&mut session, 1, "two\r\n")[0].status, Status::Sent);
        session.quit();
        server.join().unwrap();
    }

    #[test]
    fn proof_of_one_machine_behind_a_name_is_not_that_of_another() {
        for (known, is_asked) in [("127.0.0.1", false), ("127.0.0.2", true)] {
            let question: Script = &[("", "220 hello\r\n"), HELLO, ("BDAT 3 LAST\r\n", "502 what?\r\n")];
            let envelope: Script = &[("", "220 hello\r\n"), HELLO, ("MAIL FROM", "250 a\r\n")];
            let (smarthost, server) = hasty(if is_asked { question } else { envelope });
            let relay = format!("{}[{known}]:{}", smarthost.bare_host(), smarthost.port());
            let client = Client { chunk_readers: vec![relay], ..Client::named("me.example") };
            let mut session = Session::open(&smarthost, None, &client).unwrap();
            with_mail(1, "one\r\n", |mail, content| session.offer(mail, content));
            drop(session);
            let heard = server.join().unwrap();
            assert_eq!(heard.contains("BDAT 3 LAST"), is_asked, "{heard}");
        }
    }

    #[test]
    fn server_that_dies_behind_the_question_gets_the_mail_again_at_once_without_chunks() {
        let (smarthost, server) = hasty(&[
            ("", "220 hello\r\n"),
            HELLO,
            ("BDAT 3 LAST\r\n", ""),
            ("X\r\n", "503 5.5.1 MAIL first\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL FROM:<a@b.example>\r\n", "250 ok\r\n"),
            ("BDAT 3 LAST\r\n", ""),
            ("X\r\n", "503 5.5.1 RCPT first\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL", ""),
        ]);
        let mut session = Session::open(&smarthost, None, &Client::named("me.example")).unwrap();
        with_mail(1, "one\r\n", |mail, content| session.offer(mail, content));
        let offered = session.await_answer().unwrap();
        assert_eq!((offered.lesson, offered.may_retry), (Some(Lesson::ChunkingMaybe), true));
        assert!(!offered.is_in_doubt);
        drop(session);
        server.join().unwrap();
    }

    #[test]
    fn server_that_reads_on_behind_a_refused_bdat_sees_no_content_where_it_reads_commands() {
        let (mut session, server) = open(&[
            ("", "220 hello\r\n"),
            HELLO,
            ("BDAT 3 LAST\r\n", "502 5.5.1 what?\r\n"),
            ("X\r\n", "500 5.5.2 what?\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL FROM:<a@b.example>\r\n", "250 ok\r\n"),
            ("BDAT 3 LAST\r\n", "502 5.5.1 what?\r\n"),
            ("X\r\n", "500 5.5.2 what?\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL", ""),
            ("RCPT", ""),
            ("DATA", "250 a\r\n250 b\r\n354 go\r\n"),
            (".", "250 taken\r\n"),
        ]);
        assert_eq!(send(&mut session, 1, "RCPT TO:<victim@elsewhere.example>\r\n")[0].status, Status::Sent);
        assert_eq!(session.take_chunk_proof(), Some(false));
        session.quit();
        server.join().unwrap();
    }

    #[test]
    fn server_that_reads_chunks_in_a_transaction_only_gets_data() {
        let (mut session, server) = open(&[
            ("", "220 hello\r\n"),
            HELLO,
            ("BDAT 3 LAST\r\n", ""),
            ("X\r\n", "503 5.5.1 MAIL first\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL", "250 ok\r\n"),
            ("BDAT 3 LAST\r\n", "502 5.5.1 missing RCPT\r\n"),
            ("X\r\n", "500 5.5.2 what?\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL", ""),
            ("RCPT", ""),
            ("DATA", "250 a\r\n250 b\r\n354 go\r\n"),
            (".", "250 taken\r\n"),
        ]);
        assert_eq!(send(&mut session, 1, "one\r\n")[0].status, Status::Sent);
        assert_eq!(session.take_chunk_proof(), Some(false));
        session.quit();
        server.join().unwrap();
    }

    #[test]
    fn sender_who_is_refused_proves_nothing() {
        let (mut session, server) = open(&[
            ("", "220 hello\r\n"),
            HELLO,
            ("BDAT 3 LAST\r\n", ""),
            ("X\r\n", "503 5.5.1 MAIL first\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL", "550 5.7.1 not you\r\n"),
            ("BDAT 3 LAST\r\n", ""),
            ("X\r\n", "503 5.5.1 MAIL first\r\n"),
            ("RSET", "250 ok\r\n"),
            ("MAIL", ""),
            ("RCPT", ""),
            ("DATA", "550 5.7.1 not you\r\n503 a\r\n503 b\r\n"),
        ]);
        assert_eq!(send(&mut session, 1, "one\r\n")[0].status, Status::Deferred);
        assert_eq!(session.take_chunk_proof(), None);
        session.quit();
        server.join().unwrap();
    }

    #[test]
    fn server_that_hangs_up_on_the_question_is_asked_no_more_and_the_mail_may_go_at_once() {
        let (mut session, server) = open(&[
            ("", "220 hello\r\n"),
            HELLO,
            ("BDAT 3 LAST\r\n", "503 5.5.1 bad sequence\r\n421 4.7.0 too many errors\r\n"),
        ]);
        with_mail(1, "one\r\n", |mail, content| session.offer(mail, content));
        let offered = session.await_answer().unwrap();
        assert_eq!((offered.lesson, offered.may_retry), (Some(Lesson::ChunkingMaybe), true));
        assert_eq!(offered.outcomes[0].status, Status::Deferred);
        drop(session);
        server.join().unwrap();
    }
}

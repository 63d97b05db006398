//! The answers of a session: each reply of the server belongs to the mail that was offered first and still awaits one.

use std::fmt;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::super::reply::Answer;
use super::super::trouble::Trouble;
use super::Session;
use super::transaction::{Awaited, Offered, Transaction};
use crate::outcome::{Scope, Stage};

impl Session {
    /// Waits for what becomes of the mail that was offered first. There is nothing to wait for if no mail is under way.
    pub(crate) fn await_answer(&mut self) -> Option<Offered> {
        while self.window.oldest()?.next_awaited().is_some() {
            if let Err(trouble) = self.read_reply() {
                self.lose_link(&trouble);
            }
        }
        self.window.conclude_oldest()
    }

    /// [`await_answer`](Self::await_answer) would return at once.
    pub(crate) fn is_answered(&mut self) -> bool {
        let Some(owed) = self.window.oldest().map(Transaction::replies_owed) else { return false };
        if owed > self.channel.replies_at_hand() && self.is_usable() {
            self.channel.read_ahead();
        }
        owed <= self.channel.replies_at_hand()
    }

    /// Waits until the server of one of `sessions` says something, and returns the place of that session. After the
    /// limit for a reply it is the place of the first one, which is then asked and found silent.
    pub(crate) fn await_any(sessions: &[&Self]) -> usize {
        if let Some(at) = sessions.iter().position(|session| session.channel.has_come()) {
            return at;
        }
        let mut sockets: Vec<PollFd<'_>> = sessions
            .iter()
            .map(|session| PollFd::new(session.channel.timed().socket().as_fd(), PollFlags::POLLIN))
            .collect();
        let limit = sessions.iter().map(|session| session.channel.limit()).min().unwrap_or_default();
        // After a signal the first one is asked a little early, which costs nothing.
        let _ = poll(&mut sockets, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX));
        sockets.iter().position(|socket| socket.any().unwrap_or(false)).unwrap_or(0)
    }

    /// Reads one reply, and assigns it to the mail that awaits it.
    pub(super) fn read_reply(&mut self) -> Result<(), Trouble> {
        let Some((at, awaited)) = self.window.next_awaited() else { return Ok(()) };
        let answer = self.channel.receive(awaited.stage())?;
        self.assign(at, awaited, &answer)
    }

    fn assign(&mut self, at: usize, awaited: Awaited, answer: &Answer) -> Result<(), Trouble> {
        let reply = answer.reply();
        if reply.code == 421 {
            self.channel.give_up();
            self.window.close_from(at, &reply);
            return Ok(());
        }
        if awaited == Awaited::Login {
            self.assign_to_login(at, answer);
            return Ok(());
        }
        let is_early = awaited.is_end() && !self.window.mail(at).is_content_sent();
        if reply.is_positive() && (is_early || !answer.is_class(awaited.class())) {
            let stage = awaited.stage();
            return Err(self.distrust(stage, format_args!("at {stage}: the answer makes no sense ({reply})")));
        }
        self.window.note_reply(at, awaited, &reply);
        let mail = self.window.mail(at);
        if mail.has_lesson() {
            let is_last_reply = mail.next_awaited().is_none();
            self.channel.give_up();
            if is_last_reply {
                // Nobody can tell which mails behind it the next replies belong to.
                let why = "the server has lost its way among the commands of a group";
                return Err(self.distrust(awaited.stage(), why));
            }
        }
        Ok(())
    }

    /// If the login is refused, the replies behind it say nothing of the mail, unless one of them takes it.
    fn assign_to_login(&mut self, at: usize, answer: &Answer) {
        match self.window.login.take() {
            Some(login) if !answer.is_class(2) => {
                let refused = login.refused(&self.channel, answer).outcome();
                self.window.mail(at).refuse_login(&answer.reply(), refused);
                self.channel.give_up();
            }
            _ => self.window.mail(at).accept_login(),
        }
    }

    /// The link is lost. Replies that came before still count.
    pub(super) fn lose_link(&mut self, trouble: &Trouble) {
        let is_first_group = self.window.is_first_group();
        while let Some((at, awaited)) = self.window.next_awaited()
            && let Some(answer) = self.channel.last_words(awaited.stage())
        {
            // An answer that makes no sense ends it as well.
            if self.assign(at, awaited, &answer).is_err() {
                break;
            }
        }
        self.channel.give_up();
        self.window.abandon_all(trouble, is_first_group);
    }

    /// Believes nothing more that comes over this connection, and says why.
    fn distrust(&mut self, stage: Stage, why: impl fmt::Display) -> Trouble {
        self.channel.distrust();
        self.channel.peer().trouble(stage, Scope::Host, why)
    }
}

#[cfg(test)]
mod tests {
    //! More than one mail under way, and what each reply is taken for.

    use super::super::super::tests::{DATA, MAIL, RCPT, hasty, open, patient, verdicts, with_mail};
    use super::super::Lesson;
    use super::*;
    use crate::outcome::{Outcome, Status};

    /// Three mails offered before the first of them is answered.
    fn three_at_once(session: &mut Session) -> Vec<(Status, Stage, Scope)> {
        for content in ["one\r\n", "two\r\n", "three\r\n"] {
            with_mail(1, content, |mail, content| session.offer(mail, content));
        }
        let outcomes: Vec<Outcome> = (0..3).flat_map(|_| session.await_answer().unwrap().outcomes).collect();
        assert!(session.await_answer().is_none());
        verdicts(&outcomes)
    }

    #[test]
    fn mails_go_out_before_those_ahead_of_them_are_answered() {
        let (smarthost, server) = patient(&[
            ("", "220 hello\r\n"),
            ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
            ("MAIL FROM:<a@b.example>\r\n", ""),
            ("RCPT", ""),
            ("BDAT 5 LAST\r\n", ""),
            ("one\r\n", ""),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT 5 LAST\r\n", ""),
            ("two\r\n", ""),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT 7 LAST\r\n", ""),
            ("three\r\n", "250 a\r\n250 b\r\n250 2.0.0 c\r\n250 a\r\n550 no\r\n554 none\r\n250 a\r\n250"),
            ("", " b\r\n552 5.3.4 too big\r\n"),
        ]);
        let mut session = open(&smarthost).unwrap();
        let expected = [
            (Status::Sent, Stage::Content, Scope::Message),
            (Status::Bounced, Stage::Rcpt, Scope::Recipient),
            (Status::Bounced, Stage::Content, Scope::Message),
        ];
        assert_eq!(three_at_once(&mut session), expected);
        assert_eq!(session.most_under_way(), 2);
        session.quit();
        server.join().unwrap();
    }

    #[test]
    fn answer_that_has_come_is_known_before_it_is_asked_for() {
        let (smarthost, server) = patient(&[
            ("", "220 hello\r\n"),
            ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT", ""),
            ("one\r\n", "250 a\r\n250 b\r\n250 c\r\n"),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT", ""),
            ("two\r\n", "250 a\r\n250 b\r\n250 c\r\n"),
        ]);
        let mut session = open(&smarthost).unwrap();
        for content in ["one\r\n", "two\r\n"] {
            with_mail(1, content, |mail, content| session.offer(mail, content));
        }
        assert_eq!(session.await_answer().unwrap().outcomes[0].status, Status::Sent);
        Session::await_any(&[&session]);
        assert!(session.is_answered());
        assert_eq!(session.await_answer().unwrap().outcomes[0].status, Status::Sent);
        session.quit();
        server.join().unwrap();
    }

    #[test]
    fn next_envelope_goes_behind_the_final_dot() {
        let (smarthost, server) = patient(&[
            ("", "220 hello\r\n"),
            ("EHLO", "250-hi\r\n250 PIPELINING\r\n"),
            MAIL,
            RCPT,
            DATA,
            (".", ""),
            ("MAIL", ""),
            ("RCPT", ""),
            ("DATA", "250 2.0.0 one is taken\r\n250 a\r\n550 no\r\n354 go on\r\n"),
            (".\r\n", ""),
            ("MAIL", ""),
            ("RCPT", ""),
            ("DATA", "554 none\r\n250 a\r\n250 b\r\n354 go on\r\n"),
            (".", "250 three is taken\r\n"),
        ]);
        let mut session = open(&smarthost).unwrap();
        let expected = [
            (Status::Sent, Stage::Content, Scope::Message),
            (Status::Bounced, Stage::Rcpt, Scope::Recipient),
            (Status::Sent, Stage::Content, Scope::Message),
        ];
        assert_eq!(three_at_once(&mut session), expected);
        session.quit();
        let heard = server.join().unwrap();
        assert!(!heard.contains("two"), "{heard}");
    }

    #[test]
    fn what_is_taken_in_a_transaction_left_open_is_taken() {
        // The server has kept the first mail's transaction open, and takes the second mail in it.
        let (smarthost, server) = patient(&[
            ("", "220 hello\r\n"),
            ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT", ""),
            ("one", ""),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT", ""),
            ("two", ""),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT", ""),
            ("three", "250 a\r\n550 no\r\n554 none\r\n503 nested\r\n250 b\r\n250 taken\r\n250 a\r\n250 b\r\n250 c\r\n"),
        ]);
        let mut session = open(&smarthost).unwrap();
        let sent = (Status::Sent, Stage::Content, Scope::Message);
        assert_eq!(three_at_once(&mut session), [(Status::Bounced, Stage::Rcpt, Scope::Recipient), sent, sent]);
        drop(session);
        server.join().unwrap();
    }

    #[test]
    fn only_what_the_server_surely_has_not_taken_may_be_retried() {
        let (smarthost, server) = patient(&[
            ("", "220 hello\r\n"),
            ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT", ""),
            ("one", ""),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT", ""),
            ("two", "250 a\r\n250 b\r\n250 taken\r\n421 enough\r\n"),
        ]);
        let mut session = open(&smarthost).unwrap();
        for content in ["one\r\n", "two\r\n"] {
            with_mail(1, content, |mail, content| session.offer(mail, content));
        }
        assert_eq!(
            session.await_answer().map(|offered| (offered.may_retry, offered.outcomes[0].status)),
            Some((false, Status::Sent))
        );
        let second = session.await_answer().unwrap();
        assert!(second.may_retry && second.lesson.is_none(), "{second:?}");
        assert_eq!(verdicts(&second.outcomes), [(Status::Deferred, Stage::Mail, Scope::Host)]);
        drop(session);
        server.join().unwrap();
    }

    #[test]
    fn mails_on_a_lost_link_are_in_doubt() {
        let (smarthost, server) = hasty(&[
            ("", "220 hello\r\n"),
            ("EHLO", "250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
            ("MAIL", ""),
            ("RCPT", ""),
            ("BDAT", ""),
            ("one", "250 a\r\n250 b\r\n"),
        ]);
        let mut session = open(&smarthost).unwrap();
        with_mail(1, "one\r\n", |mail, content| session.offer(mail, content));
        server.join().unwrap();
        let offered = session.await_answer().unwrap();
        assert!(offered.outcomes[0].reason.contains("duplicate is possible"), "{offered:?}");
        assert_eq!((offered.may_retry, offered.lesson), (false, Some(Lesson::GroupsMaybe)));
    }
}

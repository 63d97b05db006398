//! A mail that is not sent: its envelope is offered and taken back, to learn whether the server would take the mail.

use lettre::Address;

use super::super::reply::Answer;
use super::super::trouble::Trouble;
use super::Session;
use crate::outcome::Stage;

/// The advice about a sender who is refused.
const CURE: &str = "set from in [rewrite] to an address that this login may send as";

impl Session {
    /// Asks whether a mail from `sender` to `recipient` would be taken, and takes the question back (RSET, RFC 5321
    /// section 4.1.1.5). No mail may be under way.
    ///
    /// # Errors
    /// The server refuses one of them, and the sentence says what to do.
    pub(crate) fn probe(&mut self, sender: &Address, recipient: &Address) -> Result<(), Trouble> {
        let mail = self.channel.ask(Stage::Mail, &format!("MAIL FROM:<{sender}>\r\n"))?;
        self.check_accepted(Stage::Mail, &mail, &format!("the sender {sender}"))?;
        let rcpt = self.channel.ask(Stage::Rcpt, &format!("RCPT TO:<{recipient}>\r\n"))?;
        // Some servers look at the sender only here.
        self.check_accepted(Stage::Rcpt, &rcpt, &format!("mail from {sender} to {recipient}"))?;
        self.channel.ask(Stage::Mail, "RSET\r\n").map(drop)
    }

    fn check_accepted(&self, stage: Stage, answer: &Answer, what: &str) -> Result<(), Trouble> {
        if answer.is_class(2) {
            return Ok(());
        }
        let reply = answer.reply();
        let why = if reply.text.to_lowercase().contains("helo command") {
            format!("this machine's name is refused ({reply}): set ehlo in [smarthost] to a name that the server takes")
        } else if reply.is_permanent() {
            format!("{what} is refused ({reply}): {CURE}")
        } else {
            format!("{what} is put off ({reply}): try again later")
        };
        Err(self.channel.peer().refusal(stage, reply, why))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{HELLO, Script, open, patient};
    use super::*;

    fn probed(script: Script) -> (Result<(), String>, String) {
        let (smarthost, server) = patient(script);
        let mut session = open(&smarthost).unwrap();
        let address: Address = "a@b.example".parse().unwrap();
        let result = session.probe(&address, &address).map_err(|trouble| trouble.sentence);
        session.quit();
        (result, server.join().unwrap())
    }

    #[test]
    fn envelope_is_offered_and_taken_back() {
        let (result, heard) = probed(&[
            ("", "220 x\r\n"),
            HELLO,
            ("MAIL FROM:<a@b.example>\r\n", "250 ok\r\n"),
            ("RCPT TO:<a@b.example>\r\n", "250 ok\r\n"),
            ("RSET\r\n", "250 ok\r\n"),
        ]);
        assert_eq!(result, Ok(()));
        assert!(heard.ends_with("RSET\r\nQUIT\r\n"), "{heard}");
    }

    #[test]
    fn sender_that_is_refused_is_told_with_the_cure() {
        let (result, _) = probed(&[
            ("", "220 x\r\n"),
            HELLO,
            ("MAIL", "250 ok\r\n"),
            ("RCPT", "553 5.7.1 Sender address rejected: not owned by user\r\n"),
        ]);
        assert!(result.unwrap_err().ends_with("set from in [rewrite] to an address that this login may send as"));
        let (result, _) = probed(&[("", "220 x\r\n"), HELLO, ("MAIL", "451 4.3.0 later\r\n")]);
        assert!(result.unwrap_err().contains("is put off (451 4.3.0 later)"));
    }
}

//! A mail that is not sent: its envelope is offered and taken back, to learn whether the server would take it.

use lettre::Address;

use super::reply::Answer;
use super::{Session, Trouble};
use crate::outcome::Stage;

impl Session {
    /// Asks whether a mail from `sender` to `recipient` would be taken, and takes the question back (RSET, RFC 5321
    /// section 4.1.1.5). No mail may be under way.
    ///
    /// # Errors
    /// The server refuses one of them, and the sentence says what to do.
    pub(crate) fn rehearse(&mut self, sender: &Address, recipient: &Address) -> Result<(), Trouble> {
        let mail = self.channel.ask(Stage::Mail, &format!("MAIL FROM:<{sender}>\r\n"))?;
        let cure = "set from in [rewrite] to an address that this login may send as";
        self.taken(Stage::Mail, &mail, &format!("the sender {sender}"), cure)?;
        let rcpt = self.channel.ask(Stage::Rcpt, &format!("RCPT TO:<{recipient}>\r\n"))?;
        // Some look at the sender only here.
        self.taken(Stage::Rcpt, &rcpt, &format!("mail from {sender} to {recipient}"), cure)?;
        self.channel.ask(Stage::Mail, "RSET\r\n").map(drop)
    }

    fn taken(&self, stage: Stage, answer: &Answer, what: &str, cure: &str) -> Result<(), Trouble> {
        let reply = answer.reply();
        match answer.is_class(2) {
            true => Ok(()),
            false if reply.is_permanent() => {
                let why = format!("{what} is refused ({reply}): {cure}");
                Err(self.channel.peer().refusal(stage, reply, why))
            }
            false => {
                let why = format!("{what} is put off ({reply}): try again later");
                Err(self.channel.peer().refusal(stage, reply, why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Client;
    use super::super::tests::{HELLO, Script, patient};
    use super::*;

    fn rehearsed(script: Script) -> (Result<(), String>, String) {
        let (smarthost, server) = patient(script);
        let mut session = Session::open(&smarthost, None, &Client::named("me")).unwrap();
        let address: Address = "a@b.example".parse().unwrap();
        let result = session.rehearse(&address, &address).map_err(|trouble| trouble.sentence);
        session.quit();
        (result, server.join().unwrap())
    }

    #[test]
    fn envelope_is_offered_and_taken_back() {
        let (result, heard) = rehearsed(&[
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
        let (result, _) = rehearsed(&[
            ("", "220 x\r\n"),
            HELLO,
            ("MAIL", "250 ok\r\n"),
            ("RCPT", "553 5.7.1 Sender address rejected: not owned by user\r\n"),
        ]);
        assert!(result.unwrap_err().ends_with("set from in [rewrite] to an address that this login may send as"));
        let (result, _) = rehearsed(&[("", "220 x\r\n"), HELLO, ("MAIL", "451 4.3.0 later\r\n")]);
        assert!(result.unwrap_err().contains("is put off (451 4.3.0 later)"));
    }
}

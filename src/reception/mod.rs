//! The server's side of a mail transaction, RFC 5321: the words of a caller of `sendmail -bs`, and the answers.
//!
//! `wire` tells lines and content from the stream, `command` reads a line, `reply` is the answer, and this file knows
//! which command may follow which. All of it is pure: it asks its caller where a recipient leads, and its caller takes
//! a mail that was announced.

mod command;
mod reply;
mod wire;

pub(crate) use reply::Reply;
pub use wire::{Line, Wire};

use crate::dsn::{OfMail, OfRecipient};
use command::{Command, Mail, Recipient};

/// The most recipients of one mail. RFC 5321 section 4.5.3.1.8 wants a hundred.
const MOST_RECIPIENTS: usize = 10_000;
/// A caller who says so many lines that are no commands does not speak SMTP (Sendmail's MAXBADCOMMANDS).
const MOST_UNKNOWN: usize = 25;

/// One session: the dialogue so far.
#[derive(Debug)]
pub struct Dialogue {
    host: String,
    /// The largest content that is taken, in octets.
    most: u64,
    transaction: Option<Transaction>,
    unknown: usize,
}

/// The envelope of a mail as the caller gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// The address of MAIL, empty for the null reverse-path.
    pub(crate) reverse_path: String,
    /// The requests about the mail's delivery.
    pub(crate) dsn: OfMail,
    /// The addresses of RCPT, each with the requests about it.
    pub recipients: Vec<(String, OfRecipient)>,
}

/// The next step after a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Answer it, and go on.
    Answer(Reply),
    /// Answer it, then take the content of the mail with that envelope.
    Take(Reply, Transaction),
    /// Answer it, and end.
    End(Reply),
}

impl Dialogue {
    /// A session with the machine of that name, which takes contents of at most so many octets.
    pub fn new(host: &str, most: u64) -> Self {
        Self { host: host.to_string(), most, transaction: None, unknown: 0 }
    }

    /// The reply that opens the session.
    pub(crate) fn greeting(&self) -> Reply {
        Reply::new(220, &format!("{} ESMTP mailx-t", self.host))
    }

    /// Takes a line. `leads_somewhere` tells whether mail for an address has somewhere to go.
    pub fn take(&mut self, line: &[u8], leads_somewhere: &mut dyn FnMut(&str) -> bool) -> Step {
        let answer = match Command::parse(line) {
            Err(reply) => return self.unknown(reply),
            Ok(Command::Data) => return self.data(),
            Ok(Command::Quit) => return Step::End(Reply::new(221, "2.0.0 bye")),
            Ok(Command::Ehlo) => self.ehlo(),
            Ok(Command::Helo) => {
                self.greeted();
                Reply::new(250, &self.host)
            }
            Ok(Command::Help) => {
                Reply::new(214, "2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT, see mailx-t(1)")
            }
            Ok(Command::Mail(mail)) => self.mail(mail).unwrap_or_else(|refusal| refusal),
            Ok(Command::Noop) => Reply::new(250, "2.0.0 ok"),
            Ok(Command::Rcpt(recipient)) => self.rcpt(recipient, leads_somewhere).unwrap_or_else(|refusal| refusal),
            Ok(Command::Rset) => {
                self.transaction = None;
                Reply::new(250, "2.0.0 ok")
            }
            // RFC 5321 section 3.5.3: nobody must learn who gets mail here.
            Ok(Command::Vrfy) => Reply::new(252, "2.5.0 send some mail, it will be taken"),
        };
        Step::Answer(answer)
    }

    /// Takes a line that is longer than any command.
    pub fn take_too_long(&mut self) -> Step {
        self.unknown(Reply::new(500, "5.5.2 the line is too long"))
    }

    fn unknown(&mut self, reply: Reply) -> Step {
        self.unknown += usize::from(reply.is_unknown());
        match self.unknown {
            MOST_UNKNOWN.. => Step::End(Reply::new(421, "4.7.0 too many lines that are no commands")),
            _ => Step::Answer(reply),
        }
    }

    /// RFC 5321 section 4.1.4: a new greeting ends the transaction. MAIL needs no greeting before it, as in Sendmail,
    /// Postfix and Exim: whoever may start the program may send.
    fn greeted(&mut self) {
        self.transaction = None;
    }

    fn ehlo(&mut self) -> Reply {
        self.greeted();
        let size = format!("SIZE {}", self.most);
        Reply::of_lines(
            250,
            &[&self.host, "PIPELINING", &size, "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "HELP"],
        )
    }

    fn mail(&mut self, mail: Mail) -> Result<Reply, Reply> {
        if self.transaction.is_some() {
            return Err(Reply::new(503, "5.5.1 a mail has begun already: RSET gives it up"));
        }
        if mail.size.is_some_and(|size| size > self.most) {
            return Err(self.too_large());
        }
        self.transaction =
            Some(Transaction { reverse_path: mail.reverse_path, dsn: mail.dsn, ..Transaction::default() });
        Ok(Reply::new(250, "2.1.0 ok"))
    }

    fn rcpt(&mut self, recipient: Recipient, leads_somewhere: &mut dyn FnMut(&str) -> bool) -> Result<Reply, Reply> {
        let begun = self.transaction.as_mut().ok_or_else(|| Reply::new(503, "5.5.1 say MAIL first"))?;
        if begun.recipients.len() >= MOST_RECIPIENTS {
            return Err(Reply::new(452, "4.5.3 too many recipients for one mail"));
        }
        if !leads_somewhere(&recipient.address) {
            return Err(Reply::new(553, "5.1.3 this is no address"));
        }
        begun.recipients.push((recipient.address, recipient.dsn));
        Ok(Reply::new(250, "2.1.5 ok"))
    }

    fn data(&mut self) -> Step {
        match self.transaction.take() {
            Some(begun) if begun.recipients.is_empty() => {
                self.transaction = Some(begun);
                Step::Answer(Reply::new(503, "5.5.1 say RCPT first: the mail has no recipient"))
            }
            Some(begun) => Step::Take(Reply::new(354, "end the mail with <CR><LF>.<CR><LF>"), begun),
            None => Step::Answer(Reply::new(503, "5.5.1 say MAIL and RCPT first")),
        }
    }

    /// The answer to a content, announced or sent, that is not taken.
    pub(crate) fn too_large(&self) -> Reply {
        Reply::new(552, &format!("5.3.4 the mail is too large: {} octets are taken, see max-message-size", self.most))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The codes of the answers to a session's lines; a code that ends the session is the last.
    fn codes(lines: &[&str]) -> Vec<u16> {
        let mut dialogue = Dialogue::new("web1", 1000);
        let mut codes = Vec::new();
        for line in lines {
            match dialogue.take(line.as_bytes(), &mut |address| !address.contains("nowhere")) {
                Step::Answer(reply) | Step::Take(reply, _) => codes.push(reply.code()),
                Step::End(reply) => {
                    codes.push(reply.code());
                    break;
                }
            }
        }
        codes
    }

    #[test]
    fn commands_have_their_order() {
        assert_eq!(codes(&["RCPT TO:<b@x.org>", "DATA"]), [503, 503]);
        assert_eq!(codes(&["HELO [127.0.0.1]", "RCPT TO:<b@x.org>", "MAIL FROM:<>", "DATA"]), [250, 503, 250, 503]);
        let mail = "MAIL FROM:<a@x.org>";
        assert_eq!(
            codes(&["EHLO x", mail, mail, "RSET", mail, "RCPT TO:<b>", "DATA"]),
            [250, 250, 503, 250, 250, 250, 354]
        );
        assert_eq!(codes(&["EHLO x", mail, "EHLO x", "RCPT TO:<b>"]), [250, 250, 250, 503]);
        assert_eq!(codes(&["NOOP x", "VRFY root", "HELP", "RSET", "quit", "NOOP"]), [250, 252, 214, 250, 221]);
    }

    #[test]
    fn caller_need_not_greet() {
        assert_eq!(codes(&["MAIL FROM:<a@x.org>", "RCPT TO:<b@x.org>", "DATA"]), [250, 250, 354]);
    }

    #[test]
    fn what_cannot_be_taken_is_refused_before_it_is_sent() {
        let begin = ["EHLO x", "MAIL FROM:<a@x.org> SIZE=1000"];
        assert_eq!(codes(&begin), [250, 250]);
        assert_eq!(codes(&["EHLO x", "MAIL FROM:<a@x.org> SIZE=1001"]), [250, 552]);
        assert_eq!(codes(&[&begin[..], &["RCPT TO:<nowhere>", "RCPT TO:<b>"]].concat())[2..], [553, 250]);
        let many: Vec<String> = (0..=MOST_RECIPIENTS).map(|n| format!("RCPT TO:<r{n}@x.org>")).collect();
        let many: Vec<&str> = begin.iter().copied().chain(many.iter().map(String::as_str)).collect();
        assert_eq!(codes(&many)[MOST_RECIPIENTS + 1..], [250, 452]);
    }

    #[test]
    fn envelope_is_what_was_said() {
        let mut dialogue = Dialogue::new("web1", 1000);
        let lines = [
            "EHLO x",
            "MAIL FROM:<a@x.org> RET=HDRS ENVID=1 BODY=8BITMIME",
            "RCPT TO:<b@x.org> NOTIFY=NEVER",
            "rcpt to: root",
        ];
        lines.iter().for_each(|line| drop(dialogue.take(line.as_bytes(), &mut |_| true)));
        let Step::Take(_, taken) = dialogue.take(b"DATA", &mut |_| true) else { panic!("not taken") };
        assert_eq!((taken.reverse_path.as_str(), taken.dsn.envid.unwrap().text()), ("a@x.org", "1"));
        assert_eq!(taken.recipients[0].0, "b@x.org");
        assert!(!taken.recipients[0].1.wants_failure());
        assert_eq!(taken.recipients[1], ("root".to_string(), OfRecipient::default()));
        assert_eq!(codes(&["DATA"]), [503]);
    }

    #[test]
    fn whoever_does_not_speak_smtp_is_sent_away() {
        let mail = ["Subject: a mail, not a dialogue"; 100];
        let codes = codes(&mail);
        assert_eq!((codes.len(), codes[0], codes[24]), (25, 500, 421));
    }

    proptest! {
        #[test]
        fn each_line_gets_one_well_formed_answer(lines in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                "(EHLO|HELO|MAIL FROM:|RCPT TO:|DATA|RSET|NOOP|VRFY|HELP|BDAT) ?<?[ -~é]{0,30}>?( [A-Z]{1,8}=?[ -~]{0,9}){0,2}"
                    .prop_map(String::into_bytes),
            ], 0..20)) {
            let mut dialogue = Dialogue::new("web1", 1000);
            for line in lines {
                let (Step::Answer(reply) | Step::Take(reply, _) | Step::End(reply)) =
                    dialogue.take(&line, &mut |_| true);
                let text = reply.to_string();
                prop_assert!(text.ends_with("\r\n") && text.is_ascii());
                for line in text.split_terminator("\r\n") {
                    prop_assert!(line.len() < 510 && !line.contains(['\r', '\n']));
                    prop_assert!(line.starts_with(&reply.code().to_string()));
                }
            }
        }
    }
}

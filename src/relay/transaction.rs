//! One mail transaction: MAIL, RCPT, DATA, content. RFC 5321 section 3.3.
//!
//! Every recipient gets an outcome of their own, and one that is refused does not sink the others. A reply
//! decides as `verdict` has it; a lost link defers. The envelope is built as a group of command lines, so that
//! it can be written line by line as now, or at once where the server offers PIPELINING.

use std::io::Read;

use lettre::Address;
use lettre::transport::smtp::commands::{Data, Mail as MailCommand, Rcpt, Rset};
use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter};

use super::content::Pieces;
use super::reply::Answer;
use super::verdict;
use super::{Capabilities, Session, Trouble};
use crate::outcome::{EnhancedStatus, Outcome, Reply, Scope, Stage, Status};

/// The envelope of one mail, and what the server must know about its content.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// Where bounces go; none for a mail that must not bounce.
    pub reverse_path: Option<&'a Address>,
    /// To whom; the outcomes come in this order.
    pub recipients: &'a [&'a Address],
    /// The size of the content in wire form, in bytes.
    pub size: u64,
    /// The content has bytes above 127.
    pub eight_bit: bool,
    /// An address or a header field has characters beyond ASCII.
    pub smtputf8: bool,
}

impl Session {
    /// Hands over one mail; one outcome for each recipient, in their order.
    ///
    /// `content` is in wire form: lines end in CRLF, dots are not doubled yet.
    pub fn send(&mut self, mail: &Mail<'_>, content: &mut dyn Read) -> Vec<Outcome> {
        let mut refused = vec![None; mail.recipients.len()];
        if refused.is_empty() {
            return Vec::new();
        }
        let rest = self.transaction(mail, content, &mut refused).unwrap_or_else(|outcome| outcome);
        refused.into_iter().map(|own| own.unwrap_or_else(|| rest.clone())).collect()
    }

    /// Fills in who is refused, and returns what becomes of everybody else.
    fn transaction(
        &mut self,
        mail: &Mail<'_>,
        content: &mut dyn Read,
        refused: &mut [Option<Outcome>],
    ) -> Result<Outcome, Outcome> {
        self.check(mail)?;
        let envelope = Envelope::new(mail, &self.capabilities);
        taken(Stage::Mail, self.step(Stage::Mail, &envelope.mail, 2)?)?;
        for (command, own) in envelope.recipients.iter().zip(refused.iter_mut()) {
            *own = taken(Stage::Rcpt, self.step(Stage::Rcpt, command, 2)?).err();
        }
        if let Some(Some(last)) = refused.last()
            && refused.iter().all(Option::is_some)
        {
            self.reset();
            return Err(last.clone());
        }
        let reply = self.step(Stage::Data, &Data.to_string(), 3)?;
        taken(Stage::Data, reply).inspect_err(|_| self.reset())?;
        self.pour(content)
    }

    /// What can be said before anything is sent.
    fn check(&self, mail: &Mail<'_>) -> Result<(), Outcome> {
        let peer = self.wire.peer();
        if !self.is_usable() {
            return Err(peer.trouble(Stage::Mail, Scope::Host, "the connection is no longer usable").outcome());
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

    /// One command and its reply. An error ends the transaction and the session; a refusal does not.
    fn step(&mut self, stage: Stage, command: &str, class: u16) -> Result<Reply, Outcome> {
        let answer = self.wire.ask(stage, command).map_err(|trouble| trouble.outcome())?;
        self.weigh(stage, &answer, class)
    }

    /// Sorts out the replies after which nothing more can be said.
    fn weigh(&mut self, stage: Stage, answer: &Answer, class: u16) -> Result<Reply, Outcome> {
        let reply = answer.reply();
        if reply.code == 421 {
            self.wire.give_up();
            return Err(verdict::outcome(stage, &reply));
        }
        if reply.is_positive() && !answer.is_class(class) {
            self.wire.give_up();
            let why = format!("at {stage}: the answer makes no sense ({reply})");
            return Err(self.wire.peer().trouble(stage, Scope::Host, why).outcome());
        }
        Ok(reply)
    }

    /// Sends the content and reads the reply to the final dot. A mail whose content breaks off gets no dot.
    fn pour(&mut self, content: &mut dyn Read) -> Result<Outcome, Outcome> {
        let mut pieces = Pieces::of(content);
        loop {
            let piece = pieces.next().map_err(|error| {
                self.wire.give_up();
                let why = format!("the mail could not be read to its end ({error})");
                self.wire.peer().trouble(Stage::Content, Scope::Message, why).outcome()
            })?;
            let Some(piece) = piece else { break };
            match self.wire.write(Stage::Content, &piece) {
                Ok(None) => {}
                Ok(Some(last_words)) => return Err(verdict::outcome(Stage::Content, &last_words.reply())),
                Err(trouble) if pieces.is_done() => return Err(in_doubt(trouble)),
                Err(trouble) => return Err(trouble.outcome()),
            }
        }
        let answer = self.wire.read(Stage::Content).map_err(in_doubt)?;
        let reply = self.weigh(Stage::Content, &answer, 2)?;
        Ok(verdict::outcome(Stage::Content, &reply))
    }

    /// Makes the session ready for the next mail after a transaction that ended early.
    fn reset(&mut self) {
        if self.is_usable() && !self.wire.ask(Stage::Mail, &Rset.to_string()).is_ok_and(|answer| answer.is_class(2)) {
            self.wire.give_up();
        }
    }
}

/// The command lines of an envelope: a group in the sense of RFC 2920.
struct Envelope {
    mail: String,
    recipients: Vec<String>,
}

impl Envelope {
    fn new(mail: &Mail<'_>, capabilities: &Capabilities) -> Self {
        let mut parameters = Vec::new();
        if capabilities.size.is_some() {
            parameters.push(MailParameter::Size(usize::try_from(mail.size).unwrap_or(usize::MAX)));
        }
        if mail.eight_bit && capabilities.eight_bit_mime {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        if mail.smtputf8 && capabilities.smtputf8 {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let recipient = |address: &&Address| Rcpt::new((*address).clone(), Vec::new()).to_string();
        Self {
            mail: MailCommand::new(mail.reverse_path.cloned(), parameters).to_string(),
            recipients: mail.recipients.iter().map(recipient).collect(),
        }
    }
}

fn taken(stage: Stage, reply: Reply) -> Result<(), Outcome> {
    if reply.is_positive() { Ok(()) } else { Err(verdict::outcome(stage, &reply)) }
}

/// RFC 5321 section 6.1: a link lost after the final dot leaves open who has the mail now.
fn in_doubt(mut trouble: Trouble) -> Outcome {
    trouble.sentence.push_str(": the server may have taken the mail all the same, so a duplicate is possible");
    trouble.outcome()
}

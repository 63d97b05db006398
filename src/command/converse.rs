//! `sendmail -bs`: takes mails from a caller who speaks SMTP on stdin and hears the answers on stdout.
//!
//! Each mail goes the way of any other submission. The answer is 250 only if it is kept. There is no time limit: the
//! pipe ends when its writer does, and only a process of the caller's own waits for that.

use std::io::{BufWriter, Read, Write};

use super::submission::accept::{Accepted, accept};
use super::submission::hand_over::{hand_over, throw_away};
use super::submission::local_names::LocalNames;
use super::submission::request::{Delivery, Request};
use crate::config::{self, Config};
use crate::envelope::{Destination, Operand};
use crate::error::Error;
use crate::message::Mailbox;
use crate::reception::{Dialogue, Line, Reply, Step, Transaction, Wire};
use crate::spool;
use crate::system;

/// The properties of every mail of the conversation.
#[derive(Debug, Default)]
pub struct Defaults {
    /// The display name asked for.
    pub(crate) full_name: Option<String>,
    /// The time at which a mail is to leave.
    pub(crate) delivery: Delivery,
}

/// Serves the caller until QUIT, or until they close their end. `told` gets each sentence that a person should read.
///
/// # Errors
/// The configuration cannot be used, a mail broke off, nobody reads the answers, or no relay can ever send the mails
/// that were kept.
pub(crate) fn run(
    defaults: &Defaults,
    config: Result<Config, config::Error>,
    input: &mut dyn Read,
    output: &mut dyn Write,
    told: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let mut output = BufWriter::new(output);
    let host = system::host_name();
    let config = config.map_err(Error::from).inspect_err(|error| {
        // A caller who reads no answer has the exit status.
        let _ = write!(output, "{}", Reply::new(421, &format!("4.3.5 {host}: {error}"))).and_then(|()| output.flush());
    })?;
    let most = config.spool.max_message_size.as_u64();
    Conversation { defaults, config: &config, most, wire: Wire::new(input), output, told, trouble: None }.serve(&host)
}

struct Conversation<'a, I, O: Write> {
    defaults: &'a Defaults,
    config: &'a Config,
    /// The largest content that is taken, in octets.
    most: u64,
    wire: Wire<I>,
    output: BufWriter<O>,
    told: &'a mut dyn FnMut(&str),
    /// The trouble that a kept mail has met.
    trouble: Option<Error>,
}

impl<I: Read, O: Write> Conversation<'_, I, O> {
    fn serve(mut self, host: &str) -> Result<(), Error> {
        let config = self.config;
        let names = LocalNames::of(config, system::local_names(host));
        let mut resolver = names.resolver(&config.account);
        let mut leads_somewhere = |address: &str| match Mailbox::of_argument(address.as_bytes()).as_slice() {
            [mailbox] => {
                !resolver.one(&mailbox.address).is_empty() || resolver.thrown_away().contains(&mailbox.address)
            }
            _ => false,
        };
        let mut dialogue = Dialogue::new(host, self.most);
        self.answer(&dialogue.greeting())?;
        loop {
            if !self.wire.has_line() {
                self.output.flush().map_err(Error::Output)?;
            }
            let step = match self.wire.line().map_err(Error::Input)? {
                Line::End => break,
                Line::Text(line) => dialogue.take(&line, &mut leads_somewhere),
                Line::TooLong => dialogue.take_too_long(),
            };
            match step {
                Step::Answer(reply) => self.answer(&reply)?,
                Step::Take(reply, transaction) => {
                    self.answer(&reply)?;
                    self.output.flush().map_err(Error::Output)?;
                    let reply = self.accept_mail(transaction, &dialogue)?;
                    self.answer(&reply)?;
                }
                Step::End(reply) => {
                    self.answer(&reply)?;
                    break;
                }
            }
        }
        // Nobody has to hear the last words.
        let _ = self.output.flush();
        self.trouble.map_or(Ok(()), Err)
    }

    fn answer(&mut self, reply: &Reply) -> Result<(), Error> {
        write!(self.output, "{reply}").map_err(Error::Output)
    }

    /// Takes the content that follows; returns the answer to it.
    fn accept_mail(&mut self, transaction: Transaction, dialogue: &Dialogue) -> Result<Reply, Error> {
        let request = self.request(transaction);
        let mut content = self.wire.content(self.most);
        let accepted = accept(&request, self.config, &mut content);
        // The line after the final dot is the next command, whatever became of the mail.
        content.pass_over().map_err(Error::Input)?;
        match accepted {
            Err(_) if content.is_too_large() => Ok(dialogue.too_large()),
            Err(error) => Ok(refusal(&error)),
            Ok(Accepted::Nothing) => Ok(Reply::new(250, "2.0.0 ok")),
            Ok(Accepted::ThrownAway(prepared)) => {
                throw_away(&request, self.config, &prepared).iter().for_each(|note| (self.told)(note));
                Ok(Reply::new(250, "2.0.0 ok: thrown away"))
            }
            Ok(Accepted::Sent { id, notes }) => {
                notes.iter().for_each(|note| (self.told)(note));
                Ok(Reply::new(250, &format!("2.0.0 ok: sent as {id}")))
            }
            Ok(Accepted::Kept(prepared)) => {
                match hand_over(&request, self.config, &prepared) {
                    Ok(notes) => notes.iter().for_each(|note| (self.told)(note)),
                    Err(error) => self.trouble = Some(error),
                }
                Ok(Reply::new(250, &format!("2.0.0 ok: queued as {}", prepared.entry.id)))
            }
        }
    }

    fn request(&self, transaction: Transaction) -> Request {
        let operand = |(address, dsn): (String, _)| Operand { octets: address.into_bytes(), dsn };
        let operands = transaction.recipients.into_iter().map(operand).collect();
        Request {
            destination: Destination { operands, ..Destination::default() },
            sender: Some(transaction.reverse_path).filter(|path| !path.is_empty()),
            full_name: self.defaults.full_name.clone(),
            dsn: transaction.dsn,
            delivery: self.defaults.delivery,
            ..Request::default()
        }
    }
}

/// The answer to a mail that was not accepted: the caller still has it.
fn refusal(error: &Error) -> Reply {
    match error {
        Error::NoRecipient(_) => Reply::new(554, &format!("5.5.1 {error}")),
        Error::Refused { .. } => Reply::new(554, &format!("5.0.0 {error}")),
        // RFC 3463 section 3.6: too many recipients.
        Error::Spool(spool::Error::Envelope { .. }) => Reply::new(554, &format!("5.5.3 {error}")),
        Error::Spool(spool::Error::Write { .. }) => Reply::new(452, &format!("4.3.1 {error}")),
        _ => Reply::new(451, &format!("4.3.0 {error}")),
    }
}

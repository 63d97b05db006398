//! A mail comes in: MAIL, RCPT, then DATA or BDAT, and the verdict on the content.
//!
//! `transaction` reads a single command; this file knows when each may be said. A mail is written down before it is
//! acknowledged, so a client that has heard a 250 finds it in the record.

use super::dialogue::{Dialogue, End, Step};
use super::record::Received;
use super::script::{Act, Point};
use super::transaction::{Transaction, unstuffed};

impl Dialogue<'_> {
    pub(super) fn mail(&mut self, line: &str) -> Step {
        let login = self.login.as_deref();
        let begun = match self.gate() {
            Ok(()) if self.mail.is_some() => Err("503 5.5.1 nested MAIL".to_owned()),
            Ok(()) => Transaction::begin(line, &self.house.host, login),
            Err(reply) => Err(reply.to_owned()),
        };
        let usual = begun.as_ref().map_or_else(String::as_str, |_| "250 2.1.0 sender ok").to_owned();
        if self.answer(Point::Mail, line.as_bytes(), &usual)? {
            self.mail = begun.ok();
        }
        Ok(())
    }

    pub(super) fn rcpt(&mut self, line: &str) -> Step {
        let named = match (self.gate(), &self.mail) {
            (Err(reply), _) => Err(reply.to_owned()),
            (Ok(()), Some(mail)) if mail.chunks.is_none() => mail.recipient(line, &self.house.host),
            (Ok(()), _) => Err("503 5.5.1 RCPT comes after MAIL".to_owned()),
        };
        let usual = named.as_ref().map_or_else(String::as_str, |_| "250 2.1.5 recipient ok").to_owned();
        if self.answer(Point::Rcpt, line.as_bytes(), &usual)? {
            self.mail.iter_mut().for_each(|mail| mail.recipients.extend(named.clone()));
        }
        Ok(())
    }

    pub(super) fn data(&mut self, line: &str) -> Step {
        let usual = match self.content_gate() {
            Ok(mail) if mail.chunks.is_some() => "503 5.5.1 DATA does not follow BDAT",
            Ok(_) => "354 end with a dot",
            Err(reply) => reply,
        };
        if self.answer(Point::Data, line.as_bytes(), usual)? {
            let wire = self.wire.until_dot()?;
            let content = unstuffed(&wire);
            return self.finish("DATA", wire, content);
        }
        Ok(())
    }

    pub(super) fn bdat(&mut self, line: &str) -> Step {
        let words: Vec<_> = line.split(' ').collect();
        let (size, is_last) = match words[..] {
            [_, size] => (size.parse::<usize>(), false),
            [_, size, last] if last.eq_ignore_ascii_case("LAST") => (size.parse(), true),
            _ => ("".parse(), false),
        };
        let Ok(size) = size else {
            // Nobody can tell where the next command starts.
            self.say("501 5.5.4 syntax: BDAT size [LAST]");
            return Err(End::Cut);
        };
        if self.forgets_octets() {
            return self.reply("502 5.5.1 what is BDAT?");
        }
        // The octets come whatever the reply will be (RFC 3030 section 2).
        let octets = self.wire.octets(size)?;
        if let Err(reply) = self.content_gate() {
            return self.reply(reply);
        }
        let mail = self.mail.get_or_insert_default();
        let chunks = mail.chunks.get_or_insert_default();
        chunks.extend(octets);
        if !is_last {
            return self.reply("250 2.0.0 chunk ok");
        }
        let wire = std::mem::take(chunks);
        self.finish("BDAT", wire.clone(), wire)
    }

    /// It is one of the servers that take the octets of this chunk for commands.
    fn forgets_octets(&self) -> bool {
        match (self.house.host.chunks_unread, &self.mail) {
            (None, _) => false,
            (Some(Point::Mail), mail) => mail.is_none(),
            (Some(Point::Rcpt), mail) => mail.as_ref().is_some_and(|mail| mail.recipients.is_empty()),
            (Some(_), _) => true,
        }
    }

    /// The content is here: keeps the mail or refuses it.
    fn finish(&mut self, via: &'static str, wire: Vec<u8>, content: Vec<u8>) -> Step {
        let Transaction { reverse_path, parameters: mail_parameters, recipients, .. } =
            self.mail.take().unwrap_or_default();
        let (connection, login, tls) = (self.number, self.login.clone(), self.wire.tls());
        let mail = Received { connection, login, mail_parameters, reverse_path, recipients, wire, content, via, tls };
        let act = self.house.host.script.next(Point::Content, &mail.content);
        let refusal = self.house.host.refusal(&mail);
        let is_kept = match &act {
            None | Some(Act::AwaitConnections(_) | Act::Drip(_)) => refusal.is_none(),
            Some(Act::Reply(reply)) => reply.starts_with('2'),
            Some(act) => act.is_storing(),
        };
        let usual = match refusal {
            _ if is_kept => format!("250 2.0.0 ok, queued as {}", self.house.journal.keep(mail)),
            refusal => refusal.unwrap_or_default().to_owned(),
        };
        self.carry_out(act, Point::Content, &usual).map(drop)
    }

    /// The steps that must come before a mail; the reply to a client that has not taken them.
    fn gate(&self) -> Result<(), &'static str> {
        let is_known = self.login.is_some() || self.house.host.is_auth_optional;
        match self.is_greeted {
            false => Err("503 5.5.1 EHLO first"),
            true if self.is_in_clear() => Err("530 5.7.0 must issue STARTTLS first"),
            true if !is_known => Err("530 5.7.0 authentication required"),
            true => Ok(()),
        }
    }

    fn content_gate(&self) -> Result<&Transaction, &'static str> {
        self.gate()?;
        match &self.mail {
            None => Err("503 5.5.1 MAIL first"),
            Some(mail) if mail.recipients.is_empty() => Err("554 5.5.1 no valid recipients"),
            Some(mail) => Ok(mail),
        }
    }
}

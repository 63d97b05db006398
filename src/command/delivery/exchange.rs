//! The exchange about one mail over a connection: its offer, the answers, and what they teach about the server.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use lettre::Address;

use crate::command::accountable::accountable;
use crate::dsn::OfRecipient;
use crate::error::Error;
use crate::log;
use crate::outcome::{Outcome, Scope, Stage, Status};
use crate::relay::{Lesson, Mail, Offered, Session};
use crate::rewrite::SevenBit;
use crate::spool::Entry;
use crate::system;
use crate::verdict;

use super::attempt::{Attempt, Course};
use super::connection::{Connection, PROVEN, SUSPECTED, Source};
use super::known_smarthosts::Trait;

/// The time for which we remember that a server reads the chunks that it refuses, and that it does not. A lesson comes
/// after the proof that it belies, and so outlives it.
const CHUNKS_KNOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Connection<'_> {
    /// Hands over a mail over the connection at hand, as far as that goes without waiting.
    pub(crate) fn offer_entry(
        &mut self,
        entry: &Entry,
        recipients: &[usize],
        content: Source<'_, '_>,
        reverse_path: Option<&Address>,
    ) -> Result<(), Error> {
        let to: Vec<&Address> = recipients.iter().map(|n| &entry.recipients[*n].address).collect();
        let dsn: Vec<&OfRecipient> = recipients.iter().map(|n| &entry.recipients[*n].dsn).collect();
        // RFC 6152 section 3: what the server cannot take is converted for it.
        let is_converted = entry.eight_bit && self.session().is_some_and(|s| !s.capabilities().eight_bit_mime);
        let size = if is_converted {
            io::copy(&mut SevenBit::new(content()?), &mut io::sink()).unwrap_or(entry.size)
        } else {
            entry.size
        };
        let mail = Mail {
            reverse_path,
            recipients: &to,
            size,
            eight_bit: entry.eight_bit && !is_converted,
            smtputf8: to.iter().any(|address| !address.to_string().is_ascii()),
            dsn: Some(&entry.dsn),
            recipient_dsn: &dsn,
        };
        let mut content = content()?;
        if let Some(session) = &mut self.session {
            let wants_success = dsn.iter().any(|dsn| dsn.notify.is_some_and(|notify| notify.success));
            if wants_success && !session.capabilities().dsn {
                log::mail(entry.id.as_str()).info("the smarthost offers no DSN: nobody will report success");
            }
            if is_converted {
                session.offer(&mail, &mut SevenBit::new(content));
            } else {
                session.offer(&mail, &mut content);
            }
            self.begun += 1;
            self.smarthosts.count(self.smarthost, accountable(entry.uid), recipients.len());
        }
        Ok(())
    }

    /// Waits for the attempt of the mail that was begun first.
    pub(crate) fn await_attempt(&mut self, recipients: Vec<usize>, started: Timestamp) -> Attempt {
        let answer = self.session.as_mut().and_then(Session::await_answer);
        let offered = answer.unwrap_or_else(|| Offered::nothing(recipients.len()));
        if let Some(lesson) = offered.lesson {
            self.remember(lesson);
        }
        match self.session.as_mut().and_then(Session::take_chunk_proof) {
            Some(true) => {
                if let Some(session) = &self.session {
                    self.smarthosts.note_reads_chunks(self.smarthost, session.relay(), CHUNKS_KNOWN);
                }
            }
            Some(false) => self.remember(Lesson::Chunking),
            None => {}
        }
        self.used += 1;
        let has_enough = self.has_enough(&offered.outcomes);
        self.is_spent |= has_enough;
        if (has_enough || offered.may_retry && !self.is_usable()) && self.taken > 0 && !self.has_told_enough {
            self.has_told_enough = true;
            self.smarthosts.learn_most_mails(self.smarthost, self.taken, PROVEN);
        }
        let course = Course {
            relay: self.session.as_ref().map(|session| session.relay().to_string()),
            conn_use: self.used,
            setup: std::mem::take(&mut self.setup),
            started,
            ended: system::now(),
        };
        let attempt = Attempt {
            recipients,
            outcomes: offered.outcomes,
            course,
            asked: vec![self.smarthost],
            unnamed: Vec::new(),
            lost: (!self.is_usable()).then_some(self.number),
            may_retry: offered.may_retry || has_enough,
            is_in_doubt: offered.is_in_doubt,
        };
        self.judge(&attempt);
        attempt
    }

    /// A server that has taken mails over this connection refuses the next before its content: it may have had enough
    /// of the connection, whatever its words. At RCPT and at the content its words have to say so. Over a new one the
    /// mail shows what it is.
    fn has_enough(&mut self, outcomes: &[Outcome]) -> bool {
        let is_taken = outcomes.iter().any(|outcome| outcome.status == Status::Sent);
        self.taken += u32::from(is_taken);
        let is_refused = |outcome: &Outcome| {
            let is_early = matches!(outcome.stage, Stage::Mail | Stage::Data);
            verdict::reply_of(outcome).is_some_and(|reply| is_early || verdict::is_of_connection(&reply))
        };
        self.taken > 0 && !outcomes.is_empty() && outcomes.iter().all(is_refused)
    }

    /// A smarthost with trouble of its own comes after the others for a while. A link that is lost later than with the
    /// first mail over it may have been lost to any of those under way.
    fn judge(&self, attempt: &Attempt) {
        let is_of_host = attempt.host_trouble().is_some_and(|outcome| outcome.scope == Scope::Host);
        if is_of_host && !attempt.may_retry && (!attempt.is_in_doubt || self.used == 1) {
            self.smarthosts.avoid(self.smarthost);
        }
    }

    fn remember(&self, lesson: Lesson) {
        let (remembered, length, why) = match lesson {
            Lesson::Chunking => (Trait::NoChunking, CHUNKS_KNOWN, "offers BDAT and refuses it, or what comes with it"),
            Lesson::ChunkingMaybe => (Trait::NoChunking, SUSPECTED, "was lost at a question about BDAT"),
            Lesson::Groups => (Trait::NoGroups, PROVEN, "cannot take commands in groups"),
            Lesson::GroupsMaybe => (Trait::NoGroups, SUSPECTED, "was lost within the first group of commands"),
            Lesson::Login => (Trait::NoLoginInGroups, PROVEN, "cannot take a login in a group"),
            Lesson::Parameters => (Trait::NoParameters, SUSPECTED, "refuses parameters of MAIL"),
            Lesson::LoginMaybe => (Trait::NoLoginInGroups, SUSPECTED, "was lost within a group with the login"),
        };
        log::info(&format!("smarthost {} {why}: for a while it gets {remembered}", self.settings()));
        self.smarthosts.remark(self.smarthost, remembered, length);
    }
}

//! The fields that a message must have, made where it lacks them.

use super::field;
use super::field_rules;
use super::header::Header;
use super::originator::Originator;
use super::repair::Repair;
use super::set_aside;
use super::subject;
use crate::envelope::Recipient;
use crate::message::{Mailbox, cron, decoded, text};
use crate::outcome::clean;

impl Header<'_> {
    /// No field of that name, in lower case, is on the wire.
    pub(super) fn lacks(&self, name: &str) -> bool {
        !self.seen.contains(name) || self.left_out.contains(name)
    }

    /// Adds the fields that a message must have and that this one lacks.
    pub(super) fn missing(&mut self, originator: &Originator, recipients: &[Recipient]) {
        if self.lacks("from") {
            self.from(None, originator);
        }
        if ["to", "cc", "resent-to"].iter().all(|name| self.lacks(name)) {
            self.to(recipients);
        }
        if self.lacks("subject") {
            self.repairs.insert(Repair::Subject);
            field::unstructured("Subject", &self.subject(), &mut self.out);
        }
        if self.lacks("date") {
            self.repairs.insert(Repair::Date);
            field::plain("Date", self.facts.date, &mut self.out);
        }
        if self.lacks("message-id") {
            self.repairs.insert(Repair::MessageId);
            field::plain("Message-ID", &self.own_message_id(), &mut self.out);
        }
        // RFC 3834 section 5: keeps holiday notices from answering cron.
        if self.message.has(cron::FIELD) && !self.message.has("Auto-Submitted") {
            self.repairs.insert(Repair::AutoSubmitted);
            field::plain("Auto-Submitted", "auto-generated", &mut self.out);
        }
    }

    /// A To with the only recipient. Several recipients are nobody's business: RFC 5322 section 3.4, an empty group.
    fn to(&mut self, recipients: &[Recipient]) {
        self.repairs.insert(Repair::To);
        let only = match recipients {
            [only] => Some(Mailbox { name: None, address: only.address.to_string() }),
            _ => None,
        };
        match only.filter(Mailbox::is_readable) {
            Some(only) => field::plain("To", &only.address, &mut self.out),
            None => field::plain("To", "undisclosed-recipients:;", &mut self.out),
        }
    }

    /// The subject, decoded; a new one if there is none to be read.
    pub(super) fn subject(&self) -> String {
        let written = self.message.named("Subject").next().map(|each| decoded(&self.utf8(each.value)));
        match written.filter(|written| !written.trim().is_empty()) {
            Some(written) => set_aside::shortened(written),
            None => subject::made(self.message, self.facts),
        }
    }

    fn own_message_id(&self) -> String {
        format!("<{}@{}>", self.facts.unique, self.facts.account.domain())
    }

    /// The Message-ID that the mail leaves with.
    pub(super) fn message_id(&self) -> String {
        let written = self.message.named("Message-ID").find(|each| field_rules::is_message_id(each.value));
        written.map_or_else(|| self.own_message_id(), |each| clean(&text(each.value)))
    }
}

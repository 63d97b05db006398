//! What comes after a mail is answered: its outcome is written down, or more is done for it first, over another connection,
//! with another smarthost, or with less of the mail.

use lettre::Address;

use super::super::attempt::Attempt;
use super::super::connections::Answered;
use super::super::{recut, settle};
use super::Term;
use crate::command::notice::Notice;
use crate::log;
use crate::spool::{Claim, Entry, Record};

/// What is still to be done for a mail whose outcome does not stand yet.
enum Next {
    /// Nobody has it, for sure.
    Again(Claim),
    /// For those left others are to be asked.
    Elsewhere(Claim, Attempt),
    /// It was too large.
    Smaller(Claim),
}

impl Term<'_> {
    /// Hears what has become of mails that are under way, and writes it down; of how many. Where one of them needs more, all
    /// others are heard and written down before: that takes its time, and what is known in it must not be lost.
    pub(crate) fn hear(&mut self, told: &mut dyn FnMut(&Notice)) -> usize {
        let (mut count, mut left) = (0, Vec::new());
        loop {
            let answered = self.connections.hear();
            count += answered.len();
            let is_last = answered.is_empty();
            left.extend(self.write_down(answered, told));
            if is_last || left.is_empty() {
                break;
            }
        }
        for next in left {
            self.go_on(next, told);
        }
        count
    }

    /// Writes down the outcomes that stand; the rest of the work is told.
    fn write_down(&mut self, answered: Vec<Answered>, told: &mut dyn FnMut(&Notice)) -> Vec<Next> {
        let stands = |mail: &Answered| {
            !mail.attempt.may_retry && !recut::is_called_for(mail) && !self.connections.has_another(mail)
        };
        let (settled, rest): (Vec<_>, Vec<_>) = answered.into_iter().partition(stands);
        self.conclude(settled, told);
        let mut left = Vec::new();
        for mail in rest {
            if mail.attempt.may_retry {
                left.push(Next::Again(mail.claim));
            } else if recut::is_called_for(&mail) {
                left.push(Next::Smaller(mail.claim));
            } else {
                left.extend(self.part(mail, told));
            }
        }
        left
    }

    fn go_on(&mut self, next: Next, told: &mut dyn FnMut(&Notice)) {
        match next {
            Next::Again(claim) => self.again(claim, told),
            Next::Elsewhere(claim, left) => match self.connections.another(&claim, left) {
                Ok(attempt) => self.after(Answered { claim, attempt }, told),
                Err(error) => log::mail(claim.entry.id.as_str()).error(&error.to_string()),
            },
            Next::Smaller(claim) => self.smaller(claim, told),
        }
    }

    /// Another try for a mail that only its connection was lost to; it waits where the smarthost is closed by now.
    fn again(&mut self, claim: Claim, told: &mut dyn FnMut(&Notice)) {
        if self.routes.closed(&self.routes.of(&claim.entry)).is_some() {
            return;
        }
        match self.connections.again(&claim) {
            Ok(attempt) => self.after(Answered { claim, attempt }, told),
            Err(error) => log::mail(claim.entry.id.as_str()).error(&error.to_string()),
        }
    }

    /// After another try: there may be somebody else to ask, and somebody else may find it too large.
    fn after(&mut self, mail: Answered, told: &mut dyn FnMut(&Notice)) {
        if recut::is_called_for(&mail) {
            self.smaller(mail.claim, told);
        } else if self.connections.has_another(&mail) {
            if let Some(next) = self.part(mail, told) {
                self.go_on(next, told);
            }
        } else {
            self.conclude(vec![mail], told);
        }
    }

    /// For those whom one smarthost put off others are to be asked. What it did for the rest is on disk before.
    fn part(&self, mail: Answered, told: &mut dyn FnMut(&Notice)) -> Option<Next> {
        let Answered { mut claim, attempt } = mail;
        let (done, left) = attempt.part();
        let records = settle::records(self.config, &claim, &done);
        match settle::note(self.config, &mut claim, &records) {
            Ok(()) => {
                self.tell(&claim.entry, &done, &records, told);
                Some(Next::Elsewhere(claim, left))
            }
            Err(error) => {
                log::mail(claim.entry.id.as_str()).error(&error.to_string());
                None
            }
        }
    }

    /// Another try for less of a mail that was refused for its size. One that cannot be cut stays as it is: that it is
    /// refused would lose the whole.
    fn smaller(&mut self, claim: Claim, told: &mut dyn FnMut(&Notice)) {
        let id = claim.entry.id;
        match recut::recut(self.spool, claim, self.connections.largest_mail()) {
            Ok(Some(claim)) => self.again(claim, told),
            Ok(None) => {}
            Err(error) => {
                log::mail(id.as_str()).error(&format!("too large for the smarthost, and cannot be cut: {error}"))
            }
        }
    }

    /// The outcomes first, of all mails that were answered together: they are told when they are on disk, and a clock that
    /// cannot be set must not have anybody get a mail twice.
    fn conclude(&mut self, answered: Vec<Answered>, told: &mut dyn FnMut(&Notice)) {
        let accounts: Vec<Address> = answered.iter().map(|mail| self.routes.of(&mail.claim.entry)).collect();
        for (attempt, account) in self.finish(answered, told).iter().zip(&accounts) {
            self.routes.learn(account, attempt).unwrap_or_else(|error| log::error(&error.to_string()));
        }
    }

    pub(crate) fn finish(&self, answered: Vec<Answered>, told: &mut dyn FnMut(&Notice)) -> Vec<Attempt> {
        let (claims, attempts): (Vec<Claim>, Vec<Attempt>) =
            answered.into_iter().map(|mail| (mail.claim, mail.attempt)).unzip();
        let entries: Vec<Entry> = claims.iter().map(|claim| claim.entry.clone()).collect();
        let records: Vec<Vec<Record>> =
            claims.iter().zip(&attempts).map(|(claim, attempt)| settle::records(self.config, claim, attempt)).collect();
        let mails = claims.into_iter().zip(records.iter().map(Vec::as_slice)).collect();
        let results = settle::settle_all(self.config, mails);
        for (((entry, attempt), records), settled) in entries.iter().zip(&attempts).zip(&records).zip(results) {
            match settled {
                Ok(()) => self.tell(entry, attempt, records, told),
                // A mail that the disk has no room for must not stand before the others.
                Err(error) => log::mail(entry.id.as_str()).error(&error.to_string()),
            }
        }
        attempts
    }

    fn tell(&self, entry: &Entry, attempt: &Attempt, records: &[Record], told: &mut dyn FnMut(&Notice)) {
        for record in records {
            attempt.line(entry, record.recipient, &record.outcome).log();
            told(&Notice::of(entry, record.recipient, &record.outcome));
        }
    }
}

//! The fields that name people: readers see them, and answers go to them.

use std::collections::{BTreeSet, HashSet};

use super::field;
use super::field_rules::is_empty;
use super::header::Header;
use super::originator::Originator;
use super::repair::Repair;
use crate::envelope::Resolver;
use crate::message::{AddressList, Field, Mailbox, text};

/// The most fields of a mail in which a local name is replaced; only Resent fields can be so many.
const MOST_FIELDS: usize = 50;

impl Header<'_> {
    /// An address field, together with the later ones of its name: RFC 5322 wants one. Resent fields come in blocks
    /// (section 3.6.6); each stands for itself.
    pub(super) fn addresses(&mut self, name: &str, each: Field<'_>, resolver: &mut Resolver<'_>) {
        let lower = name.to_ascii_lowercase();
        // No field of that name had a mailbox when the first one was read: do not read them again with each of them.
        let is_barren = self.left_out.remove(&lower);
        let all: Vec<Field<'_>> =
            if is_barren || name.starts_with("Resent-") { vec![each] } else { self.message.named(name).collect() };
        let lists: Vec<AddressList> = all.iter().map(|field| AddressList::read(&self.utf8(field.value))).collect();
        let is_irregular = lists.iter().any(|list| list.is_irregular);
        let named: Vec<Mailbox> =
            lists.into_iter().flat_map(|list| resolver.meant(list)).map(Mailbox::in_ascii).collect();
        let mut is_usable = |address: &str| resolver.is_local(address) || !resolver.one(address).is_empty();
        let (mailboxes, odd): (Vec<Mailbox>, Vec<Mailbox>) =
            named.into_iter().partition(|mailbox| is_usable(&mailbox.address));
        let is_irregular = is_irregular || !odd.is_empty();
        let local = mailboxes.iter().any(|mailbox| resolver.is_local(&mailbox.address));
        if mailboxes.is_empty() && !is_group(&each) {
            // RFC 5322 section 3.4 wants an address here, and anacron writes `To: ""`: made anew below.
            self.seen.remove(&lower);
            self.left_out.insert(lower);
            if is_empty(&each) {
                return;
            }
            self.repairs.insert(Repair::Recipients);
            return field::unstructured(&format!("X-Original-{name}"), &text(&self.utf8(each.value)), &mut self.out);
        }
        let is_single = all.len() == 1 && each.octets.is_ascii();
        if mailboxes.is_empty() || (!local && !is_irregular && is_single) {
            return self.as_written(each);
        }
        if local || is_irregular {
            self.repairs.insert(Repair::Recipients);
        }
        if !each.octets.is_ascii() {
            self.repairs.insert(Repair::RawHeader);
        }
        // Several names may stand for one address, as the default recipient does.
        let mut known = BTreeSet::new();
        let resolved = self.resolved(&mailboxes, resolver).into_iter();
        let once = resolved.filter(|mailbox| known.insert(mailbox.address.to_lowercase())).collect();
        self.mailboxes(name, once);
        self.aside(name, &odd);
    }

    /// The mailboxes as readers see them. The name of a long list stands for it once in a field, and in so many fields
    /// of a mail: a hundred thousand times a thousand addresses would be nobody's mail.
    fn resolved(&mut self, mailboxes: &[Mailbox], resolver: &mut Resolver<'_>) -> Vec<Mailbox> {
        let mut here = HashSet::new();
        let mut all = Vec::new();
        for mailbox in mailboxes {
            let Some(key) = resolver.key_of_local(&mailbox.address) else {
                all.push(mailbox.clone());
                continue;
            };
            if here.insert(key.clone()) {
                let times = self.resolved.entry(key).or_default();
                *times += 1;
                if *times <= MOST_FIELDS {
                    all.extend(resolved(mailbox, resolver));
                }
            }
        }
        all
    }

    /// An address beyond ASCII may stand in an address field only if every server on the way offers SMTPUTF8 (RFC 6532
    /// section 3.2). Nobody knows that yet, so another field shows the address to readers.
    pub(super) fn mailboxes(&mut self, name: &str, mailboxes: Vec<Mailbox>) {
        let (fit, others): (Vec<Mailbox>, Vec<Mailbox>) = mailboxes.into_iter().partition(Mailbox::is_readable);
        if !fit.is_empty() {
            field::mailboxes(name, &fit, &mut self.out);
        } else {
            self.left_out.insert(name.to_ascii_lowercase());
        }
        self.aside(name, &others);
    }

    /// Addresses that the field cannot show.
    fn aside(&mut self, name: &str, mailboxes: &[Mailbox]) {
        if !mailboxes.is_empty() {
            self.repairs.insert(Repair::Recipients);
            let text: Vec<String> = mailboxes.iter().map(|mailbox| mailbox.address.clone()).collect();
            field::unstructured(&format!("X-Original-{name}"), &text.join(", "), &mut self.out);
        }
    }

    pub(super) fn from(&mut self, written: Option<Field<'_>>, originator: &Originator) {
        let Originator::Replaced { name, reply_to } = originator else {
            if let Some(each) = written {
                if each.octets.is_ascii() {
                    return self.as_written(each);
                }
                self.repairs.insert(Repair::RawHeader);
                let mailboxes = Mailbox::list(&self.utf8(each.value)).into_iter().map(Mailbox::in_ascii);
                field::mailboxes("From", &mailboxes.collect::<Vec<_>>(), &mut self.out);
            }
            return;
        };
        self.repairs.insert(Repair::From);
        let address = self.facts.account.to_string();
        // An address that names itself helps nobody, and looks like spam.
        let account = Mailbox { name: Some(name.clone()).filter(|name| *name != address), address };
        field::mailboxes("From", &[account], &mut self.out);
        // A Reply-To that names nobody is none.
        let has_answer = self.message.named("Reply-To").any(|field| !field.mailboxes().is_empty());
        if !reply_to.is_empty() && !has_answer {
            self.mailboxes("Reply-To", reply_to.clone());
        } else if let Some(each) = written {
            field::unstructured("X-Original-From", &text(&self.utf8(each.value)), &mut self.out);
        }
    }

    /// Providers compare Sender with the login too; ours says nothing that From does not.
    pub(super) fn sender(&mut self, each: Field<'_>) {
        let account: &str = self.facts.account.as_ref();
        let mailboxes = each.mailboxes();
        if !mailboxes.is_empty() && mailboxes.iter().all(|mailbox| mailbox.address.eq_ignore_ascii_case(account)) {
            return self.as_written(each);
        }
        self.repairs.insert(Repair::From);
        field::unstructured("X-Original-Sender", &text(&self.utf8(each.value)), &mut self.out);
    }
}

/// `undisclosed-recipients:;`, RFC 5322 section 3.4: a group may be empty.
fn is_group(each: &Field<'_>) -> bool {
    each.octets.is_ascii() && each.value.contains(&b':') && each.value.trim_ascii_end().ends_with(b";")
}

/// A local name as readers see it: the addresses it stands for; the display name stays.
fn resolved(mailbox: &Mailbox, resolver: &mut Resolver<'_>) -> Vec<Mailbox> {
    let name = mailbox.name.clone();
    let recipients = resolver.one(&mailbox.address);
    recipients.into_iter().map(|r| Mailbox { name: name.clone(), address: r.address.to_string() }).collect()
}

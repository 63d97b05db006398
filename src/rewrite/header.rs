//! The header section, field by field: dropped, replaced, or passed as it was written.

use std::collections::BTreeSet;

use super::label::Labels;
use super::originator::{Originator, originator};
use super::wire::{Wire, head_to_wire};
use super::{Facts, Repair, Rewritten, field};
use crate::envelope::{Recipient, Resolver};
use crate::message::{Field, Mailbox, Message, cron, decoded, text};

/// Fields that hold mailboxes which readers see and answer to.
const ADDRESSES: [&str; 6] = ["To", "Cc", "Reply-To", "Resent-To", "Resent-Cc", "Resent-From"];
/// RFC 5322 section 3.6: these may stand once.
const ONCE: [&str; 10] = [
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "From",
    "In-Reply-To",
    "MIME-Version",
    "Message-ID",
    "References",
    "Sender",
    "Subject",
];

/// Rewrites a message for these recipients. Its body, unless replaced, has to pass [`Wire`].
pub fn rewrite(
    message: &Message,
    recipients: &[Recipient],
    resolver: &mut Resolver<'_>,
    facts: &Facts<'_>,
) -> Rewritten {
    let is_local = |address: &str| resolver.is_local(address);
    let originator = originator(message, facts, &is_local);
    let mut header = Header {
        message,
        facts,
        labels: Labels::default(),
        out: Vec::new(),
        repairs: BTreeSet::new(),
        seen: BTreeSet::new(),
    };
    let body = message.shape.blank.then(|| header.stand_in());
    header.labels = Labels::of(message, body.as_deref());
    for each in message.fields() {
        header.field(each, &originator, resolver);
    }
    header.missing(&originator, recipients);
    header.missing_labels();
    if message.separator_missing {
        header.repairs.insert(Repair::Separator);
    }
    let message_id = header.message_id();
    header.out.extend_from_slice(b"\r\n");
    Rewritten { head: header.out, message_id, body, repairs: header.repairs.into_iter().collect() }
}

struct Header<'a> {
    message: &'a Message,
    facts: &'a Facts<'a>,
    /// What the fields about the body have yet to become.
    labels: Labels,
    out: Vec<u8>,
    repairs: BTreeSet<Repair>,
    /// Lower-case names of what has been written and may stand once.
    seen: BTreeSet<String>,
}

impl Header<'_> {
    fn field(&mut self, each: Field<'_>, originator: &Originator, resolver: &mut Resolver<'_>) {
        if let Some(repair) = unwanted(&each) {
            self.repairs.insert(repair);
            return;
        }
        let once = ONCE.iter().chain(&ADDRESSES).any(|name| each.is(name));
        if once && !self.seen.insert(each.name.to_ascii_lowercase()) {
            self.repairs.insert(Repair::Duplicate);
            return;
        }
        if let Some(name) = ADDRESSES.iter().find(|name| each.is(name)) {
            return self.addresses(name, each, resolver);
        }
        if each.is("From") {
            return self.from(Some(each), originator);
        }
        if each.is("Sender") {
            return self.sender(each);
        }
        let label = match each.name.to_ascii_lowercase().as_str() {
            "content-type" => self.labels.content_type.take(),
            "content-transfer-encoding" => self.labels.encoding.take(),
            _ => None,
        };
        if let Some(value) = label {
            self.repairs.insert(Repair::Charset);
            return field::parameters(each.name, &value, &mut self.out);
        }
        if is_empty(&each) && ["Subject", "Date", "Message-ID"].iter().any(|name| each.is(name)) {
            // An empty one is no better than none: made anew below.
            self.seen.remove(&each.name.to_ascii_lowercase());
            return;
        }
        self.as_written(each);
    }

    /// The field as it came, its 8-bit text encoded.
    fn as_written(&mut self, each: Field<'_>) {
        if each.octets.is_ascii() {
            return head_to_wire(each.octets, &mut self.out);
        }
        self.repairs.insert(Repair::RawHeader);
        if each.name.to_ascii_lowercase().starts_with("content-") {
            return field::parameters(each.name, &text(each.value), &mut self.out);
        }
        field::unstructured(each.name, &decoded(each.value), &mut self.out);
    }

    /// An address field, together with the later ones of its name: RFC 5322 wants one.
    fn addresses(&mut self, name: &str, each: Field<'_>, resolver: &mut Resolver<'_>) {
        let all: Vec<Field<'_>> = self.message.named(name).collect();
        let mailboxes: Vec<Mailbox> = all.iter().flat_map(|field| field.mailboxes()).collect();
        let local = mailboxes.iter().any(|mailbox| resolver.is_local(&mailbox.address));
        if mailboxes.is_empty() && is_empty(&each) {
            self.seen.remove(&name.to_ascii_lowercase());
            return;
        }
        if mailboxes.is_empty() && !is_group(&each) {
            // RFC 5322 section 3.4 wants an address here, and anacron writes `To: ""`: made anew below.
            self.seen.remove(&name.to_ascii_lowercase());
            self.repairs.insert(Repair::Recipients);
            return field::unstructured(&format!("X-Original-{name}"), &text(each.value), &mut self.out);
        }
        if mailboxes.is_empty() || (!local && all.len() == 1 && each.octets.is_ascii()) {
            return self.as_written(each);
        }
        if local {
            self.repairs.insert(Repair::Recipients);
        }
        if !each.octets.is_ascii() {
            self.repairs.insert(Repair::RawHeader);
        }
        let resolved: Vec<Mailbox> = mailboxes.iter().flat_map(|mailbox| resolved(mailbox, resolver)).collect();
        field::mailboxes(name, &resolved, &mut self.out);
    }

    fn from(&mut self, written: Option<Field<'_>>, originator: &Originator) {
        let Originator::Replaced { name, reply_to } = originator else {
            if let Some(each) = written {
                if each.octets.is_ascii() {
                    return self.as_written(each);
                }
                self.repairs.insert(Repair::RawHeader);
                field::mailboxes("From", &each.mailboxes(), &mut self.out);
            }
            return;
        };
        self.repairs.insert(Repair::From);
        let address = self.facts.account.to_string();
        // An address that names itself helps nobody, and looks like spam.
        let account = Mailbox { name: Some(name.clone()).filter(|name| *name != address), address };
        field::mailboxes("From", &[account], &mut self.out);
        if !reply_to.is_empty() && !self.message.has("Reply-To") {
            field::mailboxes("Reply-To", reply_to, &mut self.out);
        } else if let Some(each) = written {
            field::unstructured("X-Original-From", &text(each.value), &mut self.out);
        }
    }

    /// Providers compare Sender with the login too; ours says nothing that From does not.
    fn sender(&mut self, each: Field<'_>) {
        let account: &str = self.facts.account.as_ref();
        if each.mailboxes().iter().all(|mailbox| mailbox.address.eq_ignore_ascii_case(account)) {
            return self.as_written(each);
        }
        self.repairs.insert(Repair::From);
        field::unstructured("X-Original-Sender", &text(each.value), &mut self.out);
    }

    /// Labels of the body that had no field to stand in.
    fn missing_labels(&mut self) {
        let labels = std::mem::take(&mut self.labels);
        let version = labels.version.then(|| "1.0".to_string());
        for (name, value) in [
            ("MIME-Version", version),
            ("Content-Type", labels.content_type),
            ("Content-Transfer-Encoding", labels.encoding),
        ] {
            if let Some(value) = value {
                self.repairs.insert(Repair::Charset);
                field::plain(name, &value, &mut self.out);
            }
        }
    }

    /// What a message must have and this one has not.
    fn missing(&mut self, originator: &Originator, recipients: &[Recipient]) {
        if !self.seen.contains("from") {
            self.from(None, originator);
        }
        if !["to", "cc", "resent-to"].iter().any(|name| self.seen.contains(*name)) {
            self.repairs.insert(Repair::To);
            match recipients {
                [only] => field::plain("To", only.address.as_ref(), &mut self.out),
                // Who else gets it is nobody's business: RFC 5322 section 3.4, an empty group.
                _ => field::plain("To", "undisclosed-recipients:;", &mut self.out),
            }
        }
        if !self.seen.contains("subject") {
            self.repairs.insert(Repair::Subject);
            field::unstructured("Subject", &self.subject(), &mut self.out);
        }
        if !self.seen.contains("date") {
            self.repairs.insert(Repair::Date);
            field::plain("Date", self.facts.date, &mut self.out);
        }
        if !self.seen.contains("message-id") {
            self.repairs.insert(Repair::MessageId);
            field::plain("Message-ID", &self.own_message_id(), &mut self.out);
        }
    }

    /// The subject, decoded; the one of the shell script that gave mailx-t its name where there is none.
    fn subject(&self) -> String {
        let written = self.message.named("Subject").next().map(|each| decoded(each.value)).unwrap_or_default();
        if !written.trim().is_empty() {
            return written;
        }
        let user = cron::user(self.message).unwrap_or_else(|| self.facts.user.to_string());
        format!("[cron error] <{user}@{}>", self.facts.host)
    }

    fn own_message_id(&self) -> String {
        format!("<{}@{}>", self.facts.unique, self.facts.account.domain())
    }

    fn message_id(&self) -> String {
        let written = self.message.named("Message-ID").map(|each| crate::outcome::clean(&text(each.value)));
        written.into_iter().find(|value| !value.is_empty()).unwrap_or_else(|| self.own_message_id())
    }

    /// A body with nothing to read becomes the subject.
    fn stand_in(&mut self) -> Vec<u8> {
        self.repairs.insert(Repair::Body);
        let mut body = Vec::new();
        let mut wire = Wire::new(&mut body);
        // Writing to a vector does not fail.
        let _ = std::io::Write::write_all(&mut wire, self.subject().as_bytes());
        let _ = wire.finish();
        body
    }
}

/// Fields that never leave: RFC 5322 section 3.6.3 (Bcc), RFC 5321 section 4.4 (Return-Path).
fn unwanted(each: &Field<'_>) -> Option<Repair> {
    let of = |names: &[&str]| names.iter().any(|name| each.is(name));
    if of(&["Bcc", "Resent-Bcc"]) {
        Some(Repair::Bcc)
    } else if each.is(cron::FIELD) {
        Some(Repair::CronEnv)
    } else if of(&["Return-Path", "Content-Length"]) {
        Some(Repair::Trace)
    } else {
        None
    }
}

fn is_empty(each: &Field<'_>) -> bool {
    each.value.iter().all(u8::is_ascii_whitespace)
}

/// `undisclosed-recipients:;`, RFC 5322 section 3.4: a group may be empty.
fn is_group(each: &Field<'_>) -> bool {
    each.octets.is_ascii() && each.value.contains(&b':') && each.value.trim_ascii_end().ends_with(b";")
}

/// What readers see of a mailbox: a local name becomes the addresses it stands for, the display name stays.
fn resolved(mailbox: &Mailbox, resolver: &mut Resolver<'_>) -> Vec<Mailbox> {
    if !resolver.is_local(&mailbox.address) {
        return vec![mailbox.clone()];
    }
    let name = mailbox.name.clone();
    let recipients = resolver.one(&mailbox.address);
    recipients.into_iter().map(|r| Mailbox { name: name.clone(), address: r.address.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Aliases, Destination, recover};

    fn wire(input: &str) -> (String, Rewritten) {
        let aliases = Aliases::parse("root: ops@x.org\n").0;
        let account = "account@x.org".parse().unwrap();
        let hosts = ["web1".to_string()];
        let mut resolver = Resolver::new(&aliases, &hosts, Some("x.org"), None, &account);
        let facts = Facts {
            account: &account,
            host: "web1",
            user: "root",
            full_name: None,
            sender: None,
            date: "Fri, 20 Nov 2026 09:30:00 +0000",
            unique: "ID1",
        };
        let message = Message::read(&mut input.as_bytes(), &mut Vec::new()).unwrap();
        let to = recover(&Destination { operands: vec![], extract: true }, &message, &mut resolver).unwrap();
        let rewritten = rewrite(&message, &to, &mut resolver, &facts);
        (String::from_utf8(rewritten.head.clone()).unwrap(), rewritten)
    }

    #[test]
    fn legal_message_of_the_account_leaves_byte_for_byte() {
        let input = "From: Me <account@x.org>\r\nTo: a@y.org,\r\n\tb@y.org\r\nSubject: s  t \r\n\
                     Date: Fri, 20 Nov 2026 01:02:03 +0000\r\nMessage-ID: <1@y>\r\nX-Odd:\r\n\r\n";
        let (head, rewritten) = wire(&format!("{input}body\r\n"));
        assert_eq!(head, input);
        assert!(rewritten.repairs.is_empty() && rewritten.body.is_none());
        assert_eq!(rewritten.message_id, "<1@y>");
    }

    #[test]
    fn cron_mail_is_made_acceptable() {
        let (head, rewritten) = wire(
            "From: \"(Cron Daemon)\" <root>\nTo: root\nSubject: Cron <root@web1> 备份\n\
             X-Cron-Env: <SMTP_PASSWORD=sekret>\nX-Cron-Env: <USER=root>\n\nx\n",
        );
        assert_eq!(
            head,
            "From: \"Cron Daemon (root@web1)\" <account@x.org>\r\nX-Original-From: \"(Cron Daemon)\" <root>\r\n\
             To: ops@x.org\r\nSubject: =?utf-8?b?Q3JvbiA8cm9vdEB3ZWIxPiDlpIfku70=?=\r\n\
             Date: Fri, 20 Nov 2026 09:30:00 +0000\r\nMessage-ID: <ID1@x.org>\r\n\r\n"
        );
        use Repair::*;
        assert_eq!(rewritten.repairs, [CronEnv, Date, From, MessageId, RawHeader, Recipients]);
    }

    #[test]
    fn blind_copies_leave_no_trace() {
        let (head, _) = wire("To: a@y.org\nBCC: secret@y.org,\n folded@y.org\nresent-bcc: r@y.org\n\nx\n");
        assert!(!head.to_lowercase().contains("bcc") && !head.contains("folded") && !head.contains("secret"));
    }

    #[test]
    fn nothing_to_read_becomes_the_subject() {
        let (head, rewritten) = wire("");
        assert!(head.contains("Subject: [cron error] <root@web1>\r\n"));
        assert!(head.contains("To: account@x.org\r\n"));
        assert_eq!(rewritten.body.as_deref(), Some(&b"[cron error] <root@web1>\r\n"[..]));
        assert_eq!(wire("Subject: s\nTo: a@y\n\n \n").1.body.as_deref(), Some(&b"s\r\n"[..]));
    }

    #[test]
    fn doubled_fields_become_one() {
        let (head, _) = wire("To: a@y.org\nTo: b@y.org\nSubject: 1\nSubject: 2\nDate: x\nDate: y\n\nbody");
        assert!(head.contains("To: a@y.org,\r\n b@y.org\r\n"));
        assert_eq!(head.matches("Subject:").count(), 1);
        assert_eq!(head.matches("Date:").count(), 1);
    }

    #[test]
    fn text_that_is_no_address_list_is_set_aside() {
        let (head, rewritten) = wire("To: \"\"\nCc: see below please\nSubject: s\n\nx\n");
        assert!(head.starts_with("X-Original-To: \"\"\r\nX-Original-Cc: see below please\r\nSubject: s\r\n"), "{head}");
        assert!(head.contains("\r\nTo: account@x.org\r\n") && !head.contains("\r\nCc:"), "{head}");
        assert!(rewritten.repairs.contains(&Repair::Recipients));
        let (head, _) = wire("To: undisclosed-recipients:;\nBcc: a@y.org\n\nx\n");
        assert!(head.starts_with("To: undisclosed-recipients:;\r\n") && !head.contains("X-Original-To"), "{head}");
    }

    #[test]
    fn real_sender_can_be_answered() {
        let (head, _) = wire("From: Al <al@corp.org>\nSender: bot@corp.org\nTo: a@y.org\n\nx");
        assert!(head.contains("From: \"Al\" <account@x.org>\r\nReply-To: \"Al\" <al@corp.org>\r\n"));
        assert!(head.contains("X-Original-Sender: bot@corp.org\r\n") && !head.contains("\r\nSender:"));
    }
}

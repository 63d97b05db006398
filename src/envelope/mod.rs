//! The envelope: reverse-path and recipients (RFC 5321 section 2.3.1), recovered from the caller's arguments, the
//! header section and cron's words about the job.

mod aliases;
mod recipient;
mod resolve;
mod sender;

use std::path::PathBuf;

use lettre::Address;
use serde::Deserialize;

pub use aliases::Aliases;
pub use recipient::Recipient;
pub use resolve::Resolver;
pub(crate) use resolve::Step;
pub(crate) use sender::Sender;

use self::aliases::NOWHERE;
use crate::dsn::{Notify, OfRecipient};
use crate::message::{AddressList, Mailbox, Message, cron, may_be_addresses};

/// `[recipients]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The recipients of mail that has none of its own. Unset: the account itself.
    pub(crate) default: Option<Names>,
    /// The system's alias file; a file that does not exist counts as empty.
    pub(crate) aliases_file: PathBuf,
    /// Aliases that come before those of the file.
    pub(crate) aliases: std::collections::BTreeMap<String, Names>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { default: None, aliases_file: PathBuf::from("/etc/aliases"), aliases: Default::default() }
    }
}

/// One address or several, as the configuration may give them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected an address or a list of addresses")]
pub(crate) enum Names {
    /// `"ops@example.com"`, or a list by commas.
    One(String),
    /// `["ops@example.com", "dev@example.com"]`.
    Many(Vec<String>),
}

impl Names {
    /// The addresses as written.
    pub(crate) fn list(&self) -> Vec<String> {
        let texts = match self {
            Names::One(text) => std::slice::from_ref(text),
            Names::Many(texts) => texts,
        };
        texts.iter().flat_map(|text| Mailbox::list(text.as_bytes())).map(|mailbox| mailbox.address).collect()
    }
}

impl Names {
    /// Every entry is an address or the name of a local user, and there is at least one.
    pub(crate) fn are_usable(&self) -> bool {
        let texts = match self {
            Names::One(text) => std::slice::from_ref(text),
            Names::Many(texts) => texts,
        };
        let is_usable = |mailbox: &Mailbox| match mailbox.parts() {
            (_, Some(_)) => mailbox.address.parse::<Address>().is_ok(),
            (NOWHERE, None) => true,
            (local, None) => local.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+$".contains(&b)),
        };
        let are_usable = |text: &String| {
            let AddressList { mailboxes, words, remark, .. } = AddressList::read(text.as_bytes());
            let is_left_out = !words.is_empty() || remark.is_some();
            !mailboxes.is_empty() && !is_left_out && mailboxes.iter().all(is_usable)
        };
        !texts.is_empty() && texts.iter().all(are_usable)
    }
}

/// The caller's word about recipients.
#[derive(Clone, Debug, Default)]
pub struct Destination {
    /// The operands of the command line.
    pub operands: Vec<Operand>,
    /// `-t`: the header section names recipients too.
    pub extract: bool,
    /// The occasions for a report about a recipient without a request of their own.
    pub notify: Option<Notify>,
}

impl Destination {
    /// The header section alone names the recipients: `-t` asks for it, and no operand names anybody.
    pub fn is_left_to_header(&self) -> bool {
        let names_somebody = |Operand { octets, .. }: &Operand| {
            let AddressList { mailboxes, words, .. } = AddressList::read(octets);
            may_be_addresses(octets) && !(mailboxes.is_empty() && words.is_empty())
        };
        self.extract && !self.operands.iter().any(names_somebody)
    }
}

/// A recipient as a caller names it.
#[derive(Clone, Debug, Default)]
pub struct Operand {
    /// Any bytes; they may hold several addresses.
    pub(crate) octets: Vec<u8>,
    /// The requests about them.
    pub(crate) dsn: OfRecipient,
}

impl From<Vec<u8>> for Operand {
    fn from(octets: Vec<u8>) -> Self {
        Self { octets, dsn: OfRecipient::default() }
    }
}

/// There is nobody to send it to, not even by default.
#[derive(Debug, thiserror::Error)]
#[error("no usable recipient: none of {tried} names one: give an address, or set default in [recipients]")]
pub struct NoRecipient {
    tried: String,
}

impl NoRecipient {
    /// No recipient was found in the places that were tried.
    pub(crate) fn of(tried: &str) -> Self {
        Self { tried: tried.to_string() }
    }
}

/// The recipients, from the first source that yields any: arguments (with `-t` together with the header section),
/// Resent-To, To and their kin, cron's MAILTO, the job's user, the default. There are no recipients if all that were
/// named lead to `/dev/null`; where one of them cannot be read, the default gets the mail.
///
/// # Errors
/// Only if the account itself is no address.
pub(crate) fn recover(
    destination: &Destination,
    message: &Message,
    resolver: &mut Resolver<'_>,
) -> Result<Vec<Recipient>, NoRecipient> {
    let mut recipients = first_named(destination, message, resolver);
    let is_thrown_away = |resolver: &Resolver<'_>| !resolver.thrown_away().is_empty();
    if recipients.is_empty() && (resolver.has_unreadable || !is_thrown_away(resolver)) {
        recipients = resolver.fall_back();
        let addresses = recipients.iter().map(|recipient| recipient.address.to_string()).collect();
        resolver.step("nobody is named", "goes to the default:", addresses);
    }
    if recipients.is_empty() && !is_thrown_away(resolver) {
        return Err(NoRecipient::of("arguments, header fields, cron's MAILTO and the default"));
    }
    for recipient in &mut recipients {
        recipient.dsn.notify = recipient.dsn.notify.or(destination.notify);
    }
    Ok(recipients)
}

/// The recipients of the first source that names any.
fn first_named(destination: &Destination, message: &Message, resolver: &mut Resolver<'_>) -> Vec<Recipient> {
    let nothing_asked = |mailbox: Mailbox| (mailbox, OfRecipient::default());
    let mut operands = Vec::new();
    for operand in &destination.operands {
        let mailboxes = named(&operand.octets, resolver).into_iter();
        operands.extend(mailboxes.map(|mailbox| (mailbox, operand.dsn.clone())));
    }
    // A source counts as unreadable only if it is asked at all.
    let is_unreadable = std::mem::take(&mut resolver.has_unreadable);
    let header: Vec<_> = header_recipients(message, resolver).into_iter().map(nothing_asked).collect();
    let is_header_unreadable = std::mem::take(&mut resolver.has_unreadable);
    let first = if destination.extract { [operands, header.clone()].concat() } else { operands };
    let mut of_cron = |list: Option<String>| {
        let list = list.map(|list| AddressList::read(list.as_bytes())).unwrap_or_default();
        let meant = resolver.meant(list).into_iter().map(nothing_asked).collect::<Vec<_>>();
        (meant, std::mem::take(&mut resolver.has_unreadable))
    };
    let mailto = of_cron(cron::variable(message, "MAILTO"));
    let user = of_cron(cron::user(message));
    let is_first_unreadable = is_unreadable || destination.extract && is_header_unreadable;
    let sources = [
        ((first, is_first_unreadable), None),
        ((header, is_header_unreadable), None),
        (mailto, Some("cron's MAILTO")),
        (user, Some("cron's USER")),
    ];
    for ((source, is_unreadable), told) in sources {
        if let Some(name) = told.filter(|_| !source.is_empty()) {
            resolver.step(name, "names", source.iter().map(|(mailbox, _)| mailbox.address.clone()).collect());
        }
        resolver.has_unreadable |= is_unreadable;
        let found = resolver.resolve(&source);
        if !found.is_empty() || !resolver.thrown_away().is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// The mailboxes of one operand; an operand without any is worth a warning.
fn named(operand: &[u8], resolver: &mut Resolver<'_>) -> Vec<Mailbox> {
    let mailboxes = if may_be_addresses(operand) { resolver.meant(AddressList::read(operand)) } else { Vec::new() };
    if mailboxes.is_empty() {
        resolver.unreadable(&crate::message::text(operand));
    }
    mailboxes
}

/// RFC 5322 section 3.6.6: a message sent again goes to the Resent- fields alone.
fn header_recipients(message: &Message, resolver: &mut Resolver<'_>) -> Vec<Mailbox> {
    let resent = of_fields(message, &["Resent-To", "Resent-Cc", "Resent-Bcc"], resolver);
    if !resent.is_empty() {
        return resent;
    }
    of_fields(message, &["To", "Cc", "Bcc", "Apparently-To"], resolver)
}

fn of_fields(message: &Message, names: &[&str], resolver: &mut Resolver<'_>) -> Vec<Mailbox> {
    let fields = message.fields().filter(|field| names.iter().any(|name| field.is(name)));
    fields.flat_map(|field| resolver.meant(field.addresses())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recover_from(operands: &[&str], extract: bool, fields: &str) -> Vec<String> {
        let aliases = Aliases::parse("root: ops@example.org\n").0;
        let account: Address = "account@example.org".parse().unwrap();
        let hosts = ["web1".to_string()];
        let mut resolver = Resolver::new(&aliases, &hosts, None, None, &account);
        let operands = operands.iter().map(|o| o.as_bytes().to_vec().into()).collect();
        let destination = Destination { operands, extract, notify: None };
        let message = Message::read(&mut format!("{fields}\nbody\n").as_bytes(), &mut Vec::new()).unwrap();
        let found = recover(&destination, &message, &mut resolver).unwrap();
        found.into_iter().map(|r| r.address.to_string()).collect()
    }

    #[test]
    fn arguments_come_first_and_alone() {
        assert_eq!(recover_from(&["a@x.org,b@x.org"], false, "To: c@x.org\nBcc: d@x.org\n"), ["a@x.org", "b@x.org"]);
    }

    #[test]
    fn with_t_arguments_and_header_are_one_list() {
        let fields = "To: c@x.org, a@x.org\nCc: g: e@x.org;\nBcc: d@x.org\n";
        assert_eq!(recover_from(&["a@x.org"], true, fields), ["a@x.org", "c@x.org", "e@x.org", "d@x.org"]);
    }

    #[test]
    fn resent_fields_stand_for_all_others() {
        assert_eq!(recover_from(&[], true, "To: c@x.org\nResent-To: r@x.org\n"), ["r@x.org"]);
    }

    #[test]
    fn cron_tells_when_nobody_else_does() {
        let env = "X-Cron-Env: <MAILTO=a@x.org,b@x.org>\nX-Cron-Env: <USER=root>\n";
        assert_eq!(recover_from(&[], true, env), ["a@x.org", "b@x.org"]);
        assert_eq!(recover_from(&[], true, "X-Cron-Env: <LOGNAME=root>\n"), ["ops@example.org"]);
        assert_eq!(recover_from(&[], true, "To: c@x.org\nX-Cron-Env: <MAILTO=a@x.org>\n"), ["c@x.org"]);
    }

    #[test]
    fn operand_with_a_line_end_names_nobody() {
        let forged = "a@x.org>\r\nRCPT TO:<evil@evil.org";
        assert_eq!(recover_from(&[forged, "b@x.org\n"], false, ""), ["b@x.org"]);
        assert_eq!(recover_from(&[forged], false, "To: c@x.org\n"), ["c@x.org"]);
    }

    #[test]
    fn nothing_is_thrown_away_beside_a_name_that_nobody_can_read() {
        for fields in ["To: /dev/null\n", "To: /dev/null\nCc: (nobody)\n", "To: /dev/null, /dev/null\n"] {
            assert_eq!(recover_from(&[], true, fields), [""; 0], "{fields}");
        }
        for fields in [
            "To: /dev/null, ops.example.org alert team\n",
            "To: /dev/null\nCc: the whole team\n",
            "To: /dev/null, a@x.org|b@x.org\n",
            "To: /dev/null, (a@x.org)\n",
        ] {
            assert_eq!(recover_from(&[], true, fields), ["account@example.org"], "{fields}");
        }
        assert_eq!(recover_from(&["/dev/null", "a@x\nTo: b@y"], false, ""), ["account@example.org"]);
        assert_eq!(recover_from(&[], true, "To: /dev/null, the team\nCc: b@x.org\n"), ["b@x.org"]);
        assert_eq!(recover_from(&["/dev/null"], false, "To: the whole team\n"), [""; 0], "the header is not asked");
    }

    #[test]
    fn account_itself_gets_what_nobody_wants() {
        assert_eq!(recover_from(&[], false, "Subject: x\n"), ["account@example.org"]);
        assert_eq!(recover_from(&["\"\""], false, "Subject: x\n"), ["account@example.org"]);
    }
}

//! The envelope: reverse-path and recipients (RFC 5321 section 2.3.1), recovered from what the
//! caller said, what the header section says and what cron wrote about the job.

mod aliases;
mod resolve;

use std::path::PathBuf;

use lettre::Address;
use serde::Deserialize;

pub use aliases::Aliases;
pub use resolve::Resolver;

use crate::message::{Mailbox, Message, cron};

/// `[recipients]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// Who gets what has no recipient of its own. Unset: the account itself.
    pub default: Option<Names>,
    /// The system's alias file; one that does not exist is an empty one.
    pub aliases_file: PathBuf,
    /// Aliases that come before those of the file.
    pub aliases: std::collections::BTreeMap<String, Names>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { default: None, aliases_file: PathBuf::from("/etc/aliases"), aliases: Default::default() }
    }
}

/// One address or several, as the configuration may give them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected an address or a list of addresses")]
pub enum Names {
    /// `"ops@example.com"`, or a list by commas.
    One(String),
    /// `["ops@example.com", "dev@example.com"]`.
    Many(Vec<String>),
}

impl Names {
    /// The addresses as written.
    pub fn list(&self) -> Vec<String> {
        let texts = match self {
            Names::One(text) => std::slice::from_ref(text),
            Names::Many(texts) => texts,
        };
        texts.iter().flat_map(|text| Mailbox::list(text.as_bytes())).map(|mailbox| mailbox.address).collect()
    }
}

impl Names {
    /// Everything written is an address or the name of a local user, and there is something.
    pub fn are_usable(&self) -> bool {
        let texts = match self {
            Names::One(text) => std::slice::from_ref(text),
            Names::Many(texts) => texts,
        };
        let is_usable = |mailbox: &Mailbox| match mailbox.parts() {
            (_, Some(_)) => mailbox.address.parse::<Address>().is_ok(),
            (local, None) => local.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+$".contains(&b)),
        };
        let are_usable = |text: &String| {
            let mailboxes = Mailbox::list(text.as_bytes());
            !mailboxes.is_empty() && mailboxes.iter().all(is_usable)
        };
        !texts.is_empty() && texts.iter().all(are_usable)
    }
}

/// One forward-path, and the name it was made from where that was another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Where the mail goes.
    pub address: Address,
    /// What the caller wrote, where an alias, a default or the domain was applied.
    pub original: Option<String>,
}

/// Who sends, and who gets it; never without a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// MAIL FROM; none is the null reverse-path of RFC 5321 section 4.5.5.
    pub reverse_path: Option<Address>,
    /// RCPT TO, one or more, each address once.
    pub recipients: Vec<Recipient>,
}

/// What the caller said about recipients.
#[derive(Clone, Debug, Default)]
pub struct Destination {
    /// The operands of the command line, in any bytes; each may hold several addresses.
    pub operands: Vec<Vec<u8>>,
    /// `-t`: the header section names recipients too.
    pub extract: bool,
}

/// Nobody to send it to, not even by default.
#[derive(Debug, thiserror::Error)]
#[error("no usable recipient: none of {tried} names one: give an address, or set default in [recipients]")]
pub struct NoRecipient {
    tried: String,
}

/// The recipients, from the first source that yields any: arguments (with `-t` together with the
/// header section), Resent-To, To and their kin, cron's MAILTO, the job's user, the default.
///
/// # Errors
/// Only when the account itself is no address.
pub fn recover(
    destination: &Destination,
    message: &Message,
    resolver: &mut Resolver<'_>,
) -> Result<Vec<Recipient>, NoRecipient> {
    let operands: Vec<Mailbox> = destination.operands.iter().flat_map(|operand| named(operand, resolver)).collect();
    let header = header_recipients(message);
    let first = if destination.extract { [operands, header.clone()].concat() } else { operands };
    let mailto = cron::variable(message, "MAILTO").map(|list| Mailbox::list(list.as_bytes())).unwrap_or_default();
    let user = cron::user(message).map(|name| Mailbox::list(name.as_bytes())).unwrap_or_default();
    for source in [first, header, mailto, user] {
        let recipients = resolver.resolve(&source);
        if !recipients.is_empty() {
            return Ok(recipients);
        }
    }
    let recipients = resolver.fall_back();
    if recipients.is_empty() {
        return Err(NoRecipient { tried: "arguments, header fields, cron's MAILTO and the default".to_string() });
    }
    Ok(recipients)
}

/// The mailboxes of one operand; one without any is worth a warning. A line end within is no part of an
/// address: what follows it may be made to look like a command.
fn named(operand: &[u8], resolver: &mut Resolver<'_>) -> Vec<Mailbox> {
    let is_one_line = !operand.trim_ascii().iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
    let mailboxes = if is_one_line { Mailbox::list(operand) } else { Vec::new() };
    if mailboxes.is_empty() {
        resolver.warn(format!("recipient \"{}\" is no address", crate::outcome::clean(&crate::message::text(operand))));
    }
    mailboxes
}

/// RFC 5322 section 3.6.6: a message sent again goes to the Resent- fields alone.
fn header_recipients(message: &Message) -> Vec<Mailbox> {
    let resent = message.mailboxes(&["Resent-To", "Resent-Cc", "Resent-Bcc"]);
    if resent.is_empty() { message.mailboxes(&["To", "Cc", "Bcc", "Apparently-To"]) } else { resent }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recover_from(operands: &[&str], extract: bool, fields: &str) -> Vec<String> {
        let aliases = Aliases::parse("root: ops@example.org\n").0;
        let account: Address = "account@example.org".parse().unwrap();
        let hosts = ["web1".to_string()];
        let mut resolver = Resolver::new(&aliases, &hosts, None, None, &account);
        let destination = Destination { operands: operands.iter().map(|o| o.as_bytes().to_vec()).collect(), extract };
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
    fn account_itself_gets_what_nobody_wants() {
        assert_eq!(recover_from(&[], false, "Subject: x\n"), ["account@example.org"]);
        assert_eq!(recover_from(&["\"\""], false, "Subject: x\n"), ["account@example.org"]);
    }
}

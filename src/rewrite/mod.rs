//! Message in, message out that any submission server accepts (RFC 6409 section 8 allows it to the first hop). The
//! header section is rewritten field by field, and a field that needs no repair goes out as it came; the body passes a
//! streaming filter. Each repair has a name, which the log tells.
//!
//! Pure: clock, host and identifiers come in as [`Facts`].

mod addresses;
mod base64;
mod cut;
mod field;
mod filter;
mod header;
mod leaf;
mod originator;
mod part_head;
mod parts;
mod plan;
mod quoted_printable;
mod repair;
mod set_aside;
mod seven_bit;
mod terminal;
#[cfg(test)]
mod tests;
mod treatment;
mod wire;

use std::io::{self, Read, Write};

use lettre::Address;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

pub(crate) use cut::{Cut, Notice};
pub(crate) use header::rewrite;
pub(crate) use plan::Plan;
pub use repair::Repair;
pub(crate) use set_aside::Wrapping;
pub(crate) use seven_bit::SevenBit;

/// A mail with more Received fields goes in circles. RFC 5321 section 6.3 wants at least 100 to be allowed.
pub const MOST_HOPS: usize = 100;

/// `[rewrite]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The address that the smarthost lets us use, for MAIL FROM and the From field. Unset: the smarthost's user.
    pub from: Option<Address>,
    /// The domain of local names that no alias and no default recipient covers.
    #[serde(deserialize_with = "some_domain")]
    pub(crate) domain: Option<String>,
    /// The treatment of the crontab's variables, which cron writes into the header section.
    pub(crate) cron_env: CronEnv,
    /// The charset of text that is not UTF-8 and has no label that can be right. Unset: the one it looks like.
    #[serde(deserialize_with = "known_charset")]
    pub(crate) fallback_charset: Option<String>,
    /// The treatment of colours and of lines that were written over.
    pub(crate) terminal_codes: TerminalCodes,
}

/// A domain that can stand behind the @ of an address.
fn some_domain<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let domain = String::deserialize(from)?;
    match Address::new("a", &domain) {
        Ok(_) => Ok(Some(domain)),
        Err(_) => Err(D::Error::custom("expected a domain without @, such as example.org")),
    }
}

/// `cron-env`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CronEnv {
    /// The fields go: they may hold secrets.
    #[default]
    Drop,
    /// The fields stay.
    Keep,
    /// The names stay, the values do not.
    Mask,
}

/// `terminal-codes`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TerminalCodes {
    /// The text arrives as it was written.
    #[default]
    Keep,
    /// The text arrives as it would stand on a terminal.
    Strip,
}

fn known_charset<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let label = String::deserialize(from)?;
    match crate::message::charset::is_known(&label) {
        true => Ok(Some(label)),
        false => Err(serde::de::Error::custom("unknown charset, expected one like \"gb18030\" or \"iso-8859-15\"")),
    }
}

/// The facts that the rewriting needs besides the message.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// The configuration.
    pub(crate) settings: &'a Settings,
    /// The address for MAIL FROM and the From field.
    pub(crate) account: &'a Address,
    /// This machine's name, as people know it.
    pub(crate) host: &'a str,
    /// The user on whose behalf the mail is sent.
    pub(crate) user: &'a str,
    /// The user's own full name.
    pub(crate) own_name: Option<&'a str>,
    /// The display name the caller asked for (sendmail's `-F`).
    pub(crate) full_name: Option<&'a str>,
    /// The sender the caller asked for (sendmail's `-f`), unless it is the null one.
    pub(crate) sender: Option<&'a str>,
    /// The value of a Date field for now, RFC 5322 section 3.3.
    pub(crate) date: &'a str,
    /// A name for this message that no other has; it becomes the left side of a Message-ID.
    pub(crate) unique: &'a str,
}

/// A message ready for the wire, except for its body, which [`Rewritten::write`] adds.
#[derive(Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The header section with CRLF line ends and the blank line.
    pub head: Vec<u8>,
    /// The value of its Message-ID field.
    pub(crate) message_id: String,
    /// The text in place of the body, if the body itself was empty.
    pub(crate) body: Option<Vec<u8>>,
    /// The treatment of the body on its way.
    pub(crate) plan: Plan,
    /// The wrapping of the body, if fields had to be attached.
    pub(crate) wrapping: Option<Wrapping>,
    /// The repairs made, each once, by name.
    pub(crate) repairs: Vec<Repair>,
}

impl Rewritten {
    /// Writes the whole mail in wire form: the head, then the body as the plan says. `body` is the one that came with
    /// the message, from its start; memory stays the same whatever its length.
    ///
    /// # Errors
    /// Those of `body` and `to`.
    pub fn write(&self, body: &mut dyn Read, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(&self.head)?;
        if let Some(wrapping) = &self.wrapping {
            to.write_all(&wrapping.before)?;
        }
        match &self.body {
            Some(own) => self.plan.write(&mut own.as_slice(), to)?,
            None => self.plan.write(body, to)?,
        }
        self.wrapping.as_ref().map_or(Ok(()), |wrapping| to.write_all(&wrapping.after))
    }
}

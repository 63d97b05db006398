//! Message in, message out that any submission server accepts (RFC 6409 section 8 allows it to the
//! first hop). The header section is rewritten field by field, what needs no repair goes out as it
//! came; the body passes a streaming filter. Each repair has a name, which the log tells.
//!
//! Pure: clock, host and identifiers come in as [`Facts`].

mod field;
mod header;
mod label;
mod originator;
mod wire;

use lettre::Address;
use serde::Deserialize;

pub use header::rewrite;
pub use wire::{Wire, head_to_wire};

/// `[rewrite]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The address the smarthost lets us use, for MAIL FROM and the From field. Unset: the smarthost's user.
    pub from: Option<Address>,
    /// The domain of local names that no alias and no default recipient covers.
    pub domain: Option<String>,
}

/// What the rewriting has to know beside the message.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The address that goes into MAIL FROM and the From field.
    pub account: &'a Address,
    /// This machine's name, as people know it.
    pub host: &'a str,
    /// The user on whose behalf the mail is sent.
    pub user: &'a str,
    /// The display name the caller asked for (sendmail's `-F`).
    pub full_name: Option<&'a str>,
    /// The sender the caller asked for (sendmail's `-f`), where it is not the null one.
    pub sender: Option<&'a str>,
    /// The value of a Date field for now, RFC 5322 section 3.3.
    pub date: &'a str,
    /// A name for this message that no other has; it becomes the left side of a Message-ID.
    pub unique: &'a str,
}

/// One thing that was mended. The names are for the log and for `docs/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    /// A blind copy field was taken out, RFC 5322 section 3.6.3.
    Bcc,
    /// The body had nothing to read, the subject stands in for it.
    Body,
    /// The label of the charset, or of the encoding, was mended to tell the truth.
    Charset,
    /// X-Cron-Env was taken out: it carries the crontab's variables, secrets too.
    CronEnv,
    /// A Date was added.
    Date,
    /// Fields that may stand once stood twice, RFC 5322 section 3.6.
    Duplicate,
    /// From became the account, the original is kept beside it.
    From,
    /// A Message-ID was added.
    MessageId,
    /// Raw 8-bit in a field was encoded, RFC 2047.
    RawHeader,
    /// Recipients in To or Cc became the addresses they stand for; text that names none was set aside.
    Recipients,
    /// The blank line between header section and body was missing.
    Separator,
    /// A Subject was made.
    Subject,
    /// A To was made.
    To,
    /// A field of the transport's own was taken out (Return-Path, Content-Length).
    Trace,
}

impl Repair {
    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Repair::Bcc => "bcc",
            Repair::Body => "body",
            Repair::Charset => "charset",
            Repair::CronEnv => "cron-env",
            Repair::Date => "date",
            Repair::Duplicate => "duplicate",
            Repair::From => "from",
            Repair::MessageId => "message-id",
            Repair::RawHeader => "raw-header",
            Repair::Recipients => "recipients",
            Repair::Separator => "separator",
            Repair::Subject => "subject",
            Repair::To => "to",
            Repair::Trace => "trace",
        }
    }
}

/// A message ready for the wire but for its body, which passes [`Wire`].
#[derive(Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The header section with CRLF line ends and the blank line.
    pub head: Vec<u8>,
    /// The value of its Message-ID field.
    pub message_id: String,
    /// What goes in the place of the body, in wire form, where the body itself had nothing to read.
    pub body: Option<Vec<u8>>,
    /// The repairs made, each once, by name.
    pub repairs: Vec<Repair>,
}

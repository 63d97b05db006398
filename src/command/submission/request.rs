//! What a caller wants sent: what stdin holds, to whom it goes, and when it is to leave.

use super::compose::Composition;
use crate::dsn;
use crate::envelope::Destination;

/// What a caller wants sent.
#[derive(Debug, Default)]
pub struct Request {
    /// What stdin holds.
    pub input: Input,
    /// The caller may have doubled the dots that lines start with, as for SMTP (sendmail without `-i`).
    pub dots_may_be_doubled: bool,
    /// What the caller said about recipients.
    pub destination: Destination,
    /// The sender asked for; none for the null one.
    pub sender: Option<String>,
    /// The display name asked for.
    pub full_name: Option<String>,
    /// It comes to cron's handler, as what a job printed.
    pub is_from_cron: bool,
    /// What is asked about its delivery, RFC 3461.
    pub dsn: dsn::OfMail,
    /// When it is to leave.
    pub delivery: Delivery,
    /// Tell what becomes of it, whatever that is.
    pub verbose: bool,
}

/// What stdin holds.
#[derive(Debug, Default)]
pub enum Input {
    /// A body; the rest is given.
    Body(Composition),
    /// A message: fields, blank line, body.
    #[default]
    Formatted,
    /// A message whose own fields win over the given ones.
    FormattedWith(Composition),
}

/// When a mail is to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// At once, without waiting for the outcome.
    #[default]
    Background,
    /// Not at all: it is only shown.
    Never,
    /// With the next queue run.
    Queue,
    /// At once, and the caller waits a while to hear the outcome.
    Wait,
}

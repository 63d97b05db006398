//! The request of a caller: the content of stdin, the recipients, and the time at which the mail is to leave.

use super::compose::Composition;
use crate::dsn;
use crate::envelope::Destination;
use crate::error::Error;

/// A mail that a caller wants sent.
#[derive(Debug, Default)]
pub struct Request {
    /// The content of stdin.
    pub input: Input,
    /// The caller may have doubled the dots that lines start with, as for SMTP (sendmail without `-i`).
    pub dots_may_be_doubled: bool,
    /// The recipients that the caller named.
    pub destination: Destination,
    /// The sender that was asked for; `None` for the null one.
    pub sender: Option<String>,
    /// The display name that was asked for.
    pub full_name: Option<String>,
    /// It is the output of a job, handed to cron's mailer.
    pub is_from_cron: bool,
    /// Nobody waits for it: if a job has made it, it may be folded.
    pub may_be_folded: bool,
    /// The parameters of its delivery, RFC 3461.
    pub dsn: dsn::OfMail,
    /// The time at which it is to leave.
    pub delivery: Delivery,
    /// Tell its outcome even if all went well.
    pub verbose: bool,
}

/// The content of stdin.
#[derive(Debug, Default)]
pub enum Input {
    /// A body; the options have the fields.
    Body(Composition),
    /// A message: fields, blank line, body.
    #[default]
    Formatted,
    /// A message whose own fields win over those of the options.
    FormattedWith(Composition),
}

impl Input {
    /// The reason why the mail cannot be composed.
    pub(crate) fn fault(&mut self) -> Option<Error> {
        match self {
            Input::Body(given) | Input::FormattedWith(given) => given.fault.take().map(|fault| *fault),
            Input::Formatted => None,
        }
    }
}

/// The time at which a mail is to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// At once; nobody waits for the outcome.
    #[default]
    Background,
    /// Never: the mail is shown and not sent.
    Never,
    /// With the next queue run.
    Queue,
    /// At once; the caller waits a while for the outcome.
    Wait,
}

//! The subject of a reply, which decides what becomes of the mail.

use crate::outcome::{Reply, Scope, Stage, Status};

/// The subject of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Nothing is wrong: the mail is taken.
    Taken,
    /// The server, which has no time for us now.
    Host,
    /// Our settings or our account, until a person mends them.
    Account,
    /// The pace of our mail: too much in too short a time.
    Pace,
    /// The number of recipients in one mail.
    Recipients,
    /// This recipient.
    Recipient,
    /// This recipient, whose mailbox is full for now: RFC 3463 section 3.3 has X.2.2 for a condition that may pass.
    Full,
    /// The size of this mail.
    Size,
    /// This mail.
    Mail,
    /// Something unknown: the report will show it.
    Unknown,
}

impl About {
    /// The status and the scope of a mail that got `reply` at `stage`. Only a permanent refusal that is about the mail
    /// or a recipient, or may be, is a refusal for good.
    pub(crate) fn verdict(self, stage: Stage, reply: &Reply) -> (Status, Scope) {
        let refused = if reply.is_permanent() { Status::Bounced } else { Status::Deferred };
        let own = if stage == Stage::Rcpt { Scope::Recipient } else { Scope::Message };
        match self {
            About::Taken => (Status::Sent, Scope::Message),
            About::Host | About::Pace => (Status::Deferred, Scope::Host),
            About::Account => (Status::Deferred, Scope::Configuration),
            About::Recipients | About::Full => (Status::Deferred, Scope::Recipient),
            About::Recipient | About::Size | About::Mail | About::Unknown => (refused, own),
        }
    }
}

//! The facts that a message does not hold: the settings, the caller, the machine and the moment.

use lettre::Address;

use super::settings::Settings;
use crate::message::Mailbox;

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
    /// The mail came to cron's handler: what it holds is what a job printed.
    pub(crate) is_from_cron: bool,
    /// That user's uid, to be traced where From names another; `None` for a user who speaks for others.
    pub(crate) traced: Option<u32>,
    /// The user's own full name.
    pub(crate) own_name: Option<&'a str>,
    /// The display name the caller asked for (sendmail's `-F`).
    pub(crate) full_name: Option<&'a str>,
    /// The sender the caller asked for (sendmail's `-f`), unless it is the null one.
    pub(crate) sender: Option<&'a Mailbox>,
    /// The value of a Date field for now, RFC 5322 section 3.3.
    pub(crate) date: &'a str,
    /// The zone of a date that names none.
    pub(crate) local_zone: fn() -> jiff::tz::TimeZone,
    /// The queue id, as the trace field names it.
    pub(crate) id: &'a str,
    /// A name for this message that no other has; it becomes the left side of a Message-ID.
    pub(crate) unique: &'a str,
}

//! The facts about a provider in its row of the table.

use super::super::Tls;

/// A provider of mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// Its name, as `ctl init --provider` takes it.
    pub(crate) name: &'static str,
    /// Its name, as people know it.
    pub(crate) title: &'static str,
    /// The domains of the addresses that it gives away.
    pub(crate) domains: &'static [&'static str],
    /// The server that takes mail from its users. A person fills in `REGION`.
    pub(crate) host: &'static str,
    /// The protection of the connection to it.
    pub(crate) tls: Tls,
    /// The user who logs in.
    pub(crate) user: User,
    /// The credential that it wants.
    pub(crate) wants: &'static str,
    /// The number of mails that it takes, if it publishes that.
    pub(crate) limit: Option<Limit>,
    /// The names of its servers end in one of these.
    pub(super) servers: &'static [&'static str],
}

/// The user of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// The whole address of the mailbox.
    Address,
    /// This word, for everybody.
    Fixed(&'static str),
    /// The text that the provider shows its customer under this name.
    Told(&'static str),
}

/// A limit that the provider publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// The line of `[smarthost]` that keeps it.
    pub(crate) setting: &'static str,
    /// The accounts that have this limit.
    pub(crate) whose: &'static str,
}

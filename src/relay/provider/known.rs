//! What a row of the table tells of a provider.

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
    /// How the connection to it is protected.
    pub(crate) tls: Tls,
    /// Who logs in.
    pub(crate) user: User,
    /// What to log in with.
    pub(crate) wants: &'static str,
    /// How many mails it takes, where it tells that.
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
    /// What the provider shows its customer under this name.
    Told(&'static str),
}

/// A limit that the provider publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// The line of `[smarthost]` that keeps it.
    pub(crate) setting: &'static str,
    /// Whose limit it is.
    pub(crate) whose: &'static str,
}

//! A smarthost as another mailer knew it, with the login.

use std::fmt;
use std::net::IpAddr;

use crate::relay::Tls;

/// A secret on its way from one file to another. No debug output shows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl Password {
    /// The line for the password file.
    pub(crate) fn line(&self) -> String {
        format!("{}\n", self.0)
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// A command for the password that a person has to run.
#[derive(Clone, Debug)]
pub(super) struct ByHand {
    pub(super) line: usize,
    pub(super) setting: &'static str,
    /// A line for a shell that runs it; it holds no secret.
    pub(super) run: Option<String>,
}

/// One smarthost, as the other mailer knew it.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) tls: Tls,
    pub(super) user: Option<String>,
    pub(super) password: Option<Password>,
    pub(super) password_command: Option<String>,
    /// The command that a person has to run for the password.
    pub(super) by_hand: Option<ByHand>,
    /// The mechanism of the login, by our name.
    pub(super) auth: Option<&'static str>,
    pub(super) ca_file: Option<String>,
    pub(super) fingerprint: Option<String>,
    pub(super) client_cert: Option<String>,
    pub(super) client_key: Option<String>,
    /// A SOCKS5 proxy, `host:port`.
    pub(super) proxy: Option<String>,
    pub(super) source_address: Option<IpAddr>,
    /// The senders whose mail it is for, and the address that their mail leaves as; empty if it is for all mail.
    pub(super) match_from: Vec<String>,
    pub(super) from: Option<String>,
    /// In seconds.
    pub(super) timeout: Option<u64>,
    /// In seconds.
    pub(super) connect_timeout: Option<u64>,
    /// The name for EHLO.
    pub(super) ehlo: Option<String>,
    /// So many mails in so long, in our form.
    pub(super) rate: Option<String>,
    pub(super) max_connections: Option<u8>,
    pub(super) per_connection: Option<u32>,
    /// The line to name in a note if it was used without TLS.
    pub(super) plain_at: usize,
    /// The line and the setting that let any certificate pass.
    pub(super) unchecked: Option<(usize, String)>,
}

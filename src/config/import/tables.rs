//! Our configuration as it is written for somebody who comes from another mailer: only what they had set.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::imported::{Account, length};
use crate::relay::Tls;

#[derive(Serialize)]
pub(super) struct FileTables {
    pub(super) smarthost: OneOrMany,
    #[serde(skip_serializing_if = "Rewrite::is_empty")]
    pub(super) rewrite: Rewrite,
    #[serde(skip_serializing_if = "Recipients::is_empty")]
    pub(super) recipients: Recipients,
    #[serde(skip_serializing_if = "Spool::is_empty")]
    pub(super) spool: Spool,
    #[serde(skip_serializing_if = "Retry::is_empty")]
    pub(super) retry: Retry,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(Box<SmarthostTable>),
    Many(Vec<SmarthostTable>),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct SmarthostTable {
    host: String,
    port: Option<u16>,
    tls: &'static str,
    user: Option<String>,
    password_file: Option<PathBuf>,
    password_command: Option<String>,
    auth: Option<&'static str>,
    ca_file: Option<String>,
    fingerprint: Option<String>,
    client_cert: Option<String>,
    client_key: Option<String>,
    proxy: Option<String>,
    source_address: Option<String>,
    from: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    match_from: Vec<String>,
    timeout: Option<String>,
}

impl SmarthostTable {
    pub(super) fn of(account: &Account, password_file: Option<PathBuf>) -> Self {
        let is_ipv6 = account.host.contains(':');
        Self {
            host: if is_ipv6 { format!("[{}]", account.host) } else { account.host.clone() },
            port: account.port,
            tls: match account.tls {
                Tls::Implicit => "implicit",
                Tls::None => "none",
                Tls::StartTls => "starttls",
            },
            user: account.user.clone(),
            password_file,
            password_command: account.password_command.clone(),
            auth: account.auth,
            ca_file: account.ca_file.clone(),
            fingerprint: account.fingerprint.clone(),
            client_cert: account.client_cert.clone(),
            client_key: account.client_key.clone(),
            proxy: account.proxy.as_ref().map(|proxy| format!("socks5://{proxy}")),
            source_address: account.source_address.map(|address| address.to_string()),
            from: account.from.clone(),
            match_from: account.match_from.clone(),
            timeout: account.timeout.map(length),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Rewrite {
    pub(super) from: Option<String>,
    pub(super) domain: Option<String>,
}

impl Rewrite {
    fn is_empty(&self) -> bool {
        self.from.is_none() && self.domain.is_none()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Recipients {
    pub(super) default: Option<Vec<String>>,
    pub(super) aliases_file: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) aliases: BTreeMap<String, Vec<String>>,
}

impl Recipients {
    fn is_empty(&self) -> bool {
        self.default.is_none() && self.aliases_file.is_none() && self.aliases.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Spool {
    pub(super) max_message_size: Option<String>,
}

impl Spool {
    fn is_empty(&self) -> bool {
        self.max_message_size.is_none()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Retry {
    pub(super) first: Option<String>,
    pub(super) max: Option<String>,
    pub(super) give_up_after: Option<String>,
}

impl Retry {
    fn is_empty(&self) -> bool {
        self.first.is_none() && self.max.is_none() && self.give_up_after.is_none()
    }
}

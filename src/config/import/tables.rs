//! The tables of our configuration as they are written from an import: they have the keys alone that were set.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

#[derive(Serialize)]
pub(super) struct FileTable {
    pub(super) smarthost: SmarthostTables,
    #[serde(skip_serializing_if = "RewriteTable::is_empty")]
    pub(super) rewrite: RewriteTable,
    #[serde(skip_serializing_if = "RecipientsTable::is_empty")]
    pub(super) recipients: RecipientsTable,
    #[serde(skip_serializing_if = "SpoolTable::is_empty")]
    pub(super) spool: SpoolTable,
    #[serde(skip_serializing_if = "RetryTable::is_empty")]
    pub(super) retry: RetryTable,
    #[serde(skip_serializing_if = "LogTable::is_empty")]
    pub(super) log: LogTable,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum SmarthostTables {
    One(Box<SmarthostTable>),
    Many(Vec<SmarthostTable>),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct SmarthostTable {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) tls: &'static str,
    pub(super) user: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) password_command: Option<String>,
    pub(super) auth: Option<&'static str>,
    pub(super) ca_file: Option<String>,
    pub(super) fingerprint: Option<String>,
    pub(super) client_cert: Option<String>,
    pub(super) client_key: Option<String>,
    pub(super) proxy: Option<String>,
    pub(super) source_address: Option<String>,
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) match_from: Vec<String>,
    pub(super) timeout: Option<String>,
    pub(super) connect_timeout: Option<String>,
    pub(super) ehlo: Option<String>,
    pub(super) rate: Option<String>,
    pub(super) max_connections: Option<u8>,
    pub(super) per_connection: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct RewriteTable {
    pub(super) from: Option<String>,
    pub(super) domain: Option<String>,
}

impl RewriteTable {
    fn is_empty(&self) -> bool {
        self.from.is_none() && self.domain.is_none()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RecipientsTable {
    pub(super) default: Option<Vec<String>>,
    pub(super) aliases_file: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) aliases: BTreeMap<String, Vec<String>>,
}

impl RecipientsTable {
    fn is_empty(&self) -> bool {
        self.default.is_none() && self.aliases_file.is_none() && self.aliases.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct SpoolTable {
    pub(super) max_message_size: Option<String>,
}

impl SpoolTable {
    fn is_empty(&self) -> bool {
        self.max_message_size.is_none()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RetryTable {
    pub(super) first: Option<String>,
    pub(super) max: Option<String>,
    pub(super) give_up_after: Option<String>,
}

impl RetryTable {
    fn is_empty(&self) -> bool {
        self.first.is_none() && self.max.is_none() && self.give_up_after.is_none()
    }
}

#[derive(Serialize)]
pub(super) struct LogTable {
    pub(super) target: Option<String>,
    pub(super) name: Option<String>,
}

impl LogTable {
    fn is_empty(&self) -> bool {
        self.target.is_none() && self.name.is_none()
    }
}

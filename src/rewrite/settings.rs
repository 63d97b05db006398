//! The settings of the rewriting: `[rewrite]` in the configuration file.

use lettre::Address;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::message::charset;

/// `[rewrite]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The address that the smarthost lets us use, for MAIL FROM and the From field. Unset: the smarthost's user.
    pub from: Option<Address>,
    /// The domain of local names that no alias and no default recipient covers.
    #[serde(deserialize_with = "some_domain")]
    pub(crate) domain: Option<String>,
    /// The treatment of the crontab's variables, which cron writes into the header section.
    pub(crate) cron_env: CronEnv,
    /// The charset of text that is not UTF-8 and has no label that can be right. Unset: the one it looks like.
    #[serde(deserialize_with = "known_charset")]
    pub(crate) fallback_charset: Option<String>,
    /// The treatment of colours and of lines that were written over.
    pub(crate) terminal_codes: TerminalCodes,
}

/// A domain that can stand behind the @ of an address.
fn some_domain<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let domain = String::deserialize(from)?;
    match Address::new("a", &domain) {
        Ok(_) => Ok(Some(domain)),
        Err(_) => Err(D::Error::custom("expected a domain without @, such as example.org")),
    }
}

/// `cron-env`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CronEnv {
    /// The fields go: they may hold secrets.
    #[default]
    Drop,
    /// The fields stay.
    Keep,
    /// The names stay, the values do not.
    Mask,
}

/// `terminal-codes`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TerminalCodes {
    /// The text arrives as it was written.
    #[default]
    Keep,
    /// The text arrives as it would stand on a terminal.
    Strip,
}

fn known_charset<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let label = String::deserialize(from)?;
    if charset::is_known(&label) {
        Ok(Some(label))
    } else {
        Err(D::Error::custom("unknown charset, expected one like \"gb18030\" or \"iso-8859-15\""))
    }
}

//! The configuration file as it is written: its tables, and `[smarthost]` once or several times.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::diagnosis::Fault;
use crate::relay::Smarthost;
use crate::{alarm, envelope, fold, log, retry, rewrite, spool};

/// The tables of the file, with the defaults of what it does not set.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct File {
    #[serde(deserialize_with = "one_or_many")]
    pub(super) smarthost: Vec<Smarthost>,
    pub(super) rewrite: rewrite::Settings,
    pub(super) recipients: envelope::Settings,
    pub(super) spool: spool::Settings,
    pub(super) retry: retry::Settings,
    pub(super) fold: Option<fold::Settings>,
    pub(super) log: log::Settings,
    pub(super) alarm: alarm::Settings,
}

impl File {
    /// Reads the text of the file.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        toml::from_str(text).map_err(|error| Fault::of(&error, text))
    }
}

/// `[smarthost]` once, or `[[smarthost]]` several times.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Smarthost>, D::Error> {
    struct OneOrMany;
    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<Smarthost>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table [smarthost] or several tables [[smarthost]]")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Smarthost::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }
    from.deserialize_any(OneOrMany)
}

//! A secret in memory: a password, a token, or the secret of an OAuth client.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

use crate::lookalike;

/// A text that no debug output shows, and whose memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// What a password most likely does not have, in words that tell nothing of the rest.
    pub(super) fn oddity(&self) -> Option<String> {
        let text = self.reveal();
        let is_quote = |c: char| matches!(c, '"' | '\'') || matches!(lookalike::of(c), Some('"' | '\''));
        let (first, last) = (text.chars().next()?, text.chars().next_back()?);
        let again = "type it again with the input method off";
        if first.is_whitespace() {
            Some("begins with a blank: is that part of the password?".to_string())
        } else if last.is_whitespace() {
            Some("ends in a blank: is that part of the password?".to_string())
        } else if text.chars().count() > 1 && is_quote(first) && is_quote(last) {
            Some("stands in quotes, and they count as part of it: take them off".to_string())
        } else {
            // A letter could be one of the secret.
            let told = |c: char| {
                if c.is_alphanumeric() { "a full-width letter or digit".to_string() } else { lookalike::name(c) }
            };
            text.chars().find(|c| lookalike::of(*c).is_some()).map(|c| format!("holds {}: {again}", told(c)))
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        /// A derived reader would quote `password = 1234` in its error.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Value {
            Text(String),
            Other(de::IgnoredAny),
        }
        match Value::deserialize(from)? {
            Value::Text(text) => Ok(Self::from(text)),
            Value::Other(_) => Err(de::Error::custom("expected a text in quotes")),
        }
    }
}

//! The server that gives out tokens: `token-endpoint` in the configuration.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use url::{Position, Url};

/// The URL of a token endpoint, RFC 6749 section 3.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenEndpoint(Url);

impl TokenEndpoint {
    /// Reads a URL. Plain HTTP is for this machine itself only.
    ///
    /// # Errors
    /// The fault in it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "expected a URL such as https://login.example.com/token")?;
        let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match url.scheme() {
            "https" if url.host_str().is_some() => Ok(Self(url)),
            "http" if is_here => Ok(Self(url)),
            "http" => Err("http:// is only for this machine itself: use https://"),
            _ => Err("expected https://"),
        }
    }

    /// Requests go over TLS.
    pub(super) fn has_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub(super) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// Host and port as the Host field has them, RFC 9110 section 7.2.
    pub(super) fn authority(&self) -> &str {
        &self.0[Position::BeforeHost..Position::AfterPort]
    }

    /// Path and query, RFC 9112 section 3.2.1.
    pub(super) fn target(&self) -> &str {
        &self.0[Position::BeforePath..Position::AfterQuery]
    }
}

impl fmt::Display for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host())
    }
}

impl<'de> Deserialize<'de> for TokenEndpoint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_is_https_but_on_this_machine() {
        assert!(TokenEndpoint::parse("https://login.example.com/a/token?x=1").is_ok());
        assert!(TokenEndpoint::parse("http://127.0.0.1:81/token").is_ok());
        for url in ["http://login.example.com/", "ftp://a/", "login.example.com", "", "https://"] {
            assert!(TokenEndpoint::parse(url).is_err(), "{url}");
        }
    }
}

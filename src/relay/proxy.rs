//! A proxy between us and the smarthost: `proxy` in the configuration.

use std::fmt;
use std::net::SocketAddr;

use serde::Deserialize;

/// A SOCKS5 proxy.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) struct Proxy {
    host: String,
    port: u16,
}

impl TryFrom<String> for Proxy {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "expected \"socks5://host:port\"";
        let url = url::Url::parse(&text).map_err(|_| wrong)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the proxy's password cannot stand here: use a proxy that knows this machine without");
        }
        // With curl, `socks5h` means that the proxy looks up the name. Our proxy always does.
        match (url.scheme(), url.host_str(), url.path()) {
            ("socks5" | "socks5h", Some(host), "" | "/") => {
                Ok(Self { host: host.to_owned(), port: url.port().unwrap_or(1080) })
            }
            _ => Err(wrong),
        }
    }
}

impl From<SocketAddr> for Proxy {
    fn from(address: SocketAddr) -> Self {
        let host = if address.is_ipv6() { format!("[{}]", address.ip()) } else { address.ip().to_string() };
        Self { host, port: address.port() }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

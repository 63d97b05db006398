//! The settings of one smarthost: `[smarthost]` in the configuration file.
//!
//! What can be judged without the network is judged here, while reading: a host that is no host, a
//! fingerprint that is none, a limit of no time. Where the password comes from is named here, but it is
//! read by `credentials`. Nothing of TLS: the door reads these settings too.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use super::Secret;
use crate::interval;

/// Where mail goes, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Smarthost {
    /// Name or address; an IPv6 address may stand in brackets.
    #[serde(deserialize_with = "host")]
    pub host: String,
    /// The TCP port; without one, the usual one for `tls`.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// The account to log in with; without one there is no login.
    pub user: Option<String>,
    /// The password itself.
    pub password: Option<Secret>,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// A shell command whose first line of output is the password.
    pub password_command: Option<String>,
    /// The name of a systemd credential that holds the password.
    pub password_credential: Option<String>,
    /// Which SASL mechanism to use.
    #[serde(default)]
    pub auth: AuthChoice,
    /// The only certificates to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The only certificate to accept; without `ca_file` it takes the place of chain and name.
    pub fingerprint: Option<Fingerprint>,
    /// The limit for look-up, TCP connection and TLS handshake together.
    #[serde(default = "ten_seconds", deserialize_with = "some_time")]
    pub connect_timeout: Duration,
    /// The limit for each command and for each piece of content, RFC 5321 section 4.5.3.2.
    #[serde(default = "five_minutes", deserialize_with = "some_time")]
    pub timeout: Duration,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// TLS from the first byte, RFC 8314 section 3.3.
    #[default]
    Implicit,
    /// No TLS; only towards this machine itself.
    None,
    /// Upgraded before the login, RFC 3207; never without.
    #[serde(rename = "starttls")]
    StartTls,
}

/// Which SASL mechanism to use.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum AuthChoice {
    /// PLAIN where it is offered, else LOGIN.
    #[default]
    Auto,
    /// LOGIN, which has no RFC.
    Login,
    /// No login, whatever `user` says.
    None,
    /// PLAIN, RFC 4616.
    Plain,
    /// XOAUTH2 with the password as the token.
    Xoauth2,
}

impl Smarthost {
    /// The smarthost `host`, everything else as it is when nobody sets it.
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            port: None,
            tls: Tls::default(),
            user: None,
            password: None,
            password_file: None,
            password_command: None,
            password_credential: None,
            auth: AuthChoice::default(),
            ca_file: None,
            fingerprint: None,
            connect_timeout: ten_seconds(),
            timeout: five_minutes(),
        }
    }

    /// The port to connect to: the configured one, else 465, 587 or 25 as `tls` has it (RFC 8314, 6409, 5321).
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Implicit => 465,
            Tls::None => 25,
            Tls::StartTls => 587,
        })
    }

    /// The user to log in as; none where no login is wanted.
    pub fn login(&self) -> Option<&str> {
        self.user.as_deref().filter(|_| self.auth != AuthChoice::None)
    }

    /// The host as resolver and certificate check want it: without the brackets of an IPv6 address.
    pub(super) fn bare_host(&self) -> &str {
        bare(&self.host)
    }
}

impl fmt::Display for Smarthost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bare_host().parse::<Ipv6Addr>() {
            Ok(address) => write!(f, "[{address}]:{}", self.port()),
            Err(_) => write!(f, "{}:{}", self.host, self.port()),
        }
    }
}

/// The SHA-256 of a certificate in DER form.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Fingerprint(pub(super) [u8; 32]);

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "expected \"sha256:\" and 64 hexadecimal digits, with or without colons between";
        let digits = text.trim().strip_prefix("sha256:").ok_or(wrong)?.replace(':', "");
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        let mut sum = [0; 32];
        for (i, byte) in sum.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).map_err(|_| wrong)?;
        }
        Ok(Self(sum))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

fn host<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    if is_name(&text) || bare(&text).parse::<IpAddr>().is_ok() {
        return Ok(text);
    }
    Err(D::Error::custom("expected a host name in ASCII or an IP address, without port or scheme"))
}

fn some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    match interval::deserialize(from)? {
        Duration::ZERO => Err(D::Error::custom("expected a length of time above zero")),
        length => Ok(length),
    }
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Smarthost, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_host_is_enough() {
        let smarthost = read("host = 'smtp.example.com'").unwrap();
        assert_eq!(smarthost.to_string(), "smtp.example.com:465");
        assert_eq!((smarthost.tls, smarthost.auth), (Tls::Implicit, AuthChoice::Auto));
        assert_eq!((smarthost.connect_timeout, smarthost.timeout), (ten_seconds(), five_minutes()));
        assert_eq!(smarthost.login(), None);
    }

    #[test]
    fn every_key_is_read() {
        let smarthost = read(
            "host = '[::1]'\nport = 2525\ntls = 'none'\nuser = 'me'\npassword = 'x'\npassword-file = '/p'\n\
             password-command = 'c'\npassword-credential = 'n'\nauth = 'xoauth2'\nca-file = '/ca'\n\
             connect-timeout = '3s'\ntimeout = '1m'",
        )
        .unwrap();
        assert_eq!(smarthost.to_string(), "[::1]:2525");
        assert_eq!(smarthost.bare_host(), "::1");
        assert_eq!((smarthost.auth, smarthost.login()), (AuthChoice::Xoauth2, Some("me")));
    }

    #[test]
    fn port_follows_tls() {
        assert_eq!(read("host = 'a'\ntls = 'starttls'").unwrap().port(), 587);
        assert_eq!(read("host = 'a'\ntls = 'none'").unwrap().port(), 25);
    }

    #[test]
    fn auth_none_means_no_login() {
        assert_eq!(read("host = 'a'\nuser = 'me'\nauth = 'none'").unwrap().login(), None);
    }

    #[test]
    fn nonsense_is_refused_while_reading() {
        for text in [
            "port = 465",
            "host = ''",
            "host = 'smtp.example.com:465'",
            "host = 'smtps://a'",
            "host = 'a'\nhots = 'b'",
            "host = 'a'\ntimeout = '0s'",
            "host = 'a'\nfingerprint = 'sha1:00'",
            "host = 'a'\nfingerprint = 'sha256:00'",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn fingerprint_may_have_colons() {
        let plain = "ab".repeat(32);
        let colons = ["AB"; 32].join(":");
        let read = |digits: &str| Fingerprint::try_from(format!("sha256:{digits}")).unwrap();
        assert_eq!(read(&plain), read(&colons));
        assert_eq!(read(&colons).to_string(), format!("sha256:{plain}"));
    }

    #[test]
    fn password_appears_in_neither_debug_nor_error() {
        let smarthost = read("host = 'a'\npassword = 'hunter2'").unwrap();
        assert!(!format!("{smarthost:?}").contains("hunter2"));
        assert!(!read("host = 'a'\npassword = 7654321").unwrap_err().contains("7654321"));
    }
}

//! The settings of one smarthost: `[smarthost]` in the configuration file.
//!
//! A setting is judged while it is read, as far as that needs no network: a name that is no host, a fingerprint that is
//! not one, a limit of no time. The settings name the place of the password, and `credentials` reads it. Nothing here
//! needs TLS: the door reads these settings too.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::Address;
use serde::{Deserialize, Deserializer, de::Error};

use super::{Fingerprint, Proxy, Secret, SenderPattern, TokenEndpoint};
use crate::interval;
use crate::message::in_ascii;
use crate::pace::Rate;

/// Ports from here on are anybody's, unless the machine says otherwise.
const FIRST_UNPRIVILEGED: u16 = 1024;

/// The server that mail goes to, and how it gets there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Smarthost {
    /// Its name or address. An IPv6 address may stand in brackets.
    #[serde(deserialize_with = "host")]
    pub host: String,
    /// The name that EHLO tells. Without one it is this machine's, or its address if that has no dot.
    pub(crate) ehlo: Option<String>,
    /// The TCP port. If there is none, it is the usual one for `tls`.
    #[serde(default, deserialize_with = "some_port")]
    pub(crate) port: Option<u16>,
    /// The protection of the connection.
    #[serde(default)]
    pub tls: Tls,
    /// The account to log in with. Without one there is no login.
    pub(crate) user: Option<String>,
    /// The address that mail over this smarthost leaves as, if that is not the user.
    pub(crate) from: Option<Address>,
    /// The senders whose mail it is for. If there are none, it takes the mail of everybody whom no other smarthost
    /// names.
    #[serde(default)]
    pub(crate) match_from: Vec<SenderPattern>,
    /// The password itself.
    pub(crate) password: Option<Secret>,
    /// A file whose first line is the password.
    #[serde(default, deserialize_with = "some_file")]
    pub password_file: Option<PathBuf>,
    /// A shell command whose first line of output is the password.
    pub(crate) password_command: Option<String>,
    /// The name of a systemd credential that holds the password.
    pub(crate) password_credential: Option<String>,
    /// A shell command whose first line of output is a bearer token.
    pub(crate) token_command: Option<String>,
    /// A file whose first line is a refresh token, RFC 6749 section 1.5.
    #[serde(default, deserialize_with = "some_file")]
    pub(crate) refresh_token_file: Option<PathBuf>,
    /// The client that this machine is for the token endpoint, RFC 6749 section 2.2.
    pub(crate) client_id: Option<String>,
    /// A file whose first line is the secret of that client.
    #[serde(default, deserialize_with = "some_file")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// The endpoint that gives out tokens. Those of well-known hosts are known.
    pub(crate) token_endpoint: Option<TokenEndpoint>,
    /// The SASL mechanism to use.
    #[serde(default)]
    pub auth: AuthChoice,
    /// The only certificates to trust, instead of the system's.
    #[serde(default, deserialize_with = "some_file")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The only certificate to accept. Without `ca_file` nothing else of it is checked, neither chain nor name.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The certificate to show to the server, in PEM form, with its chain.
    #[serde(default, deserialize_with = "some_file")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The private key of that certificate. If there is none, the key is in the same file.
    #[serde(default, deserialize_with = "some_file")]
    pub(crate) client_key: Option<PathBuf>,
    /// The oldest version of TLS to speak.
    #[serde(default)]
    pub(crate) tls_min: TlsVersion,
    /// A SOCKS5 proxy, RFC 1928, that makes the connection and looks up the name.
    pub(crate) proxy: Option<Proxy>,
    /// The address of this machine that connections come from.
    pub(crate) source_address: Option<IpAddr>,
    /// The limit for name look-up, TCP connection and TLS handshake together.
    #[serde(default = "ten_seconds", deserialize_with = "some_time")]
    pub connect_timeout: Duration,
    /// The limit for each command and for each chunk of content, RFC 5321 section 4.5.3.2.
    #[serde(default = "five_minutes", deserialize_with = "some_time")]
    pub timeout: Duration,
    /// Commands go out in groups if the server offers it, RFC 2920.
    #[serde(default = "yes")]
    pub pipelining: bool,
    /// The content goes out with its envelope if the server offers it, RFC 3030.
    #[serde(default = "yes")]
    pub chunking: bool,
    /// The login goes out with the first mail, if one line is all of it. RFC 4954 section 4 forbids that, but many
    /// servers allow it.
    #[serde(default)]
    pub auth_in_group: bool,
    /// Whoever listens at the unprivileged ports of this machine that stand in these settings is the administrator's: a
    /// password, or a token, may be shown there without TLS.
    #[serde(default)]
    pub trusted_port: bool,
    /// At most so many mails in so long.
    pub(crate) rate: Option<Rate>,
    /// At most so many mails in any 24 hours.
    pub(crate) per_day: Option<NonZeroU32>,
    /// At most so many mails over one connection.
    pub(crate) per_connection: Option<NonZeroU32>,
    /// The most connections at a time.
    #[serde(default = "two")]
    pub max_connections: NonZeroU8,
}

/// A path that means the same file wherever we are started. Any other text may be a secret in the wrong place, so the
/// error does not show it.
fn some_file<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(from)?;
    if path.is_absolute() { Ok(Some(path)) } else { Err(D::Error::custom("expected an absolute path")) }
}

/// The protection of the connection.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::enum_variant_names, reason = "STARTTLS is one word in RFC 3207")]
pub enum Tls {
    /// TLS from the first byte, RFC 8314 section 3.3.
    #[default]
    Implicit,
    /// No TLS. It is for this machine itself only.
    None,
    /// An upgrade to TLS before the login, RFC 3207. Nothing goes on without it.
    #[serde(rename = "starttls")]
    StartTls,
}

/// A version of TLS. RFC 8996 forbids those before 1.2.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) enum TlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

/// The SASL mechanism to use.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum AuthChoice {
    /// The best of what is offered.
    #[default]
    Auto,
    /// CRAM-MD5, RFC 2195.
    CramMd5,
    /// LOGIN, which has no RFC.
    Login,
    /// No login, whatever `user` says.
    None,
    /// OAUTHBEARER, RFC 7628.
    #[serde(rename = "oauthbearer")]
    OAuthBearer,
    /// PLAIN, RFC 4616.
    Plain,
    /// SCRAM-SHA-256, RFC 7677.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// XOAUTH2, Google's.
    Xoauth2,
}

impl Smarthost {
    /// The smarthost `host`, with everything else as it is when nobody sets it.
    pub(crate) fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            port: None,
            tls: Tls::default(),
            user: None,
            from: None,
            match_from: Vec::new(),
            password: None,
            password_file: None,
            password_command: None,
            password_credential: None,
            token_command: None,
            refresh_token_file: None,
            client_id: None,
            client_secret_file: None,
            token_endpoint: None,
            auth: AuthChoice::default(),
            ca_file: None,
            fingerprint: None,
            client_cert: None,
            client_key: None,
            tls_min: TlsVersion::default(),
            proxy: None,
            source_address: None,
            connect_timeout: ten_seconds(),
            timeout: five_minutes(),
            pipelining: true,
            chunking: true,
            auth_in_group: false,
            trusted_port: false,
            rate: None,
            per_day: None,
            per_connection: None,
            ehlo: None,
            max_connections: two(),
        }
    }

    /// The port to connect to: the configured one, or else 465 for implicit TLS (RFC 8314), 587 for STARTTLS (RFC
    /// 6409), and 25 without TLS (RFC 5321).
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Implicit => 465,
            Tls::None => 25,
            Tls::StartTls => 587,
        })
    }

    /// The address that mail over it leaves as, if its settings tell one.
    pub(crate) fn account(&self) -> Option<Address> {
        self.from.clone().or_else(|| self.user.as_ref()?.parse().ok()).map(in_ascii)
    }

    /// It takes everybody's mail, not that of some senders alone.
    pub(crate) fn is_for_all(&self) -> bool {
        self.match_from.is_empty()
    }

    /// It names this sender, an address or the name of a user.
    pub fn matches(&self, sender: &str) -> bool {
        self.match_from.iter().any(|pattern| pattern.fits(sender))
    }

    /// The limits for the mail that leaves over it.
    pub(crate) fn rates(&self) -> Vec<Rate> {
        self.rate.into_iter().chain(self.per_day.map(|mails| Rate::a_day(mails.get()))).collect()
    }

    /// The user to log in as, or `None` if no login is wanted.
    pub(crate) fn login(&self) -> Option<&str> {
        self.user.as_deref().filter(|_| self.auth != AuthChoice::None)
    }

    /// Without TLS, any user of this machine could be the one who listens, and nothing says that this is not so.
    pub(super) fn is_at_anybodys_port(&self) -> bool {
        self.tls == Tls::None && !self.trusted_port && is_unprivileged(self.port())
    }

    /// The reason why the login of these settings would show the secret to anybody who listens.
    pub(crate) fn forbidden_login(&self) -> Option<String> {
        let is_proof = matches!(self.auth, AuthChoice::Auto | AuthChoice::CramMd5 | AuthChoice::ScramSha256);
        let is_token = self.token_command.is_some() || self.refresh_token_file.is_some();
        let is_forbidden = self.login().is_some() && self.is_at_anybodys_port() && (!is_proof || is_token);
        is_forbidden.then(|| self.anybodys_port())
    }

    /// The reason why no secret is shown at a port that [`is_at_anybodys_port`](Self::is_at_anybodys_port).
    pub(super) fn anybodys_port(&self) -> String {
        format!(
            "without TLS any user of this machine could be listening at port {}, and would be told the secret: \
             set trusted-port = true if only your own server ever listens there, or use tls",
            self.port()
        )
    }

    /// A command has to be run for the login.
    pub(crate) fn has_commands(&self) -> bool {
        self.password_command.is_some() || self.token_command.is_some()
    }

    /// The files whose first line, or whose key, goes into the login.
    pub(crate) fn secret_files(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.password_file, &self.refresh_token_file, &self.client_secret_file, &self.client_key];
        files.into_iter().flatten().map(PathBuf::as_path)
    }

    /// The host as the resolver and the check of the certificate want it: without the brackets of an IPv6 address.
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

/// Any user of this machine may listen at the port. The kernel can let them have more ports than usual (ip(7)).
pub(super) fn is_unprivileged(port: u16) -> bool {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first = first.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(FIRST_UNPRIVILEGED);
    port >= first.min(FIRST_UNPRIVILEGED)
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

fn host<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if is_host_name(&text) || bare(&text).parse::<IpAddr>().is_ok() {
        return Ok(text);
    }
    Err(D::Error::custom(
        "expected a host name in ASCII or an IP address, without port or scheme: port and tls are \
                              keys of their own",
    ))
}

/// The name has only characters that names of hosts have.
pub(super) fn is_host_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn some_port<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    NonZeroU16::deserialize(from).map(|port| Some(port.get()))
}

fn some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    match interval::deserialize(from)? {
        Duration::ZERO => Err(D::Error::custom("expected a length of time above zero")),
        length => Ok(length),
    }
}

fn two() -> NonZeroU8 {
    const { NonZeroU8::MIN.saturating_add(1) }
}

fn yes() -> bool {
    true
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
             password-command = 'c'\npassword-credential = 'n'\ntoken-command = 't'\nrefresh-token-file = '/r'\n\
             client-id = 'i'\nclient-secret-file = '/s'\ntoken-endpoint = 'https://a/b'\nauth = 'xoauth2'\n\
             ca-file = '/ca'\nclient-cert = '/c'\nclient-key = '/k'\ntls-min = '1.3'\n\
             proxy = 'socks5://[::1]:9050'\nsource-address = '10.0.0.1'\n\
             from = 'a@b.example'\nmatch-from = ['*@b.example']\nrate = '30/min'\nper-day = 500\nper-connection = 100\n\
             connect-timeout = '3s'\ntimeout = '1m'\npipelining = false\nchunking = false\n\
             auth-in-group = true\nmax-connections = 1",
        )
        .unwrap();
        assert_eq!(smarthost.to_string(), "[::1]:2525");
        assert_eq!(smarthost.bare_host(), "::1");
        assert_eq!((smarthost.auth, smarthost.login()), (AuthChoice::Xoauth2, Some("me")));
        assert!(!smarthost.pipelining && !smarthost.chunking && smarthost.auth_in_group);
        assert_eq!(smarthost.max_connections.get(), 1);
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
            "host = 'a'\nmax-connections = 0",
            "host = 'a'\nfingerprint = 'sha1:00'",
            "host = 'a'\nfingerprint = 'sha256:00'",
            "host = 'a'\nproxy = 'http://a:1'",
            "host = 'a'\nproxy = 'socks5://u:p@a:1'",
            "host = 'a'\nsource-address = 'eth0'",
            "host = 'a'\nrate = '30'",
            "host = 'a'\nper-day = 0",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn password_appears_in_neither_debug_nor_error() {
        let smarthost = read("host = 'a'\npassword = 'hunter2'").unwrap();
        assert!(!format!("{smarthost:?}").contains("hunter2"));
        assert!(!read("host = 'a'\npassword = 7654321").unwrap_err().contains("7654321"));
    }
}

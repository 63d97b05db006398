//! The credentials for a smarthost: a user, and a secret from exactly one place.
//!
//! How each place is read is in `password`. No error of either module holds any part of what was read, and
//! no debug output shows it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

use super::password::Source;
use super::{AuthChoice, Client, Smarthost, grant};

/// A text that no debug output shows, and whose memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub(super) fn reveal(&self) -> &str {
        &self.0
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

/// A user and the secret for them.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    secret: Secret,
    key: &'static str,
    /// A token from before, which may have been revoked since.
    is_kept: bool,
    /// Where the next token is kept.
    tokens: Option<PathBuf>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads the secret that `smarthost` names; none where no login is wanted. A token may be asked for over the network.
    ///
    /// # Errors
    /// None or several places named, or the one named unreadable, unsafe, empty or slow.
    pub fn read(smarthost: &Smarthost, client: &Client) -> Result<Option<Self>, CredentialsError> {
        let Some((user, source)) = place(smarthost)? else { return Ok(None) };
        let tokens = client.tokens.clone();
        let (secret, is_kept) = source.secret(smarthost.connect_timeout, tokens.as_deref())?;
        Ok(Some(Self { user: user.to_owned(), secret, key: source.key(), is_kept, tokens }))
    }

    /// As [`read`](Self::read), but nobody is asked for a token: what it takes to ask has to lie on this machine.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn look(smarthost: &Smarthost) -> Result<(), CredentialsError> {
        match place(smarthost)? {
            Some((_, Source::Grant(_))) => grant::look(smarthost),
            Some((_, source)) => source.secret(smarthost.connect_timeout, None).map(drop),
            None => Ok(()),
        }
    }

    /// The account.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The configuration key that the secret came from.
    pub(super) fn key(&self) -> &'static str {
        self.key
    }

    /// The secret is a bearer token and no password.
    pub(super) fn is_token(&self) -> bool {
        matches!(self.key, "refresh-token-file" | "token-command")
    }

    /// A token from before: there may be a newer one.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// With a new token, where the one at hand was kept from before.
    pub(super) fn renewed(&self, smarthost: &Smarthost) -> Option<Result<Self, CredentialsError>> {
        let renew = || {
            let secret = grant::renew(smarthost, self.tokens.as_deref())?.token;
            Ok(Self { secret, is_kept: false, ..self.clone() })
        };
        self.is_kept.then(renew)
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// The user, and the only place that the settings name for the secret; none where no login is wanted.
fn place(smarthost: &Smarthost) -> Result<Option<(&str, Source<'_>)>, CredentialsError> {
    let mut sources = Source::named_in(smarthost);
    let explicit = !matches!(smarthost.auth, AuthChoice::Auto | AuthChoice::None);
    match (smarthost.login(), sources.as_slice()) {
        (None, _) if smarthost.auth == AuthChoice::None => Ok(None),
        (None, [source, ..]) => Err(CredentialsError::NoUser { key: source.key() }),
        (None, []) if explicit => Err(CredentialsError::NoUser { key: "auth" }),
        (None, []) => Ok(None),
        (Some(user), []) => Err(CredentialsError::NoPassword { user: user.to_owned() }),
        (Some(_), [first, second, ..]) => {
            Err(CredentialsError::SeveralPasswords { first: first.key(), second: second.key() })
        }
        (Some(user), [_]) => Ok(sources.pop().map(|source| (user, source))),
    }
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The command failed, or took too long.
    #[error("{key}: {why}: run it by hand as the service's user")]
    Command {
        /// Which of the commands.
        key: &'static str,
        /// What happened.
        why: String,
    },
    /// The systemd credential is not there.
    #[error("password-credential {name}: {why}: check LoadCredential= in the unit that runs this program")]
    Credential {
        /// As configured.
        name: String,
        /// What happened.
        why: String,
    },
    /// The file cannot be read, or others can.
    #[error("{key} {path}: {why}", path = path.display())]
    File {
        /// Which of the files.
        key: &'static str,
        /// As configured.
        path: PathBuf,
        /// What happened, and what to do.
        why: String,
    },
    /// There will be no token until somebody sees to it.
    #[error("refresh-token-file: {why}")]
    Grant {
        /// What is wrong, and what to do.
        why: String,
    },
    /// There is a user, but nothing names the password.
    #[error(
        "login of {user}: no password: set password-file, password-command, password-credential or password, or for a token refresh-token-file or token-command"
    )]
    NoPassword {
        /// As configured.
        user: String,
    },
    /// There is a password or a mechanism, but nobody to log in.
    #[error("{key} is set but user is not: set user, or auth = \"none\"")]
    NoUser {
        /// What makes a user necessary.
        key: &'static str,
    },
    /// Two places are named, and they could differ.
    #[error("{first} and {second} are both set: keep one of them")]
    SeveralPasswords {
        /// One of them.
        first: &'static str,
        /// The other one.
        second: &'static str,
    },
    /// There is no token now, but there may be one later.
    #[error("token endpoint {endpoint}: {why}")]
    TokenEndpoint {
        /// Its host.
        endpoint: String,
        /// What happened.
        why: String,
    },
    /// What was read is no password.
    #[error("{key}: the secret {why}: check what it holds")]
    Text {
        /// Where it came from.
        key: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(smarthost: &Smarthost) -> Result<Option<Credentials>, CredentialsError> {
        Credentials::read(smarthost, &Client::named("me"))
    }

    fn smarthost() -> Smarthost {
        Smarthost { user: Some("me".to_owned()), ..Smarthost::new("a") }
    }

    #[test]
    fn exactly_one_place_is_named() {
        let refused = |smarthost: &Smarthost| read(smarthost).unwrap_err().to_string();
        let error = refused(&smarthost());
        for key in ["password-file", "password-command", "password-credential", "or password"] {
            assert!(error.contains(key), "{error}");
        }
        let one = Smarthost { password_command: Some("echo x".to_owned()), ..smarthost() };
        let nobody = Smarthost { user: None, ..one.clone() };
        assert!(refused(&nobody).contains("user is not"));
        let two = Smarthost { password: Some("x".to_owned().into()), ..one };
        assert!(refused(&two).contains("password-command and password are both set"));
        let unused = Smarthost { auth: AuthChoice::None, ..two };
        assert!(read(&unused).unwrap().is_none());
    }

    #[test]
    fn debug_shows_no_secret() {
        let smarthost = Smarthost { password: Some("geheim".to_owned().into()), ..smarthost() };
        let credentials = read(&smarthost).unwrap().unwrap();
        assert!(!format!("{credentials:?}").contains("geheim"));
    }
}

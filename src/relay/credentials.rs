//! The credentials for a smarthost: a user, and a secret from exactly one place.
//!
//! `secret_source` says how each place is read. No error holds any part of what was read, and no debug output shows it.

use std::fmt;
use std::path::PathBuf;

use super::redaction::Redaction;
use super::secret_source::SecretSource;
use super::{AuthChoice, Client, CredentialsError, Secret, Smarthost, access_token};

/// A user and the secret for them.
#[derive(Clone)]
pub(crate) struct Credentials {
    user: String,
    secret: Secret,
    key: &'static str,
    /// The secret is a token that an earlier run has kept. It may have been revoked since.
    is_kept: bool,
    /// The directory where the next token is kept.
    tokens: Option<PathBuf>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads the secret that `smarthost` names, or returns `None` where no login is wanted. The secret may be a token
    /// that a token endpoint is asked for over the network.
    ///
    /// # Errors
    /// The settings name no place or several, or the place that they name is unreadable, unsafe, empty or slow.
    pub(crate) fn read(smarthost: &Smarthost, client: &Client) -> Result<Option<Self>, CredentialsError> {
        let Some((user, source)) = source_of(smarthost)? else { return Ok(None) };
        let tokens = client.tokens.clone();
        let (secret, is_kept) = source.read(smarthost.connect_timeout, tokens.as_deref())?;
        Ok(Some(Self { user: user.to_owned(), secret, key: source.key(), is_kept, tokens }))
    }

    /// Reads the secret as [`read`](Self::read) does, but asks nobody for a token: whatever such a request needs has to
    /// lie on this machine.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn check_offline(smarthost: &Smarthost) -> Result<(), CredentialsError> {
        match source_of(smarthost)? {
            Some((_, SecretSource::RefreshToken(_))) => access_token::check_offline(smarthost),
            Some((_, source)) => source.read(smarthost.connect_timeout, None).map(drop),
            None => Ok(()),
        }
    }

    /// What a password most likely does not have, and this one has.
    pub(crate) fn oddity(&self) -> Option<String> {
        self.secret.oddity()
    }

    /// The account.
    pub(crate) fn user(&self) -> &str {
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

    /// The secret is a token that an earlier run has kept: there may be a newer one.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The same user with a new token. There is one only where the token at hand was kept by an earlier run.
    pub(super) fn renewed(&self, smarthost: &Smarthost) -> Option<Result<Self, CredentialsError>> {
        if !self.is_kept {
            return None;
        }
        let renewed = access_token::renew(smarthost, self.tokens.as_deref());
        Some(renewed.map(|token| Self { secret: token.secret, is_kept: false, ..self.clone() }))
    }

    /// Has no text bring the secret back.
    pub(super) fn hide_in(&self, redaction: &mut Redaction) {
        let secret = self.secret.reveal();
        if self.is_token() { redaction.hide_token(secret) } else { redaction.hide(secret) }
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// The user, and the only place that the settings name for the secret; `None` where no login is wanted.
fn source_of(smarthost: &Smarthost) -> Result<Option<(&str, SecretSource<'_>)>, CredentialsError> {
    let mut sources = SecretSource::named_in(smarthost);
    let names_mechanism = !matches!(smarthost.auth, AuthChoice::Auto | AuthChoice::None);
    match (smarthost.login(), sources.as_slice()) {
        (None, _) if smarthost.auth == AuthChoice::None => Ok(None),
        (None, [source, ..]) => Err(CredentialsError::NoUser { key: source.key() }),
        (None, []) if names_mechanism => Err(CredentialsError::NoUser { key: "auth" }),
        (None, []) => Ok(None),
        (Some(user), []) => Err(CredentialsError::NoPassword { user: user.to_owned() }),
        (Some(_), [first, second, ..]) => {
            Err(CredentialsError::SeveralPasswords { first: first.key(), second: second.key() })
        }
        (Some(user), [_]) => Ok(sources.pop().map(|source| (user, source))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(smarthost: &Smarthost) -> Result<Option<Credentials>, CredentialsError> {
        Credentials::read(smarthost, &Client::named("me.example"))
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

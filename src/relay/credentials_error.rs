//! The reasons why there are no credentials: a sentence with the cure for each. No sentence holds any part of a secret.

use std::path::PathBuf;

/// The reason why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    /// The command failed, or took too long.
    #[error("{key}: {why}: run it by hand as the service's user")]
    Command {
        /// The setting that names the command.
        key: &'static str,
        /// The event.
        why: String,
    },
    /// The systemd credential is not there.
    #[error("password-credential {name}: {why}: check LoadCredential= in the unit that runs this program")]
    Credential {
        /// Its name, as configured.
        name: String,
        /// The event.
        why: String,
    },
    /// The file cannot be read, or others can read it.
    #[error("{key} {path}: {why}", path = path.display())]
    File {
        /// The setting that names the file.
        key: &'static str,
        /// Its path, as configured.
        path: PathBuf,
        /// The event and its cure.
        why: String,
    },
    /// There is a user, but nothing names the password.
    #[error(
        "login of {user}: no password: set password-file, password-command, password-credential or password, or for a \
         token refresh-token-file or token-command"
    )]
    NoPassword {
        /// The user, as configured.
        user: String,
    },
    /// There is a password or a mechanism, but nobody to log in.
    #[error("{key} is set but user is not: set user, or auth = \"none\"")]
    NoUser {
        /// The setting that needs a user.
        key: &'static str,
    },
    /// There will be no token until a person does something about it.
    #[error("refresh-token-file: {why}")]
    RefreshToken {
        /// The fault and its cure.
        why: String,
    },
    /// The settings name two places, which could hold different secrets.
    #[error("{first} and {second} are both set: keep one of them")]
    SeveralPasswords {
        /// The setting that names one of them.
        first: &'static str,
        /// The setting that names the other one.
        second: &'static str,
    },
    /// The text that was read cannot be a secret.
    #[error("{key}: the secret {why}: check what it holds")]
    Text {
        /// The setting that names its place.
        key: &'static str,
        /// The fault in it.
        why: &'static str,
    },
    /// There is no token now, but there may be one later.
    #[error("token endpoint {endpoint}: {why}")]
    TokenEndpoint {
        /// The host of the endpoint.
        endpoint: String,
        /// The event.
        why: String,
    },
}

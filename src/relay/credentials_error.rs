//! Why there are no credentials: one sentence for each case, with what to do. No sentence holds any part of a secret.

use std::path::PathBuf;

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
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
    RefreshToken {
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

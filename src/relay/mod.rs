//! The network: one smarthost and the credentials for it.
//!
//! A `Smarthost` is settings, `Credentials` is the secret for it. No secret reaches a log, an error or an
//! argument list. The settings name nothing of TLS, so a program that only reads them links no TLS library.

mod credentials;
mod password;
mod smarthost;

pub use credentials::{Credentials, CredentialsError, Secret};
pub use smarthost::{AuthChoice, Fingerprint, Smarthost, Tls};

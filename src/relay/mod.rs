//! The network: one smarthost, the credentials for it, and the dialogue with it.
//!
//! A `Smarthost` is settings. `Credentials` is the secret for it. A `Session` is an open, verified and
//! logged-in connection over which mails are sent, one after another. What went wrong before a mail was
//! handed over is a `Trouble`; what became of a mail is one `Outcome` per recipient.
//!
//! Three promises: no step waits without a limit, no mail is called refused for a fault of our own
//! configuration (`verdict`), and no secret reaches a log, an error or an argument list.
//! The settings name nothing of TLS, so a program that only reads them links no TLS library.

mod capabilities;
mod connect;
mod content;
mod credentials;
mod deadline;
mod login;
mod password;
mod reply;
mod session;
mod smarthost;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;
mod trouble;
mod verdict;
mod wire;

pub use capabilities::Capabilities;
pub use credentials::{Credentials, CredentialsError, Secret};
pub use session::Session;
pub use smarthost::{AuthChoice, Fingerprint, Smarthost, Tls};
pub use transaction::Mail;
pub use trouble::Trouble;

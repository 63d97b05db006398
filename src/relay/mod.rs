//! The network: one smarthost, the credentials for it, and the dialogue with it.
//!
//! A `Smarthost` is settings, `Credentials` is the secret for it, and a `Client` is what this run of the program brings
//! along. Together they open a `Session`: a verified and logged-in connection that takes one mail after another. A
//! `Trouble` keeps mail from being offered; what became of a mail that was `Offered` is one `Outcome` for each
//! recipient.
//!
//! Three promises: no step waits without a limit, no mail is called refused for a fault of our own configuration
//! (`crate::verdict`), and no secret reaches a log, an error or an argument list. The settings name nothing of TLS, so
//! that a program that only reads them links no TLS library.

mod access_token;
mod capabilities;
mod certificate;
mod channel;
mod chunks;
mod client;
mod connect;
mod credentials;
mod credentials_error;
mod deadline;
pub(crate) mod discovery;
mod fingerprint;
mod kept_token;
mod login;
mod mail;
mod mechanism;
mod network;
pub(crate) mod provider;
mod proxy;
mod redaction;
mod reply;
mod scram;
mod secret;
mod secret_file;
mod secret_source;
mod sender_pattern;
mod server_addresses;
mod server_hello;
mod session;
mod smarthost;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod tls_error;
mod token_endpoint;
mod token_request;
mod transcript;
mod trouble;

pub use capabilities::Capabilities;
pub(crate) use certificate::Certificate;
use client::ChunkProof;
pub(crate) use client::{Client, Dialogue};
pub(crate) use credentials::Credentials;
pub(crate) use credentials_error::CredentialsError;
pub(crate) use fingerprint::Fingerprint;
pub(crate) use mail::Mail;
pub(crate) use proxy::Proxy;
pub use reply::Replies;
pub(crate) use secret::Secret;
pub(crate) use secret_file::provided_line;
pub(crate) use sender_pattern::SenderPattern;
pub(crate) use server_addresses::{recall_sick, sick as sick_addresses};
pub(crate) use session::{Lesson, Offered, Session};
pub(crate) use smarthost::{AuthChoice, Smarthost, Tls};
pub(crate) use token_endpoint::TokenEndpoint;
pub(crate) use trouble::Trouble;

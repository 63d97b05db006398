//! A smarthost for the tests and the demonstration: a real TLS server on the loopback that speaks SMTP strictly, keeps
//! the mails it was sent, and misbehaves exactly as told.
//!
//! `server` is the front: the builder and the running server. `script` holds the misbehaviour, `record` the events
//! seen, `certificates` the certificates made on the spot. `dialogue`, `login`, `reception`, `transaction` and `wire`
//! are the protocol. `client` talks back, for the tests of the smarthost itself; `tokens` is an endpoint that issues
//! tokens. None of these knows mailx-t: a mistake of ours must not be made twice.

// A broken test server should stop the test at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

pub(crate) mod certificates;
pub(crate) mod client;
mod dialogue;
mod login;
mod reception;
pub(crate) mod record;
pub(crate) mod script;
pub(crate) mod server;
#[cfg(test)]
mod tests;
pub(crate) mod tokens;
mod transaction;
mod wire;

pub(crate) use certificates::{Authority, Kind};
pub(crate) use client::Client;
pub(crate) use record::{Handshake, Received};
pub(crate) use script::{Act, On, Point};
pub(crate) use server::{Running, Smarthost};
pub(crate) use tokens::Tokens;

/// Far longer than anything here takes, also where all processors are busy: it only turns a hang into a failure.
pub(crate) const HANG: Duration = Duration::from_secs(300);

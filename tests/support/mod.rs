//! A smarthost for the tests and the demonstration: a real TLS server on the loopback that speaks SMTP strictly,
//! keeps what it was sent, and misbehaves exactly as told.
//!
//! `smarthost` is the front: the builder and the running server. `script` holds the misbehaviour, `record` what
//! was seen, `certificates` the certificates made on the spot. `dialogue`, `login`, `reception`,
//! `transaction` and `wire` are the protocol. `client` talks back, for the tests of the smarthost itself. None of these
//! knows mailx-t: a mistake of ours must not be made twice. Only `machine` does, which runs our programs against it.

// Every test includes this module whole and uses a part of it; a broken test server should stop the test at once.
#![allow(dead_code, unused_imports, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod certificates;
pub mod client;
mod dialogue;
mod login;
pub mod machine;
mod reception;
pub mod record;
pub mod script;
pub mod smarthost;
pub mod tokens;
mod transaction;
mod wire;

pub use certificates::{Authority, Kind, Leaf};
pub use client::Client;
pub use machine::Machine;
pub use record::{Connection, Handshake, Received};
pub use script::{Act, On, Point};
pub use smarthost::{Running, Smarthost};
pub use tokens::Tokens;

//! The way of a mail behind the acceptance line: who leads, over which connection a mail leaves, what became of it.
//!
//! The relay's verbs are `flush`, `carry` and `serve`. It runs in the relay. The door's `ctl queue` uses `settle` with
//! `nondelivery` too, and `ctl check` asks `room` who has none.

pub(crate) mod attempt;
pub(crate) mod carry;
pub(crate) mod connection;
pub(crate) mod connections;
mod exchange;
pub(crate) mod flush;
pub(crate) mod intake;
pub(crate) mod known_smarthosts;
pub(crate) mod nondelivery;
pub(crate) mod recut;
pub(crate) mod returned;
pub(crate) mod room;
pub(crate) mod routes;
pub(crate) mod serve;
pub(crate) mod settle;
mod turns;

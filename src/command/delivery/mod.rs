//! The way of a mail behind the acceptance line: who leads, over which connection it leaves, what became of it. All of it runs
//! in the relay, but for `settle`, which a person's `ctl queue` uses too.

pub(crate) mod attempt;
pub(crate) mod carry;
pub(crate) mod connection;
pub(crate) mod connections;
pub(crate) mod dropped;
pub(crate) mod flush;
pub(crate) mod known_smarthosts;
pub(crate) mod nondelivery;
pub(crate) mod recut;
pub(crate) mod routes;
pub(crate) mod serve;
pub(crate) mod settle;
mod turns;

//! The way of a mail behind the acceptance line: who leads, over which connection a mail leaves, what became of it.
//!
//! It runs in the relay, whose verbs are `flush`, `carry_unkept` and `serve`. The door's `ctl queue` uses `settle` with
//! `nondelivery` too, and `ctl check` asks `room` who has none.

pub(crate) mod attempt;
pub(crate) mod carry_unkept;
pub(crate) mod connection;
pub(crate) mod connections;
pub(crate) mod cut_to_size;
mod evidence;
mod exchange;
pub(crate) mod flush;
mod folding;
pub(crate) mod intake;
pub(crate) mod known_smarthosts;
pub(crate) mod nondelivery;
pub(crate) mod returned;
pub(crate) mod room;
pub(crate) mod routes;
pub(crate) mod serve;
pub(crate) mod settle;
mod sick_addresses;
mod turns;

//! The real programs against a real smarthost on the loopback, each test on a machine of its own
//! (`support/machine.rs`).

mod accounts;
mod administration;
mod auth_in_group;
mod callers;
mod captures;
mod check;
mod converse;
mod crash;
mod delivery;
mod dropped;
mod dsn;
mod examples;
mod failover;
mod groups;
mod hostile;
mod leader;
mod limits;
mod login;
mod pace;
mod queue;
mod rehearsal;
mod rough;
mod streams;
mod trouble;
mod verify;

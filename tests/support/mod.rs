//! Runs our programs in the tests: `machine` for most of them, `bench` if they could write to the machine's own spool
//! or the caller's home, `strace` if the kernel must say no, `village` where users of one machine meet.

pub(crate) mod bench;
pub(crate) mod captures;
pub(crate) mod fixtures;
pub(crate) mod jobs;
pub(crate) mod machine;
pub(crate) mod strace;
pub(crate) mod village;

pub(crate) use machine::Machine;

/// The door.
pub(crate) const DOOR: &str = env!("CARGO_BIN_EXE_mailx-t");
/// The relay, which cargo puts beside it.
pub(crate) const RELAY: &str = env!("CARGO_BIN_EXE_mailx-t-relay");

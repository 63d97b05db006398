//! All tests but the unit tests at the foot of the files in `src/`, in one program: which test goes where is said in
//! `tests/README.md`.
//!
//! They share one process, so none may change what belongs to the whole of it: environment, working directory, umask,
//! signals. Who needs that has it done in a child, as by `env`, `sh` or `prlimit` in front of the program.

// What fails here fails the test, in the helpers too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod golden;
mod house;
mod loopback;
mod smarthost;
mod support;

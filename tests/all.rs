//! All tests except the unit tests at the foot of the files in `src/`, in one program; `tests/README.md` says which
//! test goes where.
//!
//! They share one process, so no test may change what belongs to the whole of it: environment, working directory,
//! umask, signals. A test that needs such a change makes it in a child, with `env`, `sh` or `prlimit` in front of the
//! program.

// A helper may fail a test like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

// `make demo` shows it; `loopback/examples.rs` plays it.
#[path = "../examples/demo/acts/mod.rs"]
mod acts;
mod golden;
mod house;
mod loopback;
mod smarthost;
mod support;

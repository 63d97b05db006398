//! The verbs, the only floor that ties the parts together. A verb owns its request, and the doors fill it in.
//!
//! A file of this directory is a verb of the door, or a part that several verbs share: `accountable`,
//! `outcome_notice` and `selection` are for both programs, and the door starts the other one by `relay_program`. The
//! rooms:
//!
//! - `submission`: the way of a mail up to the acceptance line, and the hand-over. It runs in the door; the relay takes
//!   mail from `drop/` the same way.
//! - `delivery`: the way behind it, with the relay's verbs `flush`, `carry_unkept` and `serve`. It runs in the relay;
//!   the door uses `settle` and `room` too.
//! - `check`, `init`: those verbs with their parts; `check::probe` is a verb of the relay.
//!
//! No verb of the door names a verb of the relay, so that the door links no TLS library.

mod accountable;
pub(crate) mod check;
pub(crate) mod converse;
pub(crate) mod delivery;
pub mod import;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod outcome_notice;
pub(crate) mod queue;
pub(crate) mod rehearse;
mod relay_program;
pub(crate) mod requeue;
pub(crate) mod run_daemon;
pub(crate) mod run_queue;
pub(crate) mod selection;
pub(crate) mod send_test;
pub(crate) mod show;
pub mod submission;
pub mod submit;
pub(crate) mod verify;

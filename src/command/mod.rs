//! The verbs, one file each: the only floor that ties the parts together. A verb owns its request, and the doors fill it in.
//!
//! The files here are the verbs of the door, and what both programs share (`notice`, `selection`). Two rooms hold the way
//! of a mail: `submission` what happens before the acceptance line, in the door; `delivery` what happens behind it, with the
//! relay's verbs `flush`, `carry` and `serve`. `check::probe` is the relay's too. No verb of the door names a verb of the
//! relay, so that the door links no TLS library.

pub(crate) mod check;
pub(crate) mod converse;
pub(crate) mod delivery;
pub mod import;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod notice;
pub(crate) mod queue;
pub(crate) mod rehearse;
mod relay_program;
pub(crate) mod run_daemon;
pub(crate) mod run_queue;
pub(crate) mod selection;
pub(crate) mod send_test;
pub mod submission;
pub mod submit;
pub(crate) mod verify;

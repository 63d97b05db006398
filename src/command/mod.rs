//! The verbs, one file each. The only floor that ties the parts together: each verb owns its
//! request, the doors fill it in.
//!
//! `submit`, `run_queue`, `list`, `queue`, `check` and `init` run in the door; `flush`, `carry`, `serve`
//! and `probe` in the relay, and no verb of the door may name them, so that the door links no TLS library.

mod attempt;
pub mod carry;
pub mod check;
mod dispatch;
pub mod flush;
mod handover;
pub mod init;
pub mod list;
pub mod probe;
pub mod queue;
pub mod report;
mod rescue;
pub mod run_queue;
pub mod serve;
mod settle;
pub mod submit;
mod take_in;

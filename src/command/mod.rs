//! The verbs, one file each. The only floor that ties the parts together: each verb owns its
//! request, the doors fill it in.
//!
//! `submit`, `converse`, `verify`, `run_queue`, `list`, `queue`, `check`, `trial`, `import` and `init` run in the door; `flush`,
//! `carry`, `serve` and `probe` in the relay, and no verb of the door may name them, so that the door links no TLS library.

mod attempt;
mod attempted;
pub mod carry;
pub mod check;
mod choice;
mod chosen;
pub mod converse;
pub mod findings;
pub mod flush;
pub mod import;
pub mod init;
mod lines;
pub mod list;
mod nondelivery;
pub mod probe;
pub mod queue;
mod recut;
pub mod rehearse;
mod relay_program;
pub mod report;
mod routes;
pub mod run_queue;
pub mod selection;
pub mod serve;
mod settle;
pub mod submission;
pub mod submit;
mod take_in;
pub mod trial;
mod turn;
pub mod verify;

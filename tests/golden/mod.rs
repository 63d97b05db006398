//! The folders of `fixtures/`: inputs, and what is expected of them.

mod captures;
mod digests;
mod fuzz;
mod import;
mod repairs;
mod repeats;

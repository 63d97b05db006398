//! The folders of `fixtures/`: what comes in, and what is expected of it.

mod captures;
mod fuzz;
mod import;
mod repairs;

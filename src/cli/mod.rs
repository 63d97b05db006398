//! The doors: the names, one Command.
//!
//! Here argv becomes a request that says what was asked; what a request means
//! for a mail is decided below. Nothing past this floor knows the program's name.

pub mod getopt;
pub mod mail;
pub mod mode;
pub mod names;
pub mod sendmail;

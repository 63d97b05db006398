//! mailx-t takes the place of sendmail.
#![forbid(unsafe_code)]

pub mod cli;
pub mod envelope;
pub mod interval;
pub mod message;
pub mod outcome;
pub mod relay;
pub mod rewrite;
pub mod spool;

//! mailx-t takes the place of sendmail.
#![forbid(unsafe_code)]

pub mod interval;
pub mod outcome;

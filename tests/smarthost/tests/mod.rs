//! The smarthost, tested by a client that is as plain as can be.

mod script;
mod strict;

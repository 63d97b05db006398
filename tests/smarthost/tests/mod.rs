//! The smarthost, tested by the plainest possible client.

mod script;
mod strict;

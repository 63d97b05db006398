//! Message in, message out that any submission server accepts (RFC 6409 section 8 allows it to the first hop). The
//! header section is rewritten field by field, and a field that needs no repair goes out as it came; the body passes a
//! streaming filter. Each repair has a name, which the log tells.
//!
//! Pure: clock, host and identifiers come in as [`Facts`].

mod addresses;
mod base64;
mod cut;
mod date;
mod date_words;
mod decoding;
mod facts;
mod field;
mod field_rules;
mod filter;
mod header;
mod leaf;
mod missing;
mod originator;
mod part_head;
mod parts;
mod plan;
mod quoted_printable;
mod repair;
mod rewritten;
mod set_aside;
mod settings;
mod seven_bit;
mod subject;
mod terminal;
#[cfg(test)]
mod tests;
mod treatment;
mod wire;

pub(crate) use cut::{Cut, CutNotice};
pub(crate) use facts::Facts;
pub(crate) use header::rewrite;
pub use repair::Repair;
pub use rewritten::Rewritten;
pub use settings::Settings;
pub(crate) use seven_bit::SevenBit;
pub(crate) use terminal::shown_on_terminal;

/// A mail with more Received fields goes in circles. RFC 5321 section 6.3 wants at least 100 to be allowed.
pub const MOST_HOPS: usize = 100;

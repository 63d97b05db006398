//! One recipient of the envelope.

use lettre::Address;

use crate::dsn::OfRecipient;

/// One forward-path, and the name it was made from if that was another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The address that the mail goes to.
    pub address: Address,
    /// The caller's own word for it, if an alias, a default or the domain was applied.
    pub(crate) original: Option<String>,
    /// The sender's requests about it, RFC 3461.
    pub(crate) dsn: OfRecipient,
}

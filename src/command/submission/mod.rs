//! The way of a mail up to the acceptance line, and its hand-over to the relay. It runs in the door; the relay takes
//! the mails in `drop/` through `prepare` and `keep` too.

pub(crate) mod accept;
pub mod compose;
pub(crate) mod hand_over;
pub(crate) mod keep;
pub(crate) mod local_names;
pub mod prepare;
pub mod request;
pub(crate) mod rescue;
pub mod take;
pub(crate) mod unconfigured;

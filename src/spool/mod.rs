//! The disk. A mail is accepted the moment its file stands in `queue/`, synced, and the directory synced; no other
//! module touches the queue. States, file format and crash points: `docs/spool.md`.

mod claim;
mod digest;
mod directory;
mod draft;
mod dropped;
mod entry;
mod entry_file;
mod error;
mod files;
mod given_up;
mod id;
mod jobs;
mod journal;
mod kept;
mod lead;
mod left_over;
mod remark;
mod sent;
mod settings;
mod shown;
mod skeleton;
mod spill;
#[cfg(test)]
pub(crate) mod tests;
mod under_way;
mod unrecorded;
mod watch;
mod whole;

pub(crate) use claim::{Carried, Claim};
pub use directory::Spool;
pub(crate) use directory::{Queue, Queued};
pub(crate) use draft::Draft;
pub(crate) use dropped::{Dropped, Left, NOBODY};
pub use entry::{Entry, EntryRecipient};
pub(crate) use entry_file::Content;
pub(crate) use error::Error;
pub(crate) use given_up::{Form, GivenUp};
pub(crate) use id::Mark;
pub use id::QueueId;
pub(crate) use journal::Fold;
pub use journal::Progress;
pub(crate) use journal::Record;
pub(crate) use kept::Kept;
pub(crate) use lead::Clock;
pub(crate) use remark::Remark;
pub use settings::Settings;
pub(crate) use shown::Shown;
pub(crate) use skeleton::Owner;
pub(crate) use spill::Spill;
pub(crate) use under_way::UnderWay;
pub(crate) use watch::Fate;
pub(crate) use whole::Whole;

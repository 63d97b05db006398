//! The settings of the spool.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::interval;

/// `[spool]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The spool's directory. Unset: `/var/spool/mailx-t`, or the user's own state directory.
    pub(crate) path: Option<PathBuf>,
    /// The largest message that is sent whole, in bytes.
    pub max_message_size: ByteSize,
    /// The group whose members may list the queue of the machine. Unset: that of the service.
    pub(crate) readers: Option<String>,
    /// The most that is kept of one user other than root and the service, in bytes.
    pub(crate) user_quota: ByteSize,
    /// The longest time that a caller waits for the outcome.
    #[serde(deserialize_with = "interval::deserialize")]
    pub wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: None,
            readers: None,
            max_message_size: ByteSize::mib(25),
            user_quota: ByteSize::mib(64),
            wait: Duration::from_secs(10),
        }
    }
}

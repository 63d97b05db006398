//! When the limits of the settings let a mail leave: now, soon enough to be waited for, or later.

use std::time::Duration;

use jiff::Timestamp;

use crate::pace::Rate;
use crate::system;

/// A leader waits so long for the turn of the next mail; who comes later takes what has to wait longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The turn of a mail.
pub(crate) enum Turn {
    Now,
    /// After so long, at most a minute: that is waited for.
    Soon(Duration),
    /// From then on.
    Later(Timestamp, Rate),
}

impl Turn {
    /// The turn of a mail that may leave at that moment, by that limit; with none, now.
    pub(crate) fn of(next: Option<(Timestamp, Rate)>) -> Self {
        let Some((at, rate)) = next else { return Self::Now };
        let left = Duration::try_from(at.duration_since(system::now())).unwrap_or_default();
        if left > LONGEST_PAUSE { Self::Later(at, rate) } else { Self::Soon(left) }
    }
}

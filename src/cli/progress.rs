//! A bar on stderr for a person at a terminal, once a queue run takes longer than a moment.

use std::collections::HashSet;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::command::outcome_notice::Notice;
use crate::outcome::Status;

/// A run that ends sooner needs no bar.
const MOMENT: Duration = Duration::from_secs(1);

/// The progress of a run.
pub(super) struct Progress {
    bar: ProgressBar,
    began: Instant,
    is_shown: bool,
    count: Count,
}

#[derive(Default)]
struct Count {
    mails: HashSet<String>,
    sent: usize,
    deferred: usize,
    bounced: usize,
}

impl Progress {
    /// The progress of a run through so many mails; `None` if nobody would see it.
    pub(super) fn of(mails: usize) -> Option<Self> {
        if !io::stderr().is_terminal() {
            return None;
        }
        let bar = ProgressBar::with_draw_target(Some(mails as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} mails, {per_sec}: {msg}") {
            bar.set_style(style);
        }
        Some(Self { bar, began: Instant::now(), is_shown: false, count: Count::default() })
    }

    /// Counts one outcome more.
    pub(super) fn told(&mut self, notice: &Notice) {
        self.count.add(notice);
        if !self.is_shown && self.began.elapsed() >= MOMENT {
            self.is_shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(self.count.mails.len() as u64);
        self.bar.set_message(self.count.words());
    }

    /// Writes something else on the terminal, and leaves the bar whole.
    pub(super) fn aside(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    /// Ends the bar, which stays on the terminal.
    pub(super) fn finish(self) {
        if self.is_shown {
            self.bar.abandon();
        }
    }
}

impl Count {
    fn add(&mut self, notice: &Notice) {
        self.mails.insert(notice.id.clone());
        *match notice.status {
            Status::Bounced => &mut self.bounced,
            Status::Deferred => &mut self.deferred,
            Status::Sent => &mut self.sent,
        } += 1;
    }

    fn words(&self) -> String {
        format!("{} sent, {} deferred, {} refused", self.sent, self.deferred, self.bounced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::EnhancedStatus;

    #[test]
    fn recipients_are_counted_by_outcome_and_mails_once() {
        let mut count = Count::default();
        for (id, status) in [("A", Status::Sent), ("A", Status::Deferred), ("B", Status::Sent), ("C", Status::Bounced)]
        {
            count.add(&Notice {
                id: id.to_string(),
                to: "a@x.org".to_string(),
                status,
                enhanced: EnhancedStatus::new(2, 0, 0),
                reason: "ok".to_string(),
            });
        }
        assert_eq!((count.mails.len(), count.words().as_str()), (3, "2 sent, 1 deferred, 1 refused"));
    }
}

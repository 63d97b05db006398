//! Waits for the acts of another process: on a mail in the queue, or on the spool as a whole.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::{Error, Progress, QueueId, Spool, journal};
use crate::outcome::Status;

/// The pause between looks if the kernel does not tell of changes.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The fate of a mail while another process had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Every recipient has it.
    Delivered,
    /// Some recipient will never have it.
    Failed(Progress),
    /// It has been tried, or waits for the digest of its job, and is kept.
    Tried(Progress),
    /// Nothing has happened to it yet.
    Waiting,
}

/// A mail that only waits for its report to be taken is refused.
fn as_told(fate: Fate, recipients: usize) -> Fate {
    match fate {
        Fate::Tried(progress) if (0..recipients).all(|n| progress.is_settled(n)) => Fate::Failed(progress),
        fate => fate,
    }
}

/// The kernel's word on changes in some directories.
#[derive(Debug)]
pub(crate) struct Watch(Inotify);

impl Spool {
    /// The fate of a mail that stood in the queue.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn fate(&self, id: &QueueId) -> Result<Fate, Error> {
        let read = |directory: &str| {
            let path = self.directory(directory).join(format!("{id}.journal"));
            journal::read(&path).map_err(|source| Error::Read { path, source })
        };
        if self.file("queue", id).exists() {
            let progress = read("queue")?;
            let is_waiting = progress.last.is_empty() && !progress.is_folded();
            return Ok(if is_waiting { Fate::Waiting } else { Fate::Tried(progress) });
        }
        if self.file("failed", id).exists() {
            return Ok(Fate::Failed(read("failed")?));
        }
        // A mail that was returned whole leaves its journal behind for a while.
        let left = read("queue")?;
        let is_refused = left.last.values().any(|record| record.outcome.status == Status::Bounced);
        Ok(if is_refused { Fate::Failed(left) } else { Fate::Delivered })
    }

    /// Waits until a mail has a fate for all of its `recipients`, or `until`.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn await_fate(&self, id: &QueueId, recipients: usize, until: Instant) -> Result<Fate, Error> {
        // The kernel has few watches to give away (inotify(7), max_user_instances); without one we look now and then.
        let watch = Watch::on(&[&self.directory("queue")]).ok();
        loop {
            let fate = self.fate(id)?;
            let has_changed = || match &watch {
                Some(watch) => watch.wait(until).unwrap_or(false),
                // Until the same moment, in short steps.
                None => {
                    let left = until.saturating_duration_since(Instant::now());
                    std::thread::sleep(left.min(LOOK_AGAIN));
                    !left.is_zero()
                }
            };
            let is_open = match &fate {
                Fate::Waiting => true,
                Fate::Tried(progress) => !progress.is_folded() && progress.last.len() < recipients,
                Fate::Delivered | Fate::Failed(_) => false,
            };
            if !is_open || !has_changed() {
                return Ok(as_told(fate, recipients));
            }
        }
    }

    /// Tells when a mail is left in `drop/`; `None` if the kernel has no watch to give away.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn watch_drop(&self) -> Result<Option<Watch>, Error> {
        let path = self.directory("drop");
        match Watch::on(&[&path]) {
            Ok(watch) => Ok(Some(watch)),
            Err(error) if is_for_want_of_watches(&error) => Ok(None),
            Err(source) => Err(Error::Read { path, source }),
        }
    }
}

impl Watch {
    fn on(directories: &[&Path]) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let changes = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO;
        for directory in directories {
            inotify.add_watch(*directory, changes)?;
        }
        Ok(Self(inotify))
    }

    /// Waits for a change; false if `until` came first.
    ///
    /// # Errors
    /// Those of poll(2).
    pub(crate) fn wait(&self, until: Instant) -> io::Result<bool> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            // Rounded up: a wait of less than a millisecond is still one.
            let millis = u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX);
            let mut ready = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, PollTimeout::from(millis)) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => {
                    let _ = self.0.read_events();
                    return Ok(true);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// inotify(7): a limit is reached, or the kernel was built without it.
fn is_for_want_of_watches(error: &io::Error) -> bool {
    let wants = [Errno::EMFILE, Errno::ENFILE, Errno::ENOSPC, Errno::ENOSYS];
    error.raw_os_error().is_some_and(|raw| wants.contains(&Errno::from_raw(raw)))
}

#[cfg(test)]
mod tests {
    use super::super::directory::tests::queued;
    use super::super::entry::tests::example;
    use super::*;

    #[test]
    fn end_of_a_mail_wakes_who_waits() {
        let (_keep, spool, id) = queued(&["a@x.org"]);
        assert_eq!(spool.fate(&id).unwrap(), Fate::Waiting);
        let far = Instant::now() + Duration::from_secs(20);
        let sender = {
            let spool = spool.clone();
            std::thread::spawn(move || spool.claim(&id).unwrap().unwrap().remove().unwrap())
        };
        assert_eq!(spool.await_fate(&id, 1, far).unwrap(), Fate::Delivered);
        sender.join().unwrap();
    }

    #[test]
    fn wait_has_an_end() {
        let (_keep, spool, id) = queued(&["a@x.org"]);
        let soon = Instant::now() + Duration::from_millis(20);
        assert_eq!(spool.await_fate(&id, 1, soon).unwrap(), Fate::Waiting);
        assert_eq!(spool.fate(&example(&["b@x.org"]).id).unwrap(), Fate::Delivered);
    }
}

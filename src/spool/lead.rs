//! The relay lock: its holder is the leader and sends everything that is due; the other processes have spooled and need
//! not stay. The kernel frees the lock when the leader dies.
//!
//! No wake-up is lost: a mail stands in the queue before its submitter looks at the lock, and a leader looks at the
//! queue once more after it has let go.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::{Error, Spool, files};
use crate::outcome::clean;
use crate::trust::plain;

/// The right, and the duty, to send the mails that are due.
#[derive(Debug)]
pub(crate) struct Leader(#[allow(dead_code, reason = "the lock lives as long as the file is open")] File);

/// The time until which no mail is worth an attempt, because the smarthost itself is in trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The number of times in a row that it was in trouble.
    pub(crate) attempts: u32,
    /// When that began; unknown in the file of an earlier version.
    pub(crate) since: Option<jiff::Timestamp>,
    /// When it was last tried; unknown in the file of an earlier version.
    pub(crate) tried: Option<jiff::Timestamp>,
    /// No attempt comes before this.
    pub(crate) next_attempt: jiff::Timestamp,
    /// A person has been told.
    pub(crate) is_alarmed: bool,
    /// The mails that arrived until then have a line in the log which says that they wait.
    pub(crate) told: Option<jiff::Timestamp>,
    /// The trouble.
    pub(crate) reason: String,
}

impl Spool {
    /// Becomes the leader; `None` if there is one.
    ///
    /// # Errors
    /// [`Error::Write`] if the lock cannot be had at all.
    pub(crate) fn lead(&self) -> Result<Option<Leader>, Error> {
        self.lock("relay.lock")
    }

    /// Becomes the one daemon; `None` if there is one.
    ///
    /// # Errors
    /// [`Error::Write`] if the lock cannot be had at all.
    pub(crate) fn be_daemon(&self) -> Result<Option<Leader>, Error> {
        self.lock("serve.lock")
    }

    fn lock(&self, name: &str) -> Result<Option<Leader>, Error> {
        let path = self.directory("queue").join(name);
        let open = || -> io::Result<Option<Leader>> {
            let file = plain::open(&path, OpenOptions::new().write(true).create(true).truncate(false).mode(0o600))?;
            match file.try_lock() {
                Ok(()) => Ok(Some(Leader(file))),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            }
        };
        open().map_err(|source| Error::Write { path: path.clone(), source })
    }

    /// The clock of the smarthost; `None` while it is not known to be in trouble.
    pub(crate) fn clock(&self) -> Option<Clock> {
        let text = plain::read_text(&self.clock_path()).or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => self.clock_in_list().ok_or(error),
            _ => Err(error),
        });
        Clock::parse(&text.ok()?)
    }

    /// Sets the clock; `None` takes it away. A clock lost in a crash costs one attempt, so nothing is synced.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn set_clock(&self, clock: Option<&Clock>) -> Result<(), Error> {
        let path = self.clock_path();
        let set = || match clock {
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            Some(clock) => {
                let new = self.directory("tmp").join("relay.clock");
                files::write_new(&new, &clock.text())?;
                fs::rename(&new, &path)
            }
        };
        set().map_err(|source| Error::Write { path: path.clone(), source })
    }

    fn clock_path(&self) -> PathBuf {
        self.directory("queue").join("relay.clock")
    }
}

impl Clock {
    fn text(&self) -> String {
        let alarmed = if self.is_alarmed { "yes" } else { "no" };
        let Self { attempts, next_attempt, reason, .. } = self;
        let time =
            |key: &str, time: Option<jiff::Timestamp>| time.map_or(String::new(), |time| format!("{key}: {time}\n"));
        let [since, tried, told] =
            [("since", self.since), ("tried", self.tried), ("told", self.told)].map(|(key, at)| time(key, at));
        format!(
            "attempts: {attempts}\n{since}{tried}next-attempt: {next_attempt}\nalarmed: {alarmed}\n{told}reason: {}\n",
            clean(reason)
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        Some(Self {
            attempts: value("attempts")?.parse().ok()?,
            since: value("since").and_then(|since| since.parse().ok()),
            tried: value("tried").and_then(|tried| tried.parse().ok()),
            next_attempt: value("next-attempt")?.parse().ok()?,
            is_alarmed: value("alarmed")? == "yes",
            told: value("told").and_then(|told| told.parse().ok()),
            reason: value("reason")?.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::empty_spool;
    use super::*;

    #[test]
    fn there_is_one_leader_at_a_time() {
        let (_directory, spool) = empty_spool();
        let leader = spool.lead().unwrap();
        assert!(leader.is_some());
        assert!(spool.lead().unwrap().is_none());
        drop(leader);
        assert!(spool.lead().unwrap().is_some());
    }

    #[test]
    fn clock_reads_back_and_goes() {
        let (_directory, spool) = empty_spool();
        assert_eq!(spool.clock(), None);
        let clock = Clock {
            told: "2026-11-20T09:30:02Z".parse().ok(),
            attempts: 3,
            since: "2026-11-20T05:30:03Z".parse().ok(),
            tried: "2026-11-20T09:30:03Z".parse().ok(),
            next_attempt: "2026-11-20T09:31:03Z".parse().unwrap(),
            is_alarmed: true,
            reason: "535 5.7.8 no: way".into(),
        };
        spool.set_clock(Some(&clock)).unwrap();
        assert_eq!(spool.clock(), Some(clock));
        spool.set_clock(None).unwrap();
        spool.set_clock(None).unwrap();
        assert_eq!(spool.clock(), None);
    }
}

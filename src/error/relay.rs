//! Trouble with the other program: the relay is missing, does not start, or did not do its work.

use std::io;

/// The reason why the relay program cannot work.
#[derive(Debug, thiserror::Error)]
pub enum Relay {
    /// There is a daemon already.
    #[error("another daemon serves this spool already")]
    DaemonServes,
    /// A pipe takes the settings of the environment to the program, which does not read it yet; they are larger than
    /// the pipe.
    #[error("the settings in the environment are too long for a daemon: use a file")]
    EnvironmentTooLong,
    /// The process that takes over when a term ends does not start.
    #[error("cannot hand over the queue: {0}")]
    HandOver(io::Error),
    /// Another process is the leader and does not let go.
    #[error("another relay has been at work for too long: look at the log")]
    LedTooLong,
    /// The program is missing, and no mail would ever leave.
    #[error("cannot find mailx-t-relay in libexec/mailx-t or beside mailx-t: reinstall mailx-t")]
    Missing,
    /// The program ran the queue and left in trouble that it has told.
    #[error("the queue run failed: the reason stands above or in the log")]
    QueueRun,
    /// The program does not start.
    #[error("cannot start mailx-t-relay: {0}")]
    Start(io::Error),
}

//! Trouble with the other program: the relay is missing, does not start, or did not do what it was started for.

use std::io;

/// What keeps the relay program from its work.
#[derive(Debug, thiserror::Error)]
pub enum Relay {
    /// A daemon is asked for, and there is one.
    #[error("another daemon serves this spool already")]
    DaemonServes,
    /// The program takes the environment's settings from a pipe that nobody reads yet, and they do not fit into it.
    #[error("the settings in the environment are too long for a daemon: use a file")]
    EnvironmentTooLong,
    /// The process that is to go on when a term is over does not start.
    #[error("cannot hand over the queue: {0}")]
    HandOver(io::Error),
    /// Another process is the leader and does not let go.
    #[error("another relay has been at work for too long: look at the log")]
    LedTooLong,
    /// The program is not there, and no mail would ever leave.
    #[error("cannot find mailx-t-relay in libexec/mailx-t or beside mailx-t: reinstall mailx-t")]
    Missing,
    /// The program ran the queue and left in trouble that it has told.
    #[error("the queue run failed: the reason stands above or in the log")]
    QueueRun,
    /// The program does not start.
    #[error("cannot start mailx-t-relay: {0}")]
    Start(io::Error),
}

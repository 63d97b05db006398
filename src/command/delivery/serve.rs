//! In the relay: `sendmail -bd -q5m`, for hosts without systemd. Serves `drop/` as soon as something is left there, and
//! the retry clock as often as asked.

use std::time::{Duration, Instant};

use super::flush::{self, End};
use crate::command::selection::Selection;
use crate::config::Config;
use crate::error::{self, Error};
use crate::log;
use crate::relay::Dialogue;
use crate::spool::{Owner, Spool};
use crate::system;

/// The longest wait after a failure.
const AFTER_TROUBLE: Duration = Duration::from_secs(60);

/// Serves until the process is told to stop. Settings are read anew for each round, so that a mended configuration
/// counts at once; while it cannot be read, the last good one does.
///
/// # Errors
/// The first round's: a daemon that cannot even begin should say so.
pub(crate) fn run(every: Duration, reload: &dyn Fn() -> Result<Config, Error>) -> Result<(), Error> {
    let mut config = reload()?;
    let Some(_daemon) = Spool::new(config.spool_path()).be_daemon()? else {
        return Err(error::Relay::DaemonServes.into());
    };
    let (mut is_first, mut is_deaf) = (true, false);
    loop {
        let end = round(&config, every, &mut is_deaf);
        match end {
            Err(error) if is_first => return Err(error),
            // A disk that is full for a minute must not end the service. If the watch that would wake us has failed,
            // there is nothing to wait for but time.
            Err(error) => {
                log::error(&error.to_string());
                std::thread::sleep(every.min(AFTER_TROUBLE));
            }
            Ok(()) => {}
        }
        is_first = false;
        system::bury_children();
        match reload() {
            Ok(new) => config = new,
            Err(error) => log::error(&error.to_string()),
        }
    }
}

/// Sends what is due, then waits for something in `drop/`, or for the clock. `is_deaf`: there is the clock alone, and
/// that has been told.
fn round(config: &Config, every: Duration, is_deaf: &mut bool) -> Result<(), Error> {
    let spool = Spool::new(config.spool_path());
    // In a user's own spool nobody leaves anything.
    let has_drop = config.owner_of_spool() != Owner::User;
    // Watched before it is looked at, so that nothing is left unseen in between.
    let watch = if has_drop { spool.watch_drop()? } else { None };
    flush::run_left_elsewhere(config, Dialogue::Hidden, &mut |_| {})?;
    if flush::run(config, &Selection::Due, Dialogue::Hidden, &mut |_| {})? == End::TermOver {
        return Ok(());
    }
    if has_drop && watch.is_none() && !*is_deaf {
        log::error(&format!(
            "no inotify instance is left: drop/ is served every {every:?} only: raise fs.inotify.max_user_instances"
        ));
    }
    *is_deaf = watch.is_none();
    match watch {
        Some(watch) => watch.wait(Instant::now() + every).map(drop).map_err(Error::Output),
        None => {
            std::thread::sleep(every);
            Ok(())
        }
    }
}

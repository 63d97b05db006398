//! In the relay: `sendmail -bd -q5m`, for hosts without systemd. Serves `drop/` as soon as something is left
//! there, and the retry clock as often as asked.

use std::time::{Duration, Instant};

use super::flush::{self, Selection};
use crate::config::Config;
use crate::error::Error;
use crate::log;
use crate::spool::Spool;

/// Serves until the process is told to stop. Settings are read anew for each round, so that a mended
/// configuration counts at once; while it cannot be read, the last good one does.
///
/// # Errors
/// The first round's: a daemon that cannot even begin should say so.
pub fn run(every: Duration, reload: &dyn Fn() -> Result<Config, Error>) -> Result<(), Error> {
    let mut config = reload()?;
    loop {
        let spool = Spool::new(config.spool_path());
        // Watched before it is looked at, so that nothing is left unseen in between.
        let watch = spool.watch_drop()?;
        flush::run(&config, &Selection::Due, &mut |_| {})?;
        let waited = watch.wait(Instant::now() + every);
        if let Err(error) = waited {
            log::error(&format!("{}: cannot be watched: {error}", spool.root().display()));
            std::thread::sleep(every);
        }
        match reload() {
            Ok(new) => config = new,
            Err(error) => log::error(&error.to_string()),
        }
    }
}

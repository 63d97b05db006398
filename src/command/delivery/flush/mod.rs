//! `flush` in the relay: sends the queue. The process that gets the relay lock leads, and sends everything that is due.
//! It looks once more when it has let go of the lock, so that no mail waits for a wake-up that is lost.

mod leader_term;
mod sending;
mod shares;
mod suspended;

use std::time::{Duration, Instant};

pub(crate) use self::leader_term::End;
use self::leader_term::{Seen, Term};
use self::sending::Sending;
use crate::command::outcome_notice::Notice;
use crate::command::selection::Selection;
use crate::config::Config;
use crate::error::{self, Error};
use crate::log;
use crate::relay::{Client, Dialogue};
use crate::spool::Spool;
use crate::system;

/// The time between two tries for the lock that another leader holds.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Sends the selected mails. `tell` gets each outcome once it is on disk; `dialogue` says whether stderr shows what is
/// said to the smarthosts. Returns at once if another process leads: it will see what we came for.
///
/// # Errors
/// The queue cannot be read, or an outcome cannot be recorded; or `drop/` cannot be read, which is returned once the
/// queue has been sent. Trouble with a smarthost or a single mail is an outcome, not an error.
pub(crate) fn run(
    config: &Config,
    selection: &Selection,
    dialogue: Dialogue,
    tell: &mut dyn FnMut(&Notice),
) -> Result<End, Error> {
    let host = system::host_name();
    log::open(&config.log, log::Part::Smtp, &host);
    let spool = Spool::new(config.spool_path());
    let client = Client { dialogue, tokens: Some(spool.state()), ..Client::named(&host) };
    let mut seen = Seen::default();
    loop {
        let Some(leader) = spool.lead()? else { return Ok(End::Led) };
        let sending = Sending::new(config, &spool, &client, &mut *tell);
        let end = Term::new(config, &spool, selection, &mut seen, sending).serve();
        drop(leader);
        match end? {
            End::Done if seen.misses_any(&spool)? => {}
            End::Done => return seen.trouble.map_or(Ok(End::Done), Err),
            end => return Ok(end),
        }
    }
}

/// As [`run`], but waits for its turn if another process leads: what was asked for is done when this returns.
///
/// # Errors
/// As [`run`], and [`Error::Relay`] if the turn does not come.
pub(crate) fn run_in_turn(
    config: &Config,
    selection: &Selection,
    dialogue: Dialogue,
    tell: &mut dyn FnMut(&Notice),
) -> Result<(), Error> {
    let until = Instant::now() + leader_term::LENGTH + leader_term::LENGTH / 5;
    loop {
        match run(config, selection, dialogue, tell)? {
            End::Done | End::TermOver => return Ok(()),
            // flock(2) knows no time limit, so that a wait in it would have no end.
            End::Led if Instant::now() < until => std::thread::sleep(LOOK_AGAIN),
            End::Led => return Err(error::Relay::LedTooLong.into()),
        }
    }
}

/// Sends what waits in the system's spool if the machine's is another: it was handed in while nobody could read which
/// one it is, and no other relay looks there.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_left_elsewhere(
    config: &Config,
    dialogue: Dialogue,
    tell: &mut dyn FnMut(&Notice),
) -> Result<(), Error> {
    let Some(config) = config.for_system_spool() else { return Ok(()) };
    let spool = Spool::new(config.spool_path());
    let lists = [spool.waiting(), spool.left(), spool.ids()];
    if lists.into_iter().flatten().all(|list| list.is_empty()) {
        return Ok(());
    }
    run(&config, &Selection::Due, dialogue, tell).map(drop)
}

//! The bound of each user's room in the spool. A file that is taken out of `drop/` becomes the service's on the disk,
//! and a mail that is given up stays for good: without a bound, any user could fill the disk of the service.
//!
//! A mail that finds no room stays in `drop/`. It is the user's own there and counts on the user's own quota, and
//! nothing of it is lost.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytesize::ByteSize;
use jiff::Timestamp;

use crate::config::Config;
use crate::error::Error;
use crate::interval::later;
use crate::spool::{Kept, Mark, NOBODY, Remark, Spool};
use crate::{log, system};

/// The mark of a user whose mail found no room, and the time for which it is kept: root is told once a day.
const FULL: &str = "no room";
const TOLD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The room of each user in the spool, as of the last look, and the mails that were taken since.
#[derive(Default)]
pub(super) struct Room {
    kept: HashMap<Mark, Kept>,
    /// It has not been looked at since mail could have left.
    is_old: bool,
    has_looked: bool,
    /// Users without room, since the last look, and those whom this run has told of.
    full: HashSet<u32>,
    told: HashSet<u32>,
}

impl Room {
    /// Mail may have left: whoever has no room is looked at anew.
    pub(super) fn age(&mut self) {
        self.is_old = true;
        self.full.clear();
    }

    /// There is room for a file of that user; if there is not, the log says so. A user without room costs one look.
    ///
    /// # Errors
    /// `queue/` or `failed/` cannot be listed.
    pub(super) fn has_room(&mut self, config: &Config, spool: &Spool, uid: u32) -> Result<bool, Error> {
        if self.full.contains(&uid) {
            return Ok(false);
        }
        let quota = config.spool.user_quota.as_u64();
        if !self.has_looked || (self.is_old && self.of(spool, uid).is_full(quota)) {
            self.kept = spool.kept()?;
            (self.is_old, self.has_looked) = (false, true);
        }
        let kept = self.of(spool, uid);
        if !kept.is_full(quota) {
            return Ok(true);
        }
        self.full.insert(uid);
        if self.told.insert(uid) {
            tell_once(spool, uid, kept);
        }
        Ok(false)
    }

    /// A file of that user was taken, of so many octets.
    pub(super) fn add(&mut self, spool: &Spool, uid: u32, octets: u64) {
        self.kept.entry(spool.mark_of(uid)).or_default().add(octets);
    }

    fn of(&self, spool: &Spool, uid: u32) -> Kept {
        self.kept.get(&spool.mark_of(uid)).copied().unwrap_or_default()
    }
}

/// The sentence about a user whose mail finds no room.
pub(crate) fn sentence(uid: u32, kept: Kept) -> String {
    let whose = match uid {
        NOBODY => "what its owners need not have left".to_string(),
        uid => format!("the mail of user {}", system::user(uid).name),
    };
    format!(
        "{whose} stays in drop/: {} files and {} of it lie in queue/ and failed/ already, as much as \
         user-quota in [spool] allows; remove what is seen to from failed/",
        kept.files,
        ByteSize::b(kept.octets)
    )
}

fn tell_once(spool: &Spool, uid: u32, kept: Kept) {
    let (about, now) = (format!("user {uid}"), system::now());
    if spool.is_remarked(&about, FULL, now) {
        return;
    }
    log::error(&sentence(uid, kept));
    let remark = Remark { about, says: FULL.to_string(), until: later(now, TOLD_FOR).unwrap_or(Timestamp::MAX) };
    spool.remark(&remark).unwrap_or_else(|error| log::error(&error.to_string()));
}

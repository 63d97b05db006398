//! The mails that a relay sends right now: the kernel knows who holds which lock, and asking it disturbs nobody. A try
//! of the lock would keep the relay from the mail.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

use super::{QueueId, Spool};

/// The files under an exclusive flock(2), by their inodes: a file system may tell the kernel and us different devices.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    inodes: HashSet<u64>,
}

impl UnderWay {
    /// As it is now; nothing is known to be under way where proc(5) does not tell, or no relay runs.
    pub(crate) fn of(spool: &Spool) -> Self {
        let inodes = fs::read_to_string("/proc/locks").map(|locks| exclusive(&locks)).unwrap_or_default();
        let found = Self { inodes };
        if found.holds(&spool.root().join("queue/relay.lock")) { found } else { Self::default() }
    }

    /// As [`of`](Self::of), for a caller who knows that the lock of the relay has that inode, and may ask no more.
    pub(super) fn under(lock: Option<u64>) -> Self {
        let inodes = fs::read_to_string("/proc/locks").map(|locks| exclusive(&locks)).unwrap_or_default();
        if lock.is_some_and(|lock| inodes.contains(&lock)) { Self { inodes } } else { Self::default() }
    }

    /// A relay has claimed the mail whose file has that inode.
    pub(super) fn has_inode(&self, inode: u64) -> bool {
        self.inodes.contains(&inode)
    }

    /// A relay has claimed the mail.
    pub(crate) fn has(&self, spool: &Spool, id: &QueueId) -> bool {
        !self.inodes.is_empty() && self.holds(&spool.file("queue", id))
    }

    fn holds(&self, path: &std::path::Path) -> bool {
        fs::metadata(path).is_ok_and(|found| self.inodes.contains(&found.ino()))
    }
}

/// The inodes of `1: FLOCK  ADVISORY  WRITE 1234 fe:00:8626184 0 EOF`; a process that waits for a lock has `->` before
/// the kind.
fn exclusive(locks: &str) -> HashSet<u64> {
    let inode = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", _, place, ..] = words[..] else { return None };
        place.rsplit(':').next()?.parse().ok()
    };
    locks.lines().filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whoever_has_the_lock_counts() {
        let locks = "1: FLOCK  ADVISORY  WRITE 327 fe:00:86 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 328 fe:00:87 0 EOF\n\
                     2: FLOCK  ADVISORY  READ 329 fe:00:88 0 EOF\n3: POSIX  ADVISORY  WRITE 330 fe:00:89 0 EOF\nodd\n";
        assert_eq!(exclusive(locks), HashSet::from([86]));
    }

    #[test]
    fn claimed_mail_is_under_way_while_a_relay_leads() {
        let (_keep, spool, id) = super::super::directory::tests::queued(&["a@x.org"]);
        let claim = spool.claim(&id).unwrap().unwrap();
        assert!(!UnderWay::of(&spool).has(&spool, &id), "nobody leads");
        let _leader = spool.lead().unwrap().unwrap();
        assert!(UnderWay::of(&spool).has(&spool, &id));
        drop(claim);
        assert!(!UnderWay::of(&spool).has(&spool, &id));
    }
}

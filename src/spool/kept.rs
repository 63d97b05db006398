//! The room that the spool spends on each user: the mails in `queue/`, and all files in `failed/`. The names tell the
//! users, so no file is opened.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;

use jiff::Timestamp;

use super::{Error, Mark, QueueId, Remark, Spool};

/// The most files of one user that the spool keeps before further mail of theirs waits in `drop/`. Each costs a name, a
/// node on the disk, and a look in every run.
const MOST_FILES: u64 = 1000;

/// The room of one user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Mails, and other files that a person looks at. A journal is no file of its own.
    pub(crate) files: u64,
    /// The room that they take up on the disk, in octets.
    pub(crate) octets: u64,
}

impl Kept {
    /// It has reached the bound: so many octets, or the most files.
    pub(crate) fn is_full(&self, quota: u64) -> bool {
        self.files >= MOST_FILES || self.octets >= quota
    }

    /// One more file.
    pub(crate) fn add(&mut self, octets: u64) {
        self.files += 1;
        self.octets = self.octets.saturating_add(octets);
    }
}

/// The start of the remark that says which mark a user has.
const MARK_OF: &str = "mark of user ";

impl Spool {
    /// The mark of that user's mail. A remark for each user keeps it. No two users share one while fewer than 1295 have
    /// one.
    pub(crate) fn mark_of(&self, uid: u32) -> Mark {
        if let Some(known) = self.known_mark_of(uid) {
            return known;
        }
        let remarks = self.remarks(Timestamp::now());
        let taken: HashSet<Mark> =
            remarks.iter().filter(|r| r.about.starts_with(MARK_OF)).filter_map(|r| Mark::parse(&r.says)).collect();
        let free = Mark::of_choice(uid).find(|mark| !taken.contains(mark)).unwrap_or(Mark::of(uid));
        let says = free.to_string();
        // A remark that the disk has no room for is made again with the next file.
        let _ = self.remark(&Remark { about: format!("{MARK_OF}{uid}"), says, until: Timestamp::MAX });
        free
    }

    /// The mark of that user's mail, if the spool has had any.
    pub(crate) fn known_mark_of(&self, uid: u32) -> Option<Mark> {
        if uid == 0 {
            return Some(Mark::FIRST);
        }
        let about = format!("{MARK_OF}{uid}");
        self.remarks(Timestamp::now()).iter().find(|r| r.about == about).and_then(|r| Mark::parse(&r.says))
    }

    /// The room of each user.
    ///
    /// # Errors
    /// [`Error::Read`] if `queue/` or `failed/` cannot be listed.
    pub(crate) fn kept(&self) -> Result<HashMap<Mark, Kept>, Error> {
        let mut kept: HashMap<Mark, Kept> = HashMap::new();
        for path in ["queue", "failed"].map(|name| self.directory(name)) {
            let fail = |source| Error::Read { path: path.clone(), source };
            for found in fs::read_dir(&path).map_err(fail)? {
                let found = found.map_err(fail)?;
                let name = found.file_name();
                let Some((id, kind)) = name.to_str().and_then(stem) else { continue };
                // Another process may have taken it away.
                let Ok(about) = found.metadata() else { continue };
                let kept = kept.entry(id.mark()).or_default();
                kept.octets = kept.octets.saturating_add(about.blocks() * 512);
                kept.files += u64::from(!matches!(kind, ".journal" | ".hold"));
            }
        }
        Ok(kept)
    }
}

/// The id that a name begins with, and the rest.
fn stem(name: &str) -> Option<(QueueId, &str)> {
    let (id, kind) = name.split_at(name.find('.').unwrap_or(name.len()));
    Some((QueueId::parse(id)?, kind))
}

#[cfg(test)]
mod tests {
    use super::super::tests::empty_spool;
    use super::*;

    #[test]
    fn users_whose_uids_are_alike_have_marks_of_their_own() {
        let (_directory, spool) = empty_spool();
        let uids = [1000, 1000 + 1295, 1000 + 2 * 1295, u32::MAX, 0];
        assert_eq!(spool.known_mark_of(1000), None);
        let marks: Vec<Mark> = uids.map(|uid| spool.mark_of(uid)).to_vec();
        assert_eq!(marks.iter().collect::<HashSet<_>>().len(), uids.len());
        assert_eq!(uids.map(|uid| spool.mark_of(uid)).to_vec(), marks, "they stay");
    }

    #[test]
    fn all_that_is_kept_of_a_user_counts() {
        let (_directory, spool) = empty_spool();
        let (alice, bob) = (QueueId::of_user(1000), QueueId::of_user(1001));
        let anew = alice.anew();
        for (place, name) in [
            ("queue", alice.to_string()),
            ("queue", format!("{alice}.journal")),
            ("failed", anew.to_string()),
            ("failed", format!("{anew}.journal")),
            ("failed", format!("{}.gz", alice.anew())),
            ("failed", format!("{bob}.refused")),
            ("failed", "notes".to_string()),
            ("queue", "relay.sent".to_string()),
        ] {
            fs::write(spool.directory(place).join(name), vec![b'x'; 5000]).unwrap();
        }
        let kept = spool.kept().unwrap();
        let of = |uid| kept[&Mark::of(uid)];
        assert_eq!((kept.len(), of(1000).files, of(1001).files), (2, 3, 1));
        assert!(of(1000).octets >= 25_000 && of(1001).octets >= 5000, "{kept:?}");
        assert!(of(1000).is_full(25_000) && !of(1000).is_full(1 << 20));
        assert!(Kept { files: MOST_FILES, octets: 0 }.is_full(1));
    }
}

//! The queue id: the name of a mail in the spool, in the log and for people.

use std::fmt;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

/// Fifteen characters of `0-9A-Z`: ten for the microsecond, so that ids sort by arrival, two for the user whose mail it
/// is, three by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId([u8; LENGTH]);

/// The part of an id that stands for a user. A list of names shows whose the mails are, and no file has to be opened:
/// the leader puts users in turn, in a queue of any length. Users whose uids differ by a multiple of 1295 share a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark([u8; 2]);

/// The number of users who can have a mark of their own.
const MARKS: u64 = 1295;
const LENGTH: usize = 15;
const TIME: Range<usize> = 0..10;
const MARK: Range<usize> = 10..12;
const CHANCE: Range<usize> = 12..LENGTH;
const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

impl QueueId {
    /// A new id for a mail of that user; the service's are root's. The file system, not this function, promises that it
    /// is new, when a file of that name is created exclusively.
    pub fn of_user(uid: u32) -> Self {
        let mut id = Self::new();
        id.0[MARK].copy_from_slice(&Mark::of(uid).0);
        id
    }

    /// A new id for a mail of the user with that mark.
    pub(crate) fn marked(mark: Mark) -> Self {
        let mut id = Self::new();
        id.0[MARK].copy_from_slice(&mark.0);
        id
    }

    /// A new id for another mail of the same user.
    pub(crate) fn anew(&self) -> Self {
        Self::marked(self.mark())
    }

    /// A new id for a file that is no mail: nobody asks whose it is.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::of(now.as_micros() as u64, fastrand::u64(..))
    }

    fn of(micros: u64, chance: u64) -> Self {
        let mut id = [b'0'; LENGTH];
        write(&mut id[TIME], micros);
        write(&mut id[MARK.start..CHANCE.end], chance);
        Self(id)
    }

    /// The user whose mail it is, if the service gave the id: a name in `drop/` says nothing.
    pub(crate) fn mark(&self) -> Mark {
        let mut mark = Mark([0; 2]);
        mark.0.copy_from_slice(&self.0[MARK]);
        mark
    }

    /// The id of that name, if it is an id.
    pub fn parse(name: &str) -> Option<Self> {
        let bytes: [u8; LENGTH] = name.as_bytes().try_into().ok()?;
        bytes.iter().all(|b| DIGITS.contains(b)).then_some(Self(bytes))
    }

    /// The time it was made, as far as the name tells it: anybody may give a file such a name.
    pub(crate) fn made(&self) -> Option<jiff::Timestamp> {
        let digit = |byte: &u8| DIGITS.iter().position(|known| known == byte).and_then(|at| i64::try_from(at).ok());
        let micros =
            self.0[TIME].iter().try_fold(0, |sum: i64, byte| sum.checked_mul(36)?.checked_add(digit(byte)?))?;
        jiff::Timestamp::from_microsecond(micros).ok()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        // It holds only characters of DIGITS.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Mark {
    /// Root and the service, who share this mark with nobody else.
    pub(crate) const FIRST: Self = Self(*b"00");

    /// The user with that uid, unless another user has that mark already.
    pub(crate) fn of(uid: u32) -> Self {
        Self::of_choice(uid).next().unwrap_or(Self::FIRST)
    }

    /// The marks that the user with that uid could have, the first choice first.
    pub(crate) fn of_choice(uid: u32) -> impl Iterator<Item = Self> {
        let above = u64::from(uid).checked_sub(1);
        let number = move |step: u64| above.map_or(0, |above| 1 + (above + step) % MARKS);
        (0..MARKS).map(move |step| {
            let mut mark = Self([b'0'; 2]);
            write(&mut mark.0, number(step));
            mark
        })
    }

    /// The mark with those characters.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }

    /// Its characters.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Writes a number to the base 36 with leading zeros, as far as there is room.
fn write(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = DIGITS[(number % 36) as usize];
        number /= 36;
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_arrival() {
        assert!(QueueId::of(1_700_000_000_000_000, 99) < QueueId::of(1_700_000_000_000_001, 0));
        assert!(QueueId::of(u64::MAX, u64::MAX).as_str().len() == LENGTH);
    }

    #[test]
    fn id_tells_when_it_was_made() {
        let made = |micros| QueueId::of(micros, u64::MAX).made().unwrap().as_microsecond();
        assert_eq!((made(0), made(1_700_000_000_123_456)), (0, 1_700_000_000_123_456));
        assert!(QueueId::parse("ZZZZZZZZZZZZZZZ").unwrap().made().is_some());
    }

    #[test]
    fn id_tells_whose_mail_it_is() {
        for uid in [0, 1, 33, 1000, 1294, 1295, 65_534, u32::MAX] {
            let id = QueueId::of_user(uid);
            assert_eq!(id.mark(), Mark::of(uid));
            assert_eq!(QueueId::parse(id.as_str()), Some(id));
            assert_eq!(Mark::of(uid) == Mark::FIRST, uid == 0, "{uid}");
            assert_eq!(id.anew().mark(), Mark::of(uid));
        }
        let marks: std::collections::HashSet<Mark> = (0..=1295).map(Mark::of).collect();
        assert_eq!(marks.len(), 1296);
    }

    #[test]
    fn names_of_other_files_are_no_ids() {
        let id = QueueId::new();
        assert_eq!(QueueId::parse(id.as_str()), Some(id));
        for name in ["", "short", "ABCDEFGHIJKLMN.", "abcdefghijklmno", "ABCDEFGHIJKLMNO.journal", "../../../../../etc"]
        {
            assert_eq!(QueueId::parse(name), None, "{name}");
        }
    }
}

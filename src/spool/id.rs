//! The queue id: the name of a mail in the spool, in the log and for people.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Fifteen characters of `0-9A-Z`: ten for the microsecond, so that ids sort by arrival, five by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId([u8; LENGTH]);

const LENGTH: usize = 15;
const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

impl QueueId {
    /// A new id. This function does not promise that it is new; the file system does, when a file of that name is
    /// created exclusively.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::of(now.as_micros() as u64, fastrand::u64(..))
    }

    fn of(mut micros: u64, mut chance: u64) -> Self {
        let mut id = [b'0'; LENGTH];
        let mut digits = |range: std::ops::Range<usize>, number: &mut u64| {
            for at in range.rev() {
                id[at] = DIGITS[(*number % 36) as usize];
                *number /= 36;
            }
        };
        digits(0..10, &mut micros);
        digits(10..LENGTH, &mut chance);
        Self(id)
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
            self.0[..10].iter().try_fold(0, |sum: i64, byte| sum.checked_mul(36)?.checked_add(digit(byte)?))?;
        jiff::Timestamp::from_microsecond(micros).ok()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        // It holds only characters of DIGITS.
        std::str::from_utf8(&self.0).unwrap_or_default()
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
    fn names_of_other_files_are_no_ids() {
        let id = QueueId::new();
        assert_eq!(QueueId::parse(id.as_str()), Some(id));
        for name in ["", "short", "ABCDEFGHIJKLMN.", "abcdefghijklmno", "ABCDEFGHIJKLMNO.journal", "../../../../../etc"]
        {
            assert_eq!(QueueId::parse(name), None, "{name}");
        }
    }
}

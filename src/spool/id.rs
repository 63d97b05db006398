//! The queue id: the name of a mail in the spool, in the log and for people.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

/// Fifteen characters of `0-9A-F`, as in Postfix's ids, since monitors count the lines of mailq that begin so: twelve
/// for the time, so that ids sort by arrival, three for the user whose mail it is.
///
/// Spools of earlier versions hold ids of fifteen characters to the base 36: ten, two and three. Since 2021 their first
/// character is beyond `F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId {
    octets: [u8; LENGTH],
    is_early: bool,
}

/// The part of an id that stands for a user. A list of names shows whose the mails are, and no file has to be opened:
/// the leader puts users in turn, in a queue of any length. Users whose uids differ by a multiple of 1295 share a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark(u16);

/// The number of users who can have a mark of their own.
const MARKS: u64 = 1295;
const LENGTH: usize = 15;
const TIME: Range<usize> = 0..12;
const MARK: Range<usize> = 12..15;
/// The microseconds of one step of the time.
const STEP: u64 = 16;
const EARLY_TIME: Range<usize> = 0..10;
const EARLY_MARK: Range<usize> = 10..12;
const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
static LAST_STEP: AtomicU64 = AtomicU64::new(0);
const BASE: u64 = 16;
const EARLY_BASE: u64 = 36;

impl QueueId {
    /// A new id for a mail of that user; the service's are root's. The file system, not this function, promises that it
    /// is new, when a file of that name is created exclusively.
    pub fn of_user(uid: u32) -> Self {
        Self::marked(Mark::of(uid))
    }

    /// A new id for a mail of the user with that mark.
    pub(crate) fn marked(mark: Mark) -> Self {
        let mut id = Self::new();
        write(&mut id.octets[MARK], u64::from(mark.0), BASE);
        id
    }

    /// A new id for another mail of the same user.
    pub(crate) fn anew(&self) -> Self {
        Self::marked(self.mark())
    }

    /// A new id for a file that is no mail: nobody asks whose it is.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self::of(next_step(), fastrand::u64(..))
    }

    fn of(step: u64, mark: u64) -> Self {
        let mut octets = [b'0'; LENGTH];
        write(&mut octets[TIME], step, BASE);
        write(&mut octets[MARK], mark, BASE);
        Self { octets, is_early: false }
    }

    /// A name that no message has on any machine, to be the left side of a Message-ID (RFC 5322 section 3.6.4): two
    /// machines with one account can give the same id.
    pub(crate) fn unique(&self) -> String {
        format!("{self}.{:08X}", fastrand::u32(..))
    }

    /// The user whose mail it is, if the service gave the id: a name in `drop/` says nothing.
    pub(crate) fn mark(&self) -> Mark {
        let digits = if self.is_early { EARLY_MARK } else { MARK };
        Mark(u16::try_from(number(&self.octets[digits], self.base())).unwrap_or_default())
    }

    /// The id of that name, if it is an id.
    pub fn parse(name: &str) -> Option<Self> {
        let octets: [u8; LENGTH] = name.as_bytes().try_into().ok()?;
        let highest = octets.iter().map(|octet| digit(*octet)).try_fold(0, |most, digit| Some(digit?.max(most)))?;
        Some(Self { octets, is_early: highest >= BASE })
    }

    /// The time it was made, as far as the name tells it: anybody may give a file such a name.
    pub(crate) fn made(&self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_microsecond(i64::try_from(self.micros()).ok()?).ok()
    }

    fn micros(&self) -> u64 {
        if self.is_early {
            number(&self.octets[EARLY_TIME], EARLY_BASE)
        } else {
            number(&self.octets[TIME], BASE) * STEP
        }
    }

    fn base(&self) -> u64 {
        if self.is_early { EARLY_BASE } else { BASE }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        // It holds only characters of DIGITS.
        std::str::from_utf8(&self.octets).unwrap_or_default()
    }
}

/// By arrival, ids of both forms.
impl Ord for QueueId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.micros().cmp(&other.micros()).then_with(|| self.octets.cmp(&other.octets))
    }
}

impl PartialOrd for QueueId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Mark {
    /// Root and the service, who share this mark with nobody else.
    pub(crate) const FIRST: Self = Self(0);

    /// The user with that uid, unless another user has that mark already.
    pub(crate) fn of(uid: u32) -> Self {
        Self::of_choice(uid).next().unwrap_or(Self::FIRST)
    }

    /// The marks that the user with that uid could have, the first choice first.
    pub(crate) fn of_choice(uid: u32) -> impl Iterator<Item = Self> {
        let above = u64::from(uid).checked_sub(1);
        let number = move |step: u64| above.map_or(0, |above| 1 + (above + step) % MARKS);
        (0..MARKS).map(move |step| Self(u16::try_from(number(step)).unwrap_or_default()))
    }

    /// The mark with those characters: three, or the two of an earlier version.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let base = if text.len() == EARLY_MARK.len() { EARLY_BASE } else { BASE };
        u16::from_str_radix(text, base as u32).ok().map(Self)
    }
}

/// Its characters in an id.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03X}", self.0)
    }
}

/// The step of the clock, or the one after the last that this process had: it gives no id twice, and each sorts behind
/// the one before.
fn next_step() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64 / STEP;
    let later = |last: u64| Some(now.max(last + 1));
    LAST_STEP.fetch_update(Relaxed, Relaxed, later).map_or(now, |last| now.max(last + 1))
}

/// The value of a digit.
fn digit(octet: u8) -> Option<u64> {
    match octet {
        b'0'..=b'9' => Some(u64::from(octet - b'0')),
        b'A'..=b'Z' => Some(u64::from(octet - b'A') + 10),
        _ => None,
    }
}

fn number(digits: &[u8], base: u64) -> u64 {
    digits.iter().fold(0, |sum, octet| sum * base + digit(*octet).unwrap_or_default())
}

/// Writes a number with leading zeros, as far as there is room.
fn write(place: &mut [u8], mut number: u64, base: u64) {
    for digit in place.iter_mut().rev() {
        *digit = DIGITS[(number % base) as usize];
        number /= base;
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
        assert!(QueueId::of(106_250_000_007_716, 99) < QueueId::of(106_250_000_007_717, 0));
        assert_eq!(QueueId::of(u64::MAX, u64::MAX).as_str(), "FFFFFFFFFFFFFFF");
    }

    #[test]
    fn process_gives_no_id_twice_and_each_sorts_behind_the_one_before() {
        let ids: Vec<QueueId> = (0..10_000).map(|_| QueueId::of_user(1000)).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn id_tells_when_it_was_made() {
        let made = |step| QueueId::of(step, u64::MAX).made().unwrap().as_microsecond();
        assert_eq!((made(0), made(106_250_000_007_716)), (0, 1_700_000_000_123_456));
        assert!(QueueId::parse("ZZZZZZZZZZZZZZZ").unwrap().made().is_some());
        assert!(QueueId::parse("FFFFFFFFFFFFFFF").unwrap().made().is_some());
        // A moment that both forms can say.
        let early = QueueId::parse("GQL7E9Z5M8RS001").unwrap();
        assert!(early.micros() - QueueId::of(early.micros() / STEP, 0).micros() < STEP);
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
    fn ids_of_earlier_versions_are_read_and_keep_their_place() {
        let early = QueueId::parse("HOLQ8W3F2K03ZD7").unwrap();
        assert_eq!((early.as_str(), early.mark()), ("HOLQ8W3F2K03ZD7", Mark::parse("03").unwrap()));
        assert_eq!(Mark::parse("RR"), Mark::parse("3E7"));
        assert_eq!(early.anew().mark(), early.mark());
        let step = early.micros() / STEP;
        assert!(QueueId::of(step - 1, u64::MAX) < early && early < QueueId::of(step + 1, 0));
    }

    #[test]
    fn every_id_is_one_that_monitors_of_postfix_count() {
        for _ in 0..100 {
            let id = QueueId::of_user(fastrand::u32(..)).to_string();
            assert!(id.bytes().all(|octet| octet.is_ascii_digit() || (b'A'..=b'F').contains(&octet)), "{id}");
        }
    }

    #[test]
    fn names_of_other_files_are_no_ids() {
        let id = QueueId::new();
        assert_eq!(QueueId::parse(id.as_str()), Some(id));
        for name in [
            "",
            "short",
            "ABCDEFGHIJKLMN.",
            "abcdefghijklmno",
            "ABCDEFGHIJKLMNO.journal",
            "../../../../../etc",
            "0123456789ABCDEF",
            "0123456789abcde",
            "012345678\u{e9}ABCD",
        ] {
            assert_eq!(QueueId::parse(name), None, "{name}");
        }
    }
}

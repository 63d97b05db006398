//! The pace of mail: at most so many in so long, as providers count it.
//!
//! Counted exactly, over the time just gone by, and not in buckets that begin anew: "30 a minute" holds for any minute.
//! Pure: the times at which mails left come in as an argument.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error};

use crate::interval;

/// The longest time that is counted over.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// So many mails in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// At least one.
    pub(crate) mails: u32,
    /// At most a day.
    pub(crate) per: Duration,
}

impl Rate {
    /// So many in any 24 hours.
    pub(crate) fn a_day(mails: u32) -> Self {
        Self { mails, per: DAY }
    }

    fn parse(text: &str) -> Option<Self> {
        let (mails, per) = text.split_once('/')?;
        let mails = mails.trim().parse().ok().filter(|mails| *mails > 0)?;
        // "30/min" and "30/5 min" alike.
        let per = interval::parse(per).or_else(|| interval::parse(&format!("1 {}", per.trim())))?;
        (!per.is_zero() && per <= DAY).then_some(Self { mails, per })
    }

    /// The time from which the next mail may leave, after those that left at `sent`, oldest first.
    fn free(&self, sent: &[Timestamp]) -> Option<Timestamp> {
        let before = sent.len().checked_sub(self.mails.try_into().ok()?)?;
        sent[before].checked_add(self.per).ok()
    }
}

/// The time at which the next mail may leave, after those that left at `sent`, oldest first; `None` if it may leave
/// now.
pub(crate) fn next(rates: &[Rate], sent: &[Timestamp], now: Timestamp) -> Option<(Timestamp, Rate)> {
    let free = rates.iter().filter_map(|rate| Some((rate.free(sent)?, *rate)));
    free.max_by_key(|(at, _)| *at).filter(|(at, _)| *at > now)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per.as_secs() {
            86_400 => write!(f, "{} a day", self.mails),
            3600 => write!(f, "{} an hour", self.mails),
            60 => write!(f, "{} a minute", self.mails),
            _ => write!(f, "{} in {:?}", self.mails, self.per),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom("expected so many in so long, such as \"30/min\" or \"500/h\", at most a day")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn rate(text: &str) -> Option<(u32, u64)> {
        Rate::parse(text).map(|rate| (rate.mails, rate.per.as_secs()))
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, expected) in [
            ("30/min", (30, 60)),
            ("1/s", (1, 1)),
            ("500 / h", (500, 3600)),
            ("10/10m", (10, 600)),
            ("7/30 s", (7, 30)),
            ("100/day", (100, 86_400)),
        ] {
            assert_eq!(rate(text), Some(expected), "{text}");
        }
        for text in ["", "30", "0/min", "-1/min", "30/", "30/0s", "30/week", "30/2 days", "x/min", "30/month"] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    #[test]
    fn any_stretch_of_time_counts() {
        let two = [Rate { mails: 2, per: Duration::from_secs(60) }];
        let next = |sent: &[i64], now| {
            let sent: Vec<_> = sent.iter().map(|second| at(*second)).collect();
            super::next(&two, &sent, at(now)).map(|(at, _)| at)
        };
        assert_eq!(next(&[], 0), None);
        assert_eq!(next(&[0], 1), None);
        assert_eq!(next(&[0, 50], 51), Some(at(60)));
        assert_eq!(next(&[0, 50], 60), None);
        assert_eq!(next(&[0, 50, 60], 61), Some(at(110)));
    }

    #[test]
    fn strictest_rate_decides() {
        let rates = [Rate { mails: 1, per: Duration::from_secs(10) }, Rate::a_day(2)];
        let (at_last, why) = super::next(&rates, &[at(0), at(10)], at(20)).unwrap();
        assert_eq!((at_last, why.to_string()), (at(86_400), "2 a day".to_string()));
    }

    proptest::proptest! {
        #[test]
        fn no_stretch_ever_holds_more_than_allowed(mails in 1u32..5, per in 1u64..50, gaps in proptest::collection::vec(0i64..20, 1..60)) {
            let rate = Rate { mails, per: Duration::from_secs(per) };
            let (mut now, mut sent) = (at(0), Vec::new());
            for gap in gaps {
                now = now.checked_add(Duration::from_secs(gap.unsigned_abs())).unwrap();
                now = next(&[rate], &sent, now).map_or(now, |(at, _)| at);
                sent.push(now);
            }
            for (i, first) in sent.iter().enumerate() {
                let within = sent[i..].iter().take_while(|at| at.duration_since(*first).unsigned_abs() < rate.per).count();
                proptest::prop_assert!(within <= mails as usize);
            }
        }
    }
}

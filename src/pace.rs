//! The pace of mail: at most so many in so long, as providers count it.
//!
//! Counted exactly, over the time just gone by, and not in buckets that begin anew: "30 a minute" holds for any minute.
//! Many users share one limit, so a user's mail has a limit of its own within it. Pure: the mails that left come in as
//! an argument.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error};

use crate::interval::{self, later};

/// The longest time that is counted over.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Within a shorter time nobody takes a day from others: what a user has used up is back before somebody misses it.
const SHARED: Duration = Duration::from_secs(60 * 60);

/// A mail that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sent {
    /// The time at which it was offered.
    pub(crate) at: Timestamp,
    /// The uid of the user whose mail it was.
    pub(crate) uid: u32,
    /// The people to whom it was offered. Most providers count them, and a user chooses how many they are.
    pub(crate) recipients: usize,
}

/// A limit: a number of mails in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// At least one.
    pub(crate) mails: u32,
    /// At most a day.
    pub(crate) per: Duration,
}

impl Rate {
    /// That number of mails in any 24 hours.
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

    /// The time from which the next mail may leave, after `sent`, oldest first.
    fn free(&self, sent: &[Sent]) -> Option<Timestamp> {
        let before = sent.len().checked_sub(self.mails.try_into().ok()?)?;
        sent[before].at.checked_add(self.per).ok()
    }

    /// The mails that users may send between them: the last quarter is kept for root and the service.
    fn for_users(&self) -> usize {
        (self.mails - self.mails / 4).try_into().unwrap_or(usize::MAX)
    }

    /// The user may send a mail then, if nobody sends anything until then.
    fn is_within_share(&self, sent: &[Sent], uid: u32, then: Timestamp) -> bool {
        if self.per < SHARED {
            return within(sent, self.per, then).count() < self.for_users();
        }
        self.share(sent, uid, then) > 0
    }

    /// The people to whom the user may send then. A user may not send to more in an eighth of the time than are left
    /// for users: at first that is half of all, then half of the rest, and so on.
    fn share(&self, sent: &[Sent], uid: u32, then: Timestamp) -> usize {
        let people = |sent: &Sent| sent.recipients;
        let left = self.for_users().saturating_sub(within(sent, self.per, then).map(people).sum());
        let own = within(sent, self.per / 8, then).filter(|sent| sent.uid == uid).map(people).sum();
        left.saturating_sub(own).div_ceil(2)
    }

    /// The time from which the user may send the next mail.
    fn free_for(&self, sent: &[Sent], uid: u32, now: Timestamp) -> Timestamp {
        if self.is_within_share(sent, uid, now) {
            return now;
        }
        // The limits change when a mail's time ends, and each such end makes them better.
        let ends = |sent: &Sent| [later(sent.at, self.per), later(sent.at, self.per / 8)];
        let mut ends: Vec<Timestamp> = sent.iter().flat_map(ends).flatten().filter(|end| *end > now).collect();
        ends.sort_unstable();
        let first = ends.partition_point(|end| !self.is_within_share(sent, uid, *end));
        ends.get(first).copied().unwrap_or(now)
    }
}

/// The time at which the next mail may leave, after `sent`, oldest first; `None` if it may leave now.
pub(crate) fn next(rates: &[Rate], sent: &[Sent], now: Timestamp) -> Option<(Timestamp, Rate)> {
    let free = rates.iter().filter_map(|rate| Some((rate.free(sent)?, *rate)));
    free.max_by_key(|(at, _)| *at).filter(|(at, _)| *at > now)
}

/// As [`next`], for a mail of a user other than root and the service, who has a share of the limit only.
pub(crate) fn next_of_user(rates: &[Rate], sent: &[Sent], uid: u32, now: Timestamp) -> Option<(Timestamp, Rate)> {
    let free = rates.iter().map(|rate| (rate.free_for(sent, uid, now), *rate));
    free.max_by_key(|(at, _)| *at).filter(|(at, _)| *at > now)
}

/// The most people that one mail of such a user may go to now; `None` if no limit says anything.
pub(crate) fn most_people(rates: &[Rate], sent: &[Sent], uid: u32, now: Timestamp) -> Option<usize> {
    rates.iter().filter(|rate| rate.per >= SHARED).map(|rate| rate.share(sent, uid, now).max(1)).min()
}

/// The mails of that length of time before `then`.
fn within(sent: &[Sent], length: Duration, then: Timestamp) -> impl Iterator<Item = &Sent> {
    sent.iter().filter(move |sent| later(sent.at, length).is_none_or(|end| end > then))
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

    /// Mails of root's that left at these seconds.
    fn sent(seconds: &[i64]) -> Vec<Sent> {
        seconds.iter().map(|second| Sent { at: at(*second), uid: 0, recipients: 1 }).collect()
    }

    #[test]
    fn any_stretch_of_time_counts() {
        let two = [Rate { mails: 2, per: Duration::from_secs(60) }];
        let next = |sent: &[i64], now| super::next(&two, &super::tests::sent(sent), at(now)).map(|(at, _)| at);
        assert_eq!(next(&[], 0), None);
        assert_eq!(next(&[0], 1), None);
        assert_eq!(next(&[0, 50], 51), Some(at(60)));
        assert_eq!(next(&[0, 50], 60), None);
        assert_eq!(next(&[0, 50, 60], 61), Some(at(110)));
    }

    #[test]
    fn strictest_rate_decides() {
        let rates = [Rate { mails: 1, per: Duration::from_secs(10) }, Rate::a_day(2)];
        let (at_last, why) = super::next(&rates, &sent(&[0, 10]), at(20)).unwrap();
        assert_eq!((at_last, why.to_string()), (at(86_400), "2 a day".to_string()));
    }

    const HOUR: i64 = 3600;

    /// The mails that a user with more than enough to send gets through until then, of those that have left.
    fn greedy(rate: Rate, sent: &mut Vec<Sent>, uid: u32, from: i64, until: i64) -> usize {
        let (mut now, mut count) = (at(from), 0);
        loop {
            now = next_of_user(&[rate], sent, uid, now).map_or(now, |(at, _)| at);
            if now >= at(until) {
                return count;
            }
            sent.push(Sent { at: now, uid, recipients: 1 });
            count += 1;
        }
    }

    #[test]
    fn user_leaves_half_to_others_and_a_quarter_to_root() {
        let (day, mut sent) = (Rate::a_day(20), Vec::new());
        // Fifteen are for users. Eight at once, half of the rest three hours later, and so on: none waits for ever.
        assert_eq!(greedy(day, &mut sent, 7, 0, 1), 8);
        assert_eq!(greedy(day, &mut sent.clone(), 8, 0, 1), 4, "another user comes too");
        assert_eq!(greedy(day, &mut sent, 7, 1, 3 * HOUR + 1), 4);
        assert_eq!(greedy(day, &mut sent, 7, 3 * HOUR, 6 * HOUR + 1), 2);
        assert_eq!(greedy(day, &mut sent, 7, 6 * HOUR, 24 * HOUR), 1);
        assert_eq!(next(&[day], &sent, at(24 * HOUR - 1)), None, "root has five left");
        assert_eq!(greedy(day, &mut sent, 7, 24 * HOUR - 1, 24 * HOUR + 1), 4, "and it begins anew");
    }

    #[test]
    fn share_is_one_of_people_and_not_of_mails() {
        let day = [Rate::a_day(20)];
        let sent = |recipients| [Sent { at: at(0), uid: 7, recipients }];
        let most = |sent: &[Sent], uid| most_people(&day, sent, uid, at(1));
        assert_eq!(
            (most(&[], 7), most(&sent(8), 7), most(&sent(8), 8), most(&sent(3), 7)),
            (Some(8), Some(1), Some(4), Some(5))
        );
        let next = |sent: &[Sent], uid| next_of_user(&day, sent, uid, at(1)).map(|(at, _)| at);
        assert_eq!((next(&sent(8), 7), next(&sent(8), 8), next(&sent(3), 7)), (Some(at(3 * HOUR)), None, None));
        // An earlier version let one go to any number.
        assert_eq!(next(&sent(5000), 8), Some(at(24 * HOUR)));
        let short = [Rate { mails: 8, per: Duration::from_secs(60) }];
        assert_eq!((most_people(&short, &sent(8), 7, at(1)), next_of_user(&short, &sent(8), 7, at(1))), (None, None));
    }

    #[test]
    fn short_limit_keeps_a_quarter_for_root_and_no_more() {
        let (minute, mut sent) = (Rate { mails: 8, per: Duration::from_secs(60) }, Vec::new());
        assert_eq!(greedy(minute, &mut sent, 7, 0, 1), 6);
        assert_eq!(next_of_user(&[minute], &sent, 8, at(1)).unwrap().0, at(60));
        assert_eq!(next(&[minute], &sent, at(1)), None);
    }

    #[test]
    fn limit_of_one_is_for_everybody() {
        let one = [Rate::a_day(1)];
        assert_eq!(next_of_user(&one, &[], 7, at(0)), None);
        assert_eq!(next_of_user(&one, &sent(&[0]), 7, at(1)).unwrap().0, at(24 * HOUR));
    }

    proptest::proptest! {
        #[test]
        fn no_stretch_ever_holds_more_than_allowed(mails in 1u32..5, per in 1u64..50, gaps in proptest::collection::vec(0i64..20, 1..60)) {
            let rate = Rate { mails, per: Duration::from_secs(per) };
            let (mut now, mut sent) = (at(0), Vec::new());
            for gap in gaps {
                now = now.checked_add(Duration::from_secs(gap.unsigned_abs())).unwrap();
                now = next(&[rate], &sent, now).map_or(now, |(at, _)| at);
                sent.push(Sent { at: now, uid: 0, recipients: 1 });
            }
            for (i, first) in sent.iter().enumerate() {
                let within = sent[i..].iter().take_while(|sent| sent.at.duration_since(first.at).unsigned_abs() < rate.per).count();
                proptest::prop_assert!(within <= mails as usize);
            }
        }
    }
}

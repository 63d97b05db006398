//! Decides when to try again, and when to give up. Pure: the moment and the chance come in as arguments.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::interval::{self, later};

/// A mail is given up after no fewer tries, unless the settings have fewer in the time that they allow.
const FEWEST_TRIES: u32 = 10;
/// A longer time between two tries is none that the mail was tried in: the machine was off, or its clock jumped.
const LONGEST_GAP: Duration = Duration::from_secs(24 * 60 * 60);

/// `[retry]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The wait after the first failed attempt.
    #[serde(deserialize_with = "interval::deserialize")]
    pub(crate) first: Duration,
    /// The longest wait between two attempts.
    #[serde(deserialize_with = "interval::deserialize")]
    pub(crate) max: Duration,
    /// The age at which a mail that nobody took is given up; RFC 5321 section 4.5.4.1 asks for 4 to 5 days.
    #[serde(deserialize_with = "interval::deserialize")]
    pub(crate) give_up_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let minute = 60;
        Self {
            first: Duration::from_secs(minute),
            max: Duration::from_secs(3 * 60 * minute),
            give_up_after: Duration::from_secs(5 * 24 * 60 * minute),
        }
    }
}

impl Settings {
    /// The wait after `attempts` failed ones: doubled each time up to `max`, then shortened by up to a fifth, by
    /// `chance` (0 to 1), so that mails deferred together do not come back together.
    pub(crate) fn delay(&self, attempts: u32, chance: f64) -> Duration {
        let doubled = 2u32.checked_pow(attempts.saturating_sub(1)).and_then(|factor| self.first.checked_mul(factor));
        let longest = doubled.unwrap_or(self.max).min(self.max);
        longest.mul_f64(1.0 - 0.2 * chance.clamp(0.0, 1.0))
    }

    /// A mail that arrived and was tried at those times may be given up now. Its age alone says little: it may have
    /// waited in a machine that was off, or whose clock was wrong when it arrived or is wrong now. So it has to have
    /// been tried often enough, all along that age.
    pub(crate) fn is_tried_out(&self, arrived: Timestamp, tried: &[Timestamp], now: Timestamp) -> bool {
        let is_old = later(arrived, self.give_up_after).is_some_and(|end| end < now);
        is_old && tried.len() >= self.fewest_tries() as usize && self.time_tried(arrived, tried) >= self.tried_for()
    }

    /// The tries that the settings have in the time after which a mail is given up.
    fn fewest_tries(&self) -> u32 {
        let (mut tries, mut at) = (0, Duration::ZERO);
        while tries < FEWEST_TRIES && at <= self.give_up_after {
            tries += 1;
            at = at.saturating_add(self.delay(tries, 0.0).max(Duration::from_secs(1)));
        }
        tries
    }

    /// The time within which a mail has to have been tried: that after which it is given up, but for the last wait.
    fn tried_for(&self) -> Duration {
        self.give_up_after.saturating_sub(self.longest_gap())
    }

    fn time_tried(&self, arrived: Timestamp, tried: &[Timestamp]) -> Duration {
        let before = std::iter::once(&arrived).chain(tried);
        let gap =
            |(from, to): (&Timestamp, &Timestamp)| Duration::try_from(to.duration_since(*from)).unwrap_or_default();
        before.zip(tried).map(gap).map(|gap| gap.min(self.longest_gap())).sum()
    }

    fn longest_gap(&self) -> Duration {
        LONGEST_GAP.max(self.max.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let settings = Settings::default();
        let minutes: Vec<u64> = (1..=10).map(|n| settings.delay(n, 0.0).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 64, 128, 180, 180]);
        assert_eq!(settings.delay(u32::MAX, 0.0), settings.max);
    }

    #[test]
    fn chance_shortens_by_a_fifth_at_most() {
        let settings = Settings::default();
        assert_eq!(settings.delay(1, 1.0), Duration::from_secs(48));
        assert!(settings.delay(1, 7.0) >= Duration::from_secs(48));
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    #[test]
    fn mail_is_given_up_after_tries_all_along_its_age() {
        let settings = Settings::default();
        let tried: Vec<Timestamp> = (0..41).map(|n| at(3 * n)).collect();
        assert!(settings.is_tried_out(at(0), &tried, at(121)));
        assert!(!settings.is_tried_out(at(0), &tried, at(119)));
        // Few tries; a clock that jumps after many; a machine that was off; a clock that was behind at first.
        assert!(!settings.is_tried_out(at(0), &tried[..9], at(121)));
        assert!(!settings.is_tried_out(at(0), &tried[..12], at(1000)));
        assert!(!settings.is_tried_out(at(0), &[&tried[..12], &[at(1000), at(1003)]].concat(), at(1003)));
        assert!(!settings.is_tried_out(at(-100_000), &tried[..12], at(40)));
        assert!(!settings.is_tried_out(at(0), &[], at(1000)));
    }

    #[test]
    fn short_time_needs_the_tries_that_fit_into_it() {
        let hour = Settings { give_up_after: Duration::from_secs(3600), ..Settings::default() };
        let minutes = [0, 1, 3, 7, 15, 31, 61].map(|n| Timestamp::from_second(60 * n).unwrap());
        assert_eq!(hour.fewest_tries(), 6);
        assert!(hour.is_tried_out(minutes[0], &minutes, minutes[6]));
        assert!(!hour.is_tried_out(minutes[0], &minutes[..5], minutes[6]));
        let once = Settings { give_up_after: Duration::ZERO, ..Settings::default() };
        assert!(once.is_tried_out(at(0), &[at(1)], at(1)) && !once.is_tried_out(at(0), &[], at(1)));
    }
}

//! Decides when to try again, and when to give up. Pure: the moment and the chance come in as arguments.

use std::time::Duration;

use serde::Deserialize;

use crate::interval;

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
}

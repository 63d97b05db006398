//! Lengths of time as people write them in the configuration: `10s`, `5m`, `3h`, `5d`, `1h 30m`.
//!
//! The grammar is jiff's; a day is 24 hours here, since a retry does not follow the clock on the wall.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

/// Reads a duration for a setting: `#[serde(deserialize_with = "interval::deserialize")]`.
///
/// # Errors
/// A text that is no duration, a negative one, or one of months or years, whose length is not fixed.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| D::Error::custom("expected a length of time such as \"10s\", \"5m\", \"3h\" or \"5d\""))
}

/// The duration that `text` names; `None` if it names none.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.trim().parse().ok()?;
    let whole = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(whole).ok()
}

/// The moment that comes `length` after `at`; `None` if the calendar ends before it.
pub(crate) fn later(at: jiff::Timestamp, length: Duration) -> Option<jiff::Timestamp> {
    jiff::SignedDuration::try_from(length).ok().and_then(|length| at.checked_add(length).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_spellings_are_read() {
        for (text, seconds) in
            [("10s", 10), ("5m", 300), ("3h", 10_800), ("5d", 432_000), ("1h 30m", 5400), (" 2 minutes", 120)]
        {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "10", "soon", "-5m", "1month"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

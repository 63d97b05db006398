//! The likeness of two replies, of which each names its own mail.

use crate::outcome::EnhancedStatus;

/// The reply without the words that differ from mail to mail: numbers, ids, addresses, hosts.
pub(crate) fn masked(reply: &str) -> String {
    let is_status = |(place, word): &(usize, &str)| match place {
        0 => true,
        1 => word.parse::<EnhancedStatus>().is_ok(),
        _ => false,
    };
    let words = reply.split_whitespace().enumerate();
    let masked = words.map(|word| if is_status(&word) || !is_name(word.1) { word.1 } else { "*" });
    masked.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The word holds a digit, or one of the signs of addresses and hosts within.
fn is_name(word: &str) -> bool {
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    inner.contains(|c: char| c.is_ascii_digit() || matches!(c, '@' | '.' | ':' | '/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_that_differ_in_names_and_numbers_are_alike() {
        for (one, other) in [
            ("554 5.7.0 closed, ticket 4711", "554 5.7.0 closed, ticket 4712"),
            ("550 5.7.1 <a@x.org>: refused (id=1aB2c3)", "550 5.7.1 <b@y.org>: refused (id=9zY8x7)"),
            ("550 blocked, see https://x.org/a?b=1", "550 blocked, see https://x.org/c?d=2"),
        ] {
            assert_eq!(masked(one), masked(other));
        }
        assert_ne!(masked("550 5.1.1 no such user"), masked("550 5.7.1 refused"));
        assert_ne!(masked("450 4.2.0 greylisted"), masked("550 5.2.0 greylisted"));
    }
}

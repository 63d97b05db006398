//! The senders whose mail a smarthost is for: `match-from` in the configuration.

use serde::Deserialize;

use crate::message::with_ascii_domain;
use crate::pattern;

/// The address of a sender, or the name of a user. A `*` stands for anything.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub(crate) struct SenderPattern(String);

impl SenderPattern {
    /// The sender is one of those meant. The case of letters does not count.
    pub(crate) fn fits(&self, sender: &str) -> bool {
        fits(&self.0, sender) || fits(&with_ascii_domain(&self.0), &with_ascii_domain(sender))
    }
}

fn fits(pattern: &str, sender: &str) -> bool {
    // No sender begins with `@`, so a domain alone stands for all its addresses.
    if pattern.starts_with('@') {
        pattern::fits(&format!("*{pattern}"), sender)
    } else {
        pattern::fits(pattern, sender)
    }
}

impl From<&str> for SenderPattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_stands_for_anything() {
        for (pattern, sender, fits) in [
            ("www-data", "www-data", true),
            ("www-data", "www-data2", false),
            ("@b.example", "Al@B.example", true),
            ("@b.example", "al@b.example.org", false),
            ("@*.example", "al@b.example", true),
            ("*@b.example", "Al@B.example", true),
            ("*@b.example", "al@b.example.org", false),
            ("*@*.example", "al@b.example", true),
            ("a*c*", "abcd", true),
            ("a*c*e", "abcd", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("@bücher.example", "al@xn--bcher-kva.example", true),
            ("*@xn--bcher-kva.example", "al@Bücher.example", true),
        ] {
            assert_eq!(SenderPattern::from(pattern).fits(sender), fits, "{pattern} {sender}");
        }
    }
}

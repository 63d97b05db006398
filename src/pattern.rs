//! Patterns of the settings: a `*` stands for anything, and the case of letters does not count.

/// The text fits the pattern, from its start to its end.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_stands_for_anything() {
        for (pattern, text, is_fitting) in [
            ("", "", true),
            ("*", "", true),
            ("[Fail2Ban]*", "[fail2ban] sshd: banned 192.0.2.1", true),
            ("[Fail2Ban]*", "Re: [Fail2Ban] sshd", false),
            ("/opt/payroll", "/opt/payroll --all", false),
            ("/opt/*roll*", "/opt/payroll --all", true),
            ("a*c*e", "abcd", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, text), is_fitting, "{pattern} {text}");
        }
    }
}

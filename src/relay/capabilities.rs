//! The capabilities of the server: its reply to EHLO, RFC 5321 section 4.1.1.1.
//!
//! Keywords match in any case. The `AUTH=` of servers older than RFC 2554 counts as AUTH.

/// The extensions that matter to a client that submits mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The SASL mechanisms in capitals, RFC 4954.
    pub(crate) auth: Vec<String>,
    /// BDAT instead of DATA, RFC 3030.
    pub(crate) chunking: bool,
    /// Delivery status notifications, RFC 3461.
    pub(crate) dsn: bool,
    /// Content with the eighth bit, RFC 6152.
    pub(crate) eight_bit_mime: bool,
    /// Commands in groups, RFC 2920.
    pub(crate) pipelining: bool,
    /// The largest mail that the server takes, in bytes; zero if there is no limit, `None` if it does not say. RFC
    /// 1870.
    pub(crate) size: Option<u64>,
    /// Addresses beyond ASCII, RFC 6531.
    pub(crate) smtputf8: bool,
    /// Upgrade to TLS, RFC 3207.
    pub(crate) starttls: bool,
    /// It has refused a MAIL with parameters, so that it gets as few as possible.
    pub(super) is_bare: bool,
}

impl Capabilities {
    /// Reads the lines of a reply to EHLO. The first line only greets.
    pub fn of(lines: &[String]) -> Self {
        let mut found = Self::default();
        for line in lines.iter().skip(1) {
            let line = line.to_ascii_uppercase().replacen("AUTH=", "AUTH ", 1);
            let mut words = line.split_whitespace();
            match words.next() {
                Some("8BITMIME") => found.eight_bit_mime = true,
                Some("AUTH") => found.add_mechanisms(words),
                Some("CHUNKING") => found.chunking = true,
                Some("DSN") => found.dsn = true,
                Some("PIPELINING") => found.pipelining = true,
                // RFC 1870 section 3: zero means that there is no fixed limit.
                Some("SIZE") => found.size = words.next().and_then(|n| n.parse().ok()).or(Some(0)),
                Some("SMTPUTF8") => found.smtputf8 = true,
                Some("STARTTLS") => found.starttls = true,
                _ => {}
            }
        }
        found
    }

    /// The largest mail that the server takes, in bytes, if it names a limit.
    pub(crate) fn largest_mail(&self) -> Option<u64> {
        self.size.filter(|limit| *limit > 0)
    }

    /// What is left of them for a server that refuses parameters.
    pub(super) fn bare(self) -> Self {
        Self { is_bare: true, dsn: false, eight_bit_mime: false, ..self }
    }

    fn add_mechanisms<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            if !self.auth.iter().any(|known| known == name) {
                self.auth.push(name.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Capabilities {
        Capabilities::of(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn keywords_are_read_in_any_case() {
        let found = of(&["8BITMIME.example", "8bitmime", "Auth Plain login", "size 1000", "SMTPUTF8", "XFOO bar"]);
        assert!(found.eight_bit_mime && found.smtputf8 && !found.pipelining);
        assert_eq!(found.auth, ["PLAIN", "LOGIN"]);
        assert_eq!(found.largest_mail(), Some(1000));
    }

    #[test]
    fn first_line_only_greets() {
        assert_eq!(of(&["STARTTLS"]), Capabilities::default());
        assert_eq!(of(&[]), Capabilities::default());
    }

    #[test]
    fn old_auth_form_counts_once() {
        assert_eq!(of(&["x", "AUTH LOGIN", "AUTH=LOGIN PLAIN"]).auth, ["LOGIN", "PLAIN"]);
    }

    #[test]
    fn size_without_limit_is_offered_but_limits_nothing() {
        for line in ["SIZE", "SIZE 0", "SIZE lots"] {
            assert_eq!(of(&["x", line]).size, Some(0));
            assert_eq!(of(&["x", line]).largest_mail(), None);
        }
        assert_eq!(of(&["x"]).size, None);
    }
}

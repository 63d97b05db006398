//! A domain beyond ASCII in the form that every server takes (RFC 5890 section 2.3.2.1): `xn--` and letters. RFC 6531
//! section 3.2 has SMTPUTF8 for local parts; a domain alone needs nothing of a server.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use lettre::Address;

use super::Mailbox;

/// The address with its domain in ASCII. It stays as it is if that alone does not make it ASCII, or if its domain is
/// none.
pub(crate) fn with_ascii_domain(address: &str) -> Cow<'_, str> {
    let Some((local, domain)) = address.rsplit_once('@').filter(|(local, _)| local.is_ascii()) else {
        return Cow::Borrowed(address);
    };
    match ascii_domain(domain) {
        Cow::Owned(ascii) => Cow::Owned(format!("{local}@{ascii}")),
        Cow::Borrowed(_) => Cow::Borrowed(address),
    }
}

/// The domain in ASCII. It stays as it is if it is none.
pub(crate) fn ascii_domain(domain: &str) -> Cow<'_, str> {
    if domain.is_ascii() || domain.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Cow::Borrowed(domain);
    }
    match Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow, DnsLength::VerifyAllowRootDot) {
        Ok(ascii) => Cow::Owned(ascii.into_owned()),
        Err(_) => Cow::Borrowed(domain),
    }
}

/// The same for an address that was parsed.
pub(crate) fn in_ascii(address: Address) -> Address {
    match with_ascii_domain(address.as_ref()) {
        Cow::Owned(ascii) => ascii.parse().unwrap_or(address),
        Cow::Borrowed(_) => address,
    }
}

impl Mailbox {
    /// The mailbox with its domain in ASCII, see [`with_ascii_domain`].
    pub(crate) fn in_ascii(mut self) -> Self {
        if let Cow::Owned(ascii) = with_ascii_domain(&self.address) {
            self.address = ascii;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_becomes_ascii_where_that_is_enough() {
        for (written, ascii) in [
            ("info@bücher.example", "info@xn--bcher-kva.example"),
            ("Info@BÜCHER.Example.", "Info@xn--bcher-kva.example."),
            ("x@例子.example", "x@xn--fsqu00a.example"),
            ("x@例え。テスト", "x@xn--r8jz45g.xn--zckzah"),
            ("\"a@b\"@straße.example", "\"a@b\"@xn--strae-oqa.example"),
            ("info@b.example", "info@b.example"),
            ("jörg@bücher.example", "jörg@bücher.example"),
            ("bücher", "bücher"),
            // These are no domains.
            ("a@b＞.example", "a@b＞.example"),
            ("a@bü cher.example", "a@bü cher.example"),
            ("a@ü..example", "a@ü..example"),
        ] {
            assert_eq!(with_ascii_domain(written), ascii, "{written}");
        }
        let long = format!("a@{}.example", "ü".repeat(70));
        assert_eq!(with_ascii_domain(&long), long);
    }
}

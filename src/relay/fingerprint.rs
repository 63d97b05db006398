//! The one certificate to accept: `fingerprint` in the configuration.

use std::fmt;

use serde::Deserialize;

/// The SHA-256 of a certificate in DER form.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) struct Fingerprint(pub(super) [u8; 32]);

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "expected \"sha256:\" and 64 hexadecimal digits, with or without colons between";
        let digits = text.trim().strip_prefix("sha256:").ok_or(wrong)?.replace(':', "");
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        let mut sum = [0; 32];
        for (i, byte) in sum.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).map_err(|_| wrong)?;
        }
        Ok(Self(sum))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_may_have_colons() {
        let plain = "ab".repeat(32);
        let colons = ["AB"; 32].join(":");
        let read = |digits: &str| Fingerprint::try_from(format!("sha256:{digits}")).unwrap();
        assert_eq!(read(&plain), read(&colons));
        assert_eq!(read(&colons).to_string(), format!("sha256:{plain}"));
    }
}

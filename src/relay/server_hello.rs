//! ServerHello, the server's first message of the handshake: it says in clear which TLS was agreed upon (RFC 8446
//! section 4.1.3).
//!
//! native-tls does not tell it, so the start of what the server sends is kept for this. It is for people who check a
//! smarthost: nothing depends on it, and what cannot be read is not told.

use openssl::ssl::{Ssl, SslContext, SslMethod};

/// The bytes from the server that surely hold its first message.
pub(super) const ENOUGH: usize = 1024;

/// The number of the extension `supported_versions`, RFC 8446 section 4.2.1.
const SUPPORTED_VERSIONS: u16 = 43;

/// The version and the cipher suite, such as `TLSv1.3, TLS_AES_256_GCM_SHA384`.
pub(super) fn tls_agreed(start: &[u8]) -> Option<String> {
    let mut rest = Bytes(start);
    // A record of the handshake (22) that holds a ServerHello (2).
    let (record, _, _) = (rest.take(1)?, rest.take(2)?, rest.take(2)?);
    let (message, _) = (rest.take(1)?, rest.take(3)?);
    if (record, message) != (&[22], &[2]) {
        return None;
    }
    let legacy = rest.number()?;
    rest.take(32)?;
    let session = usize::from(rest.take(1)?[0]);
    rest.take(session)?;
    let suite = rest.take(2)?;
    rest.take(1)?;
    let version = rest.extension(SUPPORTED_VERSIONS).unwrap_or(legacy);
    Some(format!("{}, {}", version_name(version)?, suite_name(suite)))
}

fn version_name(version: u16) -> Option<&'static str> {
    match version {
        0x0303 => Some("TLSv1.2"),
        0x0304 => Some("TLSv1.3"),
        _ => None,
    }
}

/// The name in IANA's registry, if OpenSSL knows the suite.
fn suite_name(suite: &[u8]) -> String {
    standard_name(suite).unwrap_or_else(|| format!("suite {:02x}{:02x}", suite[0], suite[1]))
}

fn standard_name(suite: &[u8]) -> Option<String> {
    let context = SslContext::builder(SslMethod::tls_client()).ok()?.build();
    let known = Ssl::new(&context).ok()?.bytes_to_cipher_list(suite, false).ok()?;
    Some(known.suites.iter().next()?.standard_name()?.to_owned())
}

/// The bytes that are left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// The number that the extension of that kind holds.
    fn extension(&mut self, wanted: u16) -> Option<u16> {
        let length = self.number()?.into();
        let mut extensions = Bytes(self.take(length)?);
        loop {
            let (kind, length) = (extensions.number()?, extensions.number()?);
            let mut content = Bytes(extensions.take(length.into())?);
            if kind == wanted {
                return content.number();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(session: &[u8], suite: [u8; 2], extensions: &[u8]) -> Vec<u8> {
        let session = [&[u8::try_from(session.len()).unwrap()], session].concat();
        [&[22, 3, 3, 0, 0, 2, 0, 0, 0, 3, 3], [7; 32].as_slice(), &session, &suite, &[0], extensions].concat()
    }

    #[test]
    fn version_and_suite_are_told() {
        let extensions = [0, 10, 0, 51, 0, 0, 0, 43, 0, 2, 3, 4];
        let newest = hello(&[1; 32], [0x13, 0x02], &extensions);
        assert_eq!(tls_agreed(&newest).as_deref(), Some("TLSv1.3, TLS_AES_256_GCM_SHA384"));
        let older = hello(&[], [0xc0, 0x30], &[]);
        assert_eq!(tls_agreed(&older).as_deref(), Some("TLSv1.2, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"));
        assert_eq!(tls_agreed(&hello(&[], [0xfa, 0xce], &[])).as_deref(), Some("TLSv1.2, suite face"));
    }

    #[test]
    fn what_is_no_hello_or_not_all_of_one_is_not_told() {
        let whole = hello(&[1; 32], [0x13, 0x02], &[]);
        assert!((0..whole.len()).all(|length| tls_agreed(&whole[..length]).is_none()));
        assert_eq!(tls_agreed(&[21, 3, 3, 0, 2, 2, 40]), None);
        assert_eq!(tls_agreed(b"220 smtp.example.com ESMTP ready and waiting for nothing but your greeting\r\n"), None);
    }
}

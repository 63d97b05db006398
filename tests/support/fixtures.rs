//! Octets that the tree expects, and their line ends as fixtures and the wire have them.

use std::path::Path;

/// The octets of a file; with `BLESS=1` in the environment, the octets of this run, which the file holds from then on.
pub(crate) fn expected(file: &Path, made: &[u8]) -> Vec<u8> {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, made).unwrap();
    }
    std::fs::read(file).unwrap_or_default()
}

/// The octets with CRLF for each LF that stands alone.
pub(crate) fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    for (at, byte) in octets.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || octets[at - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

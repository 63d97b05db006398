//! Octets as fixtures have them and as the wire does.

/// With CRLF where a line ends in LF alone.
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

//! Octets beside each other.

/// The octet before another, if there is one.
pub(super) fn before(octets: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).map(|at| octets[at])
}

/// An octet of a word.
pub(super) fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'_'
}

/// The length of the run of such octets that begins there.
pub(super) fn run(octets: &[u8], at: usize, is_in: impl Fn(u8) -> bool) -> usize {
    octets[at.min(octets.len())..].iter().take_while(|octet| is_in(**octet)).count()
}

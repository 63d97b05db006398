//! The hashes that are kept of texts: SipHash-2-4 under a key of zeros.
//!
//! They stand in a file, so they must be the same in every build on every machine. `std::hash::SipHasher` is documented
//! as SipHash 2-4; its replacement `DefaultHasher` may change with any release. The function mixes each bit into all of
//! them, and no way is known to find a second text for a given hash but to try 2^64 of them, even with a known key. FNV
//! and CRC fall to a line of algebra: whoever writes into the text of a job could have it taken for one that was seen.

use std::hash::Hasher;

/// A hash that texts are added to, each with its length, so that no two lists of texts run into each other.
#[expect(deprecated, reason = "DefaultHasher may change, this function may not")]
#[derive(Default)]
pub(super) struct Hash(std::hash::SipHasher);

impl Hash {
    /// Adds a text.
    pub(super) fn text(&mut self, text: &str) {
        self.0.write(&(text.len() as u64).to_le_bytes());
        self.0.write(text.as_bytes());
    }

    /// Adds a hash.
    pub(super) fn number(&mut self, number: u64) {
        self.0.write(&number.to_le_bytes());
    }

    /// The hash of all that was added.
    pub(super) fn end(&self) -> u64 {
        self.0.finish()
    }
}

/// The hash of a text.
pub(super) fn of(text: &str) -> u64 {
    let mut hash = Hash::default();
    hash.0.write(text.as_bytes());
    hash.end()
}

/// Half of a hash: enough for one of sixty-four values.
#[expect(clippy::cast_possible_truncation, reason = "the half that is meant")]
pub(super) fn half(hash: u64) -> u32 {
    hash as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_is_siphash_2_4() {
        // The last vector of the authors' paper, "SipHash: a fast short-input PRF", appendix A.
        #[expect(deprecated)]
        let mut vector = std::hash::SipHasher::new_with_keys(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        vector.write(&[0, 1, 2, 3, 4, 5, 6]);
        vector.write(&[7, 8, 9, 10, 11, 12, 13, 14]);
        assert_eq!(vector.finish(), 0xa129_ca61_49be_45e5);
        assert_eq!(Hash::default().end(), 0x1e92_4b9d_7377_00d7, "what stands in files must stay");
        assert_eq!(of("what stands in files must stay"), 0x2a02_316c_b5cb_21a4);
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let both = |one: &str, other: &str| {
            let mut hash = Hash::default();
            hash.text(one);
            hash.text(other);
            hash.end()
        };
        assert_ne!(both("ab", "c"), both("a", "bc"));
        assert_ne!(of("a"), of("b"));
    }
}

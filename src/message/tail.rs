//! The last octets of a stream, in bounded memory.

/// The octets of a cut mail's end that stay; errors come last, and people read the end first.
pub(crate) const TAIL_LIMIT: usize = 1 << 20;

/// Takes all octets and keeps the last ones.
#[derive(Debug)]
pub(crate) struct Tail {
    most: usize,
    octets: Vec<u8>,
}

impl Tail {
    /// Keeps `most` octets, in at most three times that memory.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, octets: Vec::new() }
    }

    /// Takes the next octets.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        let octets = &octets[octets.len().saturating_sub(self.most)..];
        if self.octets.len() + octets.len() > self.most.saturating_mul(2) {
            self.octets.drain(..self.octets.len().saturating_sub(self.most));
        }
        self.octets.extend_from_slice(octets);
    }

    /// The last octets.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets[self.octets.len().saturating_sub(self.most)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_octets_stay_whatever_the_pieces() {
        let all: Vec<u8> = (0..=255).collect();
        for most in [0, 1, 7, 100, 300] {
            for piece in [1, 3, 50, 256] {
                let mut tail = Tail::new(most);
                for octets in all.chunks(piece) {
                    tail.push(octets);
                    assert!(tail.octets.len() <= 2 * most + piece);
                }
                assert_eq!(tail.octets(), &all[256usize.saturating_sub(most)..], "{most} in pieces of {piece}");
            }
        }
    }
}

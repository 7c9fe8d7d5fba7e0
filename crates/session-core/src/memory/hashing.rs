//! How the maps hash their keys: each holds random bits of the server's own already.

use std::hash::{BuildHasherDefault, Hasher};

/// For hashes of tokens that this server drew.
pub(super) type OfTokens = BuildHasherDefault<FirstBytes>;

/// A token's hash is one already: eight of its bytes are as good as any. Nobody can choose tokens whose
/// hashes collide.
#[derive(Default)]
pub(super) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// An id is a time and 80 random bits, which nobody outside chooses; those of one moment may be numbers in
/// a row, so both halves are multiplied into every bit.
#[derive(Default)]
pub(super) struct Folded(u64);

impl Folded {
    /// 2⁶⁴ divided by the golden ratio, as a multiplicative hash is usually made (Knuth, volume 3, 6.4).
    const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15;

    fn fold(&mut self, number: u64) {
        let [low, high] = halves(u128::from(self.0 ^ number) * Self::FACTOR);
        self.0 = low ^ high;
    }
}

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.fold(u64::from(*byte));
        }
    }

    fn write_u128(&mut self, number: u128) {
        let [low, high] = halves(number);
        self.fold(low ^ high.rotate_left(32));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The low one first.
fn halves(number: u128) -> [u64; 2] {
    let low = number & u128::from(u64::MAX);
    [low, number >> 64].map(|half| u64::try_from(half).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;
    use crate::{SessionId, Timestamp};

    /// What a map looks at: which of 4096 places, and the seven bits that it compares first.
    fn check(name: &str, ids: impl Iterator<Item = SessionId>) {
        let hashes: Vec<_> =
            ids.map(|id| BuildHasherDefault::<Folded>::default().hash_one(id)).collect();
        let places: HashSet<_> = hashes.iter().map(|hash| hash % 4096).collect();
        let tags: HashSet<_> = hashes.iter().map(|hash| hash >> 57).collect();
        // Of 4096 that fall at random 63 in a hundred places are hit.
        assert!(places.len() > 4096 / 2 && tags.len() == 128, "{name}: {}", places.len());
    }

    #[test]
    fn ids_spread() {
        let now = Timestamp::from_micros(1_795_305_600_123_456);
        check("minted in a row", (0..4096).map(|_| SessionId::generate(now).unwrap()));
        let of = |number: u128| SessionId::from_bytes(number.to_be_bytes());
        check("numbers", (0..4096).map(of));
        check("times", (0..4096).map(|n| of(n << 80)));
        check("in the upper half", (0..4096).map(|n| of(n << 64)));
    }
}

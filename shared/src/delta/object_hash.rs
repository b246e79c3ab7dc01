//! The keyed hash by which objects are told apart. Calls nothing of AWS.
//!
//! Two universal hashes, one after the other, with secret random keys. NH, of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway, 1999; RFC 4418),
//! sums up products of 32-bit words with 64 bits; three of them with keys of their own make 192 bits. Multiply-shift for vectors (Thorup, "High
//! speed hashing for integers and strings", 2015) makes 97 bits of those, pairwise independent. So whatever two identities somebody chooses
//! who does not know the keys, the chance that `n` given bits of their hashes agree is at most 2^-n + 2^-96. That rests on no property of
//! a cipher but that SHA-256 makes the keys of one key; no hash is ever shown to anybody, and no time is told by one.
//!
//! No word waits for the one before, and vector instructions take eight products at once.

use sha2::{Digest, Sha256};

use crate::fast::{self, Keys, NhKeys, WORDS};

/// The bits that are pairwise independent: the highest of 128, where 32 bits were multiplied.
const BITS: u32 = 97;

/// Identities that are hashed together.
pub(super) const TOGETHER: usize = 8;

/// The hash of one half of a [`super::HashKey`].
pub(super) struct ObjectHash {
    key: [u8; 16],
    /// Those of words are for each 8 bytes of an identity: enough for the longest key that S3 takes, with a version. Others' are made when they are needed.
    keys: Keys,
}

impl ObjectHash {
    pub(super) fn new(key: [u8; 16]) -> Self {
        let mut numbers = (0..4).flat_map(|index| {
            let [a, b, c, d] = made::<4>(&key, b"end", index).map(u128::from);
            [a << 64 | b, c << 64 | d]
        });
        let mut number = || numbers.next().unwrap_or_default();
        let (factors, constant) = (std::array::from_fn(|_| number()), number());
        let keys = Keys { words: words(&key, 0), length: made(&key, b"length", 0), factors, constant };
        Self { key, keys }
    }

    /// The hash of an identity as [`crate::inventory::Row`] has it: [`BITS`] bits, the highest; the others are 0.
    pub(super) fn of(&self, identity: &[u8]) -> u128 {
        let Keys { words: of_words, length: of_length, factors, constant } = &self.keys;
        // The length is a word of its own, so that what differs by the zeros that fill up the last block is not the same.
        let length = identity.len() as u64;
        let mut sums = of_length.map(|key| {
            let [low, high] = [length.wrapping_add(key), (length >> 32).wrapping_add(key >> 32)];
            (low & 0xffff_ffff).wrapping_mul(high & 0xffff_ffff)
        });
        fast::nh(identity, of_words, &mut sums);
        for (index, part) in identity.chunks(8 * WORDS).enumerate().skip(1) {
            fast::nh(part, &words(&self.key, index * WORDS), &mut sums);
        }
        let mut hash = *constant;
        for (sum, factors) in sums.iter().zip(factors.as_chunks::<2>().0) {
            hash = hash.wrapping_add(factors[0].wrapping_mul(u128::from(sum & 0xffff_ffff)));
            hash = hash.wrapping_add(factors[1].wrapping_mul(u128::from(sum >> 32)));
        }
        cut(hash)
    }

    /// The same of several.
    #[inline]
    pub(super) fn of_all(&self, identities: &[&[u8]; TOGETHER]) -> [u128; TOGETHER] {
        let are_short = identities.iter().all(|identity| identity.len() <= 8 * WORDS);
        match fast::hash_eight(identities, &self.keys) {
            Some(hashes) if are_short => hashes.map(cut),
            _ => identities.map(|identity| self.of(identity)),
        }
    }
}

fn cut(hash: u128) -> u128 {
    hash >> (128 - BITS) << (128 - BITS)
}

/// The keys of words from the one at `from`.
fn words(key: &[u8; 16], from: usize) -> Box<NhKeys> {
    NhKeys::new(|index| made(key, b"word", from + index))
}

/// Up to 256 bits that nobody can know who does not know the key.
fn made<const WORDS: usize>(key: &[u8; 16], what: &[u8], index: usize) -> [u64; WORDS] {
    let digest = Sha256::new().chain_update(b"transship object ").chain_update(what).chain_update(key);
    let bytes: [u8; 32] = digest.chain_update((index as u64).to_le_bytes()).finalize().into();
    let words = bytes.as_chunks::<8>().0;
    std::array::from_fn(|i| words.get(i).map_or(0, |word| u64::from_le_bytes(*word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(identity: &[u8]) -> u128 {
        let hash = ObjectHash::new(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        let one = hash.of(identity);
        let others: [&[u8]; TOGETHER] = std::array::from_fn(|i| identity.get(i / 2 * i..).unwrap_or_default());
        assert_eq!(hash.of_all(&others), others.map(|other| hash.of(other)));
        one
    }

    /// Made by a program of its own, in a language with integers of any size.
    #[test]
    fn known_answers() {
        let identity = "photos/2026/a+b.jpg\",\"0\",\"2026-01-31T00:00:00.000Z\",\"d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(hash(identity.as_bytes()), 0xec32_7d4b_4f6a_e69e_85e2_aa8b_0000_0000);
        assert_eq!(hash(b""), 0x6153_8c4d_5640_17dc_b21b_fab7_0000_0000);
        assert_eq!(hash(&[b'k'; 64]), 0xd6dc_64e9_c7af_257b_baa0_688a_0000_0000);
        // Of more words than keys are kept for.
        assert_eq!(hash(&[b'k'; 5000]), 0x6cfb_012d_a014_e29e_f838_53b3_8000_0000);
    }

    #[test]
    fn zeros_at_the_end_make_a_difference() {
        let all: Vec<_> = (0..200).map(|length| hash(&vec![0; length])).collect();
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    /// Objects of a bucket are often alike but for a number.
    #[test]
    fn consecutive_names_spread_as_random_ones_do() {
        let keys = [b'a', b'b', b'c', b'd'].map(|byte| ObjectHash::new([byte; 16]));
        for hash in keys {
            let mut buckets = [0_u32; 1 << 12];
            for number in 0..(9 << 12) {
                let identity = format!("logs/{number:08}.gz\",\"0\",\"t\",\"e");
                buckets[usize::try_from(hash.of(identity.as_bytes()) >> 116).unwrap()] += 1;
            }
            // Nine on average; of random ones, a bucket of 40 comes once in 10^9 buckets.
            assert!(buckets.iter().all(|count| *count < 40), "{:?}", buckets.iter().max());
        }
    }
}

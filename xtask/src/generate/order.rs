//! A shuffled order of any length that needs no memory: each position's number is computed.

/// A permutation of `0..len`, other for every seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    len: u64,
    half_bits: u32,
    seed: u64,
}

const ROUNDS: u64 = 4;

impl Order {
    pub(super) fn new(len: u64, seed: u64) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        Self { len, half_bits: bits.div_ceil(2).max(1), seed }
    }

    /// The number at `position`, which is below `len`.
    pub(super) fn at(&self, position: u64) -> u64 {
        // A Feistel network permutes a power of four that is at least `len`; numbers beyond `len` are walked on from.
        let mut number = self.permuted(position);
        while number >= self.len {
            number = self.permuted(number);
        }
        number
    }

    fn permuted(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for round in 0..ROUNDS {
            let mixed = mix(right ^ mix(self.seed.wrapping_add(round))) & mask;
            (left, right) = (right, left ^ mixed);
        }
        (left << self.half_bits) | right
    }
}

/// SplitMix64's finalizer: every bit of the result depends on every bit of `number`, and no two numbers meet.
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn every_number_comes_once() {
        for len in [1, 2, 3, 16, 17, 1000, 4097] {
            let order = Order::new(len, len ^ 7);
            let mut seen: Vec<u64> = (0..len).map(|position| order.at(position)).collect();
            assert!(len < 1000 || seen[..100].iter().zip(&seen[1..]).any(|(a, b)| a > b), "{len} is in order");
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..len), "{len}");
        }
    }
}

//! MD5 of several files at once. Calls nothing of AWS.
//!
//! MD5 of one stream waits for itself: 600 MB/s on a processor that inflates at 200 MB of compressed bytes a second. Eight or sixteen streams side by side
//! in vector registers take little more than one. MD5 stands in manifest.json, so no other sum will do.

use md5::block_api::compress;
use wide::{u32x4, u32x8};

use crate::fast;

/// Streams side by side.
pub(super) const LANES: usize = 16;
/// MD5 works on blocks of 64 bytes.
pub(super) const BLOCK: usize = 64;

/// The MD5 of a stream so far: of whole blocks only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State([u32; 4]);

impl State {
    pub(super) fn new() -> Self {
        Self([0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476])
    }

    /// Adds whole blocks of one stream.
    pub(super) fn add(&mut self, blocks: &[u8]) {
        compress(&mut self.0, blocks.as_chunks::<BLOCK>().0);
    }

    /// The hex MD5 of a stream of `length` bytes, the last of which are `rest`, less than a block.
    pub(super) fn end(mut self, rest: &[u8], length: u64) -> String {
        let mut end = [0; 2 * BLOCK];
        let used = rest.len() % BLOCK;
        end[..used].copy_from_slice(&rest[..used]);
        end[used] = 0x80;
        let blocks = if used + 9 > BLOCK { 2 } else { 1 };
        end[blocks * BLOCK - 8..blocks * BLOCK].copy_from_slice(&(length << 3).to_le_bytes());
        self.add(&end[..blocks * BLOCK]);
        hex::encode(self.0.map(u32::to_le_bytes).concat())
    }
}

/// Adds the same number of whole blocks to up to [`LANES`] streams.
pub(super) fn add_side_by_side(streams: &mut [(&mut State, &[u8])]) {
    if streams.len() < 2 || streams.len() > LANES {
        for (state, bytes) in streams {
            state.add(bytes);
        }
        return;
    }
    let length = streams.iter().map(|(_, bytes)| bytes.len()).min().unwrap_or(0);
    // Lanes without a stream do the first one's work once more.
    let lane = |lane: usize| if lane < streams.len() { lane } else { 0 };
    let bytes: [&[[u8; BLOCK]]; LANES] = std::array::from_fn(|i| streams[lane(i)].1[..length].as_chunks::<BLOCK>().0);
    let mut state: [[u32; LANES]; 4] = std::array::from_fn(|word| std::array::from_fn(|i| streams[lane(i)].0.0[word]));
    if !fast::md5(&mut state, &bytes, &SINES) {
        add_portably(&mut state, &bytes);
    }
    for (lane, (stream, bytes)) in streams.iter_mut().enumerate() {
        stream.0 = std::array::from_fn(|word| state[word][lane]);
        // Where streams are not of one length, the longer ones are finished alone.
        let rest = bytes.get(length..).unwrap_or_default();
        stream.add(rest);
    }
}

/// Eight streams at a time.
#[allow(clippy::needless_range_loop, reason = "eight slices are gone through at once")]
fn add_portably(state: &mut [[u32; LANES]; 4], streams: &[&[[u8; BLOCK]]; LANES]) {
    let blocks = streams.iter().map(|stream| stream.len()).min().unwrap_or(0);
    for (half, streams) in streams.as_chunks::<8>().0.iter().enumerate() {
        let from = 8 * half;
        let mut sums = state.map(|word| u32x8::new(std::array::from_fn(|lane| word[from + lane])));
        for block in 0..blocks {
            sums = one_block(sums, &words(std::array::from_fn(|lane| &streams[lane][block])));
        }
        for (word, sum) in state.iter_mut().zip(sums) {
            word[from..from + 8].copy_from_slice(&sum.to_array());
        }
    }
}

/// The sixteen words of a block, each of eight lanes.
#[inline]
fn words(blocks: [&[u8; BLOCK]; 8]) -> [u32x8; 16] {
    let word = |block: &[u8; BLOCK], i: usize| {
        u32::from_le_bytes([block[4 * i], block[4 * i + 1], block[4 * i + 2], block[4 * i + 3]])
    };
    // Four by four: the compiler has the instructions for that everywhere.
    let quarter = |lanes: usize, words: usize| {
        u32x4::transpose(std::array::from_fn(|lane| {
            u32x4::new(std::array::from_fn(|i| word(blocks[lanes + lane], words + i)))
        }))
    };
    let mut all = [u32x8::default(); 16];
    for (i, words) in all.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let (low, high) = (quarter(0, 4 * i), quarter(4, 4 * i));
        *words = std::array::from_fn(|i| joined(low[i], high[i]));
    }
    all
}

#[inline]
fn joined(low: u32x4, high: u32x4) -> u32x8 {
    let (low, high) = (low.to_array(), high.to_array());
    u32x8::new(std::array::from_fn(|i| if i < 4 { low[i] } else { high[i - 4] }))
}

#[inline]
fn rotate<const BITS: u32>(x: u32x8) -> u32x8 {
    (x << BITS) | (x >> (32 - BITS))
}

/// Four steps of RFC 1321: `$f` mixes, `$at` says which word of the block a step takes.
macro_rules! round {
    ($s:ident, $m:ident, $from:literal, $at:expr, $f:expr, $r0:literal, $r1:literal, $r2:literal, $r3:literal) => {
        let at: fn(usize) -> usize = $at;
        let f = $f;
        let [mut a, mut b, mut c, mut d] = $s;
        for i in 0..4 {
            let i = 4 * i;
            let add = |i: usize| $m[at(i) % 16] + u32x8::splat(SINES[$from + i]);
            a = b + rotate::<$r0>(a + f(b, c, d) + add(i));
            d = a + rotate::<$r1>(d + f(a, b, c) + add(i + 1));
            c = d + rotate::<$r2>(c + f(d, a, b) + add(i + 2));
            b = c + rotate::<$r3>(b + f(c, d, a) + add(i + 3));
        }
        $s = [a, b, c, d];
    };
}

#[inline]
fn one_block(state: [u32x8; 4], m: &[u32x8; 16]) -> [u32x8; 4] {
    let mut s = state;
    let ones = u32x8::splat(u32::MAX);
    round!(s, m, 0, |i| i, |x: u32x8, y: u32x8, z: u32x8| z ^ (x & (y ^ z)), 7, 12, 17, 22);
    round!(s, m, 16, |i| 5 * i + 1, |x: u32x8, y: u32x8, z: u32x8| y ^ (z & (x ^ y)), 5, 9, 14, 20);
    round!(s, m, 32, |i| 3 * i + 5, |x: u32x8, y: u32x8, z: u32x8| x ^ y ^ z, 4, 11, 16, 23);
    round!(s, m, 48, |i| 7 * i, |x: u32x8, y: u32x8, z: u32x8| y ^ (x | (z ^ ones)), 6, 10, 15, 21);
    std::array::from_fn(|i| state[i] + s[i])
}

/// RFC 1321's table T: the sines of 1 to 64, in 32 bits.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::*;

    fn bytes(length: usize, seed: usize) -> Vec<u8> {
        (0..length).map(|i| u8::try_from((i * 31 + seed * 17 + i / 251) % 256).unwrap()).collect()
    }

    fn expected(bytes: &[u8]) -> String {
        hex::encode(Md5::digest(bytes))
    }

    #[test]
    fn one_stream_of_any_length() {
        for length in (0..200).chain([4096, 4097]) {
            let bytes = bytes(length, 1);
            let (blocks, rest) = bytes.split_at(length / BLOCK * BLOCK);
            let mut state = State::new();
            state.add(blocks);
            assert_eq!(state.end(rest, length as u64), expected(&bytes), "{length}");
        }
    }

    #[test]
    fn with_and_without_the_processor_s_own_instructions() {
        let streams: Vec<_> = (0..LANES).map(|i| bytes(BLOCK * 9, i)).collect();
        let streams: [&[[u8; BLOCK]]; LANES] = std::array::from_fn(|i| streams[i].as_chunks().0);
        let start = State::new().0.map(|word| [word; LANES]);
        let (mut fast, mut portable) = (start, start);
        add_portably(&mut portable, &streams);
        assert_ne!(portable, start);
        if fast::md5(&mut fast, &streams, &SINES) {
            assert_eq!(fast, portable);
        }
    }

    #[test]
    fn any_number_of_streams_side_by_side() {
        for count in 1..=LANES {
            let streams: Vec<_> = (0..count).map(|i| bytes(BLOCK * (3 + i), i)).collect();
            let mut states = vec![State::new(); count];
            let mut lanes: Vec<_> = states.iter_mut().zip(&streams).map(|(s, b)| (s, b.as_slice())).collect();
            add_side_by_side(&mut lanes);
            for (state, stream) in states.iter().zip(&streams) {
                assert_eq!(state.end(&[], stream.len() as u64), expected(stream), "{count} streams");
            }
        }
    }
}

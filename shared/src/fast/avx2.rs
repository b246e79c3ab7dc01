//! What x86 processors with AVX2 do. Only for [`super`], which asks whether the processor has it.

#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;
use std::sync::LazyLock;

use super::marks::{self, Marks, Scan};
use super::{Block, SUMS};

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: there are 32 bytes; they need not be aligned.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Whether the processor has AVX2, and the instructions for bits that came with it.
#[inline]
pub(super) fn is_there() -> bool {
    static IS_THERE: LazyLock<bool> = LazyLock::new(|| {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
    });
    *IS_THERE
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn mark(blocks: &[[u8; 64]], scan: &mut Scan, marks: &mut Marks) {
    let [quote, comma, line_end] = [b'"', b',', b'\n'].map(|byte| _mm256_set1_epi8(byte.cast_signed()));
    let mut all = _mm256_setzero_si256();
    for block in blocks {
        let [low, high] = block.as_chunks::<32>().0 else { return };
        let (low, high) = (load(low), load(high));
        all = _mm256_or_si256(all, _mm256_or_si256(low, high));
        let found = marks::Block {
            quotes: equal(low, high, quote),
            commas: equal(low, high, comma),
            line_ends: equal(low, high, line_end),
        };
        let opens = scan.add(found);
        let Some(places) = scan.places(opens, marks) else { return };
        Scan::place(opens, scan.at(), places);
        scan.pass();
    }
    marks.high |= _mm256_movemask_epi8(all) != 0;
}

/// A bit for each byte that is the same.
#[inline]
#[target_feature(enable = "avx2")]
fn equal(low: __m256i, high: __m256i, bytes: __m256i) -> u64 {
    let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, bytes)).cast_unsigned();
    let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, bytes)).cast_unsigned();
    u64::from(low) | u64::from(high) << 32
}

#[target_feature(enable = "avx2")]
pub(super) fn nh(bytes: &[u8], keys: &[Block], into: &mut [u64; SUMS]) {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let mut tail = [0; 64];
    tail[..rest.len()].copy_from_slice(rest);
    let tail = if rest.is_empty() { None } else { Some(&tail) };
    let mut sums = [_mm256_setzero_si256(); SUMS];
    for (block, keys) in blocks.iter().chain(tail).zip(keys) {
        let [low, high] = block.as_chunks::<32>().0 else { return };
        let (low, high) = (load(low), load(high));
        for (sum, keys) in sums.iter_mut().zip(keys) {
            let [first, last] = keys.as_chunks::<4>().0 else { return };
            *sum = _mm256_add_epi64(*sum, _mm256_add_epi64(products(low, first), products(high, last)));
        }
    }
    // Each sum's four parts are added up.
    let pairs = |a, b| _mm256_add_epi64(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let (first, last) = (pairs(sums[0], sums[1]), pairs(sums[2], _mm256_setzero_si256()));
    let low = _mm256_permute2x128_si256::<0x20>(first, last);
    let high = _mm256_permute2x128_si256::<0x31>(first, last);
    let mut sums = [0; 4];
    // SAFETY: there are 32 bytes; they need not be aligned.
    unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), _mm256_add_epi64(low, high)) };
    for (into, sum) in into.iter_mut().zip(sums) {
        *into = into.wrapping_add(sum);
    }
}

/// The products of four words' halves, when their keys' halves are added to them.
#[inline]
#[target_feature(enable = "avx2")]
fn products(words: __m256i, keys: &[u64; 4]) -> __m256i {
    // SAFETY: there are 32 bytes; they need not be aligned.
    let keys = unsafe { _mm256_loadu_si256(keys.as_ptr().cast()) };
    let added = _mm256_add_epi32(words, keys);
    _mm256_mul_epu32(added, _mm256_srli_epi64::<32>(added))
}

#[inline]
#[target_feature(enable = "avx2")]
fn transpose(r: [__m256i; 8]) -> [__m256i; 8] {
    let pair = |a, b| (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let four = |(a, b), (c, d)| {
        [
            _mm256_unpacklo_epi64(a, c),
            _mm256_unpackhi_epi64(a, c),
            _mm256_unpacklo_epi64(b, d),
            _mm256_unpackhi_epi64(b, d),
        ]
    };
    let low = four(pair(r[0], r[1]), pair(r[2], r[3]));
    let high = four(pair(r[4], r[5]), pair(r[6], r[7]));
    let first = |i: usize| _mm256_permute2x128_si256::<0x20>(low[i], high[i]);
    let second = |i: usize| _mm256_permute2x128_si256::<0x31>(low[i], high[i]);
    [first(0), first(1), first(2), first(3), second(0), second(1), second(2), second(3)]
}

/// A round of RFC 1321. In each step, what does not wait for the step before is added first.
macro_rules! round {
    ($f:ident, $s:ident, $add:expr, $r0:literal, $r1:literal, $r2:literal, $r3:literal) => {
        let [mut a, mut b, mut c, mut d] = $s;
        let add = $add;
        for i in 0..4 {
            step!($f, a, b, c, d, add(4 * i), $r0);
            step!($f, d, a, b, c, add(4 * i + 1), $r1);
            step!($f, c, d, a, b, add(4 * i + 2), $r2);
            step!($f, b, c, d, a, add(4 * i + 3), $r3);
        }
        $s = [a, b, c, d];
    };
}
macro_rules! step {
    ($f:ident, $a:ident, $b:ident, $c:ident, $d:ident, $add:expr, $left:literal) => {
        let sum = $f!(_mm256_add_epi32($a, $add), $b, $c, $d);
        let rotated = _mm256_or_si256(_mm256_slli_epi32::<$left>(sum), _mm256_srli_epi32::<{ 32 - $left }>(sum));
        $a = _mm256_add_epi32(rotated, $b);
    };
}
macro_rules! first {
    ($sum:expr, $b:ident, $c:ident, $d:ident) => {
        _mm256_add_epi32($sum, _mm256_xor_si256($d, _mm256_and_si256($b, _mm256_xor_si256($c, $d))))
    };
}
macro_rules! second {
    ($sum:expr, $b:ident, $c:ident, $d:ident) => {
        _mm256_add_epi32(_mm256_add_epi32($sum, _mm256_andnot_si256($d, $c)), _mm256_and_si256($b, $d))
    };
}
macro_rules! third {
    ($sum:expr, $b:ident, $c:ident, $d:ident) => {
        _mm256_add_epi32($sum, _mm256_xor_si256($b, _mm256_xor_si256($c, $d)))
    };
}
macro_rules! fourth {
    ($sum:expr, $b:ident, $c:ident, $d:ident) => {{
        let not = _mm256_xor_si256($d, _mm256_set1_epi32(-1));
        _mm256_add_epi32($sum, _mm256_xor_si256($c, _mm256_or_si256($b, not)))
    }};
}

/// As [`super::md5`], eight streams at a time.
#[target_feature(enable = "avx2")]
pub(super) fn md5(state: &mut [[u32; 16]; 4], streams: &[&[[u8; 64]]; 16], sines: &[u32; 64]) {
    let blocks = streams.iter().map(|stream| stream.len()).min().unwrap_or(0);
    for (half, streams) in streams.as_chunks::<8>().0.iter().enumerate() {
        let place = |word: &[u32; 16]| {
            // SAFETY: there are 32 bytes, at either half; they need not be aligned.
            unsafe { _mm256_loadu_si256(word.as_chunks::<8>().0[half % 2].as_ptr().cast()) }
        };
        let mut sums = [place(&state[0]), place(&state[1]), place(&state[2]), place(&state[3])];
        for block in 0..blocks {
            sums = one_block(sums, streams, block, sines);
        }
        for (words, sum) in state.iter_mut().zip(sums) {
            let words = &mut words.as_chunks_mut::<8>().0[half % 2];
            // SAFETY: there are 32 bytes; they need not be aligned.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), sum) };
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn one_block(sums: [__m256i; 4], streams: &[&[[u8; 64]]; 8], block: usize, sines: &[u32; 64]) -> [__m256i; 4] {
    // Arrays are written out, since `map` would not be compiled for this processor.
    let part = |stream: usize, half: usize| load(&streams[stream][block].as_chunks::<32>().0[half]);
    let half = |h| [part(0, h), part(1, h), part(2, h), part(3, h), part(4, h), part(5, h), part(6, h), part(7, h)];
    let (low, high) = (transpose(half(0)), transpose(half(1)));
    let word = |i: usize| if i % 16 < 8 { low[i % 8] } else { high[i % 8] };
    let add = |i: usize, sine: usize| _mm256_add_epi32(word(i), _mm256_set1_epi32(sines[sine % 64].cast_signed()));
    let mut s = sums;
    round!(first, s, |i: usize| add(i, i), 7, 12, 17, 22);
    round!(second, s, |i: usize| add(5 * i + 1, 16 + i), 5, 9, 14, 20);
    round!(third, s, |i: usize| add(3 * i + 5, 32 + i), 4, 11, 16, 23);
    round!(fourth, s, |i: usize| add(7 * i, 48 + i), 6, 10, 15, 21);
    let sum = |i: usize| _mm256_add_epi32(sums[i], s[i]);
    [sum(0), sum(1), sum(2), sum(3)]
}

//! What x86 processors with AVX2 or AVX-512 do. Only for [`super`], which asks whether the processor has them.

#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;
use std::sync::LazyLock;

use super::marks::{Block, Marks, Scan};

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
        let found = Block {
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
pub(super) fn nh(head: &[u64; 3], fields: &[&[u8]; 4], keys: &[[u64; 4]]) -> [u64; 4] {
    let Some((of_head, mut keys)) = keys.split_first_chunk::<3>() else {
        return super::portable::nh(head, fields, keys);
    };
    let mut sums = _mm256_add_epi64(product(head[0], &of_head[0]), product(head[1], &of_head[1]));
    sums = _mm256_add_epi64(sums, product(head[2], &of_head[2]));
    let [key, version, etag, time] = fields;
    sums = _mm256_add_epi64(sums, of_field(key, &mut keys));
    if !version.is_empty() {
        sums = _mm256_add_epi64(sums, of_field(version, &mut keys));
    }
    sums = _mm256_add_epi64(sums, of_field(etag, &mut keys));
    sums = _mm256_add_epi64(sums, of_field(time, &mut keys));
    let mut into = [0; 4];
    // SAFETY: there are 32 bytes; they need not be aligned.
    unsafe { _mm256_storeu_si256(into.as_mut_ptr().cast(), sums) };
    into
}

/// The sum of the products of a field's words, each with the next of the keys.
#[inline]
#[target_feature(enable = "avx2")]
fn of_field(field: &[u8], keys: &mut &[[u64; 4]]) -> __m256i {
    let (words, rest) = field.as_chunks::<8>();
    let (fours, mut others) = words.as_chunks::<4>();
    let mut sums = _mm256_setzero_si256();
    for (index, words_of) in fours.iter().enumerate() {
        let Some((of_words, next)) = keys.split_first_chunk::<4>() else {
            others = &words[4 * index..];
            break;
        };
        let of = |i: usize| product(u64::from_le_bytes(words_of[i]), &of_words[i]);
        let (first, second) = (_mm256_add_epi64(of(0), of(1)), _mm256_add_epi64(of(2), of(3)));
        sums = _mm256_add_epi64(sums, _mm256_add_epi64(first, second));
        *keys = next;
    }
    for (word, key) in others.iter().zip(*keys) {
        sums = _mm256_add_epi64(sums, product(u64::from_le_bytes(*word), key));
    }
    *keys = keys.get(others.len()..).unwrap_or_default();
    if !rest.is_empty()
        && let Some((key, next)) = keys.split_first()
    {
        sums = _mm256_add_epi64(sums, product(super::last_word(field, rest), key));
        *keys = next;
    }
    sums
}

#[inline]
#[target_feature(enable = "avx2")]
fn product(word: u64, keys: &[u64; 4]) -> __m256i {
    // SAFETY: there are 32 bytes; they need not be aligned.
    let keys = unsafe { _mm256_loadu_si256(keys.as_ptr().cast()) };
    let added = _mm256_add_epi32(_mm256_set1_epi64x(word.cast_signed()), keys);
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

/// MD5 for processors with `$features`: `$rotate` and the functions of RFC 1321's rounds are made of their instructions.
macro_rules! md5 {
    ($name:ident, $features:literal, $rotate:ident, $first:ident, $second:ident, $third:ident, $fourth:ident) => {
        #[allow(clippy::needless_range_loop, reason = "eight slices are gone through at once")]
        #[target_feature(enable = $features)]
        pub(super) fn $name(state: &mut [[u32; 8]; 4], streams: &[&[[u8; 64]]; 8], sines: &[u32; 64]) {
            let blocks = streams.iter().map(|stream| stream.len()).min().unwrap_or(0);
            let streams = streams.map(|stream| &stream[..blocks]);
            let vector = |words: &[u32; 8]| {
                // SAFETY: there are 32 bytes; they need not be aligned.
                unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
            };
            let mut sums = [vector(&state[0]), vector(&state[1]), vector(&state[2]), vector(&state[3])];
            // Arrays are written out, since `map` would not be compiled for this processor.
            for block in 0..blocks {
                let part = |stream: usize, half: usize| load(&streams[stream][block].as_chunks::<32>().0[half]);
                let half = |h| {
                    [part(0, h), part(1, h), part(2, h), part(3, h), part(4, h), part(5, h), part(6, h), part(7, h)]
                };
                let (low, high) = (transpose(half(0)), transpose(half(1)));
                let word = |i: usize| if i % 16 < 8 { low[i % 8] } else { high[i % 8] };
                let add = |i: usize, sine: usize| {
                    _mm256_add_epi32(word(i), _mm256_set1_epi32(sines[sine % 64].cast_signed()))
                };
                let mut s = sums;
                round!($rotate, $first, s, |i: usize| add(i, i), 7, 12, 17, 22);
                round!($rotate, $second, s, |i: usize| add(5 * i + 1, 16 + i), 5, 9, 14, 20);
                round!($rotate, $third, s, |i: usize| add(3 * i + 5, 32 + i), 4, 11, 16, 23);
                round!($rotate, $fourth, s, |i: usize| add(7 * i, 48 + i), 6, 10, 15, 21);
                let sum = |i: usize| _mm256_add_epi32(sums[i], s[i]);
                sums = [sum(0), sum(1), sum(2), sum(3)];
            }
            for (words, sum) in state.iter_mut().zip(sums) {
                // SAFETY: there are 32 bytes; they need not be aligned.
                unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), sum) };
            }
        }
    };
}
/// A step of RFC 1321. What does not wait for the step before is added first.
macro_rules! step {
    ($rotate:ident, $f:ident, $a:ident, $b:ident, $c:ident, $d:ident, $add:expr, $left:literal) => {
        let sum = _mm256_add_epi32($a, $add);
        let sum = $f!(sum, $b, $c, $d);
        $a = _mm256_add_epi32($rotate!(sum, $left), $b);
    };
}
macro_rules! round {
    ($rotate:ident, $f:ident, $s:ident, $add:expr, $r0:literal, $r1:literal, $r2:literal, $r3:literal) => {
        let [mut a, mut b, mut c, mut d] = $s;
        let add = $add;
        for i in 0..4 {
            step!($rotate, $f, a, b, c, d, add(4 * i), $r0);
            step!($rotate, $f, d, a, b, c, add(4 * i + 1), $r1);
            step!($rotate, $f, c, d, a, b, add(4 * i + 2), $r2);
            step!($rotate, $f, b, c, d, a, add(4 * i + 3), $r3);
        }
        $s = [a, b, c, d];
    };
}
macro_rules! rotate {
    ($x:ident, $left:literal) => {
        _mm256_or_si256(_mm256_slli_epi32::<$left>($x), _mm256_srli_epi32::<{ 32 - $left }>($x))
    };
}
macro_rules! first {
    ($sum:ident, $b:ident, $c:ident, $d:ident) => {
        _mm256_add_epi32($sum, _mm256_xor_si256($d, _mm256_and_si256($b, _mm256_xor_si256($c, $d))))
    };
}
macro_rules! second {
    ($sum:ident, $b:ident, $c:ident, $d:ident) => {
        _mm256_add_epi32(_mm256_add_epi32($sum, _mm256_andnot_si256($d, $c)), _mm256_and_si256($b, $d))
    };
}
macro_rules! third {
    ($sum:ident, $b:ident, $c:ident, $d:ident) => {
        _mm256_add_epi32($sum, _mm256_xor_si256($b, _mm256_xor_si256($c, $d)))
    };
}
macro_rules! fourth {
    ($sum:ident, $b:ident, $c:ident, $d:ident) => {{
        let not = _mm256_xor_si256($d, _mm256_set1_epi32(-1));
        _mm256_add_epi32($sum, _mm256_xor_si256($c, _mm256_or_si256($b, not)))
    }};
}
md5!(md5, "avx2", rotate, first, second, third, fourth);

// AVX-512 rotates at once, and has any function of three bits: its table is the number.
macro_rules! rotate_at_once {
    ($x:ident, $left:literal) => {
        _mm256_rol_epi32::<$left>($x)
    };
}
macro_rules! any_first {
    ($sum:ident, $b:ident, $c:ident, $d:ident) => {
        _mm256_add_epi32($sum, _mm256_ternarylogic_epi32::<0xca>($b, $c, $d))
    };
}
macro_rules! any_second {
    ($sum:ident, $b:ident, $c:ident, $d:ident) => {
        _mm256_add_epi32($sum, _mm256_ternarylogic_epi32::<0xe4>($b, $c, $d))
    };
}
macro_rules! any_third {
    ($sum:ident, $b:ident, $c:ident, $d:ident) => {
        _mm256_add_epi32($sum, _mm256_ternarylogic_epi32::<0x96>($b, $c, $d))
    };
}
macro_rules! any_fourth {
    ($sum:ident, $b:ident, $c:ident, $d:ident) => {
        _mm256_add_epi32($sum, _mm256_ternarylogic_epi32::<0x39>($b, $c, $d))
    };
}
md5!(md5_at_once, "avx2,avx512f,avx512vl", rotate_at_once, any_first, any_second, any_third, any_fourth);

/// Whether the processor has AVX-512 for vectors of AVX2's length.
pub(super) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl")
}

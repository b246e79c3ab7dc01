//! What x86 processors with AVX-512 do. Only for [`super`], which asks whether the processor has it.

#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;
use std::sync::LazyLock;

use super::marks::{self, Marks, Scan};
use super::{Block, SUMS, portable};

/// Whether the processor has AVX-512 for bytes, looks them up in tables and moves them together.
#[inline]
pub(super) fn is_there() -> bool {
    static IS_THERE: LazyLock<bool> = LazyLock::new(|| {
        super::avx2::is_there()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
    });
    *IS_THERE
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn mark(blocks: &[[u8; 64]], scan: &mut Scan, marks: &mut Marks) {
    let [quote, comma, line_end] = [set(b'"'), set(b','), set(b'\n')];
    let mut all = _mm512_setzero_si512();
    for block in blocks {
        // SAFETY: there are 64 bytes; they need not be aligned.
        let text = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        all = _mm512_or_si512(all, text);
        let found = marks::Block {
            quotes: _mm512_cmpeq_epi8_mask(text, quote),
            commas: _mm512_cmpeq_epi8_mask(text, comma),
            line_ends: _mm512_cmpeq_epi8_mask(text, line_end),
        };
        let opens = scan.add(found);
        let Some(places) = scan.places(opens, marks) else { return };
        if opens.count_ones() > 16 {
            Scan::place(opens, scan.at(), places);
        } else {
            let places = places.as_mut_ptr();
            let at = _mm512_set1_epi32(scan.at().cast_signed());
            let bytes = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(opens, counting()));
            let found = _mm512_add_epi32(_mm512_cvtepu8_epi32(bytes), at);
            // SAFETY: there are 64 places; they need not be aligned.
            unsafe { _mm512_storeu_si512(places.cast(), found) };
        }
        scan.pass();
    }
    marks.high |= _mm512_movepi8_mask(all) != 0;
}

/// 0, 1, 2, ...
#[inline]
#[target_feature(enable = "avx512f")]
fn counting() -> __m512i {
    const BYTES: [u8; 64] = {
        let mut bytes = [0; 64];
        let mut i = 0;
        while i < 64 {
            #[allow(clippy::cast_possible_truncation)] // less than 64
            let byte = i as u8;
            bytes[i] = byte;
            i += 1;
        }
        bytes
    };
    table(&BYTES)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn table(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: there are 64 bytes; they need not be aligned.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Sums of [`super::nh`], in eight parts each.
type Parts = [__m512i; SUMS];

/// Blocks of a text that are summed up whether there are as many or not: how many an identity has cannot be guessed.
const AT_ONCE: usize = 3;

/// The sums of [`super::nh`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
fn parts(bytes: &[u8], keys: &[Block]) -> Parts {
    let zero = _mm512_setzero_si512();
    let mut sums = [zero; SUMS];
    let Some((first, others)) = keys.split_first_chunk::<AT_ONCE>() else { return sums };
    for (block, keys) in first.iter().enumerate() {
        let left = bytes.len().saturating_sub(64 * block);
        // SAFETY: only bytes of the slice are read; they need not be aligned.
        let words =
            unsafe { _mm512_maskz_loadu_epi8(first_bits(left), bytes.as_ptr().wrapping_add(64 * block).cast()) };
        sums = with_block(sums, words, keys, if left > 0 { u8::MAX } else { 0 });
    }
    let mut at = 64 * AT_ONCE;
    for keys in others {
        if at >= bytes.len() {
            break;
        }
        sums = with_block(sums, load(bytes, at), keys, u8::MAX);
        at += 64;
    }
    sums
}

/// Adds a block, or nothing if the mask is zero.
#[inline]
#[target_feature(enable = "avx512f")]
fn with_block(mut sums: Parts, words: __m512i, keys: &Block, mask: u8) -> Parts {
    for (sum, keys) in sums.iter_mut().zip(keys) {
        // SAFETY: there are 64 bytes; they need not be aligned.
        let keys = unsafe { _mm512_loadu_si512(keys.as_ptr().cast()) };
        *sum = _mm512_mask_add_epi64(*sum, mask, *sum, products(_mm512_add_epi32(words, keys)));
    }
    sums
}

/// The products of words' halves.
#[inline]
#[target_feature(enable = "avx512f")]
fn products(words: __m512i) -> __m512i {
    _mm512_mul_epu32(words, _mm512_srli_epi64::<32>(words))
}

/// As [`super::nh`], a block at a time.
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
pub(super) fn nh(bytes: &[u8], keys: &[Block], into: &mut [u64; SUMS]) {
    let parts = parts(bytes, keys);
    for (into, parts) in into.iter_mut().zip(parts) {
        *into = into.wrapping_add(_mm512_reduce_add_epi64(parts).cast_unsigned());
    }
}

/// As [`super::hash_eight`], with each text in a part of its own of each vector.
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
pub(super) fn hash_eight(texts: &[&[u8]; 8], keys: &super::Keys, words: &[Block]) -> [u128; 8] {
    let two = |i: usize| pairs(parts(texts[2 * i], words), parts(texts[2 * i + 1], words));
    // What is added up at once needs no memory in between.
    let all = quarters(quarters(two(0), two(1)), quarters(two(2), two(3)));
    let lengths = texts.map(|text| text.len() as u64);
    // SAFETY: there are 64 bytes; they need not be aligned.
    let lengths = unsafe { _mm512_loadu_si512(lengths.as_ptr().cast()) };
    let low = _mm512_set1_epi64(0xffff_ffff);
    #[allow(clippy::cast_possible_truncation)] // the limb is in the lower half
    let wide = |number: u128, limb: u32| _mm512_set1_epi64((number >> (32 * limb)) as i64);
    // Four columns of 32 bits, each with what it carries into the next one.
    let mut columns = [_mm512_setzero_si512(); 4];
    for (limb, column) in (0..).zip(&mut columns) {
        *column = _mm512_and_si512(wide(keys.constant, limb), low);
    }
    for ((sum, key), factors) in all.into_iter().zip(keys.length).zip(keys.factors.as_chunks::<2>().0) {
        let of_length = products(_mm512_add_epi32(lengths, _mm512_set1_epi64(key.cast_signed())));
        let sum = _mm512_add_epi64(sum, of_length);
        for (half, factor) in [sum, _mm512_srli_epi64::<32>(sum)].into_iter().zip(factors) {
            let product = |limb| _mm512_mul_epu32(half, wide(*factor, limb));
            let products = [product(0), product(1), product(2), product(3)];
            for (column, product) in columns.iter_mut().zip(products) {
                *column = _mm512_add_epi64(*column, _mm512_and_si512(product, low));
            }
            for (column, product) in columns[1..].iter_mut().zip(products) {
                *column = _mm512_add_epi64(*column, _mm512_srli_epi64::<32>(product));
            }
        }
    }
    let mut halves = [[0_u64; 8]; 2];
    let mut carried = _mm512_setzero_si512();
    for (into, columns) in halves.iter_mut().zip(columns.as_chunks::<2>().0) {
        let first = _mm512_add_epi64(columns[0], carried);
        let second = _mm512_add_epi64(columns[1], _mm512_srli_epi64::<32>(first));
        let both = _mm512_or_si512(_mm512_and_si512(first, low), _mm512_slli_epi64::<32>(second));
        carried = _mm512_srli_epi64::<32>(second);
        // SAFETY: there are 64 bytes; they need not be aligned.
        unsafe { _mm512_storeu_si512(into.as_mut_ptr().cast(), both) };
    }
    let mut hashes = [0; 8];
    for (hash, (low, high)) in hashes.iter_mut().zip(halves[0].iter().zip(halves[1])) {
        *hash = u128::from(*low) | u128::from(high) << 64;
    }
    hashes
}

/// The parts of two vectors, two and two of them added up.
#[inline]
#[target_feature(enable = "avx512f")]
fn pairs(mut one: Parts, other: Parts) -> Parts {
    for (a, b) in one.iter_mut().zip(other) {
        *a = _mm512_add_epi64(_mm512_unpacklo_epi64(*a, b), _mm512_unpackhi_epi64(*a, b));
    }
    one
}

/// The same, of parts that stand further apart.
#[inline]
#[target_feature(enable = "avx512f")]
fn quarters(mut one: Parts, other: Parts) -> Parts {
    for (a, b) in one.iter_mut().zip(other) {
        let (first, second) = (_mm512_shuffle_i64x2::<0x88>(*a, b), _mm512_shuffle_i64x2::<0xdd>(*a, b));
        *a = _mm512_add_epi64(first, second);
    }
    one
}

/// As [`super::canonical`], 64 bytes at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi2,popcnt")]
pub(super) fn canonical(encoded: &[u8]) -> Option<bool> {
    /// What a byte of ASCII is: no hex digit, nothing that stands as it is, nothing that is escaped; or a digit's value.
    const NO_DIGIT: u8 = 0x80;
    const NOT_PLAIN: u8 = 0x40;
    const NOT_ESCAPED: u8 = 0x20;
    const KINDS: [[u8; 64]; 2] = {
        let mut kinds = [[0; 64]; 2];
        let mut byte = 0_u8;
        while byte < 128 {
            let digit = match portable::digit(byte) {
                Some(value) => value,
                None => NO_DIGIT,
            };
            let is_plain = portable::is_plain(byte);
            let plain = if is_plain || byte == b'+' || byte == b'%' { 0 } else { NOT_PLAIN };
            let escaped = if is_plain || byte == b' ' { NOT_ESCAPED } else { 0 };
            kinds[byte as usize / 64][byte as usize % 64] = digit | plain | escaped;
            byte += 1;
        }
        kinds
    };
    let (low_kinds, high_kinds) = (table(&KINDS[0]), table(&KINDS[1]));
    let (mut wrong, mut beyond, mut from) = (0, 0, 0);
    while from < encoded.len() {
        let (text, high, low) = (load(encoded, from), load(encoded, from + 1), load(encoded, from + 2));
        // By the lower seven bits.
        let kinds = |bytes| _mm512_permutex2var_epi8(low_kinds, bytes, high_kinds);
        let percents = _mm512_cmpeq_epi8_mask(text, set(b'%'));
        let here = first_bits(encoded.len() - from);
        wrong |= (_mm512_test_epi8_mask(kinds(text), set(NOT_PLAIN)) | _mm512_movepi8_mask(text)) & here;
        if percents != 0 {
            let (high_kind, low_kind) = (kinds(high), kinds(low));
            let any = _mm512_or_si512(_mm512_or_si512(high, low), _mm512_or_si512(high_kind, low_kind));
            // (high << 4 & 0xf0) | (low & 0x0f), byte by byte.
            let low_digit = _mm512_and_si512(low_kind, set(0x0f));
            let byte = _mm512_ternarylogic_epi32::<0xea>(_mm512_slli_epi16::<4>(high_kind), set(0xf0), low_digit);
            let not_ascii = _mm512_movepi8_mask(byte);
            let not_escaped = _mm512_test_epi8_mask(kinds(byte), set(NOT_ESCAPED)) & !not_ascii;
            wrong |= (_mm512_movepi8_mask(any) | not_escaped) & percents;
            beyond |= not_ascii & percents;
        }
        from += 64;
    }
    (wrong == 0).then_some(beyond != 0)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn set(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

/// The lowest `count` bits, or all.
#[inline]
fn first_bits(count: usize) -> u64 {
    if count < 64 { (1 << count) - 1 } else { u64::MAX }
}

/// Up to 64 bytes, and zeros for those that there are not.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8], from: usize) -> __m512i {
    let bytes = bytes.get(from..).unwrap_or_default();
    // SAFETY: only bytes of the slice are read; they need not be aligned.
    unsafe { _mm512_maskz_loadu_epi8(first_bits(bytes.len()), bytes.as_ptr().cast()) }
}

/// Word by word: the first words of all streams, the second words, ...
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(streams: &[__m512i; 16]) -> [__m512i; 16] {
    let mut pairs = [_mm512_setzero_si512(); 16];
    for (i, [a, b]) in streams.as_chunks::<2>().0.iter().enumerate() {
        pairs[2 * i] = _mm512_unpacklo_epi32(*a, *b);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(*a, *b);
    }
    // Of four streams: words 0, 4, 8 and 12; 1, 5, ...
    let mut fours = pairs;
    for (i, [a, b, c, d]) in pairs.as_chunks::<4>().0.iter().enumerate() {
        fours[4 * i] = _mm512_unpacklo_epi64(*a, *c);
        fours[4 * i + 1] = _mm512_unpackhi_epi64(*a, *c);
        fours[4 * i + 2] = _mm512_unpacklo_epi64(*b, *d);
        fours[4 * i + 3] = _mm512_unpackhi_epi64(*b, *d);
    }
    let mut words = fours;
    for i in 0..4 {
        let [a, b, c, d] = [fours[i], fours[4 + i], fours[8 + i], fours[12 + i]];
        let (low, high) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
        words[i] = _mm512_shuffle_i32x4::<0x88>(low, high);
        words[4 + i] = _mm512_shuffle_i32x4::<0xdd>(low, high);
        let (low, high) = (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
        words[8 + i] = _mm512_shuffle_i32x4::<0x88>(low, high);
        words[12 + i] = _mm512_shuffle_i32x4::<0xdd>(low, high);
    }
    words
}

/// A round of RFC 1321, whose function of three bits is a table: a number. In each step, what does not wait for the step before is added first.
macro_rules! round {
    ($table:literal, $s:ident, $add:expr, $r0:literal, $r1:literal, $r2:literal, $r3:literal) => {
        let [mut a, mut b, mut c, mut d] = $s;
        let add = $add;
        for i in 0..4 {
            step!($table, a, b, c, d, add(4 * i), $r0);
            step!($table, d, a, b, c, add(4 * i + 1), $r1);
            step!($table, c, d, a, b, add(4 * i + 2), $r2);
            step!($table, b, c, d, a, add(4 * i + 3), $r3);
        }
        $s = [a, b, c, d];
    };
}
macro_rules! step {
    ($table:literal, $a:ident, $b:ident, $c:ident, $d:ident, $add:expr, $left:literal) => {
        let sum = _mm512_add_epi32($a, $add);
        let sum = _mm512_add_epi32(sum, _mm512_ternarylogic_epi32::<$table>($b, $c, $d));
        $a = _mm512_add_epi32(_mm512_rol_epi32::<$left>(sum), $b);
    };
}

/// As [`super::md5`].
#[target_feature(enable = "avx512f")]
pub(super) fn md5(state: &mut [[u32; 16]; 4], streams: &[&[[u8; 64]]; 16], sines: &[u32; 64]) {
    let blocks = streams.iter().map(|stream| stream.len()).min().unwrap_or(0);
    let streams = streams.map(|stream| &stream[..blocks]);
    // SAFETY: there are 64 bytes; they need not be aligned.
    let vector = |words: &[u32; 16]| unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
    let mut sums = [vector(&state[0]), vector(&state[1]), vector(&state[2]), vector(&state[3])];
    for block in 0..blocks {
        let mut texts = [_mm512_setzero_si512(); 16];
        for (text, stream) in texts.iter_mut().zip(&streams) {
            *text = table(&stream[block]);
        }
        let words = transpose(&texts);
        let add = |word: usize, sine: usize| {
            _mm512_add_epi32(words[word % 16], _mm512_set1_epi32(sines[sine % 64].cast_signed()))
        };
        let mut s = sums;
        round!(0xca, s, |i: usize| add(i, i), 7, 12, 17, 22);
        round!(0xe4, s, |i: usize| add(5 * i + 1, 16 + i), 5, 9, 14, 20);
        round!(0x96, s, |i: usize| add(3 * i + 5, 32 + i), 4, 11, 16, 23);
        round!(0x39, s, |i: usize| add(7 * i, 48 + i), 6, 10, 15, 21);
        for (sum, s) in sums.iter_mut().zip(s) {
            *sum = _mm512_add_epi32(*sum, s);
        }
    }
    for (words, sum) in state.iter_mut().zip(sums) {
        // SAFETY: there are 64 bytes; they need not be aligned.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), sum) };
    }
}

//! What x86 processors with AVX-512 do. Only for [`super`], which asks whether the processor has it.

#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;
use std::sync::LazyLock;

use super::marks::{Block, Marks, Scan};

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
        let found = Block {
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

/// As [`super::unescape`], 64 bytes at a time; `into` has room for as many more bytes than `escaped` has.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
pub(super) fn unescape(escaped: &[u8], into: &mut [u8]) -> Option<(usize, bool)> {
    const NO_DIGIT: u8 = 0x80;
    const VALUES: [[u8; 64]; 2] = {
        let mut values = [[NO_DIGIT; 64]; 2];
        let digits = b"0123456789abcdef";
        let mut value = 0_u8;
        while value < 16 {
            let digit = digits[value as usize];
            let both = [digit, digit.to_ascii_uppercase()];
            values[both[0] as usize / 64][both[0] as usize % 64] = value;
            values[both[1] as usize / 64][both[1] as usize % 64] = value;
            value += 1;
        }
        values
    };
    let (values, more) = (table(&VALUES[0]), table(&VALUES[1]));
    let (mut to, mut from, mut seen, mut wrong, mut begun) = (0, 0, 0, 0, 0);
    while from < escaped.len() {
        let text = load(escaped, from);
        let (high, low) = (load(escaped, from + 1), load(escaped, from + 2));
        let percents = _mm512_cmpeq_epi8_mask(text, set(b'%'));
        let text = _mm512_mask_mov_epi8(text, _mm512_cmpeq_epi8_mask(text, set(b'+')), set(b' '));
        // Values by the lower seven bits; a byte beyond ASCII is no digit either.
        let high_value = _mm512_permutex2var_epi8(values, high, more);
        let low_value = _mm512_permutex2var_epi8(values, low, more);
        let any = _mm512_or_si512(_mm512_or_si512(high, low), _mm512_or_si512(high_value, low_value));
        // (high << 4 & 0xf0) | low, byte by byte.
        let byte = _mm512_ternarylogic_epi32::<0xea>(_mm512_slli_epi16::<4>(high_value), set(0xf0), low_value);
        let text = _mm512_mask_mov_epi8(text, percents, byte);
        seen |= _mm512_movepi8_mask(byte) & percents;
        wrong |= _mm512_movepi8_mask(any) & percents;
        // Digits, also those of an escape that began at the end of the 64 bytes before.
        let dropped = percents << 1 | percents << 2 | begun;
        begun = percents >> 62 | percents >> 63;
        let kept = first(escaped.len() - from) & !dropped;
        let place = into.get_mut(to..)?.first_chunk_mut::<64>()?;
        // SAFETY: there are 64 bytes; they need not be aligned.
        unsafe { _mm512_storeu_si512(place.as_mut_ptr().cast(), _mm512_maskz_compress_epi8(kept, text)) };
        to += kept.count_ones() as usize;
        from += 64;
    }
    (wrong == 0).then_some((to, seen != 0))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn set(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

/// The lowest `count` bits, or all.
#[inline]
fn first(count: usize) -> u64 {
    if count < 64 { (1 << count) - 1 } else { u64::MAX }
}

/// Up to 64 bytes, and zeros for those that there are not.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8], from: usize) -> __m512i {
    let bytes = bytes.get(from..).unwrap_or_default();
    // SAFETY: only bytes of the slice are read; they need not be aligned.
    unsafe { _mm512_maskz_loadu_epi8(first(bytes.len()), bytes.as_ptr().cast()) }
}

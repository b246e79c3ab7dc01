//! What vector instructions do faster than any portable code, where the processor has them: the only module with `unsafe`, which is there to
//! call what was compiled for such a processor once it is known to be one, to load vectors from slices of known length, and to prefetch.
//! Every function has a portable twin, which tests and fuzz targets hold it against. Calls nothing of AWS.
#![allow(unsafe_code, reason = "calling functions of a target feature, vector loads and prefetching have no safe form")]

/// Marks `text`, 64 bytes at a time: a bit for each quote in `quotes`, and for each `%` and `+` in `escapes`, the first byte's lowest. The
/// last part counts as if zeros followed. Says whether all of it is ASCII.
pub(crate) fn marks(text: &[u8], quotes: &mut Vec<u64>, escapes: &mut Vec<u64>) -> bool {
    quotes.clear();
    escapes.clear();
    let (blocks, rest) = text.as_chunks::<64>();
    let mut tail = [[0; 64]];
    tail[0][..rest.len()].copy_from_slice(rest);
    let mut ascii = true;
    for blocks in [blocks, &tail] {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            ascii &= unsafe { avx2::marks(blocks, quotes, escapes) };
            continue;
        }
        ascii &= portable::marks(blocks, quotes, escapes);
    }
    ascii
}

/// Adds blocks to eight MD5s at once: as many as the shortest stream has. `state[word][stream]`. False, if this processor cannot.
pub(crate) fn md5(state: &mut [[u32; 8]; 4], streams: &[&[[u8; 64]]; 8], sines: &[u32; 64]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { avx2::md5(state, streams, sines) };
        return true;
    }
    let _ = (state, streams, sines);
    false
}

/// Asks for the memory of `at`, and does not wait for it.
#[inline]
pub(crate) fn prefetch<T>(at: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect but on time, whatever the address; this one is a reference's.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(at).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

mod portable {
    use wide::u8x16;

    pub(super) fn marks(blocks: &[[u8; 64]], quotes: &mut Vec<u64>, escapes: &mut Vec<u64>) -> bool {
        let [quote, percent, plus] = [b'"', b'%', b'+'].map(u8x16::splat);
        let mut all = 0_u64;
        for block in blocks {
            let (mut at_quotes, mut at_escapes) = (0, 0);
            for (i, part) in block.as_chunks::<16>().0.iter().enumerate() {
                let part = u8x16::new(*part);
                all |= u64::from(part.to_bitmask());
                at_quotes |= u64::from(part.simd_eq(quote).to_bitmask()) << (16 * i);
                at_escapes |= u64::from((part.simd_eq(percent) | part.simd_eq(plus)).to_bitmask()) << (16 * i);
            }
            quotes.push(at_quotes);
            escapes.push(at_escapes);
        }
        all == 0
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    #[allow(clippy::wildcard_imports, reason = "intrinsics")]
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(bytes: &[u8; 32]) -> __m256i {
        // SAFETY: there are 32 bytes; they need not be aligned.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn marks(blocks: &[[u8; 64]], quotes: &mut Vec<u64>, escapes: &mut Vec<u64>) -> bool {
        let [quote, percent, plus] = [b'"', b'%', b'+'].map(|byte| _mm256_set1_epi8(byte.cast_signed()));
        let bits = |low, high| {
            let [low, high] = [low, high].map(|part| u64::from(_mm256_movemask_epi8(part).cast_unsigned()));
            low | high << 32
        };
        let escape = |part| _mm256_or_si256(_mm256_cmpeq_epi8(part, percent), _mm256_cmpeq_epi8(part, plus));
        let mut all = _mm256_setzero_si256();
        let mut mark = |block: &[u8; 64]| {
            let [low, high] = block.as_chunks::<32>().0 else { return (0, 0) };
            let (low, high) = (load(low), load(high));
            all = _mm256_or_si256(all, _mm256_or_si256(low, high));
            (bits(_mm256_cmpeq_epi8(low, quote), _mm256_cmpeq_epi8(high, quote)), bits(escape(low), escape(high)))
        };
        let before = quotes.len();
        quotes.resize(before + blocks.len(), 0);
        escapes.resize(before + blocks.len(), 0);
        for ((block, quotes), escapes) in blocks.iter().zip(&mut quotes[before..]).zip(&mut escapes[before..]) {
            (*quotes, *escapes) = mark(block);
        }
        _mm256_movemask_epi8(all) == 0
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

    /// A step of RFC 1321: `$f` is its function of b, c and d. What does not wait for the step before is added first.
    macro_rules! step {
        ($f:ident, $a:ident, $b:ident, $c:ident, $d:ident, $add:expr, $left:literal) => {
            let sum = _mm256_add_epi32($a, $add);
            let sum = $f!(sum, $b, $c, $d);
            let turned = _mm256_or_si256(_mm256_slli_epi32::<$left>(sum), _mm256_srli_epi32::<{ 32 - $left }>(sum));
            $a = _mm256_add_epi32(turned, $b);
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

    #[allow(clippy::needless_range_loop, reason = "eight slices are gone through at once")]
    #[target_feature(enable = "avx2")]
    pub(super) fn md5(state: &mut [[u32; 8]; 4], streams: &[&[[u8; 64]]; 8], sines: &[u32; 64]) {
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
            let half =
                |h| [part(0, h), part(1, h), part(2, h), part(3, h), part(4, h), part(5, h), part(6, h), part(7, h)];
            let (low, high) = (transpose(half(0)), transpose(half(1)));
            let word = |i: usize| if i % 16 < 8 { low[i % 8] } else { high[i % 8] };
            let add =
                |i: usize, sine: usize| _mm256_add_epi32(word(i), _mm256_set1_epi32(sines[sine % 64].cast_signed()));
            let mut s = sums;
            round!(first, s, |i: usize| add(i, i), 7, 12, 17, 22);
            round!(second, s, |i: usize| add(5 * i + 1, 16 + i), 5, 9, 14, 20);
            round!(third, s, |i: usize| add(3 * i + 5, 32 + i), 4, 11, 16, 23);
            round!(fourth, s, |i: usize| add(7 * i, 48 + i), 6, 10, 15, 21);
            let sum = |i: usize| _mm256_add_epi32(sums[i], s[i]);
            sums = [sum(0), sum(1), sum(2), sum(3)];
        }
        for (words, sum) in state.iter_mut().zip(sums) {
            // SAFETY: there are 32 bytes; they need not be aligned.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), sum) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_those_of_the_bytes() {
        let text: Vec<u8> = (0..1000_usize).map(|i| b"\"a%+,\"!"[i * i % 7]).collect();
        for length in [0, 1, 63, 64, 65, 127, 128, 1000] {
            let text = &text[..length];
            let (mut quotes, mut escapes) = (vec![7], vec![7]);
            assert!(marks(text, &mut quotes, &mut escapes), "ASCII");
            assert_eq!((quotes.len(), escapes.len()), (length / 64 + 1, length / 64 + 1));
            for i in 0..quotes.len() * 64 {
                let byte = text.get(i).copied().unwrap_or_default();
                assert_eq!(quotes[i / 64] >> (i % 64) & 1 == 1, byte == b'"', "{i}");
                assert_eq!(escapes[i / 64] >> (i % 64) & 1 == 1, byte == b'%' || byte == b'+', "{i}");
            }
            let mut twin = (Vec::new(), Vec::new());
            portable::marks(text.as_chunks().0, &mut twin.0, &mut twin.1);
            assert_eq!((&quotes[..length / 64], &escapes[..length / 64]), (twin.0.as_slice(), twin.1.as_slice()));
        }
    }

    #[test]
    fn a_byte_beyond_ascii_is_noticed_wherever_it_stands() {
        for at in 0..200 {
            let mut text = [b'a'; 200];
            text[at] = 0x80;
            let (mut quotes, mut escapes) = (Vec::new(), Vec::new());
            assert!(!marks(&text, &mut quotes, &mut escapes), "{at}");
            assert_eq!(portable::marks(text.as_chunks().0, &mut quotes, &mut escapes), at >= 192, "{at}");
        }
    }
}

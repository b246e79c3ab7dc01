//! What vector instructions do faster than any portable code, where the processor has them: the only module with `unsafe`, which is there to
//! call what was compiled for such a processor once it is known to be one, to load vectors from slices of known length, to prefetch, and to ask for large pages.
//! Every function has a portable twin, which tests and fuzz targets hold it against. Calls nothing of AWS.
#![allow(unsafe_code, reason = "calling functions of a target feature, vector loads and prefetching have no safe form")]

/// Where the quotes of a text are, and what may be encoded in it. Its buffers are kept from one text to the next.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// The place of each quote, in order; what stands after `quotes` of them means nothing.
    places: Vec<u32>,
    quotes: usize,
    /// A bit for each quote: 64 bytes a word, the first byte's lowest.
    bits: Vec<u64>,
    /// So for each `%` and `+`.
    escapes: Vec<u64>,
    high: bool,
}

impl Marks {
    /// The places of all quotes, in order.
    #[inline]
    pub(crate) fn quotes(&self) -> &[u32] {
        &self.places[..self.quotes]
    }

    /// A bit for each `%` and `+`, the first byte's lowest.
    #[inline]
    pub(crate) fn escapes(&self) -> &[u64] {
        &self.escapes
    }

    /// Whether all of the text is ASCII.
    pub(crate) fn is_ascii(&self) -> bool {
        !self.high
    }

    /// Goes through a text, of less than 2^32 bytes.
    pub(crate) fn find(&mut self, text: &[u8]) {
        (self.quotes, self.high) = (0, false);
        self.bits.clear();
        self.escapes.clear();
        let (blocks, rest) = text.as_chunks::<64>();
        let mut tail = [[0; 64]];
        tail[0][..rest.len()].copy_from_slice(rest);
        for blocks in [blocks, &tail] {
            #[cfg(target_arch = "x86_64")]
            if avx2::is_there() {
                // SAFETY: the processor has AVX2.
                unsafe { avx2::marks(blocks, self) };
                continue;
            }
            portable::marks(blocks, self);
        }
        #[cfg(target_arch = "x86_64")]
        if avx2::is_there() {
            // SAFETY: the processor has the instructions for bits that AVX2 came with.
            return unsafe { avx2::place(self) };
        }
        self.place();
    }

    /// Makes places of bits.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "into what is compiled for the processor")]
    fn place(&mut self) {
        for (block, bits) in self.bits.iter().enumerate() {
            if self.places.len() < self.quotes + 64 {
                self.places.resize(2 * self.quotes + 1024, 0);
            }
            let Some(places) = self.places[self.quotes..].first_chunk_mut::<64>() else { return };
            #[allow(clippy::cast_possible_truncation)] // of less than 2^32 bytes
            let start = (block * 64) as u32;
            let mut bits = *bits;
            self.quotes += bits.count_ones() as usize;
            // Eight at a time, whether there are as many or not: that needs no decision that could be guessed wrongly.
            for places in places.as_chunks_mut::<8>().0 {
                for place in places {
                    *place = start + bits.trailing_zeros();
                    bits &= bits.wrapping_sub(1);
                }
                if bits == 0 {
                    break;
                }
            }
        }
    }
}

/// Four times NH of UMAC over the words of `head` and the fields, each filled up with zeros to whole words of 8 bytes, with `keys` for each word: the sum of
/// the products of both halves, when the key's halves are added to them. A word without a key does not count.
pub(crate) fn nh(head: &[u64; 3], fields: &[&[u8]; 4], keys: &[[u64; 4]]) -> [u64; 4] {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_there() {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2::nh(head, fields, keys) };
    }
    portable::nh(head, fields, keys)
}

/// The last bytes of a field as a word, less than 8.
#[inline(always)]
#[allow(clippy::inline_always, reason = "into what is compiled for the processor")]
fn last_word(field: &[u8], rest: &[u8]) -> u64 {
    match field.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last) >> (64 - 8 * rest.len()),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Adds blocks to eight MD5s at once: as many as the shortest stream has. `state[word][stream]`. False, if this processor cannot.
pub(crate) fn md5(state: &mut [[u32; 8]; 4], streams: &[&[[u8; 64]]; 8], sines: &[u32; 64]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_there() {
        if avx2::has_avx512() {
            // SAFETY: the processor has AVX2 and AVX-512.
            unsafe { avx2::md5_at_once(state, streams, sines) };
        } else {
            // SAFETY: the processor has AVX2.
            unsafe { avx2::md5(state, streams, sines) };
        }
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

/// Asks the system to give this memory in pages of megabytes when it is first used: of random places in small pages, a processor does not know most. Nothing
/// but time depends on whether it does.
pub(crate) fn want_large_pages<T>(memory: &mut [std::mem::MaybeUninit<T>]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let start = memory.as_mut_ptr().cast::<u8>();
        let skipped = start.align_offset(PAGE);
        let length = std::mem::size_of_val(memory).saturating_sub(skipped) / PAGE * PAGE;
        if length > 0 {
            // SAFETY: whole pages within the slice; the advice changes neither what is in them nor who may use them.
            unsafe { libc::madvise(start.add(skipped).cast(), length, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

mod portable {
    use wide::u8x16;

    pub(super) fn nh(head: &[u64; 3], fields: &[&[u8]; 4], keys: &[[u64; 4]]) -> [u64; 4] {
        let mut sums = [0; 4];
        let mut keys = keys.iter();
        let mut add = |word: u64| {
            let Some(keys) = keys.next() else { return };
            for (sum, key) in sums.iter_mut().zip(keys) {
                let halves = |number: u64| [number & 0xffff_ffff, number >> 32];
                let ([a, b], [c, d]) = (halves(word), halves(*key));
                *sum = u64::wrapping_add(*sum, ((a + c) & 0xffff_ffff).wrapping_mul((b + d) & 0xffff_ffff));
            }
        };
        head.iter().for_each(|word| add(*word));
        for field in fields {
            let (words, rest) = field.as_chunks::<8>();
            words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
            if !rest.is_empty() {
                add(super::last_word(field, rest));
            }
        }
        sums
    }

    pub(super) fn marks(blocks: &[[u8; 64]], marks: &mut super::Marks) {
        let [quote, percent, plus] = [b'"', b'%', b'+'].map(u8x16::splat);
        for block in blocks {
            let (mut at_quotes, mut at_escapes) = (0, 0);
            for (i, part) in block.as_chunks::<16>().0.iter().enumerate() {
                let part = u8x16::new(*part);
                marks.high |= part.to_bitmask() != 0;
                at_quotes |= u64::from(part.simd_eq(quote).to_bitmask()) << (16 * i);
                at_escapes |= u64::from((part.simd_eq(percent) | part.simd_eq(plus)).to_bitmask()) << (16 * i);
            }
            marks.bits.push(at_quotes);
            marks.escapes.push(at_escapes);
        }
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

    /// Whether the processor has AVX2, and what came with it.
    pub(super) fn is_there() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    pub(super) fn place(marks: &mut super::Marks) {
        marks.place();
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn marks(blocks: &[[u8; 64]], marks: &mut super::Marks) {
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
        let before = marks.bits.len();
        marks.bits.resize(before + blocks.len(), 0);
        marks.escapes.resize(before + blocks.len(), 0);
        let into = marks.bits[before..].iter_mut().zip(&mut marks.escapes[before..]);
        for (block, (quotes, escapes)) in blocks.iter().zip(into) {
            (*quotes, *escapes) = mark(block);
        }
        marks.high |= _mm256_movemask_epi8(all) != 0;
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn nh(head: &[u64; 3], fields: &[&[u8]; 4], mut keys: &[[u64; 4]]) -> [u64; 4] {
        let mut sums = _mm256_setzero_si256();
        let product = |word: u64, keys: &[u64; 4]| {
            // SAFETY: there are 32 bytes; they need not be aligned.
            let keys = unsafe { _mm256_loadu_si256(keys.as_ptr().cast()) };
            let added = _mm256_add_epi32(_mm256_set1_epi64x(word.cast_signed()), keys);
            _mm256_mul_epu32(added, _mm256_srli_epi64::<32>(added))
        };
        for (word, keys) in head.iter().zip(keys) {
            sums = _mm256_add_epi64(sums, product(*word, keys));
        }
        keys = keys.get(head.len()..).unwrap_or_default();
        for field in fields {
            let (words, rest) = field.as_chunks::<8>();
            for (word, keys) in words.iter().zip(keys) {
                sums = _mm256_add_epi64(sums, product(u64::from_le_bytes(*word), keys));
            }
            keys = keys.get(words.len()..).unwrap_or_default();
            if !rest.is_empty()
                && let Some((key, others)) = keys.split_first()
            {
                sums = _mm256_add_epi64(sums, product(super::last_word(field, rest), key));
                keys = others;
            }
        }
        let mut into = [0; 4];
        // SAFETY: there are 32 bytes; they need not be aligned.
        unsafe { _mm256_storeu_si256(into.as_mut_ptr().cast(), sums) };
        into
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marks of a text, as the processor makes them and as any does.
    fn both(text: &[u8]) -> [Marks; 2] {
        let (mut fast, mut twin) = (Marks::default(), Marks::default());
        fast.find(b"\"a text before\" \xff");
        fast.find(text);
        let mut padded = text.to_vec();
        padded.resize(text.len() / 64 * 64 + 64, 0);
        portable::marks(padded.as_chunks().0, &mut twin);
        twin.place();
        [fast, twin]
    }

    #[test]
    fn marks_are_those_of_the_bytes() {
        let text: Vec<u8> = (0..5000_usize).map(|i| b"\"a%+,\"!"[i * i % 7]).collect();
        for text in [text.as_slice(), &[b'"'; 5000], &[b'x'; 200]] {
            for length in [0, 1, 63, 64, 65, 127, 128, 200, 5000] {
                let text = &text[..length.min(text.len())];
                for marks in both(text) {
                    let places = text.iter().enumerate().filter(|(_, byte)| **byte == b'"').map(|(i, _)| i as u32);
                    assert_eq!(marks.quotes(), places.collect::<Vec<_>>(), "{length}");
                    assert_eq!(marks.escapes().len(), text.len() / 64 + 1);
                    for i in 0..marks.escapes().len() * 64 {
                        let byte = text.get(i).copied().unwrap_or_default();
                        assert_eq!(marks.escapes()[i / 64] >> (i % 64) & 1 == 1, byte == b'%' || byte == b'+', "{i}");
                    }
                    assert!(marks.is_ascii());
                }
            }
        }
    }

    #[test]
    fn a_byte_beyond_ascii_is_noticed_wherever_it_stands() {
        for at in 0..200 {
            let mut text = [b'a'; 200];
            text[at] = 0x80;
            assert!(both(&text).iter().all(|marks| !marks.is_ascii()), "{at}");
        }
    }
}

//! What vector instructions do faster than any portable code, where the processor has them: with `avx2`, the only module with `unsafe`, which is there to
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
        for word in head {
            add(*word);
        }
        for field in fields {
            let (words, rest) = field.as_chunks::<8>();
            for word in words {
                add(u64::from_le_bytes(*word));
            }
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
mod avx2;

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
                    let places = text
                        .iter()
                        .enumerate()
                        .filter(|(_, byte)| **byte == b'"')
                        .map(|(i, _)| u32::try_from(i).unwrap());
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
    fn sums_are_the_same_with_and_without_the_processor_s_own_instructions() {
        let keys: Vec<[u64; 4]> =
            (1..40_u64).map(|i| std::array::from_fn(|j| u64::MAX / (i + 50 * j as u64))).collect();
        let text: Vec<u8> = (0..300_usize).map(|i| u8::try_from(i * i % 251).unwrap()).collect();
        for length in (0..20).chain([31, 32, 33, 64, 100, 250]) {
            let fields = [&text[..length], &text[..length / 2], &[], &text[7..7 + length]];
            for keys in [&keys[..], &keys[..2], &keys[..5]] {
                let head = [length as u64, u64::MAX, 1 << 40];
                assert_eq!(nh(&head, &fields, keys), portable::nh(&head, &fields, keys), "{length}");
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

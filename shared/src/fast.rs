//! What vector instructions do faster than any portable code, where the processor has them. With `avx2`, `avx512` and `isal`, the only module with `unsafe`, which
//! is there to call what was compiled for such a processor once it is known to be one, to load and store vectors in slices of known length, to prefetch, and to ask for
//! large pages. Every function has a twin in `portable`, which tests and fuzz targets hold it against. Calls nothing of AWS.
#![allow(unsafe_code, reason = "calling functions of a target feature, vector loads and prefetching have no safe form")]

#[cfg(feature = "isal")]
mod isal;
mod marks;
mod portable;

#[cfg(feature = "isal")]
pub(crate) use isal::Isal;
pub(crate) use marks::Marks;

/// Marks what these blocks of a text are.
fn mark(blocks: &[[u8; 64]], scan: &mut marks::Scan, marks: &mut Marks) {
    #[cfg(target_arch = "x86_64")]
    if avx512::is_there() {
        // SAFETY: the processor has these parts of AVX-512, and the instructions for bits that came with AVX2.
        return unsafe { avx512::mark(blocks, scan, marks) };
    } else if avx2::is_there() {
        // SAFETY: the processor has AVX2 and the instructions for bits that came with it.
        return unsafe { avx2::mark(blocks, scan, marks) };
    }
    portable::mark(blocks, scan, marks);
}

/// Whether text is percent-encoded in the one way in which a form is, but for slashes: a `+` for each space, and all bytes but letters, digits and `-_.*/`
/// as `%` and two digits of upper case. If so, whether there is a byte beyond ASCII among those.
#[inline]
pub(crate) fn canonical(encoded: &[u8]) -> Option<bool> {
    #[cfg(target_arch = "x86_64")]
    if avx512::is_there() {
        // SAFETY: the processor has these parts of AVX-512.
        return unsafe { avx512::canonical(encoded) };
    }
    portable::canonical(encoded)
}

/// Keys of [`nh`] for up to [`WORDS`] words: three for each, those of eight words and one sum side by side.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct NhKeys([Block; WORDS / 8]);

/// The keys of eight words.
type Block = [[u64; 8]; SUMS];

/// Sums that [`nh`] makes side by side.
pub(crate) const SUMS: usize = 3;

/// Words that [`nh`] has keys for.
pub(crate) const WORDS: usize = 512;

impl NhKeys {
    /// The keys of each word.
    pub(crate) fn new(mut of: impl FnMut(usize) -> [u64; SUMS]) -> Box<Self> {
        let mut keys = Box::new(Self([[[0; 8]; SUMS]; WORDS / 8]));
        for (index, block) in keys.0.iter_mut().enumerate() {
            for word in 0..8 {
                for (keys, key) in block.iter_mut().zip(of(8 * index + word)) {
                    keys[word] = key;
                }
            }
        }
        keys
    }
}

/// Adds to `sums`, for each of a word's keys, NH of UMAC over bytes that are filled up with zeros to blocks of eight words of 8 bytes: the sum of the products of both halves
/// of each word, when the key's halves are added to them. Bytes beyond what there are keys for do not count.
#[inline]
pub(crate) fn nh(bytes: &[u8], keys: &NhKeys, sums: &mut [u64; SUMS]) {
    #[cfg(target_arch = "x86_64")]
    if avx512::is_there() {
        // SAFETY: the processor has these parts of AVX-512.
        return unsafe { avx512::nh(bytes, &keys.0, sums) };
    } else if avx2::is_there() {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2::nh(bytes, &keys.0, sums) };
    }
    portable::nh(bytes, &keys.0, sums);
}

/// The keys of a hash of eight texts: those of [`nh`], those of a word that is a text's length, and by what the lower and upper halves of the sums are multiplied, and
/// what is added.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) words: Box<NhKeys>,
    pub(crate) length: [u64; SUMS],
    pub(crate) factors: [u128; 2 * SUMS],
    pub(crate) constant: u128,
}

/// For each of eight texts, of up to 8 [`WORDS`] bytes: its sums by [`nh`], with its length as one word more, and the sum of the products of their halves, modulo 2^128.
/// None, if this processor does not do that faster than one by one.
#[inline]
pub(crate) fn hash_eight(texts: &[&[u8]; 8], keys: &Keys) -> Option<[u128; 8]> {
    #[cfg(target_arch = "x86_64")]
    if avx512::is_there() {
        // SAFETY: the processor has these parts of AVX-512.
        return Some(unsafe { avx512::hash_eight(texts, keys, &keys.words.0) });
    }
    let _ = (texts, keys);
    None
}

/// Adds blocks to sixteen MD5s at once: as many as the shortest stream has. `state[word][stream]`. False, if this processor cannot.
pub(crate) fn md5(state: &mut [[u32; 16]; 4], streams: &[&[[u8; 64]]; 16], sines: &[u32; 64]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if avx512::is_there() {
        // SAFETY: the processor has these parts of AVX-512.
        unsafe { avx512::md5(state, streams, sines) };
        return true;
    } else if avx2::is_there() {
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

/// Gives memory that was freed back to the system, where the allocator keeps it: what was freed in small pieces, between others that are in use, it does not give back
/// by itself, and it has no use for it when large ones are asked for.
pub(crate) fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it only changes what nobody uses.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that look like S3's, and others, of two fields.
    fn texts() -> Vec<Vec<u8>> {
        let row = |i: usize| format!("\"b\",\"{}\"\n", "k".repeat(i * i % 150));
        let mut texts: Vec<String> = (0..70).map(|rows| (0..rows).map(row).collect()).collect();
        let plain: String = (0..20).map(row).collect();
        texts.push("x".repeat(500));
        texts.extend((0..plain.len()).map(|end| plain[..end].to_owned()));
        texts.into_iter().map(String::into_bytes).collect()
    }

    /// What each kind of processor makes of a text: all there is to its marks.
    fn all_marks(text: &[u8], width: usize) -> Vec<(Option<usize>, Vec<u32>, bool)> {
        type Mark = fn(&[[u8; 64]], &mut marks::Scan, &mut Marks);
        let mut kinds: Vec<Mark> = vec![portable::mark];
        #[cfg(target_arch = "x86_64")]
        {
            if avx2::is_there() {
                // SAFETY: the processor has AVX2 and the instructions for bits that came with it.
                kinds.push(|blocks, scan, marks| unsafe { avx2::mark(blocks, scan, marks) });
            }
            if avx512::is_there() {
                // SAFETY: the processor has these parts of AVX-512.
                kinds.push(|blocks, scan, marks| unsafe { avx512::mark(blocks, scan, marks) });
            }
        }
        kinds
            .into_iter()
            .map(|kind| {
                let mut marks = Marks::default();
                marks.find_by(kind, b"\"a text before\",\"\xff\"\n");
                marks.find_by(kind, text);
                (marks.rows(text, width), marks.opens().to_vec(), marks.is_ascii())
            })
            .collect()
    }

    #[test]
    fn fields_open_after_a_quote_and_a_comma_or_line_end_and_at_the_start() {
        for text in texts() {
            let opens = |i: &usize| {
                let is = |at: usize, bytes: &[u8]| text.get(at).is_none_or(|byte| bytes.contains(byte));
                is(*i, b"\"") && (*i == 0 && !text.is_empty() || *i > 1 && is(*i - 1, b",\n") && is(*i - 2, b"\""))
            };
            let expected: Vec<_> = (0..=text.len()).filter(opens).map(|i| u32::try_from(i).unwrap()).collect();
            for (_, found, is_ascii) in all_marks(&text, 2) {
                assert!(is_ascii);
                if !text.is_empty() {
                    assert_eq!(found, expected, "{}", String::from_utf8_lossy(&text));
                }
            }
        }
    }

    #[test]
    fn rows_are_counted_only_if_all_are_plain() {
        let plain = b"\"b\",\"k\"\n".repeat(40);
        let odd: [&[u8]; 11] = [
            b"\"b\",\"a\"\"b\"\n",
            b"\"b\",\"a\"\",\"\"b\"\n",
            b"\"b\",\",\",\"\"\n",
            b"\"b\",k\n",
            b"b,\"k\"\n",
            b"\"b\"\n",
            b"\"b\",\"k\",\"k\"\n",
            b"\"b\",\"k\"\r\n",
            b"\"b\", \"k\"\n",
            b"\n",
            b"\"\"\"b\",\"k\"\n",
        ];
        for before in 0..30 {
            for odd in odd {
                let text = [&plain[..before * 8], odd, &plain].concat();
                for (rows, ..) in all_marks(&text, 2) {
                    assert_eq!(rows, None, "{before} {}", String::from_utf8_lossy(odd));
                }
            }
            // What is cut off does not make the rows before it less plain.
            for end in 0..8 {
                let text = &plain[..before * 8 + end];
                for (rows, opens, _) in all_marks(text, 2) {
                    assert_eq!(rows.unwrap_or(0), before, "{end}");
                    assert!(before == 0 || opens[2 * before] as usize == 8 * before);
                }
            }
        }
    }

    #[test]
    fn a_byte_beyond_ascii_is_noticed_wherever_it_stands() {
        for at in 0..200 {
            let mut text = [b'a'; 200];
            text[at] = 0x80;
            assert!(all_marks(&text, 1).iter().all(|(.., is_ascii)| !is_ascii), "{at}");
        }
    }

    /// What any processor finds, which is to be what this one does.
    fn is_canonical(encoded: &[u8]) -> Option<bool> {
        let found = portable::canonical(encoded);
        assert_eq!(canonical(encoded), found, "{}", String::from_utf8_lossy(encoded));
        found
    }

    #[test]
    fn what_is_encoded_in_one_way_only_is_canonical_wherever_it_stands() {
        let wherever = |encoded: &[u8], expected| {
            for before in 0..140 {
                for after in [0, 1, 2, 70] {
                    let text = [&vec![b'a'; before], encoded, &vec![b'/'; after]].concat();
                    assert_eq!(is_canonical(&text), expected, "{}", String::from_utf8_lossy(&text));
                }
            }
        };
        wherever(b"", Some(false));
        wherever(b"+-_.*/azAZ09", Some(false));
        wherever(b"%2B%25%20x", None);
        wherever(b"%2B%25%7F", Some(false));
        wherever(b"%C3%A4", Some(true));
        wherever("\u{e4}".as_bytes(), None);
        wherever(b"%zz", None);
    }

    #[test]
    fn each_byte_is_canonical_either_as_it_is_or_escaped() {
        for byte in 0..=255_u8 {
            let plain = byte.is_ascii_alphanumeric() || b"-_.*/".contains(&byte);
            assert_eq!(is_canonical(&[byte]).is_some(), plain || byte == b'+', "{byte}");
            let escaped = format!("%{byte:02X}");
            assert_eq!(is_canonical(escaped.as_bytes()), (!plain && byte != b' ').then_some(byte > 0x7f), "{escaped}");
            let lower = escaped.to_lowercase();
            assert_eq!(is_canonical(lower.as_bytes()).is_some(), lower == escaped && !plain && byte != b' ', "{lower}");
        }
    }

    #[test]
    fn a_percent_sign_without_two_hex_digits_is_wrong_wherever_it_stands() {
        for byte in 0..=255_u8 {
            let digit = byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
            for before in [0, 1, 5, 61, 62, 63, 64, 65, 130] {
                let start = [&vec![b'a'; before], b"%".as_slice()].concat();
                // 4C and 6C would be letters.
                for (text, right) in [
                    ([&start[..], &[byte, b'C', b'x']].concat(), digit && !b"46".contains(&byte)),
                    ([&start[..], &[b'C', byte]].concat(), digit),
                    ([&start[..], &[byte]].concat(), false),
                ] {
                    assert_eq!(is_canonical(&text).is_some(), right, "{}", String::from_utf8_lossy(&text));
                }
            }
        }
        assert_eq!(is_canonical(b"%"), None);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn md5s_are_the_same_with_avx2_and_with_avx512() {
        let text: Vec<u8> = (0..16 * 64 * 5_u32).map(|i| u8::try_from(i * i % 251).unwrap()).collect();
        let streams: [&[[u8; 64]]; 16] = std::array::from_fn(|i| text[i * 320..(i + 1) * 320].as_chunks().0);
        let sines = std::array::from_fn(|i| u32::MAX / (u32::try_from(i).unwrap() + 3));
        let start: [[u32; 16]; 4] = std::array::from_fn(|i| [u32::MAX / (u32::try_from(i).unwrap() + 7); 16]);
        let (mut older, mut newer) = (start, start);
        if avx512::is_there() {
            // SAFETY: the processor has AVX2 and these parts of AVX-512.
            unsafe {
                avx2::md5(&mut older, &streams, &sines);
                avx512::md5(&mut newer, &streams, &sines);
            }
            assert_eq!(older, newer);
            assert_ne!(older, start);
        }
    }

    #[test]
    fn sums_are_the_same_with_and_without_the_processor_s_own_instructions() {
        let keys = NhKeys::new(|i| std::array::from_fn(|j| u64::MAX / (i as u64 + 50 * j as u64 + 1)));
        let text: Vec<u8> = (0..8 * WORDS + 100).map(|i| u8::try_from(i * i % 251).unwrap()).collect();
        for length in (0..200).chain([8 * WORDS - 1, 8 * WORDS, 8 * WORDS + 1, text.len()]) {
            let start = [u64::MAX / 3, 7, u64::MAX];
            let (mut portable, mut this) = (start, start);
            portable::nh(&text[..length], &keys.0, &mut portable);
            nh(&text[..length], &keys, &mut this);
            assert_eq!(this, portable, "{length}");
            #[cfg(target_arch = "x86_64")]
            if avx2::is_there() {
                let mut older = start;
                // SAFETY: the processor has AVX2.
                unsafe { avx2::nh(&text[..length], &keys.0, &mut older) };
                assert_eq!(older, portable, "{length}");
            }
        }
    }
}

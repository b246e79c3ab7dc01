//! What vector instructions do faster than any portable code, where the processor has them. With `avx2` and `avx512`, the only module with `unsafe`, which
//! is there to call what was compiled for such a processor once it is known to be one, to load and store vectors in slices of known length, to prefetch, and to ask for
//! large pages. Every function has a twin in `portable`, which tests and fuzz targets hold it against. Calls nothing of AWS.
#![allow(unsafe_code, reason = "calling functions of a target feature, vector loads and prefetching have no safe form")]

mod marks;
mod portable;

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

/// Bytes that [`unescape`] may write beyond what it made.
const BEYOND: usize = 64;

/// Puts into `into` what is escaped by `%` and two hex digits, with a space for each `+`, and says how many bytes that are, and whether any byte beyond
/// ASCII was escaped. None, if there is a `%` without its digits.
#[inline]
pub(crate) fn unescape(escaped: &[u8], into: &mut Vec<u8>) -> Option<(usize, bool)> {
    if into.len() < escaped.len() + BEYOND {
        into.resize(2 * escaped.len() + BEYOND, 0);
    }
    #[cfg(target_arch = "x86_64")]
    if avx512::is_there() {
        // SAFETY: the processor has these parts of AVX-512.
        return unsafe { avx512::unescape(escaped, into) };
    }
    portable::unescape(escaped, into)
}

/// Four times NH of UMAC over the words of `head` and the fields, each filled up with zeros to whole words of 8 bytes, with `keys` for each word: the sum of
/// the products of both halves, when the key's halves are added to them. A word without a key does not count.
#[inline]
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

    /// What any processor makes of it, which is to be what this one does.
    fn unescaped(escaped: &[u8]) -> Option<(Vec<u8>, bool)> {
        let (mut fast, mut slow) = (b"before".to_vec(), vec![0; escaped.len() + BEYOND]);
        let found = portable::unescape(escaped, &mut slow).map(|(length, high)| (slow[..length].to_vec(), high));
        let this = unescape(escaped, &mut fast).map(|(length, high)| (fast[..length].to_vec(), high));
        assert_eq!(this, found, "{}", String::from_utf8_lossy(escaped));
        found
    }

    #[test]
    fn escapes_are_read_wherever_they_stand() {
        let is = |escaped: &str, plain: &[u8], high| {
            for before in 0..140 {
                for after in [0, 1, 2, 70] {
                    let text = format!("{}{escaped}{}", "a".repeat(before), "/".repeat(after));
                    let expected = [&vec![b'a'; before], plain, &vec![b'/'; after]].concat();
                    assert_eq!(unescaped(text.as_bytes()), Some((expected, high)));
                }
            }
        };
        is("", b"", false);
        is("+", b" ", false);
        is("%20%2B%2b+x", b" ++ x", false);
        is("%C3%A4", "\u{e4}".as_bytes(), true);
        is("\u{e4}%41", "\u{e4}A".as_bytes(), false);
        is("%00%7F%80%ff", b"\0\x7f\x80\xff", true);
        is("%25%25%2541", b"%%%41", false);
    }

    #[test]
    fn a_percent_sign_without_two_hex_digits_is_wrong_wherever_it_stands() {
        for byte in 0..=255_u8 {
            let digit = byte.is_ascii_hexdigit();
            for before in [0, 1, 5, 61, 62, 63, 64, 65, 130] {
                let start = [&vec![b'a'; before], b"%".as_slice()].concat();
                for (text, right) in [
                    ([&start[..], &[byte, b'1', b'x']].concat(), digit),
                    ([&start[..], &[b'1', byte]].concat(), digit),
                    ([&start[..], &[byte]].concat(), false),
                ] {
                    assert_eq!(unescaped(&text).is_some(), right);
                }
            }
        }
        assert_eq!(unescaped(b"%"), None);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn md5s_are_the_same_with_avx2_and_with_avx512() {
        let text: Vec<u8> = (0..8 * 64 * 5_u32).map(|i| u8::try_from(i * i % 251).unwrap()).collect();
        let streams: [&[[u8; 64]]; 8] = std::array::from_fn(|i| text[i * 320..(i + 1) * 320].as_chunks().0);
        let sines = std::array::from_fn(|i| u32::MAX / (u32::try_from(i).unwrap() + 3));
        let start: [[u32; 8]; 4] = std::array::from_fn(|i| [u32::MAX / (u32::try_from(i).unwrap() + 7); 8]);
        let (mut older, mut newer) = (start, start);
        if avx2::is_there() && avx2::has_avx512() {
            // SAFETY: the processor has AVX2 and AVX-512.
            unsafe {
                avx2::md5(&mut older, &streams, &sines);
                avx2::md5_at_once(&mut newer, &streams, &sines);
            }
            assert_eq!(older, newer);
            assert_ne!(older, start);
        }
    }

    #[test]
    fn sums_are_the_same_with_and_without_the_processor_s_own_instructions() {
        let keys: Vec<[u64; 4]> =
            (1..150_u64).map(|i| std::array::from_fn(|j| u64::MAX / (i + 50 * j as u64))).collect();
        let text: Vec<u8> = (0..300_usize).map(|i| u8::try_from(i * i % 251).unwrap()).collect();
        for length in (0..40).chain([63, 64, 65, 100, 250]) {
            for fields in [
                [&text[..length], &text[..length / 2], &[], &text[7..7 + length]],
                [&text[..length], &[], &text[..32], &text[..24]],
            ] {
                for keys in [&keys[..], &keys[..2], &keys[..5]] {
                    let head = [length as u64, u64::MAX, 1 << 40];
                    assert_eq!(nh(&head, &fields, keys), portable::nh(&head, &fields, keys), "{length}");
                }
            }
        }
    }
}

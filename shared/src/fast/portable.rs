//! The twins of what processors do faster: any processor can do these.

use wide::u8x16;

use super::marks::{self, Marks, Scan};
use super::{Block, SUMS};

pub(super) fn mark(blocks: &[[u8; 64]], scan: &mut Scan, marks: &mut Marks) {
    let [quote, comma, line_end] = [b'"', b',', b'\n'].map(u8x16::splat);
    for block in blocks {
        let mut found = marks::Block::default();
        for (i, part) in block.as_chunks::<16>().0.iter().enumerate() {
            let part = u8x16::new(*part);
            let bits = |equal: u8x16| u64::from(equal.to_bitmask()) << (16 * i);
            found.quotes |= bits(part.simd_eq(quote));
            found.commas |= bits(part.simd_eq(comma));
            found.line_ends |= bits(part.simd_eq(line_end));
            marks.high |= part.to_bitmask() != 0;
        }
        let opens = scan.add(found);
        let Some(places) = scan.places(opens, marks) else { return };
        Scan::place(opens, scan.at(), places);
        scan.pass();
    }
}

pub(super) fn nh(bytes: &[u8], keys: &[Block], sums: &mut [u64; SUMS]) {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let mut tail = [0; 64];
    tail[..rest.len()].copy_from_slice(rest);
    let tail = if rest.is_empty() { None } else { Some(&tail) };
    for (block, keys) in blocks.iter().chain(tail).zip(keys) {
        for (sum, keys) in sums.iter_mut().zip(keys) {
            for (word, key) in block.as_chunks::<8>().0.iter().zip(keys) {
                let halves = |number: u64| [number & 0xffff_ffff, number >> 32];
                let ([a, b], [c, d]) = (halves(u64::from_le_bytes(*word)), halves(*key));
                *sum = sum.wrapping_add(((a + c) & 0xffff_ffff).wrapping_mul((b + d) & 0xffff_ffff));
            }
        }
    }
}

pub(super) fn canonical(encoded: &[u8]) -> Option<bool> {
    let (mut rest, mut beyond_ascii) = (encoded, false);
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte == b'%' {
            let [high, low, after @ ..] = after else { return None };
            let byte = digit(*high)? << 4 | digit(*low)?;
            if is_plain(byte) || byte == b' ' {
                return None;
            }
            beyond_ascii |= !byte.is_ascii();
            rest = after;
        } else if !is_plain(*byte) && *byte != b'+' {
            return None;
        }
    }
    Some(beyond_ascii)
}

/// Whether a byte is not escaped.
pub(super) const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*' | b'/')
}

/// The value of a hex digit of upper case.
pub(super) const fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

//! The twins of what processors do faster: any processor can do these.

use wide::u8x16;

use super::marks::{Block, Marks, Scan};

pub(super) fn mark(blocks: &[[u8; 64]], scan: &mut Scan, marks: &mut Marks) {
    let [quote, comma, line_end] = [b'"', b',', b'\n'].map(u8x16::splat);
    for block in blocks {
        let mut found = Block::default();
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

/// As [`super::unescape`]; `into` has room for eight bytes more than `escaped` has.
pub(super) fn unescape(escaped: &[u8], into: &mut [u8]) -> Option<(usize, bool)> {
    let (mut from, mut to, mut seen) = (0, 0, 0);
    while let Some(&byte) = escaped.get(from) {
        if let Some(eight) = escaped[from..].first_chunk::<8>() {
            let plain = plain_bytes(*eight);
            if plain > 0 {
                // Of which the last may be too many.
                into[to..to + 8].copy_from_slice(eight);
                (from, to) = (from + plain, to + plain);
                continue;
            }
        }
        from += 1;
        let decoded = match byte {
            b'%' => {
                let [high, low] = escaped.get(from..from + 2)?.try_into().ok()?;
                let (high, low) = (HEX[usize::from(high)], HEX[usize::from(low)]);
                if high | low == NO_DIGIT {
                    return None;
                }
                from += 2;
                high << 4 | low
            }
            b'+' => b' ',
            plain => plain,
        };
        seen |= if byte == b'%' { decoded } else { 0 };
        into[to] = decoded;
        to += 1;
    }
    Some((to, !seen.is_ascii()))
}

/// How many of these bytes come before the first `%` or `+`.
fn plain_bytes(eight: [u8; 8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let word = u64::from_le_bytes(eight);
    // The lowest high bit that is set is at the first byte that is zero; those above it may be set for nothing.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let marks = zero(word ^ (ONES * u64::from(b'%'))) | zero(word ^ (ONES * u64::from(b'+')));
    (marks.trailing_zeros() / 8) as usize
}

/// No hex digit: no other value has these bits, nor has any two of them together.
const NO_DIGIT: u8 = 0xff;

/// The value of each hex digit.
const HEX: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let digits = b"0123456789abcdef";
    let mut value = 0_u8;
    while value < 16 {
        let digit = digits[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

//! The fields of a row, read: a key decoded, a size, a time in one form. Of bytes that the reader has found to be UTF-8. Calls nothing.

use std::borrow::Cow;

use super::row::{RowError, Span};

/// A time in UTC with three decimals: `2026-01-31T00:00:00.000Z`. What is written so already is not copied.
pub(super) fn canonical_time(text: &[u8]) -> Result<Cow<'_, [u8]>, RowError> {
    if text.is_empty() || is_canonical(text) {
        return Ok(Cow::Borrowed(text));
    }
    let wrong = || RowError::Time(excerpt(text));
    let time: jiff::Timestamp = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).ok_or_else(wrong)?;
    let form = if time.subsec_nanosecond() % 1_000_000 == 0 { format!("{time:.3}") } else { format!("{time:.9}") };
    Ok(Cow::Owned(form.into_bytes()))
}

/// Compares against the shape at once, so that the compiler can do it in a few wide instructions: where the mask is `F0`,
/// any byte of the row `3x` will do (the digits and six signs that no clock writes).
fn is_canonical(text: &[u8]) -> bool {
    const SHAPE: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let Ok(text) = <&[u8; 24]>::try_from(text) else { return false };
    let mut wrong = 0;
    for (byte, shape) in text.iter().zip(SHAPE) {
        let mask = if *shape == b'0' { 0xF0 } else { 0xFF };
        wrong |= (byte ^ shape) & mask;
    }
    wrong == 0
}

/// The key of a row, decoded: bytes that are UTF-8. `+` and `%20` are a space, `%2B` is a plus; `scratch` holds the key where it
/// differs. `encoded` is UTF-8.
pub(super) fn decode_key<'s>(encoded: &'s [u8], scratch: &'s mut Vec<u8>) -> Result<&'s [u8], RowError> {
    if encoded.is_empty() {
        return Err(RowError::NoKey);
    }
    if memchr::memchr2(b'%', b'+', encoded).is_none() {
        return Ok(encoded);
    }
    let wrong = || RowError::Key(excerpt(encoded));
    // Eight bytes are copied at a time, of which the last may be too many.
    if scratch.len() < encoded.len() + 8 {
        scratch.resize(encoded.len() + 8, 0);
    }
    let (mut from, mut to, mut seen) = (0, 0, 0);
    while let Some(&byte) = encoded.get(from) {
        if let Some(eight) = encoded[from..].first_chunk::<8>() {
            let plain = plain_bytes(*eight);
            if plain > 0 {
                scratch[to..to + 8].copy_from_slice(eight);
                (from, to) = (from + plain, to + plain);
                continue;
            }
        }
        from += 1;
        let decoded = match byte {
            b'%' => {
                let Some([high, low]) = encoded.get(from..from + 2) else { return Err(wrong()) };
                let (high, low) = (HEX[usize::from(*high)], HEX[usize::from(*low)]);
                if high | low == NO_DIGIT {
                    return Err(wrong());
                }
                from += 2;
                high << 4 | low
            }
            b'+' => b' ',
            plain => plain,
        };
        seen |= decoded;
        scratch[to] = decoded;
        to += 1;
    }
    let key = &scratch[..to];
    // Only bytes beyond ASCII can be wrong together, and only those that were encoded are new.
    if seen.is_ascii() || std::str::from_utf8(key).is_ok() { Ok(key) } else { Err(wrong()) }
}

/// As [`decode_key`], of a key at `place` in a text whose bytes `%` and `+` are marked by bits of `escapes`. The text is UTF-8.
#[inline]
pub(super) fn decode_marked<'s>(
    text: &'s [u8],
    place: Span,
    escapes: &[u64],
    scratch: &'s mut Vec<u8>,
) -> Result<&'s [u8], RowError> {
    let encoded = place.of(text);
    if encoded.is_empty() {
        return Err(RowError::NoKey);
    }
    let (mut from, end) = (place.start as usize, place.end as usize);
    let mut mark = next_mark(escapes, from, end);
    if mark == end {
        return Ok(encoded);
    }
    let wrong = || RowError::Key(excerpt(encoded));
    if scratch.len() < encoded.len() + PIECE {
        scratch.resize(encoded.len() + PIECE, 0);
    }
    let (mut to, mut seen) = (0, 0);
    loop {
        // A piece of fixed length is copied faster than one of the right length.
        let plain = mark - from;
        match (text[from..].first_chunk::<PIECE>(), scratch[to..].first_chunk_mut::<PIECE>()) {
            (Some(source), Some(target)) if plain <= PIECE => *target = *source,
            _ => scratch[to..to + plain].copy_from_slice(&text[from..mark]),
        }
        to += plain;
        if mark == end {
            break;
        }
        let decoded = match text[mark..end] {
            [b'+', ..] => {
                from = mark + 1;
                b' '
            }
            [_, high, low, ..] => {
                let (high, low) = (HEX[usize::from(high)], HEX[usize::from(low)]);
                if high | low == NO_DIGIT {
                    return Err(wrong());
                }
                from = mark + 3;
                high << 4 | low
            }
            _ => return Err(wrong()),
        };
        seen |= decoded;
        scratch[to] = decoded;
        to += 1;
        mark = next_mark(escapes, from, end);
    }
    let key = &scratch[..to];
    // Only bytes beyond ASCII can be wrong together, and only those that were encoded are new.
    if seen.is_ascii() || std::str::from_utf8(key).is_ok() { Ok(key) } else { Err(wrong()) }
}

/// Bytes of a key that are copied together.
const PIECE: usize = 32;

/// The first marked place from `at`, or `end`.
#[inline]
fn next_mark(marks: &[u64], at: usize, end: usize) -> usize {
    let mut word = at / 64;
    let mut bits = marks.get(word).copied().unwrap_or_default() & (u64::MAX << (at % 64));
    while bits == 0 {
        word += 1;
        if word * 64 >= end {
            return end;
        }
        bits = marks.get(word).copied().unwrap_or_default();
    }
    (word * 64 + bits.trailing_zeros() as usize).min(end)
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

/// The number at `place`, if it has up to eight digits, which are taken all at once. None, if it is not that.
#[inline]
pub(super) fn few_digits(text: &[u8], place: Span) -> Option<u64> {
    let (start, end) = (place.start as usize, place.end as usize);
    // The bytes before it are in the lower bytes, and become zeros.
    let others = 8_usize.checked_sub(end.checked_sub(start)?)?;
    let before = u64::MAX.checked_shr(64 - 8 * u32::try_from(others).ok()?).unwrap_or_default();
    let word = u64::from_le_bytes(*text.get(..end)?.last_chunk()?) ^ (u64::MAX / 255 * u64::from(b'0'));
    let word = word & !before;
    if others == 8 {
        return None;
    }
    // A digit's upper half is zero now, and stays so if 6 is added.
    if (word | word.wrapping_add(u64::MAX / 255 * 6)) & (u64::MAX / 255 * 0xf0) != 0 {
        return None;
    }
    // Pairs of digits, of pairs, of fours: the first digit is the lowest byte.
    let pairs = (word * 10 + (word >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// A number of bytes; none where the field is empty.
pub(super) fn parse_size(text: &[u8]) -> Result<Option<u64>, RowError> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut size: u64 = 0;
    // 19 digits cannot overflow, and no object is that large.
    let digits = text.len() <= 19 && text.iter().all(u8::is_ascii_digit);
    if !digits {
        return Err(RowError::Size(excerpt(text)));
    }
    for digit in text {
        size = size * 10 + u64::from(digit - b'0');
    }
    Ok(Some(size))
}

fn excerpt(text: &[u8]) -> String {
    crate::names::excerpt(&String::from_utf8_lossy(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_digits_are_the_number_that_all_digits_are() {
        for text in ["0", "7", "10", "123", "4567", "00012", "123456", "1234567", "98765432", "99999999"] {
            let row = format!("\"99999999\",\"{text}\",\"1\"");
            let place = Span::new(12, 12 + text.len());
            assert_eq!(few_digits(row.as_bytes(), place), text.parse().ok(), "{text}");
            assert_eq!(
                few_digits(text.as_bytes(), Span::new(0, text.len())),
                (text.len() == 8).then(|| text.parse().unwrap())
            );
        }
        for text in ["", "123456789", "1 2", "-1", "12/4", "12:4", "1a", "\u{e9}1", "99999999999999999999"] {
            let row = format!("\"99999999\",\"{text}\",\"1\"");
            assert_eq!(few_digits(row.as_bytes(), Span::new(12, 12 + text.len())), None, "{text}");
        }
    }

    #[test]
    fn a_marked_key_decodes_as_any_key_does() {
        let long = format!("{}%C3%A4{}", "a".repeat(70), "b".repeat(100));
        for key in
            ["a", "a+b", "+", "%20", "%2B%2b+x", "%", "%2", "%zz", "a%C3", "%C3%A4", long.as_str(), &"x".repeat(200)]
        {
            for before in [0, 1, 30, 62, 63, 64, 100] {
                let text = format!("{}\"{key}\",\"%41+\"", "+".repeat(before));
                let place = Span::new(before + 1, before + 1 + key.len());
                let mut marks = crate::fast::Marks::default();
                marks.find(text.as_bytes());
                let (mut one, mut two) = (Vec::new(), Vec::new());
                let marked = decode_marked(text.as_bytes(), place, marks.escapes(), &mut one);
                assert_eq!(marked, decode_key(key.as_bytes(), &mut two), "{key}");
            }
        }
    }
}

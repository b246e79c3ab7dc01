//! The fields of a row, read: a key decoded, a size, a time in one form. Of bytes that the reader has found to be UTF-8. Calls nothing.

use std::borrow::Cow;

use super::row::{RowError, Span};
use crate::fast;

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

/// The key of a row, decoded into `scratch`: bytes that are UTF-8. `+` and `%20` are a space, `%2B` is a plus. `encoded` is UTF-8.
#[inline]
pub(super) fn decode_key<'s>(encoded: &[u8], scratch: &'s mut Vec<u8>) -> Result<&'s [u8], RowError> {
    if encoded.is_empty() {
        return Err(RowError::NoKey);
    }
    let wrong = || RowError::Key(excerpt(encoded));
    let (length, beyond_ascii) = fast::unescape(encoded, scratch).ok_or_else(wrong)?;
    let key = &scratch[..length];
    // Only bytes beyond ASCII can be wrong together, and only those that were encoded are new.
    if beyond_ascii && std::str::from_utf8(key).is_err() { Err(wrong()) } else { Ok(key) }
}

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
}

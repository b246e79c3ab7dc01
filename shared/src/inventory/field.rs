//! The fields of a row, read: a key decoded, a size, a time in one form. Of a row that the reader has found to be UTF-8. Calls nothing.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

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

/// The key of a row, decoded. `+` and `%20` are a space, `%2B` is a plus.
pub(super) fn decode_key(encoded: &str) -> Result<Cow<'_, str>, RowError> {
    if !encoded.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(Cow::Borrowed(encoded));
    }
    let wrong = || RowError::Key(excerpt(encoded.as_bytes()));
    let key = unescape(encoded.as_bytes()).ok_or_else(wrong)?;
    String::from_utf8(key).map(Cow::Owned).map_err(|_| wrong())
}

/// What is escaped by `%` and two hex digits, with a space for each `+`. None, if there is a `%` without its digits.
fn unescape(mut escaped: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(escaped.len());
    while let Some(at) = memchr::memchr2(b'%', b'+', escaped) {
        plain.extend_from_slice(&escaped[..at]);
        escaped = match &escaped[at..] {
            [b'%', high, low, rest @ ..] => {
                let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                plain.push(digit(*high)? << 4 | digit(*low)?);
                rest
            }
            [b'+', rest @ ..] => {
                plain.push(b' ');
                rest
            }
            _ => return None,
        };
    }
    plain.extend_from_slice(escaped);
    Some(plain)
}

/// Bytes that a form encodes by a percent sign, but for a slash. A space becomes a `+`.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

/// Encodes bytes as [`crate::fast::canonical`] wants them, at the end of `into`.
pub(super) fn encode(bytes: &[u8], into: &mut Vec<u8>) {
    for piece in percent_encode(bytes, ESCAPED) {
        into.extend(piece.bytes().map(|byte| if byte == b' ' { b'+' } else { byte }));
    }
}

/// Whether a number, or none, is written as [`ToString`] writes it.
pub(super) fn is_canonical_number(digits: &[u8]) -> bool {
    !matches!(digits, [b'0', _, ..])
}

/// Whether there are only letters, digits and dashes. All are looked at, so that nothing is decided before the end.
pub(super) fn is_alphanumeric(text: &[u8]) -> bool {
    const IS: [bool; 256] = {
        let mut is = [false; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            is[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'-';
            byte += 1;
        }
        is
    };
    text.iter().fold(true, |all, byte| all & IS[usize::from(*byte)])
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
    fn what_is_encoded_is_canonical_and_decodes_to_what_it_was() {
        let all: String = (1..=0x2ff).filter_map(char::from_u32).collect();
        for text in [&all, "a b+c%d", "", "/*-_.~", "\u{1F600}\u{7f}\u{80}"] {
            let mut encoded = Vec::new();
            encode(text.as_bytes(), &mut encoded);
            assert_eq!(crate::fast::canonical(&encoded), Some(!text.is_ascii()), "{text:?}");
            let encoded = String::from_utf8(encoded).unwrap();
            assert_eq!(decode_key(&encoded).unwrap(), text);
            assert!(!encoded.contains('"'));
        }
    }

    #[test]
    fn letters_digits_and_dashes_are_told_from_all_else() {
        for byte in 0..=255_u8 {
            let expected = byte == b'-' || byte.is_ascii_alphanumeric();
            assert_eq!(is_alphanumeric(&[b'a', byte, b'0']), expected, "{byte}");
        }
        assert!(is_alphanumeric(b""));
    }

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

//! Numbers, sizes, times and strangers' texts, as a person reads them. Calls nothing.

use bytesize::ByteSize;
use jiff::{RoundMode, SignedDuration, SignedDurationRound, Timestamp, Unit};

use crate::ledger::State;

/// A text of anybody's, such as an object's key, in one line that shows what is there: what a terminal, a mail reader or a
/// browser would obey instead of show (controls, line breaks, changes of writing direction, what has no width) is spelled out.
pub fn inert(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `1,234,567`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut shown = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 object`, `1,234 objects`
pub fn objects(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "object" } else { "objects" })
}

/// `1.2 GiB`
pub fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// `3h 12m`: to the second below a minute, to the minute above.
pub fn duration(duration: SignedDuration) -> String {
    let unit = if duration.abs() < SignedDuration::from_mins(1) { Unit::Second } else { Unit::Minute };
    let rounded = duration.round(SignedDurationRound::new().smallest(unit).mode(RoundMode::HalfExpand));
    format!("{:#}", rounded.unwrap_or(duration))
}

/// `2 Jun 2025, 01:00`, in UTC.
pub fn time(at: Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M").to_string()
}

/// When a report's scan started, of the form `YYYY-MM-DDTHH-MMZ`; none if it is of another.
pub fn report_time(text: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime("%Y-%m-%dT%H-%MZ", text).ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// A state, by its name in the ledger.
pub fn state(state: State) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Dollars: `$0.26`; below ten cents with as many digits as show something.
pub fn dollars(amount: f64) -> String {
    if amount > 0.0 && amount < 0.1 { format!("${amount:.4}") } else { format!("${amount:.2}") }
}

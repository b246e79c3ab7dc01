//! One object of the imagined bucket: everything about it follows from the seed and its number.

use fastrand::Rng;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::SOURCE_BUCKET;
use super::order::mix;

/// What happened to an object between the two reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stayed,
    Changed,
    Gone,
}

/// Of a thousand objects, five change and five go.
pub(super) fn fate(seed: u64, number: u64) -> Fate {
    match mix(seed ^ mix(number ^ 0xfa7e)) % 1000 {
        0..5 => Fate::Changed,
        5..10 => Fate::Gone,
        _ => Fate::Stayed,
    }
}

/// The columns of a row, in the order of [`Object::write`].
pub(super) const SCHEMA: &str = "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass, IsMultipartUploaded, \
    EncryptionStatus, IntelligentTieringAccessTier";

/// An object as one report lists it.
#[derive(Debug)]
pub(super) struct Object {
    /// Not encoded.
    pub(super) key: String,
    size: u64,
    /// Milliseconds since 1970.
    modified: i64,
    etag: u128,
    parts: u32,
    storage_class: &'static str,
    access_tier: &'static str,
    encryption: &'static str,
}

const DAY: i64 = 86_400_000;
/// S3 splits what it is given into parts of this size, by the SDKs' defaults.
const PART: u64 = 8 << 20;
/// A copy job takes objects up to 5 GB; larger ones would be set apart, and the peers know no such rule.
const LARGEST: u64 = 5_000_000_000;

impl Object {
    /// Object `number`; `first_report` is when the first report's scan began, in milliseconds since 1970.
    pub(super) fn new(seed: u64, number: u64, changed: bool, is_new: bool, first_report: i64) -> Self {
        // Seeds differ in one bit only, and so do numbers: mixed, they have nothing to do with each other.
        let unique = mix(number ^ mix(seed));
        let mut rng = Rng::with_seed(unique);
        let key = key(&mut rng, unique);
        let storage = storage(&mut rng);
        let encryption = if rng.u8(..) < 64 { "SSE-KMS" } else { "SSE-S3" };
        let mut object = Self {
            key,
            size: size(&mut rng),
            modified: first_report - rng.i64(60_000..700 * DAY),
            etag: rng.u128(..),
            parts: 0,
            storage_class: storage.0,
            access_tier: storage.1,
            encryption,
        };
        if object.size > PART && rng.u8(..) < 160 {
            object.parts = u32::try_from(object.size.div_ceil(PART)).unwrap_or(u32::MAX).min(10_000);
        }
        if is_new {
            object.modified = first_report + rng.i64(1..DAY);
        }
        if changed {
            object.change(&mut rng, first_report);
        }
        object
    }

    /// Overwritten: with the same bytes, with as many others, or with something else.
    fn change(&mut self, rng: &mut Rng, first_report: i64) {
        self.modified = first_report + rng.i64(1..DAY);
        let how = rng.u8(0..10);
        if how >= 2 {
            self.etag = rng.u128(..);
        }
        if how >= 6 {
            self.size = size(rng);
            self.parts = 0;
        }
    }

    /// Appends its row, as S3 writes it.
    pub(super) fn write(&self, row: &mut Vec<u8>) {
        row.push(b'"');
        row.extend_from_slice(SOURCE_BUCKET.as_bytes());
        row.extend_from_slice(b"\",\"");
        encode(&self.key, row);
        row.extend_from_slice(b"\",\"");
        number(self.size, 1, row);
        row.extend_from_slice(b"\",\"");
        time(self.modified, row);
        row.extend_from_slice(b"\",\"");
        hex_into(self.etag, row);
        if self.parts > 0 {
            row.push(b'-');
            number(u64::from(self.parts), 1, row);
        }
        for field in
            [self.storage_class, if self.parts > 0 { "true" } else { "false" }, self.encryption, self.access_tier]
        {
            row.extend_from_slice(b"\",\"");
            row.extend_from_slice(field.as_bytes());
        }
        row.extend_from_slice(b"\"\n");
    }
}

const SERVICES: [&str; 6] = ["checkout", "search", "auth", "billing-api", "ingest", "web"];
const TABLES: [&str; 5] = ["events", "page_views", "orders", "inventory_snapshots", "sensor_readings"];
const REGIONS: [&str; 4] = ["eu-west-1", "us-east-1", "ap-southeast-2", "sa-east-1"];
/// Names that people and programs give to files, and that have hurt somebody before.
const ODD: [&str; 12] = [
    "Quarterly report (final) v2",
    "R&D + marketing = ♥",
    "日本語のファイル名",
    "Übergröße, naïve; \"quoted\"",
    "100% done?",
    "two  spaces and a trailing one ",
    "line\nbreak",
    "back\\slash and 'apostrophe'",
    "#fragment&query=1",
    "emoji 🦀🎉",
    "a//double//slash",
    "tab\tand~tilde@home",
];

/// A key; the number in it makes it like no other of its style.
fn key(rng: &mut Rng, unique: u64) -> String {
    let (year, month, day) = (2025 + rng.u32(0..2), rng.u32(1..13), rng.u32(1..29));
    match rng.u8(0..100) {
        0..35 => format!(
            "logs/{}/{:012}/year={year}/month={month:02}/day={day:02}/hour={:02}/ip-10-{}-{}-{}/{}-{:016x}.json.gz",
            rng.choice(SERVICES).unwrap_or_default(),
            rng.u64(100_000_000_000..1_000_000_000_000),
            rng.u8(0..24),
            rng.u8(0..8),
            rng.u8(..),
            rng.u8(..),
            uuid(unique, rng),
            rng.u64(..),
        ),
        35..60 => {
            let (tenant, shard) = (rng.u64(..), unique >> 48);
            format!(
                "tenants/{}/objects/{:02x}/{:02x}/{}",
                uuid(tenant, rng),
                shard >> 8,
                shard & 0xff,
                uuid(unique, rng)
            )
        }
        60..80 => format!(
            "warehouse/{}/{}/region={}/v{}/date={year}-{month:02}-{day:02}/part-{:05}-{}-{:016x}.c{:03}.snappy.parquet",
            ["raw", "curated"][usize::from(rng.bool())],
            rng.choice(TABLES).unwrap_or_default(),
            rng.choice(REGIONS).unwrap_or_default(),
            rng.u8(1..9),
            rng.u32(0..2000),
            uuid(unique, rng),
            rng.u64(..),
            rng.u8(0..4),
        ),
        80..94 => format!(
            "media/users/{}/albums/{:03}/IMG_{year}{month:02}{day:02}_{:06}_{:016x}.jpg",
            uuid(unique, rng),
            rng.u16(0..1000),
            rng.u32(0..240_000),
            rng.u64(..),
        ),
        _ => format!("shared/{:04}/{} {unique:x}", rng.u16(0..4000), rng.choice(ODD).unwrap_or_default()),
    }
}

/// No other number gives the same.
fn uuid(number: u64, rng: &mut Rng) -> String {
    let rest = rng.u64(..);
    let (first, second, third) = (number >> 32, number >> 16 & 0xffff, number & 0xffff);
    format!("{first:08x}-{second:04x}-{third:04x}-{:04x}-{:012x}", rest >> 48, rest & 0xffff_ffff_ffff)
}

/// Mostly small, sometimes nothing, seldom gigabytes: even in the logarithm.
fn size(rng: &mut Rng) -> u64 {
    match rng.u8(..) {
        0..3 => 0,
        3..6 => rng.u64(..=LARGEST),
        _ => {
            let bits = rng.u32(7..27);
            rng.u64(1..=1 << bits)
        }
    }
}

fn storage(rng: &mut Rng) -> (&'static str, &'static str) {
    match rng.u8(0..100) {
        0..62 => ("STANDARD", ""),
        62..78 => ("INTELLIGENT_TIERING", "FREQUENT"),
        78..88 => ("INTELLIGENT_TIERING", "INFREQUENT"),
        88..96 => ("STANDARD_IA", ""),
        _ => ("GLACIER_IR", ""),
    }
}

/// What the inventories that people have published leave as it is, with `/`.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

fn encode(key: &str, row: &mut Vec<u8>) {
    for piece in percent_encode(key.as_bytes(), ENCODED) {
        row.extend(piece.bytes().map(|byte| if byte == b' ' { b'+' } else { byte }));
    }
}

fn number(number: u64, least_digits: usize, row: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut start) = (number, digits.len());
    while rest > 0 || digits.len() - start < least_digits {
        start -= 1;
        digits[start] = b"0123456789"[usize::try_from(rest % 10).unwrap_or_default()];
        rest /= 10;
    }
    row.extend_from_slice(&digits[start..]);
}

fn hex_into(number: u128, row: &mut Vec<u8>) {
    let mut digits = [0; 32];
    // 16 bytes always fit into 32 digits.
    let _ = hex::encode_to_slice(number.to_be_bytes(), &mut digits);
    row.extend_from_slice(&digits);
}

/// `2026-11-21T01:02:03.004Z`
fn time(milliseconds: i64, row: &mut Vec<u8>) {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    let utc = jiff::tz::Offset::UTC.to_datetime(time);
    let mut put = |value: i32, digits, after| {
        number(u64::try_from(value).unwrap_or_default(), digits, row);
        row.push(after);
    };
    put(utc.year().into(), 4, b'-');
    put(utc.month().into(), 2, b'-');
    put(utc.day().into(), 2, b'T');
    put(utc.hour().into(), 2, b':');
    put(utc.minute().into(), 2, b':');
    put(utc.second().into(), 2, b'.');
    put(utc.millisecond().into(), 3, b'Z');
}

#[cfg(test)]
mod tests {
    use super::{DAY, Object, encode, time};

    #[test]
    fn a_row_is_quoted_and_whole() {
        let first_report = 1_795_222_800_000;
        for number in 0..2000 {
            let mut row = Vec::new();
            Object::new(5, number, number % 3 == 0, number % 2 == 0, first_report).write(&mut row);
            assert!(row.ends_with(b"\"\n") && row.is_ascii());
            let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_slice());
            let fields = csv.records().next().unwrap().unwrap();
            assert_eq!(fields.len(), 9, "{fields:?}");
            assert!(fields[2].parse::<u64>().unwrap() <= 5_000_000_000);
            let modified: jiff::Timestamp = fields[3].parse().unwrap();
            assert!(modified.as_millisecond() < first_report + DAY && fields[3].len() == 24, "{fields:?}");
            assert_eq!(fields[4].contains('-'), &fields[6] == "true", "{fields:?}");
        }
    }

    #[test]
    fn keys_are_encoded_as_forms_are() {
        let mut row = Vec::new();
        encode("a b/c+d%é~.txt", &mut row);
        assert_eq!(row, b"a+b/c%2Bd%25%C3%A9%7E.txt");
    }

    #[test]
    fn times_have_milliseconds() {
        let mut row = Vec::new();
        time(1_795_222_800_007, &mut row);
        assert_eq!(String::from_utf8(row).unwrap(), "2026-11-21T01:00:00.007Z");
    }

    #[test]
    fn keys_differ_though_all_else_may_be_equal() {
        let keys: std::collections::HashSet<String> =
            (0..20_000).map(|number| Object::new(1, number, false, false, 0).key).collect();
        assert_eq!(keys.len(), 20_000);
    }
}

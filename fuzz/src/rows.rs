//! The row reader: whatever the text, it finds the rows that the `csv` crate finds and refuses the ones that cannot be taken,
//! however the text comes in pieces.

use transship::inventory::{BadRow, Row, RowReader, Schema};

/// Several orders of columns, with and without those that matter less.
const SCHEMAS: [&str; 4] = [
    "Bucket,Key,Size,LastModifiedDate,ETag,StorageClass,IsMultipartUploaded,EncryptionStatus,IntelligentTieringAccessTier",
    "Bucket,Key,VersionId,IsLatest,IsDeleteMarker,Size,LastModifiedDate,ETag,StorageClass",
    "ETag,Size,LastModifiedDate,Key,Bucket",
    "LastModifiedDate,ETag,Novelty,Bucket,Size,Key",
];

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What is known of a row: bucket, key as it stands and decoded, size, time, ETag, version, storage class, delete marker.
type Seen = (String, String, String, Option<u64>, String, String, String, String, bool);

/// Reads a text as rows. The first byte chooses the columns, the second the length of the pieces in which the text comes.
pub fn rows(bytes: &[u8]) {
    let [columns, piece, text @ ..] = bytes else { return };
    // Before a row that is not the first, `csv` takes a byte-order mark for text, and the reader does not. S3 writes none.
    if text.get(1..).is_some_and(|rest| rest.windows(3).any(|bytes| bytes == BYTE_ORDER_MARK)) {
        return;
    }
    let columns: Vec<String> = SCHEMAS[usize::from(*columns) % SCHEMAS.len()].split(',').map(str::to_owned).collect();
    let schema = Schema::of(&columns).unwrap();
    let whole = read(&schema, text, text.len());
    let expected = oracle(&columns, text);
    let shown = || String::from_utf8_lossy(text).into_owned();
    assert_eq!(whole.0, expected.0, "not the rows that csv finds in {:?}", shown());
    assert_eq!(whole.1.is_some(), expected.1, "row {} of {:?}: {:?}", expected.0.len() + 1, shown(), whole.1);
    let pieces = read(&schema, text, usize::from(*piece) + 1);
    assert_eq!(whole, pieces, "other rows in pieces of {}", usize::from(*piece) + 1);
}

/// The rows before the first bad one, and that one's error. The text comes in pieces of `piece` bytes, as from a decoder.
fn read(schema: &Schema, text: &[u8], piece: usize) -> (Vec<Seen>, Option<String>) {
    let mut reader = RowReader::new(schema);
    let (mut seen, mut kept) = (Vec::new(), Vec::new());
    let mut rest = text;
    loop {
        let (next, after) = rest.split_at(piece.min(rest.len()));
        kept.extend_from_slice(next);
        rest = after;
        let used = reader.split(&kept, rest.is_empty(), |row| -> Result<(), BadRow> {
            assert_eq!(row.number(), seen.len() as u64 + 1);
            seen.push(of_row(&row));
            Ok(())
        });
        match used {
            Ok(used) => drop(kept.drain(..used)),
            Err(bad) => {
                assert_eq!(bad.number, seen.len() as u64 + 1);
                return (seen, Some(bad.error.to_string()));
            }
        }
        if rest.is_empty() {
            assert!(kept.is_empty(), "{} bytes are left", kept.len());
            return (seen, None);
        }
    }
}

fn of_row(row: &Row<'_>) -> Seen {
    (
        row.bucket().to_owned(),
        row.encoded_key().to_owned(),
        row.key().into_owned(),
        row.size(),
        row.last_modified().to_owned(),
        row.etag().to_owned(),
        row.version_id().to_owned(),
        row.storage_class().to_owned(),
        row.is_delete_marker(),
    )
}

/// The same by other means: the rows before the first that cannot be taken, and whether there is such a one.
fn oracle(columns: &[String], text: &[u8]) -> (Vec<Seen>, bool) {
    let mut seen = Vec::new();
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    for record in reader.into_byte_records() {
        let Ok(record) = csv::StringRecord::from_byte_record(record.unwrap()) else { return (seen, true) };
        let field =
            |name| columns.iter().position(|column| column == name).and_then(|at| record.get(at)).unwrap_or_default();
        let (Some(key), Ok(size)) = (decoded(field("Key")), size(field("Size"))) else { return (seen, true) };
        if record.len() != columns.len() {
            return (seen, true);
        }
        let etag = field("ETag");
        let etag = etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag);
        seen.push((
            field("Bucket").to_owned(),
            field("Key").to_owned(),
            key,
            size,
            field("LastModifiedDate").to_owned(),
            etag.to_owned(),
            field("VersionId").to_owned(),
            field("StorageClass").to_owned(),
            field("IsDeleteMarker") == "true",
        ));
    }
    (seen, false)
}

/// A key that is form- or percent-encoded UTF-8, with every percent sign followed by two hex digits.
fn decoded(key: &str) -> Option<String> {
    let mut after = key.split('%');
    after.next();
    if key.is_empty() || !after.all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit())) {
        return None;
    }
    // As the value of a form: its separators have to be out of the way, and they mean nothing in a key.
    let one_value = format!("k={}", key.replace('&', "%26"));
    let (_, value) = form_urlencoded::parse(one_value.as_bytes()).next()?;
    // It replaces what is not UTF-8; what was, encodes to what it came from.
    let again: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    (bytes_of(&again) == bytes_of(key)).then(|| value.into_owned())
}

/// The bytes that an encoded key stands for.
fn bytes_of(encoded: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = encoded.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                bytes.extend(hex::decode([*high, *low]).unwrap());
                rest = after;
            }
            (b'+', _) => bytes.push(b' '),
            (plain, _) => bytes.push(*plain),
        }
    }
    bytes
}

/// Digits, as many as a number of bytes has, or nothing at all.
fn size(text: &str) -> Result<Option<u64>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > 19 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    text.parse().map(Some).map_err(drop)
}

//! The baseline reader: bytes that are not exactly what was written are recognised, whatever was done to them.

use std::io::{self, Read};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use transship::delta::{Baseline, BaselineError, CarryOver, HashKey, Input, Range, Sink, Source, difference};
use transship::inventory::{DataFile, Row, Schema};

const LABEL: &str = "demo route, all settings as they are";
/// Of the stored baseline.
const OBJECTS: u64 = 1500;

/// Reads bytes as a baseline, then alters a stored one as the bytes say: after the range, places and what to do there.
pub fn baseline(bytes: &[u8]) {
    if let Ok(read) = Baseline::read_from(&mut &*bytes, &key(), LABEL, Range::ALL) {
        // Nobody without the key can make one, so it is one that was written.
        assert_eq!(written(&read), bytes, "read, but not what was written");
    }
    let [range, edits @ ..] = bytes else { return };
    let of = 1 << (range % 9);
    let range = Range::new(u32::from(range / 9) % of, of).unwrap();
    let mut altered = stored().to_vec();
    for edit in edits.chunks_exact(4) {
        alter(&mut altered, [edit[0], edit[1], edit[2], edit[3]]);
    }
    // A range needs no more than its own part: what is altered elsewhere is another reader's concern, and the length is everyone's.
    let read = Baseline::read_from(&mut altered.as_slice(), &key(), LABEL, range);
    match read {
        Ok(read) => {
            let whole = Baseline::read_from(&mut stored(), &key(), LABEL, range).unwrap();
            assert!(written(&read) == written(&whole), "an altered baseline was read as another");
            assert!(range != Range::ALL || altered == stored(), "an altered baseline was read");
            assert_eq!(altered.len(), stored().len(), "a longer or shorter one was read");
        }
        Err(error) => {
            assert_ne!(altered, stored(), "what was written is not read: {error}");
            assert!(!matches!(error, BaselineError::Read(_)), "reading again would not help: {error}");
        }
    }
}

/// One change of a stored baseline, three times in four of one byte: at a place, to something else.
fn alter(bytes: &mut Vec<u8>, [high, low, how, value]: [u8; 4]) {
    let place = usize::from(u16::from_be_bytes([high, low]));
    let place = if bytes.is_empty() { 0 } else { place % bytes.len() };
    match how % 8 {
        0 => bytes.truncate(place),
        1 => bytes.push(value),
        2 => bytes.insert(place, value),
        3 if !bytes.is_empty() => drop(bytes.remove(place)),
        _ => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= value;
            }
        }
    }
}

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn written(baseline: &Baseline) -> Vec<u8> {
    let mut bytes = Vec::new();
    baseline.write_to(LABEL, &mut bytes).unwrap();
    bytes
}

/// A baseline of some objects, as it is stored.
pub fn stored() -> &'static [u8] {
    static STORED: OnceLock<Vec<u8>> = OnceLock::new();
    STORED.get_or_init(|| {
        let columns = ["Bucket", "Key", "Size", "LastModifiedDate", "ETag"].map(str::to_owned);
        let row = |n: u64| format!("\"bucket\",\"key/{n}\",\"{n}\",\"2026-01-31T00:00:00.000Z\",\"{n:032x}\"\n");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        io::Write::write_all(&mut gzip, (0..OBJECTS).map(row).collect::<String>().as_bytes()).unwrap();
        let report = Report(gzip.finish().unwrap());
        let md5 = hex::encode(Md5::digest(&report.0));
        let file = DataFile { key: "data/1.csv.gz".to_owned(), size: report.0.len() as u64, md5 };
        let input = Input {
            files: &[file],
            source: &report,
            schema: &Schema::of(&columns).unwrap(),
            bucket: "bucket",
            select: None,
            carry_over: &CarryOver::new(&key()),
            threads: 1,
            budget: None,
            cancel: &AtomicBool::new(false),
            progress: &|_| (),
        };
        let outcome = difference(&input, Baseline::empty(key(), Range::ALL), &mut Nowhere).unwrap();
        assert_eq!(outcome.changed, OBJECTS);
        written(&outcome.next)
    })
}

/// One data file.
struct Report(Vec<u8>);

impl Source for Report {
    fn open(&self, _: usize) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.0.clone())))
    }
}

struct Nowhere;

impl Sink for Nowhere {
    fn changed(&mut self, _: &Row<'_>) -> io::Result<()> {
        Ok(())
    }

    fn left_out(&mut self, _: &Row<'_>, _: u8) -> io::Result<()> {
        Ok(())
    }
}

//! Objects, reports of them in many styles, and a run over such a report.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use std::sync::atomic::AtomicBool;

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use transship::delta::{
    Baseline, CarryOver, DeltaError, HashKey, Input, Outcome, Progress, Range, Select, Sink, Source, Verdict,
    difference,
};
use transship::inventory::{DataFile, Row, Schema};

pub(crate) const BUCKET: &str = "vendor-photos";

/// What a report says of an object, but for its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) size: u64,
    /// Seconds and milliseconds after some day.
    pub(crate) time: (u32, u32),
    pub(crate) etag: String,
    pub(crate) class: &'static str,
}

/// Objects by key.
pub(crate) type Objects = BTreeMap<String, Object>;

const KEYS: [&str; 12] = [
    "a b.jpg",
    "a+b.jpg",
    "100%.txt",
    "%2B",
    "quo\"te",
    "comma,comma",
    "line\nend",
    "cr\r\nlf",
    "ümläut/日本",
    "/leading//slashes/",
    " ",
    "\u{1F600}",
];

prop_compose! {
    pub(crate) fn object()(
        size in prop_oneof![0_u64..3, 0_u64..1 << 44],
        seconds in 0_u32..86_400,
        millis in prop_oneof![Just(0), 0_u32..1000],
        etag in "[0-9a-f]{32}(-[1-9][0-9]{0,3})?",
        class in select(vec!["STANDARD", "GLACIER", "STANDARD_IA"]),
    ) -> Object {
        Object { size, time: (seconds, millis), etag, class }
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        select(KEYS.to_vec()).prop_map(str::to_owned),
        "[a-z]{1,3}/[0-9]{1,2}\\.jpg",
        "[ -~]{1,20}",
        "\\PC{1,10}",
    ]
}

pub(crate) fn objects() -> impl Strategy<Value = Objects> {
    prop::collection::btree_map(key(), object(), 0..60)
}

/// What happens to an object from one report to the next.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    Stays,
    Changes(Object),
    Goes,
}

prop_compose! {
    /// Objects of two reports.
    pub(crate) fn pair()(
        before in objects(),
        fates in prop::collection::vec(
            prop_oneof![4 => Just(Fate::Stays), 1 => object().prop_map(Fate::Changes), 1 => Just(Fate::Goes)], 60),
        added in objects(),
    ) -> (Objects, Objects) {
        let mut after = added;
        for ((key, object), fate) in before.iter().zip(fates) {
            match fate {
                Fate::Stays => { after.insert(key.clone(), object.clone()); }
                Fate::Changes(object) => { after.insert(key.clone(), object); }
                Fate::Goes => { after.remove(key); }
            }
        }
        (before, after)
    }
}

/// How a report is written.
#[allow(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
#[derive(Debug, Clone)]
pub(crate) struct Style {
    columns: Vec<&'static str>,
    form_encoded: bool,
    encode_all: bool,
    raw_keys: bool,
    millis: bool,
    etag_quotes: bool,
    crlf: bool,
    unquoted: bool,
    members: usize,
    last_line_end: bool,
    order: Vec<Index>,
    cuts: Vec<Index>,
}

impl Style {
    pub(crate) fn plain() -> Self {
        Self {
            columns: vec!["Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass"],
            form_encoded: false,
            encode_all: false,
            raw_keys: false,
            millis: true,
            etag_quotes: false,
            crlf: false,
            unquoted: false,
            members: 1,
            last_line_end: true,
            order: Vec::new(),
            cuts: Vec::new(),
        }
    }
}

prop_compose! {
    pub(crate) fn style()(
        columns in Just(vec!["Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass", "Novelty", "VersionId"]).prop_shuffle(),
        flags in prop::array::uniform9(any::<bool>()),
        members in 1_usize..4,
        order in prop::collection::vec(any::<Index>(), 0..60),
        cuts in prop::collection::vec(any::<Index>(), 0..5),
    ) -> Style {
        let [usual, form_encoded, encode_all, raw_keys, millis, etag_quotes, crlf, unquoted, last_line_end] = flags;
        // As S3 writes them, key to ETag stand side by side.
        let columns = if usual { Style::plain().columns } else { columns };
        Style { columns, form_encoded, encode_all, raw_keys, millis, etag_quotes, crlf, unquoted, members, last_line_end, order, cuts }
    }
}

impl Style {
    fn field(&self, column: &str, key: &str, object: &Object) -> String {
        match column {
            "Bucket" => BUCKET.to_owned(),
            "Key" => self.key(key),
            "Size" => object.size.to_string(),
            "LastModifiedDate" => self.time(object.time),
            "ETag" if self.etag_quotes => format!("\"{}\"", object.etag),
            "ETag" => object.etag.clone(),
            "StorageClass" => object.class.to_owned(),
            "Novelty" => "new, and \"quoted\"".to_owned(),
            _ => String::new(),
        }
    }

    fn key(&self, key: &str) -> String {
        key.chars()
            .map(|c| match c {
                ' ' if self.form_encoded => "+".to_owned(),
                '%' | '+' => escaped(c),
                // Encoded or not, where it makes no difference.
                c if self.raw_keys => c.to_string(),
                c if c.is_ascii_alphanumeric() && !self.encode_all => c.to_string(),
                c if "-_./~".contains(c) => c.to_string(),
                c => escaped(c),
            })
            .collect()
    }

    fn time(&self, (seconds, millis): (u32, u32)) -> String {
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let fraction = if self.millis || millis != 0 { format!(".{millis:03}") } else { String::new() };
        format!("2026-02-03T{hours:02}:{minutes:02}:{seconds:02}{fraction}Z")
    }

    fn row(&self, key: &str, object: &Object) -> String {
        let fields = self.columns.iter().map(|column| {
            let field = self.field(column, key, object);
            if self.unquoted && !field.is_empty() && !field.contains(['"', ',', '\n', '\r']) {
                field
            } else {
                format!("\"{}\"", field.replace('"', "\"\""))
            }
        });
        fields.collect::<Vec<_>>().join(",")
    }
}

fn escaped(c: char) -> String {
    let bytes = c.encode_utf8(&mut [0; 4]).bytes().collect::<Vec<_>>();
    bytes.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()).map(char::from).collect()
}

/// A report, as it would lie in the manifest bucket.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) columns: Vec<String>,
    pub(crate) files: Vec<DataFile>,
    pub(crate) bytes: Vec<Vec<u8>>,
}

impl Report {
    pub(crate) fn of(objects: &Objects, style: &Style) -> Self {
        let mut rows: Vec<_> = objects.iter().map(|(key, object)| style.row(key, object)).collect();
        for (i, index) in style.order.iter().enumerate().take(rows.len()) {
            let other = index.index(rows.len());
            rows.swap(i, other);
        }
        let mut cuts: Vec<_> = style.cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
        cuts.extend([0, rows.len()]);
        cuts.sort_unstable();
        let texts = cuts.windows(2).map(|pair| text(&rows[pair[0]..pair[1]], style));
        Self::from_texts(&style.columns, &texts.collect::<Vec<_>>(), style.members)
    }

    pub(crate) fn from_texts(columns: &[&str], texts: &[String], members: usize) -> Self {
        let bytes: Vec<_> = texts.iter().map(|text| gzip(text.as_bytes(), members)).collect();
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        let mut report = Self { columns, files: Vec::new(), bytes };
        report.seal();
        report
    }

    /// Lists the files as they are.
    pub(crate) fn seal(&mut self) {
        self.files = self.bytes.iter().enumerate().map(|(i, bytes)| listed(i, bytes)).collect();
    }
}

fn text(rows: &[String], style: &Style) -> String {
    let end = if style.crlf { "\r\n" } else { "\n" };
    let mut text = rows.join(end);
    if style.last_line_end && !text.is_empty() {
        text.push_str(end);
    }
    text
}

fn listed(index: usize, bytes: &[u8]) -> DataFile {
    DataFile {
        key: format!("inventory/{BUCKET}/daily/data/{index}.csv.gz"),
        size: bytes.len() as u64,
        md5: hex::encode(Md5::digest(bytes)),
    }
}

pub(crate) fn gzip(text: &[u8], members: usize) -> Vec<u8> {
    let step = text.len().div_ceil(members).max(1);
    let mut whole = Vec::new();
    for i in 0..members {
        let part = &text[(i * step).min(text.len())..((i + 1) * step).min(text.len())];
        let mut encoder = GzEncoder::new(&mut whole, Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap();
    }
    whole
}

/// Reads a few bytes at a time.
struct Slow(Cursor<Vec<u8>>, usize);

impl Read for Slow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(self.1);
        self.0.read(&mut into[..most])
    }
}

impl Source for Report {
    fn open(&self, file: usize) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Slow(Cursor::new(self.bytes[file].clone()), 1000)))
    }
}

/// What a sink was given: keys taken, and keys set apart with their reason.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) changed: Vec<String>,
    pub(crate) left_out: Vec<(String, u8)>,
}

impl Sink for Taken {
    fn changed(&mut self, row: &Row<'_>) -> io::Result<()> {
        assert_eq!(row.bucket(), BUCKET);
        self.changed.push(row.key().into_owned());
        Ok(())
    }

    fn left_out(&mut self, row: &Row<'_>, reason: u8) -> io::Result<()> {
        self.left_out.push((row.key().into_owned(), reason));
        Ok(())
    }
}

/// Leaves out what is archived, and passes over what is empty.
pub(crate) fn selection(row: &Row<'_>) -> Verdict {
    match (row.storage_class(), row.size()) {
        ("GLACIER", _) => Verdict::LeaveOut(3),
        (_, Some(0)) => Verdict::PassOver(1),
        _ => Verdict::Take,
    }
}

pub(crate) fn is_taken(object: &Object) -> bool {
    object.class != "GLACIER" && object.size != 0
}

pub(crate) fn hash_key() -> HashKey {
    HashKey::from_bytes(*b"the tests' key, which is no key.")
}

pub(crate) fn empty() -> Baseline {
    Baseline::empty(hash_key(), Range::ALL)
}

pub(crate) fn stored(baseline: &Baseline) -> Vec<u8> {
    let mut bytes = Vec::new();
    baseline.write_to("tests", &mut bytes).unwrap();
    bytes
}

/// A run with everything that may be varied.
pub(crate) struct Run<'a> {
    pub(crate) threads: usize,
    pub(crate) carried: &'a [String],
    pub(crate) budget: Option<u64>,
    pub(crate) cancel: bool,
    pub(crate) select: Option<Select<'a>>,
}

impl Default for Run<'_> {
    fn default() -> Self {
        Self { threads: 2, carried: &[], budget: None, cancel: false, select: Some(&selection) }
    }
}

impl Run<'_> {
    pub(crate) fn go(&self, report: &Report, baseline: Baseline) -> Result<(Outcome, Taken), DeltaError> {
        let mut taken = Taken::default();
        let outcome = self.with(report, report, baseline, &mut taken)?;
        Ok((outcome, taken))
    }

    pub(crate) fn with(
        &self,
        report: &Report,
        source: &dyn Source,
        baseline: Baseline,
        sink: &mut dyn Sink,
    ) -> Result<Outcome, DeltaError> {
        let mut carry_over = CarryOver::new(baseline.key());
        self.carried.iter().for_each(|key| carry_over.insert(key));
        let schema = Schema::of(&report.columns).unwrap();
        let input = Input {
            files: &report.files,
            source,
            schema: &schema,
            bucket: BUCKET,
            select: self.select,
            carry_over: &carry_over,
            threads: self.threads,
            budget: self.budget,
            cancel: &AtomicBool::new(self.cancel),
            progress: &|_: Progress| (),
        };
        difference(&input, baseline, sink)
    }
}

//! Reads which objects are carried over. Calls S3, from a thread that may block.

use std::io::{self, BufReader, Read};

use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use md5::{Digest, Md5};
use serde::Deserialize;
use tokio::runtime::Handle;

use super::PlanError;
use super::error::of_io;
use crate::bucket::{Exactly, ManifestBucket, ObjectReader, Wanted, Written};
use crate::delta::{CarryOver, HashKey};
use crate::job::Submitted;
use crate::ledger;
use crate::names::{EncodedKey, ObjectKey, excerpt};

/// The most of a manifest.json that is read.
const LIMIT: u64 = 16 * 1024 * 1024;
/// Memory for each key that is carried over.
pub(super) const BYTES_A_KEY: u64 = 40;

/// A manifest.json, delivered or authored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    file_schema: String,
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    key: ObjectKey,
    size: u64,
    #[serde(rename = "MD5checksum")]
    md5: String,
}

impl File {
    fn of(file: &Written) -> Self {
        Self { key: file.key.clone(), size: file.size, md5: file.md5.clone() }
    }
}

/// The keys of all `lists`. None if they cannot all be known, or are more than `memory` bytes hold: then everything is planned
/// anew, so that nothing is lost.
pub(super) fn load(
    bucket: &ManifestBucket,
    runtime: &Handle,
    lists: &[ledger::CarryOver],
    key: &HashKey,
    memory: u64,
) -> Result<Option<CarryOver>, PlanError> {
    let objects: u64 = lists.iter().map(|list| list.objects).sum();
    if objects.saturating_mul(BYTES_A_KEY) > memory {
        return Ok(None);
    }
    let mut keys = CarryOver::new(key);
    let mut take = |key: &ObjectKey, _: &StringRecord| {
        keys.insert(key.as_str());
        Ok(())
    };
    let whole = each(bucket, runtime, lists, &mut take)?;
    Ok(whole.then_some(keys))
}

/// What becomes of each row, whose key this is.
type Take<'a> = &'a mut dyn FnMut(&ObjectKey, &StringRecord) -> io::Result<()>;

/// Takes each row of the lists of what a plan left out; false if one of them is not there any more.
pub(super) fn each_left_out(
    bucket: &ManifestBucket,
    runtime: &Handle,
    lists: &[Written],
    take: Take<'_>,
) -> Result<bool, PlanError> {
    let mut reader = Reader { bucket, runtime, take };
    for list in lists {
        match reader.file(&File::of(list), 0) {
            Err(error) if is_lost(&error) => return Ok(false),
            read => read?,
        }
    }
    Ok(true)
}

/// Takes each key of all `lists`; false if one of them is not there any more.
pub(super) fn each(
    bucket: &ManifestBucket,
    runtime: &Handle,
    lists: &[ledger::CarryOver],
    take: Take<'_>,
) -> Result<bool, PlanError> {
    let mut reader = Reader { bucket, runtime, take };
    for list in lists {
        let read = match &list.which {
            ledger::CarriedOver::Keys(file) => reader.file(&File::of(file), 1).map(|()| true),
            ledger::CarriedOver::Plan(manifest) => reader.plan(manifest),
        };
        match read {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(run = %list.run, "what is carried over is not there any more");
                return Ok(false);
            }
            Err(error) if is_lost(&error) => {
                tracing::warn!(run = %list.run, %error, "what is carried over cannot be read any more");
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Whether no later try can read it: it is gone, or is not what was written.
fn is_lost(error: &PlanError) -> bool {
    match error {
        PlanError::CarryOver { .. } => true,
        PlanError::Bucket(error) => error.is_lost(),
        _ => false,
    }
}

struct Reader<'a> {
    bucket: &'a ManifestBucket,
    runtime: &'a Handle,
    take: Take<'a>,
}

impl Reader<'_> {
    /// Reads all that a plan lists; false if its manifest is gone.
    fn plan(&mut self, manifest: &Submitted) -> Result<bool, PlanError> {
        let exactly = Exactly { version_id: manifest.version_id.as_deref(), etag: Some(&manifest.etag) };
        let Ok(object) = self.runtime.block_on(self.bucket.get(&manifest.key, exactly, LIMIT))? else {
            return Ok(false);
        };
        let unreadable = |reason: &str| PlanError::CarryOver { key: manifest.key.clone(), reason: reason.to_owned() };
        let plan: Manifest = serde_json::from_slice(&object.bytes).map_err(|error| unreadable(&error.to_string()))?;
        let column = plan.file_schema.split(',').position(|name| name.trim() == "Key");
        let column = column.ok_or_else(|| unreadable("it has no column Key"))?;
        for file in &plan.files {
            self.file(file, column)?;
        }
        Ok(true)
    }

    fn file(&mut self, file: &File, column: usize) -> Result<(), PlanError> {
        let unreadable = |reason: String| PlanError::CarryOver { key: file.key.clone(), reason };
        let wanted = Wanted { key: file.key.clone(), size: file.size, etag: None, version_id: None };
        let reader = ObjectReader::new(self.bucket.clone(), self.runtime.clone(), wanted);
        let mut hashed = Hashed { inner: reader, md5: Md5::new() };
        // S3 writes it so, in small letters.
        let gzip = file.key.as_str().strip_suffix(".gz").is_some();
        let text: Box<dyn Read + '_> =
            if gzip { Box::new(MultiGzDecoder::new(BufReader::new(&mut hashed))) } else { Box::new(&mut hashed) };
        let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let mut row = StringRecord::new();
        loop {
            match rows.read_record(&mut row) {
                Ok(false) => break,
                Ok(true) => {
                    let key = row.get(column).ok_or_else(|| unreadable("a row has too few columns".to_owned()))?;
                    let key = EncodedKey::new(key).decode().map_err(|invalid| unreadable(invalid.to_string()))?;
                    (self.take)(&key, &row).map_err(of_io)?;
                }
                Err(error) => {
                    let text = excerpt(&error.to_string());
                    return Err(match error.into_kind() {
                        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::Other => of_io(error),
                        _ => unreadable(text),
                    });
                }
            }
        }
        drop(rows);
        io::copy(&mut hashed, &mut io::sink()).map_err(of_io)?;
        if hex::encode(hashed.md5.finalize()) != file.md5.to_ascii_lowercase() {
            return Err(unreadable("its MD5 is not what its manifest says".to_owned()));
        }
        Ok(())
    }
}

/// Hashes what passes.
struct Hashed<R> {
    inner: R,
    md5: Md5,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.md5.update(&buffer[..read]);
        Ok(read)
    }
}

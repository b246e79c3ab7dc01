//! Looks after a report's data files before a job is made of it: are they all there, and is there a row in any. Calls
//! S3.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::{DataFile, FetchError, Report};
use crate::bucket::{Exactly, ManifestBucket};
use crate::names::ObjectKey;

/// HeadObject calls under way at once.
const AT_ONCE: usize = 32;
/// A gzip file of nothing has 20 bytes and the name it may carry; one with a row is seldom below 100. Files up to this
/// size are read to see.
const MAYBE_EMPTY: u64 = 512;

/// Whether every data file is there, with the size that manifest.json gives.
pub async fn all_there(bucket: &ManifestBucket, report: &Report) -> Result<(), FetchError> {
    let files = &report.manifest.files;
    stream::iter(files.iter().map(|file| there(bucket, file))).buffer_unordered(AT_ONCE).try_collect().await
}

/// Whether the report lists any object. Every data file is looked for first: the order in which S3 delivers a report's
/// files is nowhere documented, and a job whose data files are missing fails as a whole.
pub async fn has_rows(bucket: &ManifestBucket, report: &Report) -> Result<bool, FetchError> {
    all_there(bucket, report).await?;
    for file in &report.manifest.files {
        if file.size > MAYBE_EMPTY || (file.size > 0 && holds_a_row(bucket, file).await?) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn there(bucket: &ManifestBucket, file: &DataFile) -> Result<(), FetchError> {
    let key = ObjectKey::from_plain(&file.key);
    match bucket.head(&key).await?.map(|head| head.size) {
        Some(found) if found == file.size => Ok(()),
        Some(found) => Err(FetchError::DataFile { key, found, expected: file.size }),
        None => Err(FetchError::NotYet { key }),
    }
}

async fn holds_a_row(bucket: &ManifestBucket, file: &DataFile) -> Result<bool, FetchError> {
    let key = ObjectKey::from_plain(&file.key);
    let object = bucket.get(&key, Exactly::default(), MAYBE_EMPTY).await?;
    Ok(any_byte(&object.map_err(|_| FetchError::NotYet { key })?.bytes))
}

/// Whether anything but line ends comes out of a gzip file. What is not gzip counts as something: the job will say.
fn any_byte(gzip: &[u8]) -> bool {
    let mut decoder = MultiGzDecoder::new(gzip);
    let mut block = [0; 512];
    loop {
        match decoder.read(&mut block) {
            Ok(0) => return false,
            Ok(n) if block[..n].iter().all(|byte| matches!(byte, b'\r' | b'\n')) => {}
            Ok(_) | Err(_) => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_gzip_of_nothing_holds_no_row() {
        assert!(!any_byte(&gzip("")));
        assert!(!any_byte(&gzip("\r\n")));
        assert!(any_byte(&gzip("\"bucket\",\"key\"\n")));
    }

    #[test]
    fn what_is_not_gzip_is_left_to_the_job() {
        assert!(any_byte(b"\"bucket\",\"key\"\n"));
    }

    #[test]
    fn a_gzip_of_one_row_in_a_second_member_is_seen() {
        let members = [gzip(""), gzip("\"bucket\",\"key\"\n")].concat();
        assert!(any_byte(&members));
    }
}

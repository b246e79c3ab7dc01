//! Counts a report's objects and their bytes, where no plan does: in mode `Everything`. Calls S3, from threads that may block.

use std::io::{self, BufReader};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use tokio::runtime::Handle;

use super::RunError;
use crate::bucket::{BucketError, ManifestBucket, ObjectReader, Wanted};
use crate::inventory::{DataFile, Report};
use crate::names::ObjectKey;
use crate::plan::Count;

/// Looks at the clock once in so many rows.
const ROWS: u64 = 16 * 1024;

/// Why a report could not be counted.
enum Uncounted {
    /// There was no time for it.
    Late,
    /// It does not tell each object's size.
    Sizes,
    /// It is not what a report should be. The job will say so too.
    Damaged(io::Error),
    /// S3 failed.
    Bucket(BucketError),
}

/// How much the report lists; none if there is no time until `until`, if it cannot be read, or does not tell each object's size. (A
/// delete marker has none, but a report that may list them is refused.)
pub(super) async fn count(bucket: &ManifestBucket, report: &Report, until: Instant) -> Result<Option<Count>, RunError> {
    let Some(size) = report.manifest.columns.iter().position(|column| column == "Size") else {
        tracing::warn!("the report has no column Size: its cost is not known");
        return Ok(None);
    };
    let counter = Counter { bucket: bucket.clone(), runtime: Handle::current(), size, until };
    let files = report.manifest.files.clone();
    match tokio::task::spawn_blocking(move || counter.all(&files)).await? {
        Ok(count) => Ok(Some(count)),
        Err(Uncounted::Bucket(error)) => Err(error.into()),
        Err(Uncounted::Late) => {
            tracing::warn!("no time was left to count the report: its cost is not known");
            Ok(None)
        }
        Err(Uncounted::Sizes) => {
            tracing::warn!("the report does not tell the size of each object: its cost is not known");
            Ok(None)
        }
        Err(Uncounted::Damaged(error)) => {
            tracing::warn!(%error, "the report cannot be counted: its cost is not known");
            Ok(None)
        }
    }
}

struct Counter {
    bucket: ManifestBucket,
    runtime: Handle,
    /// Which column is Size.
    size: usize,
    until: Instant,
}

impl Counter {
    fn all(&self, files: &[DataFile]) -> Result<Count, Uncounted> {
        let next = AtomicUsize::new(0);
        let some = || {
            let mut sum = Count::default();
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                sum.add(self.file(file)?);
            }
            Ok(sum)
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len().max(1));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
            let mut sum = Count::default();
            for worker in workers {
                let late = |_| Uncounted::Damaged(io::Error::other("a thread ended before its work"));
                sum.add(worker.join().map_err(late)??);
            }
            Ok(sum)
        })
    }

    fn file(&self, file: &DataFile) -> Result<Count, Uncounted> {
        let wanted = Wanted { key: ObjectKey::from_plain(&file.key), size: file.size, etag: None, version_id: None };
        let reader = ObjectReader::new(self.bucket.clone(), self.runtime.clone(), wanted);
        let text = MultiGzDecoder::new(BufReader::new(reader));
        let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let (mut row, mut sum) = (csv::ByteRecord::new(), Count::default());
        while rows.read_byte_record(&mut row).map_err(of_csv)? {
            sum.add(Count { objects: 1, bytes: bytes(&row, self.size).ok_or(Uncounted::Sizes)? });
            if sum.objects % ROWS == 0 && Instant::now() >= self.until {
                return Err(Uncounted::Late);
            }
        }
        Ok(sum)
    }
}

/// What a row says in this column, if that is a number.
fn bytes(row: &csv::ByteRecord, column: usize) -> Option<u64> {
    std::str::from_utf8(row.get(column)?).ok()?.parse().ok()
}

fn of_csv(error: csv::Error) -> Uncounted {
    let error = io::Error::from(error);
    match error.downcast::<BucketError>() {
        Ok(error) => Uncounted::Bucket(error),
        Err(error) => Uncounted::Damaged(error),
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn a_size_is_a_number_or_not_known() {
        let size = |fields: &[&str]| bytes(&csv::ByteRecord::from(fields.to_vec()), 2);
        assert_eq!((size(&["b", "k", "1000"]), size(&["b", "k", "0"])), (Some(1000), Some(0)));
        for fields in [&["b", "k", ""][..], &["b", "k", "1e3"], &["b", "k", "-1"], &["b", "k"]] {
            assert_eq!(size(fields), None, "{fields:?}");
        }
    }
}

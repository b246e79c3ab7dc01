//! The floor: reading and inflating a report's data files and nothing else, not even their MD5. No difference can be found
//! much faster with the same decompressor. Reads local files only.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::Value;

/// Bytes that are read and inflated at a time.
const BLOCK: usize = 256 * 1024;

/// What inflates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Decoder {
    /// zlib-rs, by flate2: what the default build has.
    ZlibRs,
    /// Intel's ISA-L, in a build with the feature `isal`.
    #[cfg(feature = "isal")]
    Isal,
}

/// A file could not be read or inflated.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct FloorError {
    path: PathBuf,
    source: io::Error,
}

/// The data files that a manifest.json in a folder like the manifest bucket names.
pub fn data_files(manifest: &Path) -> Result<Vec<PathBuf>, FloorError> {
    let at = |source| FloorError { path: manifest.to_owned(), source };
    let json: Value = fs::read(manifest).and_then(|json| Ok(serde_json::from_slice(&json)?)).map_err(at)?;
    // inventory/<source>/<id>/<time>/manifest.json
    let bucket = manifest.ancestors().nth(5).ok_or_else(|| at(io::ErrorKind::NotFound.into()))?;
    let files = json["files"].as_array().into_iter().flatten();
    Ok(files.filter_map(|file| file["key"].as_str()).map(|key| bucket.join(key)).collect())
}

/// Inflates all data files of a report, `threads` at once; bytes that came out.
pub fn inflate(manifest: &Path, decoder: Decoder, threads: usize) -> Result<u64, FloorError> {
    let files = data_files(manifest)?;
    let (next, total) = (AtomicUsize::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let work = || -> Result<(), FloorError> {
            while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                let bytes = inflate_file(path, decoder).map_err(|source| FloorError { path: path.clone(), source })?;
                total.fetch_add(bytes, Ordering::Relaxed);
            }
            Ok(())
        };
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    Ok(total.into_inner())
}

fn inflate_file(path: &Path, decoder: Decoder) -> io::Result<u64> {
    let file = io::BufReader::with_capacity(BLOCK, File::open(path)?);
    match decoder {
        Decoder::ZlibRs => drain(flate2::bufread::MultiGzDecoder::new(file)),
        #[cfg(feature = "isal")]
        Decoder::Isal => drain(isal::read::GzipDecoder::new(file)),
    }
}

fn drain(mut inflated: impl Read) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    let mut total = 0;
    loop {
        match inflated.read(&mut block)? {
            0 => return Ok(total),
            bytes => total += bytes as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, inflate};
    use crate::generate::{Options, generate, manifest};

    #[test]
    fn every_byte_comes_out() {
        let folder = tempfile::tempdir().unwrap();
        let pair = generate(folder.path(), &Options::new(4000, 3), &|_| ()).unwrap();
        let bytes = inflate(&manifest(folder.path(), 1), Decoder::ZlibRs, 2).unwrap();
        assert_eq!(bytes, pair.raw_bytes[1]);
    }
}

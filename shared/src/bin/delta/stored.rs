//! A baseline in a local folder: its key, and a file for each part of it.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use transship::delta::{Baseline, DeltaError, HashKey, Range};

use crate::Failure;

/// A folder with a baseline.
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) key: HashKey,
    parts: u32,
}

impl Folder {
    /// The baseline in this folder, if it is one.
    pub(crate) fn find(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path.join("key")).ok()?;
        let (key, parts) = text.trim().split_once(' ')?;
        Some(Self { path: path.to_owned(), key: HashKey::from_hex(key)?, parts: parts.parse().ok()? })
    }

    /// A new one, for so many parts. What is left of another there is gone then.
    pub(crate) fn create(path: &Path, key: &HashKey, parts: u32) -> Result<Self, Failure> {
        remove(path)?;
        fs::create_dir_all(path).map_err(Failure::at(path))?;
        Ok(Self { path: path.to_owned(), key: key.clone(), parts })
    }

    fn part(&self, range: Range) -> PathBuf {
        self.path.join(format!("objects-{}-of-{}", range.index(), range.of()))
    }

    /// Bytes on disk; each object takes 8 and a bit.
    pub(crate) fn objects(&self) -> u64 {
        let bytes = |range| fs::metadata(self.part(range)).map_or(0, |metadata| metadata.len());
        Range::all(self.parts).map(bytes).sum::<u64>() / 8
    }

    /// Reads the part of it in `range`. `bucket` is what it has to be of.
    pub(crate) fn read(&self, range: Range, bucket: &str) -> Result<Baseline, Failure> {
        let parts: Vec<_> = Range::all(self.parts).collect();
        let open =
            |part| -> std::io::Result<Box<dyn Read>> { Ok(Box::new(BufReader::new(File::open(self.part(part))?))) };
        Ok(Baseline::read_parts(range, &parts, open, &self.key, bucket).map_err(DeltaError::from)?)
    }

    pub(crate) fn write(&self, baseline: &Baseline, bucket: &str) -> Result<(), Failure> {
        let path = self.part(baseline.range());
        let mut file = File::create(&path).map_err(Failure::at(&path))?;
        baseline.write_to(bucket, &mut file).map_err(Failure::at(&path))
    }

    /// Makes it one that can be read, and puts it in place of the one at `place`.
    pub(crate) fn seal(&self, place: &Path) -> Result<(), Failure> {
        let path = self.path.join("key");
        fs::write(&path, format!("{} {}\n", self.key.to_hex(), self.parts)).map_err(Failure::at(&path))?;
        let old = place.with_extension("replaced");
        remove(&old)?;
        if place.exists() {
            fs::rename(place, &old).map_err(Failure::at(place))?;
        }
        fs::rename(&self.path, place).map_err(Failure::at(place))?;
        remove(&old)
    }
}

/// Removes a folder, if there is one.
fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::at(folder)(error)),
        _ => Ok(()),
    }
}

//! A report in a local folder.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use transship::delta::Source;
use transship::inventory::{DataFile, Schema};

use crate::Failure;

/// A report whose files were found.
pub(crate) struct Report {
    pub(crate) bucket: String,
    pub(crate) schema: Schema,
    pub(crate) files: Vec<DataFile>,
    paths: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    source_bucket: String,
    file_format: String,
    file_schema: String,
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    key: String,
    size: u64,
    #[serde(rename = "MD5checksum")]
    md5: String,
}

impl Report {
    /// Of the manifest.json at `path`.
    pub(crate) fn find(path: &Path) -> Result<Self, Failure> {
        let wrong = |reason: String| Failure::Manifest { path: path.display().to_string(), reason };
        let text = fs::read(path).map_err(Failure::at(path))?;
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|error| wrong(format!("not the manifest.json of an inventory report ({error})")))?;
        if manifest.file_format != "CSV" {
            return Err(wrong(format!("its format is {}; only CSV reports can be compared", manifest.file_format)));
        }
        let columns: Vec<String> = manifest.file_schema.split(',').map(|name| name.trim().to_owned()).collect();
        let (mut files, mut paths) = (Vec::new(), Vec::new());
        for Listed { key, size, md5 } in manifest.files {
            let found = data_file(path, &key);
            paths.push(found.ok_or_else(|| wrong(format!("its data file {key} is not in any folder above it")))?);
            files.push(DataFile { key, size, md5: md5.to_ascii_lowercase() });
        }
        Ok(Self { bucket: manifest.source_bucket, schema: Schema::of(&columns)?, files, paths })
    }

    /// Compressed bytes of all its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

impl Source for Report {
    fn open(&self, file: usize) -> io::Result<Box<dyn Read + Send>> {
        let path = self.paths.get(file).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(File::open(path)?))
    }
}

/// Where the data file `key` of the report at `manifest` lies.
fn data_file(manifest: &Path, key: &str) -> Option<PathBuf> {
    // A key that climbs out of its folder is not followed.
    if key.split('/').any(|part| part == "..") {
        return None;
    }
    let manifest = std::path::absolute(manifest).ok()?;
    let folders = || manifest.ancestors().skip(1);
    let tails = std::iter::successors(Some(key), |key| key.split_once('/').map(|(_, rest)| rest));
    let name = key.rsplit('/').next()?;
    let by_key = tails.flat_map(|tail| folders().map(move |folder| folder.join(tail)));
    let by_name = folders().map(|folder| folder.join("data").join(name));
    by_key.chain(by_name).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_files_are_found_in_a_copy_of_the_bucket_and_beside_the_manifest() {
        let root = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let manifest = make("a/inventory/bucket/daily/2026-01-01T00-00Z/manifest.json");
        let data = make("a/inventory/bucket/daily/data/1.csv.gz");
        assert_eq!(data_file(&manifest, "inventory/bucket/daily/data/1.csv.gz"), Some(data.clone()));
        assert_eq!(data_file(&manifest, "another/prefix/data/1.csv.gz"), Some(data));
        assert_eq!(data_file(&manifest, "../../1.csv.gz"), None);
        let beside = make("b/manifest.json");
        let file = make("b/2.csv.gz");
        assert_eq!(data_file(&beside, "inventory/bucket/daily/data/2.csv.gz"), Some(file));
        assert_eq!(data_file(&beside, "inventory/bucket/daily/data/3.csv.gz"), None);
    }
}

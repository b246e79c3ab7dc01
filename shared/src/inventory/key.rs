//! `<prefix>/<source bucket>/<inventory id>/<YYYY-MM-DDTHH-MMZ>/manifest.json`: which report a key belongs to, if any.

use jiff::civil::DateTime;

use crate::names::{BucketName, InventoryId, ObjectKey, Prefix};

/// Which of a report's two announcing files a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFile {
    /// `manifest.json`
    Manifest,
    /// `manifest.checksum`
    Checksum,
}

/// Where one inventory report lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportKey {
    folder: String,
    time: String,
}

/// Why a key is not one of this route's reports. None of these is an error of the route: such keys are ignored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not under the inventories of this source bucket and inventory id: a completion report, a plan, another route.
    #[error("not under {expected}, where this route's inventory reports lie")]
    Elsewhere {
        /// The folder of this route's reports.
        expected: String,
    },
    /// Under the folder, but neither manifest.json nor manifest.checksum of a report: `hive/`, `data/`, …
    #[error("not the manifest.json or manifest.checksum of a report (expected <YYYY-MM-DDTHH-MMZ>/manifest.json)")]
    NotAManifest,
    /// The folder between is not a point in time.
    #[error("{0:?} is not the time of a report (expected YYYY-MM-DDTHH-MMZ)")]
    NotATime(String),
}

impl ReportKey {
    /// The report that `key` announces, if it is one of `source`'s inventory `id` delivered under `prefix`.
    pub fn parse(
        key: &ObjectKey,
        prefix: &Prefix,
        source: &BucketName,
        id: &InventoryId,
    ) -> Result<(Self, ReportFile), KeyError> {
        let folder = format!("{prefix}/{source}/{id}/");
        let Some(rest) = key.as_str().strip_prefix(&folder) else {
            return Err(KeyError::Elsewhere { expected: folder });
        };
        let (time, file) = match rest.split_once('/') {
            Some((time, "manifest.json")) => (time, ReportFile::Manifest),
            Some((time, "manifest.checksum")) => (time, ReportFile::Checksum),
            _ => return Err(KeyError::NotAManifest),
        };
        if !is_report_time(time) {
            return Err(KeyError::NotATime(crate::names::excerpt(time)));
        }
        Ok((Self { folder, time: time.to_owned() }, file))
    }

    /// The time in the key, `YYYY-MM-DDTHH-MMZ`: when the scan started, in UTC. It sorts as text.
    pub fn time(&self) -> &str {
        &self.time
    }

    /// The key of its manifest.json.
    pub fn manifest(&self) -> ObjectKey {
        ObjectKey::from_plain(format!("{}{}/manifest.json", self.folder, self.time))
    }

    /// The key of its manifest.checksum.
    pub fn checksum(&self) -> ObjectKey {
        ObjectKey::from_plain(format!("{}{}/manifest.checksum", self.folder, self.time))
    }

    /// The folder all data files of this inventory configuration lie in, with a slash at its end.
    pub fn data_folder(&self) -> String {
        format!("{}data/", self.folder)
    }
}

fn is_report_time(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00-00Z";
    text.len() == SHAPE.len()
        && text.bytes().zip(SHAPE).all(|(b, s)| if *s == b'0' { b.is_ascii_digit() } else { b == *s })
        && DateTime::strptime("%Y-%m-%dT%H-%MZ", text).is_ok()
}

#[cfg(test)]
mod tests;

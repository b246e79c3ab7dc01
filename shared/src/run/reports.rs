//! Which inventory reports lie in the manifest bucket, whether or not an event told of them. Calls S3.

use jiff::Timestamp;

use super::{RunError, Runner};
use crate::config::CopyMode;
use crate::event::Notice;
use crate::inventory::ReportKey;
use crate::job::RunId;
use crate::ledger::{Baseline, Standing, everything_key, preview_key};
use crate::names::{ETag, ObjectKey};

/// The reports of this route's inventory, as far as somebody has to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reports {
    /// The time of the newest that S3 has begun to deliver, `YYYY-MM-DDTHH-MMZ`.
    pub newest: Option<String>,
    /// The newest that is there as a whole.
    pub arrived: Option<Arrived>,
    /// Those that are there and have not been planned, though nothing newer has; newest first.
    pub waiting: Vec<Waiting>,
}

/// A report that S3 has delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// When its scan started, `YYYY-MM-DDTHH-MMZ`.
    pub time: String,
    /// Since when its manifest and its checksum are both there: for a large bucket, hours later.
    pub at: Timestamp,
}

/// A report that nobody has planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The run that it will be.
    pub run: RunId,
    /// Its manifest.json.
    pub manifest: ObjectKey,
    /// The manifest.json's ETag.
    pub etag: ETag,
    /// Since when its manifest and its checksum are both there.
    pub since: Timestamp,
}

impl Waiting {
    /// What an event would have told of it.
    pub fn notice(&self, bucket: &str) -> Notice {
        let (key, etag) = (self.manifest.clone(), Some(self.etag.clone()));
        Notice { bucket: bucket.to_owned(), key, etag, version_id: None }
    }
}

/// Of so many of the newest reports it is told whether they wait.
const MOST: usize = 10;

impl Runner {
    /// Lists the reports, and holds them against what has been planned.
    pub(super) async fn reports(&self, baseline: Option<&Baseline>) -> Result<Reports, RunError> {
        let route = &self.route;
        let folder = format!("{}/{}/{}/", route.inventory_prefix, route.source_bucket, route.inventory_id);
        let keys = self.bucket().folders_below(&folder).await?.into_iter().rev().filter_map(|folder| {
            let manifest = ObjectKey::from_plain(format!("{folder}manifest.json"));
            let parsed =
                ReportKey::parse(&manifest, &route.inventory_prefix, &route.source_bucket, &route.inventory_id);
            Some((folder, parsed.ok()?.0))
        });
        let keys: Vec<(String, ReportKey)> = keys.take(MOST).collect();
        let newest = keys.first().map(|(_, key)| key.time().to_owned());
        let (mut arrived, mut waiting) = (None, Vec::new());
        for (folder, key) in keys {
            let Some(report) = self.delivered(&folder, &key).await? else { continue };
            arrived.get_or_insert_with(|| Arrived { time: key.time().to_owned(), at: report.since });
            if !self.is_next(baseline, &report, key.time()).await? {
                break;
            }
            waiting.push(report);
        }
        Ok(Reports { newest, arrived, waiting })
    }

    /// A report, if it is there with its checksum.
    async fn delivered(&self, folder: &str, key: &ReportKey) -> Result<Option<Waiting>, RunError> {
        let files = self.bucket().all_below(folder, None).await?;
        let find = |key: &ObjectKey| files.iter().find(|file| file.key == *key);
        let (Some(manifest), Some(checksum)) = (find(&key.manifest()), find(&key.checksum())) else { return Ok(None) };
        let Some(etag) = manifest.etag.clone() else { return Ok(None) };
        let since = manifest.modified.max(checksum.modified).unwrap_or_else(|| self.bucket().now());
        Ok(Some(Waiting { run: RunId::new(key.time(), &etag), manifest: key.manifest(), etag, since }))
    }

    async fn is_next(&self, baseline: Option<&Baseline>, report: &Waiting, time: &str) -> Result<bool, RunError> {
        Ok(match self.settings.mode {
            CopyMode::Changes => baseline.is_none_or(|b| b.standing(&report.run, time, &report.etag) == Standing::Next),
            CopyMode::Preview => {
                baseline.is_none_or(|b| b.standing(&report.run, time, &report.etag) == Standing::Next)
                    && self.ledger.run(&preview_key(&report.run)).await?.is_none()
            }
            CopyMode::Everything => self.ledger.run(&everything_key(&report.run)).await?.is_none(),
        })
    }

    /// Whether another invocation has been planning this report within the last minutes.
    pub(super) async fn is_being_planned(&self, run: &RunId, within: jiff::SignedDuration) -> Result<bool, RunError> {
        let now = self.bucket().now();
        let drafts = self.bucket().all_below(&format!("ledger/drafts/{run}/"), None).await?;
        Ok(drafts.iter().filter_map(|draft| draft.modified).any(|at| now.duration_since(at) < within))
    }
}

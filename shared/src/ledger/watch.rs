//! `ledger/watch.json`: since when a route is watched, and what is known to be wrong with it. Only what is told to people hangs on
//! it: if it is lost, they are told again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SCHEMA;
use super::store::{Kept, Ledger, LedgerError};
use crate::bucket::{Exactly, Taken};
use crate::names::{ETag, ObjectKey};

/// What a route's watchdog remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// [`SCHEMA`]
    pub schema: u32,
    /// When it first looked: a route's first report is waited for from then on.
    pub since: Timestamp,
    /// When setup last checked both accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Timestamp>,
    /// What was wrong then, by the name of the check: what is so, and what to do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wrong: BTreeMap<String, (String, String)>,
    /// What setup should be able to see in the source account and could not, by the name of the check: why, and what to do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unseen: BTreeMap<String, (String, String)>,
    /// What is not as it should be, or was and nobody has been told that it is over; by the finding's key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub raised: BTreeMap<String, Known>,
    /// When an invocation set about telling of them: until it has, or was cut off, no other does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<Timestamp>,
    /// The status page could not be written: the next to look makes up for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub page_due: bool,
}

/// A finding that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Since when it is so.
    pub since: Timestamp,
    /// What is so, in one sentence.
    pub what: String,
    /// When somebody was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
    /// Since when it is no longer so. It is kept until somebody has been told that, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Timestamp>,
}

impl Watch {
    /// Of a route that is first looked at.
    pub fn new(since: Timestamp) -> Self {
        let (wrong, unseen, raised) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { schema: SCHEMA, since, checked: None, wrong, unseen, raised, telling: None, page_due: false }
    }
}

/// Far more than it holds: a line for each finding.
const LIMIT: u64 = 1024 * 1024;

fn key() -> ObjectKey {
    ObjectKey::from_plain("ledger/watch.json")
}

impl Ledger {
    /// `ledger/watch.json`; the first to come writes it, and one that cannot be read is written anew.
    pub async fn watch(&self) -> Result<Kept<Watch>, LedgerError> {
        let written = match self.read(&key()).await {
            Ok(Some(kept)) => return Ok(kept),
            Ok(None) => self.create(&key(), &Watch::new(self.bucket().now())).await?,
            // In its place, not deleted: who may write the ledger may delete nothing of it.
            Err(LedgerError::Unreadable { .. }) => match self.bucket().get(&key(), Exactly::default(), LIMIT).await? {
                Ok(damaged) => self.swap(&key(), Watch::new(self.bucket().now()), &damaged.etag).await?,
                Err(_) => self.create(&key(), &Watch::new(self.bucket().now())).await?,
            },
            Err(error) => return Err(error),
        };
        match written {
            Ok(kept) => Ok(kept),
            Err(Taken) => self
                .read(&key())
                .await?
                .ok_or_else(|| LedgerError::Unreadable { key: key(), reason: "it came and went".to_owned() }),
        }
    }

    /// Writes it in place of the one that was read; none if somebody else has.
    pub async fn keep_watch(&self, watch: Watch, read: &ETag) -> Result<Option<Kept<Watch>>, LedgerError> {
        Ok(self.swap(&key(), watch, read).await?.ok())
    }
}

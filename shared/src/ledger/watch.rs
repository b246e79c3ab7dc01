//! `ledger/watch.json`: since when a route is watched, and what is known to be wrong with it. Only what is told to people hangs on
//! it: if it is lost, they are told again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SCHEMA;
use super::store::{Kept, Ledger, LedgerError};
use crate::bucket::Taken;
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
    /// What is not as it should be, each since when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub raised: BTreeMap<String, Timestamp>,
}

fn key() -> ObjectKey {
    ObjectKey::from_plain("ledger/watch.json")
}

impl Ledger {
    /// `ledger/watch.json`; the first to come writes it, and one that cannot be read is written anew.
    pub async fn watch(&self) -> Result<Kept<Watch>, LedgerError> {
        let (wrong, raised) = (BTreeMap::new(), BTreeMap::new());
        let new = |since| Watch { schema: SCHEMA, since, checked: None, wrong, raised };
        match self.read(&key()).await {
            Ok(Some(kept)) => return Ok(kept),
            Ok(None) => {}
            Err(LedgerError::Unreadable { .. }) => self.bucket().delete(&key()).await?,
            Err(error) => return Err(error),
        }
        match self.create(&key(), &new(self.bucket().now())).await? {
            Ok(kept) => Ok(kept),
            Err(Taken) => self
                .read(&key())
                .await?
                .ok_or_else(|| LedgerError::Unreadable { key: key(), reason: "it came and went".to_owned() }),
        }
    }

    /// Writes it in place of the one that was read; nothing if somebody else has.
    pub async fn keep_watch(&self, watch: Watch, read: &ETag) -> Result<(), LedgerError> {
        self.swap(&key(), watch, read).await.map(drop)
    }
}

//! Bucket policies, compiled once: a job decides ten thousand times on the same few.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::policy::{Kind, Policy};

/// The last document of each bucket, compiled.
#[derive(Debug, Default)]
pub struct Compiled {
    by_bucket: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    document: Value,
    policy: Arc<Policy>,
}

impl Compiled {
    /// The compiled form of what a bucket's policy is now.
    pub(super) fn of_bucket(&self, bucket: &str, document: Option<Value>) -> Option<Arc<Policy>> {
        let document = document?;
        let mut by_bucket = self.by_bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = by_bucket.get(bucket)
            && entry.document == document
        {
            return Some(Arc::clone(&entry.policy));
        }
        // S3 compiles a policy before it stores it, so this one does compile; if not, it allows and denies nothing.
        let policy = Arc::new(Policy::parse(&document, Kind::Resource).ok()?);
        by_bucket.insert(bucket.to_owned(), Entry { document, policy: Arc::clone(&policy) });
        Some(policy)
    }
}

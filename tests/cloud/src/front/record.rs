//! The last requests to S3 Control as they came, so that an independent client's validation can be held against them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

/// How many are kept.
const KEPT: usize = 1_000;

/// Requests, oldest first.
#[derive(Debug, Default)]
pub struct Record(Mutex<VecDeque<Value>>);

impl Record {
    /// Keeps one request: method, path with query, body.
    pub(super) fn keep(&self, request: &Request<Bytes>) {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let body = String::from_utf8_lossy(request.body());
        let seen = json!({ "method": request.method().as_str(), "path": path, "body": body });
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(seen);
    }

    /// What was kept.
    pub fn requests(&self) -> Vec<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

//! What an invocation tells us: S3's own notifications and EventBridge's "Object Created". Calls nothing.
//!
//! An event is a hint: it may come twice, late, out of order, or from somebody else. Nothing in it is believed but
//! which object to look at.

use aws_lambda_events::event::s3::S3Entity;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::names::{ETag, EncodedKey, ObjectKey, excerpt};

/// An object was created, says an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The bucket's name, as the event has it.
    pub bucket: String,
    /// The object's key, decoded.
    pub key: ObjectKey,
    /// The ETag it was written with.
    pub etag: Option<ETag>,
    /// Its version, where the bucket is versioned.
    pub version_id: Option<String>,
}

/// What an event, or one record of it, comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// An object was created.
    Created(Notice),
    /// Nothing to do, and nothing wrong.
    Ignored {
        /// The key as the event has it, if it has one.
        key: String,
        /// Why there is nothing to do.
        reason: String,
    },
    /// Not an event this function can read.
    Refused {
        /// The key as the event has it, if it has one.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads an event of any shape; each record on its own, so that a bad one does not stop the others.
pub fn read(event: &Value) -> Vec<Heard> {
    if let Some(Value::Array(records)) = event.get("Records") {
        return records.iter().map(record).collect();
    }
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        let reason = "s3:TestEvent: S3 tries out a notification configuration".to_owned();
        return vec![Heard::Ignored { key: String::new(), reason }];
    }
    if event.get("detail-type").is_some() {
        return vec![event_bridge(event)];
    }
    let reason =
        "neither an S3 notification (Records), an s3:TestEvent nor an EventBridge event (detail-type)".to_owned();
    vec![Heard::Refused { key: String::new(), reason }]
}

/// The event by which an invocation hands what is left to do to another.
pub fn again(notice: &Notice) -> Value {
    let mut object = json!({ "key": notice.key.as_str() });
    if let Some(etag) = &notice.etag {
        object["etag"] = json!(etag.as_str());
    }
    if let Some(version_id) = &notice.version_id {
        object["version-id"] = json!(version_id);
    }
    json!({ "detail-type": CREATED, "source": "transship", "detail": { "bucket": { "name": notice.bucket }, "object": object } })
}

/// What EventBridge calls the event of a new object.
const CREATED: &str = "Object Created";

/// What is read of a notification's record. The rest (user identity, time, …) may be missing: nothing hangs on it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_version: Option<String>,
    event_name: Option<String>,
    s3: S3Entity,
}

fn record(value: &Value) -> Heard {
    let raw_key = value.pointer("/s3/object/key").and_then(Value::as_str).map(excerpt).unwrap_or_default();
    let refuse = |reason: String| Heard::Refused { key: raw_key.clone(), reason };
    let record = match Record::deserialize(value) {
        Ok(record) => record,
        Err(error) => return refuse(format!("not a record of an S3 notification: {error}")),
    };
    let version = record.event_version.as_deref().unwrap_or_default();
    if version.split('.').next() != Some("2") {
        return refuse(format!("eventVersion is {:?}, expected 2.x", excerpt(version)));
    }
    let name = record.event_name.as_deref().unwrap_or_default();
    if !name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        let reason = format!("eventName is {:?}; only ObjectCreated events start a run", excerpt(name));
        return Heard::Ignored { key: raw_key, reason };
    }
    let (Some(bucket), Some(key)) = (record.s3.bucket.name, record.s3.object.key) else {
        return refuse("a record without a bucket's name or an object's key".to_owned());
    };
    let key = match EncodedKey::new(key).decode() {
        Ok(key) => key,
        Err(invalid) => return refuse(format!("s3.object.key: {invalid}")),
    };
    created(bucket, key, record.s3.object.e_tag, record.s3.object.version_id)
}

/// `detail` of EventBridge's "Object Created".
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ObjectCreated {
    bucket: Bucket,
    object: Object,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Object {
    key: String,
    etag: Option<String>,
    version_id: Option<String>,
}

fn event_bridge(event: &Value) -> Heard {
    let key = event.pointer("/detail/object/key").and_then(Value::as_str).map(excerpt).unwrap_or_default();
    let kind = event.get("detail-type").and_then(Value::as_str).unwrap_or_default();
    if kind != CREATED {
        let reason = format!("detail-type is {:?}; only Object Created events start a run", excerpt(kind));
        return Heard::Ignored { key, reason };
    }
    match ObjectCreated::deserialize(&event["detail"]) {
        Ok(ObjectCreated { bucket, object }) => {
            created(bucket.name, ObjectKey::from_plain(object.key), object.etag, object.version_id)
        }
        Err(error) => Heard::Refused { key, reason: format!("not an Object Created event: {error}") },
    }
}

fn created(bucket: String, key: ObjectKey, etag: Option<String>, version_id: Option<String>) -> Heard {
    let etag = match etag.filter(|t| !t.is_empty()).map(|text| text.parse()).transpose() {
        Ok(etag) => etag,
        Err(invalid) => return Heard::Refused { key: excerpt(key.as_str()), reason: format!("eTag: {invalid}") },
    };
    // "null" is the version of an object that has none: asking for the current one is the same.
    let version_id = version_id.filter(|id| !id.is_empty() && id != "null");
    Heard::Created(Notice { bucket, key, etag, version_id })
}

#[cfg(test)]
mod tests;

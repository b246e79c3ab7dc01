//! Events as AWS sends them, and what `create-job` answers.

use cloud::lambda::Outcome;
use serde_json::{Value, json};

use crate::Error;
use crate::route::{MANIFEST_BUCKET, Route};

/// An S3 notification of one object created in the manifest bucket, as [seen] of an inventory.
pub fn created(key: &str, etag: Option<&str>, version: Option<&str>) -> Value {
    // As S3 encodes keys in notifications: `+` for a space, slashes kept.
    let encoded = form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>().replace("%2F", "/");
    let mut object = json!({ "key": encoded, "size": 1024, "sequencer": "0055AED6DCD90281E5" });
    if let Some(etag) = etag {
        object["eTag"] = json!(etag);
    }
    if let Some(version) = version {
        object["versionId"] = json!(version);
    }
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-22T01:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": { "principalId": "AWS:AROAEXAMPLE:s3" },
        "requestParameters": { "sourceIPAddress": "10.0.0.1" },
        "responseElements": { "x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8" },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "Manifest",
            "bucket": {
                "name": MANIFEST_BUCKET,
                "ownerIdentity": { "principalId": "A3NL1KOZZKExample" },
                "arn": format!("arn:aws:s3:::{MANIFEST_BUCKET}")
            },
            "object": object
        }
    }] })
}

/// Several notifications in one event.
pub fn together(events: &[Value]) -> Value {
    let records: Vec<Value> =
        events.iter().flat_map(|event| event["Records"].as_array().cloned().unwrap_or_default()).collect();
    json!({ "Records": records })
}

impl Route {
    /// Invokes `create-job` with an event and waits: its answer, or its error.
    pub async fn create_job(&self, event: &Value) -> Result<Result<Value, Value>, Error> {
        self.invoke("create-job", event).await
    }

    /// Invokes `settle-job` as its schedule does, and waits: its answer, or its error.
    pub async fn settle_job(&self) -> Result<Result<Value, Value>, Error> {
        self.invoke("settle-job", &json!({ "source": "schedule" })).await
    }

    async fn invoke(&self, function: &str, event: &Value) -> Result<Result<Value, Value>, Error> {
        let id = format!("test-{}", event.to_string().len());
        match self.cloud.functions().invoke(&self.cloud, function, &id, event.to_string().into()).await? {
            Outcome::Success(answer) => Ok(Ok(serde_json::from_slice(&answer)?)),
            Outcome::Error(error) => Ok(Err(serde_json::from_slice(&error)?)),
        }
    }
}

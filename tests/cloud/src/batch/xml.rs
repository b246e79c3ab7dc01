//! rest-xml as S3 Control speaks it: lists of `<member>`, maps of `<entry>`.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::BatchError;

/// A list: `<Tags><member>…</member></Tags>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members<T> {
    /// Its elements.
    #[serde(default = "Vec::new")]
    pub member: Vec<T>,
}

impl<T> Members<T> {
    /// A list of these.
    pub fn new(member: Vec<T>) -> Self {
        Self { member }
    }
}

/// A map: `<UserMetadata><entry><key>…</key><value>…</value></entry></UserMetadata>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entries {
    /// Its entries.
    #[serde(default)]
    pub entry: Vec<Entry>,
}

/// One entry of a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Reads a request's body.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, BatchError> {
    let text = std::str::from_utf8(body).map_err(|error| BatchError::MalformedXml(error.to_string()))?;
    quick_xml::de::from_str(text).map_err(|error| BatchError::MalformedXml(error.to_string()))
}

/// Renders an answer under its root element.
pub fn answer<T: Serialize>(status: StatusCode, root: &str, body: &T) -> Response<Bytes> {
    match quick_xml::se::to_string_with_root(root, body) {
        Ok(text) => {
            let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}");
            crate::front::answer(status, "application/xml", text)
        }
        Err(error) => crate::front::answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
    }
}

//! Fetches the report that an event is about: manifest.json, held against manifest.checksum. Calls S3.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use md5::{Digest, Md5};

use super::{Manifest, ManifestError, ReportFile, ReportKey};
use crate::config::Route;
use crate::error::{AwsError, Class};
use crate::event::Notice;
use crate::names::{ETag, ObjectKey, excerpt};

/// More than any real manifest.json: one of 100,000 data files has about 20 MB.
const MANIFEST_LIMIT: u64 = 64 * 1024 * 1024;
/// A checksum is 32 characters; white space around it is allowed.
const CHECKSUM_LIMIT: u64 = 1024;

/// How long to wait for a file that should appear within moments.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often to look, at least once.
    pub tries: u32,
    /// The pause between two looks.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 4, pause: Duration::from_millis(700) }
    }
}

/// A delivered inventory report, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Where it lies.
    pub key: ReportKey,
    /// The manifest.json's ETag; with the key it is the report's identity, since a redelivery takes the same key.
    pub etag: ETag,
    /// The manifest.json's version, where the manifest bucket is versioned.
    pub version_id: Option<String>,
    /// What it says.
    pub manifest: Manifest,
}

/// Why there is no report to run.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The event is about a manifest.json that is no longer there. The newer one has an event of its own.
    #[error("superseded: {0}")]
    Superseded(&'static str),
    /// A part of the delivery is not there yet; its own event, or a retry, will find it.
    #[error("{key} is not there yet; S3 may still be delivering the report")]
    NotYet {
        /// What is missing.
        key: ObjectKey,
    },
    /// manifest.json is not what S3 wrote.
    #[error(
        "{manifest} does not match its manifest.checksum (its MD5 is {found}, expected {expected}); \
        it was altered after delivery: see who else writes to the manifest bucket"
    )]
    Altered {
        /// The key of the manifest.json.
        manifest: ObjectKey,
        /// Hex MD5 of what is there.
        found: String,
        /// What manifest.checksum says.
        expected: String,
    },
    /// Larger than any real one.
    #[error("{key} has {size} bytes, more than the {limit} that are read")]
    TooLarge {
        /// What is too large.
        key: ObjectKey,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The manifest says something that this route cannot take.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// S3 gave an object without a usable ETag.
    #[error("{key}: {invalid}")]
    ETag {
        /// The object.
        key: ObjectKey,
        /// Its ETag.
        invalid: crate::names::Invalid,
    },
    /// S3 refused or failed.
    #[error("{error}, reading {key}")]
    Aws {
        /// What was read.
        key: ObjectKey,
        /// How it failed.
        error: AwsError,
    },
}

/// Fetches the report `key` that `notice` announced by its `file`.
pub async fn fetch(
    s3: &Client,
    route: &Route,
    (key, file): (ReportKey, ReportFile),
    notice: &Notice,
    patience: Patience,
) -> Result<Report, FetchError> {
    let reader = Reader { s3, route, patience };
    let mut object = match file {
        ReportFile::Manifest => reader.announced(&key, notice).await?,
        ReportFile::Checksum => reader.awaited(&key.manifest(), MANIFEST_LIMIT).await?,
    };
    let checksum = reader.checksum(&key).await?;
    if object.md5() != checksum {
        object = reader.second_look(&key, file, &object).await?;
    }
    let manifest = Manifest::parse(&object.bytes, &key, &route.source_bucket, &route.manifest_bucket)?;
    Ok(Report { key, etag: object.etag, version_id: object.version_id, manifest })
}

struct Reader<'a> {
    s3: &'a Client,
    route: &'a Route,
    patience: Patience,
}

struct Object {
    bytes: Vec<u8>,
    etag: ETag,
    version_id: Option<String>,
}

impl Object {
    fn md5(&self) -> String {
        hex::encode(Md5::digest(&self.bytes))
    }
}

/// Which version of an object is meant; the current one, whatever it is, if neither is said.
#[derive(Debug, Clone, Copy, Default)]
struct Exactly<'a> {
    version_id: Option<&'a str>,
    etag: Option<&'a ETag>,
}

/// S3 answered that it has no such object or version.
enum Missing {
    Gone,
    Changed,
}

impl Reader<'_> {
    /// The manifest.json that an event is about, no other.
    async fn announced(&self, key: &ReportKey, notice: &Notice) -> Result<Object, FetchError> {
        let exactly = Exactly { version_id: notice.version_id.as_deref(), etag: notice.etag.as_ref() };
        self.get(&key.manifest(), exactly, MANIFEST_LIMIT).await?.map_err(|missing| {
            FetchError::Superseded(match missing {
                Missing::Gone => "the manifest.json of the event has been deleted since",
                Missing::Changed => "a newer manifest.json has taken its place, and has an event of its own",
            })
        })
    }

    /// An object that should be there, or will be within moments.
    async fn awaited(&self, key: &ObjectKey, limit: u64) -> Result<Object, FetchError> {
        for _ in 1..self.patience.tries {
            if let Ok(object) = self.get(key, Exactly::default(), limit).await? {
                return Ok(object);
            }
            tokio::time::sleep(self.patience.pause).await;
        }
        let last = self.get(key, Exactly::default(), limit).await?;
        last.map_err(|_| FetchError::NotYet { key: key.clone() })
    }

    /// The hex MD5 in manifest.checksum.
    async fn checksum(&self, key: &ReportKey) -> Result<String, FetchError> {
        let object = self.awaited(&key.checksum(), CHECKSUM_LIMIT).await?;
        Ok(String::from_utf8_lossy(&object.bytes).trim().to_ascii_lowercase())
    }

    /// When manifest and checksum differ, S3 may be in the middle of delivering the report again under the same key:
    /// both are read once more, as they are now. If they still differ, either was altered; and should it be a slow
    /// redelivery after all, the file that comes second has an event of its own, and finds both.
    async fn second_look(&self, key: &ReportKey, file: ReportFile, first: &Object) -> Result<Object, FetchError> {
        tokio::time::sleep(self.patience.pause).await;
        let now = self.awaited(&key.manifest(), MANIFEST_LIMIT).await?;
        if file == ReportFile::Manifest && now.etag != first.etag {
            return Err(FetchError::Superseded(
                "a newer manifest.json has taken its place, and has an event of its own",
            ));
        }
        let expected = self.checksum(key).await?;
        let found = now.md5();
        if found == expected {
            return Ok(now);
        }
        Err(FetchError::Altered { manifest: key.manifest(), found, expected: excerpt(&expected) })
    }

    async fn get(
        &self,
        key: &ObjectKey,
        exactly: Exactly<'_>,
        limit: u64,
    ) -> Result<Result<Object, Missing>, FetchError> {
        let answer = self
            .s3
            .get_object()
            .bucket(self.route.manifest_bucket.as_str())
            .key(key.as_str())
            .set_version_id(exactly.version_id.map(str::to_owned))
            .set_if_match(exactly.etag.map(|etag| format!("\"{etag}\"")))
            .expected_bucket_owner(self.route.account.as_str())
            .send()
            .await;
        let output = match answer {
            Ok(output) => output,
            Err(error) => return missing(&error).map(Err).ok_or_else(|| aws(key, &error)),
        };
        let size = output.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        if size > limit {
            return Err(FetchError::TooLarge { key: key.clone(), size, limit });
        }
        let etag = output.e_tag().unwrap_or_default().parse();
        let etag = etag.map_err(|invalid| FetchError::ETag { key: key.clone(), invalid })?;
        let version_id = output.version_id().filter(|id| *id != "null").map(str::to_owned);
        let bytes = whole(key, output.body).await?;
        Ok(Ok(Object { bytes, etag, version_id }))
    }
}

/// Reads a body to its end. Its length was checked, and HTTP holds a server to the length it announced.
async fn whole(key: &ObjectKey, body: ByteStream) -> Result<Vec<u8>, FetchError> {
    match body.collect().await {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(error) => Err(FetchError::Aws {
            key: key.clone(),
            error: AwsError {
                operation: "GetObject",
                code: "CutOff".to_owned(),
                message: excerpt(&error.to_string()),
                status: None,
                class: Class::Transient,
            },
        }),
    }
}

fn missing(error: &SdkError<GetObjectError>) -> Option<Missing> {
    use aws_sdk_s3::error::ProvideErrorMetadata;
    match (error.code(), error.raw_response().map(|response| response.status().as_u16())) {
        (Some("NoSuchKey"), _) => Some(Missing::Gone),
        (Some("PreconditionFailed" | "NoSuchVersion"), _) | (_, Some(412)) => Some(Missing::Changed),
        _ => None,
    }
}

fn aws(key: &ObjectKey, error: &SdkError<GetObjectError>) -> FetchError {
    FetchError::Aws { key: key.clone(), error: AwsError::new("GetObject", error) }
}

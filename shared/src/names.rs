//! Names that must not be mixed up, each parsed once at the edge. Calls nothing.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// A text that is not what its place asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct Invalid {
    /// What should have stood there.
    pub expected: &'static str,
    /// What stood there, cut to a readable length.
    pub found: String,
}

impl Invalid {
    /// `found` where `expected` should have stood.
    pub fn new(expected: &'static str, found: &str) -> Self {
        Self { expected, found: excerpt(found) }
    }
}

/// The first 200 characters of a text, for messages: what stands in an event or a manifest can be of any length.
pub fn excerpt(text: &str) -> String {
    excerpt_of(text, 200)
}

/// The first `length` characters of a text.
pub fn excerpt_of(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text with a rule: `name, what is expected, rule`.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $rule:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let rule: fn(&str) -> bool = $rule;
                if rule(text) { Ok(Self(text.to_owned())) } else { Err(Invalid::new($expected, text)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A 12-digit AWS account id.
    AccountId, "an account id of 12 digits", |t| t.len() == 12 && t.bytes().all(|b| b.is_ascii_digit())
}
name! {
    /// A general purpose bucket's name, by S3's naming rules.
    BucketName, "a bucket name (3 to 63 of a-z, 0-9, dot and hyphen)", is_bucket_name
}
name! {
    /// A Region, `eu-central-1`.
    Region, "a Region such as eu-central-1", is_region
}
name! {
    /// A route's name; it stands in tags, descriptions and statement ids.
    RouteName, "a route name (1 to 32 of a-z, 0-9 and hyphen)",
    |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
name! {
    /// The id of an inventory configuration.
    InventoryId, "an inventory id (1 to 64 of letters, digits, dot, hyphen and underscore)",
    |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}
name! {
    /// A key prefix that stands for a folder: no slash at either end.
    Prefix, "a prefix of 1 to 512 bytes without a slash at its start or end, and no empty or dotted part",
    is_prefix
}
name! {
    /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`
    RoleArn, "the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME", is_role_arn
}
name! {
    /// `arn:aws:kms:REGION:ACCOUNT:key/ID`; an alias can be pointed elsewhere, so policies cannot name it.
    KmsKeyArn, "the ARN of a KMS key, arn:aws:kms:REGION:ACCOUNT:key/ID (not an alias)", is_kms_key_arn
}
name! {
    /// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, perhaps with an alias or a version behind it.
    FunctionArn, "the ARN of a Lambda function, arn:aws:lambda:REGION:ACCOUNT:function:NAME", is_function_arn
}
name! {
    /// `arn:aws:sns:REGION:ACCOUNT:NAME`
    TopicArn, "the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME", is_topic_arn
}

impl RoleArn {
    /// The account the role is in.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    /// `aws`, `aws-cn`, `aws-us-gov`: all ARNs of a route are in one partition.
    pub fn partition(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }
}

impl KmsKeyArn {
    /// The Region the key is in.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    /// The account the key is in.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

impl BucketName {
    /// `arn:aws:s3:::NAME`
    pub fn arn(&self, partition: &str) -> String {
        format!("arn:{partition}:s3:::{self}")
    }
}

fn is_bucket_name(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(b))
        && edge(bytes.first())
        && edge(bytes.last())
        && !text.contains("..")
        && text.parse::<std::net::Ipv4Addr>().is_err()
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [head @ .., number] = parts.as_slice() else { return false };
    head.len() >= 2
        && head.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn is_prefix(text: &str) -> bool {
    (1..=512).contains(&text.len())
        && text.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && !text.chars().any(char::is_control)
}

fn is_partition(text: &str) -> bool {
    text == "aws" || text.strip_prefix("aws-").is_some_and(|t| t.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
}

fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else { return false };
    text.len() <= 2048
        && is_partition(partition)
        && account.parse::<AccountId>().is_ok()
        && resource.strip_prefix("role/").is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&b))
        })
}

fn is_topic_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let [arn, partition, service, region, account, name] = parts[..] else { return false };
    let named = |c: u8| c.is_ascii_alphanumeric() || b"-_".contains(&c);
    (arn, service) == ("arn", "sns")
        && partition.starts_with("aws")
        && is_region(region)
        && account.parse::<AccountId>().is_ok()
        && (1..=256).contains(&name.len())
        && name.bytes().all(named)
}

fn is_kms_key_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "kms", region, account, resource] = parts.as_slice() else { return false };
    is_partition(partition)
        && is_region(region)
        && account.parse::<AccountId>().is_ok()
        && resource
            .strip_prefix("key/")
            .is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

fn is_function_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(7, ':').collect();
    let ["arn", partition, "lambda", region, account, "function", name] = parts.as_slice() else { return false };
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_$".contains(&b));
    is_partition(partition)
        && is_region(region)
        && account.parse::<AccountId>().is_ok()
        && name.split(':').count() <= 2
        && name.split(':').all(word)
}

/// An object's ETag without quotes. Not always an MD5: multipart uploads and SSE-KMS have other ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ETag(String);

impl TryFrom<String> for ETag {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<ETag> for String {
    fn from(etag: ETag) -> Self {
        etag.0
    }
}

impl ETag {
    /// The text, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ETag {
    type Err = Invalid;

    /// Takes it quoted, as HTTP has it, or plain, as events have it.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let plain = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        if (1..=128).contains(&plain.len()) && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            Ok(Self(plain.to_owned()))
        } else {
            Err(Invalid::new("an ETag of letters, digits and hyphen", text))
        }
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object's key as it is, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// A key that is not encoded, as in EventBridge events and in answers of the SDK.
    pub fn from_plain(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As manifests want it: every byte but letters, digits and `-_.~/` percent-encoded.
    pub fn encode(&self) -> EncodedKey {
        EncodedKey(utf8_percent_encode(&self.0, ESCAPED).collect())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What S3 leaves alone in an encoded key.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// An object's key as it stands in S3 notifications and inventories: form-encoded or percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EncodedKey(String);

impl EncodedKey {
    /// A key as it was received.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// As it was received.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Decodes `+` and `%20` to a space (sources disagree on which S3 writes, and a literal plus is always `%2B`) and
    /// every other `%XX` to its byte. A key that is not UTF-8 then is refused.
    pub fn decode(&self) -> Result<ObjectKey, Invalid> {
        let spaced = self.0.replace('+', " ");
        match percent_decode_str(&spaced).decode_utf8() {
            Ok(key) => Ok(ObjectKey(key.into_owned())),
            Err(_) => Err(Invalid::new("a form-encoded key of UTF-8", &self.0)),
        }
    }
}

#[cfg(test)]
mod tests;

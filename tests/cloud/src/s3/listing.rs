//! `ListObjects`, `ListObjectsV2` and `ListObjectVersions`.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    self, CommonPrefix, DeleteMarkerEntry, EncodingType, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ObjectVersion, Owner,
};
use s3s::{S3Request, S3Result, s3_error};

use super::Backend;
use super::caller::{Caller, context};
use super::checksum::Stored;
use super::object::{Object, size, timestamp};
use super::store::Bucket;
use crate::identity::AccountId;

/// Which keys.
#[derive(Debug, Clone, Copy, Default)]
struct Query<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    /// Only what comes behind this key or common prefix.
    after: &'a str,
    /// With `versions`: of the key `after` itself, only what comes behind this version.
    after_version: Option<&'a str>,
    /// All versions and delete markers, not only current objects.
    versions: bool,
}

/// A line of a listing.
enum Entry<'a> {
    Version { key: &'a str, object: &'a Arc<Object>, is_latest: bool },
    Prefix(&'a str),
}

impl<'a> Query<'a> {
    /// The common prefix that stands for a key.
    fn roll_up<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let rest = key.strip_prefix(self.prefix)?;
        rest.find(delimiter).and_then(|at| key.get(..self.prefix.len() + at + delimiter.len()))
    }

    /// A key's lines, newest version first.
    fn lines(&self, key: &'a str, versions: &'a [Arc<Object>]) -> VecDeque<Entry<'a>> {
        let all =
            versions.iter().rev().enumerate().map(|(i, object)| Entry::Version { key, object, is_latest: i == 0 });
        match (self.versions, self.after_version) {
            (true, Some(marker)) if key == self.after => all
                .skip_while(|e| !matches!(e, Entry::Version { object, .. } if object.version_id == marker))
                .skip(1)
                .collect(),
            (true, _) => all.collect(),
            (false, _) => {
                all.take(1).filter(|e| matches!(e, Entry::Version { object, .. } if object.data.is_some())).collect()
            }
        }
    }

    /// All lines from `after` on. A common prefix is passed over in one step, however much lies under it.
    fn entries(self, bucket: &'a Bucket) -> impl Iterator<Item = Entry<'a>> {
        let start = match self.after_version {
            Some(_) if self.after >= self.prefix => Bound::Included(self.after),
            None if self.after >= self.prefix && !self.after.is_empty() => Bound::Excluded(self.after),
            _ => Bound::Included(self.prefix),
        };
        let mut keys = bucket.from(start);
        let mut lines = VecDeque::new();
        let mut last_prefix = self.roll_up(self.after).filter(|p| *p == self.after).unwrap_or_default().to_owned();
        if !last_prefix.is_empty() {
            keys = bucket.from(Bound::Included(behind(&last_prefix).as_str()));
        }
        std::iter::from_fn(move || {
            loop {
                if let Some(line) = lines.pop_front() {
                    return Some(line);
                }
                let (key, versions) = keys.next().filter(|(key, _)| key.starts_with(self.prefix))?;
                let found = self.lines(key, versions);
                match self.roll_up(key) {
                    None => lines = found,
                    Some(prefix) if found.is_empty() || prefix == last_prefix => {}
                    Some(prefix) => {
                        prefix.clone_into(&mut last_prefix);
                        let next = behind(prefix);
                        keys = bucket.from(Bound::Included(next.as_str()));
                        return Some(Entry::Prefix(prefix));
                    }
                }
            }
        })
    }
}

/// A key behind (nearly) every key that has this prefix; the few it is not behind are passed one by one.
fn behind(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}

/// One page of lines.
struct Page<'a> {
    lines: Vec<Entry<'a>>,
    is_truncated: bool,
}

impl<'a> Page<'a> {
    fn of(mut entries: impl Iterator<Item = Entry<'a>>, max: usize) -> Self {
        let lines: Vec<_> = entries.by_ref().take(max).collect();
        let is_truncated = max > 0 && entries.next().is_some();
        Self { lines, is_truncated }
    }

    /// Where the next page starts, if there is one.
    fn next(&self) -> Option<(&'a str, Option<&'a str>)> {
        match self.lines.last().filter(|_| self.is_truncated)? {
            Entry::Version { key, object, .. } => Some((key, Some(object.version_id.as_str()))),
            Entry::Prefix(prefix) => Some((prefix, None)),
        }
    }
}

/// `encoding-type=url`: what XML could not hold, escaped.
#[derive(Clone, Copy)]
pub(super) struct Encode(bool);

/// A space becomes `%20`, which clients decode whether they take `+` for a space or not.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');

impl Encode {
    pub(super) fn of(asked: Option<&EncodingType>) -> S3Result<Self> {
        match asked.map(EncodingType::as_str) {
            None => Ok(Self(false)),
            Some("url") => Ok(Self(true)),
            Some(_) => Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request")),
        }
    }

    pub(super) fn key(self, text: &str) -> String {
        if self.0 { utf8_percent_encode(text, URL).to_string() } else { text.to_owned() }
    }

    pub(super) fn some(self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.key(text))
    }
}

/// At most 1,000.
pub(super) fn page_size(asked: Option<i32>, name: &str) -> S3Result<usize> {
    usize::try_from(asked.unwrap_or(1000))
        .map(|asked| asked.min(1000))
        .map_err(|_| s3_error!(InvalidArgument, "Argument {name} must be an integer between 0 and 2147483647"))
}

/// A delimiter that is not empty.
pub(super) fn delimiter(text: Option<&str>) -> Option<&str> {
    text.filter(|d| !d.is_empty())
}

/// The owner as S3 shows it: a canonical user id, made up from the account id.
pub(super) fn owner(account: &AccountId) -> Owner {
    use sha2::Digest;
    Owner { id: Some(hex::encode(sha2::Sha256::digest(account.as_str()))), display_name: None }
}

/// May they list, under the conditions S3 gives for a listing?
fn authorize(
    caller: &Caller<'_>,
    action: &str,
    prefix: Option<&str>,
    delimiter: Option<&str>,
    max: usize,
) -> S3Result<()> {
    let mut keys = context().with("s3:max-keys", max.to_string());
    // Without a prefix in the request the key is absent, as on AWS.
    if let Some(prefix) = prefix {
        keys = keys.with("s3:prefix", prefix);
    }
    if let Some(delimiter) = delimiter {
        keys = keys.with("s3:delimiter", delimiter);
    }
    caller.bucket_with(action, keys)
}

fn prefixes(lines: &[Entry<'_>], encode: Encode) -> Option<Vec<CommonPrefix>> {
    let prefixes: Vec<_> = lines
        .iter()
        .filter_map(|line| match line {
            Entry::Prefix(prefix) => Some(CommonPrefix { prefix: Some(encode.key(prefix)) }),
            Entry::Version { .. } => None,
        })
        .collect();
    (!prefixes.is_empty()).then_some(prefixes)
}

fn objects(lines: &[Entry<'_>], encode: Encode, owner: Option<&Owner>) -> Option<Vec<dto::Object>> {
    let objects: Vec<_> = lines
        .iter()
        .filter_map(|line| match line {
            Entry::Version { key, object, .. } => Some((key, object, object.data.as_ref()?)),
            Entry::Prefix(_) => None,
        })
        .map(|(key, object, data)| dto::Object {
            key: Some(encode.key(key)),
            e_tag: Some(data.etag_header()),
            last_modified: Some(timestamp(object.last_modified)),
            size: Some(size(data.content.len())),
            storage_class: Some(data.storage_class.clone().into()),
            checksum_algorithm: data.checksum.as_ref().map(Stored::algorithms),
            checksum_type: data.checksum.as_ref().map(Stored::kind),
            owner: owner.cloned(),
            ..dto::Object::default()
        })
        .collect();
    (!objects.is_empty()).then_some(objects)
}

/// `ListObjects`.
pub(super) fn list_objects(backend: &Backend, req: &S3Request<ListObjectsInput>) -> S3Result<ListObjectsOutput> {
    let input = &req.input;
    let caller = backend.open(req, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let (prefix, delimiter) = (input.prefix.as_deref(), delimiter(input.delimiter.as_deref()));
    let max = page_size(input.max_keys, "max-keys")?;
    authorize(&caller, "s3:ListBucket", prefix, delimiter, max)?;
    let encode = Encode::of(input.encoding_type.as_ref())?;
    let marker = input.marker.as_deref().unwrap_or_default();
    let query = Query { prefix: prefix.unwrap_or_default(), delimiter, after: marker, ..Query::default() };
    backend.cloud.store().read(&input.bucket, |bucket| {
        let page = Page::of(query.entries(bucket), max);
        ListObjectsOutput {
            name: Some(input.bucket.clone()),
            prefix: Some(encode.key(prefix.unwrap_or_default())),
            marker: Some(encode.key(marker)),
            max_keys: i32::try_from(max).ok(),
            is_truncated: Some(page.is_truncated),
            // S3 gives it only with a delimiter; elsewhere the last key serves.
            next_marker: page.next().filter(|_| delimiter.is_some()).map(|(last, _)| encode.key(last)),
            contents: objects(&page.lines, encode, Some(&owner(&caller.owner))),
            common_prefixes: prefixes(&page.lines, encode),
            delimiter: encode.some(delimiter),
            encoding_type: input.encoding_type.clone(),
            ..ListObjectsOutput::default()
        }
    })
}

/// `ListObjectsV2`.
pub(super) fn list_objects_v2(backend: &Backend, req: &S3Request<ListObjectsV2Input>) -> S3Result<ListObjectsV2Output> {
    let input = &req.input;
    let caller = backend.open(req, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let (prefix, delimiter) = (input.prefix.as_deref(), delimiter(input.delimiter.as_deref()));
    let max = page_size(input.max_keys, "max-keys")?;
    authorize(&caller, "s3:ListBucket", prefix, delimiter, max)?;
    let encode = Encode::of(input.encoding_type.as_ref())?;
    let resume = input.continuation_token.as_deref().map(read_token).transpose()?;
    let after = resume.as_deref().or(input.start_after.as_deref()).unwrap_or_default();
    let query = Query { prefix: prefix.unwrap_or_default(), delimiter, after, ..Query::default() };
    backend.cloud.store().read(&input.bucket, |bucket| {
        let page = Page::of(query.entries(bucket), max);
        let owner = input.fetch_owner.unwrap_or(false).then(|| owner(&caller.owner));
        ListObjectsV2Output {
            name: Some(input.bucket.clone()),
            prefix: Some(encode.key(prefix.unwrap_or_default())),
            max_keys: i32::try_from(max).ok(),
            key_count: i32::try_from(page.lines.len()).ok(),
            is_truncated: Some(page.is_truncated),
            continuation_token: input.continuation_token.clone(),
            next_continuation_token: page.next().map(|(last, _)| URL_SAFE_NO_PAD.encode(last)),
            start_after: encode.some(input.start_after.as_deref()),
            contents: objects(&page.lines, encode, owner.as_ref()),
            common_prefixes: prefixes(&page.lines, encode),
            delimiter: encode.some(delimiter),
            encoding_type: input.encoding_type.clone(),
            ..ListObjectsV2Output::default()
        }
    })
}

fn read_token(token: &str) -> S3Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

/// `ListObjectVersions`.
pub(super) fn list_object_versions(
    backend: &Backend,
    req: &S3Request<ListObjectVersionsInput>,
) -> S3Result<ListObjectVersionsOutput> {
    let input = &req.input;
    let caller = backend.open(req, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let (prefix, delimiter) = (input.prefix.as_deref(), delimiter(input.delimiter.as_deref()));
    let max = page_size(input.max_keys, "max-keys")?;
    authorize(&caller, "s3:ListBucketVersions", prefix, delimiter, max)?;
    let encode = Encode::of(input.encoding_type.as_ref())?;
    let key_marker = input.key_marker.as_deref().unwrap_or_default();
    let version_marker = input.version_id_marker.as_deref().filter(|m| !m.is_empty());
    if version_marker.is_some() && key_marker.is_empty() {
        return Err(s3_error!(InvalidArgument, "A version-id marker cannot be specified without a key marker."));
    }
    let query = Query {
        prefix: prefix.unwrap_or_default(),
        delimiter,
        after: key_marker,
        after_version: version_marker,
        versions: true,
    };
    backend.cloud.store().read(&input.bucket, |bucket| {
        let page = Page::of(query.entries(bucket), max);
        let (versions, delete_markers) = version_lines(&page.lines, encode, &owner(&caller.owner));
        let next = page.next();
        ListObjectVersionsOutput {
            name: Some(input.bucket.clone()),
            prefix: Some(encode.key(prefix.unwrap_or_default())),
            key_marker: Some(encode.key(key_marker)),
            version_id_marker: Some(version_marker.unwrap_or_default().to_owned()),
            max_keys: i32::try_from(max).ok(),
            is_truncated: Some(page.is_truncated),
            next_key_marker: next.map(|(key, _)| encode.key(key)),
            next_version_id_marker: next.and_then(|(_, version)| version).map(str::to_owned),
            versions: (!versions.is_empty()).then_some(versions),
            delete_markers: (!delete_markers.is_empty()).then_some(delete_markers),
            common_prefixes: prefixes(&page.lines, encode),
            delimiter: encode.some(delimiter),
            encoding_type: input.encoding_type.clone(),
            ..ListObjectVersionsOutput::default()
        }
    })
}

fn version_lines(lines: &[Entry<'_>], encode: Encode, owner: &Owner) -> (Vec<ObjectVersion>, Vec<DeleteMarkerEntry>) {
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for line in lines {
        let Entry::Version { key, object, is_latest } = line else { continue };
        let (key, last_modified) = (Some(encode.key(key)), Some(timestamp(object.last_modified)));
        let (version_id, is_latest, owner) = (Some(object.version_id.clone()), Some(*is_latest), Some(owner.clone()));
        match &object.data {
            None => markers.push(DeleteMarkerEntry { key, last_modified, version_id, is_latest, owner }),
            Some(data) => versions.push(ObjectVersion {
                key,
                last_modified,
                version_id,
                is_latest,
                owner,
                e_tag: Some(data.etag_header()),
                size: Some(size(data.content.len())),
                storage_class: Some(data.storage_class.clone().into()),
                checksum_algorithm: data.checksum.as_ref().map(Stored::algorithms),
                checksum_type: data.checksum.as_ref().map(Stored::kind),
                ..ObjectVersion::default()
            }),
        }
    }
    (versions, markers)
}

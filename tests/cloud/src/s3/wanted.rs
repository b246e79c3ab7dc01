//! What a request that creates an object asks for beside its bytes.

use s3s::dto::{Metadata, ServerSideEncryption};
use s3s::{S3Result, s3_error};

use super::caller::{Caller, context};
use super::object::{Encryption, Headers};
use super::store::Bucket;
use crate::access::Context;
use crate::identity::Principal;

/// The attributes a client gives a new object, by `PutObject`, `CopyObject` or `CreateMultipartUpload`.
#[derive(Debug, Default, Clone)]
pub(super) struct Wanted {
    pub(super) headers: Headers,
    pub(super) metadata: Metadata,
    /// None: no tagging header, which is not the same as no tags when copying.
    pub(super) tags: Option<Vec<(String, String)>>,
    pub(super) storage_class: Option<String>,
    pub(super) encryption: Option<Encryption>,
    pub(super) acl: Option<String>,
    /// Any of the `x-amz-grant-…` headers.
    pub(super) grants: bool,
    /// Any of the Object Lock headers.
    pub(super) locks: bool,
}

/// Takes them out of any of the three inputs.
macro_rules! wanted {
    ($input:expr) => {
        $crate::s3::wanted::Wanted {
            headers: $crate::s3::object::headers!($input),
            metadata: $crate::s3::wanted::metadata($input.metadata.take())?,
            tags: $input.tagging.as_deref().map($crate::s3::tags::parse_header).transpose()?,
            storage_class: $crate::s3::wanted::storage_class(
                $input.storage_class.take().map(|c| c.as_str().to_owned()),
            )?,
            encryption: $crate::s3::wanted::encryption(&$crate::s3::wanted::EncryptionHeaders {
                algorithm: $input.server_side_encryption.as_ref(),
                kms_key: $input.ssekms_key_id.as_deref(),
                bucket_key: $input.bucket_key_enabled,
                customer_algorithm: $input.sse_customer_algorithm.as_deref(),
                customer_key: $input.sse_customer_key.as_deref(),
                customer_key_md5: $input.sse_customer_key_md5.as_deref(),
            })?,
            acl: $input.acl.as_ref().map(|acl| acl.as_str().to_owned()),
            grants: $input.grant_full_control.is_some()
                || $input.grant_read.is_some()
                || $input.grant_read_acp.is_some()
                || $input.grant_write_acp.is_some(),
            locks: $input.object_lock_mode.is_some()
                || $input.object_lock_retain_until_date.is_some()
                || $input.object_lock_legal_hold_status.is_some(),
        }
    };
}
pub(super) use wanted;

/// User metadata; S3 keeps at most 2 KB of it.
pub(super) fn metadata(metadata: Option<Metadata>) -> S3Result<Metadata> {
    let metadata = metadata.unwrap_or_default();
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > 2048 {
        return Err(s3_error!(MetadataTooLarge, "Your metadata headers exceed the maximum allowed metadata size"));
    }
    Ok(metadata)
}

/// A storage class S3 knows.
pub(super) fn storage_class(class: Option<String>) -> S3Result<Option<String>> {
    const KNOWN: [&str; 8] = [
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "GLACIER_IR",
        "DEEP_ARCHIVE",
    ];
    match class {
        Some(class) if !KNOWN.contains(&class.as_str()) => {
            Err(s3_error!(InvalidStorageClass, "The storage class you specified is not valid: {class}"))
        }
        class => Ok(class),
    }
}

/// The headers that ask for server-side encryption.
pub(super) struct EncryptionHeaders<'a> {
    pub(super) algorithm: Option<&'a ServerSideEncryption>,
    pub(super) kms_key: Option<&'a str>,
    pub(super) bucket_key: Option<bool>,
    pub(super) customer_algorithm: Option<&'a str>,
    pub(super) customer_key: Option<&'a str>,
    pub(super) customer_key_md5: Option<&'a str>,
}

/// The AWS managed key, which no other account can use.
pub(super) const MANAGED_KEY: &str = "alias/aws/s3";

/// The encryption that is asked for; none if the bucket's default is to be taken.
pub(super) fn encryption(headers: &EncryptionHeaders<'_>) -> S3Result<Option<Encryption>> {
    if let Some(key_md5) = customer_key(headers.customer_algorithm, headers.customer_key, headers.customer_key_md5)? {
        return Ok(Some(Encryption::Customer { key_md5 }));
    }
    match headers.algorithm.map(ServerSideEncryption::as_str) {
        None => Ok(None),
        Some("AES256") => Ok(Some(Encryption::S3)),
        Some(name @ ("aws:kms" | "aws:kms:dsse")) => Ok(Some(Encryption::Kms {
            key_id: headers.kms_key.unwrap_or(MANAGED_KEY).to_owned(),
            bucket_key: headers.bucket_key.unwrap_or(false),
            dual_layer: name == "aws:kms:dsse",
        })),
        Some(_) => Err(s3_error!(InvalidArgument, "The encryption method specified is not supported")),
    }
}

/// The MD5 of an SSE-C key, which must come with its algorithm and be right.
pub(super) fn customer_key(
    algorithm: Option<&str>,
    key: Option<&str>,
    key_md5: Option<&str>,
) -> S3Result<Option<String>> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    let (Some("AES256"), Some(key), Some(key_md5)) = (algorithm, key, key_md5) else {
        return match (algorithm, key, key_md5) {
            (None, None, None) => Ok(None),
            _ => Err(s3_error!(
                InvalidArgument,
                "Requests specifying Server Side Encryption with Customer provided keys must provide an algorithm, a key and its MD5."
            )),
        };
    };
    let real =
        STANDARD.decode(key).ok().filter(|k| k.len() == 32).map(|k| STANDARD.encode(super::checksum::md5_of(&k)));
    if real.as_deref() != Some(key_md5) {
        return Err(s3_error!(
            InvalidArgument,
            "The calculated MD5 hash of the key did not match the hash that was provided."
        ));
    }
    Ok(Some(key_md5.to_owned()))
}

impl Wanted {
    /// May they write such an object? `tagged`: it will have tags that the request brings or copies.
    ///
    /// A service that delivers (S3 Inventory) sets an ACL by right of `s3:PutObject` alone, as the bucket policies show
    /// that AWS documents for it.
    pub(super) fn authorize(&self, caller: &Caller<'_>, key: &str, tagged: bool, context: &Context) -> S3Result<()> {
        caller.object_with("s3:PutObject", key, context.clone())?;
        if tagged {
            caller.object_with("s3:PutObjectTagging", key, context.clone())?;
        }
        let service = matches!(caller.principal, Principal::Service { .. });
        if (self.acl.is_some() || self.grants) && !service {
            caller.object_with("s3:PutObjectAcl", key, context.clone())?;
        }
        Ok(())
    }

    /// The condition keys of these attributes.
    pub(super) fn context(&self) -> Context {
        let mut keys = context();
        let mut add = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                keys.0.entry(key.to_owned()).or_default().push(value.to_owned());
            }
        };
        add("s3:x-amz-acl", self.acl.as_deref());
        add("s3:x-amz-storage-class", self.storage_class.as_deref());
        match &self.encryption {
            Some(Encryption::Customer { .. }) => {
                add("s3:x-amz-server-side-encryption-customer-algorithm", Some("AES256"));
            }
            Some(encryption) => {
                add(
                    "s3:x-amz-server-side-encryption",
                    encryption.algorithm().as_ref().map(ServerSideEncryption::as_str),
                );
                add("s3:x-amz-server-side-encryption-aws-kms-key-id", encryption.kms_key().as_deref());
            }
            None => {}
        }
        for (name, value) in self.tags.iter().flatten() {
            add(&format!("s3:RequestObjectTag/{name}"), Some(value));
            add("s3:RequestObjectTagKeys", Some(name));
        }
        keys
    }

    /// Whether the bucket takes such an object: with its owner enforced no ACL but `bucket-owner-full-control`, and no
    /// lock without Object Lock.
    pub(super) fn check_fits(&self, bucket: &Bucket) -> S3Result<()> {
        let harmless = self.acl.as_deref().is_none_or(|acl| acl == "bucket-owner-full-control") && !self.grants;
        if bucket.owner_enforced() && !harmless {
            return Err(s3_error!(AccessControlListNotSupported, "The bucket does not allow ACLs"));
        }
        match (self.locks, &bucket.settings.object_lock) {
            (false, _) => Ok(()),
            (true, None) => Err(s3_error!(InvalidRequest, "Bucket is missing Object Lock Configuration")),
            (true, Some(_)) => Err(s3_error!(NotImplemented, "the local cloud locks no objects")),
        }
    }
}

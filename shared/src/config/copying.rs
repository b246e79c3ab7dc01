//! The settings of how copy-large writes copies: those of a copy job that make sense of an object by itself.

use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectCannedAcl, StorageClass};
use aws_sdk_s3control::types::{S3CannedAccessControlList, S3ChecksumAlgorithm, S3StorageClass};

use super::route::{BUCKET_KEY_ENABLED, CANNED_ACL, CHECKSUM_ALGORITHM, KMS_KEY_ARN, STORAGE_CLASS};
use super::{Reader, Setting};
use crate::names::KmsKeyArn;

/// The settings of [`CopySettings`].
pub const COPY_SETTINGS: &[Setting] = &[STORAGE_CLASS, KMS_KEY_ARN, BUCKET_KEY_ENABLED, CHECKSUM_ALGORITHM, CANNED_ACL];

/// How copies are written; each means what it means for a copy job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopySettings {
    /// The copies' storage class; S3's default, STANDARD, if none.
    pub storage_class: Option<StorageClass>,
    /// The KMS key that copies are encrypted with; the destination bucket's default encryption if none.
    pub kms_key: Option<KmsKeyArn>,
    /// Copies are encrypted by way of an S3 Bucket Key.
    pub bucket_key: Option<bool>,
    /// The checksum that S3 computes for each copy; S3's own choice if none.
    pub checksum: Option<ChecksumAlgorithm>,
    /// The copies' canned ACL.
    pub acl: Option<ObjectCannedAcl>,
}

impl CopySettings {
    /// Reads [`COPY_SETTINGS`], by the words that CreateJob takes.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            storage_class: reader.one_of(&STORAGE_CLASS, S3StorageClass::values(), |t| Some(t.into())),
            kms_key: reader.read(&KMS_KEY_ARN),
            bucket_key: reader.flag(&BUCKET_KEY_ENABLED),
            checksum: reader.one_of(&CHECKSUM_ALGORITHM, S3ChecksumAlgorithm::values(), |t| Some(t.into())),
            acl: reader.one_of(&CANNED_ACL, S3CannedAccessControlList::values(), |t| Some(t.into())),
        }
    }
}

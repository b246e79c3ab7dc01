//! Bucket sub-resources that are kept and given back: versioning, encryption, public access block, ownership, Object
//! Lock, lifecycle, tags. Lifecycle rules and Object Lock retention have no effect here.

use http::StatusCode;
use s3s::dto::{
    self, BucketLifecycleConfiguration, BucketVersioningStatus, OwnershipControls, OwnershipControlsRule,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use s3s::{S3Request, S3Result, s3_error};

use super::Backend;
use super::error::custom;
use super::store::{Bucket, Versioning};
use super::tags;
use super::wanted::{EncryptionHeaders, encryption};

/// An operation that looks at a bucket's settings.
macro_rules! look {
    ($(#[$doc:meta])* $name:ident($input:ident) -> $output:ident, $action:literal, $look:expr) => {
        $(#[$doc])*
        pub(super) fn $name(backend: &Backend, req: &S3Request<dto::$input>) -> S3Result<dto::$output> {
            let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
            caller.bucket($action)?;
            let look: fn(&Bucket) -> S3Result<dto::$output> = $look;
            backend.cloud.store().read(&caller.bucket, look)?
        }
    };
}

/// An operation that changes them, as its input says.
macro_rules! change {
    ($(#[$doc:meta])* $name:ident($input:ident) -> $output:ident, $action:literal, $change:expr) => {
        $(#[$doc])*
        pub(super) fn $name(backend: &Backend, req: S3Request<dto::$input>) -> S3Result<dto::$output> {
            let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
            caller.bucket($action)?;
            let change: fn(&mut Bucket, dto::$input) -> S3Result<()> = $change;
            backend.cloud.store().write(&caller.bucket, |bucket| change(bucket, req.input))?;
            Ok(dto::$output::default())
        }
    };
}

/// What a new bucket starts with: ACLs have no effect.
pub(super) fn owner_enforced() -> OwnershipControls {
    let object_ownership = dto::ObjectOwnership::from_static(dto::ObjectOwnership::BUCKET_OWNER_ENFORCED);
    OwnershipControls { rules: vec![OwnershipControlsRule { object_ownership }] }
}

/// What a bucket without encryption settings has: SSE-S3.
fn default_encryption() -> ServerSideEncryptionConfiguration {
    ServerSideEncryptionConfiguration {
        rules: vec![ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                kms_master_key_id: None,
                sse_algorithm: dto::ServerSideEncryption::from_static(dto::ServerSideEncryption::AES256),
            }),
            bucket_key_enabled: Some(false),
        }],
    }
}

look!(
    /// `GetBucketVersioning`: no status if it never was set.
    get_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput, "s3:GetBucketVersioning",
    |bucket| {
        let status = match bucket.versioning {
            Versioning::Never => None,
            Versioning::Enabled => Some(BucketVersioningStatus::ENABLED),
            Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
        };
        Ok(dto::GetBucketVersioningOutput {
            status: status.map(BucketVersioningStatus::from_static),
            ..dto::GetBucketVersioningOutput::default()
        })
    }
);

change!(
    /// `PutBucketVersioning`.
    put_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput, "s3:PutBucketVersioning",
    |bucket, input| {
        bucket.versioning = match input.versioning_configuration.status.as_ref().map(BucketVersioningStatus::as_str) {
            Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
            Some(BucketVersioningStatus::SUSPENDED) if bucket.settings.object_lock.is_some() => {
                return Err(s3_error!(
                    InvalidBucketState,
                    "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
                ));
            }
            Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
            _ => return Err(s3_error!(IllegalVersioningConfigurationException, "The versioning status is Enabled or Suspended")),
        };
        Ok(())
    }
);

look!(
    /// `GetBucketEncryption`: SSE-S3 if nothing else was put.
    get_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput, "s3:GetEncryptionConfiguration",
    |bucket| Ok(dto::GetBucketEncryptionOutput {
        server_side_encryption_configuration:
            Some(bucket.settings.encryption.clone().unwrap_or_else(default_encryption)),
    })
);

change!(
    /// `PutBucketEncryption`.
    put_encryption(PutBucketEncryptionInput) -> PutBucketEncryptionOutput, "s3:PutEncryptionConfiguration",
    |bucket, input| {
        let configuration = input.server_side_encryption_configuration;
        for default in configuration.rules.iter().filter_map(|r| r.apply_server_side_encryption_by_default.as_ref()) {
            encryption(&EncryptionHeaders {
                algorithm: Some(&default.sse_algorithm),
                kms_key: default.kms_master_key_id.as_deref(),
                bucket_key: None,
                customer_algorithm: None,
                customer_key: None,
                customer_key_md5: None,
            })?;
        }
        bucket.settings.encryption = Some(configuration);
        Ok(())
    }
);

change!(
    /// `DeleteBucketEncryption`: back to SSE-S3.
    delete_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput, "s3:PutEncryptionConfiguration",
    |bucket, _| {
        bucket.settings.encryption = None;
        Ok(())
    }
);

look!(
    /// `GetPublicAccessBlock`.
    get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput, "s3:GetBucketPublicAccessBlock",
    |bucket| match &bucket.settings.public_access_block {
        Some(found) => Ok(dto::GetPublicAccessBlockOutput { public_access_block_configuration: Some(found.clone()) }),
        None => Err(custom(
            "NoSuchPublicAccessBlockConfiguration",
            StatusCode::NOT_FOUND,
            "The public access block configuration was not found",
        )),
    }
);

change!(
    /// `PutPublicAccessBlock`; of its settings `BlockPublicPolicy` has effect here.
    put_public_access_block(PutPublicAccessBlockInput) -> PutPublicAccessBlockOutput, "s3:PutBucketPublicAccessBlock",
    |bucket, input| {
        bucket.settings.public_access_block = Some(input.public_access_block_configuration);
        Ok(())
    }
);

change!(
    /// `DeletePublicAccessBlock`.
    delete_public_access_block(DeletePublicAccessBlockInput) -> DeletePublicAccessBlockOutput,
    "s3:PutBucketPublicAccessBlock",
    |bucket, _| {
        bucket.settings.public_access_block = None;
        Ok(())
    }
);

look!(
    /// `GetBucketOwnershipControls`.
    get_ownership(GetBucketOwnershipControlsInput) -> GetBucketOwnershipControlsOutput,
    "s3:GetBucketOwnershipControls",
    |bucket| match &bucket.settings.ownership {
        Some(found) => Ok(dto::GetBucketOwnershipControlsOutput { ownership_controls: Some(found.clone()) }),
        None => Err(s3_error!(OwnershipControlsNotFoundError, "The bucket ownership controls were not found")),
    }
);

change!(
    /// `PutBucketOwnershipControls`.
    put_ownership(PutBucketOwnershipControlsInput) -> PutBucketOwnershipControlsOutput,
    "s3:PutBucketOwnershipControls",
    |bucket, input| {
        bucket.settings.ownership = Some(input.ownership_controls);
        Ok(())
    }
);

change!(
    /// `DeleteBucketOwnershipControls`: ACLs have effect again.
    delete_ownership(DeleteBucketOwnershipControlsInput) -> DeleteBucketOwnershipControlsOutput,
    "s3:PutBucketOwnershipControls",
    |bucket, _| {
        bucket.settings.ownership = None;
        Ok(())
    }
);

look!(
    /// `GetObjectLockConfiguration`.
    get_object_lock(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput,
    "s3:GetBucketObjectLockConfiguration",
    |bucket| match &bucket.settings.object_lock {
        Some(found) => Ok(dto::GetObjectLockConfigurationOutput { object_lock_configuration: Some(found.clone()) }),
        None => Err(s3_error!(
            ObjectLockConfigurationNotFoundError,
            "Object Lock configuration does not exist for this bucket"
        )),
    }
);

change!(
    /// `PutObjectLockConfiguration`, of a versioned bucket.
    put_object_lock(PutObjectLockConfigurationInput) -> PutObjectLockConfigurationOutput,
    "s3:PutBucketObjectLockConfiguration",
    |bucket, input| {
        if bucket.versioning != Versioning::Enabled {
            return Err(s3_error!(InvalidBucketState, "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"));
        }
        bucket.settings.object_lock = input.object_lock_configuration;
        Ok(())
    }
);

look!(
    /// `GetBucketLifecycleConfiguration`.
    get_lifecycle(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput,
    "s3:GetLifecycleConfiguration",
    |bucket| match &bucket.settings.lifecycle {
        Some(found) => Ok(dto::GetBucketLifecycleConfigurationOutput {
            rules: Some(found.rules.clone()),
            ..dto::GetBucketLifecycleConfigurationOutput::default()
        }),
        None => Err(s3_error!(NoSuchLifecycleConfiguration, "The lifecycle configuration does not exist")),
    }
);

change!(
    /// `PutBucketLifecycleConfiguration`.
    put_lifecycle(PutBucketLifecycleConfigurationInput) -> PutBucketLifecycleConfigurationOutput,
    "s3:PutLifecycleConfiguration",
    |bucket, input| {
        let configuration: Option<BucketLifecycleConfiguration> = input.lifecycle_configuration;
        bucket.settings.lifecycle =
            Some(configuration.ok_or_else(|| s3_error!(MalformedXML, "There are no lifecycle rules"))?);
        Ok(())
    }
);

change!(
    /// `DeleteBucketLifecycle`.
    delete_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput, "s3:PutLifecycleConfiguration",
    |bucket, _| {
        bucket.settings.lifecycle = None;
        Ok(())
    }
);

look!(
    /// `GetBucketTagging`.
    get_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput, "s3:GetBucketTagging",
    |bucket| {
        if bucket.settings.tags.is_empty() {
            return Err(s3_error!(NoSuchTagSet, "The TagSet does not exist"));
        }
        Ok(dto::GetBucketTaggingOutput { tag_set: tags::to_dto(&bucket.settings.tags) })
    }
);

change!(
    /// `PutBucketTagging`.
    put_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput, "s3:PutBucketTagging",
    |bucket, input| {
        bucket.settings.tags = tags::from_dto(input.tagging.tag_set, 50)?;
        Ok(())
    }
);

change!(
    /// `DeleteBucketTagging`.
    delete_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput, "s3:PutBucketTagging",
    |bucket, _| {
        bucket.settings.tags = Vec::new();
        Ok(())
    }
);

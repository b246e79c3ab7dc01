//! Which function answers which operation. What is not in this table is `NotImplemented`.

use s3s::{S3Request, S3Response, S3Result, dto};

use super::{
    Backend, acl, buckets, copy, delete, get, inventory, listing, multipart, notification, part_copy, policy, put,
    restore, settings, tags, uploads,
};

/// The trait's methods, by how the functions behind them take their request.
macro_rules! operations {
    (
        streaming { $($streaming:ident($streaming_input:ty) -> $streaming_output:ty = $streaming_by:path;)* }
        taking { $($taking:ident($taking_input:ty) -> $taking_output:ty = $taking_by:path;)* }
        looking { $($looking:ident($looking_input:ty) -> $looking_output:ty = $looking_by:path;)* }
    ) => {
        #[async_trait::async_trait]
        impl s3s::S3 for Backend {
            $(
                async fn $streaming(&self, req: S3Request<$streaming_input>) -> S3Result<S3Response<$streaming_output>> {
                    $streaming_by(self, req).await.map(S3Response::new)
                }
            )*
            $(
                async fn $taking(&self, req: S3Request<$taking_input>) -> S3Result<S3Response<$taking_output>> {
                    $taking_by(self, req).map(S3Response::new)
                }
            )*
            $(
                async fn $looking(&self, req: S3Request<$looking_input>) -> S3Result<S3Response<$looking_output>> {
                    $looking_by(self, &req).map(S3Response::new)
                }
            )*
        }
    };
}

operations! {
    streaming {
        put_object(dto::PutObjectInput) -> dto::PutObjectOutput = put::put_object;
        upload_part(dto::UploadPartInput) -> dto::UploadPartOutput = multipart::upload_part;
    }
    taking {
        restore_object(dto::RestoreObjectInput) -> dto::RestoreObjectOutput = restore::restore;
        create_bucket(dto::CreateBucketInput) -> dto::CreateBucketOutput = buckets::create_bucket;
        list_buckets(dto::ListBucketsInput) -> dto::ListBucketsOutput = buckets::list_buckets;
        copy_object(dto::CopyObjectInput) -> dto::CopyObjectOutput = copy::copy_object;
        delete_objects(dto::DeleteObjectsInput) -> dto::DeleteObjectsOutput = delete::delete_objects;
        put_object_tagging(dto::PutObjectTaggingInput) -> dto::PutObjectTaggingOutput = tags::put;
        delete_object_tagging(dto::DeleteObjectTaggingInput) -> dto::DeleteObjectTaggingOutput = tags::delete;
        create_multipart_upload(dto::CreateMultipartUploadInput) -> dto::CreateMultipartUploadOutput = multipart::create;
        complete_multipart_upload(dto::CompleteMultipartUploadInput) -> dto::CompleteMultipartUploadOutput = multipart::complete;
        abort_multipart_upload(dto::AbortMultipartUploadInput) -> dto::AbortMultipartUploadOutput = multipart::abort;
        upload_part_copy(dto::UploadPartCopyInput) -> dto::UploadPartCopyOutput = part_copy::upload_part_copy;
        list_parts(dto::ListPartsInput) -> dto::ListPartsOutput = uploads::list_parts;
        put_bucket_policy(dto::PutBucketPolicyInput) -> dto::PutBucketPolicyOutput = policy::put;
        put_bucket_inventory_configuration(dto::PutBucketInventoryConfigurationInput) -> dto::PutBucketInventoryConfigurationOutput = inventory::put;
        list_bucket_inventory_configurations(dto::ListBucketInventoryConfigurationsInput) -> dto::ListBucketInventoryConfigurationsOutput = inventory::list;
        put_bucket_notification_configuration(dto::PutBucketNotificationConfigurationInput) -> dto::PutBucketNotificationConfigurationOutput = notification::put;
        put_bucket_versioning(dto::PutBucketVersioningInput) -> dto::PutBucketVersioningOutput = settings::put_versioning;
        put_bucket_encryption(dto::PutBucketEncryptionInput) -> dto::PutBucketEncryptionOutput = settings::put_encryption;
        delete_bucket_encryption(dto::DeleteBucketEncryptionInput) -> dto::DeleteBucketEncryptionOutput = settings::delete_encryption;
        put_public_access_block(dto::PutPublicAccessBlockInput) -> dto::PutPublicAccessBlockOutput = settings::put_public_access_block;
        delete_public_access_block(dto::DeletePublicAccessBlockInput) -> dto::DeletePublicAccessBlockOutput = settings::delete_public_access_block;
        put_bucket_ownership_controls(dto::PutBucketOwnershipControlsInput) -> dto::PutBucketOwnershipControlsOutput = settings::put_ownership;
        delete_bucket_ownership_controls(dto::DeleteBucketOwnershipControlsInput) -> dto::DeleteBucketOwnershipControlsOutput = settings::delete_ownership;
        put_object_lock_configuration(dto::PutObjectLockConfigurationInput) -> dto::PutObjectLockConfigurationOutput = settings::put_object_lock;
        put_bucket_lifecycle_configuration(dto::PutBucketLifecycleConfigurationInput) -> dto::PutBucketLifecycleConfigurationOutput = settings::put_lifecycle;
        delete_bucket_lifecycle(dto::DeleteBucketLifecycleInput) -> dto::DeleteBucketLifecycleOutput = settings::delete_lifecycle;
        put_bucket_tagging(dto::PutBucketTaggingInput) -> dto::PutBucketTaggingOutput = settings::put_tagging;
        delete_bucket_tagging(dto::DeleteBucketTaggingInput) -> dto::DeleteBucketTaggingOutput = settings::delete_tagging;
    }
    looking {
        delete_bucket(dto::DeleteBucketInput) -> dto::DeleteBucketOutput = buckets::delete_bucket;
        head_bucket(dto::HeadBucketInput) -> dto::HeadBucketOutput = buckets::head_bucket;
        get_bucket_acl(dto::GetBucketAclInput) -> dto::GetBucketAclOutput = acl::get_bucket_acl;
        get_bucket_location(dto::GetBucketLocationInput) -> dto::GetBucketLocationOutput = buckets::get_bucket_location;
        get_object(dto::GetObjectInput) -> dto::GetObjectOutput = get::get_object;
        head_object(dto::HeadObjectInput) -> dto::HeadObjectOutput = get::head_object;
        delete_object(dto::DeleteObjectInput) -> dto::DeleteObjectOutput = delete::delete_object;
        get_object_tagging(dto::GetObjectTaggingInput) -> dto::GetObjectTaggingOutput = tags::get;
        get_object_acl(dto::GetObjectAclInput) -> dto::GetObjectAclOutput = acl::get_object_acl;
        list_objects(dto::ListObjectsInput) -> dto::ListObjectsOutput = listing::list_objects;
        list_objects_v2(dto::ListObjectsV2Input) -> dto::ListObjectsV2Output = listing::list_objects_v2;
        list_object_versions(dto::ListObjectVersionsInput) -> dto::ListObjectVersionsOutput = listing::list_object_versions;
        list_multipart_uploads(dto::ListMultipartUploadsInput) -> dto::ListMultipartUploadsOutput = uploads::list_uploads;
        get_bucket_policy(dto::GetBucketPolicyInput) -> dto::GetBucketPolicyOutput = policy::get;
        delete_bucket_policy(dto::DeleteBucketPolicyInput) -> dto::DeleteBucketPolicyOutput = policy::delete;
        get_bucket_inventory_configuration(dto::GetBucketInventoryConfigurationInput) -> dto::GetBucketInventoryConfigurationOutput = inventory::get;
        delete_bucket_inventory_configuration(dto::DeleteBucketInventoryConfigurationInput) -> dto::DeleteBucketInventoryConfigurationOutput = inventory::delete;
        get_bucket_notification_configuration(dto::GetBucketNotificationConfigurationInput) -> dto::GetBucketNotificationConfigurationOutput = notification::get;
        get_bucket_versioning(dto::GetBucketVersioningInput) -> dto::GetBucketVersioningOutput = settings::get_versioning;
        get_bucket_encryption(dto::GetBucketEncryptionInput) -> dto::GetBucketEncryptionOutput = settings::get_encryption;
        get_public_access_block(dto::GetPublicAccessBlockInput) -> dto::GetPublicAccessBlockOutput = settings::get_public_access_block;
        get_bucket_ownership_controls(dto::GetBucketOwnershipControlsInput) -> dto::GetBucketOwnershipControlsOutput = settings::get_ownership;
        get_object_lock_configuration(dto::GetObjectLockConfigurationInput) -> dto::GetObjectLockConfigurationOutput = settings::get_object_lock;
        get_bucket_lifecycle_configuration(dto::GetBucketLifecycleConfigurationInput) -> dto::GetBucketLifecycleConfigurationOutput = settings::get_lifecycle;
        get_bucket_tagging(dto::GetBucketTaggingInput) -> dto::GetBucketTaggingOutput = settings::get_tagging;
    }
}

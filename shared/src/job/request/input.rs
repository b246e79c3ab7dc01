//! The request as the SDK sends it. Calls nothing.

use aws_sdk_s3control::error::BuildError;
use aws_sdk_s3control::operation::create_job::builders::CreateJobInputBuilder;
use aws_sdk_s3control::types::{
    JobManifest, JobManifestFormat, JobManifestLocation, JobManifestSpec, JobOperation, JobReport, JobReportFormat,
    JobReportScope, LambdaInvokeOperation, S3AnnotationDirective, S3CannedAccessControlList, S3ChecksumAlgorithm,
    S3CopyObjectOperation, S3GlacierJobTier, S3InitiateRestoreObjectOperation, S3MetadataDirective, S3StorageClass,
    S3Tag,
};

use super::{CompletionReport, Copy, Invoke, JobRequest, Manifest, Operation, RequestError, Restore};

impl JobRequest {
    /// As the SDK sends it.
    pub fn input(&self) -> Result<CreateJobInputBuilder, RequestError> {
        let request = &self.request;
        let operation = match &request.operation {
            Operation::S3PutObjectCopy(copy) => JobOperation::builder().s3_put_object_copy(copy.input()),
            Operation::LambdaInvoke(invoke) => JobOperation::builder().lambda_invoke(invoke.input()),
            Operation::S3InitiateRestoreObject(restore) => {
                JobOperation::builder().s3_initiate_restore_object(restore.input())
            }
        };
        let tags: Result<Vec<S3Tag>, BuildError> =
            request.tags.iter().map(|tag| S3Tag::builder().key(&tag.key).value(&tag.value).build()).collect();
        Ok(CreateJobInputBuilder::default()
            .account_id(&request.account_id)
            .confirmation_required(request.confirmation_required)
            .operation(operation.build())
            .manifest(request.manifest.input()?)
            .report(request.report.input())
            .client_request_token(&request.client_request_token)
            .description(&request.description)
            .priority(request.priority)
            .role_arn(&request.role_arn)
            .set_tags(Some(tags?)))
    }
}

impl Copy {
    fn input(&self) -> S3CopyObjectOperation {
        // No NewObjectTagging: that copies the source's tags, an empty one would drop them.
        S3CopyObjectOperation::builder()
            .target_resource(&self.target_resource)
            .set_target_key_prefix(self.target_key_prefix.clone())
            .set_storage_class(self.storage_class.as_deref().map(S3StorageClass::from))
            .metadata_directive(S3MetadataDirective::from(self.metadata_directive.as_str()))
            .annotation_directive(S3AnnotationDirective::from(self.annotation_directive.as_str()))
            .set_sse_aws_kms_key_id(self.kms_key.clone())
            .set_bucket_key_enabled(self.bucket_key_enabled)
            .set_checksum_algorithm(self.checksum_algorithm.as_deref().map(S3ChecksumAlgorithm::from))
            .set_canned_access_control_list(
                self.canned_access_control_list.as_deref().map(S3CannedAccessControlList::from),
            )
            .build()
    }
}

impl Restore {
    fn input(&self) -> S3InitiateRestoreObjectOperation {
        S3InitiateRestoreObjectOperation::builder()
            .set_expiration_in_days(i32::try_from(self.expiration_in_days).ok())
            .glacier_job_tier(S3GlacierJobTier::from(self.glacier_job_tier.as_str()))
            .build()
    }
}

impl Invoke {
    fn input(&self) -> LambdaInvokeOperation {
        let arguments = self.user_arguments.iter().map(|(name, value)| (name.clone(), value.clone()));
        LambdaInvokeOperation::builder()
            .function_arn(&self.function_arn)
            .invocation_schema_version(&self.invocation_schema_version)
            .set_user_arguments(Some(arguments.collect()))
            .build()
    }
}

impl Manifest {
    fn input(&self) -> Result<JobManifest, BuildError> {
        let location = JobManifestLocation::builder()
            .object_arn(&self.location.object_arn)
            .set_object_version_id(self.location.object_version_id.clone())
            .e_tag(&self.location.e_tag)
            .build()?;
        let spec = JobManifestSpec::builder().format(JobManifestFormat::from(self.spec.format.as_str())).build()?;
        Ok(JobManifest::builder().spec(spec).location(location).build())
    }
}

impl CompletionReport {
    fn input(&self) -> JobReport {
        JobReport::builder()
            .bucket(&self.bucket)
            .format(JobReportFormat::from(self.format.as_str()))
            .enabled(self.enabled)
            .prefix(&self.prefix)
            .report_scope(JobReportScope::from(self.report_scope.as_str()))
            .expected_bucket_owner(&self.expected_bucket_owner)
            .build()
    }
}

//! One task of `S3InitiateRestoreObject`: it has succeeded when the restore has begun.

use s3s::S3;
use s3s::dto::{GlacierJobParameters, RestoreObjectInput, RestoreRequest, Tier};

use super::copy::{failure, refused};
use super::manifest::{Encoding, Task, Wanted};
use super::model::RestoreOperation;
use super::report::TaskFailure;
use crate::Cloud;
use crate::identity::Principal;

/// What all tasks of a job share.
pub(super) struct Restorer {
    pub(super) cloud: Cloud,
    pub(super) role: Principal,
    pub(super) operation: RestoreOperation,
    pub(super) encoding: Encoding,
}

impl Restorer {
    /// Asks for one object, with the role's permissions.
    pub(super) async fn restore(&self, task: &Task) -> Result<String, TaskFailure> {
        let key = self
            .encoding
            .decode(&task.encoded_key)
            .ok_or_else(|| refused(400, "InvalidRequest", "The key is not URL-encoded UTF-8"))?;
        let version_id = match &task.version {
            Wanted::Current => None,
            Wanted::Version(id) => Some(id.clone()),
            Wanted::Missing => return Err(refused(400, "InvalidRequest", "missing VersionId")),
        };
        let tier = if self.operation.glacier_job_tier.as_deref() == Some("BULK") { Tier::BULK } else { Tier::STANDARD };
        let request = RestoreRequest {
            days: self.operation.expiration_in_days,
            glacier_job_parameters: Some(GlacierJobParameters { tier: Tier::from_static(tier) }),
            ..RestoreRequest::default()
        };
        let mut input =
            RestoreObjectInput { version_id, restore_request: Some(request), ..RestoreObjectInput::default() };
        (input.bucket, input.key) = (task.bucket.clone(), key);
        let asked = self.cloud.s3().restore_object(crate::s3::request(&self.role, input)).await;
        asked.map(|_| "Successful".to_owned()).map_err(|error| failure(&error))
    }
}

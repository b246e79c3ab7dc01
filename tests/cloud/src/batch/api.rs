//! Routes of `/v20180820/jobs`: who may, and what is answered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;

use super::describe::{
    CreateJobResult, DescribeJobResult, Empty, GetJobTaggingResult, JobDescriptor, JobListDescriptor, ListJobsResult,
    UpdateJobPriorityResult, UpdateJobStatusResult,
};
use super::error::BatchError;
use super::job::{Job, Status, Update};
use super::model::{CreateJobRequest, PutJobTaggingRequest};
use super::validate::{JobSpec, Operation};
use super::xml::{Members, answer, read};
use super::{run, validate};
use crate::Cloud;
use crate::access::Context;
use crate::identity::{AccountId, Principal};

/// Answers an S3 Control request (`/v20180820/jobs…`), signature already verified by [`crate::front`]. `region` is the
/// one it was signed for.
pub async fn handle(cloud: &Cloud, principal: &Principal, region: &str, request: Request<Bytes>) -> Response<Bytes> {
    // Nothing here waits; the jobs run on their own.
    std::future::ready(Call::new(cloud, principal, region, &request).and_then(|call| call.answer(&request)))
        .await
        .unwrap_or_else(BatchError::into_response)
}

/// One request of a caller whose account it is for.
struct Call<'a> {
    cloud: &'a Cloud,
    principal: &'a Principal,
    account: AccountId,
    region: &'a str,
    now: Timestamp,
    query: Vec<(String, String)>,
}

type Answer = Result<Response<Bytes>, BatchError>;

impl<'a> Call<'a> {
    fn new(
        cloud: &'a Cloud,
        principal: &'a Principal,
        region: &'a str,
        request: &Request<Bytes>,
    ) -> Result<Self, BatchError> {
        let header = request.headers().get("x-amz-account-id").and_then(|value| value.to_str().ok());
        let account = header
            .and_then(AccountId::parse)
            .ok_or_else(|| BatchError::BadRequest("x-amz-account-id must be 12 digits".to_owned()))?;
        if principal.account() != Some(&account) {
            let message = format!("{} does not belong to account {account}", principal.arn());
            return Err(BatchError::AccessDenied(message));
        }
        let query = request.uri().query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { cloud, principal, account, region, now: cloud.clock().now(), query })
    }

    fn answer(&self, request: &Request<Bytes>) -> Answer {
        let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').skip(1).collect();
        match (request.method(), &path[..]) {
            (&Method::POST, ["jobs"]) => self.create(request.body()),
            (&Method::GET, ["jobs"]) => self.list(),
            (&Method::GET, ["jobs", id]) => self.describe(id),
            (&Method::POST, ["jobs", id, "status"]) => self.update_status(id),
            (&Method::POST, ["jobs", id, "priority"]) => self.update_priority(id),
            (&Method::GET, ["jobs", id, "tagging"]) => self.get_tags(id),
            (&Method::PUT, ["jobs", id, "tagging"]) => self.put_tags(id, request.body()),
            (&Method::DELETE, ["jobs", id, "tagging"]) => self.delete_tags(id),
            (method, _) => {
                Err(BatchError::MethodNotAllowed(format!("there is no {method} {} here", request.uri().path())))
            }
        }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn allow(&self, action: &str, resource: &str, context: &Context) -> Result<(), BatchError> {
        Ok(self.cloud.authorize(self.principal, action, resource, context)?)
    }

    /// Allowed on one job, whether there is one or not: who may not ask is not told.
    fn allow_on(&self, action: &str, id: &str) -> Result<(), BatchError> {
        let arn = format!("arn:aws:s3:{}:{}:job/{id}", self.region, self.account);
        let facts = self.of(id, |job| (job.spec.operation_name(), job.priority)).ok();
        let context = facts.map_or_else(Context::default, |(operation, priority)| {
            Context::default()
                .with("s3:ExistingJobOperation", operation)
                .with("s3:ExistingJobPriority", priority.to_string())
        });
        self.allow(action, &arn, &context)
    }

    fn of<T>(&self, id: &str, change: impl FnOnce(&mut Job) -> T) -> Result<T, BatchError> {
        self.cloud.jobs().of((&self.account, self.region), id, self.now, change)
    }

    fn create(&self, body: &[u8]) -> Answer {
        let request: CreateJobRequest = read(body)?;
        let spec = validate::create_job(&request, &self.account)?;
        let mut context = Context::default()
            .with("s3:RequestJobOperation", spec.operation_name())
            .with("s3:RequestJobPriority", spec.priority.to_string());
        for tag in &spec.tags {
            context = context.with(&format!("aws:RequestTag/{}", tag.key), &tag.value).with("aws:TagKeys", &tag.key);
        }
        self.allow("s3:CreateJob", "*", &context)?;
        if !spec.tags.is_empty() {
            self.allow("s3:PutJobTagging", "*", &context)?;
        }
        // CreateJob does not fill iam:PassedToService: a policy with that condition always denies.
        self.allow("iam:PassRole", &spec.role_arn, &Context::default())?;
        if self.cloud.iam().role_policies(&spec.role_arn).is_none() {
            let message =
                format!("The role {} does not exist or cannot be assumed by S3 Batch Operations", spec.role_arn);
            return Err(BatchError::InvalidRequest(message));
        }
        self.in_its_region(&spec)?;
        let (job_id, new) = self.cloud.jobs().create((&self.account, self.region), request, spec, self.now)?;
        if new {
            run::start(self.cloud, &job_id);
        }
        Ok(answer(StatusCode::OK, "CreateJobResult", &CreateJobResult { job_id }))
    }

    /// A copy job is created in the Region of the bucket it copies to.
    fn in_its_region(&self, spec: &JobSpec) -> Result<(), BatchError> {
        let Operation::Copy(copy) = &spec.operation else { return Ok(()) };
        let target = validate::bucket_of(copy.target_resource.as_deref().unwrap_or_default(), "TargetResource")?;
        match self.cloud.store().region(&target) {
            Some(home) if home != self.region => Err(BatchError::BadRequest(format!(
                "The destination bucket {target} is in {home}: create the job there, not in {}",
                self.region
            ))),
            _ => Ok(()),
        }
    }

    fn describe(&self, id: &str) -> Answer {
        self.allow_on("s3:DescribeJob", id)?;
        let job = self.of(id, |job| JobDescriptor::of(job, self.now))?;
        Ok(answer(StatusCode::OK, "DescribeJobResult", &DescribeJobResult { job }))
    }

    fn list(&self) -> Answer {
        self.allow("s3:ListJobs", "*", &Context::default())?;
        let wanted: Vec<&str> =
            self.query.iter().filter(|(name, _)| name == "jobStatuses").map(|(_, value)| value.as_str()).collect();
        let statuses = Status::ALL.map(Status::as_str);
        if let Some(other) = wanted.iter().find(|w| !statuses.contains(w) && !["Paused", "Pausing"].contains(w)) {
            return Err(BatchError::BadRequest(format!("there is no job status {other:?}")));
        }
        let size = match self.parameter("maxResults").map(str::parse::<usize>) {
            None => 1_000,
            Some(Ok(n)) if n <= 1_000 => n,
            Some(_) => return Err(BatchError::BadRequest("maxResults must be 0 to 1000".to_owned())),
        };
        // The token is the number of the last job that was listed, so that new jobs do not shift the pages.
        let before = self.parameter("nextToken").map(page_before).transpose()?;
        let mut jobs = self.cloud.jobs().list(&self.account, self.region, self.now);
        jobs.retain(|job| wanted.is_empty() || wanted.contains(&job.status().as_str()));
        jobs.retain(|job| before.is_none_or(|number| job.number < number));
        let next_token = jobs
            .get(size)
            .and_then(|_| jobs.get(size.checked_sub(1)?))
            .map(|last| BASE64.encode(last.number.to_string()));
        let jobs = Members::new(jobs.iter().take(size).map(|job| JobListDescriptor::of(job, self.now)).collect());
        Ok(answer(StatusCode::OK, "ListJobsResult", &ListJobsResult { next_token, jobs }))
    }

    fn update_status(&self, id: &str) -> Answer {
        self.allow_on("s3:UpdateJobStatus", id)?;
        let requested = self.parameter("requestedJobStatus").unwrap_or_default();
        let reason = self.parameter("statusUpdateReason").map(str::to_owned);
        if reason.as_ref().is_some_and(|reason| !(1..=256).contains(&reason.chars().count())) {
            return Err(BatchError::BadRequest("statusUpdateReason must have 1 to 256 characters".to_owned()));
        }
        let (update, result) = self.of(id, |job| {
            let update = job.update(requested, reason, self.now)?;
            let result = UpdateJobStatusResult {
                job_id: job.id.clone(),
                status: job.status().as_str(),
                status_update_reason: job.status_update_reason.clone(),
            };
            Ok::<_, BatchError>((update, result))
        })??;
        match update {
            Update::Start => run::resume(self.cloud, id),
            // One that a script keeps Active sees that it is cancelled.
            Update::Nothing => drop(self.cloud.jobs().let_go(self.cloud, id)),
        }
        Ok(answer(StatusCode::OK, "UpdateJobStatusResult", &result))
    }

    fn update_priority(&self, id: &str) -> Answer {
        self.allow_on("s3:UpdateJobPriority", id)?;
        let priority = self.parameter("priority").and_then(|text| text.parse::<i32>().ok()).filter(|n| *n >= 0);
        let Some(priority) = priority else {
            return Err(BatchError::BadRequest(format!("priority must be 0 to {}", i32::MAX)));
        };
        self.of(id, |job| {
            if job.status().is_terminal() {
                return Err(BatchError::BadRequest(format!("The job is {}", job.status().as_str())));
            }
            job.priority = i64::from(priority);
            Ok(())
        })??;
        let result = UpdateJobPriorityResult { job_id: id.to_owned(), priority };
        Ok(answer(StatusCode::OK, "UpdateJobPriorityResult", &result))
    }

    fn get_tags(&self, id: &str) -> Answer {
        self.allow_on("s3:GetJobTagging", id)?;
        let tags = Members::new(self.of(id, |job| job.tags.clone())?);
        Ok(answer(StatusCode::OK, "GetJobTaggingResult", &GetJobTaggingResult { tags }))
    }

    fn put_tags(&self, id: &str, body: &[u8]) -> Answer {
        self.allow_on("s3:PutJobTagging", id)?;
        let request: PutJobTaggingRequest = read(body)?;
        let Some(Members { member }) = request.tags else {
            return Err(BatchError::BadRequest("Tags is required".to_owned()));
        };
        validate::tags(&member)?;
        self.of(id, |job| job.tags = member)?;
        Ok(answer(StatusCode::OK, "PutJobTaggingResult", &Empty {}))
    }

    fn delete_tags(&self, id: &str) -> Answer {
        self.allow_on("s3:DeleteJobTagging", id)?;
        self.of(id, |job| job.tags.clear())?;
        Ok(answer(StatusCode::OK, "DeleteJobTaggingResult", &Empty {}))
    }
}

fn page_before(token: &str) -> Result<u64, BatchError> {
    let bytes = BASE64.decode(token).map_err(|_| BatchError::InvalidNextToken)?;
    let text = String::from_utf8(bytes).map_err(|_| BatchError::InvalidNextToken)?;
    text.parse().map_err(|_| BatchError::InvalidNextToken)
}

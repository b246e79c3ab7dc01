//! What became of each delivered report, as S3 Control tells it.

use serde::Serialize;

use crate::Error;
use crate::route::{MANIFEST_BUCKET, Route};

/// One delivered report and its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The report's manifest key.
    pub report: String,
    /// None if there was nothing to copy.
    pub job_id: Option<String>,
    /// Tasks of the job.
    pub planned: u64,
    /// Tasks that succeeded.
    pub copied: u64,
    /// Tasks that failed.
    pub failed: u64,
}

impl Route {
    /// Every job of the destination account, newest last.
    pub async fn job_ids(&self) -> Result<Vec<String>, Error> {
        let account = cloud::identity::AccountId::destination();
        let mut pages = self.destination.s3control.list_jobs().account_id(account.as_str()).into_paginator().send();
        let mut jobs = Vec::new();
        while let Some(page) = pages.next().await {
            let listed = page?.jobs.unwrap_or_default();
            jobs.extend(listed.into_iter().filter_map(|job| Some((job.creation_time, job.job_id?))));
        }
        jobs.sort_by_key(|(created, _)| *created);
        Ok(jobs.into_iter().map(|(_, id)| id).collect())
    }

    /// One job as DescribeJob tells it.
    pub async fn job(&self, id: &str) -> Result<aws_sdk_s3control::types::JobDescriptor, Error> {
        let account = cloud::identity::AccountId::destination();
        let described =
            self.destination.s3control.describe_job().account_id(account.as_str()).job_id(id).send().await?;
        described.job.ok_or_else(|| format!("DescribeJob tells nothing of {id}").into())
    }

    /// The run that `report` became: its job is the one whose manifest is that report.
    pub async fn run_of(&self, report: &str) -> Result<Run, Error> {
        let mut run = Run { report: report.to_owned(), job_id: None, planned: 0, copied: 0, failed: 0 };
        let manifest = format!("arn:aws:s3:::{MANIFEST_BUCKET}/{report}");
        for id in self.job_ids().await? {
            let job = self.job(&id).await?;
            let location = job.manifest().and_then(|manifest| manifest.location());
            if location.is_none_or(|location| location.object_arn() != manifest) {
                continue;
            }
            if let Some(done) = job.progress_summary() {
                let count = |n: Option<i64>| u64::try_from(n.unwrap_or_default()).unwrap_or_default();
                run.planned += count(done.total_number_of_tasks());
                run.copied += count(done.number_of_tasks_succeeded());
                run.failed += count(done.number_of_tasks_failed());
            }
            run.job_id = Some(id);
        }
        Ok(run)
    }
}

//! What became of each delivered report: the ledger's records, and the jobs as S3 Control tells of them.

use aws_sdk_s3::error::ProvideErrorMetadata;
use serde::Serialize;
use transship::ledger::{Baseline, RunRecord, State};

use crate::Error;
use crate::route::{MANIFEST_BUCKET, Route};

/// One delivered report and its job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// The report's manifest key.
    pub report: String,
    /// None if there was nothing to copy.
    pub job_id: Option<String>,
    /// How the run stands in the ledger; none if it is not there.
    pub state: Option<State>,
    /// Objects that it planned to copy.
    pub planned: u64,
    /// Tasks that succeeded.
    pub copied: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Objects that it left out.
    pub left_out: u64,
    /// Of the planned ones, those over 5 GB, which have a job of their own.
    pub large: u64,
    /// What it was estimated to cost, in US dollars; none if the run is not there.
    pub estimated_cost: Option<f64>,
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

    /// An object of the manifest bucket; none if it is not there.
    pub async fn kept(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.destination.s3.get_object().bucket(MANIFEST_BUCKET).key(key).send().await {
            Ok(object) => Ok(Some(object.body.collect().await?.to_vec())),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The keys of the manifest bucket below `folder`.
    pub async fn keys_below(&self, folder: &str) -> Result<Vec<String>, Error> {
        let list = self.destination.s3.list_objects_v2().bucket(MANIFEST_BUCKET).prefix(folder);
        let mut pages = list.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            keys.extend(page?.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        }
        Ok(keys)
    }

    /// `ledger/baseline.json`
    pub async fn baseline(&self) -> Result<Option<Baseline>, Error> {
        let kept = self.kept("ledger/baseline.json").await?;
        Ok(kept.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
    }

    /// Every record of the ledger, by key.
    pub async fn records(&self) -> Result<Vec<RunRecord>, Error> {
        let mut records = Vec::new();
        for key in self.keys_below("ledger/runs/").await? {
            let bytes = self.kept(&key).await?.ok_or("a record that was listed is gone")?;
            records.push(serde_json::from_slice(&bytes)?);
        }
        Ok(records)
    }

    /// The run that `report` became: its record, and what its jobs have done.
    pub async fn run_of(&self, report: &str) -> Result<Run, Error> {
        let mut run = Run {
            report: report.to_owned(),
            job_id: None,
            state: None,
            planned: 0,
            copied: 0,
            failed: 0,
            left_out: 0,
            large: 0,
            estimated_cost: None,
        };
        let records = self.records().await?;
        let of_report = |record: &&RunRecord| record.report.manifest.key.as_str() == report && !record.is_discarded();
        let Some(record) = records.iter().find(of_report) else { return Ok(run) };
        run.state = Some(record.state);
        run.estimated_cost = record.cost.as_ref().map(|cost| cost.total.dollars());
        if let Some(plan) = &record.plan {
            run.planned = plan.objects;
            run.large = plan.large.objects;
            run.left_out = plan.left_out.values().map(|count| count.objects).sum();
        }
        for job in &record.jobs {
            let described = self.job(&job.id).await?;
            if let Some(done) = described.progress_summary() {
                let count = |n: Option<i64>| u64::try_from(n.unwrap_or_default()).unwrap_or_default();
                run.copied += count(done.number_of_tasks_succeeded());
                run.failed += count(done.number_of_tasks_failed());
                if record.plan.is_none() {
                    run.planned += count(done.total_number_of_tasks());
                }
            }
            run.job_id = run.job_id.or_else(|| Some(job.id.clone()));
        }
        Ok(run)
    }
}

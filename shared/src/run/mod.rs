//! The handling of one inventory report, from plan to jobs, by the commit protocol: plan, record, swap of
//! `baseline.json` (the commit), CreateJob, job ids. Calls S3 and S3 Control; what it decides, `ledger`, `plan` and
//! [`verdict`] decide.
//!
//! Every step can be cut off and done again by anybody: each writes only what is not there yet, or in place of exactly what
//! it read.

mod changes;
mod count;
mod drive;
mod error;
mod everything;
mod guard;
mod hear;
mod jobs;
mod preview;
mod rebuild;
mod reports;
mod restores;
mod retry;
mod settle;
mod tend;
mod verdict;
mod watch;

pub use error::RunError;
pub use rebuild::Rebuilt;
pub use reports::{Arrived, Reports, Waiting};
pub use retry::Retried;
pub use tend::{EVENTS_COME_WITHIN, Tended};
pub use verdict::REPORT_COMES_WITHIN;
pub use watch::{
    Changed, Due, Frequency, Patience, Raised, TELL_AGAIN, TELLING, WARNING_LASTS, due, is_telling, see, watch,
};

use std::time::{Duration, Instant};

use crate::bucket::ManifestBucket;
use crate::config::{CopyMode, Filters, JobSettings, Route};
use crate::inventory::Report;
use crate::job::{Persistence, RunId};
use crate::ledger::Ledger;

/// Handles reports of one route.
#[derive(Debug, Clone)]
pub struct Runner {
    route: Route,
    settings: JobSettings,
    ledger: Ledger,
    control: aws_sdk_s3control::Client,
    /// Bytes of memory that planning may take.
    memory: u64,
    filters: Filters,
    /// A client that may ask for the source's objects.
    source: Option<aws_sdk_s3::Client>,
}

/// What came of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// Its jobs were created.
    Created(Vec<String>),
    /// It has had its jobs already.
    AlreadyCreated(Vec<String>),
    /// There was nothing to copy.
    Empty,
    /// An earlier run is open. The newest report that waits is planned when that one is settled.
    Waiting(RunId),
    /// What it would copy is written down; there is no job.
    Previewed,
    /// It, or a newer report, was planned before.
    Superseded(RunId),
    /// Planning takes longer than one invocation; what is done is kept, and another invocation goes on.
    Unfinished,
}

/// How long this invocation may take.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    /// How long to keep at a call that AWS denies.
    pub persistence: Persistence,
    /// When planning has to stop, so that what it has done can be kept.
    pub planning: Instant,
    /// How long planning may take where an invocation does nothing before it.
    pub whole: Duration,
}

impl Runner {
    /// With these settings; planning may take `memory` bytes.
    pub fn new(
        route: Route,
        settings: JobSettings,
        bucket: ManifestBucket,
        control: aws_sdk_s3control::Client,
        memory: u64,
    ) -> Self {
        Self {
            route,
            settings,
            ledger: Ledger::new(bucket),
            control,
            memory,
            filters: Filters::default(),
            source: None,
        }
    }

    /// Passes over what these filters do not let pass.
    #[must_use]
    pub fn filtered(self, filters: Filters) -> Self {
        Self { filters, ..self }
    }

    /// Asks for restored objects at the source by this client.
    #[must_use]
    pub fn asking(self, source: aws_sdk_s3::Client) -> Self {
        Self { source: Some(source), ..self }
    }

    /// The manifest bucket.
    pub fn bucket(&self) -> &ManifestBucket {
        self.ledger.bucket()
    }

    /// Handles a delivered report.
    pub async fn handle(&self, report: &Report, time: &Time) -> Result<Handled, RunError> {
        match self.settings.mode {
            // On the heap: so many calls in a row make a large future.
            CopyMode::Changes => Box::pin(self.changes(report, time)).await,
            CopyMode::Everything => Box::pin(self.everything(report, time)).await,
            CopyMode::Preview => Box::pin(self.preview(report, time)).await,
        }
    }
}

//! What a test says becomes of a job, beside what its tasks do by themselves.

use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;

use super::job::Job;
use super::report::TaskFailure;

type OfTask = Arc<dyn Fn(&str) -> Option<TaskFailure> + Send + Sync>;

/// The fate of one job. The default changes nothing.
#[derive(Clone, Default)]
pub struct JobScript {
    /// The job fails whole.
    pub fails: Option<WholeFailure>,
    /// Which tasks fail, by the key as it stands in the manifest; they copy nothing.
    pub tasks: Option<OfTask>,
    /// What the completion report is like.
    pub report: ReportScript,
    /// The job stays Active, running nothing, until [`super::Jobs::let_go`] is called or it is cancelled.
    pub stays_active: bool,
    /// So long after `CreateJob`, by the cloud's clock, `DescribeJob` knows nothing of it.
    pub undescribed_for: SignedDuration,
    /// So long, `ListJobs` leaves it out.
    pub unlisted_for: SignedDuration,
}

/// A job that does not run to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeFailure {
    /// After how many tasks, about.
    pub after: usize,
    /// `FailureReasons`' code.
    pub code: &'static str,
    /// `FailureReasons`' reason.
    pub reason: &'static str,
}

/// What a completion report is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportScript {
    /// As it should be.
    #[default]
    Whole,
    /// There is none.
    Missing,
    /// It lacks so many rows, but for that it is well formed.
    Short(usize),
    /// Its manifest has a wrong MD5 of each results file.
    WrongMd5,
}

impl fmt::Debug for JobScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fails, report, stays_active, .. } = self;
        write!(f, "JobScript({fails:?}, {report:?}, stays_active: {stays_active})")
    }
}

type OfJob = Arc<dyn Fn(&Job) -> JobScript + Send + Sync>;

/// Says what becomes of each new job.
#[derive(Clone, Default)]
pub(super) struct Director(pub(super) Option<OfJob>);

impl Director {
    pub(super) fn of(&self, job: &Job) -> JobScript {
        self.0.as_ref().map(|script| script(job)).unwrap_or_default()
    }
}

impl fmt::Debug for Director {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Director({})", self.0.is_some())
    }
}

//! What can go wrong in a year, and what did.

use jiff::Timestamp;

/// A kind of what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A process was killed at a call.
    Crash,
    /// A call was answered 503, or its connection cut, before or after it took effect.
    Mishap,
    /// A process of copy-large was killed at a call.
    LargeKilled,
    /// Every CreateJob was refused for half an hour.
    Throttled,
    /// Some tasks of a job failed.
    TasksFailed,
    /// An object that no job can copy for days.
    Stubborn,
    /// A job failed whole.
    JobFailed,
    /// A job left no completion report.
    NoCompletionReport,
    /// A completion report lacked a row.
    ShortCompletionReport,
    /// A completion report's files had other MD5s.
    DamagedCompletionReport,
    /// A job took hours.
    SlowJob,
    /// A job hung for longer than a day.
    HungJob,
    /// A job waited for a person, since its run was over a limit.
    OverLimit,
    /// The person cancelled it.
    NotConfirmed,
    /// A newer report took its place before the person looked at it.
    Replaced,
    /// DescribeJob or ListJobs did not know a new job at first.
    UnknownJob,
    /// An event never came.
    EventLost,
    /// It came minutes or a day late, after others.
    EventLate,
    /// It came twice at once.
    EventTwice,
    /// No event told of a report.
    ReportUnannounced,
    /// S3 delivered no report.
    NoReport,
    /// S3 delivered a report again, with other files.
    Redelivered,
    /// An event of long ago came once more.
    EventAgain,
    /// The schedule did not fire.
    NoTick,
}

impl Kind {
    /// Each: all of them happen in a year.
    pub(crate) const ALL: [Self; 24] = [
        Self::Crash,
        Self::Mishap,
        Self::LargeKilled,
        Self::Throttled,
        Self::TasksFailed,
        Self::Stubborn,
        Self::JobFailed,
        Self::NoCompletionReport,
        Self::ShortCompletionReport,
        Self::DamagedCompletionReport,
        Self::SlowJob,
        Self::HungJob,
        Self::OverLimit,
        Self::NotConfirmed,
        Self::Replaced,
        Self::UnknownJob,
        Self::EventLost,
        Self::EventLate,
        Self::EventTwice,
        Self::ReportUnannounced,
        Self::NoReport,
        Self::Redelivered,
        Self::EventAgain,
        Self::NoTick,
    ];
}

/// Something that went wrong, and what it is to be found by.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    pub(crate) at: Timestamp,
    /// The job, report or function.
    pub(crate) about: String,
    /// Whoever met it has tried again.
    pub(crate) retried: bool,
}

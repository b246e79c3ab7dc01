//! Jobs of S3 Batch Operations: the CreateJob request of a run, and how it is sent so that one run has one job,
//! and the completion report.

pub mod report;
mod request;
mod run;
mod send;

pub use request::{JobRequest, RequestError, Submitted, copy_job, large_job, restore_job};
pub use run::{JobKind, RunId, token};
pub use send::{Persistence, SendError, Sent, send};

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::request::tests::{route, settings};
}

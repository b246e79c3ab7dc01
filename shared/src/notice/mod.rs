//! What Transship tells people: findings, what a run came to, the message of either, and metrics. [`Topic`] calls SNS;
//! [`Emitter`] writes a log line, which CloudWatch reads metrics from; the rest calls nothing.

mod emit;
mod finding;
mod links;
mod message;
mod metric;
mod run;
mod scope;
pub mod text;
mod topic;

pub use emit::{EmitError, Emitter, NAMESPACE};
pub use finding::{Finding, Severity};
pub use links::Links;
pub use message::{Found, Message};
pub use metric::{Metric, of_findings, of_route, of_run};
pub use run::{JobLinks, RunSummary};
pub use scope::Notices;
pub use topic::Topic;

#[cfg(test)]
pub(crate) mod tests;

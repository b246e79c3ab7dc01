//! What Transship tells people: findings, what a run came to, the message of either, and metrics. Nothing here calls AWS;
//! [`Emitter`] writes a log line, which CloudWatch reads metrics from.

mod emit;
mod finding;
mod links;
mod message;
mod metric;
mod run;
mod scope;
pub mod text;

pub use emit::{EmitError, Emitter, NAMESPACE};
pub use finding::{Finding, Severity};
pub use links::Links;
pub use message::Message;
pub use metric::{Metric, of_route, of_run};
pub use run::{JobLinks, RunSummary};
pub use scope::Notices;

#[cfg(test)]
pub(crate) mod tests;

//! Metrics as log lines in CloudWatch's embedded metric format, by `metrics_cloudwatch_embedded`. Writes to standard output.
//!
//! Each metric is a document of its own, and nothing is kept from one to the next: the library's recorder would carry a
//! gauge of one invocation over to the next of a warm function.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::{self, Write};

use metrics_cloudwatch_embedded::{Builder, Collector};

use super::Metric;
use crate::names::RouteName;

/// The namespace of every metric.
pub const NAMESPACE: &str = "Transship";

/// Writes metrics of one route, with the dimension `Route`.
#[derive(Clone, Copy)]
pub struct Emitter(&'static Collector);

impl std::fmt::Debug for Emitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Emitter")
    }
}

/// There is an emitter in this process already: make one, when the function starts, and pass it on.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be emitted ({0}): make one emitter, when the function starts")]
pub struct EmitError(String);

impl Emitter {
    /// The emitter of this process, which handles one route. There is one at most.
    pub fn new(route: &RouteName) -> Result<Self, EmitError> {
        let builder = Builder::new().cloudwatch_namespace(NAMESPACE).with_dimension("Route", route.as_str().to_owned());
        builder.init().map(Self).map_err(|error| EmitError(error.to_string()))
    }

    /// Writes them to standard output, which Lambda sends to CloudWatch Logs.
    pub fn emit(self, metrics: &[Metric]) -> io::Result<()> {
        self.write(metrics, io::stdout().lock())
    }

    /// Writes them, a line each, in one write, so that no other line comes between.
    pub fn write(self, metrics: &[Metric], mut to: impl Write) -> io::Result<()> {
        let mut lines = Vec::new();
        for metric in metrics {
            self.0.write_single(metric.name, Some(metric.unit), metric.number(), &mut lines)?;
        }
        to.write_all(&lines)?;
        to.flush()
    }
}

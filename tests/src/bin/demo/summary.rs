//! What the demo says in the end: to a person, or to a program by `--json`.

use std::path::PathBuf;

use e2e::Error;
use e2e::runs::Run;
use serde::Serialize;
use transship::notice::text;

/// What `--json` prints. Fields may be added, never renamed.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Objects in the source bucket.
    pub(crate) objects: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Objects found equal at the destination.
    pub(crate) copied: usize,
    /// Objects over 5 GB, beside those, that arrived.
    pub(crate) large: usize,
    /// Objects, beside those, that no job can copy: archived ones.
    pub(crate) left_out: u64,
    /// Tasks that failed.
    pub(crate) failed: u64,
    /// Objects not found at the destination.
    pub(crate) missing: usize,
    /// Objects found there, but with other bytes, metadata or tags.
    pub(crate) different: usize,
    /// From the first put to the last comparison.
    pub(crate) seconds: f64,
    /// Whether the second run wrote exactly what had changed.
    pub(crate) only_changes_copied: bool,
    /// Whether both bucket policies are as they were, once setup has taken its part away.
    pub(crate) policies_restored: bool,
    /// The file that the status page was written to, as `ledger/status.html` tells it.
    pub(crate) status_page: PathBuf,
    /// One for each delivered report.
    pub(crate) runs: Vec<Run>,
}

impl Summary {
    /// Whether all came out as it should.
    pub(crate) fn is_right(&self) -> bool {
        let all = self.copied == self.objects && self.large == 1 && self.left_out == 1;
        all && self.only_changes_copied && self.policies_restored
    }

    /// Shows it to a person, or prints it as JSON.
    pub(crate) fn print(&self, json: bool) -> Result<(), Error> {
        if json {
            println!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        println!();
        println!("  objects       {:>10}", self.objects);
        println!("  bytes         {:>10}", self.bytes);
        println!("  copied        {:>10}", self.copied);
        println!("  over 5 GB     {:>10}", self.large);
        println!("  left out      {:>10}", self.left_out);
        println!("  tasks failed  {:>10}", self.failed);
        println!("  missing       {:>10}", self.missing);
        println!("  different     {:>10}", self.different);
        for (n, run) in self.runs.iter().enumerate() {
            let job = run.job_id.as_deref().unwrap_or("no job");
            println!("  run {}         {:>10} copied  ({job})", n + 1, run.copied);
        }
        println!("  policies restored  {:>5}", if self.policies_restored { "yes" } else { "no" });
        println!("  time          {:>9.1}s", self.seconds);
        println!("  status page   {}", self.status_page.display());
        Ok(())
    }
}

/// What `--preview --json` prints. Fields may be added, never renamed.
#[derive(Debug, Serialize)]
pub(crate) struct Previewed {
    /// Objects in the source bucket.
    pub(crate) objects: usize,
    /// Objects that would be copied.
    pub(crate) planned: u64,
    /// Objects that would be left out.
    pub(crate) left_out: u64,
    /// What copying them is estimated to cost, in US dollars.
    pub(crate) estimated_cost: Option<f64>,
    /// None: there is no job.
    pub(crate) job_id: Option<String>,
    /// Objects at the destination.
    pub(crate) copied: usize,
    /// Whether both bucket policies are as they were, once setup has taken its part away.
    pub(crate) policies_restored: bool,
    /// The file that the status page was written to.
    pub(crate) status_page: PathBuf,
    /// One for each delivered report.
    pub(crate) runs: Vec<Run>,
}

impl Previewed {
    /// Whether all came out as it should.
    pub(crate) fn is_right(&self) -> bool {
        let all = self.planned + self.left_out == self.objects as u64;
        all && self.planned > 0 && self.job_id.is_none() && self.copied == 0 && self.policies_restored
    }

    /// Shows it to a person, or prints it as JSON.
    pub(crate) fn print(&self, json: bool) -> Result<(), Error> {
        if json {
            println!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        println!();
        println!("  objects       {:>10}", self.objects);
        println!("  planned       {:>10}", self.planned);
        println!("  left out      {:>10}", self.left_out);
        println!("  copied        {:>10}", self.copied);
        println!("  would cost    {:>10}", self.estimated_cost.map_or_else(|| "–".to_owned(), text::dollars));
        println!("  job           {:>10}", self.job_id.as_deref().unwrap_or("none"));
        println!("  status page   {}", self.status_page.display());
        Ok(())
    }
}

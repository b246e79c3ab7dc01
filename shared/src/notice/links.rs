//! Where a person finds a job, a report or the status page in the AWS console. Calls nothing.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::Route;
use crate::names::{Prefix, Region};
use crate::status;

/// The console pages of a route. They open for whoever is signed in to the destination account.
#[derive(Debug, Clone, Copy)]
pub struct Links<'a> {
    /// The route.
    pub route: &'a Route,
    /// The Region of the stack and of the manifest bucket.
    pub home: &'a Region,
    /// What completion reports are written under in the manifest bucket.
    pub report_prefix: &'a Prefix,
}

impl Links<'_> {
    /// A job.
    pub fn job(&self, id: &str) -> String {
        let region = &self.route.destination_region;
        format!("https://{}/s3/jobs/{}?region={region}", host(region), encode(id))
    }

    /// The folder of a job's completion report, which is there once a task has run.
    pub fn report(&self, job_id: &str) -> String {
        let folder = format!("{}/job-{job_id}/", self.report_prefix);
        let (bucket, region) = (&self.route.manifest_bucket, self.home);
        format!("https://{}/s3/buckets/{bucket}?region={region}&prefix={}", host(region), encode(&folder))
    }

    /// The status page, as an object of the manifest bucket: `Open` shows it.
    pub fn status_page(&self) -> String {
        let (bucket, region) = (&self.route.manifest_bucket, self.home);
        let key = status::page_key();
        format!("https://{}/s3/object/{bucket}?region={region}&prefix={}", host(region), encode(key.as_str()))
    }
}

/// Each partition has a console of its own.
fn host(region: &Region) -> String {
    let domain = match region.as_str() {
        china if china.starts_with("cn-") => "console.amazonaws.cn",
        gov if gov.starts_with("us-gov-") => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    format!("{region}.{domain}")
}

/// What a path or a query of these pages may hold as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

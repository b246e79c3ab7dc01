//! The cloud that Transship's tests and demo run on: two AWS accounts in one process, loopback only.
//!
//! What is here: S3 (through [`s3s`]), S3 Control's Batch Operations, IAM, STS, Lambda and SNS's Publish, as far as Transship uses
//! them, decided by identity and resource policies as AWS decides. What is faithful and what is simpler than AWS is
//! said in `docs/LOCAL-CLOUD.md`. What is not here: anything of Transship itself; the functions run as real processes.

pub mod access;
pub mod activity;
pub mod batch;
pub mod clock;
pub mod cloudformation;
pub mod front;
pub mod iam;
pub mod identity;
pub mod inventory;
pub mod kms;
pub mod lambda;
pub mod s3;
pub mod sns;

use std::sync::Arc;

use access::{Context, Denied};
use activity::Activity;
use clock::Clock;
use identity::Principal;

/// The Region every bucket and function of the local cloud is in unless a request says otherwise.
pub const REGION: &str = "us-east-1";

/// The whole cloud. Cheap to clone: every clone is the same cloud.
#[derive(Clone, Default)]
pub struct Cloud {
    state: Arc<State>,
}

/// What the cloud knows. Each service keeps its own state behind its own lock.
struct State {
    clock: Clock,
    activity: Activity,
    iam: iam::Iam,
    compiled: access::Compiled,
    store: s3::Store,
    jobs: batch::Jobs,
    kms: kms::Keys,
    topics: sns::Topics,
    functions: lambda::Functions,
    notifications: lambda::Notifications,
    cloudformation: cloudformation::CloudFormation,
    record: front::Record,
    faults: front::Faults,
    endpoint: std::sync::OnceLock<std::net::SocketAddr>,
}

impl Default for State {
    fn default() -> Self {
        let clock = Clock::default();
        Self {
            iam: iam::Iam::new(clock.clone()),
            clock,
            activity: Activity::default(),
            compiled: access::Compiled::default(),
            store: s3::Store::default(),
            jobs: batch::Jobs::default(),
            kms: kms::Keys::default(),
            topics: sns::Topics::default(),
            functions: lambda::Functions::default(),
            notifications: lambda::Notifications::default(),
            cloudformation: cloudformation::CloudFormation::default(),
            record: front::Record::default(),
            faults: front::Faults::default(),
            endpoint: std::sync::OnceLock::new(),
        }
    }
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cloud").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

impl Cloud {
    /// A cloud with both accounts and nothing in them.
    pub fn new() -> Self {
        Self::default()
    }

    /// The clock every service of this cloud reads.
    pub fn clock(&self) -> &Clock {
        &self.state.clock
    }

    /// What is in flight: events, jobs and functions.
    pub fn activity(&self) -> &Activity {
        &self.state.activity
    }

    /// Access keys, roles and their policies.
    pub fn iam(&self) -> &iam::Iam {
        &self.state.iam
    }

    /// Bucket policies, compiled.
    pub(crate) fn compiled(&self) -> &access::Compiled {
        &self.state.compiled
    }

    /// Buckets and objects.
    pub fn store(&self) -> &s3::Store {
        &self.state.store
    }

    /// Batch Operations jobs.
    pub fn jobs(&self) -> &batch::Jobs {
        &self.state.jobs
    }

    /// KMS keys.
    pub fn kms(&self) -> &kms::Keys {
        &self.state.kms
    }

    /// SNS topics, and what was published to them.
    pub fn topics(&self) -> &sns::Topics {
        &self.state.topics
    }

    /// Lambda functions.
    pub fn functions(&self) -> &lambda::Functions {
        &self.state.functions
    }

    /// S3's notifications on their way to functions: hold them, lose them, deliver them in any order.
    pub fn events(&self) -> lambda::Events<'_> {
        lambda::Events(self)
    }

    pub(crate) fn notifications(&self) -> &lambda::Notifications {
        &self.state.notifications
    }

    /// Turns the clock from one thing that waits for its time to the next, each time until nothing is in flight, until
    /// nothing waits any more: every retry and every late notification has come. At most a day.
    pub async fn exhausted(&self) {
        let end = self.clock().now().checked_add(jiff::SignedDuration::from_hours(24)).unwrap_or(jiff::Timestamp::MAX);
        loop {
            self.activity().settled().await;
            match self.clock().next() {
                Some(at) if at <= end => self.clock().turn_to(at),
                _ => return,
            }
        }
    }

    /// Custom resources' answers.
    pub fn cloudformation(&self) -> &cloudformation::CloudFormation {
        &self.state.cloudformation
    }

    /// The last requests to S3 Control.
    pub fn record(&self) -> &front::Record {
        &self.state.record
    }

    /// What goes wrong on the way to a service, by a script.
    pub fn faults(&self) -> &front::Faults {
        &self.state.faults
    }

    /// The S3 operations as an in-process caller (a batch job, the inventory) uses them: same code, same decisions as
    /// over HTTP. Build requests with [`s3::request`].
    pub fn s3(&self) -> s3::Backend {
        s3::Backend::new(self.clone())
    }

    /// Where this cloud is served, once [`front::serve`] has bound it.
    pub fn endpoint(&self) -> Option<std::net::SocketAddr> {
        self.state.endpoint.get().copied()
    }

    /// Decides one action of one principal on one resource, by identity policies and, where the resource is a bucket or
    /// an object, the bucket's policy: same account, either allows; across accounts, both must; an explicit Deny wins.
    pub fn authorize(
        &self,
        principal: &Principal,
        action: &str,
        resource: &str,
        context: &Context,
    ) -> Result<(), Denied> {
        access::authorize(self, principal, action, resource, context)
    }
}

//! The steps as calls of AWS.

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_smithy_types::retry::RetryConfig;
use tokio::sync::Mutex;
use transship::names::{KmsKeyArn, Region};
use transship::policy::documents::{manifest_bucket_statements, source_bucket_statements};
use transship::setup::{Deployment, SourceAccess, Step};

use crate::bucket_policy::Bucket;
use crate::error::SetupError;
use crate::iam::CopyRole;
use crate::inventory::Inventory;
use crate::lifecycle::{Eager, Steps};
use crate::patience::{Patience, persist};
use crate::progress::Progress;

/// How long IAM may take until S3 knows a role: seconds, seldom more than a minute.
const PROPAGATION: Duration = Duration::from_secs(100);
/// How long something is kept at that is taken down.
const BRIEF: Duration = Duration::from_secs(30);
/// The first pause.
const PAUSE: Duration = Duration::from_millis(500);
/// Between the end of waiting and the end of the work.
const MARGIN: Duration = Duration::from_secs(3);
/// Attempts of one call by the SDK, for throttling and faults. Its pauses add up to less than [`MARGIN`] (0.3, 0.6 and
/// 1.2 s at most): a call that was begun in time has its error told. Longer waiting is [`Patience`]'s.
const ATTEMPTS: u32 = 4;
/// The SDK's first pause.
const BACKOFF: Duration = Duration::from_millis(300);
/// How long the source account's session lasts, in seconds: the shortest there is, and the longest a function runs.
const SESSION_SECONDS: i32 = 900;

/// The clients of one invocation.
#[derive(Debug)]
pub(crate) struct Live {
    sdk: SdkConfig,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    sts: aws_sdk_sts::Client,
    /// Whose the role has to be.
    pub(crate) stack_id: Option<String>,
    /// Waiting ends then, so that what was waited for is told, and not only that time was up.
    until: Instant,
    /// How long refusals are doubted.
    doubt: Duration,
    /// The permissions of setup's own role were changed before the invocation, if at all: they are in doubt until then.
    doubt_until: Instant,
    /// The source account's session and client, and the role they were made by.
    source: Mutex<Option<(SourceAccess, Credentials, aws_sdk_s3::Client)>>,
}

impl Live {
    /// For one invocation: nothing is kept for the next. "Access denied" is doubted for as long as `doubt`.
    pub(crate) fn new(sdk: &SdkConfig, stack_id: Option<String>, stop: Instant, doubt: Duration) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(BACKOFF);
        let sdk = sdk.to_builder().retry_config(retries).build();
        Self {
            iam: aws_sdk_iam::Client::new(&sdk),
            s3: aws_sdk_s3::Client::new(&sdk),
            sts: aws_sdk_sts::Client::new(&sdk),
            sdk,
            stack_id,
            until: stop.checked_sub(MARGIN).unwrap_or(stop),
            doubt,
            doubt_until: Instant::now() + doubt,
            source: Mutex::new(None),
        }
    }

    fn patience(&self, time: Duration) -> Patience {
        let left = self.until.saturating_duration_since(Instant::now());
        Patience::new(time.min(left), PAUSE).doubting(self.doubt_until)
    }

    /// An S3 client of another Region.
    pub(crate) fn s3_in(&self, region: &Region) -> aws_sdk_s3::Client {
        let region = aws_config::Region::new(region.as_str().to_owned());
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&self.sdk).region(region).build())
    }

    /// The copy role.
    pub(crate) fn role<'a>(&'a self, deployment: &'a Deployment) -> CopyRole<'a> {
        CopyRole { client: &self.iam, deployment, stack_id: self.stack_id.as_deref() }
    }

    /// A client of the source account, with the role's session. `None` in a hand-off.
    pub(crate) async fn source(
        &self,
        deployment: &Deployment,
        eager: Eager,
    ) -> Result<Option<aws_sdk_s3::Client>, SetupError> {
        let Some(access) = &deployment.source_access else { return Ok(None) };
        let mut source = self.source.lock().await;
        if let Some((of, _, client)) = &*source
            && of == access
        {
            return Ok(Some(client.clone()));
        }
        let mut patience = self.patience(BRIEF);
        if eager == Eager::Patient {
            // The source account's role may be as new as the stack.
            patience = patience.doubting(Instant::now() + self.doubt);
        }
        let credentials = persist(&mut patience, |_| false, || self.assume(deployment, access)).await?;
        let config = aws_sdk_s3::config::Builder::from(&self.sdk).credentials_provider(credentials.clone()).build();
        let client = aws_sdk_s3::Client::from_conf(config);
        *source = Some((access.clone(), credentials, client.clone()));
        Ok(Some(client))
    }

    /// A client for a key's own Region, in the account that the key is in. `None` for an account that setup cannot get into.
    pub(crate) async fn kms(
        &self,
        deployment: &Deployment,
        key: &KmsKeyArn,
    ) -> Result<Option<aws_sdk_kms::Client>, SetupError> {
        let route = &deployment.route;
        let region = aws_config::Region::new(key.region().to_owned());
        let config = aws_sdk_kms::config::Builder::from(&self.sdk).region(region);
        if key.account() == route.account.as_str() {
            return Ok(Some(aws_sdk_kms::Client::from_conf(config.build())));
        }
        if key.account() != route.source_account.as_str() || self.source(deployment, Eager::Brief).await?.is_none() {
            return Ok(None);
        }
        let source = self.source.lock().await;
        Ok(source.as_ref().map(|(_, credentials, _)| {
            aws_sdk_kms::Client::from_conf(config.credentials_provider(credentials.clone()).build())
        }))
    }

    async fn assume(&self, deployment: &Deployment, access: &SourceAccess) -> Result<Credentials, SetupError> {
        let route = &deployment.route;
        let target = format!("role {}", access.role);
        let needs = format!(
            "that role has to be there, its trust policy has to let transship-{name}-setup of account {account} assume \
             it with the stack's SourceAccessExternalId, and transship-{name}-setup needs sts:AssumeRole on it \
             (source-account.yaml makes such a role)",
            name = route.name,
            account = route.account,
        );
        let call = self
            .sts
            .assume_role()
            .role_arn(access.role.as_str())
            .role_session_name(format!("transship-{}", route.name))
            .external_id(&access.external_id)
            .duration_seconds(SESSION_SECONDS);
        let session = match call.send().await {
            Ok(session) => session.credentials,
            Err(error) => return Err(SetupError::aws("AssumeRole", &error, target, needs)),
        };
        let Some(keys) = session else {
            return Err(SetupError::NotPossible(format!("AssumeRole answered without credentials ({target})")));
        };
        let (id, secret, token) = (keys.access_key_id, keys.secret_access_key, keys.session_token);
        Ok(Credentials::new(id, secret, Some(token), None, "AssumeRole"))
    }
}

/// Who calls in the source account, for messages.
pub(crate) fn source_caller(deployment: &Deployment) -> String {
    deployment.source_access.as_ref().map_or_else(String::new, |access| format!("the role {}", access.role))
}

/// Who calls in the destination account.
pub(crate) fn caller(deployment: &Deployment) -> String {
    format!("the role transship-{}-setup", deployment.route.name)
}

/// The manifest bucket.
pub(crate) fn manifest_bucket<'a>(
    client: &'a aws_sdk_s3::Client,
    deployment: &'a Deployment,
    caller: &'a str,
) -> Bucket<'a> {
    let route = &deployment.route;
    Bucket { client, name: &route.manifest_bucket, account: &route.account, caller, partition: route.role.partition() }
}

/// The source bucket.
pub(crate) fn source_bucket<'a>(
    client: &'a aws_sdk_s3::Client,
    deployment: &'a Deployment,
    caller: &'a str,
) -> Bucket<'a> {
    let route = &deployment.route;
    let (name, account) = (&route.source_bucket, &route.source_account);
    Bucket { client, name, account, caller, partition: route.role.partition() }
}

impl Steps for Live {
    async fn reach_source(&self, deployment: &Deployment, eager: Eager) -> Result<(), SetupError> {
        self.source(deployment, eager).await.map(|_| ())
    }

    async fn put_up(
        &self,
        step: Step,
        new: &Deployment,
        old: Option<&Deployment>,
        progress: &Progress,
    ) -> Result<(), SetupError> {
        let mut patience = self.patience(PROPAGATION);
        let patience = &mut patience;
        let there = || progress.touched(step);
        let owner = new.route.sid_prefix();
        match step {
            Step::Role => self.role(new).put_up(old, patience, progress).await,
            Step::ManifestPolicy => {
                let caller = caller(new);
                let bucket = manifest_bucket(&self.s3, new, &caller);
                bucket.put_up(&manifest_bucket_statements(&new.route), &owner, patience, there).await
            }
            Step::SourcePolicy | Step::Inventory => {
                let Some(client) = self.source(new, Eager::Patient).await? else { return Ok(()) };
                let caller = source_caller(new);
                if step == Step::SourcePolicy {
                    let bucket = source_bucket(&client, new, &caller);
                    bucket.put_up(&source_bucket_statements(&new.route), &owner, patience, there).await
                } else {
                    let inventory = Inventory { client: &client, deployment: new, caller: &caller };
                    inventory.put_up(old.map(|old| &old.route.manifest_bucket), patience, there).await
                }
            }
        }
    }

    async fn take_down(&self, step: Step, deployment: &Deployment) -> Result<(), SetupError> {
        let mut patience = self.patience(BRIEF);
        let patience = &mut patience;
        let owner = deployment.route.sid_prefix();
        match step {
            Step::Role => self.role(deployment).take_down(patience).await,
            Step::ManifestPolicy => {
                let caller = caller(deployment);
                manifest_bucket(&self.s3, deployment, &caller).take_down(&owner, patience).await
            }
            Step::SourcePolicy | Step::Inventory => {
                let Some(client) = self.source(deployment, Eager::Brief).await? else { return Ok(()) };
                let caller = source_caller(deployment);
                if step == Step::SourcePolicy {
                    source_bucket(&client, deployment, &caller).take_down(&owner, patience).await
                } else {
                    Inventory { client: &client, deployment, caller: &caller }.take_down(patience).await
                }
            }
        }
    }
}

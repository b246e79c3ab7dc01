//! A bucket's policy: our statements put in and taken out, everything of others kept.
//!
//! S3 has no conditional write of a policy. So each change is read, merged, written, and read again, until there is
//! nothing to change: a write of somebody else that undoes ours, or that S3 aborts ours for, is merged with. What is
//! written between our read and our write without S3 saying so is written over: nothing can show it, so we write at once
//! after we have read.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use transship::error::AwsError;
use transship::names::{AccountId, BucketName};
use transship::policy::{Difference, PolicyError, SidPrefix, Statement, merge, remove, stale_principals};

use crate::error::SetupError;
use crate::patience::{Patience, persist};

/// How often a policy is written before it is given up.
const MOST_WRITES: u32 = 6;

/// What is to be changed, one line for each statement: `+` to be added, `~` to be changed, `-` to go.
pub(crate) fn lines(difference: &Difference) -> Vec<String> {
    let of = |mark: &str, sids: &[String]| sids.iter().map(|sid| format!("{mark} {sid}")).collect::<Vec<_>>();
    [of("+", &difference.missing), of("~", &difference.altered), of("-", &difference.surplus)].concat()
}

/// One bucket whose policy is changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket<'a> {
    /// Of the account and Region.
    pub(crate) client: &'a Client,
    pub(crate) name: &'a BucketName,
    /// A bucket of that name in another account is not touched.
    pub(crate) account: &'a AccountId,
    /// Who calls, for messages.
    pub(crate) caller: &'a str,
    /// `aws`, …
    pub(crate) partition: &'a str,
}

impl Bucket<'_> {
    fn target(&self) -> String {
        format!("bucket {} of account {}", self.name, self.account)
    }

    fn needs(&self, action: &str) -> String {
        let Self { caller, account, .. } = self;
        format!("{caller} needs {action} on {}, which has to be in account {account}", self.name.arn(self.partition))
    }

    /// The policy; none only if S3 says that there is none.
    pub(crate) async fn policy(&self) -> Result<Option<String>, SetupError> {
        let call = self.client.get_bucket_policy().bucket(self.name.as_str());
        match call.expected_bucket_owner(self.account.as_str()).send().await {
            Ok(got) => match got.policy.filter(|policy| !policy.trim().is_empty()) {
                Some(policy) => Ok(Some(policy)),
                None => Err(SetupError::EmptyAnswer { bucket: self.name.to_string() }),
            },
            Err(error) if error.code() == Some("NoSuchBucketPolicy") => Ok(None),
            Err(error) => {
                Err(SetupError::aws("GetBucketPolicy", &error, self.target(), self.needs("s3:GetBucketPolicy")))
            }
        }
    }

    /// Puts our statements in. `there` is called as soon as it is known that they may be.
    pub(crate) async fn put_up(
        &self,
        ours: &[Statement],
        owner: &SidPrefix,
        patience: &mut Patience,
        there: impl Fn(),
    ) -> Result<(), SetupError> {
        let mut before = None;
        for _ in 0..MOST_WRITES {
            let existing = self.settled(before.as_ref(), patience).await?;
            there();
            let merged = merge(existing.as_deref(), ours, owner).map_err(|error| self.no_policy(error))?;
            if !merged.changed {
                return Ok(());
            }
            before = self.put(&merged.text, patience).await?.then_some(existing);
        }
        Err(self.keeps_changing())
    }

    /// Takes our statements out, and the policy away if nothing is left in it. A bucket that is gone has none.
    pub(crate) async fn take_down(&self, owner: &SidPrefix, patience: &mut Patience) -> Result<(), SetupError> {
        let mut before = None;
        for _ in 0..MOST_WRITES {
            let existing = match self.settled(before.as_ref(), patience).await {
                Ok(existing) => existing,
                Err(SetupError::Aws { error, .. }) if error.code == "NoSuchBucket" => return Ok(()),
                Err(error) => return Err(error),
            };
            let Some(existing) = existing else { return Ok(()) };
            let removed = remove(&existing, owner).map_err(|error| self.no_policy(error))?;
            let is_written = match removed.text {
                _ if !removed.changed => return Ok(()),
                Some(text) => self.put(&text, patience).await?,
                None => persist(patience, aborted, || self.delete()).await.map(|()| true)?,
            };
            before = is_written.then_some(Some(existing));
        }
        Err(self.keeps_changing())
    }

    /// The policy. After a write, S3 may show for a moment what stood there `before`: that is read again for a while
    /// before it is taken for somebody's who undid the write.
    async fn settled(
        &self,
        before: Option<&Option<String>>,
        patience: &mut Patience,
    ) -> Result<Option<String>, SetupError> {
        let mut reading = patience.for_reading();
        loop {
            let found = persist(patience, |_| false, || self.policy()).await?;
            if before != Some(&found) || !reading.again().await {
                return Ok(found);
            }
        }
    }

    /// Puts the policy, and waits while S3 does not know the copy role yet. When somebody else writes at the same moment
    /// this returns false, so that the policy is read again.
    async fn put(&self, text: &str, patience: &mut Patience) -> Result<bool, SetupError> {
        loop {
            let call = self.client.put_bucket_policy().bucket(self.name.as_str()).policy(text);
            let error = match call.expected_bucket_owner(self.account.as_str()).send().await {
                Ok(_) => return Ok(true),
                Err(error) => AwsError::new("PutBucketPolicy", &error),
            };
            let is_unknown_principal = is_unknown_principal(&error);
            if is_unknown_principal {
                self.refuse_stale(text)?;
            }
            if patience.again_after(&error, is_unknown_principal).await {
                tracing::warn!(%error, bucket = %self.name, "the policy is not taken yet");
                if aborted(&error) {
                    return Ok(false);
                }
                continue;
            }
            return Err(SetupError::of(error, self.target(), self.needs("s3:PutBucketPolicy")));
        }
    }

    async fn delete(&self) -> Result<(), SetupError> {
        let call = self.client.delete_bucket_policy().bucket(self.name.as_str());
        match call.expected_bucket_owner(self.account.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some("NoSuchBucketPolicy" | "NoSuchBucket")) => Ok(()),
            Err(error) => {
                Err(SetupError::aws("DeleteBucketPolicy", &error, self.target(), self.needs("s3:DeleteBucketPolicy")))
            }
        }
    }

    fn refuse_stale(&self, text: &str) -> Result<(), SetupError> {
        let stale = stale_principals(text).map_err(|error| self.no_policy(error))?;
        let Some(first) = stale.first() else { return Ok(()) };
        let statement = first.sid.clone().unwrap_or_else(|| format!("number {}, counted from 0", first.index));
        Err(SetupError::StalePrincipal {
            bucket: self.name.to_string(),
            stale: format!("{} in statement {statement}", first.id),
        })
    }

    fn no_policy(&self, error: PolicyError) -> SetupError {
        SetupError::Policy { bucket: self.name.to_string(), error }
    }

    fn keeps_changing(&self) -> SetupError {
        SetupError::KeepsChanging { what: format!("the policy of bucket {}", self.name), times: MOST_WRITES }
    }
}

/// Somebody else changes the bucket at this moment.
fn aborted(error: &AwsError) -> bool {
    matches!(error.code.as_str(), "OperationAborted" | "ConflictException")
}

fn is_unknown_principal(error: &AwsError) -> bool {
    error.code == "MalformedPolicy" && error.message.to_ascii_lowercase().contains("principal")
}

#[cfg(test)]
mod tests;

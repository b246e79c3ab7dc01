use super::PolicyError;
use super::document::{BucketPolicy, Entry};
use super::meaning;
use super::sid::SidPrefix;
use super::statement::Statement;

/// The longest bucket policy that S3 takes: 20 KB, in bytes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html>
pub const BUCKET_POLICY_LIMIT: usize = 20 * 1024;

/// A bucket policy with the route's statements in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The whole document to put; the existing text itself where nothing is to be done.
    pub text: String,
    /// Whether it says anything else than the existing policy.
    pub changed: bool,
    /// Whether there was no policy before.
    pub made_by_us: bool,
}

/// A bucket policy without the route's statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// What to put; `None` where no statement is left, so that the policy is to be deleted (S3 takes no policy without
    /// statements, so this is how a policy that `merge` made goes away again).
    pub text: Option<String>,
    /// Whether a statement was taken away.
    pub changed: bool,
}

/// Puts the route's statements into a bucket policy: those that are there are replaced in place, the others appended,
/// and those of the route that are no longer wanted, or stand there twice, go. A second merge changes nothing.
///
/// `existing` is `None` only if S3 said `NoSuchBucketPolicy`.
/// Everything else in the document stays: other statements in their order and text, `Id`, unknown elements, and
/// `Version` too, since our statements mean the same in both.
///
/// # Errors
/// A document that is not a policy, statements that are not the route's, a result over [`BUCKET_POLICY_LIMIT`].
pub fn merge(existing: Option<&str>, ours: &[Statement], owner: &SidPrefix) -> Result<Merged, PolicyError> {
    let mut wanted = wanted(ours, owner)?;
    let mut policy = existing.map_or_else(BucketPolicy::new, BucketPolicy::parse)?;
    let mut changed = existing.is_none();
    let mut kept = Vec::with_capacity(policy.statements.len() + wanted.len());
    for entry in policy.statements {
        let Some(sid) = entry.sid().filter(|sid| owner.owns(sid)) else {
            kept.push(entry);
            continue;
        };
        match wanted.iter().position(|want| want.sid() == Some(sid)) {
            Some(at) => {
                let want = wanted.remove(at);
                let same = meaning::same_statement(&entry.value, &want.value);
                changed |= !same;
                kept.push(if same { entry } else { want });
            }
            None => changed = true,
        }
    }
    changed |= !wanted.is_empty();
    kept.append(&mut wanted);
    policy.statements = kept;
    let made_by_us = existing.is_none();
    if let (Some(text), false) = (existing, changed) {
        return Ok(Merged { text: text.to_owned(), changed, made_by_us });
    }
    Ok(Merged { text: within_limit(&policy, owner)?, changed, made_by_us })
}

/// Takes the route's statements out of a bucket policy and leaves everything else.
///
/// # Errors
/// A document that is not a policy.
pub fn remove(text: &str, owner: &SidPrefix) -> Result<Removed, PolicyError> {
    let mut policy = BucketPolicy::parse(text)?;
    let before = policy.statements.len();
    policy.statements.retain(|entry| !owns(owner, entry));
    if policy.statements.len() == before {
        return Ok(Removed { text: Some(text.to_owned()), changed: false });
    }
    let text = if policy.statements.is_empty() { None } else { Some(policy.to_text()?) };
    Ok(Removed { text, changed: true })
}

pub(super) fn owns(owner: &SidPrefix, entry: &Entry) -> bool {
    entry.sid().is_some_and(|sid| owner.owns(sid))
}

pub(super) fn wanted(ours: &[Statement], owner: &SidPrefix) -> Result<Vec<Entry>, PolicyError> {
    if ours.is_empty() {
        return Err(PolicyError::NothingToMerge);
    }
    for (at, statement) in ours.iter().enumerate() {
        let sid = statement.sid();
        if !owner.owns(sid) {
            return Err(PolicyError::ForeignSid { sid: sid.to_owned(), prefix: owner.to_string() });
        }
        if ours.iter().skip(at + 1).any(|other| other.sid() == sid) {
            return Err(PolicyError::DuplicateSid(sid.to_owned()));
        }
        if statement.has_policy_variable() {
            return Err(PolicyError::PolicyVariable(sid.to_owned()));
        }
    }
    ours.iter().map(Entry::of).collect()
}

fn within_limit(policy: &BucketPolicy, owner: &SidPrefix) -> Result<String, PolicyError> {
    let text = policy.to_text()?;
    let bytes = text.len();
    if bytes > BUCKET_POLICY_LIMIT {
        let ours = policy.statements.iter().filter(|entry| owns(owner, entry)).map(Entry::len).sum();
        return Err(PolicyError::TooLarge { bytes, limit: BUCKET_POLICY_LIMIT, others: bytes - ours, ours });
    }
    Ok(text)
}

//! Create, Update and Delete: which steps, in which order, and what happens when one fails. Calls AWS by [`Steps`] only.

use std::future::Future;

use transship::setup::{Deployment, PhysicalId, Step, left_behind};

use crate::error::SetupError;
use crate::progress::Progress;

/// What puts up and takes down one thing. Both are idempotent.
pub(crate) trait Steps: Send + Sync {
    /// Gets into the source account, if the deployment has a role for it there.
    fn reach_source(
        &self,
        deployment: &Deployment,
        eager: Eager,
    ) -> impl Future<Output = Result<(), SetupError>> + Send;

    /// Puts up, or changes in place. `old` is what an update comes from: what is the old one's is ours too.
    fn put_up(
        &self,
        step: Step,
        new: &Deployment,
        old: Option<&Deployment>,
        progress: &Progress,
    ) -> impl Future<Output = Result<(), SetupError>> + Send;

    /// Takes down what proves to be ours; what is gone already is no failure.
    fn take_down(&self, step: Step, deployment: &Deployment) -> impl Future<Output = Result<(), SetupError>> + Send;
}

/// Whether a refusal may be IAM that has not propagated yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eager {
    /// Wait a while.
    Patient,
    /// What is refused was refused for good, most likely, unless setup's own permissions are as new as its invocation.
    Brief,
}

/// Puts up everything, then takes down what only `old` had, unless CloudFormation is going to delete that. What of it
/// could not be taken down is returned: it does not make the update fail.
pub(crate) async fn put_up(
    steps: &impl Steps,
    new: &Deployment,
    old: Option<&Deployment>,
    replaced: bool,
    progress: &Progress,
) -> Result<Option<SetupError>, SetupError> {
    for step in Step::ORDER {
        if step.is_in_source_account() {
            if new.hands_off() {
                continue;
            }
            progress.doing("assuming the source account's role");
            steps.reach_source(new, Eager::Patient).await?;
        }
        progress.doing(format!("putting up {}", step.what(new)));
        steps.put_up(step, new, old, progress).await?;
    }
    match old {
        Some(old) if !replaced => take_down_old(steps, old, left_behind(old, new), progress).await,
        _ => Ok(None),
    }
}

/// What is out of our reach stops no update, and above all no rollback: where the new could not be reached, its rollback
/// cannot reach it either, and nothing of ours is there.
async fn take_down_old(
    steps: &impl Steps,
    old: &Deployment,
    there: Vec<Step>,
    progress: &Progress,
) -> Result<Option<SetupError>, SetupError> {
    match take_down_all(steps, old, there, progress).await {
        Ok(()) => Ok(None),
        Err(error) if error.is_out_of_reach() => {
            tracing::error!(%error, "left behind by this update");
            Ok(Some(error))
        }
        Err(error) => Err(error),
    }
}

/// Takes down everything that `id` says may be there.
pub(crate) async fn take_down(
    steps: &impl Steps,
    deployment: &Deployment,
    id: &PhysicalId,
    progress: &Progress,
) -> Result<(), SetupError> {
    let there = Step::ORDER.into_iter().rev().filter(|step| id.holds(*step)).collect();
    take_down_all(steps, deployment, there, progress).await
}

/// Goes on after a failure, so that as little as possible is left for a person.
async fn take_down_all(
    steps: &impl Steps,
    deployment: &Deployment,
    there: Vec<Step>,
    progress: &Progress,
) -> Result<(), SetupError> {
    let mut failed = Vec::new();
    let mut is_source_shut = false;
    for step in there {
        if step.is_in_source_account() {
            if deployment.hands_off() || is_source_shut {
                continue;
            }
            progress.doing("assuming the source account's role");
            if let Err(error) = steps.reach_source(deployment, Eager::Brief).await {
                is_source_shut = true;
                failed.push(unreachable(deployment, error));
                continue;
            }
        }
        progress.doing(format!("taking down {}", step.what(deployment)));
        if let Err(error) = steps.take_down(step, deployment).await {
            tracing::error!(%error, ?step, "not taken down");
            failed.push(error);
        }
    }
    match failed.pop() {
        None => Ok(()),
        Some(error) if failed.is_empty() => Err(error),
        Some(error) => {
            failed.push(error);
            Err(SetupError::Several(failed))
        }
    }
}

/// Nothing is left behind unsaid.
fn unreachable(deployment: &Deployment, error: SetupError) -> SetupError {
    let route = &deployment.route;
    SetupError::Unreachable {
        error: Box::new(error),
        sids: route.sid_prefix().to_string(),
        bucket: route.source_bucket.to_string(),
        inventory: route.inventory_id.to_string(),
    }
}

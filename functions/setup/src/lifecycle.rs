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
    /// What is refused now was refused for good, most likely.
    Brief,
}

/// Puts up everything, then takes down what only `old` had, unless CloudFormation is going to delete that.
pub(crate) async fn put_up(
    steps: &impl Steps,
    new: &Deployment,
    old: Option<&Deployment>,
    replaced: bool,
    progress: &Progress,
) -> Result<(), SetupError> {
    if let Some(old) = old {
        possible(new, old)?;
    }
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
        Some(old) if !replaced => take_down_all(steps, old, left_behind(old, new), progress).await,
        _ => Ok(()),
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
                failed.push(unreachable(deployment, &error));
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

/// Nothing is left behind unsaid: the owner of the source account has to know.
fn unreachable(deployment: &Deployment, error: &SetupError) -> SetupError {
    let route = &deployment.route;
    SetupError::NotPossible(format!(
        "{error}. Left in the source account: statements {sid}* in the policy of {bucket}, and its inventory \
         configuration {id}. Restore that role and try again; or have the owner remove these, update the stack with an \
         empty SourceAccessRoleArn (then setup leaves the source account alone), and try again",
        sid = route.sid_prefix(),
        bucket = route.source_bucket,
        id = route.inventory_id,
    ))
}

fn possible(new: &Deployment, old: &Deployment) -> Result<(), SetupError> {
    if new.role_name == old.role_name && new.role_path != old.role_path {
        return Err(SetupError::NotPossible(format!(
            "CopyRolePath cannot change from {} to {}: IAM cannot move a role, and a new one would leave the source \
             bucket's policy with a stale principal. Nothing was changed; keep the path, or deploy a route of another name",
            old.role_path, new.role_path
        )));
    }
    Ok(())
}

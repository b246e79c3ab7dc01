//! The copy role: there, ours, and saying what it should.

use transship::setup::Deployment;

use super::{AGAIN, Finding};
use crate::iam::{Wanted, differences};
use crate::live::Live;

const ROLE: &str = "copy role";

/// One finding for the role, and one for each part of it.
pub(super) async fn look(live: &Live, deployment: &Deployment) -> Vec<Finding> {
    let role = live.role(deployment);
    let arn = &deployment.route.role;
    let found = match role.find().await {
        Err(error) => return vec![Finding::unseen(ROLE, &error)],
        Ok(None) => return vec![Finding::wrong(ROLE, format!("{arn} is not there"), AGAIN)],
        Ok(Some(found)) => found,
    };
    if let Err(error) = role.refuse_foreign(&found) {
        return vec![Finding::wrong(ROLE, error.to_string(), "see the message")];
    }
    let differs = Wanted::of(deployment, live.stack_id.as_deref()).and_then(|wanted| {
        let failed = |error| crate::error::SetupError::NotPossible(format!("{arn}: {error}"));
        differences(&found, &wanted, deployment).map_err(failed)
    });
    let differs = match differs {
        Ok(differs) => differs,
        Err(error) => return vec![Finding::unseen(ROLE, &error)],
    };
    let part = |check: &'static str, calls: &[&str], fine: String| {
        let lines: Vec<&str> =
            differs.iter().filter(|(call, _)| calls.contains(call)).map(|(_, line)| line.as_str()).collect();
        if lines.is_empty() { Finding::ok(check, fine) } else { Finding::wrong(check, lines.join("; "), AGAIN) }
    };
    let boundary = match &deployment.boundary {
        Some(boundary) => format!("{boundary}; it has to allow what the role's policy allows"),
        None => "none asked for, none set".to_owned(),
    };
    vec![
        Finding::ok(ROLE, format!("{arn} is there and this stack's")),
        part(
            "copy role's trust",
            &["UpdateAssumeRolePolicy"],
            "batchoperations.s3.amazonaws.com may assume it".to_owned(),
        ),
        part("copy role's permissions", &["PutRolePolicy"], "exactly what the route's copies need".to_owned()),
        part("copy role's boundary", &["PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"], boundary),
        part("copy role's tags", &["TagRole"], "as the stack sets them".to_owned()),
    ]
}

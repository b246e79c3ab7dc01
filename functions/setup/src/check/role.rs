//! The copy role: there, ours, and saying what it should.

use transship::setup::Deployment;

use super::{AGAIN, Finding, State};
use crate::iam::{CopyRole, POLICY_NAME, Wanted, differences};
use crate::live::Live;

const ROLE: &str = "copy role";
const BOUNDARY: &str = "copy role's boundary";
const OTHERS: &str = "copy role's other policies";

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
    let calls = ["PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"];
    let boundary = part(BOUNDARY, &calls, "none asked for, none set".to_owned());
    let boundary = match &deployment.boundary {
        Some(policy) if boundary.state == State::Ok => unread(policy),
        _ => boundary,
    };
    vec![
        Finding::ok(ROLE, format!("{arn} is there and this stack's")),
        part(
            "copy role's trust",
            &["UpdateAssumeRolePolicy"],
            "batchoperations.s3.amazonaws.com may assume it".to_owned(),
        ),
        part("copy role's permissions", &["PutRolePolicy"], "exactly what the route's copies need".to_owned()),
        others(&role).await,
        boundary,
        part("copy role's tags", &["TagRole"], "as the stack sets them".to_owned()),
    ]
}

/// A boundary is set as the stack has it. What it says is not setup's to read.
fn unread(boundary: &str) -> Finding {
    let todo = format!(
        "see that it allows, and nowhere denies, what the role's policy {POLICY_NAME} allows (preview shows it): aws iam \
         get-policy --policy-arn {boundary}, then get-policy-version with its DefaultVersionId"
    );
    Finding::unknown(BOUNDARY, format!("{boundary} is set; its document is not read"), todo)
}

async fn others(role: &CopyRole<'_>) -> Finding {
    match (role.policy_names().await, role.attached_policies().await) {
        (Ok(inline), Ok(attached)) => beside(&inline, &attached),
        (Err(error), _) | (_, Err(error)) => Finding::unseen(OTHERS, &error),
    }
}

/// Whatever stands beside our policy allows the role more than the route needs, or denies what it needs.
fn beside(inline: &[String], attached: &[String]) -> Finding {
    let inline: Vec<&str> = inline.iter().map(String::as_str).filter(|name| *name != POLICY_NAME).collect();
    if inline.is_empty() && attached.is_empty() {
        return Finding::ok(OTHERS, format!("none beside {POLICY_NAME}"));
    }
    let mut found = Vec::new();
    if !inline.is_empty() {
        found.push(format!("inline {}", inline.join(", ")));
    }
    if !attached.is_empty() {
        found.push(format!("attached {}", attached.join(", ")));
    }
    Finding::wrong(
        OTHERS,
        format!("{}: somebody else's, and more than the route needs", found.join("; ")),
        "take them off the role (aws iam delete-role-policy, aws iam detach-role-policy); setup does not: they are not its own",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_policy_of_the_role_is_named() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
        assert_eq!(beside(&texts(&["copy"]), &[]).state, State::Ok);
        let finding = beside(&texts(&["copy", "more"]), &[]);
        assert_eq!((finding.state, finding.found.contains("inline more:")), (State::Wrong, true), "{finding:?}");
        let finding = beside(&texts(&["copy"]), &texts(&[admin]));
        assert_eq!((finding.state, finding.found.contains(admin)), (State::Wrong, true), "{finding:?}");
    }
}

//! What `Fn::GetAtt` gives of the custom resource, for the stack's outputs.

use std::collections::BTreeMap;

use transship::policy::PolicyError;
use transship::policy::documents::{inventory_configuration, source_bucket_statements};
use transship::setup::Deployment;

use crate::answer;
use crate::error::SetupError;

/// The names are the same in both cases: a template names them, and an attribute that is not there fails the stack.
const NOT_NEEDED: &str = "nothing to do: setup keeps the source account's part itself";

/// The attributes. In a hand-off, what the source account's owner has to put; `{"action":"preview"}` tells it at length,
/// with the commands, since an answer may have 4 KB. `left` is what an update could not take down.
pub(crate) fn outputs(
    deployment: &Deployment,
    left: Option<&SetupError>,
) -> Result<BTreeMap<&'static str, String>, PolicyError> {
    let route = &deployment.route;
    let mut data = BTreeMap::from([
        ("CopyRoleArn", route.role.to_string()),
        ("HandOff", deployment.hands_off().to_string()),
        ("SourceBucketPolicyStatements", NOT_NEEDED.to_owned()),
        ("SourceInventoryConfiguration", NOT_NEEDED.to_owned()),
        ("HandOffCommand", NOT_NEEDED.to_owned()),
        ("HandOffRemovalCommand", NOT_NEEDED.to_owned()),
        ("LeftBehind", left.map_or_else(|| "nothing".to_owned(), |error| answer::shortened(&error.to_string()))),
    ]);
    if deployment.hands_off() {
        let json = |error| PolicyError::NotJson(error);
        let statements = serde_json::to_string(&source_bucket_statements(route)).map_err(json)?;
        let inventory = inventory_configuration(route, deployment.schedule);
        data.insert("SourceBucketPolicyStatements", statements);
        data.insert("SourceInventoryConfiguration", serde_json::to_string(&inventory).map_err(json)?);
        data.insert("HandOffCommand", preview_command(deployment, "commands"));
        data.insert("HandOffRemovalCommand", preview_command(deployment, "removal"));
    }
    Ok(data)
}

/// Prints what the owner of the source account has to run.
fn preview_command(deployment: &Deployment, part: &str) -> String {
    let route = &deployment.route;
    format!(
        "aws lambda invoke --region {} --function-name transship-{}-setup --cli-binary-format raw-in-base64-out \
         --payload '{{\"action\":\"preview\"}}' preview.json && jq -r .hand_off.{part} preview.json",
        route.region, route.name
    )
}

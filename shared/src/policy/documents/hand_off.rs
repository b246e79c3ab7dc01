use std::fmt::Write as _;

use super::{
    InventoryConfiguration, KeyGrant, Schedule, inventory_configuration, key_grants, source_bucket_statements,
};
use crate::policy::{PolicyDocument, PolicyError, RouteSettings, Statement, merge};

/// What the source bucket's policy is known to be, when setup may not read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourcePolicy<'a> {
    /// Nobody told: the commands then read it where they run.
    Unknown,
    /// The bucket has none.
    Nothing,
    /// This one.
    Known(&'a str),
}

/// What the source account's owner is to do, where setup may not touch that account.
#[derive(Clone, Debug)]
pub struct HandOff {
    /// A whole policy to put: merged where the existing one is known, and else our statements only, which then replace
    /// nothing but are added to what is there.
    pub bucket_policy: String,
    /// The inventory configuration to put.
    pub inventory_configuration: InventoryConfiguration,
    /// What the policies of the keys must allow that others own.
    pub key_grants: Vec<KeyGrant>,
    /// All of it as commands for a shell with the AWS CLI, signed in to the source account, that can be run again.
    pub commands: String,
    /// The commands that take it all away again.
    pub removal: String,
}

/// The hand-off of one route.
///
/// # Errors
/// The known policy is not one, or has no room left.
pub fn hand_off(route: &RouteSettings, schedule: Schedule, policy: SourcePolicy) -> Result<HandOff, PolicyError> {
    let ours = source_bucket_statements(route);
    let bucket_policy = match policy {
        SourcePolicy::Unknown => PolicyDocument::new(ours).to_json_pretty()?,
        SourcePolicy::Nothing => merge(None, &ours, &route.sid_prefix())?.text,
        SourcePolicy::Known(text) => merge(Some(text), &ours, &route.sid_prefix())?.text,
    };
    let inventory_configuration = inventory_configuration(route, schedule);
    let mut key_grants = key_grants(route);
    key_grants.retain(|grant| route.source_keys.contains(&grant.key) || grant.key.account() != route.account.as_str());
    let mut commands = put_policy(route, &bucket_policy, policy == SourcePolicy::Unknown);
    commands.push_str(&put_inventory(route, &inventory_configuration)?);
    for grant in &key_grants {
        commands.push_str(&add_to_key_policy(route, grant)?);
    }
    let removal = removal(route, &key_grants);
    Ok(HandOff { bucket_policy, inventory_configuration, key_grants, commands, removal })
}

/// The statements of ours in place of those with their Sids, after all others.
const ADD_WITH_JQ: &str = ".Statement = ([.Statement] | flatten | \
                           map(select(.Sid as $sid | $ours[0].Statement | all(.Sid != $sid)))) + $ours[0].Statement";

fn put_policy(route: &RouteSettings, policy: &str, add: bool) -> String {
    let bucket = on_bucket(route);
    let put = |file: &str| format!("aws s3api put-bucket-policy {bucket} --policy file://{file}");
    let write = |file: &str| format!("cat > {file} <<'JSON'\n{policy}\nJSON\n");
    if !add {
        let (file, put) = (write("transship-policy.json"), put("transship-policy.json"));
        let what = "the whole policy, for as long as nobody changes the one that is there";
        return format!("{}# This is {what}.\n{file}{put}\n", readers(route));
    }
    // Put blindly, our policy would replace the one that is there. So that is read first, and only "no such policy" is none.
    format!(
        "{readers}# These are our statements, added to the policy that is there.\n{write}\
         if aws s3api get-bucket-policy {bucket} \\\n    \
         --query Policy --output text > current-policy.json 2> transship-error.txt; then\n  \
         jq --slurpfile ours transship-statements.json \\\n    '{ADD_WITH_JQ}' \\\n    \
         current-policy.json > transship-policy.json &&\n  {merged}\n\
         elif grep -q NoSuchBucketPolicy transship-error.txt; then\n  {alone}\n\
         else\n  cat transship-error.txt >&2\nfi\n",
        readers = readers(route),
        write = write("transship-statements.json"),
        merged = put("transship-policy.json"),
        alone = put("transship-statements.json"),
    )
}

/// Who may do what by our statements: their owner is told before they are put.
fn readers(route: &RouteSettings) -> String {
    let restores = if route.restores { ", and asks for archived ones to be restored" } else { "" };
    let mut text = format!(
        "# Let these roles read the source bucket; none may write there or delete.\n\
         # {}: lists and reads the objects, which it copies{restores}.\n",
        route.role
    );
    if let Some(role) = route.function_role("create-job") {
        let _ = writeln!(text, "# {role}: asks by HeadObject whether archived objects can be read by now.");
    }
    if let Some(role) = &route.copy_large_role {
        let _ = writeln!(text, "# {role}: lists and reads the objects, and copies those over 5 GB in parts.");
    }
    text
}

fn put_inventory(route: &RouteSettings, configuration: &InventoryConfiguration) -> Result<String, PolicyError> {
    Ok(format!(
        "\n# Have S3 deliver the inventory, unless another one of the same id is there.\n\
         cat > transship-inventory.json <<'JSON'\n{json}\nJSON\n\
         destination=$(aws s3api get-bucket-inventory-configuration {bucket} --id {id} \\\n  \
         --query InventoryConfiguration.Destination.S3BucketDestination.Bucket --output text 2> transship-error.txt)\n\
         if [ \"$destination\" = {manifests} ] || grep -q NoSuchConfiguration transship-error.txt; then\n  \
         aws s3api put-bucket-inventory-configuration {bucket} --id {id} \\\n    \
         --inventory-configuration file://transship-inventory.json\n\
         else\n  echo \"inventory {id} is not put: there is one that delivers to ${{destination:-?}}\" >&2\n  \
         cat transship-error.txt >&2\nfi\n",
        json = configuration.to_json()?,
        bucket = on_bucket(route),
        id = route.inventory_id,
        manifests = configuration.destination.bucket,
    ))
}

/// A key's policy is never written by a command of ours: a mistake in it can lock everybody out of the key.
fn add_to_key_policy(route: &RouteSettings, grant: &KeyGrant) -> Result<String, PolicyError> {
    let mut text = format!("\n# Have the owner of {} add this to the key's policy\n", grant.key);
    if grant.key.account() == route.source_account.as_str() {
        text = format!("\n# Add this to the policy of {}\n", grant.key);
    }
    for statement in &grant.statements {
        for line in serde_json::to_string_pretty(statement).map_err(PolicyError::NotJson)?.lines() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "#   {line}");
        }
    }
    Ok(text)
}

/// What the source account's owner runs to take away what [`HandOff::commands`] put there, and nothing of others. It can
/// be run again.
fn removal(route: &RouteSettings, key_grants: &[KeyGrant]) -> String {
    let (bucket, id, ours) = (on_bucket(route), &route.inventory_id, route.sid_prefix());
    let mut text = format!(
        "# Take our statements out of the source bucket's policy.\n\
         if aws s3api get-bucket-policy {bucket} \\\n    \
         --query Policy --output text > current-policy.json 2> transship-error.txt; then\n  \
         jq '.Statement = ([.Statement] | flatten | map(select((.Sid // \"\") | startswith(\"{ours}\") | not)))' \\\n    \
         current-policy.json > transship-policy.json &&\n  \
         if jq --exit-status '.Statement == []' transship-policy.json > transship-error.txt; then\n    \
         aws s3api delete-bucket-policy {bucket}\n  \
         else\n    aws s3api put-bucket-policy {bucket} --policy file://transship-policy.json\n  fi\n\
         elif ! grep -q NoSuchBucketPolicy transship-error.txt; then\n  cat transship-error.txt >&2\nfi\n\
         \n# Stop the inventory, unless it is another one of the same id.\n\
         destination=$(aws s3api get-bucket-inventory-configuration {bucket} --id {id} \\\n  \
         --query InventoryConfiguration.Destination.S3BucketDestination.Bucket --output text 2> transship-error.txt)\n\
         if [ \"$destination\" = {manifests} ]; then\n  \
         aws s3api delete-bucket-inventory-configuration {bucket} --id {id}\n\
         elif ! grep -q NoSuchConfiguration transship-error.txt; then\n  \
         echo \"inventory {id} stays: it delivers to ${{destination:-?}}\" >&2\n  cat transship-error.txt >&2\nfi\n",
        manifests = route.bucket_arn(&route.manifest_bucket),
    );
    for grant in key_grants {
        let sids: Vec<_> = grant.statements.iter().map(Statement::sid).collect();
        let _ = write!(text, "\n# Take out of the policy of {}: {}\n", grant.key, sids.join(", "));
    }
    text
}

/// Bucket, owner and Region; their alphabets need no quoting in a shell.
fn on_bucket(route: &RouteSettings) -> String {
    let RouteSettings { source_bucket, source_account, region, .. } = route;
    format!("--bucket {source_bucket} --expected-bucket-owner {source_account} --region {region}")
}

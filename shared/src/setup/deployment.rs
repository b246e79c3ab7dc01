use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::parameters::PARAMETERS;
use crate::config::{Env, Presence};
use crate::names::{AccountId, RoleArn, excerpt};
use crate::policy::documents::Schedule;
use crate::policy::{ParameterError, ParameterErrors, RouteParameters, RouteSettings};

/// S3's canned ACLs, as CreateJob takes them.
pub const CANNED_ACLS: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

/// Where a deployment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The destination account.
    pub account: String,
    /// The stack's Region.
    pub region: String,
}

impl Place {
    /// The place that an ARN names (the stack's, or the function's), unless the environment's `ACCOUNT_ID` and
    /// `AWS_REGION` say otherwise.
    pub fn new(arn: &str, env: &dyn Env) -> Self {
        let part = |n| arn.split(':').nth(n).filter(|part| !part.is_empty());
        let or = |variable: &str, part: Option<&str>| {
            env.get(variable).filter(|value| !value.is_empty()).or_else(|| part.map(str::to_owned)).unwrap_or_default()
        };
        Self {
            partition: part(1).unwrap_or("aws").to_owned(),
            account: or("ACCOUNT_ID", part(4)),
            region: or("AWS_REGION", part(3)),
        }
    }
}

/// The parameters as they were given, by property.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given(BTreeMap<&'static str, String>);

impl Given {
    /// From the properties of the custom resource. Those that are not parameters (`ServiceToken`) are passed over.
    pub fn from_properties(properties: &Value) -> Self {
        Self::read(|parameter| properties.get(parameter.property).and_then(text))
    }

    /// From environment variables.
    pub fn from_env(env: &dyn Env) -> Self {
        Self::read(|parameter| env.get(parameter.setting.name))
    }

    fn read(value: impl Fn(&super::Parameter) -> Option<String>) -> Self {
        let read = |parameter: &super::Parameter| {
            let given = value(parameter).filter(|value| !value.is_empty());
            let value = match (given, parameter.setting.presence) {
                (Some(given), _) => given,
                (None, Presence::Default(default)) => default.to_owned(),
                (None, Presence::Required | Presence::Optional) => return None,
            };
            Some((parameter.property, value))
        };
        Self(PARAMETERS.iter().filter_map(read).collect())
    }

    fn get(&self, property: &str) -> &str {
        self.0.get(property).map_or("", String::as_str)
    }
}

/// CloudFormation makes a text of every scalar, and leaves lists as lists.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(text).collect::<Vec<_>>().join(",")),
        other => Some(other.to_string()),
    }
}

/// The role in the source account that setup assumes.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceAccess {
    /// The role.
    pub role: RoleArn,
    /// What its trust policy wants to hear.
    pub external_id: String,
}

impl std::fmt::Debug for SourceAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceAccess").field("role", &self.role).finish_non_exhaustive()
    }
}

/// One deployment whose parameters hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deployment {
    /// What the documents depend on.
    pub route: RouteSettings,
    /// How often the inventory is delivered.
    pub schedule: Schedule,
    /// The copies' canned ACL, if the jobs set one.
    pub canned_acl: Option<String>,
    /// The copy role's path, with a slash at both ends.
    pub role_path: String,
    /// The copy role's name.
    pub role_name: String,
    /// The copy role's permissions boundary.
    pub boundary: Option<String>,
    /// Tags of the copy role beside setup's own.
    pub role_tags: BTreeMap<String, String>,
    /// How setup reaches the source account; not at all, if none: what is to be done there is handed to its owner.
    pub source_access: Option<SourceAccess>,
}

impl Deployment {
    /// Parses the parameters, and holds them against each other.
    ///
    /// # Errors
    /// All that is wrong, by parameter.
    pub fn new(given: &Given, place: &Place) -> Result<Self, ParameterErrors> {
        let mut errors = Vec::new();
        let route_name = given.get("Route");
        let (role_path, role_name) = (given.get("CopyRolePath"), format!("transship-{route_name}-copy"));
        let path_is_right = is_role_path(role_path);
        if !path_is_right {
            let expected = "expected a path of 1 to 512 characters that begins and ends with a slash";
            errors.push(wrong("CopyRolePath", role_path, expected));
        }
        let schedule = schedule(given, &mut errors);
        let canned_acl = one_of(given, "CannedAcl", &CANNED_ACLS, &mut errors);
        let annotations = one_of(given, "CopyAnnotations", &["true", "false"], &mut errors);
        let restores = one_of(given, "RestoreArchived", &["Never", "Bulk", "Standard"], &mut errors);
        let boundary = boundary(given, place, &mut errors);
        let role_tags = role_tags(given, &mut errors);
        let source_access = source_access(given, place, &mut errors);
        let path = if path_is_right { role_path } else { "/" };
        let parameters = RouteParameters {
            route: route_name.to_owned(),
            copy_role_arn: format!("arn:{}:iam::{}:role{path}{role_name}", place.partition, place.account),
            region: place.region.clone(),
            annotations: annotations.as_deref() == Some("true"),
            restores: restores.is_some_and(|restores| restores != "Never"),
            ..route_parameters(given)
        };
        match parameters.validate() {
            Ok(route) if errors.is_empty() => Ok(Self {
                route,
                schedule,
                canned_acl,
                role_path: role_path.to_owned(),
                role_name,
                boundary,
                role_tags,
                source_access,
            }),
            Ok(_) => Err(ParameterErrors(errors)),
            Err(ParameterErrors(mut all)) => {
                // The role's ARN is ours, not the user's: what is wrong with it is wrong with what it was made of.
                let is_route_wrong = all.iter().any(|error| error.parameter == "Route");
                all.retain(|error| error.parameter != "CopyRoleArn" || !is_route_wrong);
                all.append(&mut errors);
                Err(ParameterErrors(all))
            }
        }
    }

    /// Whether the source account's part is its owner's to do.
    pub fn hands_off(&self) -> bool {
        self.source_access.is_none()
    }
}

fn route_parameters(given: &Given) -> RouteParameters {
    let get = |property| given.get(property).to_owned();
    RouteParameters {
        source_account: get("SourceAccountId"),
        source_bucket: get("SourceBucket"),
        source_prefix: get("SourcePrefix"),
        source_keys: given
            .get("SourceKmsKeyArn")
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(str::to_owned)
            .collect(),
        destination_bucket: get("DestinationBucket"),
        destination_region: get("DestinationRegion"),
        destination_prefix: get("DestinationPrefix"),
        destination_key: get("KmsKeyArn"),
        copy_large_role_arn: get("CopyLargeRoleArn"),
        manifest_bucket: get("ManifestBucket"),
        inventory_id: get("InventoryId"),
        manifest_key: get("InventoryKmsKeyArn"),
        ..RouteParameters::default()
    }
}

fn wrong(parameter: &'static str, given: &str, wrong: impl Into<String>) -> ParameterError {
    ParameterError { parameter, given: excerpt(given), wrong: wrong.into() }
}

fn one_of(given: &Given, property: &'static str, words: &[&str], errors: &mut Vec<ParameterError>) -> Option<String> {
    let value = given.get(property);
    if value.is_empty() {
        return None;
    }
    if !words.contains(&value) {
        errors.push(wrong(property, value, format!("expected one of {}", words.join(", "))));
    }
    Some(value.to_owned())
}

fn schedule(given: &Given, errors: &mut Vec<ParameterError>) -> Schedule {
    match one_of(given, "InventoryFrequency", &["Daily", "Weekly"], errors).as_deref() {
        Some("Weekly") => Schedule::Weekly,
        _ => Schedule::Daily,
    }
}

fn boundary(given: &Given, place: &Place, errors: &mut Vec<ParameterError>) -> Option<String> {
    let arn = given.get("PermissionsBoundaryArn");
    if arn.is_empty() {
        return None;
    }
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is_policy = match parts.as_slice() {
        ["arn", partition, "iam", "", account, resource] => {
            *partition == place.partition
                && (*account == place.account || *account == "aws")
                && resource.strip_prefix("policy/").is_some_and(|name| !name.is_empty())
        }
        _ => false,
    };
    if !is_policy {
        let Place { partition, account, .. } = place;
        let expected = format!("expected a managed policy's ARN, arn:{partition}:iam::{account}:policy/NAME");
        errors.push(wrong("PermissionsBoundaryArn", arn, expected));
    }
    Some(arn.to_owned())
}

/// `key=value,key=value`
fn role_tags(given: &Given, errors: &mut Vec<ParameterError>) -> BTreeMap<String, String> {
    let text = given.get("RoleTags");
    let mut tags = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let tag = pair.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        let Some((key, value)) = tag.filter(|(key, value)| is_tag_key(key) && is_tag_text(value, 256)) else {
            errors.push(wrong(
                "RoleTags",
                pair,
                "expected key=value,key=value of letters, digits, spaces and _.:/=+-@, with keys of 1 to 128 characters \
                 that begin neither with aws: nor with transship:, and values of at most 256",
            ));
            continue;
        };
        // IAM keeps the case of a key, and tells no two keys apart by it.
        if !keys.insert(key.to_lowercase()) {
            errors.push(wrong(
                "RoleTags",
                pair,
                format!("expected each key once, whatever its case: {key} is there twice"),
            ));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    // IAM takes 50; two are setup's own.
    if tags.len() > 48 {
        errors.push(wrong("RoleTags", text, "expected at most 48 tags"));
    }
    tags
}

fn is_tag_key(key: &str) -> bool {
    let reserved = |prefix: &str| key.to_ascii_lowercase().starts_with(prefix);
    !key.is_empty() && is_tag_text(key, 128) && !reserved("aws:") && !reserved("transship:")
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html>
fn is_tag_text(text: &str, most: usize) -> bool {
    text.chars().count() <= most && text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c))
}

fn source_access(given: &Given, place: &Place, errors: &mut Vec<ParameterError>) -> Option<SourceAccess> {
    let (arn, external_id) = (given.get("SourceAccessRoleArn"), given.get("SourceAccessExternalId"));
    if arn.is_empty() {
        return None;
    }
    // The external id is never shown.
    if !is_external_id(external_id) {
        let expected = "expected 2 to 1224 of letters, digits and +=,.@:/-_, since SourceAccessRoleArn is given";
        errors.push(wrong("SourceAccessExternalId", "(not shown)", expected));
    }
    let source_account = given.get("SourceAccountId");
    let role = match arn.parse::<RoleArn>() {
        Ok(role) => role,
        Err(error) => {
            errors.push(wrong("SourceAccessRoleArn", arn, format!("expected {}", error.expected)));
            return None;
        }
    };
    if source_account.parse::<AccountId>().is_ok() && role.account() != source_account {
        errors.push(wrong("SourceAccessRoleArn", arn, format!("expected a role of SourceAccountId {source_account}")));
    }
    if role.partition() != place.partition {
        errors.push(wrong("SourceAccessRoleArn", arn, format!("expected a role in partition {}", place.partition)));
    }
    Some(SourceAccess { role, external_id: external_id.to_owned() })
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn is_external_id(text: &str) -> bool {
    (2..=1224).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@:/-_".contains(&b))
}

fn is_role_path(text: &str) -> bool {
    text.len() <= 512
        && text.starts_with('/')
        && text.ends_with('/')
        && !text.contains("//")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=,.@-".contains(&b))
}

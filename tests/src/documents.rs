//! The documents that decide who may do what, as they really stand on the cloud: read back from IAM and S3 after both
//! templates were deployed and setup was run.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;

use crate::Error;
use crate::clients::Clients;
use crate::route::{self, DESTINATION_BUCKET, MANIFEST_BUCKET, Route, SOURCE_BUCKET};

/// What the source bucket's owner had there before: an old version, and a statement with `NotAction` and no Sid.
const THEIRS: &str = r#"{"Version":"2008-10-17","Id":"theirs","Statement":[
    {"Sid":"Auditors","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"s3:GetBucketLocation","Resource":"arn:aws:s3:::vendor-data"},
    {"Effect":"Deny","Principal":"*","NotAction":["s3:Get*","s3:List*"],"Resource":"arn:aws:s3:::vendor-data/legal/*"}
]}"#;

/// What our own people had on the manifest bucket of a deployment before this one.
const OURS_BY_HAND: &str = r#"{"Version":"2012-10-17","Statement":{"Sid":"ReadersOfReports","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::transship-manifests/reports/*"}}"#;

/// A route with folders on both sides and none of the options.
const FOLDERS: &[(&str, &str)] = &[("SourcePrefix", "exports/daily"), ("DestinationPrefix", "vendor")];

/// A route of whole buckets with all the options that a policy depends on.
const OPTIONS: &[(&str, &str)] = &[
    ("SourceKmsKeyArn", "arn:aws:kms:us-east-1:111111111111:key/source"),
    ("KmsKeyArn", "arn:aws:kms:us-east-1:222222222222:key/copies"),
    ("InventoryKmsKeyArn", "arn:aws:kms:us-east-1:222222222222:key/reports"),
    ("CopyRolePath", "/copies/"),
    ("CopyAnnotations", "true"),
    ("CannedAcl", "bucket-owner-full-control"),
    ("RestoreArchived", "Bulk"),
    ("PermissionsBoundaryArn", "arn:aws:iam::222222222222:policy/boundary"),
];

/// Everything that one route has.
#[derive(Debug, Serialize)]
pub struct Documents {
    /// By ARN.
    pub roles: BTreeMap<String, Role>,
    /// By name.
    pub buckets: BTreeMap<String, Bucket>,
}

/// A role's documents.
#[derive(Debug, Serialize)]
pub struct Role {
    /// Who may assume it.
    pub trust: Value,
    /// Its inline policies.
    pub policies: Vec<Value>,
}

/// A bucket's document.
#[derive(Debug, Serialize)]
pub struct Bucket {
    /// The account it belongs to.
    pub owner: String,
    /// None if it has none.
    pub policy: Option<Value>,
}

/// The documents of both routes, each on a cloud of its own, by the name that the table of cases has for them.
pub async fn of_both_routes() -> Result<BTreeMap<&'static str, Documents>, Error> {
    Ok([("folders", of_a_route(FOLDERS).await?), ("options", of_a_route(OPTIONS).await?)].into())
}

/// Sets a route up among the policies of others, and reads all documents back.
async fn of_a_route(parameters: &[(&str, &str)]) -> Result<Documents, Error> {
    let (cloud, server, source, destination) = route::start().await?;
    source.s3.create_bucket().bucket(SOURCE_BUCKET).send().await?;
    source.s3.put_bucket_policy().bucket(SOURCE_BUCKET).policy(THEIRS).send().await?;
    for bucket in [DESTINATION_BUCKET, MANIFEST_BUCKET] {
        destination.s3.create_bucket().bucket(bucket).send().await?;
    }
    destination.s3.put_bucket_policy().bucket(MANIFEST_BUCKET).policy(OURS_BY_HAND).send().await?;
    let route = Route::on(cloud, server, source, destination, parameters).await?;
    Documents::read(&route).await
}

impl Documents {
    async fn read(route: &Route) -> Result<Self, Error> {
        let mut documents = Self { roles: BTreeMap::new(), buckets: BTreeMap::new() };
        let (source, destination) = (&route.source, &route.destination);
        for (account, name) in [
            (destination, route.copy_role()),
            (destination, "transship-demo-setup"),
            (destination, "transship-demo-create-job"),
            (destination, "transship-demo-settle-job"),
            (destination, "transship-demo-copy-large"),
            (source, "transship-demo-source-access"),
        ] {
            let (arn, role) = read_role(account, name).await?;
            documents.roles.insert(arn, role);
        }
        for (account, owner, name) in [
            (source, "111111111111", SOURCE_BUCKET),
            (destination, "222222222222", DESTINATION_BUCKET),
            (destination, "222222222222", MANIFEST_BUCKET),
        ] {
            let policy = Route::policy(account, name).await?;
            let policy = policy.map(|text| serde_json::from_str(&text)).transpose()?;
            documents.buckets.insert(name.to_owned(), Bucket { owner: owner.to_owned(), policy });
        }
        Ok(documents)
    }
}

async fn read_role(account: &Clients, name: &str) -> Result<(String, Role), Error> {
    let got = account.iam.get_role().role_name(name).send().await?;
    let role = got.role.ok_or("GetRole tells nothing")?;
    let trust = decoded(role.assume_role_policy_document().ok_or("the role trusts nobody")?)?;
    let mut policies = Vec::new();
    for policy in account.iam.list_role_policies().role_name(name).send().await?.policy_names() {
        let got = account.iam.get_role_policy().role_name(name).policy_name(policy).send().await?;
        policies.push(decoded(got.policy_document())?);
    }
    Ok((role.arn, Role { trust, policies }))
}

/// IAM answers with documents that are URL-encoded.
fn decoded(document: &str) -> Result<Value, Error> {
    Ok(serde_json::from_str(&percent_decode_str(document).decode_utf8()?)?)
}

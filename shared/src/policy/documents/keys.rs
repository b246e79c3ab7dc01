use super::copy_role::KEY_USE;
use super::manifest_bucket::{S3, from_source};
use crate::names::KmsKeyArn;
use crate::policy::{Principal, Purpose, RouteSettings, Statement};

/// What the policy of one KMS key must allow, for its owner to add.
#[derive(Clone, Debug)]
pub struct KeyGrant {
    /// The key.
    pub key: KmsKeyArn,
    /// The statements; `Resource` `*` is the key itself in a key policy.
    pub statements: Vec<Statement>,
}

/// What the policies of the named keys must allow.
///
/// A key of another account than the destination's must name the copy role, and `copy-large`'s, in its policy. One of the destination account
/// needs it only where its policy does not hand permissions over to IAM (the default statement for the account's root).
/// The manifest key's policy must always let S3 encrypt the reports that it delivers, and `create-job` reads them.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-inventory.html#configure-inventory-kms-key-policy>
pub fn key_grants(route: &RouteSettings) -> Vec<KeyGrant> {
    let mut grants = Vec::new();
    let in_parts = |purpose, actions| {
        let large = route.copy_large_role.clone().map(Principal::Role)?;
        Some(Statement::allow(&route.sid_prefix(), purpose, actions).by(large).on(everything()))
    };
    for key in &route.source_keys {
        let mut statements = vec![to_role(route, Purpose::DecryptSource, &["kms:Decrypt"])];
        statements.extend(in_parts(Purpose::DecryptSourceInParts, &["kms:Decrypt"]));
        add(&mut grants, key, statements);
    }
    if let Some(key) = &route.destination_key {
        let mut statements = vec![to_role(route, Purpose::EncryptDestination, &KEY_USE)];
        statements.extend(in_parts(Purpose::EncryptDestinationInParts, &KEY_USE));
        add(&mut grants, key, statements);
    }
    if let Some(key) = &route.manifest_key {
        let deliver = Statement::allow(&route.sid_prefix(), Purpose::EncryptInventory, &["kms:GenerateDataKey"]);
        let deliver = from_source(route, deliver.by(S3).on(everything()));
        let mut statements = vec![deliver, to_role(route, Purpose::UseManifestKey, &KEY_USE)];
        if let Some(role) = route.function_role("create-job") {
            let decrypt = Statement::allow(&route.sid_prefix(), Purpose::DecryptReports, &["kms:Decrypt"]);
            statements.push(decrypt.by(Principal::Role(role)).on(everything()));
        }
        add(&mut grants, key, statements);
    }
    grants
}

/// One key may stand for several parameters: its policy then needs the statements of each.
fn add(grants: &mut Vec<KeyGrant>, key: &KmsKeyArn, statements: Vec<Statement>) {
    match grants.iter_mut().find(|grant| grant.key == *key) {
        Some(grant) => {
            for statement in statements {
                if !grant.statements.contains(&statement) {
                    grant.statements.push(statement);
                }
            }
        }
        None => grants.push(KeyGrant { key: key.clone(), statements }),
    }
}

fn to_role(route: &RouteSettings, purpose: Purpose, actions: &[&str]) -> Statement {
    let role = Principal::Role(route.role.clone());
    Statement::allow(&route.sid_prefix(), purpose, actions).by(role).on(everything())
}

fn everything() -> [String; 1] {
    ["*".to_owned()]
}

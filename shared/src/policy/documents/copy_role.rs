use super::{read_actions, restore_source};
use crate::names::KmsKeyArn;
use crate::policy::settings::PLANS;
use crate::policy::{PolicyDocument, Principal, Purpose, RouteSettings, Statement};

/// The actions by which a PUT copy writes an object with tags and, where the job sets one, an ACL.
const WRITE_OBJECTS: [&str; 5] =
    ["s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"];

const WRITE_ANNOTATIONS: &str = "s3:PutObjectAnnotation";

/// Who may assume the copy role: S3 Batch Operations.
///
/// AWS documents no `aws:SourceAccount` or `aws:SourceArn` for this trust, and whether Batch Operations fills them is
/// not known, so there is no condition: one that is never met would stop every job.
pub fn copy_role_trust(route: &RouteSettings) -> PolicyDocument {
    let service = Principal::Service("batchoperations.s3.amazonaws.com");
    let assume = Statement::allow(&route.sid_prefix(), Purpose::AssumeCopyRole, &["sts:AssumeRole"]).by(service);
    PolicyDocument::new(vec![assume])
}

/// What the copy role may do: what the tasks of this route's jobs call, and nothing else.
///
/// - the source, read: objects with tags and ACLs under the source prefix, and [`list_source`]; where archived objects are
///   restored, `RestoreObject` on them;
/// - the destination, written: objects with tags and ACLs where copies land. `PutObjectAcl` is what AWS documents for
///   every PUT copy; the role cannot delete;
/// - the manifest bucket: delivered reports and plans are read (manifest.json *and* data files; by version, since the
///   bucket is versioned), completion reports written. The ledger is out of its reach;
/// - `copy-large`, invoked for objects over 5 GB, where there is one;
/// - the KMS keys that are named, see [`key_statements`].
pub fn copy_role_policy(route: &RouteSettings) -> PolicyDocument {
    let owner = &route.sid_prefix();
    let annotations = route.annotations.then_some(WRITE_ANNOTATIONS);
    let write: Vec<_> = WRITE_OBJECTS.into_iter().chain(annotations).collect();
    let mut statements = vec![
        Statement::allow(owner, Purpose::ReadSource, &read_actions(route)).on([route.source_objects()]),
        list_source(route, Purpose::ListSource),
        Statement::allow(owner, Purpose::WriteDestination, &write).on([route.destination_objects()]),
        Statement::allow(owner, Purpose::ReadManifests, &["s3:GetObject", "s3:GetObjectVersion"])
            .on([route.inventory_objects(), route.in_manifest_bucket(PLANS)]),
        Statement::allow(owner, Purpose::WriteReports, &["s3:PutObject"])
            .on([route.in_manifest_bucket(route.report_prefix.as_str())]),
    ];
    statements.extend(restore_source(route));
    if route.copy_large_role.is_some() {
        let invoke = Statement::allow(owner, Purpose::InvokeCopyLarge, &["lambda:InvokeFunction"]);
        statements.push(invoke.on([route.copy_large_function()]));
    }
    statements.extend(key_statements(route));
    PolicyDocument::new(statements)
}

/// Listing lets S3 answer "not found" for an object that is gone since the report, and not "access denied".
///
/// Under a source prefix it is conditioned on `s3:prefix`, so that the role cannot list what it does not copy. AWS does
/// not say whether the answer of a read meets that condition: where it does not, a missing object reads "access denied".
pub(super) fn list_source(route: &RouteSettings, purpose: Purpose) -> Statement {
    let bucket = route.bucket_arn(&route.source_bucket);
    let list = Statement::allow(&route.sid_prefix(), purpose, &["s3:ListBucket"]).on([bucket]);
    match route.source_folder() {
        folder if folder.is_empty() => list,
        folder => list.when("StringLike", "s3:prefix", format!("{folder}*")),
    }
}

/// KMS, for the keys that are named and no other: `Decrypt` to read the source's objects; `GenerateDataKey` to write
/// encrypted copies, and `Decrypt` with it, which S3 asks for when it puts a multipart object together or checks one;
/// both for encrypted manifests, as AWS documents it.
fn key_statements(route: &RouteSettings) -> Vec<Statement> {
    let uses: [(_, &[&str], &[KmsKeyArn]); 3] = [
        (Purpose::DecryptSource, &["kms:Decrypt"], &route.source_keys),
        (Purpose::EncryptDestination, &KEY_USE, route.destination_key.as_slice()),
        (Purpose::UseManifestKey, &KEY_USE, route.manifest_key.as_slice()),
    ];
    let named = uses.into_iter().filter(|(_, _, keys)| !keys.is_empty());
    named
        .map(|(purpose, actions, keys)| {
            Statement::allow(&route.sid_prefix(), purpose, actions).on(keys.iter().map(ToString::to_string))
        })
        .collect()
}

pub(super) const KEY_USE: [&str; 2] = ["kms:Decrypt", "kms:GenerateDataKey"];

//! The documents of one route: pure functions of the [`RouteSettings`](super::RouteSettings).
//!
//! Each permission is on exactly the bucket and prefix that needs it; the doc comments say what needs it. A permission
//! that crosses accounts stands twice, in the role's policy and in the bucket's or key's, since both sides must allow it.

mod copy_role;
mod hand_off;
mod inventory;
mod keys;
mod manifest_bucket;
mod source_bucket;

pub use copy_role::{copy_role_policy, copy_role_trust};
pub use hand_off::{HandOff, SourcePolicy, hand_off};
pub use inventory::{
    FIELDS, InventoryConfiguration, InventoryDestination, InventoryEncryption, InventoryFilter, Schedule,
    inventory_configuration,
};
pub use keys::{KeyGrant, key_grants};
pub use manifest_bucket::manifest_bucket_statements;
pub use source_bucket::source_bucket_statements;

/// The actions by which a PUT copy reads an object whole, with tags and ACL, by key and by version.
/// Without the tagging actions every task fails, also where no object has a tag.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-copy-object.html>
const READ_OBJECTS: [&str; 6] = [
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectAcl",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectTagging",
    "s3:GetObjectVersionTagging",
];

/// What `copy-large` reads of an object. Neither ACLs nor annotations: `UploadPartCopy` needs neither, and carries none.
const READ_IN_PARTS: [&str; 4] =
    ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"];

/// A job reads annotations too, unless told not to (`AnnotationDirective`, COPY by default since June 2026).
const READ_ANNOTATIONS: &str = "s3:GetObjectAnnotation";

/// What a restore job's tasks call, where there are such jobs; by key, since a plan names no versions.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-initiate-restore-object.html>
fn restore_source(route: &super::RouteSettings) -> Option<super::Statement> {
    let restore = super::Statement::allow(&route.sid_prefix(), super::Purpose::RestoreSource, &["s3:RestoreObject"]);
    route.restores.then(|| restore.on([route.source_objects()]))
}

fn read_actions(route: &super::RouteSettings) -> Vec<&'static str> {
    let annotations = route.annotations.then_some(READ_ANNOTATIONS);
    READ_OBJECTS.into_iter().chain(annotations).collect()
}

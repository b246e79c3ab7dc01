use crate::policy::{Principal, Purpose, RouteSettings, Statement};

/// S3 delivers inventories, and checks nothing but this policy when it does.
pub(super) const S3: Principal = Principal::Service("s3.amazonaws.com");

/// What the manifest bucket's policy must hold: S3 may deliver this route's inventory, and nobody comes without TLS.
///
/// The delivery is confined to the reports of the one configuration, and to the source bucket in the source account: S3
/// acts for whoever configures an inventory, so without the conditions any account could write here. S3 does not check
/// this policy when the inventory is configured: a wrong one is silent.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-inventory.html>
pub fn manifest_bucket_statements(route: &RouteSettings) -> Vec<Statement> {
    let owner = &route.sid_prefix();
    let bucket = route.bucket_arn(&route.manifest_bucket);
    let deliver = Statement::allow(owner, Purpose::DeliverInventory, &["s3:PutObject"])
        .by(S3)
        .on([route.inventory_objects()])
        .when("StringEquals", "s3:x-amz-acl", "bucket-owner-full-control");
    let objects = format!("{bucket}/*");
    let tls = Statement::deny(owner, Purpose::DenyInsecureTransport, &["s3:*"])
        .by(Principal::Everyone)
        .on([bucket, objects])
        .when("Bool", "aws:SecureTransport", "false");
    vec![from_source(route, deliver), tls]
}

/// Confines what S3 does for others to the source bucket and account.
pub(super) fn from_source(route: &RouteSettings, statement: Statement) -> Statement {
    statement.when("ArnLike", "aws:SourceArn", route.bucket_arn(&route.source_bucket)).when(
        "StringEquals",
        "aws:SourceAccount",
        route.source_account.as_str(),
    )
}

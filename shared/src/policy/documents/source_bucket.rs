use super::copy_role::list_source;
use super::{READ_IN_PARTS, read_actions, restore_source};
use crate::policy::{Principal, Purpose, RouteSettings, Statement};

/// What the source bucket's policy must hold: the copy role, and the role of `copy-large` where there is one, may read the
/// objects under the source prefix and list them. It never grants a write. Where archived objects are restored, the copy role
/// may ask for that; whether they have been, by whomever, `create-job` may ask.
///
/// S3 refuses the policy while a role does not exist: the roles are made first.
pub fn source_bucket_statements(route: &RouteSettings) -> Vec<Statement> {
    let role = Principal::Role(route.role.clone());
    let mut statements = vec![
        Statement::allow(&route.sid_prefix(), Purpose::ReadSource, &read_actions(route))
            .by(role.clone())
            .on([route.source_objects()]),
        list_source(route, Purpose::ListSource).by(role.clone()),
    ];
    statements.extend(restore_source(route).map(|restore| restore.by(role)));
    statements.extend(ask_source(route));
    if let Some(large) = route.copy_large_role.clone().map(Principal::Role) {
        let read = Statement::allow(&route.sid_prefix(), Purpose::ReadSourceInParts, &READ_IN_PARTS);
        statements.push(read.by(large.clone()).on([route.source_objects()]));
        statements.push(list_source(route, Purpose::ListSourceInParts).by(large));
    }
    statements
}

/// HeadObject tells whether an archived object was restored, and is allowed by `s3:GetObject`; template.yaml gives the function's role
/// the same. The role is in the same stack as setup, which calls it only when that is made.
fn ask_source(route: &RouteSettings) -> Option<Statement> {
    let role = route.function_role("create-job")?;
    let ask = Statement::allow(&route.sid_prefix(), Purpose::AskSource, &["s3:GetObject"]).by(Principal::Role(role));
    Some(ask.on([route.source_objects()]))
}

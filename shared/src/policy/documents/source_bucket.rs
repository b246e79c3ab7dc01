use super::copy_role::list_source;
use super::read_actions;
use crate::policy::{Principal, Purpose, RouteSettings, Statement};

/// What the source bucket's policy must hold: the copy role may read the objects under the source prefix and list them.
/// It never grants a write.
///
/// S3 refuses the policy while the role does not exist: the role is made first.
pub fn source_bucket_statements(route: &RouteSettings) -> Vec<Statement> {
    let role = Principal::Role(route.role.clone());
    vec![
        Statement::allow(&route.sid_prefix(), Purpose::ReadSource, &read_actions(route))
            .by(role.clone())
            .on([route.source_objects()]),
        list_source(route).by(role),
    ]
}

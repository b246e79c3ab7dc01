//! The KMS keys' policies: setup may not read those of other accounts, and never changes any.

use transship::policy::documents::key_grants;
use transship::setup::Deployment;

use super::Finding;

const KEY: &str = "KMS key policy";

/// One finding for each key that is named.
pub(super) fn look(deployment: &Deployment) -> Vec<Finding> {
    let grants = key_grants(&deployment.route);
    if grants.is_empty() {
        return vec![Finding::ok(KEY, "no key is named, so none is needed")];
    }
    let unknown = |grant: &transship::policy::documents::KeyGrant| {
        let statements = serde_json::to_string(&grant.statements).unwrap_or_default();
        Finding::unknown(
            KEY,
            format!("the policy of {} is not read", grant.key),
            format!(
                "see that it allows this (it may by way of IAM, where the key is in the role's account): {statements}"
            ),
        )
    };
    grants.iter().map(unknown).collect()
}

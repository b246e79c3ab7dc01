use serde_json::Value;
use transship::policy::documents::source_bucket_statements;
use transship::policy::{RouteParameters, RouteSettings, Statement};

/// The route that the fixtures describe.
pub(crate) fn parameters() -> RouteParameters {
    RouteParameters {
        route: "photos-daily".to_owned(),
        copy_role_arn: "arn:aws:iam::222222222222:role/transship-photos-daily-copy".to_owned(),
        region: "eu-west-1".to_owned(),
        source_account: "111111111111".to_owned(),
        source_bucket: "photos-source".to_owned(),
        source_prefix: "albums/2026".to_owned(),
        destination_bucket: "photos-copy".to_owned(),
        destination_prefix: "from-source".to_owned(),
        manifest_bucket: "photos-manifests".to_owned(),
        inventory_id: "transship".to_owned(),
        ..RouteParameters::default()
    }
}

pub(crate) fn route() -> RouteSettings {
    parameters().validate().unwrap()
}

pub(crate) fn route_named(name: &str) -> RouteSettings {
    RouteParameters { route: name.to_owned(), ..parameters() }.validate().unwrap()
}

pub(crate) fn ours(route: &RouteSettings) -> Vec<Statement> {
    source_bucket_statements(route)
}

/// The statements of a policy as a list, whatever shape it has.
pub(crate) fn statements(policy: &str) -> Vec<Value> {
    let policy: Value = serde_json::from_str(policy).unwrap();
    match &policy["Statement"] {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    }
}

/// A test's own, independent reading of "somebody else's": the Sid is not one that the route's documents carry.
pub(crate) fn others(policy: &str, ours: &[Statement]) -> Vec<Value> {
    let is_ours = |statement: &Value| ours.iter().any(|mine| statement["Sid"] == mine.sid());
    statements(policy).into_iter().filter(|statement| !is_ours(statement)).collect()
}

pub(crate) fn fixture(path: &str) -> String {
    let path = format!("{}/tests/policy/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

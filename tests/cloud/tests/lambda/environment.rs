//! What a function's process is given, and what settings are refused.

use cloud::identity::Principal;
use cloud::lambda::{ConfigureError, FunctionSettings};
use serde_json::json;

use super::{ROLE, create_role, invoke, served, settings, success};

/// Everything a process finds in its environment when its settings name nothing. `_X_AMZN_TRACE_ID` is not ours:
/// `lambda_runtime` sets it in its own process for each event.
const NAMES: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3_CONTROL",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "HTTP_PROXY",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "NO_PROXY",
    "PATH",
    "SSL_CERT_FILE",
    "TZ",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];

#[tokio::test]
async fn nothing_of_the_clouds_own_environment_leaks() {
    let (cloud, server) = served().await;
    let environment = success(invoke(&cloud, json!({ "do": "env" })).await);
    let names: Vec<&str> = environment.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, NAMES);
    assert_eq!(environment["AWS_ENDPOINT_URL"], server.endpoint());
    let port = server.address().port();
    assert_eq!(environment["AWS_ENDPOINT_URL_S3_CONTROL"], format!("http://s3control.test:{port}"));
}

#[tokio::test]
async fn the_credentials_are_a_session_of_the_role() {
    let (cloud, _server) = served().await;
    let environment = success(invoke(&cloud, json!({ "do": "env" })).await);
    let (keys, principal) = cloud.iam().login(environment["AWS_ACCESS_KEY_ID"].as_str().unwrap()).unwrap();
    assert_eq!(keys.session_token.as_deref(), environment["AWS_SESSION_TOKEN"].as_str());
    assert!(matches!(&principal, Principal::Role { role_arn, .. } if role_arn == ROLE), "{principal:?}");
}

#[tokio::test]
async fn the_functions_own_variables_arrive() {
    let (cloud, _server) = served().await;
    cloud.functions().configure(&cloud, "echo", settings(&[("ROUTE", "a → b"), ("EMPTY", "")])).unwrap();
    let environment = success(invoke(&cloud, json!({ "do": "env" })).await);
    assert_eq!(environment["ROUTE"], "a → b");
    assert_eq!(environment["EMPTY"], "");
}

#[tokio::test]
async fn settings_that_lambda_would_refuse_are_refused() {
    let (cloud, _server) = served().await;
    create_role(&cloud, "for-another", "batchoperations.s3.amazonaws.com").await;
    let configure = |name: &str, settings| cloud.functions().configure(&cloud, name, settings).unwrap_err();
    let with_role = |role: &str| FunctionSettings { role: role.to_owned(), ..settings(&[]) };

    assert!(matches!(configure("nope", settings(&[])), ConfigureError::NoSuchFunction { .. }));
    for role in [
        "arn:aws:iam::222222222222:role/for-another",
        "arn:aws:iam::222222222222:role/not-there",
        "arn:aws:iam::111111111111:role/echo-role",
        "echo-role",
    ] {
        assert!(matches!(configure("echo", with_role(role)), ConfigureError::Role(_)), "{role}");
    }
    for name in ["AWS_REGION", "_HANDLER", "1X", "A-B", "X"] {
        assert!(matches!(configure("echo", settings(&[(name, "x")])), ConfigureError::Environment(_)), "{name}");
    }
    let long = "x".repeat(4096);
    assert!(matches!(configure("echo", settings(&[("LONG", &long)])), ConfigureError::Environment(_)));
}

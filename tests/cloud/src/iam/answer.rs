//! Answers of the query protocol (IAM, STS) and errors of S3 Control, as XML.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>

use bytes::Bytes;
use http::{Response, StatusCode};
use quick_xml::se::Serializer;
use serde::Serialize;
use uuid::Uuid;

use crate::front;

/// The namespace of a service's answers.
fn namespace(service: &str) -> &'static str {
    match service {
        "sts" => "https://sts.amazonaws.com/doc/2011-06-15/",
        _ => "https://iam.amazonaws.com/doc/2010-05-08/",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct QueryError<'a> {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    error: ErrorBody<'a>,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody<'a> {
    r#type: &'static str,
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct S3ControlError<'a> {
    error: S3ControlErrorBody<'a>,
    request_id: String,
    host_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct S3ControlErrorBody<'a> {
    code: &'a str,
    message: &'a str,
}

/// An error of IAM or STS.
pub(super) fn error(service: &str, status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
    let error = ErrorBody { r#type: "Sender", code, message };
    xml(
        status,
        "ErrorResponse",
        &QueryError { namespace: namespace(service), error, request_id: Uuid::new_v4().to_string() },
    )
}

/// An error of S3 Control.
pub(super) fn s3_control_error(status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
    let error = S3ControlErrorBody { code, message };
    let (request_id, host_id) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    xml(status, "ErrorResponse", &S3ControlError { error, request_id, host_id })
}

/// Any answer, in an element of this name.
fn xml(status: StatusCode, root: &str, value: &impl Serialize) -> Response<Bytes> {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let written = Serializer::with_root(&mut text, Some(root)).and_then(|serializer| value.serialize(serializer));
    match written {
        Ok(_) => front::answer(status, "text/xml", text),
        Err(error) => front::answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
    }
}

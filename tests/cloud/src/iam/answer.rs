//! Answers of the query protocol (IAM, STS) and errors of S3 Control, as XML.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::se::Serializer;
use serde::Serialize;
use serde::ser::SerializeMap;
use uuid::Uuid;

use super::keys::Keys;
use super::role::Role;
use crate::front;

/// What RFC 3986 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The content of `<ActionResult>`.
#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "PascalCase")]
pub(super) enum Answer {
    /// The operation has no result element.
    Nothing,
    /// It has one with nothing in it.
    Empty {},
    Role {
        role: RoleXml,
    },
    Roles {
        roles: Members<RoleXml>,
        is_truncated: bool,
    },
    RolePolicy {
        role_name: String,
        policy_name: String,
        policy_document: String,
    },
    PolicyNames {
        policy_names: Members<String>,
        is_truncated: bool,
    },
    AttachedPolicies {
        attached_policies: Members<String>,
        is_truncated: bool,
    },
    InstanceProfiles {
        instance_profiles: Members<String>,
        is_truncated: bool,
    },
    Tags {
        tags: Members<Tag>,
        is_truncated: bool,
    },
    AssumedRole {
        credentials: Credentials,
        assumed_role_user: AssumedRoleUser,
    },
    CallerIdentity {
        arn: String,
        user_id: String,
        account: String,
    },
}

/// A list.
#[derive(Debug, Serialize)]
pub(super) struct Members<T> {
    pub(super) member: Vec<T>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleXml {
    path: String,
    role_name: String,
    role_id: String,
    arn: String,
    create_date: String,
    assume_role_policy_document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    max_session_duration: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions_boundary: Option<Boundary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Members<Tag>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Boundary {
    permissions_boundary_type: &'static str,
    permissions_boundary_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    key: String,
    value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumedRoleUser {
    pub(super) assumed_role_id: String,
    pub(super) arn: String,
}

pub(super) fn role(role: &Role) -> RoleXml {
    RoleXml {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        arn: role.arn(),
        create_date: time(role.created),
        assume_role_policy_document: encoded(&role.trust.text),
        description: role.description.clone(),
        max_session_duration: role.max_session_seconds,
        permissions_boundary: role.boundary.clone().map(|arn| Boundary {
            permissions_boundary_type: "PermissionsBoundaryPolicy",
            permissions_boundary_arn: arn,
        }),
        tags: (!role.tags.is_empty()).then(|| tags(&role.tags)),
    }
}

pub(super) fn tags(tags: &BTreeMap<String, String>) -> Members<Tag> {
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    Members { member: tags.iter().map(tag).collect() }
}

pub(super) fn credentials(keys: &Keys, expires: Timestamp) -> Credentials {
    Credentials {
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: keys.secret_access_key.clone(),
        session_token: keys.session_token.clone().unwrap_or_default(),
        expiration: time(expires),
    }
}

/// A policy document as IAM returns it.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

/// ISO 8601, whole seconds.
fn time(time: Timestamp) -> String {
    let seconds = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc);
    time.round(seconds).unwrap_or(time).to_string()
}

/// `<ActionResponse><ActionResult>…</ActionResult><ResponseMetadata>…</ResponseMetadata></ActionResponse>`
struct Envelope<'a> {
    namespace: &'static str,
    action: &'a str,
    answer: Answer,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    request_id: String,
}

impl Serialize for Envelope<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("@xmlns", self.namespace)?;
        if !matches!(self.answer, Answer::Nothing) {
            map.serialize_entry(&format!("{}Result", self.action), &self.answer)?;
        }
        map.serialize_entry("ResponseMetadata", &Metadata { request_id: Uuid::new_v4().to_string() })?;
        map.end()
    }
}

/// A success of IAM or STS.
pub(super) fn success(service: &str, action: &str, answer: Answer) -> Response<Bytes> {
    let envelope = Envelope { namespace: namespace(service), action, answer };
    xml(StatusCode::OK, &format!("{action}Response"), &envelope)
}

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

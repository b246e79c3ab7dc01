//! Signatures made by the SDK's own signer, and what must not pass for one. What botocore signs is in
//! `tests/clients/test_iam.py`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use cloud::Cloud;
use cloud::iam::Keys;
use cloud::iam::signature::{Flaw, scope_service, verify};
use cloud::identity::{AccountId, Principal};
use http::{Request, Uri};

/// A request to `url`, signed as the SDK signs for this service, an hour ago.
fn signed(keys: &Keys, service: &str, url: &str, body: &str) -> Request<Bytes> {
    let uri: Uri = url.parse().unwrap();
    let host = uri.authority().unwrap().to_string();
    let mut request = Request::post(url).header("host", &host).header("x-amz-meta", " two  spaces ");
    request = request.header("user-agent", "changes on the way");
    let mut request = request.body(Bytes::from(body.to_owned())).unwrap();
    let token = keys.session_token.clone();
    let credentials = Credentials::new(&keys.access_key_id, &keys.secret_access_key, token, None, "test");
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name(service)
        .time(SystemTime::now() - Duration::from_hours(1))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes())).unwrap();
    sign(signable, &params).unwrap().into_parts().0.apply_to_request_http1x(&mut request);
    request
}

fn flaw(cloud: &Cloud, request: &Request<Bytes>) -> Flaw {
    verify(cloud, request).expect_err("refused").flaw()
}

#[test]
fn the_sdks_signatures_are_accepted() {
    let cloud = Cloud::new();
    let keys = cloud.iam().account_keys(&AccountId::source());
    for (service, url) in [
        ("iam", "http://127.0.0.1:4000/"),
        ("sts", "http://127.0.0.1:4000/?b=2&a=1&a=0&empty"),
        ("lambda", "http://127.0.0.1:4000/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax/invocations"),
        ("s3", "http://222222222222.s3control.test:4000/v20180820/jobs/a%20b/../c?x=%20+y"),
    ] {
        let request = signed(&keys, service, url, "Action=ListRoles");
        assert_eq!(scope_service(request.headers()).as_deref(), Some(service));
        let signer = verify(&cloud, &request).unwrap();
        assert_eq!((signer.service.as_str(), signer.region.as_str()), (service, "eu-west-1"));
        assert_eq!(signer.principal, Principal::Root(AccountId::source()));
    }
}

/// Through a proxy the request line has the whole URI; to the server itself it has the path alone.
#[test]
fn absolute_and_origin_form_are_the_same() {
    let cloud = Cloud::new();
    let keys = cloud.iam().account_keys(&AccountId::source());
    let mut request = signed(&keys, "s3", "http://222222222222.s3control.test:4000/v20180820/jobs?a=b", "");
    verify(&cloud, &request).unwrap();
    *request.uri_mut() = Uri::from_static("/v20180820/jobs?a=b");
    verify(&cloud, &request).unwrap();
}

#[test]
fn whatever_is_changed_is_noticed() {
    let cloud = Cloud::new();
    let keys = cloud.iam().account_keys(&AccountId::source());
    let fresh = |service| signed(&keys, service, "http://127.0.0.1:4000/path?a=1", "body");
    for service in ["iam", "s3"] {
        let mut request = fresh(service);
        *request.uri_mut() = Uri::from_static("/other?a=1");
        assert_eq!(flaw(&cloud, &request), Flaw::Mismatch);
        let mut request = fresh(service);
        *request.uri_mut() = Uri::from_static("/path?a=2");
        assert_eq!(flaw(&cloud, &request), Flaw::Mismatch);
        let mut request = fresh(service);
        *request.method_mut() = http::Method::DELETE;
        assert_eq!(flaw(&cloud, &request), Flaw::Mismatch);
        for header in ["host", "x-amz-meta", "x-amz-date"] {
            let mut request = fresh(service);
            request.headers_mut().insert(header, "20260101T000000Z".parse().unwrap());
            assert_eq!(flaw(&cloud, &request), Flaw::Mismatch, "{header}");
        }
        let mut request = fresh(service);
        request.headers_mut().insert("user-agent", "another".parse().unwrap());
        verify(&cloud, &request).unwrap();
    }
    let mut request = fresh("iam");
    *request.body_mut() = Bytes::from("other");
    assert_eq!(flaw(&cloud, &request), Flaw::Mismatch);
    let mut request = fresh("s3");
    *request.body_mut() = Bytes::from("other");
    assert_eq!(flaw(&cloud, &request), Flaw::BodyMismatch);
}

#[test]
fn wrong_keys_are_refused() {
    let cloud = Cloud::new();
    let url = "http://127.0.0.1:4000/";
    let mut keys = cloud.iam().account_keys(&AccountId::source());
    keys.secret_access_key.push('x');
    assert_eq!(flaw(&cloud, &signed(&keys, "iam", url, "")), Flaw::Mismatch);
    keys.access_key_id = "AKIAIOSFODNN7EXAMPLE".to_owned();
    assert_eq!(flaw(&cloud, &signed(&keys, "iam", url, "")), Flaw::UnknownKey);
    // Another cloud's keys are not this one's.
    let keys = Cloud::new().iam().account_keys(&AccountId::source());
    assert_eq!(flaw(&cloud, &signed(&keys, "iam", url, "")), Flaw::UnknownKey);
    let mut unsigned = Request::new(Bytes::new());
    assert_eq!(flaw(&cloud, &unsigned), Flaw::Missing);
    for text in [
        "AWS4-HMAC-SHA256 Credential=a",
        "Basic x",
        "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0",
    ] {
        unsigned.headers_mut().insert("authorization", text.parse().unwrap());
        assert_eq!(flaw(&cloud, &unsigned), Flaw::Incomplete("Authorization"));
    }
}

#[tokio::test]
async fn a_session_needs_its_token_and_ends() {
    let cloud = Cloud::new();
    let trust = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let account = Principal::Root(AccountId::destination());
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("Action", "CreateRole"), ("RoleName", "run"), ("AssumeRolePolicyDocument", trust)])
        .finish();
    let made = cloud::iam::handle(&cloud, &account, "iam", Request::new(Bytes::from(form))).await;
    assert_eq!(made.status(), 200, "{made:?}");
    let role = "arn:aws:iam::222222222222:role/run";
    let refused = cloud.iam().assume_for_service("batchoperations.s3.amazonaws.com", role, "x").unwrap_err();
    assert!(
        refused.to_string().contains("batchoperations.s3.amazonaws.com is not authorized to perform: sts:AssumeRole")
    );
    let (keys, principal) = cloud.iam().assume_for_service("lambda.amazonaws.com", role, "create-job").unwrap();
    assert_eq!(principal.arn(), "arn:aws:sts::222222222222:assumed-role/run/create-job");

    let url = "http://127.0.0.1:4000/";
    assert_eq!(verify(&cloud, &signed(&keys, "sts", url, "")).unwrap().principal, principal);
    let mut without = signed(&keys, "sts", url, "");
    without.headers_mut().remove("x-amz-security-token");
    assert_eq!(flaw(&cloud, &without), Flaw::UnknownKey);
    let another = Keys { session_token: Some("another".to_owned()), ..keys.clone() };
    assert_eq!(flaw(&cloud, &signed(&another, "sts", url, "")), Flaw::UnknownKey);

    assert!(cloud.iam().login(&keys.access_key_id).is_some());
    cloud.clock().turn(13 * 3600);
    assert_eq!(flaw(&cloud, &signed(&keys, "sts", url, "")), Flaw::Expired);
    assert!(cloud.iam().login(&keys.access_key_id).is_none());
}

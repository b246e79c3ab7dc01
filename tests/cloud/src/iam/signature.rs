//! Signature Version 4 of requests that `s3s` does not verify: IAM, STS, Lambda, S3 Control.
//!
//! The request is signed again from what its Authorization header says was signed, and the two signatures are compared.
//! The age of a signature is not checked: tests turn the cloud's clock while clients sign with real time.

mod error;

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Request};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

pub use self::error::{Flaw, SignatureError};
use crate::Cloud;
use crate::iam::Keys;
use crate::identity::Principal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256 ";
const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";
const CONTENT_SHA256: &str = "x-amz-content-sha256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Who signed a request, and for what.
#[derive(Debug)]
pub struct Signer {
    /// Who.
    pub principal: Principal,
    /// The credential scope's service: `iam`, `sts`, `lambda`, `s3`.
    pub service: String,
    /// The credential scope's Region.
    pub region: String,
}

/// The service in the credential scope of the Authorization header.
pub fn scope_service(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    Authorization::parse(text).map(|authorization| authorization.service.to_owned())
}

/// The access key that a request says it is signed with, in its headers or its URL.
pub fn access_key_id<B>(request: &Request<B>) -> Option<String> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(authorization) = header.and_then(Authorization::parse) {
        return Some(authorization.access_key_id.to_owned());
    }
    let query = request.uri().query().unwrap_or_default();
    let (_, credential) =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name.eq_ignore_ascii_case("X-Amz-Credential"))?;
    credential.split('/').next().map(str::to_owned)
}

/// Verifies one request that is signed in its headers.
pub fn verify(cloud: &Cloud, request: &Request<Bytes>) -> Result<Signer, SignatureError> {
    let Some(text) = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Err(SignatureError::new("s3", Flaw::Missing));
    };
    let Some(authorization) = Authorization::parse(text) else {
        return Err(SignatureError::new("s3", Flaw::Incomplete("Authorization")));
    };
    match login(cloud, request, &authorization) {
        Ok(principal) => {
            Ok(Signer { principal, service: authorization.service.to_owned(), region: authorization.region.to_owned() })
        }
        Err(flaw) => Err(SignatureError::new(authorization.service, flaw)),
    }
}

fn login(cloud: &Cloud, request: &Request<Bytes>, authorization: &Authorization<'_>) -> Result<Principal, Flaw> {
    let credential = cloud.iam().credential(authorization.access_key_id).ok_or(Flaw::UnknownKey)?;
    let token = request.headers().get(TOKEN).and_then(|value| value.to_str().ok());
    if token != credential.keys.session_token.as_deref() {
        return Err(Flaw::UnknownKey);
    }
    if signature(request, authorization, &credential.keys)? != authorization.signature {
        return Err(Flaw::Mismatch);
    }
    if cloud.iam().is_expired(&credential) {
        return Err(Flaw::Expired);
    }
    Ok(credential.principal)
}

/// The signature that `keys` make of this request, its headers and its scope.
fn signature(request: &Request<Bytes>, authorization: &Authorization<'_>, keys: &Keys) -> Result<String, Flaw> {
    let time = signed_at(request.headers(), authorization)?;
    let identity = Credentials::new(
        keys.access_key_id.clone(),
        keys.secret_access_key.clone(),
        keys.session_token.clone(),
        None,
        "local cloud",
    )
    .into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(authorization.region)
        .name(authorization.service)
        .time(time)
        .settings(settings(authorization))
        .build()
        .map_err(|_| Flaw::Incomplete("Authorization"))?
        .into();
    let headers = signed_headers(request, authorization)?;
    let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let signable = SignableRequest::new(
        request.method().as_str(),
        target,
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        body(request, authorization)?,
    )
    .map_err(|_| Flaw::Mismatch)?;
    Ok(sign(signable, &params).map_err(|_| Flaw::Mismatch)?.signature().to_owned())
}

/// S3 signs the path as it stands; every other service normalises and encodes it once more.
fn settings(authorization: &Authorization<'_>) -> SigningSettings {
    let mut settings = SigningSettings::default();
    // What the client left out is not in SignedHeaders; what it signed counts, whatever it is.
    settings.excluded_headers = None;
    if authorization.service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    if authorization.signs(CONTENT_SHA256) {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    if !authorization.signs(TOKEN) {
        settings.session_token_mode = SessionTokenMode::Exclude;
    }
    settings
}

/// Date and scope must name the same day, or the signing key would be another day's.
fn signed_at(headers: &HeaderMap, authorization: &Authorization<'_>) -> Result<SystemTime, Flaw> {
    let text = headers.get(DATE).and_then(|value| value.to_str().ok()).ok_or(Flaw::Incomplete("X-Amz-Date"))?;
    if !text.starts_with(authorization.date) {
        return Err(Flaw::Mismatch);
    }
    DateTime::strptime("%Y%m%dT%H%M%SZ", text)
        .and_then(|time| time.to_zoned(TimeZone::UTC))
        .map(|time| time.timestamp().into())
        .map_err(|_| Flaw::Incomplete("X-Amz-Date"))
}

/// The signed headers, without those that [`sign`] adds by itself.
fn signed_headers(request: &Request<Bytes>, authorization: &Authorization<'_>) -> Result<Vec<(String, String)>, Flaw> {
    let mut signed = Vec::new();
    for name in authorization.signed_headers.split(';').filter(|name| ![DATE, TOKEN, CONTENT_SHA256].contains(name)) {
        for value in request.headers().get_all(name) {
            let value = value.to_str().map_err(|_| Flaw::Mismatch)?;
            signed.push((name.to_owned(), value.to_owned()));
        }
    }
    // HTTP/2 has the host in the URI alone.
    if !request.headers().contains_key(HOST)
        && let Some(authority) = request.uri().authority()
    {
        signed.push((HOST.as_str().to_owned(), authority.to_string()));
    }
    Ok(signed)
}

/// The body as it entered the signature; a declared hash must be the body's.
fn body<'a>(request: &'a Request<Bytes>, authorization: &Authorization<'_>) -> Result<SignableBody<'a>, Flaw> {
    match request.headers().get(CONTENT_SHA256).map(http::HeaderValue::as_bytes) {
        Some(hash) if hash == UNSIGNED_PAYLOAD.as_bytes() && authorization.service == "s3" => {
            Ok(SignableBody::UnsignedPayload)
        }
        Some(hash) if hash != hex::encode(Sha256::digest(request.body())).as_bytes() => Err(Flaw::BodyMismatch),
        _ => Ok(SignableBody::Bytes(request.body())),
    }
}

/// `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=HEX`
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in text.strip_prefix(ALGORITHM)?.split(',') {
            match part.trim().split_once('=')? {
                ("Credential", value) => credential = Some(value),
                ("SignedHeaders", value) => signed_headers = Some(value),
                ("Signature", value) => signature = Some(value),
                _ => return None,
            }
        }
        let mut scope = credential?.split('/');
        let parsed = Self {
            access_key_id: scope.next()?,
            date: scope.next()?,
            region: scope.next()?,
            service: scope.next()?,
            signed_headers: signed_headers?,
            signature: signature?,
        };
        (scope.next() == Some("aws4_request") && scope.next().is_none()).then_some(parsed)
    }

    fn signs(&self, header: &str) -> bool {
        self.signed_headers.split(';').any(|name| name == header)
    }
}

//! Conditional requests.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use http::HeaderMap;
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use super::caller::Caller;
use super::error::{no_such_key, precondition_failed};
use super::object::{Data, Object, timestamp};
use crate::access::Context;

/// What a reader, or the reader of a copy's source, asks of the object.
#[derive(Debug, Default)]
pub(super) struct ReadIf {
    pub(super) matches: Option<ETagCondition>,
    pub(super) none_match: Option<ETagCondition>,
    pub(super) modified_since: Option<Timestamp>,
    pub(super) unmodified_since: Option<Timestamp>,
}

/// What a writer asks of the object that is there.
#[derive(Debug, Default)]
pub(super) struct WriteIf {
    pub(super) matches: Option<ETagCondition>,
    pub(super) none_match: Option<ETagCondition>,
}

fn fits(condition: &ETagCondition, etag: &str) -> bool {
    condition.as_etag().is_none_or(|wanted| wanted.value() == etag)
}

impl ReadIf {
    /// 412 if the object is not what was asked for, 304 if it is what the reader has already. An ETag that fits
    /// outweighs the date beside it.
    pub(super) fn check(&self, object: &Object, data: &Data) -> S3Result<()> {
        let modified = timestamp(object.last_modified);
        match (&self.matches, &self.unmodified_since) {
            (Some(wanted), _) if !fits(wanted, &data.etag) => return Err(precondition_failed("If-Match")),
            (None, Some(since)) if modified > *since => return Err(precondition_failed("If-Unmodified-Since")),
            _ => {}
        }
        match (&self.none_match, &self.modified_since) {
            (Some(had), _) if fits(had, &data.etag) => Err(s3_error!(NotModified)),
            (None, Some(since)) if modified <= *since => Err(s3_error!(NotModified)),
            _ => Ok(()),
        }
    }

    /// As [`Self::check`] for a copy's source, where every miss is a 412.
    pub(super) fn check_source(&self, object: &Object, data: &Data) -> S3Result<()> {
        self.check(object, data).map_err(|error: S3Error| match error.code() {
            s3s::S3ErrorCode::NotModified => precondition_failed("x-amz-copy-source-If-None-Match"),
            _ => error,
        })
    }
}

impl WriteIf {
    /// From the headers, for operations whose input has no fields for them.
    pub(super) fn from_headers(headers: &HeaderMap) -> S3Result<Self> {
        let condition = |name: &str| {
            headers
                .get(name)
                .map(|value| ETagCondition::parse_http_header(value.as_bytes()))
                .transpose()
                .map_err(|error| s3_error!(error, InvalidArgument, "invalid header: {name}"))
        };
        Ok(Self { matches: condition("if-match")?, none_match: condition("if-none-match")? })
    }

    /// With the condition keys `s3:if-match` and `s3:if-none-match`, by which a policy can enforce conditional writes.
    pub(super) fn context(&self, mut keys: Context) -> Context {
        for (name, condition) in [("s3:if-match", &self.matches), ("s3:if-none-match", &self.none_match)] {
            if let Some(condition) = condition {
                keys = keys.with(name, condition.as_etag().map_or("*", |etag| etag.value()));
            }
        }
        keys
    }

    /// `If-Match` tells a writer what is there, so it takes `s3:GetObject` as well.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
    pub(super) fn authorize(&self, caller: &Caller<'_>, key: &str) -> S3Result<()> {
        self.matches.as_ref().map_or(Ok(()), |_| caller.object("s3:GetObject", key))
    }

    /// `current` is the newest version of the key.
    pub(super) fn check(&self, key: &str, current: Option<&Object>) -> S3Result<()> {
        let current = current.and_then(|o| o.data.as_ref());
        if let Some(condition) = &self.none_match {
            if !condition.is_any() {
                return Err(s3_error!(
                    NotImplemented,
                    "A header you provided implies functionality that is not implemented: If-None-Match takes only *"
                ));
            }
            if current.is_some() {
                return Err(precondition_failed("If-None-Match"));
            }
        }
        match (&self.matches, current) {
            (Some(_), None) => Err(no_such_key(key)),
            (Some(wanted), Some(data)) if !fits(wanted, &data.etag) => Err(precondition_failed("If-Match")),
            _ => Ok(()),
        }
    }
}

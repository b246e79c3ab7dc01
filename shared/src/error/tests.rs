//! Tests.

use super::*;

#[test]
fn what_heals_by_itself() {
    for (code, status) in [
        ("TooManyRequestsException", 400),
        ("RequestTimeout", 400),
        ("ExpiredToken", 400),
        ("SlowDown", 503),
        ("InternalServiceException", 500),
        ("HTTP 502", 502),
        ("HTTP 429", 429),
    ] {
        assert_eq!(classify(code, "", Some(status)), Class::Transient, "{code}");
    }
}

#[test]
fn what_may_be_iam_still_propagating() {
    for (code, message, status) in [
        ("AccessDenied", "Access Denied", 403),
        ("InvalidRequest", "anything", 400),
        ("BadRequestException", "The role cannot be assumed", 400),
        ("HTTP 403", "no message", 403),
    ] {
        assert_eq!(classify(code, message, Some(status)), Class::Permission, "{code}");
    }
}

#[test]
fn what_somebody_has_to_change() {
    for (code, message) in [
        ("BadRequestException", "Priority is out of range"),
        ("InvalidArgument", "Invalid version id specified"),
        ("NoSuchBucket", "The specified bucket does not exist"),
    ] {
        assert_eq!(classify(code, message, Some(400)), Class::Permanent, "{code}");
    }
}

//! What a request is called: the API's operation names, by which a script of faults selects.

use http::{HeaderMap, Method, Request};

use crate::iam::signature;

/// The service and the operation of a request; its body matters only where the operation is named in it.
pub(super) fn of<B>(request: &Request<B>, body: &[u8]) -> (String, String) {
    let path = request.uri().path();
    if let Some(rest) = path.strip_prefix("/v20180820/jobs") {
        return ("s3control".to_owned(), of_jobs(request.method(), rest.trim_matches('/')));
    }
    let service = signature::scope_service(request.headers()).unwrap_or_else(|| "s3".to_owned());
    let operation = match service.as_str() {
        "iam" | "sns" | "sts" => named(body),
        "lambda" => "Invoke".to_owned(),
        _ => of_s3(request.method(), path, request.uri().query().unwrap_or_default(), request.headers()),
    };
    (service, operation)
}

/// `Action=…` of the query protocol.
fn named(body: &[u8]) -> String {
    let action = form_urlencoded::parse(body).find(|(name, _)| name == "Action");
    action.map(|(_, action)| action.into_owned()).unwrap_or_default()
}

/// Of what comes behind `/v20180820/jobs/`.
fn of_jobs(method: &Method, path: &str) -> String {
    let rest = path.split_once('/').map_or("", |(_, rest)| rest);
    let name = match (method.as_str(), path.is_empty(), rest) {
        ("POST", true, _) => "CreateJob",
        ("GET", true, _) => "ListJobs",
        ("GET", false, "") => "DescribeJob",
        ("POST", false, "status") => "UpdateJobStatus",
        ("POST", false, "priority") => "UpdateJobPriority",
        ("GET", false, "tagging") => "GetJobTagging",
        ("PUT", false, "tagging") => "PutJobTagging",
        ("DELETE", false, "tagging") => "DeleteJobTagging",
        _ => return method.to_string(),
    };
    name.to_owned()
}

/// Sub-resources whose operations are called `Get…`, `Put…` and `Delete…`: in a bucket, then of an object.
const BUCKET: [(&str, &str); 12] = [
    ("acl", "BucketAcl"),
    ("encryption", "BucketEncryption"),
    ("inventory", "BucketInventoryConfiguration"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("location", "BucketLocation"),
    ("notification", "BucketNotificationConfiguration"),
    ("object-lock", "ObjectLockConfiguration"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("policy", "BucketPolicy"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
];
const OBJECT: [(&str, &str); 2] = [("acl", "ObjectAcl"), ("tagging", "ObjectTagging")];

/// Of what is not in these tables, `METHOD subresource`.
fn of_s3(method: &Method, path: &str, query: &str, headers: &HeaderMap) -> String {
    let names: Vec<_> = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name).collect();
    let has = |name: &str| names.iter().any(|given| given == name);
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let copies = headers.contains_key("x-amz-copy-source");
    let subresources = if key.is_empty() { &BUCKET[..] } else { &OBJECT[..] };
    if let Some((name, noun)) = subresources.iter().find(|(name, _)| has(name)) {
        return match method.as_str() {
            "GET" if *name == "inventory" && !has("id") => "ListBucketInventoryConfigurations".to_owned(),
            "GET" => format!("Get{noun}"),
            "PUT" => format!("Put{noun}"),
            "DELETE" => format!("Delete{noun}"),
            other => format!("{other} {name}"),
        };
    }
    let name = match (method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("GET", true, _) => "ListBuckets",
        ("GET", false, true) if has("list-type") => "ListObjectsV2",
        ("GET", false, true) if has("versions") => "ListObjectVersions",
        ("GET", false, true) if has("uploads") => "ListMultipartUploads",
        ("GET", false, true) => "ListObjects",
        ("HEAD", false, true) => "HeadBucket",
        ("PUT", false, true) => "CreateBucket",
        ("DELETE", false, true) => "DeleteBucket",
        ("POST", false, true) if has("delete") => "DeleteObjects",
        ("GET", false, false) if has("uploadId") => "ListParts",
        ("GET", false, false) => "GetObject",
        ("HEAD", false, false) => "HeadObject",
        ("PUT", false, false) if has("partNumber") && copies => "UploadPartCopy",
        ("PUT", false, false) if has("partNumber") => "UploadPart",
        ("PUT", false, false) if copies => "CopyObject",
        ("PUT", false, false) => "PutObject",
        ("POST", false, false) if has("restore") => "RestoreObject",
        ("POST", false, false) if has("uploads") => "CreateMultipartUpload",
        ("POST", false, false) if has("uploadId") => "CompleteMultipartUpload",
        ("DELETE", false, false) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", false, false) => "DeleteObject",
        (other, _, _) => {
            let subresource = names.iter().find(|name| *name != "x-id").map(|name| format!(" {name}"));
            return format!("{other}{}", subresource.unwrap_or_default());
        }
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(method: &str, target: &str) -> String {
        let request = Request::builder().method(method).uri(target).body(()).unwrap();
        of(&request, &[]).1
    }

    #[test]
    fn the_query_protocol_names_its_operations() {
        assert_eq!(named(b"Action=CreateRole&Version=2010-05-08"), "CreateRole");
    }

    #[test]
    fn operations_of_s3_are_called_as_its_api_calls_them() {
        for (method, target, name) in [
            ("GET", "/", "ListBuckets"),
            ("PUT", "/b", "CreateBucket"),
            ("HEAD", "/b/", "HeadBucket"),
            ("PUT", "/b/?policy", "PutBucketPolicy"),
            ("DELETE", "/b?policy", "DeleteBucketPolicy"),
            ("GET", "/b?id=transship&inventory", "GetBucketInventoryConfiguration"),
            ("GET", "/b?inventory&x-id=List", "ListBucketInventoryConfigurations"),
            ("PUT", "/b?notification", "PutBucketNotificationConfiguration"),
            ("GET", "/b?list-type=2&prefix=a", "ListObjectsV2"),
            ("GET", "/b/?prefix=a", "ListObjects"),
            ("GET", "/b?versions", "ListObjectVersions"),
            ("POST", "/b?delete", "DeleteObjects"),
            ("GET", "/b/k?x-id=GetObject", "GetObject"),
            ("GET", "/b/k?versionId=1", "GetObject"),
            ("GET", "/b/policy", "GetObject"),
            ("HEAD", "/b/a/k", "HeadObject"),
            ("PUT", "/b/k?x-id=PutObject", "PutObject"),
            ("GET", "/b/k?tagging", "GetObjectTagging"),
            ("POST", "/b/k?uploads", "CreateMultipartUpload"),
            ("PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart"),
            ("GET", "/b/k?uploadId=u", "ListParts"),
            ("POST", "/b/k?uploadId=u", "CompleteMultipartUpload"),
            ("DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"),
            ("DELETE", "/b/k", "DeleteObject"),
            ("POST", "/b/k?restore", "RestoreObject"),
            ("POST", "/b/k?select", "POST select"),
        ] {
            assert_eq!(operation(method, target), name, "{method} {target}");
        }
    }

    #[test]
    fn copies_are_told_by_their_header() {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-amz-copy-source"),
            http::HeaderValue::from_static("b/k"),
        )]);
        assert_eq!(of_s3(&Method::PUT, "/b/k", "", &headers), "CopyObject");
        assert_eq!(of_s3(&Method::PUT, "/b/k", "partNumber=1&uploadId=u", &headers), "UploadPartCopy");
    }

    #[test]
    fn jobs_are_called_by_name() {
        for (method, target, name) in [
            ("POST", "http://222222222222.s3control.test/v20180820/jobs", "CreateJob"),
            ("GET", "/v20180820/jobs?maxResults=5", "ListJobs"),
            ("GET", "/v20180820/jobs/id", "DescribeJob"),
            ("POST", "/v20180820/jobs/id/status?requestedJobStatus=Cancelled", "UpdateJobStatus"),
            ("PUT", "/v20180820/jobs/id/tagging", "PutJobTagging"),
        ] {
            assert_eq!(operation(method, target), name, "{method} {target}");
        }
    }
}

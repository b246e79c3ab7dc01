//! Bodies that are a little wrong, and what is said about each.

use super::*;
use crate::batch::xml::read;

const BODY: &str = include_str!("../../../fixtures/batch/create-job.xml");

fn parse(body: &str) -> Result<JobSpec, BatchError> {
    create_job(&read(body.as_bytes())?, &AccountId::destination())
}

/// The body with one part replaced, which must be there.
fn with(part: &str, replacement: &str) -> Result<JobSpec, BatchError> {
    assert!(BODY.contains(part), "{part} is not in the body");
    parse(&BODY.replace(part, replacement))
}

#[test]
fn what_botocore_writes_is_read_whole() {
    let spec = parse(BODY).unwrap();
    assert!(!spec.confirmation_required);
    assert_eq!((spec.token.as_str(), spec.priority, spec.description.as_deref()), ("tok", 10, Some("d")));
    assert_eq!(spec.tags, [Tag { key: "a".to_owned(), value: "b".to_owned() }]);
    let Operation::Copy(copy) = &spec.operation else { panic!("{:?}", spec.operation) };
    assert_eq!(copy.target_key_prefix.as_deref(), Some("a & b"));
    assert_eq!(copy.new_object_tagging.as_ref().unwrap().member[0].value, "");
    let metadata = copy.new_object_metadata.as_ref().unwrap();
    assert_eq!(metadata.user_metadata.as_ref().unwrap().entry[0].key, "k");
    assert_eq!(copy.kms_key_id.as_deref(), Some("arn:aws:kms:us-east-1:222222222222:key/x"));
    assert_eq!(spec.manifest.spec.unwrap().fields.unwrap().member, ["Bucket", "Key"]);
}

#[test]
fn an_absent_confirmation_required_waits() {
    let spec = with("<ConfirmationRequired>false</ConfirmationRequired>", "").unwrap();
    assert!(spec.confirmation_required);
}

#[test]
fn absent_tagging_copies_and_empty_tagging_leaves_none() {
    let tagging = "<NewObjectTagging><member><Key>t</Key><Value /></member></NewObjectTagging>";
    let of = |replacement| match with(tagging, replacement).unwrap().operation {
        Operation::Copy(copy) => copy.new_object_tagging,
        other => panic!("{other:?}"),
    };
    assert_eq!(of(""), None);
    assert_eq!(of("<NewObjectTagging/>").unwrap().member, []);
}

#[test]
fn each_violation_is_a_bad_request_that_names_its_member() {
    let long = |name: &str, n: usize| format!("<{name}>{}</{name}>", "x".repeat(n));
    let table = [
        ("<ClientRequestToken>tok</ClientRequestToken>", String::new(), "ClientRequestToken is required"),
        ("<ClientRequestToken>tok</ClientRequestToken>", long("ClientRequestToken", 65), "not 65"),
        ("<ClientRequestToken>tok</ClientRequestToken>", long("ClientRequestToken", 0), "not 0"),
        ("<Description>d</Description>", long("Description", 257), "Description must have 1 to 256"),
        ("<Priority>10</Priority>", String::new(), "Priority is required"),
        ("<Priority>10</Priority>", "<Priority>-1</Priority>".to_owned(), "Priority must be 0"),
        ("<Priority>10</Priority>", "<Priority>2147483648</Priority>".to_owned(), "Priority must be 0"),
        ("<RoleArn>arn:aws:iam::222222222222:role/r</RoleArn>", String::new(), "RoleArn is required"),
        ("<RoleArn>arn:aws:iam::222222222222:role/r</RoleArn>", "<RoleArn>r</RoleArn>".to_owned(), "role's ARN"),
        ("<ETag>abc</ETag>", String::new(), "ETag is required"),
        ("<ObjectArn>arn:aws:s3:::m/a b.csv</ObjectArn>", "<ObjectArn>m/a</ObjectArn>".to_owned(), "object's ARN"),
        ("<Fields><member>Bucket</member><member>Key</member></Fields>", String::new(), "Fields is required"),
        ("<member>Key</member>", "<member>Size</member>".to_owned(), "Fields must be one of"),
        ("<member>Key</member>", String::new(), "must name Bucket and Key"),
        ("<Format>S3BatchOperations_CSV_20180820</Format>", format!("<Format>{INVENTORY}</Format>"), "must be absent"),
        ("<Format>S3BatchOperations_CSV_20180820</Format>", "<Format>ORC</Format>".to_owned(), "must be one of"),
        ("<TargetResource>arn:aws:s3:::dst</TargetResource>", String::new(), "TargetResource is required"),
        ("<TargetResource>arn:aws:s3:::dst</TargetResource>", "<TargetResource>dst</TargetResource>".to_owned(), "ARN"),
        ("<MetadataDirective>REPLACE", "<MetadataDirective>KEEP".to_owned(), "MetadataDirective must be one of"),
        ("2026-01-01T00:00:00Z", "yesterday".to_owned(), "ModifiedSinceConstraint must be a time"),
        ("<Enabled>true</Enabled>", String::new(), "Report.Enabled is required"),
        ("<Bucket>arn:aws:s3:::m</Bucket>", String::new(), "Report.Bucket is required"),
        ("<Bucket>arn:aws:s3:::m</Bucket>", "<Bucket>m</Bucket>".to_owned(), "Report.Bucket must be"),
        ("<ReportScope>AllTasks</ReportScope>", String::new(), "ReportScope is required"),
        ("<ReportScope>AllTasks", "<ReportScope>Some".to_owned(), "ReportScope must be one of"),
        ("<Manifest>", "<ManifestGenerator/><Manifest>".to_owned(), "ManifestGenerator is not here"),
        ("<S3PutObjectCopy>", "<LambdaInvoke/><S3PutObjectCopy>".to_owned(), "exactly one"),
    ];
    for (part, replacement, expected) in table {
        let error = with(part, &replacement).unwrap_err();
        assert!(matches!(error, BatchError::BadRequest(_)), "{replacement}: {error:?}");
        assert!(error.to_string().contains(expected), "{replacement}: {error}");
    }
}

#[test]
fn one_operation_that_is_not_here_is_named() {
    let from = BODY.find("<S3PutObjectCopy>").unwrap();
    let to = BODY.find("</Operation>").unwrap();
    for (name, expected) in
        [("LambdaInvoke", "LambdaInvoke.FunctionArn is required"), ("S3ReplicateObject", "not here")]
    {
        let body = format!("{}<{name}></{name}>{}", &BODY[..from], &BODY[to..]);
        assert!(parse(&body).unwrap_err().to_string().contains(expected), "{name}");
    }
    let none = format!("{}{}", &BODY[..from], &BODY[to..]);
    assert!(parse(&none).unwrap_err().to_string().contains("exactly one"));
}

#[test]
fn a_role_of_another_account_is_denied() {
    let error = with("arn:aws:iam::222222222222:role/r", "arn:aws:iam::111111111111:role/r").unwrap_err();
    assert!(matches!(error, BatchError::AccessDenied(_)), "{error:?}");
}

#[test]
fn what_is_not_in_the_model_is_malformed() {
    let error = with("<Priority>10</Priority>", "<Priority>10</Priority><Urgency>1</Urgency>").unwrap_err();
    assert!(matches!(error, BatchError::MalformedXml(_)), "{error:?}");
    assert!(matches!(parse("<CreateJobRequest>").unwrap_err(), BatchError::MalformedXml(_)));
}

#[test]
fn a_disabled_report_needs_no_bucket() {
    let report = &BODY[BODY.find("<Report>").unwrap()..BODY.find("<ClientRequestToken>").unwrap()];
    let spec = with(report, "<Report><Enabled>false</Enabled></Report>").unwrap();
    assert_eq!(spec.report.bucket, None);
}

#[test]
fn tags_are_counted_and_unlike() {
    let tag = |key: String| Tag { key, value: String::new() };
    assert!(tags(&(0..50).map(|i| tag(i.to_string())).collect::<Vec<_>>()).is_ok());
    let many: Vec<_> = (0..51).map(|i| tag(i.to_string())).collect();
    assert!(matches!(tags(&many).unwrap_err(), BatchError::TooManyTags(_)));
    assert!(tags(&[tag("a".to_owned()), tag("a".to_owned())]).is_err());
    assert!(tags(&[tag(String::new())]).is_err());
}

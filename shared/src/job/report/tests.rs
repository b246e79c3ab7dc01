//! Tests of reports as AWS documents them, and as they must not be.

use super::*;

const KEY: &str = "reports/job-1/manifest.json";

fn manifest(results: &str) -> String {
    format!(
        r#"{{"Format":"Report_CSV_20180820","ReportCreationDate":"2019-04-05T17:48:39.725Z","Results":[{results}],
        "ReportSchema":"Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"}}"#
    )
}

fn parsed(text: &str) -> Result<Option<Vec<ResultsFile>>, ReportError> {
    results(text.as_bytes(), &ObjectKey::from_plain(KEY), "manifest-bucket")
}

fn entry(status: &str, bucket: &str, name: &str) -> String {
    format!(
        r#"{{"TaskExecutionStatus":"{status}","Bucket":"{bucket}","MD5Checksum":"83b1c4cbe93fc893f54053697e10fd6e","Key":"{name}"}}"#
    )
}

#[test]
fn failed_tasks_come_first_and_a_placeholder_is_no_report_yet() {
    let both = [
        entry("succeeded", "manifest-bucket", "reports/job-1/results/a.csv"),
        entry("failed", "manifest-bucket", "reports/job-1/results/b.csv"),
    ];
    let files = parsed(&manifest(&both.join(","))).unwrap().unwrap();
    assert_eq!(files.iter().map(|file| file.status).collect::<Vec<_>>(), [TaskStatus::Failed, TaskStatus::Succeeded]);
    assert_eq!(parsed(&manifest("")).unwrap(), Some(Vec::new()));
    for placeholder in ["This is a placeholder", "", "this is a Placeholder object.\n"] {
        assert_eq!(parsed(placeholder).unwrap(), None, "{placeholder:?}");
    }
}

#[test]
fn what_batch_operations_does_not_write_is_refused() {
    let foreign = [
        entry("failed", "another-bucket", "reports/job-1/results/a.csv"),
        entry("failed", "manifest-bucket", "reports/job-2/results/a.csv"),
        entry("maybe", "manifest-bucket", "reports/job-1/results/a.csv"),
    ];
    let texts = foreign.iter().map(|entry| manifest(entry));
    let others = ["<html>".to_owned(), "{}".to_owned(), manifest("").replace("20180820", "20300101")];
    for text in texts.chain(others) {
        assert!(matches!(parsed(&text), Err(ReportError::Manifest { .. })), "{text}");
    }
}

fn file(text: &str) -> ResultsFile {
    ResultsFile {
        status: TaskStatus::Failed,
        bucket: "manifest-bucket".to_owned(),
        md5: hex::encode(Md5::digest(text)),
        key: ObjectKey::from_plain("reports/job-1/results/a.csv"),
    }
}

/// Key, HTTP status and error code.
type Failed = (String, Option<u16>, String);

fn read_all(text: &str) -> Result<((u64, u64), Vec<Failed>), ReportError> {
    let mut failed = Vec::new();
    let counts = read(text.as_bytes(), &file(text), |task| {
        failed.push((task.key.as_str().to_owned(), task.status, task.code.to_owned()));
        Ok(())
    })?;
    Ok((counts, failed))
}

#[test]
fn rows_are_read_in_their_real_order_whatever_is_in_a_message() {
    let text = "b,a%20b.txt,,succeeded,200,,Successful\n\
        b,plus%2B+space,,failed,403,AccessDenied,\"Access, \"\"denied\"\",\nby a policy\"\r\n\
        b,gone,v1,failed,404,NoSuchKey,gone\n\
        b,as-documented,,failed,AccessDenied,403,in the documented order\n\
        b,unanswered,,failed,,PermanentFailure,timed out\n";
    let (counts, failed) = read_all(text).unwrap();
    assert_eq!(counts, (1, 4));
    let denied = Some(403);
    let expected = [
        ("plus+ space", denied, "AccessDenied"),
        ("gone", Some(404), "NoSuchKey"),
        ("as-documented", denied, "AccessDenied"),
        ("unanswered", None, "PermanentFailure"),
    ];
    assert_eq!(failed, expected.map(|(key, status, code)| (key.to_owned(), status, code.to_owned())));
}

#[test]
fn what_is_cut_off_altered_or_no_row_is_refused_with_its_place() {
    for (text, place) in [
        ("b,k,,failed,403\n", "row 1: 5 columns"),
        ("b,k,,succeeded,200,,ok\nb,k,,perhaps,200,,ok\n", "row 2: TaskStatus is \"perhaps\""),
        ("b,%FF,,failed,403,AccessDenied,x\n", "row 1"),
    ] {
        let error = read_all(text).unwrap_err().to_string();
        assert!(error.contains(place), "{error}");
    }
    let whole = "b,k,,failed,403,AccessDenied,x\n";
    let altered = read(&whole.as_bytes()[..0], &file(whole), |_| Ok(())).unwrap_err();
    assert!(matches!(altered, ReportError::Md5 { .. }), "{altered}");
}

#[test]
fn errors_are_grouped_with_three_examples_in_bounded_memory() {
    let mut errors = Errors::default();
    let mut add = |code: &str, status, n: u32| {
        let key = ObjectKey::from_plain(format!("{code} {n}"));
        errors.add(&FailedTask { key: &key, status, code, message: "why" });
    };
    (0..5).for_each(|n| add("AccessDenied", Some(403), n));
    (0..2).for_each(|n| add("AccessDenied", None, n));
    (0..1000).for_each(|n| add(&format!("Code{n}"), Some(400), n));
    let groups = errors.groups();
    assert_eq!(groups.len(), Errors::KEPT + 1);
    assert_eq!((groups[0].code.as_str(), groups[0].status, groups[0].objects), ("AccessDenied", Some(403), 5));
    assert_eq!(groups[0].examples.len(), 3);
    assert_eq!(groups[1].objects, 2);
    assert_eq!(groups.last().unwrap().code, "others");
    assert_eq!(groups.iter().map(|group| group.objects).sum::<u64>(), 1007);
}

#[test]
fn what_copy_large_says_has_a_code_of_its_own() {
    let text = "b,gone,,failed,200,PermanentFailure,NoSuchKey: gone is not there any more\n\
        b,slow,,failed,200,TemporaryFailure,\"TimeUp: time is up, 3 of 9 parts are copied\"\n\
        b,keyless,,failed,200,PermanentFailure,KMS.DisabledException: UploadPartCopy failed\n\
        b,odd,,failed,200,PermanentFailure,Ends. with a dot: no code\n\
        b,dotted,,failed,200,PermanentFailure,KMS.: no code\n\
        b,dead,,failed,200,PermanentFailure,Lambda returned function error: it crashed\n";
    let (counts, failed) = read_all(text).unwrap();
    let expected = [
        ("gone", Some(404), "NoSuchKey"),
        ("slow", None, "TimeUp"),
        ("keyless", None, "KMS.DisabledException"),
        ("odd", Some(200), "PermanentFailure"),
        ("dotted", Some(200), "PermanentFailure"),
        ("dead", Some(200), "PermanentFailure"),
    ];
    assert_eq!(counts, (0, 6));
    assert_eq!(failed, expected.map(|(key, status, code)| (key.to_owned(), status, code.to_owned())));
}

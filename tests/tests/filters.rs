//! Filters, end to end: what each passes over, that all of a report's rows are told of, and that a filter that is changed plans
//! what newly passes, and nothing twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;

use aws_sdk_s3::types::StorageClass;
use cloud::lambda::FunctionSettings;
use e2e::route::{DESTINATION_BUCKET, Route, SOURCE_BUCKET};
use transship::ledger::{RunRecord, State};
use transship::plan::Filter;

const DAY: i64 = 24 * 60 * 60;

async fn put(route: &Route, key: &str, bytes: usize, class: Option<StorageClass>) {
    let put = route.source.s3.put_object().bucket(SOURCE_BUCKET).key(key).set_storage_class(class);
    put.body(vec![b'x'; bytes].into()).send().await.unwrap();
}

/// create-job with these filters and no others.
fn filter(route: &Route, filters: &[(&str, &str)]) {
    let mut environment = route.stack.environment.clone();
    for (name, value) in filters {
        environment.insert((*name).to_owned(), (*value).to_owned());
    }
    let role = route.stack.copy_role_arn.replace("-copy", "-create-job");
    let settings = serde_json::json!({ "role": role, "environment": environment });
    let settings: FunctionSettings = serde_json::from_value(settings).unwrap();
    route.cloud.functions().configure(&route.cloud, "create-job", settings).unwrap();
}

/// The run of a report a day later, settled.
async fn next_day(route: &Route) -> RunRecord {
    route.cloud.clock().turn(DAY);
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.settle_job().await.unwrap().unwrap();
    let records = route.records().await.unwrap();
    let run = records.into_iter().find(|record| record.report.manifest.key.as_str() == report);
    let run = run.unwrap_or_else(|| panic!("no run: {:#?}", route.cloud.functions().logs("create-job")));
    let plan = run.plan.as_ref().unwrap();
    let left_out: u64 = plan.left_out.values().map(|count| count.objects).sum();
    let told = plan.objects + plan.unchanged + left_out + plan.filtered.values().sum::<u64>() + plan.repeated;
    assert_eq!(told, plan.rows, "{plan:?}");
    run
}

async fn copies(route: &Route) -> Vec<String> {
    let listed = route.destination.s3.list_objects_v2().bucket(DESTINATION_BUCKET).send().await.unwrap();
    listed.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect()
}

fn filtered(run: &RunRecord) -> Vec<(Filter, u64)> {
    run.plan.as_ref().unwrap().filtered.clone().into_iter().collect()
}

#[tokio::test]
async fn each_filter_passes_over_what_it_says_and_is_counted_by_itself() {
    let all = [
        ("IncludePrefixes", "in/"),
        ("ExcludePrefixes", r#"["in/a, b/"]"#),
        ("IncludeGlobs", "in/**/*.{txt,log},in/*"),
        ("ExcludeGlobs", "**/*.log"),
        ("MinSize", "1KiB"),
        ("MaxSize", "2KiB"),
        ("StorageClasses", "STANDARD,GLACIER_IR,DEEP_ARCHIVE"),
        ("MinAge", "36h"),
    ];
    let route = Route::set_up(&all).await.unwrap();
    for (key, bytes, class) in [
        ("in/taken é+.txt", 1024, None),
        ("in/deep/er/taken.txt", 2048, Some(StorageClass::GlacierIr)),
        ("out/1", 1024, None),
        ("out/2.log", 1, None),
        ("in/a, b/1", 1024, None),
        ("in/deep/1.jpg", 1024, None),
        ("in/1.log", 1024, None),
        ("in/small.txt", 1023, None),
        ("in/large.txt", 2049, None),
        ("in/rare.txt", 1024, Some(StorageClass::StandardIa)),
        ("in/cold.txt", 1024, Some(StorageClass::DeepArchive)),
    ] {
        put(&route, key, bytes, class).await;
    }
    route.cloud.clock().turn(DAY);
    put(&route, "in/young.txt", 1024, None).await;
    let run = next_day(&route).await;
    let expected = [
        (Filter::IncludePrefixes, 2),
        (Filter::ExcludePrefixes, 1),
        (Filter::IncludeGlobs, 1),
        (Filter::ExcludeGlobs, 1),
        (Filter::MinSize, 1),
        (Filter::MaxSize, 1),
        (Filter::StorageClasses, 1),
        (Filter::MinAge, 1),
    ];
    assert_eq!(filtered(&run), expected);
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((plan.objects, plan.left_out.len(), plan.delivered, run.state), (2, 1, false, State::Copied));
    assert_eq!(copies(&route).await, ["in/deep/er/taken.txt", "in/taken é+.txt"]);

    let status = route.kept("ledger/status.json").await.unwrap().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status).unwrap();
    for shown in [&status["filtered"], &status["runs"][0]["filtered"]] {
        let shown: BTreeMap<Filter, u64> = serde_json::from_value(shown.clone()).unwrap();
        assert_eq!(shown.into_iter().collect::<Vec<_>>(), expected);
    }
    let page = String::from_utf8(route.kept("ledger/status.html").await.unwrap().unwrap()).unwrap();
    assert!(page.contains("include-prefixes: 2 objects, exclude-prefixes: 1 object"), "{page}");
    let told = route.cloud.functions().logs("settle-job");
    assert!(told.iter().any(|line| format!("{line:?}").contains("Passed over, min-age: 1 object")), "{told:#?}");

    // A day later it is old enough, though nothing has changed.
    let run = next_day(&route).await;
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((plan.objects, plan.unchanged, plan.filtered.get(&Filter::MinAge)), (1, 2, None));
    assert!(copies(&route).await.contains(&"in/young.txt".to_owned()));
}

#[tokio::test]
async fn a_changed_filter_plans_what_newly_passes_and_nothing_twice() {
    let route = Route::set_up(&[]).await.unwrap();
    for key in ["a/1", "a/2", "b/1", "b/2", "c/1"] {
        put(&route, key, 10, None).await;
    }
    // (filters, planned, unchanged, passed over)
    for (filters, expected) in [
        (&[("INCLUDE_PREFIXES", "a/")][..], (2, 0, 3)),
        (&[("INCLUDE_PREFIXES", "a/, b/")], (2, 2, 1)),
        (&[("INCLUDE_PREFIXES", "b/")], (0, 2, 3)),
        (&[("EXCLUDE_GLOBS", "c/*")], (0, 4, 1)),
        (&[], (1, 4, 0)),
        (&[("EXCLUDE_GLOBS", "**")], (0, 0, 5)),
        (&[], (0, 5, 0)),
    ] {
        filter(&route, filters);
        let run = next_day(&route).await;
        let plan = run.plan.as_ref().unwrap();
        let passed_over = plan.filtered.values().sum::<u64>();
        assert_eq!((plan.objects, plan.unchanged, passed_over), expected, "{filters:?}: {plan:?}");
        assert_eq!(plan.gone, 0, "{plan:?}");
    }
    assert_eq!(copies(&route).await, ["a/1", "a/2", "b/1", "b/2", "c/1"]);
    // What changes while a filter passes over it is planned when the filter is gone; the rest is not.
    filter(&route, &[("EXCLUDE_PREFIXES", "a/")]);
    put(&route, "a/1", 11, None).await;
    assert_eq!(next_day(&route).await.plan.unwrap().objects, 0);
    filter(&route, &[]);
    let plan = next_day(&route).await.plan.unwrap();
    assert_eq!((plan.objects, plan.unchanged, plan.bytes), (1, 4, 11));
}

#[tokio::test]
async fn what_was_not_copied_and_is_passed_over_since_is_planned_when_the_filter_is_gone() {
    use cloud::batch::{JobScript, WholeFailure};
    let route = Route::set_up(&[]).await.unwrap();
    put(&route, "a/1", 10, None).await;
    put(&route, "b/1", 10, None).await;
    let fails = JobScript { fails: Some(WholeFailure { after: 0, code: "X", reason: "no" }), ..JobScript::default() };
    route.cloud.jobs().script(move |_| fails.clone());
    assert_eq!(next_day(&route).await.plan.unwrap().objects, 2);
    route.cloud.jobs().script(|_| JobScript::default());
    filter(&route, &[("EXCLUDE_PREFIXES", "b/")]);
    let plan = next_day(&route).await.plan.unwrap();
    assert_eq!((plan.objects, plan.carried_over, plan.filtered[&Filter::ExcludePrefixes]), (1, 1, 1));
    filter(&route, &[]);
    let plan = next_day(&route).await.plan.unwrap();
    assert_eq!((plan.objects, plan.unchanged), (1, 1), "nobody knows that it was copied: {plan:?}");
    assert_eq!(copies(&route).await, ["a/1", "b/1"]);
}

#[tokio::test]
async fn a_wrong_filter_keeps_the_function_from_starting_and_is_named() {
    let route = Route::set_up(&[]).await.unwrap();
    put(&route, "a", 1, None).await;
    filter(&route, &[("INCLUDE_GLOBS", "a/[b"), ("MIN_SIZE", "ten")]);
    route.cloud.clock().turn(DAY);
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let logs = format!("{:?}", route.cloud.functions().logs("create-job"));
    assert!(logs.contains("INCLUDE_GLOBS: ") && logs.contains("is not a glob"), "{logs}");
    assert!(logs.contains("MIN_SIZE: expected a number of bytes"), "{logs}");
    assert!(route.records().await.unwrap().is_empty());
}

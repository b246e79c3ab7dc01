//! What template.yaml's alarms and dashboard look at: what the functions measure, each condition with one page.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod definitions;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use cloud::identity::AccountId;
use e2e::route::{DESTINATION_BUCKET, MANIFEST_BUCKET, SOURCE_BUCKET};
use e2e::template::Template;
use jiff::Timestamp;
use serde_json::Value as Json;
use serde_yaml_ng::Value;
use transship::cost::{Cost, Money};
use transship::ledger::RunRecord;
use transship::notice::{of_findings, of_route, of_run};

/// Those that are invoked asynchronously. copy-large answers the job that invokes it; what it cannot copy is in the run's notice.
const FUNCTIONS: [&str; 3] = ["CreateJob", "SettleJob", "Setup"];

const TEXT: &str = include_str!("../../../template.yaml");

/// The template as it is written, conditions and all.
fn written() -> Value {
    serde_yaml_ng::from_str(TEXT).unwrap()
}

/// The template as CloudFormation would resolve it for the route `demo`.
fn deployed(parameters: &[(&str, &str)]) -> Template {
    let account = AccountId::source();
    let mut all = vec![
        ("Route", "demo"),
        ("SourceAccountId", account.as_str()),
        ("SourceBucket", SOURCE_BUCKET),
        ("DestinationBucket", DESTINATION_BUCKET),
        ("ManifestBucketName", MANIFEST_BUCKET),
    ];
    all.extend_from_slice(parameters);
    Template::read(TEXT, AccountId::destination().as_str(), cloud::REGION, &all).unwrap()
}

/// The names of the template's resources of a type.
fn resources(kind: &str) -> Vec<String> {
    let template = written();
    let resources = template["Resources"].as_mapping().unwrap().iter();
    let of_kind = resources.filter(|(_, resource)| resource["Type"] == kind);
    of_kind.map(|(name, _)| name.as_str().unwrap().to_owned()).collect()
}

/// Every alarm's properties, resolved, by its resource's name.
fn alarms(parameters: &[(&str, &str)]) -> BTreeMap<String, Json> {
    let template = deployed(parameters);
    let alarms = resources("AWS::CloudWatch::Alarm").into_iter();
    alarms.map(|name| (name.clone(), template.properties(&name).unwrap())).collect()
}

fn dashboard(template: &Value) -> Json {
    let Value::Tagged(body) = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"] else {
        return Json::Null;
    };
    serde_json::from_str(body.value.as_str().unwrap()).unwrap()
}

/// Names of the metrics that settle-job emits.
fn measured() -> BTreeSet<&'static str> {
    let now = Timestamp::now();
    let mut record: RunRecord = e2e::status::example_record().unwrap();
    record.cost = Some(Cost {
        total: Money::from_billionths(1),
        items: Vec::new(),
        objects: 1,
        bytes: 1,
        restored: transship::plan::Count::default(),
        prices_as_of: "2026-11-01".to_owned(),
        prices_overridden: false,
    });
    let mut measured = of_run(&record);
    measured.extend(of_route(Some("2025-06-02T01-00Z"), Some(now), now));
    measured.extend(of_findings([]));
    measured.iter().map(|metric| metric.name).collect()
}

/// A metric of another name is no error in CloudWatch: its alarm never goes off, its graph stays empty.
#[test]
fn alarms_and_dashboard_look_at_metrics_that_are_measured() {
    let dashboard = dashboard(&written());
    let widgets = dashboard["widgets"].as_array().unwrap();
    let metrics = widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array()).flatten();
    let shown: BTreeSet<&str> =
        metrics.filter(|metric| metric[0] == "Transship").map(|metric| metric[1].as_str().unwrap()).collect();
    assert_eq!(shown, measured(), "the dashboard shows all that is measured, and nothing else");
    let alarms = alarms(&[]);
    // What log lines are counted as has no dimension.
    let ours =
        alarms.values().filter(|alarm| alarm["Namespace"] == "Transship" && alarm["Dimensions"][0]["Name"] == "Route");
    let alarmed: BTreeSet<&str> = ours.map(|alarm| alarm["MetricName"].as_str().unwrap()).collect();
    let wanted = ["ObjectsFailed", "OtherFindings", "ReportMissing", "RunOpenTooLong", "RunsFailed"];
    assert_eq!(alarmed, BTreeSet::from(wanted));
    assert!(alarmed.is_subset(&measured()), "{alarmed:?}");
}

#[test]
fn the_dashboard_shows_every_alarm() {
    let template = written();
    let dashboard = dashboard(&template).to_string();
    for name in resources("AWS::CloudWatch::Alarm") {
        let Value::Tagged(called) = &template["Resources"][&name]["Properties"]["AlarmName"] else {
            unreachable!("{name} is called after its route")
        };
        let arn = format!(":alarm:{}\"", called.value.as_str().unwrap());
        assert!(dashboard.contains(&arn), "{name}");
    }
}

#[test]
fn every_function_keeps_what_it_gives_up() {
    let template = written();
    for function in FUNCTIONS {
        let invoke = &template["Resources"][function]["Properties"]["EventInvokeConfig"];
        let Value::Tagged(queue) = &invoke["DestinationConfig"]["OnFailure"]["Destination"] else {
            unreachable!("{function} has no queue for what it gives up")
        };
        assert_eq!(queue.value, format!("{function}Failures.Arn"));
        assert_eq!(template["Resources"][format!("{function}Failures")]["Type"], "AWS::SQS::Queue");
    }
}

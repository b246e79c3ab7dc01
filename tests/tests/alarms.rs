//! What template.yaml's alarms and dashboard look at: what the functions measure, each condition with one page.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, WholeFailure};
use e2e::route::{Route, SOURCE_BUCKET};
use jiff::Timestamp;
use serde_json::Value as Json;
use serde_yaml_ng::Value;
use transship::cost::{Cost, Money};
use transship::ledger::RunRecord;
use transship::notice::{of_findings, of_route, of_run};

/// Those that are invoked asynchronously. copy-large answers the job that invokes it; what it cannot copy is in the run's notice.
const FUNCTIONS: [&str; 3] = ["CreateJob", "SettleJob", "Setup"];

fn template() -> Value {
    serde_yaml_ng::from_str(include_str!("../../template.yaml")).unwrap()
}

/// Every alarm's properties, by its resource's name.
fn alarms(template: &Value) -> BTreeMap<String, Value> {
    let resources = template["Resources"].as_mapping().unwrap().iter();
    resources
        .filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm")
        .map(|(name, resource)| (name.as_str().unwrap().to_owned(), resource["Properties"].clone()))
        .collect()
}

/// Which topics an alarm goes to.
fn pages(alarm: &Value) -> &'static str {
    let actions = serde_yaml_ng::to_string(&alarm["AlarmActions"]).unwrap();
    match (actions.contains("NoticeTopic"), actions.contains("AlarmTopicArn")) {
        (true, true) => "whoever looks after the route",
        (false, true) => "AlarmTopicArn alone",
        _ => "nobody",
    }
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
    let template = template();
    let dashboard = dashboard(&template);
    let widgets = dashboard["widgets"].as_array().unwrap();
    let metrics = widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array()).flatten();
    let shown: BTreeSet<&str> =
        metrics.filter(|metric| metric[0] == "Transship").map(|metric| metric[1].as_str().unwrap()).collect();
    assert_eq!(shown, measured(), "the dashboard shows all that is measured, and nothing else");
    let alarms = alarms(&template);
    let ours = alarms.values().filter(|alarm| alarm["Namespace"] == "Transship" && alarm["MetricName"].is_string());
    // The name of what a log line is counted as has the route in it.
    let alarmed: BTreeSet<&str> =
        ours.map(|alarm| alarm["MetricName"].as_str().unwrap()).filter(|name| !name.contains('$')).collect();
    let wanted = ["ObjectsFailed", "OtherFindings", "ReportMissing", "RunOpenTooLong", "RunsFailed"];
    assert_eq!(alarmed, BTreeSet::from(wanted));
    assert!(alarmed.is_subset(&measured()), "{alarmed:?}");
}

#[test]
fn the_dashboard_shows_every_alarm() {
    let template = template();
    let dashboard = dashboard(&template).to_string();
    for (name, alarm) in alarms(&template) {
        let Value::Tagged(called) = &alarm["AlarmName"] else { unreachable!("{name} is called after its route") };
        let arn = format!(":alarm:{}\"", called.value.as_str().unwrap());
        assert!(dashboard.contains(&arn), "{name}");
    }
}

#[test]
fn every_function_keeps_what_it_gives_up_and_each_condition_pages_once() {
    let template = template();
    let (resources, alarms) = (&template["Resources"], alarms(&template));
    for function in FUNCTIONS {
        let invoke = &resources[function]["Properties"]["EventInvokeConfig"];
        let Value::Tagged(queue) = &invoke["DestinationConfig"]["OnFailure"]["Destination"] else {
            unreachable!("{function} has no queue for what it gives up")
        };
        assert_eq!(queue.value, format!("{function}Failures.Arn"));
        for (alarm, metric, paged) in [
            ("Failures", "ApproximateNumberOfMessagesVisible", "whoever looks after the route"),
            ("Undelivered", "DestinationDeliveryFailures", "whoever looks after the route"),
            ("Errors", "Errors", "nobody"),
            ("Dropped", "AsyncEventsDropped", "nobody"),
        ] {
            let found = &alarms[&format!("{function}{alarm}Alarm")];
            assert_eq!((found["MetricName"].as_str(), pages(found)), (Some(metric), paged), "{function} {alarm}");
        }
    }
    assert_eq!(pages(&alarms["SettleJobSilentAlarm"]), "whoever looks after the route");
    assert_eq!(alarms["SettleJobSilentAlarm"]["TreatMissingData"], "breaching");
    // What settle-job tells in notices pages whoever has a topic for alarms, and nobody twice.
    let of_runs = ["RunFailedAlarm", "ObjectsFailedAlarm", "CreateJobRefusalsAlarm"];
    let of_findings = ["OpenRunAlarm", "MissingReportAlarm", "FindingsAlarm"];
    for told in of_runs.iter().chain(&of_findings) {
        assert_eq!(pages(&alarms[*told]), "AlarmTopicArn alone", "{told}");
    }
    // Every look says how these stand; that there was none between says nothing.
    for lasting in of_findings {
        assert_eq!(alarms[lasting]["TreatMissingData"], "ignore", "{lasting}");
    }
    // It is never tried again, so it cannot fail three times for one event.
    assert_eq!(alarms["SetupErrorsAlarm"]["Threshold"], 1);
}

/// A route on the local cloud, its alarms, and how much of settle-job's log has been looked at.
struct Watched {
    route: Route,
    alarms: BTreeMap<String, Value>,
    lines: usize,
}

impl Watched {
    async fn new() -> Self {
        let route = Route::set_up(&[]).await.unwrap();
        Self { route, alarms: alarms(&template()), lines: 0 }
    }

    /// Turns the clock; then a report comes if one is to, and the schedule.
    async fn look(&self, hours: i64, report: bool) {
        self.route.cloud.clock().turn(hours * 3600);
        if report {
            let key = format!("object {hours} {}", self.lines);
            self.route.source.s3.put_object().bucket(SOURCE_BUCKET).key(key).send().await.unwrap();
            self.route.deliver().await.unwrap();
            self.route.cloud.activity().settled().await;
        }
        self.route.settle_job().await.unwrap().unwrap();
        self.route.cloud.activity().settled().await;
    }

    /// Which alarms on metrics go off by what settle-job has written since the last time, and whether it has looked at all.
    fn going_off(&self) -> (BTreeSet<&str>, bool) {
        let lines = self.route.cloud.functions().logs("settle-job").split_off(self.lines);
        let documents: Vec<Json> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let values = |metric: &str| -> Vec<f64> {
            let namespace = serde_json::json!("Transship");
            let ours = documents.iter().filter(|document| {
                let said = &document["_aws"]["CloudWatchMetrics"][0];
                said["Namespace"] == namespace
                    && said["Dimensions"] == serde_json::json!([["Route"]])
                    && said["Metrics"][0]["Name"] == metric
                    && document["Route"] == "demo"
            });
            ours.map(|document| document[metric].as_f64().unwrap()).collect()
        };
        let goes_off = |alarm: &&Value| {
            let values = values(alarm["MetricName"].as_str().unwrap_or_default());
            let value = match alarm["Statistic"].as_str().unwrap() {
                "Sum" => values.iter().sum(),
                _ => values.into_iter().fold(0.0, f64::max),
            };
            value > alarm["Threshold"].as_f64().unwrap()
        };
        let of_route = self.alarms.iter().filter(|(_, alarm)| alarm["Dimensions"][0]["Name"] == "Route");
        let found = of_route.filter(|(_, alarm)| goes_off(alarm)).map(|(name, _)| name.as_str()).collect();
        (found, !values("OtherFindings").is_empty())
    }

    /// Lines may come a moment after the answer.
    async fn only(&mut self, expected: &[&str]) {
        let expected = (expected.iter().copied().collect(), true);
        for _ in 0..100 {
            if self.going_off() == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.going_off(), expected, "{:#?}", self.route.cloud.functions().logs("settle-job"));
        self.lines = self.route.cloud.functions().logs("settle-job").len();
    }
}

/// From the function's log lines to the alarm, as CloudWatch would read them: namespace, dimension, name, threshold.
#[tokio::test]
async fn alarms_go_off_by_what_settle_job_writes() {
    let mut watched = Watched::new().await;
    watched.look(0, false).await;
    watched.only(&[]).await;
    watched.look(49, false).await;
    watched.only(&["MissingReportAlarm"]).await;
    let whole = WholeFailure { after: 0, code: "X", reason: "by the test" };
    watched.route.cloud.jobs().script(move |_| JobScript { fails: Some(whole.clone()), ..JobScript::default() });
    watched.look(1, true).await;
    watched.only(&["RunFailedAlarm"]).await;
    let refused = TaskFailure { status: 403, code: "AccessDenied".to_owned(), message: "by the test".to_owned() };
    let task = move |_: &str| Some(refused.clone());
    let task = Arc::new(task);
    watched.route.cloud.jobs().script(move |_| JobScript { tasks: Some(task.clone()), ..JobScript::default() });
    watched.look(24, true).await;
    watched.only(&["ObjectsFailedAlarm"]).await;
    watched.route.cloud.jobs().script(|_| JobScript { stays_active: true, ..JobScript::default() });
    watched.look(24, true).await;
    watched.only(&[]).await;
    watched.look(25, false).await;
    watched.only(&["OpenRunAlarm"]).await;
}

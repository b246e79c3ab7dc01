//! From what the functions write to the alarms that go off by it, as CloudWatch would read it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, WholeFailure};
use e2e::route::{Route, SOURCE_BUCKET};
use serde_json::{Value as Json, json};

use super::{alarms, deployed};

/// A route on the local cloud, its alarms, and how much of settle-job's log has been looked at.
struct Watched {
    route: Route,
    alarms: BTreeMap<String, Json>,
    lines: usize,
}

impl Watched {
    async fn new() -> Self {
        let route = Route::set_up(&[]).await.unwrap();
        Self { route, alarms: alarms(&[]), lines: 0 }
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

    /// Which alarms on metrics of the route go off by what settle-job has written since the last time, and whether it has looked at all.
    fn going_off(&self) -> (BTreeSet<&str>, bool) {
        let lines = self.route.cloud.functions().logs("settle-job").split_off(self.lines);
        let documents: Vec<Json> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let values = |namespace: &Json, dimension: &Json, metric: &str| -> Vec<f64> {
            let ours = documents.iter().filter(|document| {
                let said = &document["_aws"]["CloudWatchMetrics"][0];
                said["Namespace"] == *namespace
                    && said["Dimensions"] == json!([[dimension["Name"]]])
                    && said["Metrics"][0]["Name"] == metric
                    && dimension["Name"].as_str().is_some_and(|name| document[name] == dimension["Value"])
            });
            ours.map(|document| document[metric].as_f64().unwrap()).collect()
        };
        let goes_off = |alarm: &Json| {
            let metric = alarm["MetricName"].as_str().unwrap();
            let values = values(&alarm["Namespace"], &alarm["Dimensions"][0], metric);
            if values.is_empty() {
                return alarm["TreatMissingData"] == "breaching";
            }
            let value: f64 = match alarm["Statistic"].as_str().unwrap() {
                "Sum" => values.iter().sum(),
                "Maximum" => values.into_iter().fold(f64::MIN, f64::max),
                other => panic!("{other}"),
            };
            let threshold = alarm["Threshold"].as_f64().unwrap();
            match alarm["ComparisonOperator"].as_str().unwrap() {
                "GreaterThanThreshold" => value > threshold,
                "GreaterThanOrEqualToThreshold" => value >= threshold,
                "LessThanThreshold" => value < threshold,
                "LessThanOrEqualToThreshold" => value <= threshold,
                other => panic!("{other}"),
            }
        };
        let of_route = self.alarms.iter().filter(|(_, alarm)| alarm["Dimensions"][0]["Name"] == "Route");
        let found = of_route.filter(|(_, alarm)| goes_off(alarm)).map(|(name, _)| name.as_str()).collect();
        let looked = values(&json!("Transship"), &json!({ "Name": "Route", "Value": "demo" }), "OtherFindings");
        (found, !looked.is_empty())
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

/// From the function's log lines to the alarm, as CloudWatch would read them: namespace, dimension, name, statistic, threshold.
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

/// Whether a metric filter's pattern, of the form `{ $.a = "x" && $.b = "y" }`, matches a line.
fn matches(pattern: &str, line: &Json) -> bool {
    let terms = pattern.strip_prefix("{ ").and_then(|rest| rest.strip_suffix(" }")).unwrap();
    terms.split(" && ").all(|term| {
        let (path, value) = term.split_once(" = ").unwrap();
        let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
        line[path.strip_prefix("$.").unwrap()] == value
    })
}

#[tokio::test]
async fn what_create_job_refuses_is_counted_and_nothing_else_is() {
    let template = deployed(&[]);
    let filter = template.properties("CreateJobRefusals").unwrap();
    let log_group = &template.properties("CreateJob").unwrap()["LoggingConfig"]["LogGroup"];
    assert_eq!(filter["LogGroupName"], *log_group, "where create-job writes");
    let alarm = template.properties("CreateJobRefusalsAlarm").unwrap();
    let counted = json!([{
        "MetricNamespace": alarm["Namespace"], "MetricName": alarm["MetricName"], "MetricValue": "1", "Unit": "Count",
    }]);
    assert_eq!(filter["MetricTransformations"], counted, "what the alarm looks at");

    let route = Route::set_up(&[]).await.unwrap();
    let counted = |lines: &[String]| {
        let lines = lines.iter().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        lines.filter(|line| matches(filter["FilterPattern"].as_str().unwrap(), line)).count()
    };
    let log = async |message: &str| {
        for _ in 0..100 {
            let lines = route.cloud.functions().logs("create-job");
            if lines.iter().any(|line| line.contains(message)) {
                return lines;
            }
            // Lines may come a moment after the answer.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{message}: {:#?}", route.cloud.functions().logs("create-job"))
    };
    route.source.s3.put_object().bucket(SOURCE_BUCKET).key("object").send().await.unwrap();
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let mut elsewhere = e2e::events::created(&report, None, None);
    elsewhere["Records"][0]["s3"]["bucket"]["name"] = json!("somebody-elses-bucket");
    route.create_job(&elsewhere).await.unwrap().unwrap();
    let lines = log("\"message\":\"ignored\"").await;
    assert_eq!(counted(&lines), 0, "{lines:#?}");
    route.create_job(&json!({})).await.unwrap().unwrap();
    let lines = log("\"message\":\"refused\"").await;
    assert_eq!(counted(&lines), 1, "{lines:#?}");
}

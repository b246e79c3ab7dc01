//! Each alarm's definition against a table, and the topic that they go to: CloudWatch and SNS accept many a definition that
//! never tells anybody anything.

use std::collections::BTreeMap;

use cloud::identity::AccountId;
use serde_json::{Value as Json, json};

use super::{alarms, deployed, resources, written};

/// `when` is how the statistic of each of so many `periods` of so many seconds compares with the threshold. Whom it pages:
/// `route` whoever looks after the route, which is `AlarmTopicArn` or else the route's own topic; `topic` nobody but
/// `AlarmTopicArn`, as settle-job tells the route's own topic by itself; `nobody` what is told otherwise.
///
/// Every look says how a finding stands: that there was none for an hour ends no alarm (`ignore`). setup is not tried again, so that
/// it cannot fail three times for one event.
const TABLE: &str = "
  alarm                     namespace   metric                              dimension                              statistic  s     periods  when  missing       pages
  SetupFailuresAlarm        AWS/SQS     ApproximateNumberOfMessagesVisible  QueueName=SetupFailures.QueueName      Maximum    300   1        >0    notBreaching  route
  CreateJobFailuresAlarm    AWS/SQS     ApproximateNumberOfMessagesVisible  QueueName=CreateJobFailures.QueueName  Maximum    300   1        >0    notBreaching  route
  SettleJobFailuresAlarm    AWS/SQS     ApproximateNumberOfMessagesVisible  QueueName=SettleJobFailures.QueueName  Maximum    300   1        >0    notBreaching  route
  SetupUndeliveredAlarm     AWS/Lambda  DestinationDeliveryFailures         FunctionName=Setup                     Sum        300   1        >=1   notBreaching  route
  CreateJobUndeliveredAlarm AWS/Lambda  DestinationDeliveryFailures         FunctionName=CreateJob                 Sum        300   1        >=1   notBreaching  route
  SettleJobUndeliveredAlarm AWS/Lambda  DestinationDeliveryFailures         FunctionName=SettleJob                 Sum        300   1        >=1   notBreaching  route
  SetupErrorsAlarm          AWS/Lambda  Errors                              FunctionName=Setup                     Sum        900   1        >=1   notBreaching  nobody
  CreateJobErrorsAlarm      AWS/Lambda  Errors                              FunctionName=CreateJob                 Sum        900   1        >=3   notBreaching  nobody
  SettleJobErrorsAlarm      AWS/Lambda  Errors                              FunctionName=SettleJob                 Sum        900   1        >=3   notBreaching  nobody
  SetupDroppedAlarm         AWS/Lambda  AsyncEventsDropped                  FunctionName=Setup                     Sum        300   1        >=1   notBreaching  nobody
  CreateJobDroppedAlarm     AWS/Lambda  AsyncEventsDropped                  FunctionName=CreateJob                 Sum        300   1        >=1   notBreaching  nobody
  SettleJobDroppedAlarm     AWS/Lambda  AsyncEventsDropped                  FunctionName=SettleJob                 Sum        300   1        >=1   notBreaching  nobody
  SettleJobSilentAlarm      AWS/Lambda  Invocations                         FunctionName=SettleJob                 Sum        3600  3        <1    breaching     route
  CopyLargeErrorsAlarm      AWS/Lambda  Errors                              FunctionName=CopyLarge                 Sum        300   1        >0    notBreaching  topic
  CreateJobRefusalsAlarm    Transship   create-job-refusals-demo            -                                      Sum        300   1        >0    notBreaching  topic
  RunFailedAlarm            Transship   RunsFailed                          Route=demo                             Sum        3600  1        >0    notBreaching  topic
  ObjectsFailedAlarm        Transship   ObjectsFailed                       Route=demo                             Sum        3600  1        >0    notBreaching  topic
  OpenRunAlarm              Transship   RunOpenTooLong                      Route=demo                             Maximum    3600  1        >0    ignore        topic
  MissingReportAlarm        Transship   ReportMissing                       Route=demo                             Maximum    3600  1        >0    ignore        topic
  FindingsAlarm             Transship   OtherFindings                       Route=demo                             Maximum    3600  1        >0    ignore        topic
";

/// Any other property, such as `ActionsEnabled` or `DatapointsToAlarm`, changes when an alarm tells somebody.
const PROPERTIES: [&str; 12] = [
    "AlarmActions",
    "AlarmDescription",
    "AlarmName",
    "ComparisonOperator",
    "Dimensions",
    "EvaluationPeriods",
    "MetricName",
    "Namespace",
    "Period",
    "Statistic",
    "Threshold",
    "TreatMissingData",
];

const PAGER: &str = "arn:aws:sns:us-east-1:222222222222:pager";

/// The row that an alarm makes in the table; `paging` is the alarm where `AlarmTopicArn` is given.
fn row(name: &str, alarm: &Json, paging: &Json) -> String {
    let text = |property: &str| alarm[property].as_str().unwrap_or("-").to_owned();
    let number = |property: &str| alarm[property].to_string();
    let dimensions = alarm["Dimensions"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let dimensions: Vec<String> = dimensions
        .map(|dimension| format!("{}={}", dimension["Name"].as_str().unwrap(), dimension["Value"].as_str().unwrap()))
        .collect();
    let when = match alarm["ComparisonOperator"].as_str() {
        Some("GreaterThanThreshold") => ">",
        Some("GreaterThanOrEqualToThreshold") => ">=",
        Some("LessThanThreshold") => "<",
        _ => "?",
    };
    let notices = format!("arn:aws:sns:{}:{}:transship-demo-notices", cloud::REGION, AccountId::destination());
    let pages = match (&alarm["AlarmActions"], &paging["AlarmActions"]) {
        (own, pager) if *own == json!([notices]) && *pager == json!([PAGER]) => "route",
        (Json::Null, pager) if *pager == json!([PAGER]) => "topic",
        (Json::Null, Json::Null) => "nobody",
        _ => "?",
    };
    [
        name.to_owned(),
        text("Namespace"),
        text("MetricName"),
        if dimensions.is_empty() { "-".to_owned() } else { dimensions.join(",") },
        text("Statistic"),
        number("Period"),
        number("EvaluationPeriods"),
        format!("{when}{}", number("Threshold")),
        text("TreatMissingData"),
        pages.to_owned(),
    ]
    .join(" ")
}

#[test]
fn each_alarm_is_defined_as_the_table_says() {
    let lines = TABLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = lines.filter(|cells| !cells.is_empty()).skip(1);
    let expected: BTreeMap<String, String> = rows.map(|cells| (cells[0].to_owned(), cells.join(" "))).collect();
    let (alarms, paging) = (alarms(&[]), alarms(&[("AlarmTopicArn", PAGER)]));
    let found: BTreeMap<String, String> =
        alarms.iter().map(|(name, alarm)| (name.clone(), row(name, alarm, &paging[name]))).collect();
    assert_eq!(found, expected);
    for (name, alarm) in alarms.iter().chain(&paging) {
        let unknown = alarm.as_object().unwrap().keys().find(|property| !PROPERTIES.contains(&property.as_str()));
        assert_eq!(unknown, None, "{name}");
    }
}

/// What an alarm looks at is there: of another, CloudWatch would never hear.
#[test]
fn functions_and_queues_that_alarms_look_at_are_there() {
    let (functions, queues) = (resources("AWS::Serverless::Function"), resources("AWS::SQS::Queue"));
    for (name, alarm) in alarms(&[]) {
        let dimension = &alarm["Dimensions"][0];
        let value = dimension["Value"].as_str().unwrap_or_default();
        let is_there = match dimension["Name"].as_str() {
            Some("FunctionName") => functions.contains(&value.to_owned()),
            Some("QueueName") => queues.iter().any(|queue| format!("{queue}.QueueName") == value),
            _ => true,
        };
        assert!(is_there, "{name} looks at {value}");
    }
}

/// Without CloudWatch's statement its alarms would not reach the topic; with the AWS managed key of SNS neither.
#[test]
fn the_topic_is_encrypted_with_a_key_that_cloudwatch_may_use_and_no_other_service() {
    let template = deployed(&[]);
    let account = AccountId::destination();
    let key = format!("arn:aws:kms:{}:{account}:NoticeKey", cloud::REGION);
    assert_eq!(template.properties("NoticeTopic").unwrap()["KmsMasterKeyId"], key);
    let key = template.properties("NoticeKey").unwrap();
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        {
            "Sid": "LetThisAccountsPoliciesDecide",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{account}:root") },
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "LetOurAlarmsThrough",
            "Effect": "Allow",
            "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:SourceAccount": account.as_str() } },
        },
    ]});
    assert_eq!((&key["KeyPolicy"], &key["EnableKeyRotation"], key.get("Enabled")), (&policy, &json!(true), None));
    // The policy that a topic has by itself lets this account's alarms and functions publish.
    assert_eq!(resources("AWS::SNS::TopicPolicy"), [""; 0]);
    assert_eq!(written()["Resources"]["NoticeKey"]["Type"], "AWS::KMS::Key");
}

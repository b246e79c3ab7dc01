//! Puts up, in the local cloud's destination account, what `template.yaml` declares: the manifest bucket, `create-job`
//! with its role, environment and triggers. Every value comes from the template.

use aws_sdk_s3::types::{
    BucketVersioningStatus, Event, FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfiguration,
    NotificationConfigurationFilter, S3KeyFilter, VersioningConfiguration,
};
use cloud::Cloud;
use cloud::identity::AccountId;
use cloud::lambda::FunctionSettings;
use serde_json::Value;

use crate::Error;
use crate::clients::Clients;
use crate::template::Template;

/// The template as a user deploys it.
const TEMPLATE: &str = include_str!("../../template.yaml");

/// What was put up.
#[derive(Debug)]
pub struct Stack {
    /// The bucket for inventory reports, plans, reports and the ledger.
    pub manifest_bucket: String,
    /// The copy role that jobs run as; whoever sets up the route makes it.
    pub copy_role_arn: String,
    /// `create-job`'s environment.
    pub environment: std::collections::BTreeMap<String, String>,
}

/// Deploys the template with `parameters`.
pub async fn deploy(cloud: &Cloud, account: &Clients, parameters: &[(&str, &str)]) -> Result<Stack, Error> {
    let template = Template::read(TEMPLATE, AccountId::destination().as_str(), cloud::REGION, parameters)?;
    let manifest_bucket = make_bucket(account, &template.properties("ManifestBucket")?).await?;
    let function = template.properties("CreateJob")?;
    let role = make_role(account, &template.properties("CreateJobRole")?).await?;
    let settings: FunctionSettings = serde_json::from_value(
        serde_json::json!({ "role": role, "environment": function["Environment"]["Variables"] }),
    )?;
    let environment = settings.environment.clone();
    let arn = cloud.functions().configure(cloud, "create-job", settings)?;
    let triggers = triggers(&function["Events"], &arn)?;
    account
        .s3
        .put_bucket_notification_configuration()
        .bucket(&manifest_bucket)
        .notification_configuration(
            NotificationConfiguration::builder().set_lambda_function_configurations(Some(triggers)).build(),
        )
        .send()
        .await?;
    let copy_role_arn = environment.get("COPY_ROLE_ARN").ok_or("create-job is not told its copy role")?.clone();
    Ok(Stack { manifest_bucket, copy_role_arn, environment })
}

async fn make_bucket(account: &Clients, bucket: &Value) -> Result<String, Error> {
    let name = text(&bucket["BucketName"])?;
    account.s3.create_bucket().bucket(&name).send().await?;
    let status = BucketVersioningStatus::from(text(&bucket["VersioningConfiguration"]["Status"])?.as_str());
    let versioning = VersioningConfiguration::builder().status(status).build();
    account.s3.put_bucket_versioning().bucket(&name).versioning_configuration(versioning).send().await?;
    Ok(name)
}

async fn make_role(account: &Clients, role: &Value) -> Result<String, Error> {
    let name = text(&role["RoleName"])?;
    let made = account
        .iam
        .create_role()
        .role_name(&name)
        .assume_role_policy_document(role["AssumeRolePolicyDocument"].to_string())
        .send()
        .await?;
    for policy in role["Policies"].as_array().into_iter().flatten() {
        account
            .iam
            .put_role_policy()
            .role_name(&name)
            .policy_name(text(&policy["PolicyName"])?)
            .policy_document(policy["PolicyDocument"].to_string())
            .send()
            .await?;
    }
    Ok(made.role().ok_or("IAM made no role")?.arn().to_owned())
}

fn triggers(events: &Value, function: &str) -> Result<Vec<LambdaFunctionConfiguration>, Error> {
    let mut triggers = Vec::new();
    for (name, event) in events.as_object().ok_or("the function has no events")? {
        let properties = &event["Properties"];
        let mut filter = S3KeyFilter::builder();
        for rule in properties["Filter"]["S3Key"]["Rules"].as_array().into_iter().flatten() {
            let rule_name = FilterRuleName::from(text(&rule["Name"])?.as_str());
            filter = filter.filter_rules(FilterRule::builder().name(rule_name).value(text(&rule["Value"])?).build());
        }
        triggers.push(
            LambdaFunctionConfiguration::builder()
                .id(name)
                .lambda_function_arn(function)
                .events(Event::from(text(&properties["Events"])?.as_str()))
                .filter(NotificationConfigurationFilter::builder().key(filter.build()).build())
                .build()?,
        );
    }
    Ok(triggers)
}

fn text(value: &Value) -> Result<String, Error> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("the template has {value} where a text belongs").into())
}

//! Deploys `source-account.yaml` and `template.yaml` on the local cloud, as `sam deploy` would: the manifest bucket, the
//! functions with their roles, environments and triggers, and the custom resource. Every value comes from the templates.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    BucketVersioningStatus, Event, FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfiguration,
    NotificationConfigurationFilter, S3KeyFilter, VersioningConfiguration,
};
use cloud::Cloud;
use cloud::cloudformation::CustomResource;
use cloud::identity::AccountId;
use cloud::lambda::FunctionSettings;
use serde_json::Value;

use crate::Error;
use crate::clients::Clients;
use crate::template::{STACK_ID, Template};

/// The destination account's template, as a user deploys it.
const DESTINATION: &str = include_str!("../../template.yaml");
/// The source account's.
const SOURCE: &str = include_str!("../../source-account.yaml");
/// What setup has to present to the source account's role.
const EXTERNAL_ID: &str = "an-external-id-of-the-demo";

/// What was put up.
#[derive(Debug)]
pub struct Stack {
    /// The bucket for inventory reports, plans, reports and the ledger.
    pub manifest_bucket: String,
    /// The copy role that jobs run as; setup makes it.
    pub copy_role_arn: String,
    /// `create-job`'s environment.
    pub environment: BTreeMap<String, String>,
    /// `Custom::CopyRoute`, with which CloudFormation calls setup.
    pub route: CustomResource,
}

/// Deploys source-account.yaml in the source account, so that setup may do its part there; its role's ARN.
pub async fn deploy_source(account: &Clients, route: &str, bucket: &str) -> Result<String, Error> {
    let destination = AccountId::destination();
    let parameters = [
        ("Route", route),
        ("SourceBucket", bucket),
        ("DestinationAccountId", destination.as_str()),
        ("ExternalId", EXTERNAL_ID),
        // By default it holds a part of the stack's id.
        ("RoleName", "transship-demo-source-access"),
    ];
    let template = Template::read(SOURCE, AccountId::source().as_str(), cloud::REGION, &parameters)?;
    make_role(account, &template.properties("SourceAccess")?).await
}

/// Deploys template.yaml in the destination account with `parameters`. CloudFormation creates what the template declares,
/// then the custom resource.
pub async fn deploy(
    cloud: &Cloud,
    account: &Clients,
    access_role: &str,
    parameters: &[(&str, &str)],
) -> Result<Stack, Error> {
    let mut all = vec![("SourceAccessRoleArn", access_role), ("SourceAccessExternalId", EXTERNAL_ID)];
    all.extend_from_slice(parameters);
    let template = Template::read(DESTINATION, AccountId::destination().as_str(), cloud::REGION, &all)?;
    let manifest_bucket = make_bucket(account, &template.properties("ManifestBucket")?).await?;
    let topic = template.properties("NoticeTopic")?;
    let topic_arn = cloud::sns::topic_arn(&AccountId::destination(), &text(&topic["TopicName"])?);
    cloud.topics().put(&topic_arn, topic["KmsMasterKeyId"].as_str());
    attach(cloud, account, &template, "setup", "Setup").await?;
    let environment = attach(cloud, account, &template, "create-job", "CreateJob").await?;
    attach(cloud, account, &template, "settle-job", "SettleJob").await?;
    // A job names it by its ARN, which setup lets the copy role invoke: so it is here under its whole name.
    let name = template.properties("CopyLarge")?["FunctionName"].as_str().unwrap_or_default().to_owned();
    if let Some(binary) =
        tokio::task::spawn_blocking(cloud::lambda::binaries::build_or_find).await??.remove("copy-large")
    {
        cloud.functions().attach(&name, binary);
    }
    attach(cloud, account, &template, &name, "CopyLarge").await?;
    let mut triggers = Vec::new();
    for (name, resource) in [("create-job", "CreateJob"), ("settle-job", "SettleJob")] {
        let events = &template.properties(resource)?["Events"];
        triggers.extend(self::triggers(events, &cloud::lambda::function_arn(name))?);
    }
    let notifications = NotificationConfiguration::builder().set_lambda_function_configurations(Some(triggers)).build();
    let put = account.s3.put_bucket_notification_configuration().bucket(&manifest_bucket);
    put.notification_configuration(notifications).send().await?;
    let copy_role_arn = environment.get("COPY_ROLE_ARN").ok_or("create-job is not told its copy role")?.clone();
    let mut route = CustomResource::new("transship-demo", "setup", "Custom::CopyRoute");
    STACK_ID.clone_into(&mut route.stack_id);
    let mut properties = template.properties("CopyRoute")?;
    properties["ManifestBucket"] = manifest_bucket.clone().into();
    route.create(cloud, properties).await?;
    Ok(Stack { manifest_bucket, copy_role_arn, environment, route })
}

/// Makes a function's role and gives the function its settings; its environment.
async fn attach(
    cloud: &Cloud,
    account: &Clients,
    template: &Template,
    name: &str,
    resource: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let function = template.properties(resource)?;
    let role_resource = format!("{resource}Role");
    let properties = template.properties(&role_resource)?;
    let role = make_role(account, &properties).await?;
    for policy in template.managed_policies(&role_resource)? {
        put_policy(account, &text(&properties["RoleName"])?, &policy.physical_id, &policy.document).await?;
    }
    let mut environment = function["Environment"]["Variables"].clone();
    for value in environment.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if let Some(here) = value.as_str().and_then(by_binary) {
            *value = here.into();
        }
    }
    let settings: FunctionSettings =
        serde_json::from_value(serde_json::json!({ "role": role, "environment": environment }))?;
    let environment = settings.environment.clone();
    cloud.functions().configure(cloud, name, settings)?;
    if let Some(config) = function.get("EventInvokeConfig") {
        cloud.functions().set_event_invoke_config(name, serde_json::from_value(config.clone())?);
    }
    Ok(environment)
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
        .set_path(role["Path"].as_str().map(str::to_owned))
        .assume_role_policy_document(role["AssumeRolePolicyDocument"].to_string())
        .send()
        .await?;
    for policy in role["Policies"].as_array().into_iter().flatten() {
        let document = &policy["PolicyDocument"];
        put_policy(account, &name, &text(&policy["PolicyName"])?, document).await?;
        if let Some(here) = of_functions_here(document) {
            put_policy(account, &name, "functions-of-the-local-cloud", &here).await?;
        }
    }
    Ok(made.role().ok_or("IAM made no role")?.arn().to_owned())
}

/// The local cloud calls functions by their binaries: what the template calls `transship-demo-setup` is `setup` there.
fn by_binary(name: &str) -> Option<&str> {
    let binary = name.strip_prefix("transship-demo-")?;
    cloud::lambda::binaries::FUNCTIONS.contains(&binary).then_some(binary)
}

/// What a policy allows of the template's functions, allowed of the local cloud's; none if it speaks of none.
fn of_functions_here(document: &Value) -> Option<Value> {
    let statements = document["Statement"].as_array()?.iter();
    let invoke = |statement: &&Value| statement["Action"] == "lambda:InvokeFunction";
    let statements: Vec<Value> = statements.filter(invoke).cloned().collect();
    let document = serde_json::json!({ "Version": "2012-10-17", "Statement": statements });
    let here = document.to_string().replace(":function:transship-demo-", ":function:");
    if statements.is_empty() { None } else { serde_json::from_str(&here).ok() }
}

/// The local cloud has inline policies only: a managed one is put as such, under its own name.
async fn put_policy(account: &Clients, role: &str, name: &str, document: &Value) -> Result<(), Error> {
    let put = account.iam.put_role_policy().role_name(role).policy_name(name);
    put.policy_document(document.to_string()).send().await?;
    Ok(())
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

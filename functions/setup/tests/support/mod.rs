//! Two accounts with a route's buckets and roles, and setup attached: what every test of the real binary begins with.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy.toml excuses tests, but not the functions they share")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloud::Cloud;
use cloud::cloudformation::{Answer, CustomResource, StackError};
use cloud::front::{self, Fault, Seen, Server};
use cloud::identity::AccountId;
use cloud::lambda::{FunctionSettings, Limits, Outcome};
use e2e::clients::Clients;
use e2e::template::{ManagedPolicy, Template};
use serde_json::{Value, json};

pub(crate) const DESTINATION_ACCOUNT: &str = include_str!("../../../../template.yaml");
pub(crate) const SOURCE_ACCOUNT: &str = include_str!("../../../../source-account.yaml");
pub(crate) const COPY_ROLE: &str = "transship-photos-copy";
pub(crate) const EXTERNAL_ID: &str = "a-secret-of-ours";
const SETUP_ROLE: &str = "transship-photos-setup";
const CREATE_JOB_ROLE: &str = "transship-photos-create-job";

pub(crate) struct World {
    pub(crate) cloud: Cloud,
    _server: Server,
    pub(crate) source: Clients,
    pub(crate) destination: Clients,
    pub(crate) stack: CustomResource,
    /// What CloudFormation calls the managed policies that are attached to setup's role, with their documents.
    attached: Vec<ManagedPolicy>,
    /// What goes wrong while setup works, and only then.
    faults: Mutex<Option<Script>>,
}

type Script = Arc<dyn Fn(&Seen) -> Fault + Send + Sync>;

impl World {
    /// Both accounts with their buckets, the source account's role by its template, and setup attached.
    pub(crate) async fn new() -> Self {
        let cloud = Cloud::new();
        cloud.functions().attach("setup", PathBuf::from(env!("CARGO_BIN_EXE_setup")));
        let server = front::serve(&cloud, 0).await.unwrap();
        let source = Clients::new(&cloud, &cloud.iam().account_keys(&AccountId::source())).await.unwrap();
        let destination = Clients::new(&cloud, &cloud.iam().account_keys(&AccountId::destination())).await.unwrap();
        for bucket in ["vendor-photos", "vendor-archive"] {
            source.s3.create_bucket().bucket(bucket).send().await.unwrap();
        }
        for bucket in ["our-photos", "photos-manifests"] {
            destination.s3.create_bucket().bucket(bucket).send().await.unwrap();
        }
        // So short that a denied call is not doubted for long.
        let limits = Limits { timeout: Duration::from_secs(25), ..Limits::default() };
        cloud.functions().set_limits("setup", limits);
        let stack = CustomResource::new("photos", "setup", "Custom::CopyRoute");
        let mut world =
            Self { cloud, _server: server, source, destination, stack, attached: Vec::new(), faults: Mutex::default() };
        let role = destination_account(&properties()).properties("SetupRole").unwrap();
        assert_eq!(role["RoleName"], SETUP_ROLE);
        let own = &role["Policies"][0]["PolicyDocument"];
        world.make_role(&world.destination, SETUP_ROLE, &role["AssumeRolePolicyDocument"], own).await;
        // The source bucket's policy names it, and S3 refuses a principal that is not there.
        let nothing =
            json!({ "Version": "2012-10-17", "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*" } });
        world.make_role(&world.destination, CREATE_JOB_ROLE, &role["AssumeRolePolicyDocument"], &nothing).await;
        world.attached = world.attach(&properties()).await;
        for bucket in ["vendor-photos", "vendor-archive"] {
            world.make_source_access(bucket).await;
        }
        world.configure(&[]);
        world
    }

    /// Creates the stack: setup's role as the template has it for these parameters, then the custom resource.
    pub(crate) async fn create(&mut self, properties: Value) -> Result<Answer, StackError> {
        let attached = self.attach(&properties).await;
        let before = std::mem::replace(&mut self.attached, attached);
        self.detach(&before).await;
        self.begin_faults();
        let ended = self.stack.create(&self.cloud, properties).await;
        self.cloud.faults().clear();
        ended
    }

    /// Updates the stack as CloudFormation does. What needs replacement is there twice while the custom resource is
    /// updated, and while that is rolled back; the clean-up afterwards takes one of the two away.
    pub(crate) async fn update(&mut self, properties: Value) -> Result<Answer, StackError> {
        let attached = self.attach(&properties).await;
        self.begin_faults();
        let ended = self.stack.update(&self.cloud, properties).await;
        self.cloud.faults().clear();
        match &ended {
            Ok(_) => {
                let before = std::mem::replace(&mut self.attached, attached);
                self.detach(&before).await;
            }
            Err(StackError::RolledBack(_)) => self.detach(&attached).await,
            // UPDATE_ROLLBACK_FAILED: nothing is cleaned up before somebody continues.
            Err(StackError::Stuck(_)) => {}
        }
        ended
    }

    /// Deletes the stack.
    pub(crate) async fn delete(&mut self) -> Result<(), StackError> {
        self.begin_faults();
        let ended = self.stack.delete(&self.cloud).await;
        self.cloud.faults().clear();
        ended
    }

    /// From now on this becomes of the requests during Create, Update and Delete, counted anew for each.
    pub(crate) fn script(&self, script: impl Fn(&Seen) -> Fault + Send + Sync + 'static) {
        *self.faults.lock().unwrap() = Some(Arc::new(script));
    }

    /// No more faults.
    pub(crate) fn no_faults(&self) {
        *self.faults.lock().unwrap() = None;
    }

    fn begin_faults(&self) {
        if let Some(script) = self.faults.lock().unwrap().clone() {
            self.cloud.faults().script(move |seen| script(seen));
        }
    }

    /// Attaches what the template attaches to setup's role for these parameters.
    async fn attach(&self, properties: &Value) -> Vec<ManagedPolicy> {
        let template = destination_account(properties);
        let own = &template.properties("SetupRole").unwrap()["Policies"];
        let first = &destination_account(&self::properties()).properties("SetupRole").unwrap()["Policies"];
        assert_eq!(own, first, "the role's own policies change before setup is called, so they name no parameter");
        let policies = template.managed_policies("SetupRole").unwrap();
        for policy in &policies {
            // One that is there already is changed in place, before setup is called: that it must never need.
            for before in self.attached.iter().filter(|before| before.physical_id == policy.physical_id) {
                assert_eq!(
                    before.document, policy.document,
                    "changed in place: the description leaves out a parameter"
                );
            }
            let put = self.destination.iam.put_role_policy().role_name(SETUP_ROLE).policy_name(&policy.physical_id);
            put.policy_document(policy.document.to_string()).send().await.unwrap();
        }
        policies
    }

    /// Takes away what is not attached any more.
    async fn detach(&self, policies: &[ManagedPolicy]) {
        for policy in policies.iter().filter(|policy| !self.attached.contains(policy)) {
            let delete = self.destination.iam.delete_role_policy().role_name(SETUP_ROLE);
            delete.policy_name(&policy.physical_id).send().await.unwrap();
        }
    }

    pub(crate) async fn make_role(&self, account: &Clients, name: &str, trust: &Value, policy: &Value) {
        let role = account.iam.create_role().role_name(name).assume_role_policy_document(trust.to_string());
        role.send().await.unwrap();
        self.put_policy(account, name, policy).await;
    }

    pub(crate) async fn put_policy(&self, account: &Clients, role: &str, policy: &Value) {
        let put = account.iam.put_role_policy().role_name(role).policy_name("p").policy_document(policy.to_string());
        put.send().await.unwrap();
    }

    pub(crate) async fn make_source_access(&self, bucket: &str) {
        let name = access_role(bucket);
        let parameters = [
            ("Route", "photos"),
            ("SourceBucket", bucket),
            ("DestinationAccountId", "222222222222"),
            ("ExternalId", EXTERNAL_ID),
            ("RoleName", name.as_str()),
        ];
        let template = Template::read(SOURCE_ACCOUNT, "111111111111", cloud::REGION, &parameters).unwrap();
        let role = template.properties("SourceAccess").unwrap();
        assert_eq!(role["RoleName"], name);
        let policy = &role["Policies"][0]["PolicyDocument"];
        self.make_role(&self.source, &name, &role["AssumeRolePolicyDocument"], policy).await;
    }

    pub(crate) fn configure(&self, environment: &[(&str, &str)]) {
        // A refusal that lasts is not doubted for long.
        let environment = [("PATIENCE_SECONDS", "2")].iter().chain(environment);
        let environment = environment.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let role = "arn:aws:iam::222222222222:role/transship-photos-setup".to_owned();
        self.cloud.functions().configure(&self.cloud, "setup", FunctionSettings { role, environment }).unwrap();
    }

    /// An operator's command, with the parameters as the function's environment.
    pub(crate) async fn command(&self, action: &str, properties: &Value) -> Value {
        let mut environment: BTreeMap<String, String> = transship::setup::PARAMETERS
            .iter()
            .filter_map(|p| Some((p.setting.name.to_owned(), properties.get(p.property)?.as_str()?.to_owned())))
            .collect();
        environment.insert("STACK_ID".to_owned(), self.stack.stack_id.clone());
        let environment: Vec<(&str, &str)> = environment.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        self.configure(&environment);
        let payload = json!({ "action": action }).to_string().into();
        let outcome = self.cloud.functions().invoke(&self.cloud, "setup", action, payload).await.unwrap();
        match outcome {
            Outcome::Success(document) => serde_json::from_slice(&document).unwrap(),
            Outcome::Error(error) => panic!("{}", String::from_utf8_lossy(&error)),
        }
    }

    pub(crate) async fn source_policy(&self, bucket: &str) -> Option<Value> {
        policy(&self.source, bucket).await
    }

    pub(crate) async fn manifest_policy(&self) -> Option<Value> {
        policy(&self.destination, "photos-manifests").await
    }

    /// The inventory's schedule and destination, if it is there.
    pub(crate) async fn inventory(&self, bucket: &str) -> Option<(String, String)> {
        let get = self.source.s3.get_bucket_inventory_configuration().bucket(bucket).id("transship").send().await;
        let found = get.ok()?.inventory_configuration?;
        let to = found.destination?.s3_bucket_destination?;
        Some((found.schedule?.frequency.as_str().to_owned(), to.bucket))
    }

    pub(crate) async fn has_copy_role(&self) -> bool {
        self.destination.iam.get_role().role_name(COPY_ROLE).send().await.is_ok()
    }

    pub(crate) async fn assert_nothing_is_left(&self) {
        assert!(!self.has_copy_role().await);
        assert_eq!(self.manifest_policy().await, None);
        assert_eq!(self.source_policy("vendor-photos").await, None);
        assert_eq!(self.inventory("vendor-photos").await, None);
    }
}

pub(crate) async fn policy(account: &Clients, bucket: &str) -> Option<Value> {
    let got = account.s3.get_bucket_policy().bucket(bucket).send().await.ok()?;
    Some(serde_json::from_str(&got.policy?).unwrap())
}

pub(crate) fn access_role(bucket: &str) -> String {
    format!("access-{bucket}")
}

pub(crate) fn lambda_trust() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole"
    }] })
}

/// The destination account's template with the parameters that lead to these properties of the custom resource.
pub(crate) fn destination_account(properties: &Value) -> Template {
    let parameters = properties.as_object().unwrap().iter().filter(|(name, _)| *name != "ServiceToken");
    let parameters: Vec<(&str, &str)> = parameters
        .map(|(name, value)| {
            let name = if name == "ManifestBucket" { "ManifestBucketName" } else { name };
            (name, value.as_str().unwrap())
        })
        .collect();
    Template::read(DESTINATION_ACCOUNT, "222222222222", cloud::REGION, &parameters).unwrap()
}

/// For a role of which only the being there matters.
pub(crate) fn some_policy() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::our-photos" }
    ] })
}

pub(crate) fn properties() -> Value {
    json!({
        "ServiceToken": "arn:aws:lambda:us-east-1:222222222222:function:setup",
        "Route": "photos",
        "SourceAccountId": "111111111111",
        "SourceBucket": "vendor-photos",
        "DestinationBucket": "our-photos",
        "DestinationRegion": "",
        "ManifestBucket": "photos-manifests",
        "RoleTags": "team=storage",
        "SourceAccessRoleArn": "arn:aws:iam::111111111111:role/access-vendor-photos",
        "SourceAccessExternalId": EXTERNAL_ID
    })
}

pub(crate) fn with(changes: &[(&str, &str)]) -> Value {
    let mut properties = properties();
    for (name, value) in changes {
        properties[name] = json!(value);
    }
    properties
}

/// A statement of somebody else.
pub(crate) fn theirs(bucket: &str) -> Value {
    json!({ "Version": "2008-10-17", "Id": "theirs", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111111111111:root" },
        "Action": "s3:ListBucket", "Resource": format!("arn:aws:s3:::{bucket}")
    } })
}

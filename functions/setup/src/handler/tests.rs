//! What CloudFormation is told, by fixtures of its requests and steps that fail where a test wants them to.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use transship::setup::{Deployment, Step};

use super::*;
use crate::lifecycle::Eager;

const CREATE: &str = include_str!("../../events/create.json");
const UPDATE: &str = include_str!("../../events/update.json");
const DELETE: &str = include_str!("../../events/delete.json");

/// Remembers what is up, and fails at the steps it is told to.
#[derive(Debug, Clone, Default)]
struct Pretended(Arc<Mutex<World>>);

#[derive(Debug, Default)]
struct World {
    calls: Vec<String>,
    up: BTreeSet<String>,
    fails: BTreeSet<String>,
    /// Fails only after it has changed something.
    late: bool,
    panics: bool,
}

impl Pretended {
    fn failing(at: &str) -> Self {
        let pretended = Self::default();
        pretended.0.lock().unwrap().fails.insert(at.to_owned());
        pretended
    }

    fn call(&self, name: &str, change: impl FnOnce(&mut BTreeSet<String>)) -> Result<(), SetupError> {
        let mut world = self.0.lock().unwrap();
        assert!(!world.panics, "as asked for");
        world.calls.push(name.to_owned());
        let fails = world.fails.contains(name);
        if !fails || world.late {
            change(&mut world.up);
        }
        if fails { Err(SetupError::NotPossible(format!("{name} failed"))) } else { Ok(()) }
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    fn up(&self) -> Vec<String> {
        self.0.lock().unwrap().up.iter().cloned().collect()
    }
}

impl Steps for Pretended {
    async fn reach_source(&self, _: &Deployment, _: Eager) -> Result<(), SetupError> {
        self.call("reach", |_| {})
    }

    async fn put_up(
        &self,
        step: Step,
        new: &Deployment,
        _: Option<&Deployment>,
        progress: &Progress,
    ) -> Result<(), SetupError> {
        let late = self.0.lock().unwrap().late;
        let fails = self.0.lock().unwrap().fails.contains(&format!("put {step:?}"));
        if !fails || late {
            progress.touched(step);
        }
        self.call(&format!("put {step:?}"), |up| {
            up.insert(step.what(new));
        })
    }

    async fn take_down(&self, step: Step, deployment: &Deployment) -> Result<(), SetupError> {
        self.call(&format!("take {step:?}"), |up| {
            up.remove(&step.what(deployment));
        })
    }
}

fn event(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

async fn run(steps: &Pretended, event: &Value) -> Outcome {
    let Event::Lifecycle(request, caller) = Event::read(event) else { panic!("not understood") };
    let progress = Arc::new(Progress::default());
    let work = perform(steps.clone(), request, caller.clone(), Arc::clone(&progress));
    settled(&caller, &progress, soon(), work).await
}

fn soon() -> Times {
    let now = Instant::now();
    Times { stop: now + Duration::from_millis(200), end: now + Duration::from_secs(5) }
}

const UP: [&str; 6] = ["put Role", "put ManifestPolicy", "reach", "put SourcePolicy", "reach", "put Inventory"];
const DOWN: [&str; 6] = ["reach", "take Inventory", "reach", "take SourcePolicy", "take ManifestPolicy", "take Role"];

#[tokio::test]
async fn create_puts_up_in_order_and_delete_takes_down_in_reverse() {
    let steps = Pretended::default();
    let created = run(&steps, &event(CREATE)).await;
    assert_eq!(created.failure, None);
    assert_eq!(created.physical_id, "transship-photos");
    assert_eq!(created.data["CopyRoleArn"], "arn:aws:iam::222222222222:role/transship-photos-copy");
    assert_eq!(created.data["HandOff"], "false");
    assert_eq!(steps.calls(), UP);
    let deleted = run(&steps, &event(DELETE)).await;
    assert_eq!((deleted.failure, deleted.physical_id.as_str()), (None, "transship-photos"));
    assert_eq!(steps.calls(), DOWN);
    assert!(steps.up().is_empty());
}

#[tokio::test]
async fn a_create_that_fails_anywhere_leaves_nothing_after_its_rollback() {
    for at in ["put Role", "put ManifestPolicy", "reach", "put SourcePolicy", "put Inventory"] {
        for late in [false, true] {
            let steps = Pretended::failing(at);
            steps.0.lock().unwrap().late = late;
            let created = run(&steps, &event(CREATE)).await;
            assert!(created.failure.unwrap().contains(at), "{at}");
            let mut delete = event(DELETE);
            delete["PhysicalResourceId"] = json!(created.physical_id);
            // What cannot be reached stays so: the rollback does not need it.
            let calls = steps.calls();
            let deleted = run(&steps, &delete).await;
            assert_eq!(deleted.failure, None, "{at} {late} {calls:?}");
            assert_eq!(deleted.physical_id, created.physical_id);
            assert!(steps.up().is_empty(), "{at} {late}: {:?} {}", steps.up(), created.physical_id);
        }
    }
}

#[tokio::test]
async fn a_create_that_touched_nothing_deletes_nothing() {
    let steps = Pretended::default();
    let mut create = event(CREATE);
    create["ResourceProperties"]["SourceAccountId"] = json!("12");
    create["ResourceProperties"]["ManifestBucket"] = json!("our-photos");
    let created = run(&steps, &create).await;
    let reason = created.failure.unwrap();
    assert!(reason.contains("SourceAccountId") && reason.contains("ManifestBucketName"), "{reason}");
    let mut delete = create.clone();
    delete["RequestType"] = json!("Delete");
    delete["PhysicalResourceId"] = json!(created.physical_id);
    assert_eq!(run(&steps, &delete).await.failure, None);
    assert!(steps.calls().is_empty());
}

#[tokio::test]
async fn an_update_puts_up_the_new_before_it_takes_down_the_old() {
    let steps = Pretended::default();
    run(&steps, &event(CREATE)).await;
    steps.calls();
    let updated = run(&steps, &event(UPDATE)).await;
    assert_eq!((updated.failure, updated.physical_id.as_str()), (None, "transship-photos"));
    let mut expected = UP.to_vec();
    expected.extend(["reach", "take Inventory", "reach", "take SourcePolicy"]);
    assert_eq!(steps.calls(), expected);
    assert_eq!(
        steps.up(),
        [
            "inventory configuration transship of source bucket vendor-archive",
            "the copy role arn:aws:iam::222222222222:role/transship-photos-copy",
            "the policy of manifest bucket photos-manifests",
            "the policy of source bucket vendor-archive",
        ]
    );
}

#[tokio::test]
async fn an_update_that_changes_no_thing_takes_nothing_down() {
    let steps = Pretended::default();
    let mut update = event(UPDATE);
    update["ResourceProperties"]["SourceBucket"] = json!("vendor-photos");
    update["ResourceProperties"]["InventoryFrequency"] = json!("Weekly");
    assert_eq!(run(&steps, &update).await.failure, None);
    assert_eq!(steps.calls(), UP);
}

#[tokio::test]
async fn a_failed_update_keeps_its_id_and_its_rollback_restores() {
    let steps = Pretended::default();
    run(&steps, &event(CREATE)).await;
    let before = steps.up();
    steps.0.lock().unwrap().fails.insert("put Inventory".to_owned());
    let update = event(UPDATE);
    let failed = run(&steps, &update).await;
    assert!(failed.failure.is_some());
    assert_eq!(failed.physical_id, "transship-photos");
    steps.0.lock().unwrap().fails.clear();
    let mut rollback = update.clone();
    rollback["ResourceProperties"] = update["OldResourceProperties"].clone();
    rollback["OldResourceProperties"] = update["ResourceProperties"].clone();
    assert_eq!(run(&steps, &rollback).await.failure, None);
    assert_eq!(steps.up(), before);
}

#[tokio::test]
async fn another_route_is_another_resource_and_cloudformation_deletes_the_old_one() {
    let steps = Pretended::default();
    run(&steps, &event(CREATE)).await;
    steps.calls();
    let mut update = event(UPDATE);
    update["ResourceProperties"]["Route"] = json!("pictures");
    let updated = run(&steps, &update).await;
    assert_eq!((updated.failure, updated.physical_id.as_str()), (None, "transship-pictures"));
    assert_eq!(steps.calls(), UP);
    let mut delete = event(DELETE);
    delete["ResourceProperties"] = update["OldResourceProperties"].clone();
    assert_eq!(run(&steps, &delete).await.failure, None);
    assert!(steps.up().iter().all(|up| !up.contains("photos-copy") && !up.contains("vendor-photos")));
}

#[tokio::test]
async fn a_delete_goes_on_after_failures_and_names_them_all() {
    let steps = Pretended::failing("reach");
    steps.0.lock().unwrap().fails.insert("take ManifestPolicy".to_owned());
    let reason = run(&steps, &event(DELETE)).await.failure.unwrap();
    assert_eq!(steps.calls(), ["reach", "take ManifestPolicy", "take Role"]);
    assert!(reason.contains("SourceAccessRoleArn") && reason.contains("take ManifestPolicy failed"), "{reason}");
}

#[tokio::test]
async fn a_hand_off_leaves_the_source_account_alone_and_says_what_to_do() {
    let steps = Pretended::failing("reach");
    let mut create = event(CREATE);
    create["ResourceProperties"]["SourceAccessRoleArn"] = json!("");
    let created = run(&steps, &create).await;
    assert_eq!(created.failure, None);
    assert_eq!(steps.calls(), ["put Role", "put ManifestPolicy"]);
    assert_eq!(created.data["HandOff"], "true");
    assert!(created.data["SourceBucketPolicyStatements"].contains("s3:GetObjectTagging"));
    assert!(created.data["SourceInventoryConfiguration"].contains("photos-manifests"));
    assert!(created.data["HandOffCommand"].contains("transship-photos-setup"));
    assert!(created.data["HandOffRemovalCommand"].ends_with("jq -r .hand_off.removal preview.json"));
}

#[tokio::test]
async fn work_that_hangs_or_panics_is_answered_for() {
    let Event::Lifecycle(_, caller) = Event::read(&event(CREATE)) else { panic!("not understood") };
    let progress = Progress::default();
    progress.doing("waiting for Godot");
    progress.touched(Step::Role);
    let hung = settled(&caller, &progress, soon(), std::future::pending()).await;
    assert!(hung.failure.unwrap().starts_with("timed out while waiting for Godot;"));
    assert_eq!(hung.physical_id, "transship-/failed-with:role");
    let steps = Pretended::default();
    steps.0.lock().unwrap().panics = true;
    let broken = run(&steps, &event(CREATE)).await;
    assert!(broken.failure.unwrap().starts_with("setup broke off while putting up the copy role"));
}

#[test]
fn what_cannot_be_understood_is_answered_when_it_can_be() {
    let mut odd = event(CREATE);
    odd["RequestType"] = json!("Explode");
    let Event::Unclear(caller, why) = Event::read(&odd) else { panic!("understood") };
    let outcome = unclear(&caller, &why);
    assert!(outcome.failure.unwrap().contains("Explode"));
    // The Delete of that rollback is no better understood, and has nothing to delete.
    odd["RequestType"] = json!("Delete");
    odd["PhysicalResourceId"] = json!(outcome.physical_id);
    odd["ResourceProperties"] = json!("none");
    let Event::Unclear(caller, why) = Event::read(&odd) else { panic!("understood") };
    assert_eq!(unclear(&caller, &why).failure, None);

    let mut mute = event(CREATE);
    mute["ResponseURL"] = Value::Null;
    assert!(matches!(Event::read(&mute), Event::Unknown(_)));
    assert!(matches!(Event::read(&json!({})), Event::Unknown(_)));
    assert!(matches!(Event::read(&json!({ "action": "destroy" })), Event::Unknown(_)));
    assert!(matches!(Event::read(&event(include_str!("../../events/preview.json"))), Event::Preview));
    assert!(matches!(Event::read(&event(include_str!("../../events/check.json"))), Event::Check));
}

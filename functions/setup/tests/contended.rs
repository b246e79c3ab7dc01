//! A bucket's policy that others write at the same moment, or that names what is not there, yet or any more.

#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy.toml excuses tests, but not the functions they share")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloud::cloudformation::StackError;
use cloud::front::{Fault, When};
use serde_json::{Value, json};
use support::{COPY_ROLE, World, lambda_trust, properties, some_policy, theirs, with};

/// What becomes of the n-th write of the source bucket's policy, whoever writes it; the counter counts them.
fn at_write(world: &World, fault: impl Fn(usize) -> Fault + Send + Sync + 'static) -> Arc<AtomicUsize> {
    on_source_policy(world, move |operation, n| if operation == "PutBucketPolicy" { fault(n) } else { Fault::None })
}

/// As [`at_write`], at reads as well: these see how many writes there were.
fn on_source_policy(world: &World, fault: impl Fn(&str, usize) -> Fault + Send + Sync + 'static) -> Arc<AtomicUsize> {
    on_source("PutBucketPolicy", world, fault)
}

/// The same with another write.
fn on_source(
    write: &'static str,
    world: &World,
    fault: impl Fn(&str, usize) -> Fault + Send + Sync + 'static,
) -> Arc<AtomicUsize> {
    let writes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&writes);
    world.script(move |seen| {
        if seen.path.trim_end_matches('/') != "/vendor-photos" {
            return Fault::None;
        }
        let is_write = usize::from(seen.operation == write);
        let n = counted.fetch_add(is_write, Ordering::SeqCst) + is_write;
        fault(&seen.operation, n)
    });
    writes
}

/// Somebody else's whole policy, put by one who read the policy before we wrote.
fn somebody_writes(s3: &aws_sdk_s3::Client) -> Fault {
    let s3 = s3.clone();
    let mut policy = theirs("vendor-photos");
    policy["Statement"]["Sid"] = json!("WrittenMeanwhile");
    Fault::Then(Box::pin(async move {
        s3.put_bucket_policy().bucket("vendor-photos").policy(policy.to_string()).send().await.unwrap();
    }))
}

fn refused(status: u16, code: &'static str, message: &'static str) -> Fault {
    Fault::Answer { status, code, message, when: When::Before }
}

/// How many statements are somebody else's, and how many ours.
async fn parties(world: &World) -> (usize, usize) {
    let policy = world.source_policy("vendor-photos").await.unwrap_or_default();
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let (ours, others): (Vec<_>, Vec<_>) =
        statements.into_iter().partition(|s| s["Sid"].as_str().is_some_and(|sid| sid.starts_with("Transship")));
    (others.len(), ours.len())
}

fn state<'a>(report: &'a Value, check: &str) -> &'a Value {
    report["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == check).unwrap()
}

#[tokio::test]
async fn a_write_that_undoes_ours_is_seen_when_we_read_back_and_both_parties_statements_end_up_there() {
    let mut world = World::new().await;
    let s3 = world.source.s3.clone();
    let writes = at_write(&world, move |n| if n == 1 { somebody_writes(&s3) } else { Fault::None });
    world.create(properties()).await.unwrap();
    world.no_faults();
    assert_eq!(writes.load(Ordering::SeqCst), 3, "ours, theirs, ours again");
    assert_eq!(parties(&world).await, (1, 3));
    world.delete().await.unwrap();
    assert_eq!(parties(&world).await, (1, 0));
}

#[tokio::test]
async fn a_write_that_s3_aborts_is_begun_again_with_what_the_other_wrote() {
    let mut world = World::new().await;
    let s3 = world.source.s3.clone();
    // We read, somebody else writes, and S3 refuses our write of what is old by now.
    let writes = on_source_policy(&world, move |operation, n| match (operation, n) {
        ("GetBucketPolicy", 0) => somebody_writes(&s3),
        ("PutBucketPolicy", 2) => refused(
            409,
            "OperationAborted",
            "A conflicting conditional operation is currently in progress against this resource. Please try again.",
        ),
        _ => Fault::None,
    });
    world.create(properties()).await.unwrap();
    world.no_faults();
    assert_eq!(writes.load(Ordering::SeqCst), 3, "theirs, ours aborted, ours");
    assert_eq!(parties(&world).await, (1, 3));
}

/// What S3 shows for a moment after a write: what was there before.
fn stale_reads(operation: &'static str, code: &'static str) -> impl Fn(&str, usize) -> Fault + Send + Sync + 'static {
    let left = AtomicUsize::new(3);
    move |seen, writes| {
        let is_stale = seen == operation
            && writes > 0
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        if is_stale { refused(404, code, "as it was") } else { Fault::None }
    }
}

#[tokio::test]
async fn what_is_read_too_early_is_read_again_before_it_is_written_again() {
    let mut world = World::new().await;
    let writes = on_source_policy(&world, stale_reads("GetBucketPolicy", "NoSuchBucketPolicy"));
    world.create(properties()).await.unwrap();
    assert_eq!(writes.load(Ordering::SeqCst), 1);
    world.no_faults();
    world.delete().await.unwrap();
    let writes = on_source(
        "PutBucketInventoryConfiguration",
        &world,
        stale_reads("GetBucketInventoryConfiguration", "NoSuchConfiguration"),
    );
    world.create(properties()).await.unwrap();
    assert_eq!(writes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_permission_that_is_not_seen_everywhere_yet_is_waited_for_in_every_call() {
    let mut world = World::new().await;
    world.configure(&[("PATIENCE_SECONDS", "20")]);
    for lifecycle in ["create", "delete"] {
        // Each operation is refused at each place at first, as if by a machine that does not know the role's policy yet.
        let seen = std::sync::Mutex::new(std::collections::HashMap::<String, u32>::new());
        world.script(move |request| {
            let mut seen = seen.lock().unwrap();
            let times = seen.entry(format!("{} {}", request.operation, request.path)).or_default();
            *times += 1;
            let message = "no identity-based policy allows it";
            if *times <= 1 { refused(403, "AccessDenied", message) } else { Fault::None }
        });
        match lifecycle {
            "create" => world.create(properties()).await.map(|_| ()).unwrap(),
            _ => world.delete().await.unwrap(),
        }
        world.no_faults();
    }
    world.assert_nothing_is_left().await;
}

/// IAM may not know everywhere yet that the inline policy is gone; and somebody may put another one meanwhile.
#[tokio::test]
async fn a_role_that_cannot_be_deleted_at_once_is_deleted_in_the_end() {
    let mut world = World::new().await;
    world.create(properties()).await.unwrap();
    let iam = world.destination.iam.clone();
    let (gone, deletes) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&deletes);
    world.script(move |seen| match seen.operation.as_str() {
        "DeleteRolePolicy" if gone.fetch_add(1, Ordering::SeqCst) == 0 => {
            let put = iam.put_role_policy().role_name(COPY_ROLE).policy_name("theirs");
            let put = put.policy_document(some_policy().to_string());
            Fault::Then(Box::pin(async move {
                put.send().await.unwrap();
            }))
        }
        // The first is refused by the cloud itself.
        "DeleteRole" if counted.fetch_add(1, Ordering::SeqCst) == 1 => {
            refused(409, "DeleteConflict", "Cannot delete entity, must delete policies first.")
        }
        _ => Fault::None,
    });
    world.delete().await.unwrap();
    assert_eq!(deletes.load(Ordering::SeqCst), 3);
    world.assert_nothing_is_left().await;
}

/// A managed policy that somebody attached is theirs to detach, and they are told so at once.
#[tokio::test]
async fn a_role_with_an_attached_policy_is_not_waited_for() {
    let mut world = World::new().await;
    world.create(properties()).await.unwrap();
    let deletes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&deletes);
    world.script(move |seen| {
        if seen.operation != "DeleteRole" {
            return Fault::None;
        }
        counted.fetch_add(1, Ordering::SeqCst);
        refused(409, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
    });
    let failed = world.delete().await.unwrap_err();
    assert!(failed.to_string().contains("must detach all policies"), "{failed}");
    assert_eq!(deletes.load(Ordering::SeqCst), 1);
}

/// CreateRole says that there is one, and it does not show itself for as long as `hidden` says.
async fn with_a_role_that_hides(hidden: usize) -> (World, Result<(), StackError>, usize) {
    let mut world = World::new().await;
    let limits = cloud::lambda::Limits { timeout: std::time::Duration::from_secs(20), ..Default::default() };
    world.cloud.functions().set_limits("setup", limits);
    let (looks, writes) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&writes);
    let is_made = AtomicUsize::new(0);
    world.script(move |seen| match seen.operation.as_str() {
        "CreateRole" if is_made.fetch_add(1, Ordering::SeqCst) == 0 => Fault::Answer {
            status: 409,
            code: "EntityAlreadyExists",
            message: "by the test",
            // An attempt of ours whose answer was lost, where the role shows itself in the end.
            when: if hidden < 100 { When::After } else { When::Before },
        },
        "GetRole" if (1..=hidden).contains(&looks.fetch_add(1, Ordering::SeqCst)) => {
            refused(404, "NoSuchEntity", "not seen yet")
        }
        "PutRolePolicy" => {
            counted.fetch_add(1, Ordering::SeqCst);
            Fault::None
        }
        _ => Fault::None,
    });
    let ended = world.create(properties()).await.map(|_| ());
    let writes = writes.load(Ordering::SeqCst);
    (world, ended, writes)
}

#[tokio::test]
async fn a_role_that_is_not_proved_ours_is_not_written_to() {
    let (world, ended, writes) = with_a_role_that_hides(3).await;
    assert_eq!((ended, writes), (Ok(()), 1));
    assert!(world.has_copy_role().await);
    let (_, ended, writes) = with_a_role_that_hides(10_000).await;
    let Err(StackError::RolledBack(reason)) = ended else { panic!("{ended:?}") };
    assert!(reason.contains("GetRole does not show it"), "{reason}");
    assert_eq!(writes, 0);
}

#[tokio::test]
async fn a_copy_role_that_s3_does_not_know_yet_is_waited_for() {
    let mut world = World::new().await;
    let writes = at_write(&world, |n| match n {
        1 | 2 => refused(400, "MalformedPolicy", "Invalid principal in policy"),
        _ => Fault::None,
    });
    world.create(properties()).await.unwrap();
    world.no_faults();
    assert_eq!(writes.load(Ordering::SeqCst), 3);
    assert_eq!(parties(&world).await, (0, 3));
}

#[tokio::test]
async fn a_copy_role_that_was_deleted_by_hand_is_reported_as_stale_and_an_update_repairs_it() {
    let mut world = World::new().await;
    world.create(properties()).await.unwrap();
    let before = world.source_policy("vendor-photos").await;
    let iam = &world.destination.iam;
    iam.delete_role_policy().role_name(COPY_ROLE).policy_name("copy").send().await.unwrap();
    iam.delete_role().role_name(COPY_ROLE).send().await.unwrap();
    let report = world.command("check", &properties()).await;
    let stale = state(&report, "source bucket's principals");
    assert_eq!(stale["state"], "wrong", "{report:#}");
    assert!(stale.to_string().contains("AROA"), "{stale}");
    assert_eq!(state(&report, "source bucket's policy")["state"], "wrong", "{report:#}");

    // CloudFormation updates what changes only.
    let changed = with(&[("RoleTags", "team=repair")]);
    world.update(changed.clone()).await.unwrap();
    assert_eq!(world.source_policy("vendor-photos").await, before);
    let report = world.command("check", &changed).await;
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(state(&report, "source bucket's principals")["state"], "ok", "{report:#}");
}

#[tokio::test]
async fn a_deleted_role_in_a_statement_of_others_is_named_and_nothing_is_left_behind() {
    let mut world = World::new().await;
    world.make_role(&world.source, "gone", &lambda_trust(), &some_policy()).await;
    let mut policy = theirs("vendor-photos");
    policy["Statement"]["Principal"] = json!({ "AWS": "arn:aws:iam::111111111111:role/gone" });
    let put = world.source.s3.put_bucket_policy().bucket("vendor-photos").policy(policy.to_string());
    put.send().await.unwrap();
    let iam = &world.source.iam;
    iam.delete_role_policy().role_name("gone").policy_name("p").send().await.unwrap();
    iam.delete_role().role_name("gone").send().await.unwrap();
    let before = world.source_policy("vendor-photos").await;

    let failed = world.create(properties()).await.unwrap_err();
    let StackError::RolledBack(reason) = failed else { panic!("{failed}") };
    assert!(reason.contains("names a deleted role") && reason.contains("AROA"), "{reason}");
    assert_eq!(world.source_policy("vendor-photos").await, before);
    assert!(!world.has_copy_role().await);
}

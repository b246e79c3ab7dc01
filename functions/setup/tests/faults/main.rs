//! Faults on the way: each call that `setup` makes fails in turn, and `CloudFormation` still gets an answer, a rollback
//! leaves nothing of ours and everything of others, and a second try reaches the same end state.

#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy.toml excuses tests, but not the functions they share")]

mod state;
#[path = "../support/mod.rs"]
mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cloud::cloudformation::StackError;
use cloud::front::{Fault, Seen, When};
use cloud::lambda::Limits;
use serde_json::Value;
use state::{State, state};
use support::{World, properties, theirs, with};

/// How many worlds the cases of one lifecycle are shared among.
const WORLDS: usize = 8;
/// The function's time where a call hangs: work is stopped at half of it.
const SHORT: Duration = Duration::from_secs(10);

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Broken,
    Throttled,
    /// Healed by trying again.
    Denied,
    /// Not healed by trying again at once.
    Refused,
    CutBefore,
    CutAfter,
    HungBefore,
    HungAfter,
}

impl Wrong {
    const BRIEF: [Self; 6] =
        [Self::Broken, Self::Throttled, Self::Denied, Self::Refused, Self::CutBefore, Self::CutAfter];
    const HUNG: [Self; 2] = [Self::HungBefore, Self::HungAfter];

    /// A call that changes nothing has no effect that its client could miss. Updates and rollbacks make the reads that
    /// Create and Delete make: what heals by itself is tried there in all its forms.
    fn differs_for(self, lifecycle: Lifecycle, operation: &str) -> bool {
        let reads = ["Get", "List", "AssumeRole"].iter().any(|verb| operation.starts_with(verb));
        match self {
            Self::CutAfter | Self::HungAfter => !reads,
            Self::Broken | Self::Throttled | Self::CutBefore | Self::HungBefore => {
                !reads || matches!(lifecycle, Lifecycle::Create | Lifecycle::Delete)
            }
            Self::Denied | Self::Refused => true,
        }
    }

    fn fault(self, seen: &Seen) -> Fault {
        let answer = |status, code| Fault::Answer { status, code, message: "by the test", when: When::Before };
        match self {
            Self::Broken => answer(500, "InternalError"),
            Self::Throttled if seen.service == "s3" => answer(503, "SlowDown"),
            Self::Throttled => answer(400, "Throttling"),
            Self::Denied => answer(403, "AccessDenied"),
            Self::Refused => answer(400, "InvalidArgument"),
            Self::CutBefore => Fault::Cut(When::Before),
            Self::CutAfter => Fault::Cut(When::After),
            Self::HungBefore => Fault::Hang(When::Before, SHORT * 2),
            Self::HungAfter => Fault::Hang(When::After, SHORT * 2),
        }
    }

    fn hangs(self) -> bool {
        Self::HUNG.contains(&self)
    }
}

/// One fault at the n-th call of an operation.
#[derive(Debug, Clone)]
struct Case {
    number: usize,
    operation: String,
    wrong: Wrong,
}

/// With a policy of somebody else on every bucket.
async fn world() -> World {
    let world = World::new().await;
    // One refusal always heals, on a busy machine as well.
    world.configure(&[("PATIENCE_SECONDS", "60")]);
    for (account, bucket) in
        [(&world.source, "vendor-photos"), (&world.source, "vendor-archive"), (&world.destination, "photos-manifests")]
    {
        let policy = theirs(bucket).to_string();
        account.s3.put_bucket_policy().bucket(bucket).policy(policy).send().await.unwrap();
    }
    world
}

fn limit(world: &World, timeout: Duration) {
    world.cloud.functions().set_limits("setup", Limits { timeout, ..Limits::default() });
}

fn moved() -> Value {
    with(&[
        ("SourceBucket", "vendor-archive"),
        ("SourceAccessRoleArn", "arn:aws:iam::111111111111:role/access-vendor-archive"),
        ("RoleTags", "owner=media"),
    ])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifecycle {
    Create,
    Update,
    Delete,
    /// The Delete after a Create that failed with everything up.
    RolledBackCreate,
    /// The Update back after one that failed with everything of the new up, and everything of the old.
    RolledBackUpdate,
}

/// What is there at each stage, when nothing goes wrong.
#[derive(Debug, Clone)]
struct Expected {
    nothing: State,
    created: State,
    updated: State,
}

impl Lifecycle {
    async fn prepare(self, world: &mut World) {
        if !matches!(self, Self::Create | Self::RolledBackCreate) {
            world.create(properties()).await.unwrap();
        }
    }

    async fn run(self, world: &mut World) -> Result<(), StackError> {
        match self {
            Self::Create | Self::RolledBackCreate => world.create(properties()).await.map(|_| ()),
            Self::Update | Self::RolledBackUpdate => world.update(moved()).await.map(|_| ()),
            Self::Delete => world.delete().await,
        }
    }

    /// What a person does when it is stuck: the deletion again, or the update's rollback ("continue update rollback").
    async fn unstick(self, world: &mut World) -> Result<(), StackError> {
        if self != Self::RolledBackUpdate {
            return world.delete().await;
        }
        let (id, _) = world.stack.current.take().unwrap();
        world.stack.current = Some((id, moved()));
        world.update(properties()).await.map(|_| ())
    }

    /// Whether it begins with an operation that fails at its last call, and the faults come after that.
    fn fails_first(self) -> bool {
        matches!(self, Self::RolledBackCreate | Self::RolledBackUpdate)
    }

    fn before(self, expected: &Expected) -> &State {
        match self {
            Self::Create | Self::RolledBackCreate => &expected.nothing,
            Self::Update | Self::RolledBackUpdate | Self::Delete => &expected.created,
        }
    }

    fn after(self, expected: &Expected) -> &State {
        match self {
            Self::Create | Self::RolledBackCreate => &expected.created,
            Self::Update | Self::RolledBackUpdate => &expected.updated,
            Self::Delete => &expected.nothing,
        }
    }

    /// Counts the calls that the cases are about, and says what becomes of each.
    fn script(self, world: &World, fault: impl Fn(usize, &Seen) -> Fault + Send + Sync + 'static) {
        let counted = Mutex::new((!self.fails_first(), 0));
        world.script(move |seen| {
            let mut counted = counted.lock().unwrap();
            let (has_begun, number) = &mut *counted;
            if *has_begun {
                *number += 1;
                return fault(*number, seen);
            }
            // The inventory is put last. It is there, and setup learns that it is not.
            *has_begun = seen.operation == "PutBucketInventoryConfiguration";
            let (status, code, message, when) = (400, "InvalidArgument", "by the test, at first", When::After);
            if *has_begun { Fault::Answer { status, code, message, when } } else { Fault::None }
        });
    }

    /// The calls it makes when nothing goes wrong.
    async fn calls(self) -> Vec<String> {
        let mut world = world().await;
        self.prepare(&mut world).await;
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        self.script(&world, move |_, request| {
            seen.lock().unwrap().push(request.operation.clone());
            Fault::None
        });
        let ended = self.run(&mut world).await;
        assert_eq!(ended.is_err(), self.fails_first(), "{ended:?}");
        world.no_faults();
        let calls = calls.lock().unwrap();
        calls.clone()
    }

    /// One case in a world in which nothing is up, which it leaves so.
    async fn case(self, world: &mut World, case: &Case, expected: &Expected) {
        self.prepare(world).await;
        limit(world, if case.wrong.hangs() { SHORT } else { Duration::from_mins(1) });
        let (number, wrong) = (case.number, case.wrong);
        let cloud = world.cloud.clone();
        self.script(world, move |n, seen| {
            // The invocation has its deadline by now; the rollback that follows is to have all the time it needs.
            cloud.functions().set_limits("setup", Limits { timeout: Duration::from_mins(1), ..Limits::default() });
            if n == number { wrong.fault(seen) } else { Fault::None }
        });
        let began = Instant::now();
        let ended = self.run(world).await;
        world.no_faults();
        let context = format!("{self:?} {case:?}: {ended:?} after {:?}", began.elapsed());
        assert_eq!(world.cloud.functions().failures(), [], "{context}");
        let heals = !case.wrong.hangs() && wrong != Wrong::Refused;
        limit(world, Duration::from_mins(1));
        match &ended {
            Ok(()) => assert!(!self.fails_first(), "{context}"),
            Err(StackError::RolledBack(reason)) => {
                assert!(self.fails_first() || !heals && names(reason, case), "{context}");
                assert_eq!(state(world).await, *self.before(expected), "{context}");
            }
            // What heals by itself is waited for, and so is a permission that is not seen everywhere yet.
            Err(StackError::Stuck(reason)) => {
                let may_be_stuck = self == Self::Delete || self.fails_first();
                assert!(may_be_stuck && !heals && names(reason, case), "{context}");
                self.unstick(world).await.unwrap_or_else(|error| panic!("{context}: then {error}"));
                if self != Self::Delete {
                    assert_eq!(state(world).await, *self.before(expected), "{context}");
                }
            }
        }
        if ended.is_err() {
            self.run(world).await.unwrap_or_else(|error| panic!("{context}: then {error}"));
        }
        assert_eq!(state(world).await, *self.after(expected), "{context}");
        if self != Self::Delete {
            world.delete().await.unwrap_or_else(|error| panic!("{context}: then {error}"));
            assert_eq!(state(world).await, expected.nothing, "{context}");
        }
    }

    /// Every call of it with each of these faults.
    async fn with_each(self, faults: &[Wrong]) {
        let expected = expected().await;
        let calls = self.calls().await;
        let cases: VecDeque<Case> = calls
            .iter()
            .enumerate()
            .flat_map(|(at, operation)| {
                let case = move |wrong: &Wrong| Case { number: at + 1, operation: operation.clone(), wrong: *wrong };
                faults.iter().filter(|wrong| wrong.differs_for(self, operation)).map(case)
            })
            .collect();
        println!("{self:?}: {} calls, {} cases: {calls:?}", calls.len(), cases.len());
        let worlds = WORLDS.min(cases.len());
        let cases = Arc::new(Mutex::new(cases));
        let workers: Vec<_> = (0..worlds)
            .map(|_| {
                let (cases, expected) = (Arc::clone(&cases), expected.clone());
                tokio::spawn(async move {
                    let mut world = world().await;
                    loop {
                        let next = cases.lock().unwrap().pop_front();
                        let Some(case) = next else { break };
                        self.case(&mut world, &case, &expected).await;
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_with_any_call_failing_ends_in_an_answer_and_can_be_tried_again() {
    let faults = [Wrong::Throttled, Wrong::Refused, Wrong::CutAfter];
    tokio::join!(Lifecycle::RolledBackCreate.with_each(&faults), Lifecycle::RolledBackUpdate.with_each(&faults),);
}

async fn expected() -> Expected {
    let mut world = world().await;
    let nothing = state(&world).await;
    world.create(properties()).await.unwrap();
    let created = state(&world).await;
    world.update(moved()).await.unwrap();
    let updated = state(&world).await;
    assert!(nothing.role.is_null() && nothing != created && created != updated);
    Expected { nothing, created, updated }
}

/// Whether a reason says what went wrong: the call, or what was being done when time was up.
fn names(reason: &str, case: &Case) -> bool {
    if case.wrong.hangs() { reason.contains("timed out while ") } else { reason.contains(&case.operation) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_with_any_call_failing_ends_in_an_answer_and_can_be_tried_again() {
    Lifecycle::Create.with_each(&Wrong::BRIEF).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_with_any_call_failing_ends_in_an_answer_and_can_be_tried_again() {
    Lifecycle::Update.with_each(&Wrong::BRIEF).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_with_any_call_failing_ends_in_an_answer_and_can_be_tried_again() {
    Lifecycle::Delete.with_each(&Wrong::BRIEF).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_hangs_is_answered_for_before_the_functions_own_timeout() {
    tokio::join!(
        Lifecycle::Create.with_each(&Wrong::HUNG),
        Lifecycle::Update.with_each(&Wrong::HUNG),
        Lifecycle::Delete.with_each(&[Wrong::HungAfter]),
    );
}

/// A service that does not come back: what is said is what it answered, not only that time was up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_lasts_is_named_before_the_time_is_up_and_rolled_back() {
    let lasting = [
        ("CreateRole", "/"),
        ("PutRolePolicy", "/"),
        ("AssumeRole", "/"),
        ("PutBucketPolicy", "/photos-manifests"),
        ("PutBucketInventoryConfiguration", "/vendor-photos"),
    ];
    let cases = lasting.map(|(operation, path)| {
        tokio::spawn(async move {
            let mut world = world().await;
            let before = state(&world).await;
            limit(&world, Duration::from_secs(25));
            world.script(move |seen| {
                let is_here =
                    seen.operation == operation && seen.path.trim_end_matches('/') == path.trim_end_matches('/');
                if is_here { Wrong::Broken.fault(seen) } else { Fault::None }
            });
            let failed = world.create(properties()).await.unwrap_err();
            let StackError::RolledBack(reason) = &failed else { panic!("{operation}: {failed}") };
            assert!(reason.contains(&format!("{operation} failed: InternalError")), "{operation}: {reason}");
            assert_eq!(world.cloud.functions().failures(), [], "{operation}: {reason}");
            assert_eq!(state(&world).await, before, "{operation}: {reason}");
        })
    });
    for case in cases {
        case.await.unwrap();
    }
}

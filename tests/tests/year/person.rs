//! The one person who now and then looks after the route, and only by what the messages say: runs the commands that they name, has
//! what is carried over planned now, has the baseline forgotten, and changes a setting.

use aws_sdk_s3control::types::{JobStatus, RequestedJobStatus};
use cloud::identity::AccountId;
use cloud::lambda::Outcome;
use jiff::SignedDuration;
use serde_json::Value;

use super::life::Life;
use super::told::Told;
use super::trouble::Kind;
use super::weather::Waiting;

/// What a person did about jobs that waited.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    pub(crate) confirmed: u32,
    pub(crate) cancelled: u32,
    /// A newer report came first.
    pub(crate) replaced: u32,
}

impl Life {
    /// Confirms or cancels the jobs that are due.
    pub(crate) async fn decide(&mut self) {
        let now = self.route.cloud.clock().now();
        for waiting in self.weather.due(now) {
            let job = self.route.job(&waiting.job).await;
            let status = job.ok().and_then(|job| job.status().cloned());
            if status.is_some_and(|status| status != JobStatus::Suspended) {
                self.weather.note(Kind::Replaced, now, &waiting.job);
                self.decisions.replaced += 1;
            } else if let Some(command) = self.command(&waiting) {
                self.obey(&command).await;
                if waiting.wanted == RequestedJobStatus::Cancelled {
                    self.weather.note(Kind::NotConfirmed, now, &waiting.job);
                    self.decisions.cancelled += 1;
                } else {
                    self.decisions.confirmed += 1;
                }
            } else {
                // Nobody has told of it yet.
                self.weather.waits_until(waiting, now.checked_add(SignedDuration::from_mins(30)).unwrap());
            }
        }
    }

    /// The command that a message names for this job.
    fn command(&self, waiting: &Waiting) -> Option<String> {
        let told = Told::last(&self.route, 50);
        let actions = told.iter().rev().flat_map(|told| &told.actions);
        let mut commands = actions.flat_map(|action| action.do_next.split("aws ").skip(1));
        let is_it = |command: &&str| command.contains(&waiting.job) && command.contains(waiting.wanted.as_str());
        commands.find(is_it).map(str::to_owned)
    }

    /// Runs a command, word for word.
    async fn obey(&self, command: &str) {
        let words: Vec<&str> = command.split([' ', ';']).collect();
        let given = |name: &str| {
            let place = words.iter().position(|word| *word == name).unwrap_or_else(|| panic!("{name}: {command}"));
            words[place + 1]
        };
        assert_eq!(words[..2], ["s3control", "update-job-status"], "{command}");
        assert_eq!((given("--account-id"), given("--region")), (AccountId::destination().as_str(), cloud::REGION));
        let update = self.route.destination.s3control.update_job_status().account_id(given("--account-id"));
        let status = RequestedJobStatus::from(given("--requested-job-status"));
        update.job_id(given("--job-id")).requested_job_status(status).send().await.unwrap();
    }

    /// Invokes create-job, and does so again if that fails.
    pub(crate) async fn ask(&mut self, command: &Value) {
        self.asked += 1;
        let id = format!("mara{}", self.asked);
        for _ in 0..3 {
            let cloud = &self.route.cloud;
            let answer = cloud.functions().invoke(cloud, "create-job", &id, command.to_string().into()).await.unwrap();
            match answer {
                Outcome::Success(_) => return,
                Outcome::Error(error) => self.told_persons.push(String::from_utf8_lossy(&error).into_owned()),
            }
        }
        // What was begun, the schedule goes on with.
    }

    /// `RestoreArchived` from now on, as an update of the stack sets it.
    pub(crate) fn restores(&self, value: &str) {
        let cloud = &self.route.cloud;
        let mut settings = cloud.functions().settings("create-job").unwrap();
        let before = settings.environment.insert("RESTORE_ARCHIVED".to_owned(), value.to_owned());
        if before.as_deref() != Some(value) {
            cloud.functions().configure(cloud, "create-job", settings).unwrap();
        }
    }
}

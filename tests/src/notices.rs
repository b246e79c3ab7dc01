//! What people were told: the messages that `settle-job` published, as subscribers get them.

use serde_json::Value;

use crate::Error;
use crate::route::Route;

/// A message of the route's topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The same for the same notice: it may come twice.
    pub id: String,
    /// As a mail shows it.
    pub subject: String,
    /// What a mail says.
    pub text: String,
    /// What a program gets.
    pub told: Value,
}

impl Route {
    /// Everything that was published, oldest first.
    pub fn notices(&self) -> Result<Vec<Notice>, Error> {
        self.cloud.topics().messages().iter().map(Notice::of).collect()
    }

    /// The subjects of everything that was published, oldest first.
    pub fn subjects(&self) -> Result<Vec<String>, Error> {
        Ok(self.notices()?.into_iter().map(|notice| notice.subject).collect())
    }
}

impl Notice {
    /// As it was published.
    pub fn of(message: &cloud::sns::Message) -> Result<Self, Error> {
        let bodies: Value = serde_json::from_str(&message.message)?;
        let body = |protocol: &str| bodies[protocol].as_str().ok_or(format!("no body for {protocol}"));
        let told: Value = serde_json::from_str(body("default")?)?;
        let id = message.attributes.get("notice").cloned().unwrap_or_default();
        if told["notice"] != id.as_str() {
            return Err(format!("{} is called {id} by its attributes", told["notice"]).into());
        }
        let subject = message.subject.clone().ok_or("a notice without a subject")?;
        Ok(Self { id, subject, text: body("email")?.to_owned(), told })
    }
}

//! Sends messages to a route's topic. Calls SNS.

use aws_sdk_sns::types::MessageAttributeValue;

use super::Message;
use crate::error::AwsError;
use crate::names::TopicArn;

/// The topic that a route's messages go to.
#[derive(Debug, Clone)]
pub struct Topic {
    sns: aws_sdk_sns::Client,
    arn: TopicArn,
}

impl Topic {
    /// By its ARN.
    pub fn new(sns: aws_sdk_sns::Client, arn: TopicArn) -> Self {
        Self { sns, arn }
    }

    /// Publishes a message; SNS's id of it. Where the answer is lost it may have been sent, and is sent again by whoever tries
    /// again: [`Message::id`] is the same.
    /// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
    pub async fn publish(&self, message: &Message) -> Result<String, AwsError> {
        let mut request = self.sns.publish().topic_arn(self.arn.as_str()).subject(&message.subject);
        request = request.message_structure("json").message(message.structured());
        for (name, value) in &message.attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            request = request.message_attributes(*name, value.map_err(|error| AwsError::invalid("Publish", &error))?);
        }
        let sent = request.send().await.map_err(|error| AwsError::new("Publish", &error))?;
        Ok(sent.message_id.unwrap_or_default())
    }
}

//! The queues and the group of schedules: what they are called, and how they are made.

use std::{error::Error, time::Duration};

use aws_sdk_scheduler::operation::create_schedule_group::CreateScheduleGroupError;
use aws_sdk_sqs::types::QueueAttributeName;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clients::Clients;

/// Where what is deferred goes. As JSON it is in the environment of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queues {
    /// The queue, for SQS.
    pub url: String,
    /// The same, for Scheduler.
    pub arn: String,
    /// The queue of dead letters, for SQS.
    pub dead_url: String,
    /// The same, for Scheduler.
    pub dead_arn: String,
    /// The group of schedules.
    pub group: String,
    /// The role in which Scheduler sends: it may send to both queues.
    pub role_arn: String,
}

impl Queues {
    /// Make `PREFIX-deferred`, `PREFIX-dead` and the group `PREFIX`, unless they are there: for emulators and first steps. What runs for long is made by whatever makes the
    /// rest of the account, the role `PREFIX-schedules` among it, which is only named here.
    ///
    /// Who receives has `hides` to do what it got; after `receives` times it is a dead letter.
    ///
    /// # Errors
    /// What SQS and Scheduler say.
    pub async fn create(
        clients: &Clients,
        prefix: &str,
        hides: Duration,
        receives: u32,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (sqs, scheduler) = (clients.sqs(), clients.scheduler());
        let (dead_url, dead_arn) = queue(&sqs, &format!("{prefix}-dead"), &[]).await?;
        let redrive = json!({ "deadLetterTargetArn": dead_arn, "maxReceiveCount": receives }).to_string();
        let attributes = [
            (QueueAttributeName::RedrivePolicy, redrive),
            (QueueAttributeName::VisibilityTimeout, hides.as_secs().to_string()),
        ];
        let (url, arn) = queue(&sqs, &format!("{prefix}-deferred"), &attributes).await?;
        match scheduler.create_schedule_group().name(prefix).send().await {
            Err(error) if error.as_service_error().is_some_and(CreateScheduleGroupError::is_conflict_exception) => {}
            made => drop(made?),
        }
        let account = arn.split(':').nth(4).unwrap_or_default();
        let role_arn = format!("arn:aws:iam::{account}:role/{prefix}-schedules");
        Ok(Self { url, arn, dead_url, dead_arn, group: prefix.to_owned(), role_arn })
    }
}

/// A dead letter may wait for an operator as long as SQS lets it: fourteen days.
const RETENTION: &str = "1209600";

async fn queue(
    sqs: &aws_sdk_sqs::Client,
    name: &str,
    attributes: &[(QueueAttributeName, String)],
) -> Result<(String, String), Box<dyn Error + Send + Sync>> {
    let mut create = sqs.create_queue().queue_name(name);
    create = create.attributes(QueueAttributeName::MessageRetentionPeriod, RETENTION);
    for (name, value) in attributes {
        create = create.attributes(name.clone(), value);
    }
    let url = create.send().await?.queue_url.ok_or("a queue has a URL")?;
    let about = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
    let arn = about.send().await?.attributes.and_then(|mut about| about.remove(&QueueAttributeName::QueueArn));
    Ok((url, arn.ok_or("a queue has an ARN")?))
}

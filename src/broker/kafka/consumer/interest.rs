//! Which topics a member reads.

use std::time::Duration;

use regex::Regex;
use tokio::time::Instant;

use crate::broker::{
    BrokerError, Result, Subscription,
    kafka::{
        admin::topic_names,
        native::{Native, partition_list},
        refusal::Refusal,
        settings::Settings,
    },
};

/// How often topics are looked for that match a pattern, unless the settings say otherwise.
const LOOK: Duration = Duration::from_secs(5);

/// How long looking for topics may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// Topics of the brokers themselves, which a pattern never means.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Which topics the member wants.
pub(super) enum Interest {
    /// Those that librdkafka was told.
    Told,
    /// Those that match, which we look for ourselves: librdkafka's regular expressions are not
    /// those of Kafka Connect.
    Matching { pattern: Regex, subscribed: Vec<String>, next_look: Instant, pause: Duration },
}

impl Interest {
    pub(super) fn begin(
        subscription: &Subscription,
        settings: &Settings,
        native: &Native,
    ) -> Result<Self> {
        match subscription {
            Subscription::Topics(topics) => {
                let subscribed = subscribe(native, topics);
                subscribed.map_err(|refusal| BrokerError::Invalid(refusal.to_string()))?;
                Ok(Self::Told)
            }
            Subscription::Pattern(pattern) => {
                let pattern = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                    BrokerError::Invalid(format!("\"{pattern}\" is no regular expression: {error}"))
                })?;
                let pause = settings.get("topic.metadata.refresh.interval.ms");
                let pause =
                    pause.and_then(|ms| ms.parse().ok()).map_or(LOOK, Duration::from_millis);
                let next_look = Instant::now();
                Ok(Self::Matching { pattern, subscribed: Vec::new(), next_look, pause })
            }
        }
    }

    /// Subscribes to topics that match and were not there before.
    pub(super) fn look(&mut self, native: &Native) -> Result<(), Refusal> {
        let Self::Matching { pattern, subscribed, next_look, pause } = self else { return Ok(()) };
        if Instant::now() < *next_look {
            return Ok(());
        }
        *next_look = Instant::now() + *pause;
        let mut wanted = topic_names(native, LOOK_TIMEOUT)?;
        wanted.retain(|name| pattern.is_match(name) && !INTERNAL.contains(&name.as_str()));
        wanted.sort_unstable();
        if wanted != *subscribed && !wanted.is_empty() {
            subscribe(native, &wanted)?;
            *subscribed = wanted;
        }
        Ok(())
    }
}

fn subscribe(native: &Native, topics: &[String]) -> Result<(), Refusal> {
    const ANY: i32 = -1;
    let list = partition_list(topics.iter().map(|topic| (topic.as_str(), ANY, None)))?;
    native.subscribe(&list)
}

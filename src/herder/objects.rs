//! Objects that a sink has written.

use std::time::Duration;

use connect_api::{
    error::ConnectorError,
    insight::{StoredObjects, Wanted},
};
use tokio::time::timeout;

use super::{
    error::{HerderError, Result},
    handle::HerderHandle,
    starter::ConnectorPlugin,
};

/// Time that looking for objects may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Objects of a page, when nobody says how many.
const USUAL: usize = 20;
/// Objects of a page at most: each is looked at.
const MOST: usize = 1000;

/// Which objects the parameters of a request mean.
///
/// # Errors
/// `BadParameter` for one that is not known or cannot be read.
pub fn parse_wanted<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Wanted> {
    let (mut topic, mut partition, mut offset) = (None, None, None);
    let (mut after, mut limit, mut place) = (None, USUAL, None);
    for (name, text) in parameters {
        match name {
            "topic" => topic = Some(text.to_owned()),
            "partition" => partition = Some(number(name, text)?),
            "offset" => offset = Some(number(name, text)?),
            "after" => after = Some(text.to_owned()),
            "place" => place = Some(text.to_owned()),
            "limit" => limit = number(name, text)?,
            _ => {
                return Err(HerderError::BadParameter(format!(
                    "There is no parameter \"{name}\"; known are topic, partition, offset, limit, after \
                     and place"
                )));
            }
        }
    }
    if !(1..=MOST).contains(&limit) {
        return Err(HerderError::BadParameter(format!("\"limit\" must be between 1 and {MOST}")));
    }
    match (place, partition, offset) {
        (Some(place), None, None) if topic.is_none() => Ok(Wanted::At(place)),
        (Some(_), ..) => Err(HerderError::BadParameter(
            "\"place\" names one object: leave out topic, partition and offset".to_owned(),
        )),
        (None, Some(partition), Some(offset)) => Ok(Wanted::Record { topic, partition, offset }),
        (None, None, Some(_)) => Err(HerderError::BadParameter(
            "\"offset\" needs \"partition\": offsets are counted in each".to_owned(),
        )),
        (None, partition, None) => Ok(Wanted::Some { topic, partition, after, limit }),
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| {
        HerderError::BadParameter(format!("\"{name}\" must be a whole number: \"{text}\""))
    })
}

impl HerderHandle {
    /// Finds objects that a sink has written.
    ///
    /// # Errors
    /// `ConnectorNotFound`, `NotAWriter`, `UntoldObjects`, `Objects`, and as every read.
    pub async fn objects(&self, name: &str, wanted: &Wanted) -> Result<StoredObjects> {
        let snapshot = self.snapshot().await?;
        let config = snapshot.connector(name)?.config.clone().unwrap_or_default();
        let config = (self.parts.resolve)(&config).map_err(HerderError::Unresolved)?;
        let ConnectorPlugin::Sink(sink) = self.parts.plugins.connector_of(&config)? else {
            return Err(HerderError::NotAWriter(name.to_owned()));
        };
        let failed = |source| HerderError::Objects { connector: name.to_owned(), source };
        let found = timeout(PATIENCE, sink.objects(&config, wanted)).await;
        let found = found.unwrap_or_else(|_late| {
            let seconds = PATIENCE.as_secs();
            Err(ConnectorError::retriable(format!("The search took longer than {seconds} seconds"))
                .hint("Name the topic and the partition"))
        });
        found.map_err(failed)?.ok_or_else(|| HerderError::UntoldObjects {
            connector: name.to_owned(),
            class: sink.class(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parameters: &[(&str, &str)]) -> Result<Wanted, String> {
        parse_wanted(parameters.iter().copied()).map_err(|error| error.to_string())
    }

    #[test]
    fn parameters_say_which_objects() {
        let topic = Some("t".to_owned());
        for (parameters, expected) in [
            (&[("place", "s3://b/k")][..], Wanted::At("s3://b/k".to_owned())),
            (
                &[("topic", "t"), ("partition", "3"), ("offset", "17")],
                Wanted::Record { topic: topic.clone(), partition: 3, offset: 17 },
            ),
            (&[], Wanted::Some { topic: None, partition: None, after: None, limit: USUAL }),
            (
                &[("topic", "t"), ("partition", "0"), ("after", "k"), ("limit", "5")],
                Wanted::Some { topic, partition: Some(0), after: Some("k".to_owned()), limit: 5 },
            ),
        ] {
            assert_eq!(parse(parameters), Ok(expected));
        }
        for (parameters, part) in [
            (&[("offset", "1")][..], "needs \"partition\""),
            (&[("place", "x"), ("offset", "1")], "leave out"),
            (&[("limit", "0")], "between 1 and 1000"),
            (&[("partition", "x")], "whole number"),
            (&[("ofset", "1")], "no parameter \"ofset\""),
        ] {
            let error = parse(parameters).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}

//! What a worker file says that does nothing here, named once at the start.

use connect_api::config::Props;
use tracing::warn;

use crate::{
    broker::{SettingUse, use_of_setting},
    config::{BrokerChoice, KeyUse, Mode},
};

/// Names the keys without meaning, and those that nobody knows.
pub(super) fn say(props: &Props, mode: Mode, broker: &BrokerChoice) {
    let Unused { idle, unknown } = unused(props, mode, broker);
    if !idle.is_empty() {
        warn!("These settings of the worker do nothing here: {}", idle.join(", "));
    }
    if !unknown.is_empty() {
        warn!("These settings of the worker are not known: {}", unknown.join(", "));
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Unused<'a> {
    idle: Vec<&'a str>,
    unknown: Vec<&'a str>,
}

fn unused<'a>(props: &'a Props, mode: Mode, broker: &BrokerChoice) -> Unused<'a> {
    let mut unused = Unused::default();
    let is_embedded = matches!(broker, BrokerChoice::Embedded(_));
    for (key, value) in props.iter() {
        match (KeyUse::of(key, mode), use_of_setting(key, value)) {
            (KeyUse::Read, _) => {}
            // The embedded log has no clients that connect.
            (KeyUse::Foreign, SettingUse::Read) if !is_embedded => {}
            (KeyUse::Foreign, SettingUse::Unknown) => unused.unknown.push(key),
            (KeyUse::Idle | KeyUse::Foreign, _) => unused.idle.push(key),
        }
    }
    unused
}

#[cfg(all(test, feature = "kafka"))]
mod tests {
    use super::*;

    #[test]
    fn keys_that_do_nothing_are_named_and_others_are_not() {
        let props = Props::from([
            ("bootstrap.servers", "localhost:9092"),
            ("group.id", "g"),
            ("plugin.path", "/usr/share/java"),
            ("security.protocol", "SSL"),
            ("sercurity.protocol", "SSL"),
            ("value.converter.schemas.enable", "false"),
        ]);
        let kafka = BrokerChoice::Kafka("localhost:9092".to_owned());
        let found = unused(&props, Mode::Distributed, &kafka);
        let expected = Unused { idle: vec!["plugin.path"], unknown: vec!["sercurity.protocol"] };
        assert_eq!(found, expected);
        let found = unused(&props, Mode::Standalone, &BrokerChoice::Embedded("log".into()));
        assert_eq!(found.idle, ["group.id", "plugin.path", "security.protocol"]);
    }
}

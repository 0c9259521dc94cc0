//! Client settings that a connector overrides: `producer.override.*` and its like.
//!
//! Only types are checked here; the rest is for the client itself to say when a task is started.
//!
//! Source: apache/kafka `AbstractHerder.validateClientOverrides`.

use connect_api::config::{ConfigDef, ConfigKey, ConfigValue, Props};

use super::{HIDDEN, checks};
use crate::{broker::ClientKind, config::ClientOverrides, herder::replies::ConfigInfo};

/// The overrides of a client that a configuration has, each with its definition if it has one.
pub(super) fn section(
    client: ClientKind,
    policy: ClientOverrides,
    props: &Props,
) -> Vec<ConfigInfo> {
    let prefix = client.override_prefix();
    let overrides = props.with_prefix(&prefix);
    let info = |(key, text): (&str, &str)| {
        let mut definition = client.def().get(key).cloned();
        let typed = definition.clone().and_then(|definition| typed(definition, &overrides));
        let mut value = typed.unwrap_or_else(|| undefined(key, text));
        value.errors.extend(checks::override_problem(policy, key));
        if let Some(definition) = &mut definition {
            definition.name.insert_str(0, &prefix);
        }
        value.name.insert_str(0, &prefix);
        ConfigInfo { definition, value: Some(value) }
    };
    overrides.iter().map(info).collect()
}

/// A value that is only to be of its type.
fn typed(mut key: ConfigKey, overrides: &Props) -> Option<ConfigValue> {
    key.checks.clear();
    ConfigDef::new().with(key).validate(overrides).pop()
}

/// A value that nobody knows the type of; what may be a secret is kept as one.
fn undefined(key: &str, text: &str) -> ConfigValue {
    let is_secret = ["password", "secret", "jaas", "token"].iter().any(|word| key.contains(word));
    ConfigValue {
        name: key.to_owned(),
        value: Some(if is_secret { HIDDEN } else { text }.to_owned()),
        recommended_values: Vec::new(),
        errors: Vec::new(),
        visible: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_listed_with_its_prefix() {
        let props = Props::from_iter([
            ("producer.override.linger.ms", "abc"),
            ("producer.override.sasl.jaas.config", "s3cret"),
            ("producer.override.my.token", "s3cret"),
            ("consumer.override.group.id", "g"),
        ]);
        let section = section(ClientKind::Producer, ClientOverrides::All, &props);
        let shown: Vec<_> = section
            .iter()
            .map(|info| {
                let value = info.value.as_ref().unwrap();
                (value.name.as_str(), info.definition.is_some(), value.value.as_deref())
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("producer.override.linger.ms", true, None),
                ("producer.override.my.token", false, Some("[hidden]")),
                ("producer.override.sasl.jaas.config", true, Some("[hidden]")),
            ]
        );
        assert_eq!(
            section[0].value.as_ref().unwrap().errors,
            ["Invalid value abc for configuration linger.ms: Not a number of type LONG"]
        );
        let definition = section[0].definition.as_ref().unwrap();
        assert_eq!((definition.order, definition.group.as_deref()), (-1, None));
    }

    #[test]
    fn a_value_out_of_its_range_is_for_the_client_to_refuse() {
        let props = Props::from([("consumer.override.max.poll.records", "0")]);
        let section = section(ClientKind::Consumer, ClientOverrides::All, &props);
        let value = section[0].value.as_ref().unwrap();
        assert_eq!((value.value.as_deref(), value.errors.as_slice()), (Some("0"), &[][..]));
    }
}

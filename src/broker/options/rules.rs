//! What an option's value must be, and what options must be together.

use std::sync::LazyLock;

use connect_api::config::{
    Bound, Check, ConfigErrors, ConfigKey, NOT_EMPTY, Props, one_of, one_of_any_case, sentence,
};
use regex::Regex;

use super::ClientKind;

/// Reads the rule of a row; `None` when there is no such rule.
pub(super) fn with_rule(key: ConfigKey, rule: &str) -> Option<ConfigKey> {
    let name = key.name.clone();
    let check = match rule {
        "" => return Some(key),
        "text" => NOT_EMPTY,
        "items" => sentence(move |text| each_has_text(&name, text)),
        "some items" => sentence(move |text| {
            has_items(&name, text)?;
            each_has_text(&name, text)
        }),
        "gzip level" => Check::from(gzip_level),
        "offset reset" => Check::from(offset_reset),
        _ => match rule.split_at_checked(1)? {
            ("=", texts) => one_of(&items(texts)),
            ("~", texts) => one_of_any_case(&items(texts)),
            ("`", texts) => quoted(name, texts),
            _ => range(rule)?,
        },
    };
    Some(key.check(check))
}

fn items(texts: &str) -> Vec<&str> {
    texts.split(',').collect()
}

/// `LEAST..MOST`, either of which may be missing.
fn range(rule: &str) -> Option<Check> {
    let (least, most) = rule.split_once("..")?;
    Some(Check::Range(bound(least)?, bound(most)?))
}

fn bound(text: &str) -> Option<Option<Bound>> {
    if text.is_empty() {
        return Some(None);
    }
    let whole = text.parse().ok().map(Bound::Whole);
    whole.or_else(|| text.parse().ok().map(Bound::Real)).map(Some)
}

fn has_items(name: &str, text: Option<&str>) -> Result<(), String> {
    if text.is_none_or(str::is_empty) {
        return Err(format!(
            "Configuration '{name}' must not be empty. Valid values include: any non-empty value"
        ));
    }
    Ok(())
}

fn each_has_text(name: &str, text: Option<&str>) -> Result<(), String> {
    let text = text.unwrap_or_default();
    if !text.is_empty() && text.split(',').any(str::is_empty) {
        return Err(format!("Configuration '{name}' values must not be empty."));
    }
    Ok(())
}

fn gzip_level(text: &str) -> Result<(), String> {
    let is_level = text.parse().is_ok_and(|level: i32| level == -1 || (1..=9).contains(&level));
    if is_level { Ok(()) } else { Err("Value must be between 1 and 9 or equal to -1".to_owned()) }
}

/// One of two words, told in the words of share groups.
fn quoted(name: String, texts: &str) -> Check {
    let known: Vec<_> = items(texts).into_iter().map(str::to_owned).collect();
    Check::from(move |text: &str| {
        if known.iter().any(|known| known.eq_ignore_ascii_case(text)) {
            return Ok(());
        }
        let known = known.iter().map(|known| format!("'{known}'")).collect::<Vec<_>>();
        Err(format!(
            "Invalid value `{text}` for configuration {name}. The value must either be {}.",
            known.join(" or ")
        ))
    })
}

/// Source: apache/kafka `AutoOffsetResetStrategy.java`.
fn offset_reset(text: &str) -> Result<(), String> {
    let is_duration = |text| DURATION.as_ref().is_some_and(|form| form.is_match(text));
    if ["earliest", "latest", "none"].contains(&text)
        || text.strip_prefix("by_duration:").is_some_and(is_duration)
    {
        return Ok(());
    }
    Err(format!(
        "Invalid value `{text}` for configuration auto.offset.reset. The value must be either \
         'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."
    ))
}

/// A length of time that is not negative, as Java writes them.
static DURATION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let time = r"T(?:\d+H(?:\d+M)?(?:\d+(?:[.,]\d{0,9})?S)?|\d+M(?:\d+(?:[.,]\d{0,9})?S)?|\d+(?:[.,]\d{0,9})?S)";
    Regex::new(&format!(r"^(?i)P(?:\d+D(?:{time})?|{time})$")).ok()
});

/// What options must be together.
///
/// Source: apache/kafka `CommonClientConfigs.java`, and `postProcessParsedConfig` of each client.
pub(super) fn check_together(kind: ClientKind, settings: &Props) -> Result<(), ConfigErrors> {
    sasl(settings)?;
    match kind {
        ClientKind::Producer => producer(settings),
        ClientKind::Consumer => consumer(settings),
        ClientKind::Admin => Ok(()),
    }
}

fn value<'a>(settings: &'a Props, key: &str) -> Option<&'a str> {
    settings.get(key).map(str::trim)
}

fn is_true(settings: &Props, key: &str) -> bool {
    value(settings, key).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

fn sasl(settings: &Props) -> Result<(), ConfigErrors> {
    let protocol = value(settings, "security.protocol").unwrap_or_default().to_ascii_uppercase();
    if protocol.starts_with("SASL_") && value(settings, "sasl.mechanism") == Some("") {
        return Err(ConfigErrors::one(
            "sasl.mechanism",
            "Invalid value null for configuration sasl.mechanism: When the security.protocol \
             configuration enables SASL, mechanism must be non-null and non-empty string.",
        ));
    }
    Ok(())
}

fn producer(settings: &Props) -> Result<(), ConfigErrors> {
    if is_true(settings, "enable.idempotence") {
        idempotence(settings)?;
    } else if settings.contains_key("transactional.id") {
        let message = "Cannot set a transactional.id without also enabling idempotence.";
        return Err(ConfigErrors::one("transactional.id", message));
    }
    let has_two_phases = is_true(settings, "transaction.two.phase.commit.enable");
    if has_two_phases && settings.contains_key("transaction.timeout.ms") {
        return Err(ConfigErrors::one(
            "transaction.timeout.ms",
            "Cannot set transaction.timeout.ms when transaction.two.phase.commit.enable is set to \
             true. Transactions will not expire with two-phase commit enabled.",
        ));
    }
    Ok(())
}

fn idempotence(settings: &Props) -> Result<(), ConfigErrors> {
    let number = |key| value(settings, key).and_then(|text| text.parse::<i32>().ok());
    if number("retries") == Some(0) {
        let message = "Must set retries to non-zero when using the idempotent producer.";
        return Err(ConfigErrors::one("retries", message));
    }
    if value(settings, "acks").is_some_and(|acks| acks != "all" && acks != "-1") {
        return Err(ConfigErrors::one(
            "acks",
            "Must set acks to all in order to use the idempotent producer. Otherwise we cannot \
             guarantee idempotence.",
        ));
    }
    let in_flight = "max.in.flight.requests.per.connection";
    match number(in_flight) {
        Some(most @ 6..) => Err(ConfigErrors::one(
            in_flight,
            format!(
                "To use the idempotent producer, {in_flight} must be set to at most 5. Current \
                 value is {most}."
            ),
        )),
        _ => Ok(()),
    }
}

/// Settings that the broker decides in the newer group protocol.
const CLASSIC_ONLY: [&str; 3] =
    ["partition.assignment.strategy", "heartbeat.interval.ms", "session.timeout.ms"];

fn consumer(settings: &Props) -> Result<(), ConfigErrors> {
    let protocol = value(settings, "group.protocol").unwrap_or_default();
    if protocol.eq_ignore_ascii_case("consumer") {
        let mut set = CLASSIC_ONLY.into_iter().filter(|key| settings.contains_key(key)).peekable();
        let Some(first) = set.peek().copied() else { return Ok(()) };
        let all = set.collect::<Vec<_>>().join(", ");
        let message = format!("{all} cannot be set when group.protocol=CONSUMER");
        return Err(ConfigErrors::one(first, message));
    }
    let assignor = "group.remote.assignor";
    if value(settings, assignor).is_some_and(|name| !name.is_empty()) {
        let message = format!("{assignor} cannot be set when group.protocol=CLASSIC");
        return Err(ConfigErrors::one(assignor, message));
    }
    Ok(())
}

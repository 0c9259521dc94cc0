//! Headers that every answer is given: `response.http.headers.config`.
//!
//! Source: KIP-577, apache/kafka `RestServerConfig.java`, Jetty's `HeaderFilter`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use chrono::DateTime;
use connect_api::time::Clock;

use crate::config::ConfigError;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Set,
    Add,
    SetDate,
    AddDate,
}

/// A header of every answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    action: Action,
    name: HeaderName,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(HeaderValue),
    /// Time of the answer with these milliseconds added.
    Date(i64),
}

/// The headers of every answer, in the order of their rules.
#[derive(Clone, Debug)]
pub struct ResponseHeaders {
    rules: Arc<[Rule]>,
    clock: Arc<dyn Clock>,
}

impl ResponseHeaders {
    /// Understands the rules.
    ///
    /// # Errors
    /// In Kafka Connect's words, when one is not of the form `[action] [name]:[value]`.
    pub fn parse(text: &str, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let rules = split(text).iter().map(|rule| parse(rule)).collect::<Result<_, _>>();
        Ok(Self { rules: rules.map_err(ConfigError::ResponseHeader)?, clock })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    fn apply(&self, headers: &mut HeaderMap) {
        for rule in self.rules.iter() {
            let value = match &rule.value {
                Value::Text(value) => value.clone(),
                Value::Date(offset_ms) => date(self.clock.now_ms().saturating_add(*offset_ms)),
            };
            match rule.action {
                Action::Set | Action::SetDate => drop(headers.insert(rule.name.clone(), value)),
                Action::Add | Action::AddDate => drop(headers.append(rule.name.clone(), value)),
            }
        }
    }
}

/// Gives every answer its headers.
pub(super) async fn add(
    State(headers): State<ResponseHeaders>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    headers.apply(response.headers_mut());
    response
}

fn date(time_ms: i64) -> HeaderValue {
    let time = DateTime::from_timestamp_millis(time_ms).unwrap_or_default();
    let text = time.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Rules between commas; quotes keep commas, and are taken away.
fn split(text: &str) -> Vec<String> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let (mut rules, mut rule, mut is_quoted) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => rules.push(std::mem::take(&mut rule)),
            letter => rule.push(letter),
        }
    }
    rules.push(rule);
    rules
}

fn parse(rule: &str) -> Result<Rule, String> {
    let rule = rule.trim();
    let (action, header) = rule.split_once(char::is_whitespace).ok_or_else(|| {
        format!(
            "Invalid format of header config '{rule}'. Expected: '[action] [header name]:[header \
             value]'"
        )
    })?;
    let known = [
        ("set", Action::Set),
        ("add", Action::Add),
        ("setDate", Action::SetDate),
        ("addDate", Action::AddDate),
    ];
    let action = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(action)).ok_or_else(|| {
        format!("Invalid header config action: '{action}'. Expected one of [set, add, setDate, addDate]")
    })?;
    let header = header.trim();
    let (name, value) = header
        .split_once(':')
        .filter(|(_, value)| !value.is_empty() && !value.contains(':'))
        .ok_or_else(|| {
            format!(
                "Invalid format of header name and header value pair '{header}'. Expected: \
                 '[header name]:[header value]'"
            )
        })?;
    let name = name.trim();
    let bad_name =
        || format!("Invalid header name '{name}'. The '[header name]' cannot contain whitespace");
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad_name())?;
    Ok(Rule { action: action.1, name: parsed, value: value_of(action.1, name, value.trim())? })
}

fn value_of(action: Action, name: &str, value: &str) -> Result<Value, String> {
    match action {
        Action::Set | Action::Add => HeaderValue::from_str(value)
            .map(Value::Text)
            .map_err(|_| format!("Invalid header value for '{name}': it is no text of a header")),
        Action::SetDate | Action::AddDate => value.parse().map(Value::Date).map_err(|_| {
            format!("Invalid header value '{value}' for '{name}': milliseconds are expected")
        }),
    }
}

#[cfg(test)]
mod tests {
    use connect_testkit::ManualClock;

    use super::*;

    fn headers(text: &str) -> Result<HeaderMap, String> {
        let rules = ResponseHeaders::parse(text, ManualClock::at(784_111_777_000));
        let mut headers = HeaderMap::new();
        rules.map_err(|error| error.to_string())?.apply(&mut headers);
        Ok(headers)
    }

    #[test]
    fn rules_add_and_set_headers() {
        let text = "add X-XSS-Protection: 1; mode=block, \"add Cache-Control: no-cache, no-store, \
                    must-revalidate\", set X:a, set X:b, addDate Expires: 1000";
        let headers = headers(text).unwrap();
        assert_eq!(headers["x-xss-protection"], "1; mode=block");
        assert_eq!(headers["cache-control"], "no-cache, no-store, must-revalidate");
        assert_eq!(headers.get_all("x").iter().collect::<Vec<_>>(), ["b"]);
        assert_eq!(headers["expires"], "Sun, 06 Nov 1994 08:49:38 GMT");
        assert!(ResponseHeaders::parse("  ", ManualClock::at(0)).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_rule_is_refused_in_the_words_of_kafka_connect() {
        for (text, message) in [
            (
                "set",
                "Invalid format of header config 'set'. Expected: '[action] [header name]:[header \
                 value]'",
            ),
            (
                "put X:1",
                "Invalid header config action: 'put'. Expected one of [set, add, setDate, addDate]",
            ),
            (
                "set X",
                "Invalid format of header name and header value pair 'X'. Expected: '[header \
                 name]:[header value]'",
            ),
            (
                "set X Y:1",
                "Invalid header name 'X Y'. The '[header name]' cannot contain whitespace",
            ),
        ] {
            assert_eq!(headers(text).unwrap_err(), message);
        }
    }
}

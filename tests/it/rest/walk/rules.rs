//! The differences that are known, each with its reason in `docs/differences.md`.

use serde_json::Value;

use super::{difference::Difference, step::Step};

/// A difference that has a name.
pub(super) struct Rule {
    name: &'static str,
    fits: fn(&Step, &Difference) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        name: "connectors come in the order of their names",
        fits: |step, found| step.path.starts_with("/connectors") && found.at == "$ order",
    },
    Rule {
        name: "keys of a configuration come in their order",
        fits: |_, found| found.at.ends_with("config order"),
    },
    Rule {
        name: "methods come in another order",
        fits: |step, found| {
            step.method == "OPTIONS"
                && ["allow", "text"].contains(&&*found.at)
                && sorted(&found.theirs) == sorted(&found.ours)
        },
    },
    Rule {
        name: "manuals are in our words",
        fits: |_, found| {
            let part = found.at.rsplit('.').next().unwrap_or_default();
            ["documentation", "display_name", "width"].contains(&part)
                && (part == "documentation" || found.at.contains("converter."))
        },
    },
    Rule { name: "versions are ours", fits: |_, found| found.at.contains("plugin.version.") },
    Rule {
        name: "plugins are those that are linked in",
        fits: |step, found| {
            found.at.contains(".recommended_values")
                || (step.path.starts_with("/connector-plugins")
                    && step.method == "GET"
                    && ["$ keys", "$ length"].contains(&&*found.at))
        },
    },
    Rule {
        name: "another class is not linked in, and a hint may follow",
        fits: |_, found| {
            found.theirs.contains("available connectors are: ")
                && missing_class(&found.theirs) == missing_class(&found.ours)
        },
    },
    Rule {
        name: "a class that is not there keeps its name",
        fits: |_, found| {
            let is_class = [".type.value.value", ".converter.value.value"];
            is_class.iter().any(|end| found.at.ends_with(end)) && found.theirs == "null"
        },
    },
    Rule {
        name: "hints follow a class that could not be found",
        fits: |_, found| {
            let theirs = found.theirs.trim_matches('"');
            theirs.contains("could not be found.") && found.ours.contains(theirs)
        },
    },
    Rule {
        name: "Jackson's words",
        fits: |_, found| found.at == "$.message" && found.theirs.contains("at [Source: REDACTED"),
    },
    Rule {
        name: "no null pointers",
        fits: |_, found| {
            (found.at == "$.message" || found.at.ends_with(".errors length"))
                && found.theirs.contains("Cannot invoke ")
                && found.theirs.contains("is null")
        },
    },
    Rule {
        name: "another engine's words about an expression",
        fits: |_, found| {
            [&found.theirs, &found.ours].iter().all(|text| text.contains("Invalid regex: "))
        },
    },
    Rule {
        name: "a missing expression is one error",
        fits: |step, found| found.at == "$.error_count" && lacks_expression(&step.body),
    },
    Rule {
        name: "a class that is no plug-in is not found",
        fits: |step, found| {
            found.at == "status"
                && step.path.starts_with("/connector-plugins/java.")
                && message(&found.theirs, "500 ").as_deref() == Some("Instantiation error")
        },
    },
    Rule {
        name: "a task that is not there is not looked for elsewhere",
        fits: |step, found| {
            found.at == "status"
                && step.path.contains("/tasks/")
                && message(&found.theirs, "409 ")
                    .is_some_and(|theirs| theirs.contains("no known leader URL"))
        },
    },
    Rule {
        name: "offsets of a connector that cannot start can be read",
        fits: |step, found| {
            found.at == "status"
                && step.path.ends_with("/offsets")
                && message(&found.theirs, "500 ")
                    .is_some_and(|theirs| theirs.contains("topic.creation.default."))
        },
    },
    Rule {
        name: "a location can be asked",
        fits: |_, found| found.at == "location" && found.ours.contains("%2F"),
    },
    Rule {
        name: "the version is told in every status",
        fits: |_, found| found.at.ends_with(".version") && found.theirs == "null",
    },
    Rule {
        name: "loggers are ours",
        fits: |step, found| {
            step.path.starts_with("/admin/loggers")
                && ["$ keys", "$ length", "$ order", "$[0]"].contains(&&*found.at)
        },
    },
    Rule {
        name: "Jetty refuses odd paths",
        fits: |step, found| {
            let is_odd = ["%", "//", ";", ".."].iter().any(|odd| step.path.contains(odd));
            let is_bare = !found.theirs.contains("error_code");
            let is_page = ["content-type", "text"].contains(&&*found.at)
                && found.theirs.trim_start_matches("text/").starts_with(['h', '<']);
            let is_refused = found.at == "status" && found.theirs.starts_with("400 ") && is_bare;
            is_odd && (is_refused || is_page)
        },
    },
    Rule {
        name: "every error tells its type",
        fits: |_, found| found.at == "content-type" && found.theirs.is_empty(),
    },
    Rule {
        name: "Jetty refuses what is no media type",
        fits: |step, found| {
            let mut headers = step.headers.iter();
            let is_odd =
                headers.any(|(name, value)| *name == "Content-Type" && !value.contains('/'));
            found.at == "status" && found.theirs.starts_with("400 <html>") && is_odd
        },
    },
    Rule {
        name: "no key has null for its value",
        fits: |step, found| {
            let is_counted = ["status", "$.error_count", "$.message"].contains(&&*found.at);
            let of_key = [".value.errors length", ".value.value"];
            let is_of_key = of_key.iter().any(|end| found.at.ends_with(end));
            step.body.contains("\":null") && (is_counted || is_of_key)
        },
    },
    Rule {
        name: "likely typing errors are pointed out",
        fits: |_, found| found.at == "$.configs keys" && found.ours.starts_with(&found.theirs),
    },
    Rule {
        name: "a client override of another type is an error of its key",
        fits: |step, found| {
            found.at == "status"
                && step.body.contains(".override.")
                && message(&found.theirs, "500 ").is_some_and(|theirs| {
                    found.ours.contains(theirs.trim_start_matches(CONFIG_EXCEPTION))
                })
        },
    },
    Rule {
        name: "a configuration is printed in the order of its keys",
        fits: |_, found| {
            found.at == "$.message" && found.theirs.contains("contains no connector type")
        },
    },
    Rule {
        name: "keys and headings come in another order",
        fits: |step, found| {
            found.at.ends_with(".partition order")
                || found.at.ends_with(".topics order")
                || ["$.groups order", "$.configs order"].contains(&&*found.at)
                || step.path.contains("expand=") && found.at.ends_with(" order")
        },
    },
    Rule {
        name: "an empty converter class is shown as it was written",
        fits: |step, found| {
            step.body.contains("converter\":\"\"")
                && (["$.configs keys", "$.error_count"].contains(&&*found.at)
                    || found.at.ends_with(".errors length"))
        },
    },
    Rule {
        name: "there is one version of everything",
        fits: |step, found| {
            let places = ["status", "$.message", "$.error_count"];
            step.body.contains("connector.plugin.version")
                && (places.contains(&&*found.at) || found.at.ends_with(".errors length"))
        },
    },
    Rule {
        name: "a sink commits the beginning of an empty topic",
        fits: |_, found| found.at == "$.offsets length" && found.theirs.contains("SIDE-empty"),
    },
    Rule {
        name: "a task that cannot be started fails in its own time",
        fits: |step, found| {
            found.at == "status"
                && step.path.contains("/restart")
                && message(&found.theirs, "500 ")
                    .is_some_and(|theirs| theirs.starts_with("Failed to start task: "))
        },
    },
    Rule {
        name: "restarted tasks come in the order of their numbers",
        fits: |step, found| {
            step.path.contains("/restart?")
                && found.at.starts_with("$.tasks[")
                && found.at.ends_with("].id")
        },
    },
    Rule {
        name: "path parameters are not known",
        fits: |step, found| found.at == "status" && step.path.contains(';'),
    },
    Rule {
        name: "a task below 0 of a connector that is not there",
        fits: |step, found| found.at == "$.message" && step.path.contains("/tasks/-1/"),
    },
];

const CONFIG_EXCEPTION: &str = "org.apache.kafka.common.config.ConfigException: ";

/// Whether a configuration names a class that needs a regular expression, and has none.
fn lacks_expression(body: &str) -> bool {
    [("RegexRouter", ".regex\""), ("TopicNameMatches", ".pattern\"")]
        .iter()
        .any(|(class, key)| body.contains(class) && !body.contains(key))
}

/// The name of a difference that is known.
pub(super) fn name_of(step: &Step, difference: &Difference) -> Option<&'static str> {
    RULES.iter().find(|rule| (rule.fits)(step, difference)).map(|rule| rule.name)
}

/// The message of an answer with this status.
fn message(answer: &str, status: &str) -> Option<String> {
    let body: Value = serde_json::from_str(answer.strip_prefix(status)?).ok()?;
    Some(body["message"].as_str()?.to_owned())
}

fn sorted(list: &str) -> Vec<&str> {
    let mut items: Vec<_> = list.split(',').map(str::trim).collect();
    items.sort_unstable();
    items
}

/// What is said before the list of what there is, without the exceptions that it came in.
fn missing_class(text: &str) -> Option<&str> {
    let (said, _) = text.split_once("available connectors are: ")?;
    said.find("Failed to find").and_then(|at| said.get(at..))
}

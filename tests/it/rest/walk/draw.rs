//! Draws the steps of a walk from a seed.

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde_json::{Value, json};

use super::{
    material::{Material, one},
    step::{Aim, Step},
};
use crate::rest::replay::encoded;

/// How often a kind of step comes, and how one is made.
type Kind = (u32, fn(&mut Walker) -> Step);

const KINDS: [Kind; 24] = [
    (14, Walker::create),
    (8, Walker::create_badly),
    (4, Walker::send_broken_json),
    (6, Walker::put_config),
    (5, Walker::put_config_badly),
    (6, Walker::patch_config),
    (7, Walker::delete),
    (8, Walker::pause_or_resume),
    (7, Walker::stop),
    (5, Walker::restart),
    (4, Walker::restart_task),
    (10, Walker::read),
    (5, Walker::list),
    (7, Walker::read_offsets),
    (9, Walker::alter_offsets),
    (4, Walker::reset_offsets),
    (2, Walker::reset_topics),
    (12, Walker::validate),
    (3, Walker::validate_badly),
    (4, Walker::plugins),
    (5, Walker::loggers),
    (5, Walker::strange_method),
    (5, Walker::unknown_path),
    (6, Walker::odd_headers),
];

/// Draws one step after the other.
pub(super) struct Walker {
    of: Material,
}

impl Walker {
    pub(super) fn new(seed: u64) -> Self {
        Self { of: Material::new(SmallRng::seed_from_u64(seed)) }
    }

    /// The next step.
    pub(super) fn next_step(&mut self) -> Step {
        let all: u32 = KINDS.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.of.random.random_range(0..all);
        for (weight, kind) in KINDS {
            if drawn < weight {
                return kind(self);
            }
            drawn -= weight;
        }
        unreachable!("the weights add up")
    }

    fn create(&mut self) -> Step {
        let (name, mut config) = (self.of.name(), self.of.good_config());
        if self.of.happens(0.3) {
            config.insert("name".to_owned(), name.clone().into());
        }
        let mut body = json!({"name": name, "config": config});
        let states = [
            None,
            Some(("RUNNING", Aim::Running)),
            Some(("paused", Aim::Paused)),
            Some(("PAUSED", Aim::Paused)),
            Some(("STOPPED", Aim::Stopped)),
        ];
        let state =
            if self.of.happens(0.6) { &None } else { one(&mut self.of.random, &states.each_ref()) };
        if let Some((word, _)) = state {
            body["initial_state"] = (*word).into();
        }
        let aim = state.map_or(Aim::Running, |(_, aim)| aim);
        Step::of("POST", "/connectors").json(body).about(&name).leads_to(aim)
    }

    fn create_badly(&mut self) -> Step {
        let mut name = json!(self.of.name());
        let mut body = json!({"name": name, "config": self.of.good_config()});
        match self.of.random.random_range(0..7) {
            0 | 1 => {
                name = self.of.value("odd_names");
                body["name"] = name.clone();
            }
            2 => body["initial_state"] = self.of.value("odd_initial_states"),
            _ => body["config"] = self.of.bad_config().into(),
        }
        // Names are trimmed, and numbers are names.
        let name = name.as_str().map_or_else(
            || name.to_string(),
            |name| name.trim_matches(|letter: char| letter <= ' ').to_owned(),
        );
        Step::of("POST", "/connectors").json(body).about(&name).leads_to(Aim::Running)
    }

    fn send_broken_json(&mut self) -> Step {
        let body = self.of.text("broken");
        let own = connector_path(&self.of.name(), "/config");
        let ways =
            [("POST", "/connectors"), ("POST", "/connectors"), ("PUT", &own), ("PATCH", &own)];
        let (mut method, path) = *one(&mut self.of.random, &ways.each_ref());
        if is_renaming(&body) && method == "PATCH" {
            method = "PUT";
        }
        Step::of(method, path).json(body)
    }

    fn put_config(&mut self) -> Step {
        let (name, config) = (self.of.name(), Value::Object(self.of.good_config()));
        Step::of("PUT", connector_path(&name, "/config")).json(config).about(&name).changes()
    }

    fn put_config_badly(&mut self) -> Step {
        let (name, config) = (self.of.name(), Value::Object(self.of.bad_config()));
        Step::of("PUT", connector_path(&name, "/config")).json(config).about(&name).changes()
    }

    fn patch_config(&mut self) -> Step {
        let name = self.of.name();
        let mut patch = match self.of.random.random_range(0..4) {
            0 => self.of.value("patches"),
            1 => Value::Object(self.of.good_config()),
            _ => self.of.value("bad"),
        };
        if is_renaming(&patch.to_string()) {
            patch = Value::Object(self.of.good_config());
        }
        Step::of("PATCH", connector_path(&name, "/config")).json(patch).about(&name).changes()
    }

    /// A request that says all by its path.
    fn request(&mut self, method: &'static str, end: &str) -> Step {
        let name = self.of.name();
        Step::of(method, connector_path(&name, end)).about(&name)
    }

    fn delete(&mut self) -> Step {
        self.request("DELETE", "").leads_to(Aim::Gone)
    }

    fn pause_or_resume(&mut self) -> Step {
        if self.of.happens(0.5) {
            self.request("PUT", "/pause").leads_to(Aim::Paused)
        } else {
            self.request("PUT", "/resume").leads_to(Aim::Running)
        }
    }

    fn stop(&mut self) -> Step {
        self.request("PUT", "/stop").leads_to(Aim::Stopped)
    }

    fn restart(&mut self) -> Step {
        let end = "/restart".to_owned() + &self.of.text("restart_queries");
        self.request("POST", &end).changes()
    }

    fn restart_task(&mut self) -> Step {
        let end = format!("/tasks/{}/restart", self.of.text("task_numbers"));
        self.request("POST", &end).changes()
    }

    fn read(&mut self) -> Step {
        let name = if self.of.happens(0.1) { self.of.text("read_names") } else { self.of.name() };
        let method = one(&mut self.of.random, &["GET", "GET", "GET", "HEAD"]);
        Step::of(method, connector_path(&name, &self.of.text("read_ends")))
    }

    fn list(&mut self) -> Step {
        Step::get(self.of.text("lists"))
    }

    fn read_offsets(&mut self) -> Step {
        self.request("GET", "/offsets")
    }

    fn alter_offsets(&mut self) -> Step {
        let offsets = self.of.value("offsets");
        self.request("PATCH", "/offsets").json(offsets).changes()
    }

    fn reset_offsets(&mut self) -> Step {
        self.request("DELETE", "/offsets").changes()
    }

    fn reset_topics(&mut self) -> Step {
        self.request("PUT", "/topics/reset").changes()
    }

    fn validate(&mut self) -> Step {
        let is_good = self.of.happens(0.3);
        let mut config = if is_good { self.of.good_config() } else { self.of.bad_config() };
        if self.of.happens(0.7) && !config.contains_key("name") {
            config.insert("name".to_owned(), self.of.name().into());
        }
        let class =
            config.get("connector.class").and_then(Value::as_str).unwrap_or("FileStreamSink");
        let path = format!("/connector-plugins/{}/config/validate", encoded(class));
        Step::of("PUT", path).json(Value::Object(config))
    }

    fn validate_badly(&mut self) -> Step {
        let path =
            format!("/connector-plugins/{}/config/validate", self.of.text("validate_classes"));
        Step::of("PUT", path).json(self.of.value("validate_bodies"))
    }

    fn plugins(&mut self) -> Step {
        Step::get(self.of.text("plugins"))
    }

    fn loggers(&mut self) -> Step {
        let path = format!("/admin/loggers/{}", self.of.text("loggers"));
        if self.of.happens(0.4) {
            return Step::get(one(
                &mut self.of.random,
                &[&*path, &path, "/admin/loggers", "/admin/loggers/"],
            ));
        }
        let path = path + &self.of.text("scopes");
        Step::of("PUT", path).json(self.of.value("levels")).changes()
    }

    fn strange_method(&mut self) -> Step {
        let methods = ["OPTIONS", "OPTIONS", "HEAD", "FOO"];
        let method = one(&mut self.of.random, &methods);
        if self.of.happens(0.6) {
            let end = self.of.text("connector_ends");
            return self.request(method, &end);
        }
        let path = self.of.text("fixed_paths");
        // Neither means anything there.
        Step::of(one(&mut self.of.random, &[method, "DELETE", "PATCH"]), path)
    }

    fn unknown_path(&mut self) -> Step {
        if self.of.happens(0.3) {
            let end = self.of.text("unknown_ends");
            return self.request("GET", &end);
        }
        let method = one(&mut self.of.random, &["GET", "GET", "POST", "DELETE", "HEAD"]);
        Step::of(method, self.of.text("unknown_paths"))
    }

    fn odd_headers(&mut self) -> Step {
        let name = self.of.name();
        let body = json!({"name": name, "config": self.of.good_config()}).to_string();
        let create =
            Step { body, ..Step::of("POST", "/connectors") }.about(&name).leads_to(Aim::Running);
        let accepts = self.of.text("accepts");
        match self.of.random.random_range(0..4) {
            0 => Step::get(connector_path(&name, "/status")).header("Accept", accepts),
            1 => Step::get("/no/such/path").header("Accept", accepts),
            2 => create,
            _ => create.header("Content-Type", self.of.text("content_types")),
        }
    }
}

/// Whether a body has a name. As a patch it would rename the configuration and not the connector on
/// the JVM's worker, which cannot get rid of what comes of it.
fn is_renaming(body: &str) -> bool {
    body.contains("\"name\":")
}

/// A path of a connector.
pub(super) fn connector_path(name: &str, end: &str) -> String {
    format!("/connectors/{}{end}", encoded(name))
}

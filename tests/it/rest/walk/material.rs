//! What steps are made of, from `material.json`: lists by name.

use rand::{RngExt as _, rngs::SmallRng};
use serde_json::{Map, Value};

const LISTS: &str = include_str!("material.json");

/// What sources read; three lines.
pub(super) const INPUT: &str = "FOLDER/SIDE/in.txt";
/// Where a sink cannot write.
pub(super) const UNWRITABLE: &str = "FOLDER/SIDE/none/out.txt";

/// A configuration, keys in the order in which they are written.
pub(super) type Config = Map<String, Value>;

/// One of these.
pub(super) fn one<'a, T: ?Sized>(random: &mut SmallRng, of: &[&'a T]) -> &'a T {
    of[random.random_range(0..of.len())]
}

/// Draws from the lists.
pub(super) struct Material {
    lists: Map<String, Value>,
    pub(super) random: SmallRng,
}

impl Material {
    pub(super) fn new(random: SmallRng) -> Self {
        Self { lists: serde_json::from_str(LISTS).unwrap(), random }
    }

    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    /// An item of a list.
    pub(super) fn value(&mut self, list: &str) -> Value {
        let list = self.lists[list].as_array().unwrap();
        list[self.random.random_range(0..list.len())].clone()
    }

    /// An item of a list of texts.
    pub(super) fn text(&mut self, list: &str) -> String {
        self.value(list).as_str().unwrap().to_owned()
    }

    /// A connector's name; the first two more often, so that names have a history.
    pub(super) fn name(&mut self) -> String {
        if self.happens(0.6) {
            return one(&mut self.random, &["SIDE-a", "SIDE-b"]).to_owned();
        }
        self.text("names")
    }

    /// A configuration that works, or at least starts.
    pub(super) fn good_config(&mut self) -> Config {
        let mut config = if self.happens(0.5) { self.source() } else { self.sink() };
        for _ in 0..self.random.random_range(0..3) {
            extend(&mut config, &self.value("harmless"));
        }
        config
    }

    /// A configuration with something in it that is bad, or at least odd.
    pub(super) fn bad_config(&mut self) -> Config {
        let mut config = self.good_config();
        extend(&mut config, &self.value("bad"));
        if self.happens(0.2) {
            let keys = ["connector.class", "topic", "topics", "file", "tasks.max"];
            config.shift_remove(one(&mut self.random, &keys));
        }
        config
    }

    fn source(&mut self) -> Config {
        let class = self.text("classes").replace("{}", "Source");
        let file = one(&mut self.random, &[INPUT, INPUT, "FOLDER/SIDE/later.txt"]);
        let tasks = one(&mut self.random, &["1", "1", "2"]);
        config([
            ("connector.class", &*class),
            ("tasks.max", tasks),
            ("topic", "SIDE-out"),
            ("file", file),
        ])
    }

    fn sink(&mut self) -> Config {
        let class = self.text("classes").replace("{}", "Sink");
        let topics = ["SIDE-in", "SIDE-in", "SIDE-empty", "SIDE-in,SIDE-empty"];
        let topics = one(&mut self.random, &topics);
        let output = "FOLDER/SIDE/out.txt";
        let file = one(&mut self.random, &[output, output, UNWRITABLE]);
        let tasks = one(&mut self.random, &["1", "1", "2"]);
        config([
            ("file", file),
            ("topics", topics),
            ("connector.class", &*class),
            ("tasks.max", tasks),
        ])
    }
}

fn config<const N: usize>(entries: [(&str, &str); N]) -> Config {
    entries.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect()
}

fn extend(config: &mut Config, more: &Value) {
    config.extend(more.as_object().unwrap().clone());
}

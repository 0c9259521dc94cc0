//! The derive, validation and parsing together.

use std::{path::PathBuf, time::Duration};

use super::{
    ClassName, Config, ConfigDef, ConfigKey, ConfigKind, ConfigType, ConfigValue, Importance,
    Problems, Props, Secret, UNIQUE, Width, choice, validate,
};

choice! {
    /// What to do with bad records.
    #[derive(Default)]
    enum Tolerance {
        /// Fail.
        #[default]
        None = "none",
        /// Skip.
        All = "all",
    }
}

#[derive(Config, Debug)]
#[config(group = "Error Handling", check)]
struct Retries {
    /// How bad records are treated.
    #[config(key = "errors.tolerance", recommended = [], default = Tolerance::None, width = Short)]
    tolerance: Tolerance,
    /// Longest time to try again.
    #[config(key = "errors.retry.timeout", default = 0, display = "Retry Timeout for Errors")]
    timeout: Duration,
}

impl Retries {
    fn check(&self, problems: &mut Problems) {
        if self.tolerance == Tolerance::All && self.timeout.is_zero() {
            problems.add("errors.retry.timeout", self.timeout.as_millis(), "Too short for all");
        }
    }
}

fn starts_with_slash(text: &str) -> Result<(), String> {
    if text.starts_with('/') { Ok(()) } else { Err("Path must be absolute".to_owned()) }
}

#[derive(Config, Debug)]
#[config(group = "Connector", check)]
struct Options {
    /// Address of
    /// the system.
    ///
    /// Without a path.
    #[config(importance = High, check = NOT_EMPTY, dependents = ["user", "password"])]
    url: String,
    /// Topics to read.
    #[config(default = "a, b", check = [NOT_EMPTY, UNIQUE])]
    topics: Vec<String>,
    /// Most records in one request.
    #[config(default = 2000, check = between(1, 5000), importance = Low)]
    batch_size: u32,
    /// Share of requests to trace.
    ratio: Option<f64>,
    /// Where to spool.
    #[config(default = "/tmp", check = starts_with_slash)]
    spool_dir: PathBuf,
    /// Converter of keys.
    #[config(key = "key.converter")]
    converter: Option<ClassName>,
    /// Whether to compress.
    #[config(default = false)]
    compress: bool,
    /// Bytes between records.
    #[config(default = "\n", raw, order = 20, group = "Format")]
    separator: String,
    /// Time between beats.
    #[config(key = "beat.ms", default = 3000, kind = Int, alias = "heartbeat.ms")]
    beat: Duration,
    /// User.
    #[config(recommended = ["admin"])]
    user: Option<String>,
    /// Password.
    #[config(check = one_of(&["p1", "p2"]))]
    password: Option<Secret<String>>,
    #[config(flatten)]
    retries: Retries,
}

impl Options {
    fn check(&self, problems: &mut Problems) {
        if self.user.is_some() != self.password.is_some() {
            problems.add_text("user", "user and password go together");
            problems.add_text("nowhere", "user and password go together");
        }
    }
}

fn value<'a>(values: &'a [ConfigValue], name: &str) -> &'a ConfigValue {
    values.iter().find(|value| value.name == name).unwrap()
}

fn key(name: &str) -> ConfigKey {
    Options::def().get(name).unwrap().clone()
}

#[test]
fn defaults_fill_what_is_absent() {
    let options = Options::parse(&Props::from([("url", " u ")])).unwrap();
    assert_eq!(options.url, "u");
    assert_eq!(options.topics, ["a", "b"]);
    assert_eq!(options.batch_size, 2000);
    assert_eq!(options.ratio, None);
    assert_eq!(options.spool_dir, PathBuf::from("/tmp"));
    assert_eq!(options.converter, None);
    assert!(!options.compress);
    assert_eq!(options.separator, "\n");
    assert_eq!(options.beat, Duration::from_secs(3));
    assert_eq!(options.retries.tolerance, Tolerance::default());
}

#[test]
fn given_values_win_and_raw_ones_keep_their_blanks() {
    let options = Options::parse(&Props::from([
        ("url", "u"),
        ("batch.size", " 7 "),
        ("ratio", "0.5"),
        ("key.converter", "JsonConverter"),
        ("compress", "TRUE"),
        ("separator", " | "),
        ("heartbeat.ms", "5"),
        ("errors.retry.timeout", "10"),
        ("errors.tolerance", "ALL"),
    ]))
    .unwrap();
    assert_eq!(options.batch_size, 7);
    assert_eq!(options.ratio, Some(0.5));
    assert_eq!(options.converter, Some(ClassName::new("JsonConverter")));
    assert!(options.compress);
    assert_eq!(options.separator, " | ");
    assert_eq!(options.beat, Duration::from_millis(5));
    assert_eq!(options.retries.tolerance, Tolerance::All);
}

#[test]
fn a_key_wins_over_its_alias() {
    let props = Props::from([("url", "u"), ("beat.ms", "1"), ("heartbeat.ms", "2")]);
    assert_eq!(Options::parse(&props).unwrap().beat, Duration::from_millis(1));
}

#[test]
fn parse_reports_every_problem_at_once() {
    let props = Props::from([
        ("topics", "a,b,a"),
        ("batch.size", " x"),
        ("ratio", "half"),
        ("spool.dir", "tmp"),
        ("key.converter", ""),
        ("compress", "yes"),
        ("beat.ms", "-5"),
        ("errors.tolerance", "some"),
    ]);
    assert_eq!(
        Options::parse(&props).unwrap_err().to_string().lines().collect::<Vec<_>>(),
        [
            "Missing required configuration \"url\" which has no default value.",
            "Invalid value [a, b, a] for configuration topics: Duplicate alias provided.",
            "Invalid value  x for configuration batch.size: Not a number of type INT",
            "Invalid value half for configuration ratio: Not a number of type DOUBLE",
            "Invalid value tmp for configuration spool.dir: Path must be absolute",
            "Invalid value  for configuration key.converter: Class  could not be found.",
            "Invalid value yes for configuration compress: Expected value to be either true or false",
            "Invalid value -5 for configuration beat.ms: Value must be at least 0",
            "Invalid value some for configuration errors.tolerance: String must be one of: none, all",
        ]
    );
}

#[test]
fn validate_reports_the_same_problems_by_key_and_null_for_ranges() {
    let values = validate::<Options>(&Props::from([("batch.size", "x"), ("ratio", "half")]));
    assert_eq!(values.iter().filter(|value| !value.errors.is_empty()).count(), 3);
    assert_eq!(
        value(&values, "batch.size").errors,
        [
            "Invalid value x for configuration batch.size: Not a number of type INT",
            "Invalid value null for configuration batch.size: Value must be non-null",
        ]
    );
    assert_eq!(value(&values, "batch.size").value, None);
    assert_eq!(value(&values, "topics").value.as_deref(), Some("a,b"));
    assert_eq!(value(&values, "user").recommended_values, ["admin"]);
    assert!(value(&values, "errors.tolerance").recommended_values.is_empty());
    assert_eq!(<Tolerance as ConfigType>::recommended(), ["none", "all"]);
}

#[test]
fn validate_checks_across_options_once_their_own_type_parses() {
    let props = Props::from([("user", "u"), ("errors.tolerance", "all")]);
    let values = validate::<Options>(&props);
    let timeout = "Invalid value 0 for configuration errors.retry.timeout: Too short for all";
    assert_eq!(value(&values, "errors.retry.timeout").errors, [timeout]);
    assert!(value(&values, "user").errors.is_empty(), "url is missing, so Options is unchecked");

    let props = Props::from([("user", "u"), ("url", "u")]);
    let values = validate::<Options>(&props);
    assert_eq!(value(&values, "user").errors, ["user and password go together"]);
    assert_eq!(values.last().unwrap().name, "nowhere");
}

#[test]
fn a_value_that_breaks_a_rule_is_still_shown() {
    let values = validate::<Options>(&Props::from([("url", "u"), ("batch.size", "0")]));
    let found = value(&values, "batch.size");
    assert_eq!(found.value.as_deref(), Some("0"));
    assert_eq!(
        found.errors,
        ["Invalid value 0 for configuration batch.size: Value must be at least 1"]
    );
}

#[test]
fn secrets_appear_nowhere() {
    let good = Props::from([("url", "u"), ("user", "u"), ("password", "p1")]);
    let options = Options::parse(&good).unwrap();
    assert_eq!(options.password.as_ref().unwrap().expose(), "p1");
    assert!(!format!("{options:?} {good:?}").contains("p1"));
    assert_eq!(value(&validate::<Options>(&good), "password").value.as_deref(), Some("[hidden]"));

    let bad = Props::from([("url", "u"), ("user", "u"), ("password", "s3cret")]);
    let errors = Options::parse(&bad).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "Invalid value [hidden] for configuration password: String must be one of: p1, p2"
    );
    assert!(!format!("{errors:?} {:?}", validate::<Options>(&bad)).contains("s3cret"));
    assert!(Options::def().is_secret("password"));
    assert!(!Options::def().is_secret("user"));
}

#[test]
fn definition_says_what_the_struct_says() {
    let url = key("url");
    assert_eq!(url.documentation, "Address of the system.\nWithout a path.");
    assert_eq!(
        (url.kind, url.importance, url.width),
        (ConfigKind::String, Importance::High, Width::Medium)
    );
    assert!(url.required);
    assert_eq!(url.group.as_deref(), Some("Connector"));
    assert_eq!((url.order, key("topics").order, key("user").order), (1, 2, 9));
    assert_eq!(url.dependents, ["user", "password"]);
    assert_eq!(key("topics").default_value().as_deref(), Some("a,b"));
    assert_eq!(key("batch.size").display_name, "Batch Size");
    assert_eq!(key("separator").order, 20);
    assert_eq!(key("beat.ms").kind, ConfigKind::Int);
    assert_eq!(key("password").kind, ConfigKind::Password);
    assert_eq!(key("errors.tolerance").width, Width::Short);
    assert_eq!(key("errors.retry.timeout").order, 2);
    assert_eq!(Options::def().groups(), ["Connector", "Format", "Error Handling"]);
}

#[test]
fn every_default_passes_its_own_rules() {
    let values = Options::def().validate(&Props::from([("url", "u")]));
    assert!(values.iter().all(|value| value.errors.is_empty()), "{values:?}");
}

#[test]
fn the_first_definition_of_a_key_stays() {
    let def = ConfigDef::new()
        .with(ConfigKey::of::<u32>("tasks.max", "Ours.").default(1))
        .merge(ConfigDef::new().with(ConfigKey::of::<u32>("tasks.max", "Theirs.")));
    assert_eq!(def.keys().len(), 1);
    assert_eq!(def.get("tasks.max").unwrap().documentation, "Ours.");
}

#[test]
fn keys_under_a_prefix_report_broken_rules_without_it() {
    let def = ConfigDef::new()
        .with(ConfigKey::of::<ClassName>("type", "Class."))
        .with(ConfigKey::of::<Vec<String>>("fields", "Fields.").check(UNIQUE).dependents(["type"]))
        .with(ConfigKey::new(ConfigKind::Int, "size", "Size.").group("More"))
        .with_prefix("transforms.A.", "Transforms: A");
    let props =
        Props::from([("transforms.A.fields", "a,a"), ("transforms.A.size", "x"), ("other", "")]);
    let errors: Vec<_> = def.validate(&props).into_iter().flat_map(|value| value.errors).collect();
    assert_eq!(
        errors,
        [
            "Missing required configuration \"transforms.A.type\" which has no default value.",
            "Invalid value [a, a] for configuration fields: Duplicate alias provided.",
            "Invalid value x for configuration transforms.A.size: Not a number of type INT",
        ]
    );
    assert_eq!(def.groups(), ["Transforms: A", "Transforms: A: More"]);
    assert_eq!(def.keys().iter().map(|key| key.order).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(def.get("transforms.A.fields").unwrap().dependents, ["transforms.A.type"]);
    assert_eq!(def.unknown(&props), ["other"]);
}

#[test]
fn keys_of_an_open_prefix_are_known() {
    let mut def = ConfigDef::new();
    def.open("header.");
    let def = ConfigDef::new().merge(def.under("http."));
    let props = Props::from([("http.header.accept", ""), ("header.accept", ""), ("http.head", "")]);
    assert_eq!(def.unknown(&props), ["header.accept", "http.head"]);
}

#[test]
fn options_of_a_group_may_have_a_prefix_of_their_own() {
    #[derive(Config, Debug)]
    struct Outer {
        #[config(flatten = "inner.")]
        inner: Inner,
    }
    #[derive(Config, Debug)]
    #[config(check)]
    struct Inner {
        /// Size.
        #[config(check = super::at_least(1))]
        size: u32,
        #[config(flatten = "most.")]
        most: Most,
    }
    #[derive(Config, Debug)]
    struct Most {
        /// Count.
        #[config(alias = "number")]
        count: u32,
    }
    impl Inner {
        fn check(&self, problems: &mut Problems) {
            if self.most.count < self.size {
                problems.add("size", self.size, "Beyond the count");
            }
        }
    }
    let outer = Outer::parse(&Props::from([("inner.size", "2"), ("inner.most.number", "7")]));
    assert_eq!(outer.unwrap().inner.size, 2);
    let names: Vec<_> = Outer::def().keys().iter().map(|key| key.name.clone()).collect();
    assert_eq!(names, ["inner.size", "inner.most.count"]);
    let errors = |props: &[(&str, &str)]| -> Vec<(String, String)> {
        let errors = Outer::parse(&props.iter().copied().collect()).unwrap_err();
        errors.iter().map(|(key, message)| (key.to_owned(), message.to_owned())).collect()
    };
    assert_eq!(
        errors(&[("inner.size", "0"), ("size", "1"), ("inner.most.number", "7")]),
        [(
            "inner.size".to_owned(),
            "Invalid value 0 for configuration inner.size: Value must be at least 1".to_owned()
        )]
    );
    let missing = "Missing required configuration \"inner.most.count\" which has no default value.";
    assert_eq!(
        errors(&[("inner.size", "2")]),
        [("inner.most.count".to_owned(), missing.to_owned())]
    );
    assert_eq!(
        errors(&[("inner.size", "8"), ("inner.most.number", "7")]),
        [(
            "inner.size".to_owned(),
            "Invalid value 8 for configuration inner.size: Beyond the count".to_owned()
        )]
    );
}

#[test]
fn a_key_that_is_read_but_not_defined_is_a_problem() {
    struct Forgetful;
    impl Config for Forgetful {
        fn def() -> ConfigDef {
            ConfigDef::new()
        }
        fn read(reader: &mut super::Reader<'_>) -> Option<Self> {
            reader.read::<u32>("size").map(|_| Self)
        }
    }
    let errors = Forgetful::parse(&Props::new()).err().unwrap();
    assert_eq!(errors.to_string(), "Unknown configuration 'size'");
}

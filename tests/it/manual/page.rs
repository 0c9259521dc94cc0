//! Pages: one for each class, or for its `$Key` and `$Value` together.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use connect_api::config::{ConfigDef, ConfigKey};
use millrace::{
    convert::ConverterRegistry,
    plugins,
    transform::{predicate_registry, transform_registry},
};

use super::{Blocks, example, message::Messages, options, root};

/// What a class is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Source,
    Sink,
    Converter,
    HeaderConverter,
    Transform,
    Predicate,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Source,
        Self::Sink,
        Self::Converter,
        Self::HeaderConverter,
        Self::Transform,
        Self::Predicate,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Source => "sources",
            Self::Sink => "sinks",
            Self::Converter => "converters",
            Self::HeaderConverter => "header converters",
            Self::Transform => "transforms",
            Self::Predicate => "predicates",
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Source | Self::Sink => "connectors",
            Self::Converter | Self::HeaderConverter => "converters",
            Self::Transform => "transforms",
            Self::Predicate => "predicates",
        }
    }

    /// What a connector of the kind is called.
    const fn one(self) -> &'static str {
        if matches!(self, Self::Source) { "source" } else { "sink" }
    }

    const fn is_connector(self) -> bool {
        matches!(self, Self::Source | Self::Sink)
    }

    /// The kind, and the start of the names, that a region of a list shows, such as
    /// `transforms millrace.`.
    pub(super) fn listed(region: &str) -> (Self, &str) {
        let of = |kind: &Self| {
            let rest = region.strip_prefix(kind.word())?;
            Some((*kind, rest.trim_start()))
        };
        Self::ALL.iter().find_map(of).unwrap_or_else(|| panic!("no region is named {region}"))
    }
}

/// A page of the manual.
pub(super) struct Page {
    kind: Kind,
    /// Simple name, without `$Key` and the like.
    name: &'static str,
    classes: Vec<&'static str>,
    def: ConfigDef,
}

/// Every converter that the worker has.
pub(super) fn converters() -> ConverterRegistry {
    ConverterRegistry::own().with(connect_schema_registry::converters())
}

/// Every page, by kind and name.
pub(super) fn pages() -> Vec<Page> {
    let mut pages = connectors();
    pages.extend(parts());
    pages
}

/// One for each connector; those with the same options are one, under different names.
fn connectors() -> Vec<Page> {
    let mut pages: BTreeMap<_, Page> = BTreeMap::new();
    let mut add = |kind, class: &'static str, def: ConfigDef| {
        let name = simple(class);
        let page = Page { kind, name, classes: Vec::new(), def };
        pages.entry((kind, options::tables(&page.def))).or_insert(page).classes.push(class);
    };
    let linked = plugins::classes();
    for source in &linked.sources {
        add(Kind::Source, source.class(), source.config_def());
    }
    for sink in &linked.sinks {
        add(Kind::Sink, sink.class(), sink.config_def());
    }
    let mut pages: Vec<_> = pages.into_values().collect();
    pages.sort_by_key(|page| (page.kind, page.name, page.classes[0]));
    pages
}

/// One for each converter, transformation and predicate, with its `$Key` and `$Value` together.
fn parts() -> impl Iterator<Item = Page> {
    let mut pages: BTreeMap<_, Page> = BTreeMap::new();
    let mut add = |kind, class: &'static str, def: fn() -> ConfigDef| {
        let name = simple(class);
        let page = || Page { kind, name, classes: Vec::new(), def: def() };
        pages.entry((kind, name)).or_insert_with(page).classes.push(class);
    };
    for plugin in converters().plugins() {
        let kind = if plugin.is_converter() { Kind::Converter } else { Kind::HeaderConverter };
        add(kind, plugin.class, plugin.def);
    }
    for plugin in transform_registry() {
        add(Kind::Transform, plugin.class, plugin.def);
    }
    for plugin in predicate_registry() {
        add(Kind::Predicate, plugin.class, plugin.def);
    }
    pages.into_values()
}

/// `Cast` of `org.apache.kafka.connect.transforms.Cast$Key`.
fn simple(class: &'static str) -> &'static str {
    let whole = class.split('$').next().unwrap();
    whole.rsplit('.').next().unwrap()
}

impl Page {
    pub(super) fn path(&self) -> String {
        format!("docs/{}", self.link())
    }

    /// Where it is, from `docs`. Connectors of several vendors share simple names.
    fn link(&self) -> String {
        let name = if self.kind.is_connector() { self.classes[0] } else { self.name };
        format!("reference/{}/{name}.md", self.kind.folder())
    }

    /// What a page begins as, for a class that is new.
    pub(super) fn frame(&self) -> String {
        let becomes = |region: &str| {
            let before = "```properties\n```\n\n```json\n{\"value\": null}\n```";
            format!("{before}\n\nbecomes\n\n<!-- {region} -->\n")
        };
        let example = match self.kind {
            Kind::Source | Kind::Sink => "<!-- config NAME.json -->\n".to_owned(),
            Kind::Converter | Kind::HeaderConverter => becomes("message"),
            Kind::Transform | Kind::Predicate => becomes("after"),
        };
        format!(
            "# {}\n\n<!-- classes -->\n<!-- end -->\n\nSay what it does.\n\n\
             ## Options\n\n<!-- options -->\n<!-- end -->\n\n\
             ## Example\n\n{example}<!-- end -->\n",
            self.name
        )
    }

    /// What belongs into a region.
    pub(super) fn region(&self, name: &str, blocks: &Blocks, messages: &Messages) -> String {
        match name {
            "classes" => self.classes(),
            "options" => self.options(),
            "after" => example::after(blocks),
            "message" => messages.of(blocks),
            _ => match name.strip_prefix("config ") {
                Some(file) => example::config(file, &self.classes),
                None => panic!("{} has a region {name}, which is not known", self.path()),
            },
        }
    }

    fn classes(&self) -> String {
        let classes: Vec<_> = self.classes.iter().map(|class| format!("`{class}`")).collect();
        format!("{}\n", classes.join(",\n"))
    }

    fn options(&self) -> String {
        if self.kind.is_connector() {
            let list = "../../connectors.md#options-of-every-";
            let one = self.kind.one();
            let more =
                format!("[every connector]({list}connector) and of [every {one}]({list}{one})");
            return format!("{}\nand those of {more}.\n", options::tables(&self.def));
        }
        let (all, shared) = (&self.def, options::of_registry());
        let is_of_registry = all.get("schema.registry.url").is_some();
        let is_own = |key: &&ConfigKey| {
            let is_shared = is_of_registry && shared.get(&key.name).is_some();
            // The worker sets it.
            !is_shared && key.name != "converter.type"
        };
        let keys: ConfigDef = all.keys().iter().filter(is_own).cloned().collect();
        if keys.keys().is_empty() {
            return "There are none.\n".to_owned();
        }
        let more = "\nand those of [the registry](../../converters.md#options-of-the-registry).\n";
        options::table(&keys) + if is_of_registry { more } else { "" }
    }

    /// What it is called in a list, and what else it is.
    fn listed(&self) -> (&'static str, String) {
        if self.kind.is_connector() {
            let others = self.classes[1..].iter().map(|class| format!(", `{class}`"));
            return (self.classes[0], others.collect());
        }
        let sides = self.classes.iter().filter_map(|class| class.split_once('$'));
        (self.name, sides.map(|(_, side)| format!(" `${side}`")).collect())
    }

    /// The first sentence of what is written by hand.
    fn summary(&self) -> String {
        let text = fs::read_to_string(root().join(self.path())).unwrap_or_default();
        let words = text.split("<!-- end -->\n").nth(1).unwrap_or_default();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        words.split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned()
    }
}

/// The list of the pages of a kind whose classes begin so.
pub(super) fn list(pages: &[Page], (kind, start): (Kind, &str)) -> String {
    let mut out = "| class | what it does |\n| --- | --- |\n".to_owned();
    for page in pages.iter().filter(|page| page.kind == kind) {
        if !page.classes[0].starts_with(start) {
            continue;
        }
        let (name, others) = page.listed();
        let (link, summary) = (page.link(), page.summary());
        // Writing to a string cannot fail.
        let _written = writeln!(out, "| [`{name}`]({link}){others} | {summary} |");
    }
    out
}

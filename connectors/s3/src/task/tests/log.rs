//! What is logged as a warning by the thread of a test.
//!
//! One subscriber serves the whole process: with one per test, a place in the code that is first
//! reached by another test would stay silent.

use std::{cell::RefCell, fmt, sync::Once};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};

thread_local! {
    /// Texts of the warnings, on threads that listen.
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

static INSTALLED: Once = Once::new();

/// Keeps the warnings of this thread from now on.
pub(super) fn listen() {
    INSTALLED.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
    HEARD.set(Some(Vec::new()));
}

/// How many warnings had this text in them.
pub(super) fn heard(text: &str) -> usize {
    HEARD.with_borrow(|heard| {
        let heard = heard.as_ref().expect("nobody listens");
        heard.iter().filter(|warning| warning.contains(text)).count()
    })
}

struct Log;

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        // A thread that ends keeps nothing.
        let _kept = HEARD.try_with(|heard| {
            if let Some(heard) = heard.borrow_mut().as_mut() {
                heard.push(text.0);
            }
        });
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

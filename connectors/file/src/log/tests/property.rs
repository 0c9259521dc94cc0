//! Any order of what happens to files delivers every line once.

use std::collections::BTreeSet;

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};

use super::*;

/// What can happen.
#[derive(Clone, Debug)]
enum Happening {
    Append(usize),
    AppendHalfALine,
    Rotate,
    /// With a look in between or not.
    CopyAndTruncate(bool),
    Truncate,
    Remove,
    Compress,
    Restart,
    Read,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (1_usize..40).prop_map(Happening::Append),
        1 => Just(Happening::AppendHalfALine),
        2 => Just(Happening::Rotate),
        2 => any::<bool>().prop_map(Happening::CopyAndTruncate),
        1 => Just(Happening::Truncate),
        1 => Just(Happening::Remove),
        1 => Just(Happening::Compress),
        2 => Just(Happening::Restart),
        5 => Just(Happening::Read),
    ]
}

/// What was written, and what may be missing because it was destroyed unread.
struct Story {
    world: World,
    /// Whether files may be shorter than the kilobyte that makes a file unlike any other.
    is_short: bool,
    next: usize,
    written: BTreeSet<String>,
    destroyed: BTreeSet<String>,
    delivered: Vec<String>,
}

impl Story {
    fn line(&mut self) -> String {
        self.next += 1;
        let width = if self.is_short { 0 } else { 1100 };
        let line = format!("2026-11-21 10:00:00 line number {:>width$}", self.next);
        self.written.insert(line.clone());
        line
    }

    fn shift(&self) {
        for number in (1..9).rev() {
            for packed in ["", ".gz"] {
                let from = format!("app.log.{number}{packed}");
                if self.world.path(&from).exists() {
                    self.world.rename(&from, &format!("app.log.{}{packed}", number + 1));
                }
            }
        }
    }

    fn destroy(&mut self, name: &str) {
        if let Ok(text) = fs::read_to_string(self.world.path(name)) {
            let lines = text.split('\n').filter(|line| !line.is_empty());
            self.destroyed.extend(lines.map(str::to_owned));
        }
    }

    fn happen(&mut self, happening: &Happening) {
        let is_there = self.world.path("app.log").exists();
        match happening {
            Happening::Append(lines) => {
                let text: String = (0..*lines).map(|_| self.line() + "\n").collect();
                self.world.append("app.log", text);
            }
            Happening::AppendHalfALine => {
                let line = self.line();
                let (one, other) = line.split_at(10);
                self.world.append("app.log", one);
                self.read();
                self.world.append("app.log", format!("{other}\n"));
            }
            Happening::Rotate if is_there => {
                self.shift();
                self.world.rename("app.log", "app.log.1");
            }
            Happening::CopyAndTruncate(is_seen) if is_there => {
                self.shift();
                self.world.copy("app.log", "app.log.1");
                if *is_seen {
                    self.read();
                }
                self.world.truncate("app.log");
            }
            Happening::Truncate if is_there => {
                self.destroy("app.log");
                self.world.truncate("app.log");
            }
            Happening::Remove if is_there => {
                self.destroy("app.log");
                self.world.remove("app.log");
            }
            Happening::Compress if self.world.path("app.log.1").exists() => {
                let packed = gzip(&self.world.path("app.log.1"));
                self.world.append("app.log.1.gz", packed);
                self.read();
                self.world.remove("app.log.1");
            }
            // What became of a short file while nobody looked cannot be known.
            Happening::Restart if !self.is_short => self.world.restart(),
            Happening::Read => self.read(),
            _ => {}
        }
        self.world.clock.advance_ms(500);
    }

    fn read(&mut self) {
        let lines = self.world.lines();
        self.delivered.extend(lines);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_line_arrives_once(
        happenings in proptest::collection::vec(happening(), 1..40), is_short in any::<bool>()
    ) {
        let mut story = Story {
            world: World::new("app.log*"),
            is_short,
            next: 0,
            written: BTreeSet::new(),
            destroyed: BTreeSet::new(),
            delivered: Vec::new(),
        };
        for happening in &happenings {
            story.happen(happening);
        }
        story.read();
        story.world.clock.advance_ms(120_000);
        story.read();
        let unique: BTreeSet<_> = story.delivered.iter().cloned().collect();
        let repeated = story.delivered.len() - unique.len();
        prop_assert!(repeated == 0, "{repeated} lines were repeated");
        let lost: Vec<_> =
            story.written.difference(&unique).filter(|line| !story.destroyed.contains(*line)).collect();
        prop_assert!(lost.is_empty(), "lost: {lost:?}");
        prop_assert!(unique.is_subset(&story.written), "made up");
    }
}

//! One random walk through the REST interface, on Kafka Connect 4.3 and on ours at once.
//!
//! Every step is one request, valid or not, sent to both workers; what they answer must be the same
//! but for the differences that [`rules`] names, each of which stands in `docs/differences.md`.
//! After each step that may change something both are asked until they show the same settled state,
//! so that no answer depends on which of them is quicker.
//!
//! The walk is drawn from a seed, `MILLRACE_WALK_SEED` where it is set: the same seed takes the same
//! steps. `MILLRACE_WALK_STEPS` makes it longer or shorter.

mod difference;
mod draw;
mod material;
mod pair;
mod rules;
mod settle;
mod step;

use std::{collections::BTreeMap, fmt::Display};

use self::{
    difference::Difference,
    draw::Walker,
    pair::Pair,
    settle::Aims,
    step::{Effect, Step},
};
use crate::{
    harness::Mode,
    services::{self, kafka::KafkaNode},
};

const DEFAULT_SEED: u64 = 1;
const DEFAULT_STEPS: usize = 450;

/// What a walk has found out.
#[derive(Default)]
struct Findings {
    /// Each step with the status of its answer, for those who look for the way to a difference.
    taken: Vec<String>,
    /// How often each named difference was met.
    named: BTreeMap<&'static str, usize>,
    /// Steps whose answers differ for no named reason.
    strange: Vec<String>,
}

impl Findings {
    /// Sorts the differences of a step into those that have a name and those that have none.
    fn record(&mut self, step: &Step, status: u16, differences: Vec<Difference>) {
        let number = self.taken.len() + 1;
        self.taken.push(format!("{number}. {step} -> {status}"));
        let mut strange = String::new();
        for difference in differences {
            match rules::name_of(step, &difference) {
                Some(name) => *self.named.entry(name).or_default() += 1,
                None => strange.push_str(&format!("\n     {difference}")),
            }
        }
        if !strange.is_empty() {
            self.strange.push(format!("{number}. {step}{strange}"));
        }
    }

    /// Fails with the way to the first difference, if there is any.
    fn judge(&self, seed: impl Display) {
        let count = self.taken.len();
        eprintln!("seed {seed}: {count} steps; named differences: {:?}", self.named);
        assert!(
            self.strange.is_empty(),
            "seed {seed}: {} of {count} steps differ:\n{}\nthe steps so far:\n{}",
            self.strange.len(),
            self.strange.join("\n"),
            self.taken.join("\n"),
        );
    }
}

/// Takes the steps of a seed on both workers.
async fn walk(pair: &Pair, seed: u64, steps: usize) -> Findings {
    let (mut walker, mut findings) = (Walker::new(seed), Findings::default());
    let mut aims = Aims::default();
    for _ in 0..steps {
        let step = walker.next_step();
        let (replies, differences) = pair.compare(&step).await;
        let [theirs, ours] = replies.map(|reply| reply.status);
        findings.record(&step, theirs, differences);
        if step.effect == Effect::None {
            continue;
        }
        if (theirs < 300) != (ours < 300) {
            // What one of them has and the other has not would hide every further difference.
            pair.part_with(&step).await;
            aims.forget(&step);
        } else if theirs < 300 {
            aims.note(&step);
        }
        if let Err(reason) = pair.settle(&step, &aims).await {
            findings.strange.push(format!("{step}\n     they never settled: {reason}"));
            break;
        }
    }
    findings
}

fn number(variable: &str, default: u64) -> u64 {
    let set = std::env::var_os(variable);
    set.map_or(default, |value| value.to_str().unwrap().parse().unwrap())
}

async fn walk_on(kafka: &KafkaNode, pair: &Pair) {
    pair.lay_out(kafka).await;
    let seed = number("MILLRACE_WALK_SEED", DEFAULT_SEED);
    let steps = usize::try_from(number("MILLRACE_WALK_STEPS", DEFAULT_STEPS as u64)).unwrap();
    let findings = walk(pair, seed, steps).await;
    findings.judge(seed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_random_walk_finds_no_difference_that_is_not_listed() {
    let kafka = services::require!(kafka);
    let jvm = services::require!(private_connect(Mode::Distributed, &pair::JVM_PROPERTIES));
    let folder = tempfile::tempdir().unwrap();
    let ours = super::start(folder.path(), Mode::Distributed, kafka.bootstrap(), &pair::OURS).await;
    let pair = Pair::new([jvm.port(), ours.port()], folder.path());
    walk_on(kafka, &pair).await;
    assert!(ours.stop().success());
}

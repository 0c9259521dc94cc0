//! Fuzzing on stable Rust: inputs that were kept, and others made of them by chance.
//!
//! [`fuzz`] gives a target every input in `tests/fuzz-corpus/TARGET`, in each test run. With
//! `FUZZ_SECONDS=n` it goes on with changed ones for so many seconds and keeps those whose outcome
//! is new, as long as there are few and small ones; `FUZZ_SECONDS=60 cargo test fuzz --
//! --test-threads=1` runs one target after the other. An input that makes the target panic is kept
//! as `crash-…`; what a target was given last, should it end the process, lies in the folder of
//! temporary files as `fuzz-TARGET`. `cargo-fuzz` knows which code an input reaches, and needs a
//! nightly compiler; here the outcome in words stands for that.

use std::{
    collections::HashSet,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Longest input that is kept or made.
const LONGEST: usize = 2048;
/// Bytes of the inputs that are kept of one target.
const MOST_KEPT_BYTES: usize = 32 << 10;
/// Inputs that are kept of one target.
const MOST_KEPT: usize = 100;
/// Memory that one input may take: far more than the longest of them needs.
const MOST_MEMORY_KIB: u64 = 256 << 10;
/// Longest time that one input may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// Outcome of an input that made the target panic.
const PANIC: &str = "panic";
/// Characters of an outcome that are looked at.
const OUTCOME_LENGTH: usize = 240;

/// Gives a target its inputs. It answers with its outcome in words, such as the text of an error:
/// an input whose outcome was not seen before is worth keeping.
///
/// # Panics
/// When the target does, or takes too much time or memory for an input.
pub fn fuzz(target: &str, run: impl Fn(&[u8]) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz-corpus").join(target);
    let seconds = std::env::var_os("FUZZ_SECONDS").and_then(|text| text.to_str()?.parse().ok());
    let mut inputs = Vec::new();
    let mut seen = HashSet::new();
    for path in files(&folder) {
        let input = fs::read(&path).unwrap_or_default();
        // What panicked has said so itself.
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&input))).unwrap_or_else(|panic| {
            drop(panic);
            String::from(PANIC)
        });
        assert!(outcome != PANIC, "{} makes the target {target} panic", path.display());
        if seen.insert(kind_of(&outcome)) || !is_made(&path) {
            inputs.push(input);
        } else if seconds.is_some() {
            // Another input does the same.
            fs::remove_file(&path).unwrap_or_default();
        }
    }
    assert!(!inputs.is_empty(), "{} holds no inputs to begin with", folder.display());
    let Some(seconds) = seconds else { return };
    let mut fuzzing = Fuzzing { target, folder, inputs, seen, chance: Chance(seed()), rounds: 0 };
    fuzzing.go_on(Duration::from_secs(seconds), run);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Whether an input was made by chance, and is not kept for another reason.
fn is_made(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with("seed-") && !name.starts_with("crash-")
}

fn last_input(target: &str) -> PathBuf {
    std::env::temp_dir().join(format!("fuzz-{target}"))
}

/// Outcomes that differ in numbers only are the same.
fn kind_of(outcome: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for letter in outcome.chars().take(OUTCOME_LENGTH) {
        if letter.is_ascii_digit() { '0' } else { letter }.hash(&mut hasher);
    }
    hasher.finish()
}

fn name_of(input: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[expect(clippy::disallowed_methods, reason = "how long it goes on is asked for in seconds")]
fn now() -> Instant {
    Instant::now()
}

fn seed() -> u64 {
    let mut hasher = DefaultHasher::new();
    (now(), std::process::id()).hash(&mut hasher);
    hasher.finish()
}

/// The most memory that the process has taken so far; 0 where the system does not say.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

struct Fuzzing<'a> {
    target: &'a str,
    folder: PathBuf,
    inputs: Vec<Vec<u8>>,
    seen: HashSet<u64>,
    chance: Chance,
    rounds: u64,
}

impl Fuzzing<'_> {
    fn go_on(&mut self, time: Duration, run: impl Fn(&[u8]) -> String) {
        let (start, known) = (now(), self.inputs.len());
        let mut kept: usize = self.inputs.iter().map(Vec::len).sum();
        while now() - start < time {
            self.rounds += 1;
            let input = self.changed();
            let outcome = self.checked(&input, &run);
            if !self.seen.insert(kind_of(&outcome)) {
                continue;
            }
            if kept + input.len() <= MOST_KEPT_BYTES && self.inputs.len() < MOST_KEPT {
                kept += input.len();
                self.keep("", &input);
            }
            self.inputs.push(input);
        }
        let (rounds, new) = (self.rounds, self.inputs.len() - known);
        let target = self.target;
        let said =
            format!("{target}: {rounds} inputs in {} s, {new} new outcomes\n", time.as_secs());
        fs::write(last_input(&format!("{target}.done")), said).unwrap_or_default();
    }

    /// Runs the target and sees what it takes.
    fn checked(&self, input: &[u8], run: &impl Fn(&[u8]) -> String) -> String {
        fs::write(last_input(self.target), input).unwrap_or_default();
        let (before, start) = (peak_kib(), now());
        let outcome = match catch_unwind(AssertUnwindSafe(|| run(input))) {
            Ok(outcome) => outcome,
            Err(panic) => {
                self.keep("crash-", input);
                resume_unwind(panic)
            }
        };
        let (taken, memory) = (now() - start, peak_kib().saturating_sub(before));
        if taken > PATIENCE || memory > MOST_MEMORY_KIB {
            self.keep("crash-", input);
        }
        let target = self.target;
        assert!(taken <= PATIENCE, "an input took the target {target} {taken:?}");
        assert!(memory <= MOST_MEMORY_KIB, "an input took the target {target} {memory} KiB");
        outcome
    }

    fn keep(&self, prefix: &str, input: &[u8]) {
        fs::write(self.folder.join(format!("{prefix}{}", name_of(input))), input)
            .unwrap_or_default();
    }

    /// One of the inputs, changed in a few places.
    fn changed(&mut self) -> Vec<u8> {
        let mut input = self.any();
        for _ in 0..=self.chance.below(4) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn any(&mut self) -> Vec<u8> {
        // The newest are looked at as often as all the others.
        let count = self.inputs.len();
        let place = if self.chance.below(2) == 0 {
            self.chance.below(count)
        } else {
            count - 1 - self.chance.below(count.min(16))
        };
        self.inputs.get(place).cloned().unwrap_or_default()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        /// Bytes that formats and their lengths turn on.
        const BYTES: [u8; 16] = [
            0, 1, 2, 0x7f, 0x80, 0xff, b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'0', b'-',
        ];
        const WORDS: [&str; 16] = [
            "null",
            "true",
            "1e999",
            "NaN",
            "-0.0",
            "[[[[",
            "{\"",
            "9223372036854775808",
            "\\u0000",
            "2024-02-30",
            "\u{feff}",
            "\"type\":\"",
            "\"optional\":true,",
            "..",
            "$1",
            "0x1p3",
        ];
        let at = self.chance.below(input.len() + 1);
        let end = (at + 1 + self.chance.below(24)).min(input.len());
        match self.chance.below(8) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.chance.below(8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = self.chance.byte();
                }
            }
            2 => {
                let byte = BYTES.get(self.chance.below(BYTES.len())).copied().unwrap_or_default();
                input.insert(at, byte);
            }
            3 => drop(input.drain(at.min(end)..end)),
            4 => {
                let part = input.get(at..end).unwrap_or_default().to_vec();
                let times = 1 + self.chance.below(8);
                input.splice(at..at, part.repeat(times));
            }
            5 => {
                let word = WORDS.get(self.chance.below(WORDS.len())).copied().unwrap_or_default();
                input.splice(at..end, word.bytes());
            }
            6 => {
                let other = self.any();
                let from = self.chance.below(other.len() + 1);
                input.truncate(at);
                input.extend(other.get(from..).unwrap_or_default());
            }
            _ => {
                let bytes: Vec<u8> =
                    (0..=self.chance.below(8)).map(|_| self.chance.byte()).collect();
                input.splice(at..end, bytes);
            }
        }
    }
}

/// Chance that repeats itself. Source: Vigna, `SplitMix64`.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        let [byte, ..] = self.next().to_le_bytes();
        byte
    }
}

/// An input read as choices: the same bytes are the same choices, and once they have run out every
/// choice is the first.
#[derive(Debug)]
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Reads an input.
    #[must_use]
    pub const fn of(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                *byte
            }
            None => 0,
        }
    }

    /// So many bytes, or those there are.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        self.rest = rest;
        bytes
    }

    /// What was not read yet.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// What was not read yet as a text and, behind the first zero, bytes.
    pub fn parts(&mut self) -> (String, &'a [u8]) {
        let rest = self.rest();
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        let (text, bytes) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        (String::from_utf8_lossy(text).into_owned(), bytes.get(1..).unwrap_or_default())
    }

    /// A number below a bound, which is at most 256.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    /// Whether to do something: no, once the input has run out.
    pub fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// One of some items, of which there is one.
    ///
    /// # Panics
    /// When there is none.
    #[expect(clippy::indexing_slicing, reason = "only tests call it, with items they name")]
    pub fn of_all<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A number of 64 bits.
    pub fn number(&mut self) -> i64 {
        let mut number = [0; 8];
        for (slot, byte) in number.iter_mut().zip(self.bytes(8)) {
            *slot = *byte;
        }
        i64::from_le_bytes(number)
    }

    /// A short text.
    pub fn text(&mut self) -> String {
        let length = self.below(24);
        String::from_utf8_lossy(self.bytes(length)).into_owned()
    }
}

/// The beginning of an error, which says what kind it is; what follows often repeats the input.
#[must_use]
pub fn few_words(error: &impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().take(5).collect::<Vec<_>>().join(" ")
}

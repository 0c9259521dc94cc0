//! A service of addresses that behaves as badly as real ones do.
//!
//! It tells the address at `x` and `y` of a request's query. It fails, stalls, breaks off and puts off
//! as its [`Mischief`] says, by chance from a seed, and remembers every request by its `id`, or by
//! `x,y` without one, so that a test can count. [`Geocoder::answer`] is the whole of it;
//! [`GeocoderServer`] puts it on the network.

mod server;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

pub use self::server::GeocoderServer;

/// How badly it behaves.
#[derive(Clone, Debug, Default)]
pub struct Mischief {
    /// Of a hundred requests, those that are answered with 500.
    pub fails_percent: u32,
    /// Of a hundred requests, those that are answered only after [`Mischief::stall`].
    pub stalls_percent: u32,
    /// How long a stalled request waits.
    pub stall: Duration,
    /// Of a hundred requests, those that were served and are broken off before they are answered.
    pub drops_percent: u32,
    /// Most requests within any second; more are put off by a second.
    pub limit: Option<usize>,
    /// How long every request takes.
    pub takes: Duration,
    /// No `y` below this has an address: the answer is 404, however often it is asked for.
    pub nothing_below: Option<f64>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is answered.
    Answer {
        /// Status.
        status: u16,
        /// Seconds after which to come back.
        retry_after: Option<u64>,
        /// Body.
        body: String,
    },
    /// The connection is broken off.
    BreakOff,
}

/// What the next requests get instead of chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// This status, and nothing is served.
    Status(u16),
    /// It is served, and the connection is broken off before the answer.
    ServeAndBreakOff,
}

/// One request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Its `id`, or its `x,y`.
    pub id: String,
    /// When it came, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Whether an address was found for it.
    pub is_served: bool,
}

/// The service.
#[derive(Debug)]
pub struct Geocoder {
    mischief: Mischief,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dice: u64,
    turns: VecDeque<Turn>,
    recent: VecDeque<Instant>,
    visits: Vec<Visit>,
    put_off: usize,
}

/// What chance decides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fails,
    Stalls,
    BreaksOff,
    Serves,
}

impl Geocoder {
    /// A service with a seed for its chance.
    #[must_use]
    pub fn new(seed: u64, mischief: Mischief) -> Arc<Self> {
        let state = State {
            dice: seed.wrapping_mul(2).wrapping_add(1),
            turns: VecDeque::new(),
            recent: VecDeque::new(),
            visits: Vec::new(),
            put_off: 0,
        };
        Arc::new(Self { mischief, state: Mutex::new(state) })
    }

    /// Decides about the next requests.
    pub fn next(&self, turns: impl IntoIterator<Item = Turn>) {
        self.state().turns.extend(turns);
    }

    /// Every request that was not put off, in their order.
    #[must_use]
    pub fn visits(&self) -> Vec<Visit> {
        self.state().visits.clone()
    }

    /// Requests that were put off because there were too many.
    #[must_use]
    pub fn put_off(&self) -> usize {
        self.state().put_off
    }

    /// How often an address was found, by id.
    #[must_use]
    pub fn served(&self) -> BTreeMap<String, usize> {
        let mut served = BTreeMap::new();
        for visit in self.state().visits.iter().filter(|visit| visit.is_served) {
            *served.entry(visit.id.clone()).or_default() += 1;
        }
        served
    }

    /// Answers a request that has this query and came at this time.
    pub async fn answer(&self, query: &str, now_ms: i64) -> Reply {
        let number = |name| parameter(query, name).unwrap_or("0");
        let (x, y) = (number("x"), number("y"));
        let id = parameter(query, "id").map_or_else(|| format!("{x},{y}"), str::to_owned);
        if self.is_too_much(Instant::now()) {
            return answer(429, Some(1), "{\"error\":\"slow down\"}".to_owned());
        }
        let turn = self.state().turns.pop_front();
        let fate = match turn {
            Some(Turn::Status(status)) => {
                self.note(id, now_ms, false);
                return answer(status, None, "{\"error\":\"told to\"}".to_owned());
            }
            Some(Turn::ServeAndBreakOff) => Fate::BreaksOff,
            None => self.fate(),
        };
        if fate == Fate::Fails {
            self.note(id, now_ms, false);
            return answer(500, None, "{\"error\":\"by chance\"}".to_owned());
        }
        if self.is_nowhere(y) {
            self.note(id, now_ms, false);
            return answer(404, None, "{\"error\":\"no address there\"}".to_owned());
        }
        let address = format!("{{\"address\":\"{x} {y} Street\"}}");
        self.note(id, now_ms, true);
        let stall = if fate == Fate::Stalls { self.mischief.stall } else { Duration::ZERO };
        tokio::time::sleep(self.mischief.takes + stall).await;
        if fate == Fate::BreaksOff { Reply::BreakOff } else { answer(200, None, address) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, id: String, at_ms: i64, is_served: bool) {
        self.state().visits.push(Visit { id, at_ms, is_served });
    }

    fn is_too_much(&self, now: Instant) -> bool {
        let Some(limit) = self.mischief.limit else { return false };
        let mut state = self.state();
        while state.recent.front().is_some_and(|at| *at + Duration::from_secs(1) <= now) {
            state.recent.pop_front();
        }
        let is_too_much = state.recent.len() >= limit;
        if is_too_much {
            state.put_off += 1;
        } else {
            state.recent.push_back(now);
        }
        is_too_much
    }

    fn is_nowhere(&self, y: &str) -> bool {
        let least = self.mischief.nothing_below;
        least.zip(y.parse::<f64>().ok()).is_some_and(|(least, y)| y < least)
    }

    fn fate(&self) -> Fate {
        let Mischief { fails_percent, stalls_percent, drops_percent, .. } = self.mischief;
        let roll = self.roll();
        if roll < fails_percent {
            Fate::Fails
        } else if roll < fails_percent + stalls_percent {
            Fate::Stalls
        } else if roll < fails_percent + stalls_percent + drops_percent {
            Fate::BreaksOff
        } else {
            Fate::Serves
        }
    }

    /// A number below a hundred: xorshift.
    fn roll(&self) -> u32 {
        let mut state = self.state();
        state.dice ^= state.dice << 13;
        state.dice ^= state.dice >> 7;
        state.dice ^= state.dice << 17;
        u32::try_from(state.dice % 100).unwrap_or(0)
    }
}

const fn answer(status: u16, retry_after: Option<u64>, body: String) -> Reply {
    Reply::Answer { status, retry_after, body }
}

/// A parameter of a query.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

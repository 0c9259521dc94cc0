//! Lines of an application: an event, its level and a user.

use std::io::Write as _;

use chrono::{DateTime, Datelike as _, Timelike as _};
use chrono_tz::Tz;
use rand::{RngExt as _, rngs::SmallRng};

/// Events with their levels, and how often of a hundred each comes.
const EVENTS: [(u32, &str, &str); 3] = [
    (80, "INFO", "User logged in successfully."),
    (15, "WARN", "Disk usage exceeds 80%."),
    (5, "ERROR", "Database connection timeout."),
];

/// Users that the lines speak of.
const USERS: u32 = 1000;

/// Appends a line.
pub(super) fn append(out: &mut Vec<u8>, random: &mut SmallRng, at: DateTime<Tz>) {
    let mut chance = random.random_range(0..100);
    let event = EVENTS.iter().find(|(share, ..)| {
        let is_it = chance < *share;
        chance = chance.saturating_sub(*share);
        is_it
    });
    let (level, message) = event.map_or(("INFO", ""), |(_, level, message)| (level, message));
    let user = random.random_range(0..USERS);
    // Writing to a vector cannot fail.
    let _written = writeln!(
        out,
        "[{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}] [{level}] [user_id:user{user}] {message}",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.timestamp_subsec_millis(),
    );
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn every_message_belongs_to_its_level() {
        let (mut out, mut random) = (Vec::new(), SmallRng::seed_from_u64(7));
        let at = DateTime::UNIX_EPOCH.with_timezone(&Tz::UTC);
        (0..500).for_each(|_| append(&mut out, &mut random, at));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 500);
        for (_, level, message) in EVENTS {
            let of_level = format!("] [{level}] [user_id:user");
            let lines: Vec<_> = text.lines().filter(|line| line.contains(&of_level)).collect();
            assert!(!lines.is_empty(), "no {level} in 500 lines");
            assert!(lines.iter().all(|line| line.ends_with(message)), "{level}");
        }
    }
}

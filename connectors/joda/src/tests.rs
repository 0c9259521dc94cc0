//! The pattern table, zones, buckets and schedules.

use super::*;

fn ms(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

fn text(pattern: &str, time: &str, zone: &str) -> String {
    let mut out = String::new();
    let zone = Zone::parse(zone).unwrap();
    Pattern::parse(pattern).unwrap().write(&mut out, ms(time), zone);
    out
}

#[test]
fn every_letter_prints_as_joda_prints_it() {
    let time = "2024-03-05T15:07:09.045Z";
    for (pattern, expected) in [
        ("'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", "year=2024/month=03/day=05/hour=15"),
        ("'dt'=YYYY-MM-dd/'hr'=HH", "dt=2024-03-05/hr=15"),
        ("yyyy/M/d", "2024/3/5"),
        ("YY yy xx", "24 24 24"),
        ("Y y YYYYY", "2024 2024 02024"),
        ("G C CCC", "AD 20 020"),
        ("MMM MMMM", "Mar March"),
        ("E EEE EEEE e", "Tue Tue Tuesday 2"),
        ("D DDD w ww xxxx", "65 065 10 10 2024"),
        ("a K h H k", "PM 3 3 15 15"),
        ("m mm s ss", "7 07 9 09"),
        ("S SS SSS SSSSS", "0 04 045 04500"),
        ("z Z ZZ ZZZ", "UTC +0000 +00:00 UTC"),
        ("'it''s' ''HH''", "it's '15'"),
        ("HH'h'mm", "15h07"),
        ("_1/=", "_1/="),
    ] {
        assert_eq!(text(pattern, time, "UTC"), expected, "{pattern}");
    }
}

#[test]
fn hours_around_midnight_and_noon_follow_their_letter() {
    assert_eq!(text("a K h H k", "2024-01-01T00:00:00Z", "UTC"), "AM 0 12 0 24");
    assert_eq!(text("a K h H k", "2024-01-01T12:00:00Z", "UTC"), "PM 0 12 12 12");
}

#[test]
fn capital_y_is_the_calendar_year_and_x_the_week_year() {
    assert_eq!(text("YYYY yyyy xxxx", "2024-12-30T12:00:00Z", "UTC"), "2024 2024 2025");
}

#[test]
fn zones_print_their_offset_at_that_time() {
    assert_eq!(
        text("HH z Z ZZ ZZZ", "2024-07-01T12:00:00Z", "Europe/Berlin"),
        "14 CEST +0200 +02:00 Europe/Berlin"
    );
    assert_eq!(text("dd HH z Z", "2024-07-01T22:00:00Z", "+09:00"), "02 07 +09:00 +0900");
    assert_eq!(text("HH:mm ZZ", "2024-07-01T00:00:00Z", "-03:30"), "20:30 -03:30");
}

#[test]
fn letters_that_joda_lacks_are_refused_by_name() {
    let reason = Pattern::parse("year=YYYY").unwrap_err();
    assert_eq!(reason, "Illegal pattern component: r");
    assert!(Pattern::parse("zzzz").unwrap_err().contains("zzzz"));
}

#[test]
fn only_names_depend_on_the_locale() {
    for (pattern, has_names) in [("YYYY/MM", false), ("MMM", true), ("EEE", true), ("h a", true)] {
        assert_eq!(Pattern::parse(pattern).unwrap().has_names(), has_names, "{pattern}");
    }
}

#[test]
fn zones_that_nobody_knows_are_refused() {
    for zone in ["Mars/Olympus", "", "+25:99", "+1:2:3:4:5", "UTC+1"] {
        assert!(Zone::parse(zone).is_err(), "{zone}");
    }
    assert_eq!(Zone::parse("+0930"), Zone::parse("+09:30"));
}

#[test]
fn buckets_start_at_local_hours_and_days() {
    for (zone, hours, time, start) in [
        ("UTC", 1, "2024-03-05T09:30:00Z", "2024-03-05T09:00:00Z"),
        ("Asia/Seoul", 24, "2024-03-05T16:00:00Z", "2024-03-05T15:00:00Z"),
        ("Asia/Kolkata", 1, "2024-03-05T09:45:00Z", "2024-03-05T09:30:00Z"),
        // Clocks go from 02:00 to 03:00 at 01:00Z, and back at 01:00Z in autumn.
        ("Europe/Berlin", 1, "2024-03-31T01:10:00Z", "2024-03-31T01:00:00Z"),
        ("Europe/Berlin", 24, "2024-03-31T12:00:00Z", "2024-03-30T23:00:00Z"),
        ("Europe/Berlin", 24, "2024-10-27T12:00:00Z", "2024-10-26T22:00:00Z"),
        ("America/New_York", 24, "2024-03-10T12:00:00Z", "2024-03-10T05:00:00Z"),
        ("America/New_York", 24, "2024-11-03T12:00:00Z", "2024-11-03T04:00:00Z"),
    ] {
        let zone_of = Zone::parse(zone).unwrap();
        let local = zone_of.bucket_ms(ms(time), hours * 3_600_000);
        assert_eq!(instant(zone_of.to_utc_ms(local)), instant(ms(start)), "{zone} {time}");
    }
}

#[test]
fn buckets_before_the_epoch_round_toward_it() {
    assert_eq!(Zone::UTC.bucket_ms(-1, 3_600_000), 0);
    assert_eq!(Zone::UTC.bucket_ms(-3_600_001, 3_600_000), -3_600_000);
}

#[test]
fn schedules_are_aligned_to_local_midnight() {
    for (zone, minutes, now, next) in [
        ("UTC", 10, "2024-03-05T10:03:00Z", "2024-03-05T10:10:00Z"),
        ("UTC", 10, "2024-03-05T10:10:00Z", "2024-03-05T10:20:00Z"),
        // Seven hours do not divide the day: the last slot is short.
        ("UTC", 420, "2024-03-05T22:00:00Z", "2024-03-06T00:00:00Z"),
        ("Asia/Seoul", 60, "2024-03-05T14:59:59Z", "2024-03-05T15:00:00Z"),
        // 23 and 25 hours.
        ("Europe/Berlin", 1440, "2024-03-31T10:00:00Z", "2024-03-31T22:00:00Z"),
        ("Europe/Berlin", 1440, "2024-10-27T10:00:00Z", "2024-10-27T22:00:00Z"),
        ("Europe/Berlin", 1440, "2024-10-27T22:00:00Z", "2024-10-27T23:00:00Z"),
        ("Europe/Berlin", 60, "2024-10-27T00:30:00Z", "2024-10-27T01:00:00Z"),
        // Midnight does not exist: the day starts at one.
        ("America/Sao_Paulo", 60, "2018-11-04T03:10:00Z", "2018-11-04T04:00:00Z"),
    ] {
        let slot = Zone::parse(zone).unwrap().next_slot_ms(ms(now), minutes * 60_000);
        assert_eq!(instant(slot), instant(ms(next)), "{zone} {now}");
    }
}

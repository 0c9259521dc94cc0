use proptest::prelude::*;

use super::*;

const T: i64 = 1_707_409_805_042; // 2024-02-08T16:30:05.042Z, a Thursday

fn format(pattern: &str, ms: i64) -> String {
    DateFormat::new(pattern).unwrap().format(ms)
}

fn parse(pattern: &str, text: &str) -> Option<i64> {
    DateFormat::new(pattern).unwrap().parse(text)
}

#[test]
fn every_letter_is_written_as_java_writes_it() {
    for (pattern, expected) in [
        ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2024-02-08T16:30:05.042Z"),
        ("yy y yyyyy", "24 2024 02024"),
        ("M MM MMM MMMM LLL", "2 02 Feb February Feb"),
        ("E EEE EEEE u", "Thu Thu Thursday 4"),
        ("h hh K k H a", "4 04 4 16 16 PM"),
        ("D w W F YYYY", "39 6 2 2 2024"),
        ("G z zzzz Z X XXX", "AD UTC Coordinated Universal Time +0000 Z Z"),
        ("S SS SSSS", "42 42 0042"),
        ("''yyyy 'it''s' d", "'2024 it's 8"),
        ("d'd'd", "8d8"),
        ("d''d", "8'8"),
    ] {
        assert_eq!(format(pattern, T), expected, "{pattern}");
    }
    assert_eq!(format("h k", 0), "12 24");
    assert_eq!(format("YYYY w", 1_735_603_200_000), "2025 1", "31 December 2024, a Tuesday");
}

#[test]
fn days_before_the_reform_are_of_the_julian_calendar() {
    let before = -12_219_292_800_001;
    assert_eq!(format("yyyy-MM-dd", before), "1582-10-04");
    assert_eq!(format("yyyy-MM-dd", before + 1), "1582-10-15");
    assert_eq!(format("G yyyy-MM-dd", -62_135_769_600_001), "BC 0001-12-31");
    assert_eq!(parse("yyyy-MM-dd", "1582-10-04"), Some(before - 86_399_999));
    let days = [("277", before - 86_399_999), ("278", before + 1), ("400", -12_208_752_000_000)];
    for (day, expected) in days {
        assert_eq!(parse("yyyy DDD", &format!("1582 {day}")), Some(expected), "{day}");
    }
}

#[test]
fn a_pattern_that_java_does_not_know_is_refused_in_its_words() {
    for (pattern, expected) in [
        ("bogus", "Illegal pattern character 'b'"),
        ("yyyy 'T", "Unterminated quote"),
        ("XXXX", "invalid ISO 8601 format: length=4"),
    ] {
        assert_eq!(DateFormat::new(pattern).unwrap_err(), expected);
    }
}

#[test]
fn texts_are_read_as_leniently_as_java_reads_them() {
    let day = 86_400_000;
    for (pattern, text, expected) in [
        ("yyyy-MM-dd", "1970-01-02 and more", Some(day)),
        ("yyyy-MM-dd", "1970-1-2", Some(day)),
        ("yyyyMMdd", "19700102", Some(day)),
        ("yyyy-MM-dd", "1970-01-33", Some(32 * day)),
        ("yyyy-MM-dd", "1970-13-01", Some(365 * day)),
        ("yyyy DDD", "1970 003", Some(2 * day)),
        ("dd MMM yyyy", "02 jan 1970", Some(day)),
        ("dd MMM yyyy", " 2 January 1970", Some(day)),
        ("EEE, d MMM yyyy HH:mm:ss Z", "Fri, 2 Jan 1970 01:00:00 +0100", Some(day)),
        ("yyyy-MM-dd'T'HH:mm:ssX", "1970-01-02T00:00:00Z", Some(day)),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "1970-01-01T23:00:00-01:00", Some(day)),
        ("yyyy-MM-dd HH z", "1970-01-02 00 UTC", Some(day)),
        ("yyyy hh a", "1970 12 AM", Some(0)),
        ("yyyy hh a", "1970 11 pm", Some(day - 3_600_000)),
        ("HH:mm", "24:00", Some(day)),
        ("yyyy G", "1 BC", Some(-62_167_392_000_000)),
        ("SSS", "7", Some(7)),
        ("yyyy-MM-dd", "1970/01/02", None),
        ("yyyy-MM-dd", "x", None),
        ("yyyy-MM-dd", "", None),
        ("yyyy", "999999999999", None),
    ] {
        assert_eq!(parse(pattern, text), expected, "{pattern} {text}");
    }
    assert_eq!(parse("yy", "70"), Some(0));
    assert_eq!(format("yyyy", parse("yy", "05").unwrap()), "2005");
}

proptest! {
    #[test]
    fn what_was_written_is_read_back(ms in -100_000_000_000_000_i64..100_000_000_000_000) {
        for pattern in ["yyyy-MM-dd'T'HH:mm:ss.SSSX G", "GyyyyDDDHHmmssSSS", "d MMMM yyyy G K:m:s.S a"] {
            prop_assert_eq!(parse(pattern, &format(pattern, ms)), Some(ms));
        }
    }

    #[test]
    fn nothing_that_is_given_is_a_panic(pattern in ".{0,12}", text in ".{0,12}", ms: i64) {
        if let Ok(format) = DateFormat::new(&pattern) {
            drop(format.format(ms));
            let _any = format.parse(&text);
        }
    }
}

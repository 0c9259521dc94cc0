//! What lines look like when they arrive.

use connect_api::{error::ErrorClass, schema::Type};

use super::*;

fn header<'a>(record: &'a SourceRecord, name: &str) -> Option<&'a Value> {
    record.headers.iter().find(|header| &*header.key == name).map(|header| &header.data.value)
}

#[test]
fn every_byte_of_a_line_arrives() {
    let mut world = World::new("a.log");
    world.append("a.log", b"crlf\r\n\r\n\n\0nul\0\nbroken \xff\xfe\n\xc3\xa4\n");
    world.drain();
    let values: Vec<_> = world.records.iter().map(|record| record.value.value.clone()).collect();
    assert_eq!(
        values,
        [
            Value::from("crlf"),
            "".into(),
            "".into(),
            "\0nul\0".into(),
            Value::Bytes(b"broken \xff\xfe"[..].into()),
            "ä".into(),
        ]
    );
    assert!(world.records.iter().all(|record| record.headers.is_empty()));
}

#[test]
fn a_line_that_is_too_long_is_cut_marked_and_counted() {
    let mut world = World::with("a.log", &[("max.line.bytes", "10")]);
    world.append("a.log", "0123456789\n0123456789x\n");
    // Longer than any buffer, with its end in another read.
    world.append("a.log", "y".repeat(3 << 20));
    assert_eq!(world.lines(), ["0123456789", "0123456789"]);
    assert_eq!(world.task.notices.endless_line_of(&world.path("a.log")), Some(23));
    world.append("a.log", "yy\nnext\n");
    world.drain();
    let cut = |record: &SourceRecord| header(record, "millrace.line.truncated").is_some();
    let seen: Vec<_> = world.records.iter().map(|r| (text(&r.value.value), cut(r))).collect();
    assert_eq!(seen, [("y".repeat(10), true), ("next".to_owned(), false)]);
    assert_eq!(world.task.notices.cut_lines, 2);
    world.records.clear();
    world.restart();
    assert!(world.lines().is_empty(), "its rest is not another line");
}

#[test]
fn a_cut_never_splits_a_character() {
    let mut world = World::with("a.log", &[("max.line.bytes", "5")]);
    world.append("a.log", "ääää\n");
    assert_eq!(world.lines(), ["ää"]);
}

#[test]
fn a_gigabyte_without_a_line_end_stays_on_the_disk() {
    let mut world = World::new("a.log");
    let file = fs::File::create(world.path("a.log")).unwrap();
    file.set_len(1 << 30).unwrap();
    assert!(world.lines().is_empty());
    assert_eq!(world.task.used_bytes(), 0);
    world.append("a.log", "\nnext\n");
    let lines = world.lines();
    assert_eq!((lines[0].len(), lines[1].as_str()), (1 << 20, "next"));
}

#[test]
fn a_full_budget_makes_the_task_wait_and_loses_nothing() {
    let mut world = World::with("a.log", &[("batch.max.records", "1000")]);
    let text: String = (0..100_000).map(|number| format!("line number {number:01000}\n")).collect();
    world.append("a.log", &text);
    let mut held = Vec::new();
    while let Some(batch) = world.step().unwrap() {
        assert!(world.task.used_bytes() <= 64 << 20);
        held.push(std::mem::take(&mut world.records));
        drop(batch);
    }
    assert!(held.len() > 10 && held.iter().map(Vec::len).sum::<usize>() < 100_000);
    let mut count: usize = held.drain(..).map(|records| records.len()).sum();
    while world.step().unwrap().is_some() {
        count += std::mem::take(&mut world.records).len();
    }
    assert_eq!(count, 100_000);
}

#[test]
fn headers_say_where_a_line_stands() {
    let mut world = World::with("a.log", &[("headers.provenance", "true")]);
    world.append("a.log", "first\nsecond\n");
    world.drain();
    let path = world.path("a.log").to_str().unwrap().to_owned();
    for (record, start, next) in [(&world.records[0], 0, 6), (&world.records[1], 6, 13)] {
        assert_eq!(header(record, "millrace.file"), Some(&path.as_str().into()));
        assert_eq!(header(record, "millrace.offset"), Some(&Value::Int64(start)));
        assert_eq!(header(record, "millrace.offset.next"), Some(&Value::Int64(next)));
    }
}

#[test]
fn a_pattern_takes_fields_key_and_time_out_of_a_line() {
    let mut world = World::with(
        "a.log",
        &[
            ("parse", "pattern"),
            (
                "pattern",
                r"^\[(?<ts>[^\]]+)\] \[(?<level>\w+)\] \[user_id:(?<user_id>[^\]]*)\] (?<message>.*)$",
            ),
            ("timestamp.field", "ts"),
            ("key.field", "user_id"),
            ("headers.provenance", "true"),
        ],
    );
    let line = "[2026-11-21 10:00:00.123] [INFO] [user_id:user123] User logged in successfully.";
    world.append("a.log", format!("{line}\n{line} \u{fffd}\n"));
    world.append("a.log", [line.as_bytes(), b" \xff\n"].concat());
    world.drain();
    let record = &world.records[0];
    let value = &record.value.value;
    assert_eq!(value.member("ts"), Some(&"2026-11-21 10:00:00.123".into()));
    assert_eq!(value.member("level"), Some(&"INFO".into()));
    assert_eq!(value.member("user_id"), Some(&"user123".into()));
    assert_eq!(value.member("message"), Some(&"User logged in successfully.".into()));
    assert_eq!(record.key.value, "user123".into());
    assert_eq!(record.timestamp_ms, Some(START_MS + 123));
    assert_eq!(record.value.schema.as_ref().unwrap().kind(), Type::Struct);
    assert_eq!(header(&world.records[1], "millrace.invalid.utf8"), None);
    assert_eq!(header(&world.records[2], "millrace.invalid.utf8"), Some(&"true".into()));
    assert_eq!(world.records[1].value.value, world.records[2].value.value);
    assert!(Arc::ptr_eq(
        world.records[0].value.schema.as_ref().unwrap(),
        world.records[1].value.schema.as_ref().unwrap()
    ));
}

#[test]
fn a_bad_line_fails_the_task_after_what_came_before_it() {
    let mut world = World::with("a.log", &[("parse", "pattern"), ("pattern", r"^(?<number>\d+)$")]);
    world.append("a.log", "1\n2\nx\n3\n");
    assert_eq!(world.step().unwrap().unwrap().records.len(), 2);
    let error = world.step().unwrap_err();
    assert_eq!(error.class(), ErrorClass::Record);
    let path = world.path("a.log");
    assert_eq!(
        error.to_string(),
        format!(
            "The line at byte 4 of \"{}\" does not match the pattern: \"x\". \
             Set errors.tolerance=all to skip such lines",
            path.display()
        )
    );
    world.restart();
    assert!(world.step().is_err(), "and again after a restart");
}

#[test]
fn a_bad_line_that_is_tolerated_is_skipped_and_counted() {
    let mut world = World::with(
        "a.log",
        &[("parse", "json"), ("errors.tolerance", "all"), ("timestamp.field", "at.ms")],
    );
    world.append("a.log", "{\"at\":{\"ms\":7}}\nno json\n{\"at\":\"noon\"}\n");
    world.drain();
    assert_eq!(world.records.len(), 1);
    assert_eq!(world.records[0].timestamp_ms, Some(7));
    assert_eq!(world.task.notices.skipped_lines, 2);
    world.restart();
    world.drain();
    assert_eq!(world.task.notices.skipped_lines, 0, "they are behind us");
}

#[test]
fn lines_that_belong_together_are_one_record() {
    let mut world = World::with("a.log", &[("multiline.start.pattern", r"^\d")]);
    world.append("a.log", "1 error\n  at x\n  at");
    assert!(world.lines().is_empty());
    world.append("a.log", " y\n2 fine\n");
    assert_eq!(world.lines(), ["1 error\n  at x\n  at y"]);
    world.clock.advance_ms(5000);
    assert_eq!(world.lines(), ["2 fine"], "nothing has followed for long enough");
}

#[test]
fn latin1_is_read_as_it_says() {
    let mut world = World::with("a.log", &[("encoding", "latin1")]);
    world.append("a.log", b"gr\xfc\xdfe\nplain\n\xc3\xa4\n");
    assert_eq!(world.lines(), ["grüße", "plain", "Ã¤"]);
}

#[test]
fn a_file_without_read_permission_is_named_and_read_later() {
    use std::os::unix::{fs::PermissionsExt as _, process::CommandExt as _};

    let allow = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let mut world = World::new("*.log");
    world.append("a.log", "secret\n");
    allow(&world.path("a.log"), 0o000);
    if fs::File::open(world.path("a.log")).is_ok() {
        // Nothing is forbidden to root: another user runs this test instead. It is named by its
        // process, as the way to its file may be closed to that user.
        let test = std::process::Command::new("/proc/self/exe")
            .args([
                "--exact",
                "log::tests::lines::a_file_without_read_permission_is_named_and_read_later",
            ])
            .uid(65534)
            .status();
        return assert!(test.unwrap().success());
    }
    world.append("b.log", "open\n");
    assert_eq!(world.lines(), ["open"]);
    let notice = world.task.notices.of(&world.path("a.log")).unwrap().to_owned();
    assert!(notice.contains("a.log") && notice.contains("read permission"), "{notice}");
    allow(&world.path("a.log"), 0o600);
    assert_eq!(world.lines(), ["secret"]);
    assert_eq!(world.task.notices.of(&world.path("a.log")), None);
}

#[test]
fn a_missing_directory_is_told_and_its_files_are_read_once_it_is_there() {
    let mut world = World::new("later/*.log");
    assert!(world.lines().is_empty());
    assert!(world.task.notices.of(&world.path("later")).unwrap().contains("does not exist yet"));
    world.append("later/a.log", "one\n");
    assert_eq!(world.lines(), ["one"]);
    assert_eq!(world.task.notices.of(&world.path("later")), None);
}

#[test]
fn more_files_than_may_be_open_are_all_followed() {
    let mut world = World::with("*.log", &[("max.open.files", "3")]);
    let names: Vec<_> = (0..20).map(|number| format!("{number}.log")).collect();
    for round in 0..3 {
        for name in &names {
            world.append(name, format!("{name} {round}\n"));
        }
        let mut lines = world.lines();
        lines.sort_unstable();
        let mut expected: Vec<_> = names.iter().map(|name| format!("{name} {round}")).collect();
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }
}

#[test]
fn options_that_need_each_other_say_so() {
    let reasons = |props: &[(&str, &str)]| {
        let all = [("path", "a.log"), ("topic", "t")].into_iter().chain(props.iter().copied());
        let errors = LogFileConfig::parse(&all.collect()).unwrap_err();
        errors.iter().map(|(key, text)| format!("{key}: {text}")).collect::<Vec<_>>()
    };
    assert_eq!(reasons(&[("parse", "pattern")]), ["pattern: parse=pattern needs a pattern"]);
    assert_eq!(
        reasons(&[("pattern", "(?<a>.)"), ("key.field", "a"), ("timestamp.field", "a")]),
        [
            "pattern: A pattern needs parse=pattern",
            "timestamp.field: timestamp.field needs parse=json or parse=pattern",
            "key.field: key.field needs parse=json or parse=pattern",
        ]
    );
    assert_eq!(
        reasons(&[("parse", "pattern"), ("pattern", "(?<a>.)"), ("key.field", "b")]),
        ["key.field: The pattern has no group named b"]
    );
    assert!(Tolerance::of(&Props::from([("errors.tolerance", "some")])).is_err());
}

//! Names change hands.

use std::os::unix::fs::symlink;

use super::*;

/// A text of whole lines that is long enough to be known for itself.
fn long(name: &str) -> String {
    (0..40)
        .map(|number| format!("2026-11-21 10:00:00.{number:03} {name} line {number}\n"))
        .collect()
}

fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_file_is_followed_as_it_grows_and_half_a_line_waits() {
    let mut world = World::new("a.log");
    world.append("a.log", "one\ntw");
    assert_eq!(world.lines(), ["one"]);
    world.append("a.log", "o");
    assert!(world.lines().is_empty());
    world.append("a.log", "\nthree\n");
    assert_eq!(world.lines(), ["two", "three"]);
}

#[test]
fn a_renamed_file_goes_on_where_it_was() {
    let mut world = World::new("app.log*");
    world.append("app.log", "one\n");
    assert_eq!(world.lines(), ["one"]);
    world.rename("app.log", "app.log.1");
    world.append("app.log.1", "two\n");
    world.append("app.log", "three\n");
    assert_eq!(world.lines(), ["two", "three"]);
}

#[test]
fn a_file_renamed_out_of_sight_is_read_to_its_end() {
    let mut world = World::new("app.log");
    world.append("app.log", "one\n");
    assert_eq!(world.lines(), ["one"]);
    world.append("app.log", "two\n");
    world.rename("app.log", "elsewhere");
    world.append("elsewhere", "three\n");
    world.append("app.log", "four\n");
    let mut lines = world.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["four", "three", "two"]);
}

#[test]
fn a_chain_of_renames_moves_every_file_one_on() {
    let mut world = World::new("app.log*");
    for (name, text) in [("app.log.2", "two\n"), ("app.log.1", "one\n"), ("app.log", "zero\n")] {
        world.append(name, text);
    }
    assert_eq!(world.lines().len(), 3);
    for new in ["a new one", "a newer one", "the newest"] {
        world.remove("app.log.2");
        world.rename("app.log.1", "app.log.2");
        world.rename("app.log", "app.log.1");
        world.append("app.log", format!("{new}\n"));
        assert_eq!(world.lines(), [new]);
    }
}

#[test]
fn a_chain_of_renames_while_the_worker_is_down_repeats_nothing() {
    let mut world = World::new("app.log*");
    world.append("app.log.1", "one\n");
    world.append("app.log", "zero\n");
    assert_eq!(world.lines().len(), 2);
    world.append("app.log", "late\n");
    world.rename("app.log.1", "app.log.2");
    world.rename("app.log", "app.log.1");
    world.append("app.log", "new\n");
    world.restart();
    assert_eq!(world.lines(), ["late", "new"]);
}

#[test]
fn a_file_deleted_and_made_again_is_another_file() {
    let mut world = World::new("a.log");
    world.append("a.log", "one\n");
    assert_eq!(world.lines(), ["one"]);
    world.append("a.log", "last words\n");
    world.remove("a.log");
    world.append("a.log", "one\ntwo\n");
    let mut lines = world.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["last words", "one", "two"], "also the first line that is the same");
}

#[test]
fn an_inode_that_is_used_again_is_another_file() {
    let mut world = World::new("*.log");
    world.append("a.log", "one\n");
    assert_eq!(world.lines(), ["one"]);
    // With the task gone nothing keeps the inode, and the file system gives it to the next file.
    world.task.registry.close_all();
    world.remove("a.log");
    world.append("b.log", "two\nthree\n");
    world.restart();
    assert_eq!(world.lines(), ["two", "three"]);
}

#[test]
fn an_offset_of_an_inode_with_other_bytes_starts_a_new_file() {
    let mut world = World::new("*.log");
    world.append("a.log", long("old"));
    assert_eq!(world.lines(), lines_of(&long("old")));
    // Written in place, so that place and birth are the same and the bytes alone differ.
    fs::write(world.path("a.log"), long("new!") + &long("more")).unwrap();
    world.restart();
    assert_eq!(world.lines(), lines_of(&(long("new!") + &long("more"))));
}

#[test]
fn a_truncated_file_starts_anew() {
    let mut world = World::new("a.log");
    world.append("a.log", "one\ntwo\n");
    assert_eq!(world.lines(), ["one", "two"]);
    world.truncate("a.log");
    assert!(world.lines().is_empty());
    world.append("a.log", "three\n");
    assert_eq!(world.lines(), ["three"]);
}

#[test]
fn a_file_written_anew_to_the_same_size_or_more_is_noticed() {
    let mut world = World::new("a.log");
    world.append("a.log", "one 1\n");
    assert_eq!(world.lines(), ["one 1"]);
    fs::write(world.path("a.log"), "two 2\n").unwrap();
    assert_eq!(world.lines(), ["two 2"]);
    fs::write(world.path("a.log"), "three 3\nfour 4\n").unwrap();
    assert_eq!(world.lines(), ["three 3", "four 4"]);
}

#[test]
fn copy_and_truncate_repeats_nothing_and_loses_nothing() {
    for text in [long("first"), "short\n".to_owned()] {
        let mut world = World::new("app.log*");
        world.append("app.log", &text);
        assert_eq!(world.lines(), lines_of(&text));
        world.append("app.log", "copied before it was read\n");
        world.copy("app.log", "app.log.1");
        world.truncate("app.log");
        world.append("app.log", "after\n");
        let mut lines = world.lines();
        lines.sort_unstable();
        assert_eq!(lines, ["after", "copied before it was read"]);
        world.restart();
        assert!(world.lines().is_empty());
    }
}

#[test]
fn copy_and_truncate_seen_at_every_stage_repeats_nothing() {
    for text in [long("first"), "short\n".to_owned()] {
        let mut world = World::new("app.log*");
        world.append("app.log", &text);
        assert_eq!(world.lines(), lines_of(&text));
        world.append("app.log.1", &text.as_bytes()[..5]);
        assert!(world.lines().is_empty(), "half a copy");
        world.append("app.log.1", &text.as_bytes()[5..]);
        assert!(world.lines().is_empty(), "a copy");
        world.append("app.log", "two\n");
        assert_eq!(world.lines(), ["two"], "the original goes on");
        world.append("app.log.1", "two\n");
        assert!(world.lines().is_empty());
        world.truncate("app.log");
        assert!(world.lines().is_empty());
        world.append("app.log", "three\n");
        world.append("app.log.1", "four\n");
        let mut lines = world.lines();
        lines.sort_unstable();
        assert_eq!(lines, ["four", "three"]);
    }
}

#[test]
fn copy_and_truncate_while_the_worker_is_down_repeats_nothing() {
    let mut world = World::new("app.log*");
    world.append("app.log", long("a"));
    assert_eq!(world.lines().len(), 40);
    world.append("app.log", "unread\n");
    world.copy("app.log", "app.log.1");
    world.truncate("app.log");
    world.append("app.log", "new\n");
    world.restart();
    let mut lines = world.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["new", "unread"]);
}

#[test]
fn files_that_begin_alike_are_two_files() {
    let mut world = World::new("*.log");
    world.append("a.log", "header\n");
    world.append("b.log", "header\n");
    assert_eq!(world.lines(), ["header"]);
    // One that is nothing but the same line might be a copy in the making, but not for ever.
    world.clock.advance_ms(1000);
    assert_eq!(world.lines(), ["header"]);
    world.append("a.log", "a\n");
    world.append("c.log", "header\nc\n");
    let mut lines = world.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["a", "c", "header"]);
    world.append("d.log", "header\n");
    assert!(world.lines().is_empty());
    world.clock.advance_ms(1000);
    assert_eq!(world.lines(), ["header"]);
}

#[test]
fn the_same_lines_in_several_directories_are_several_files() {
    let mut world = World::new("*/%Y%m%d.log");
    for directory in ["a", "b", "c"] {
        world.append(&format!("{directory}/20261121.log"), long("same"));
    }
    let mut lines = world.lines();
    world.clock.advance_ms(1000);
    lines.extend(world.lines());
    assert_eq!(
        lines,
        [lines_of(&long("same")), lines_of(&long("same")), lines_of(&long("same"))].concat()
    );
}

#[test]
fn a_file_replaced_by_a_longer_copy_of_itself_goes_on() {
    let mut world = World::new("*.log");
    world.append("a.log", long("one"));
    assert_eq!(world.lines().len(), 40);
    world.copy("a.log", "temporary");
    world.append("temporary", "two\n");
    world.rename("temporary", "a.log");
    assert_eq!(world.lines(), ["two"]);
}

#[test]
fn a_symlink_that_is_swapped_leads_to_the_next_file() {
    let mut world = World::new("current.log");
    world.append("app-1", "one\n");
    symlink("app-1", world.path("current.log")).unwrap();
    assert_eq!(world.lines(), ["one"]);
    world.append("app-1", "last of one\n");
    world.append("app-2", "two\n");
    symlink("app-2", world.path("next")).unwrap();
    world.rename("next", "current.log");
    let mut lines = world.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["last of one", "two"]);
    world.append("app-2", "three\n");
    assert_eq!(world.lines(), ["three"]);
}

#[test]
fn an_old_file_that_is_compressed_repeats_nothing() {
    for (extension, pack) in [
        ("gz", gzip as fn(&Path) -> Vec<u8>),
        ("zst", |path| zstd::stream::encode_all(&fs::read(path).unwrap()[..], 1).unwrap()),
    ] {
        for text in [long("day"), "short\n".to_owned()] {
            let mut world = World::new("app.log*");
            world.append("app.log", &text);
            assert_eq!(world.lines(), lines_of(&text));
            world.append("app.log", "not read yet\n");
            let packed = pack(&world.path("app.log"));
            let name = format!("app.log.{extension}");
            world.append(&name, &packed[..packed.len() / 2]);
            assert_eq!(world.lines(), ["not read yet"], "{extension}");
            world.append(&name, &packed[packed.len() / 2..]);
            assert!(world.lines().is_empty());
            world.remove("app.log");
            world.clock.advance_ms(60_000);
            assert!(world.lines().is_empty());
            world.restart();
            assert!(world.lines().is_empty());
        }
    }
}

#[test]
fn what_was_not_read_before_compression_is_read_after_it() {
    let mut world = World::new("app.log*");
    world.append("app.log", long("a"));
    assert_eq!(world.lines().len(), 40);
    world.append("app.log", "unread\nno line end");
    let packed = gzip(&world.path("app.log"));
    world.remove("app.log");
    world.append("app.log.gz", packed);
    world.restart();
    assert_eq!(world.lines(), ["unread", "no line end"], "nothing follows in an archive");
}

#[test]
fn a_compressed_file_that_was_never_seen_is_read_whole() {
    let mut world = World::new("*");
    fs::write(world.path("plain"), long("old")).unwrap();
    let packed = zstd::stream::encode_all(&fs::read(world.path("plain")).unwrap()[..], 1).unwrap();
    world.remove("plain");
    world.append("20261101.log.zst", packed);
    assert_eq!(world.lines(), lines_of(&long("old")));
    world.restart();
    assert!(world.lines().is_empty());
}

#[test]
fn midnight_leads_to_the_next_file_in_the_configured_zone() {
    let mut world = World::with(
        "%Y%m%d.log",
        &[("timezone", "Europe/Berlin"), ("late.write.grace.ms", "3600000")],
    );
    world.append("20261121.log", "today\n");
    assert_eq!(world.lines(), ["today"]);
    // 23:00 UTC is midnight in Berlin.
    world.clock.advance_ms(13 * 3_600_000);
    world.append("20261122.log", "tomorrow\n");
    world.append("20261121.log", "late\n");
    assert_eq!(world.lines(), ["late", "tomorrow"], "the older date first");
    world.clock.advance_ms(3_599_999);
    world.append("20261121.log", "very late\n");
    assert_eq!(world.lines(), ["very late"]);
    world.append("20261121.log", "half a line");
    assert!(world.lines().is_empty());
    world.clock.advance_ms(3_600_000);
    assert_eq!(world.lines(), ["half a line"], "nothing will follow");
    world.append("20261121.log", "too late\n");
    world.append("20261122.log", "fine\n");
    assert_eq!(world.lines(), ["fine"]);
    let notice = world.task.notices.of(&world.path("20261121.log")).unwrap().to_owned();
    assert!(notice.contains("Raise late.write.grace.ms"), "{notice}");
    world.restart();
    assert!(world.lines().is_empty());
}

#[test]
fn files_that_appear_late_or_in_the_past_are_picked_up() {
    let mut world = World::new("*/%Y-%m-%d.log");
    world.append("web/2026-11-21.log", "today\n");
    assert_eq!(world.lines(), ["today"]);
    world.append("web/2026-11-01.log", "past\n");
    world.append("api/2026-11-20.log", "other directory\n");
    assert_eq!(world.lines(), ["past", "other directory"]);
    // A copy from elsewhere that takes its time.
    world.append("web/2026-11-01.log", "more of the past\n");
    assert_eq!(world.lines(), ["more of the past"]);
}

#[test]
fn what_was_written_while_the_worker_was_down_is_read_however_old() {
    let mut world = World::new("%Y%m%d.log");
    world.append("20261121.log", "one\n");
    assert_eq!(world.lines(), ["one"]);
    world.append("20261121.log", "two\n");
    world.clock.advance_ms(9 * 24 * 3_600_000);
    world.restart();
    assert_eq!(world.lines(), ["two"]);
}

#[test]
fn start_from_end_leaves_out_what_is_there_at_the_first_start_only() {
    let mut world = World::with("*.log", &[("start.from", "end")]);
    world.append("a.log", "old\nhalf");
    assert!(world.lines().is_empty());
    world.append("a.log", " and half\n");
    world.append("b.log", "appeared later\n");
    assert_eq!(world.lines(), ["half and half", "appeared later"]);
    world.append("a.log", "while it was down\n");
    world.append("c.log", "new\n");
    world.restart();
    assert_eq!(world.lines(), ["while it was down", "new"]);
}

#[test]
fn the_offset_of_a_file_is_forgotten_once_it_is_long_gone() {
    let mut world = World::new("logs/*.log");
    world.append("logs/a.log", "one\n");
    world.append("logs/b.log", "two\n");
    assert_eq!(world.lines(), ["one", "two"]);
    world.remove("logs/a.log");
    world.clock.advance_ms(60_000);
    world.drain();
    world.clock.advance_ms(604_800_000);
    world.drain();
    assert_eq!(futures_now(world.offsets.committed()).unwrap().len(), 1);
    // Without its directory it may come back with it.
    world.rename("logs", "unmounted");
    world.restart();
    world.clock.advance_ms(604_800_000);
    world.drain();
    world.rename("unmounted", "logs");
    assert!(world.lines().is_empty());
}

#[test]
fn files_that_are_too_old_are_left_alone_until_they_are_written_again() {
    let mut world = World::with("*.log", &[("ignore.older.ms", "60000")]);
    world.append("a.log", "old\n");
    let file = fs::File::options().append(true).open(world.path("a.log")).unwrap();
    let at = |ms: i64| std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms.cast_unsigned());
    file.set_modified(at(START_MS - 60_001)).unwrap();
    assert!(world.lines().is_empty());
    file.set_modified(at(START_MS - 60_000)).unwrap();
    assert_eq!(world.lines(), ["old"]);
}

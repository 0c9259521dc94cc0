//! Files that are as they should be.

use std::{fs, io::Write as _, time::Duration};

use connect_api::{error::Result, record::SourceBatch, source::SourceConnector as _, value::Value};
use connect_testkit::source::run;
use tokio::time::timeout;

use super::support::{Bench, gzip, row};
use crate::CsvSource;

fn case(case: impl Future<Output = Result<()>>) {
    assert_eq!(run(case), Ok(()));
}

fn table(rows: std::ops::Range<usize>) -> String {
    let rows = rows.map(|row| format!("{row},\"name {row}\"\n"));
    std::iter::once("id,name\n".to_owned()).chain(rows).collect()
}

fn expected(rows: std::ops::Range<usize>) -> Vec<String> {
    rows.map(|row| format!("{row},name {row}")).collect()
}

#[test]
fn a_file_is_moved_only_after_its_rows_are_acknowledged() {
    case(async {
        let bench = Bench::new();
        bench.drop_file("a.csv", table(0..5));
        let mut task = bench.task().await?;
        let mut batches = Vec::new();
        loop {
            let batch = task.poll().await?;
            if batch == SourceBatch::default() {
                break;
            }
            batches.push(batch);
        }
        assert_eq!(bench.names("in"), ["a.csv", "a.csv.PROCESSING"]);
        bench.commit(&mut task, &batches[0]).await;
        assert_eq!(bench.names("in").len(), 2, "its last rows are not acknowledged");
        bench.commit(&mut task, batches.last().unwrap()).await;
        assert_eq!((bench.names("in").len(), bench.names("done")), (0, vec!["a.csv".to_owned()]));
        Ok(())
    });
}

#[test]
fn every_policy_does_what_it_says() {
    case(async {
        for (policy, left) in [("MOVE", 0), ("DELETE", 0), ("NONE", 1), ("MOVEBYDATE", 0)] {
            let bench = Bench::new().with("cleanup.policy", policy);
            bench.drop_file("a.csv", table(0..2));
            let mut task = bench.task().await?;
            assert_eq!(bench.drain(&mut task).await?, expected(0..2), "{policy}");
            assert_eq!(bench.drain(&mut task).await?.len(), 0, "{policy}");
            assert_eq!(bench.names("in").len(), left, "{policy}");
            let done = bench.names("done");
            match policy {
                "MOVE" => assert_eq!(done, ["a.csv"]),
                "MOVEBYDATE" => {
                    assert_eq!(done[0].len(), "2026-11-21".len());
                    assert_eq!(bench.names(&format!("done/{}", done[0])), ["a.csv"]);
                }
                _ => assert!(done.is_empty()),
            }
        }
        Ok(())
    });
}

#[test]
fn a_killed_task_goes_on_at_the_row_in_every_packing_and_encoding() {
    case(async {
        let latin: Vec<u8> = table(0..9)
            .replace("name", "n\u{e4}me")
            .chars()
            .map(|c| u8::try_from(c).unwrap())
            .collect();
        for (name, bytes, charset) in [
            ("a.csv", table(0..9).into_bytes(), "UTF-8"),
            ("a.csv.gz", gzip(&table(0..9)), "UTF-8"),
            ("a.csv.zip", crate::content::zip(&[("a.csv", table(0..9).as_bytes())]), "UTF-8"),
            ("a.csv", latin, "ISO-8859-1"),
        ] {
            let bench = Bench::new().with("csv.file.charset", charset);
            bench.drop_file(name, &bytes);
            let mut rows = Vec::new();
            // Every second batch is lost with its task, which leaves its flag behind.
            for _ in 0..4 {
                let mut task = bench.task().await?;
                let batch = task.poll().await?;
                rows.extend(batch.records.iter().map(row));
                bench.commit(&mut task, &batch).await;
                drop(task.poll().await?);
            }
            let mut task = bench.task().await?;
            rows.extend(bench.drain(&mut task).await?);
            let rows: Vec<_> = rows.iter().map(|row| row.replace('\u{e4}', "a")).collect();
            assert_eq!(rows, expected(0..9), "{name} {charset}");
            assert_eq!((bench.names("in").len(), bench.names("done").len()), (0, 1), "{name}");
        }
        Ok(())
    });
}

#[test]
fn a_file_that_was_finished_by_a_killed_task_is_only_moved() {
    case(async {
        let bench = Bench::new();
        bench.drop_file("a.csv", table(0..2));
        let mut task = bench.task().await?;
        let batch = task.poll().await?;
        bench.offsets.commit(&batch.offsets);
        drop(task);
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?.len(), 0);
        assert_eq!(bench.drain(&mut task).await?.len(), 0);
        assert_eq!((bench.names("in").len(), bench.names("done").len()), (0, 1));
        Ok(())
    });
}

#[test]
fn another_file_of_a_known_name_is_read_from_its_start() {
    case(async {
        let bench = Bench::new();
        let mut task = bench.task().await?;
        bench.drop_file("a.csv", table(0..4));
        assert_eq!(bench.drain(&mut task).await?, expected(0..4));
        bench.drop_file("a.csv", table(10..13));
        assert_eq!(bench.drain(&mut task).await?, expected(10..13));
        assert_eq!(bench.names("done"), ["a-1.csv", "a.csv"], "no finished file is overwritten");
        Ok(())
    });
}

#[test]
fn an_offset_of_the_original_counts_lines() {
    case(async {
        let bench = Bench::new();
        bench.drop_file("a.csv", table(0..6));
        let json = |text: &str| serde_json::from_str(text).unwrap();
        bench.offsets.commit(&[(
            connect_api::record::SourcePartition(json(r#"{"fileName":"a.csv"}"#)),
            Some(connect_api::record::SourceOffset(json(r#"{"offset":4}"#))),
        )]);
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?, expected(4..6));
        Ok(())
    });
}

#[test]
fn rows_without_header_have_the_columns_of_the_schema_or_numbers() {
    case(async {
        let bench = Bench::new().with("csv.first.row.as.header", "false");
        bench.drop_file("a.csv", "1,x\n2,y\n");
        let mut task = bench.task().await?;
        let batch = task.poll().await?;
        let Value::Struct(first) = &batch.records[0].value.value else { panic!() };
        assert_eq!(
            first.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["column01", "column02"]
        );
        let bench = Bench::new()
            .with("csv.first.row.as.header", "false")
            .with("csv.skip.lines", "2")
            .with_fields(&[("n", "INT32"), ("t", "STRING")]);
        bench.drop_file("a.csv", "made by hand\n\n1,x\n2,y,more\n");
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?, ["1,x", "2,y"]);
        Ok(())
    });
}

#[test]
fn the_header_finds_the_fields_whatever_their_order() {
    case(async {
        for (is_strict, expected) in [("false", "7,x"), ("true", "null,x")] {
            let bench = Bench::new()
                .with("csv.case.sensitive.field.names", is_strict)
                .with_fields(&[("id", "INT32"), ("name", "STRING")]);
            bench.drop_file("a.csv", "name,other,ID\nx,?,7\n");
            let mut task = bench.task().await?;
            assert_eq!(bench.drain(&mut task).await?, [expected]);
        }
        Ok(())
    });
}

#[test]
fn types_are_inferred_from_the_rows_where_that_is_asked_for() {
    case(async {
        let bench = Bench::new()
            .with("schema.generation.types", "inferred")
            .with("schema.generation.key.fields", "n")
            .with("schema.generation.value.name", "Row")
            .with("csv.null.field.indicator", "BOTH");
        bench.drop_file(
            "a.csv",
            "n,f,b,t,zip,s,e\n1,1.5,true,2026-11-21T10:00:00,01234,x,\n-2,3,false,,04711,7,\n",
        );
        let mut task = bench.task().await?;
        let batch = task.poll().await?;
        let record = &batch.records[0];
        let fields = record.value.schema.as_ref().unwrap().fields();
        let kinds: Vec<_> = fields
            .iter()
            .map(|field| field.schema.name().unwrap_or(field.schema.kind().name()))
            .collect();
        assert_eq!(
            kinds,
            [
                "INT64",
                "FLOAT64",
                "BOOLEAN",
                "org.apache.kafka.connect.data.Timestamp",
                "STRING",
                "STRING",
                "STRING"
            ]
        );
        assert_eq!(record.value.schema.as_ref().unwrap().name(), Some("Row"));
        assert_eq!(record.key.value.member("n"), Some(&Value::Int64(1)));
        assert_eq!(record.value.value.member("t"), Some(&Value::Timestamp(1_795_255_200_000)));
        Ok(())
    });
}

#[test]
fn records_say_where_they_come_from_and_when() {
    case(async {
        let bench = Bench::new()
            .with("timestamp.mode", "FILE_TIME")
            .with("input.path.walk.recursively", "true")
            .with("cleanup.policy.maintain.relative.path", "true");
        fs::create_dir(bench.path("in/sub")).unwrap();
        bench.drop_file("sub/a.csv", "id\n1\n2\n");
        let mut task = bench.task().await?;
        let batch = task.poll().await?;
        let header = |name: &str| {
            let headers = &batch.records[1].headers;
            headers.iter().find(|header| &*header.key == name).unwrap().data.value.clone()
        };
        assert_eq!(header("file.name"), "a.csv".into());
        assert_eq!(header("file.name.without.extension"), "a".into());
        assert_eq!(header("file.parent.dir.name"), "sub".into());
        assert_eq!(header("file.relative.path"), "sub".into());
        assert_eq!(header("file.length"), Value::Int64(7));
        assert_eq!(header("file.offset"), Value::Int64(2));
        let modified = header("file.last.modified").as_i64();
        assert_eq!(batch.records[1].timestamp_ms, modified);
        bench.commit(&mut task, &batch).await;
        assert_eq!(bench.names("done/sub"), ["a.csv"]);
        Ok(())
    });
}

#[test]
fn moved_files_are_not_read_again() {
    case(async {
        let bench = Bench::new().with("input.path.walk.recursively", "true");
        fs::create_dir(bench.path("in/done")).unwrap();
        let done = bench.path("in/done");
        let bench = bench.with("finished.path", done.to_str().unwrap());
        bench.drop_file("a.csv", "id\n1\n");
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?, ["1"]);
        assert_eq!(bench.names("in/done"), ["a.csv"]);
        Ok(())
    });
}

#[test]
fn files_are_not_moved_to_where_they_are_read_from() {
    for key in ["finished.path", "error.path"] {
        let bench = Bench::new();
        let input = bench.path("in/../in/");
        let bench = bench.with(key, input.to_str().unwrap());
        let values = CsvSource.validate(&bench.props);
        let wrong = values.iter().filter(|value| !value.errors.is_empty());
        assert_eq!(wrong.map(|value| &*value.name).collect::<Vec<_>>(), [key]);
    }
}

#[test]
fn files_come_in_their_order_and_in_their_age() {
    case(async {
        for (sort, expected) in [
            ("NameAsc", ["1", "2", "3"]),
            ("NameDesc", ["3", "2", "1"]),
            ("LengthDesc,NameDesc", ["2", "3", "1"]),
        ] {
            let bench = Bench::new().with("files.sort.attributes", sort);
            for (name, text) in [("b", "id\n2\n\n"), ("c", "id\n3\n"), ("a", "id\n1\n")] {
                bench.drop_file(&format!("{name}.csv"), text);
            }
            let bench = bench.with("csv.null.field.indicator", "EMPTY_SEPARATORS");
            let mut task = bench.task().await?;
            assert_eq!(bench.drain(&mut task).await?, expected, "{sort}");
        }
        let bench = Bench::new().with("file.minimum.age.ms", "1000");
        bench.drop_file("a.csv", "id\n1\n");
        let modified = fs::metadata(bench.path("in/a.csv")).unwrap().modified().unwrap();
        let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let modified_ms = i64::try_from(since).unwrap();
        bench.clock.set_ms(modified_ms + 999);
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?.len(), 0);
        bench.clock.set_ms(modified_ms + 1000);
        assert_eq!(bench.drain(&mut task).await?.len(), 1);
        Ok(())
    });
}

#[test]
fn tasks_share_the_files_out() {
    case(async {
        let bench = Bench::new();
        for number in 0..20 {
            bench.drop_file(&format!("{number}.csv"), format!("id\n{number}\n"));
        }
        let mut tasks = bench.tasks(3).await?;
        let mut rows = Vec::new();
        for task in &mut tasks {
            let own = bench.drain(task).await?;
            assert!(own.len() < 20);
            rows.extend(own);
        }
        rows.sort_by_key(|row| row.parse::<u32>().unwrap());
        assert_eq!(rows, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!(bench.names("done").len(), 20);
        Ok(())
    });
}

#[test]
fn a_file_that_grows_is_read_on() {
    case(async {
        let bench = Bench::new().with("batch.size", "100").with("cleanup.policy", "NONE");
        bench.drop_file("a.csv", "id\n1\n");
        let mut task = bench.task().await?;
        let path = bench.path("in/a.csv");
        // A batch of one row leaves the file open, and what comes then belongs to it.
        let one = bench.with("batch.size", "1");
        let mut other = one.task().await?;
        let batch = other.poll().await?;
        fs::File::options().append(true).open(&path).unwrap().write_all(b"2\n").unwrap();
        one.commit(&mut other, &batch).await;
        assert_eq!(one.drain(&mut other).await?, ["2"]);
        task.stop().await?;
        Ok(())
    });
}

#[test]
fn a_poll_without_files_waits_and_can_be_dropped() {
    case(async {
        let bench = Bench::new().with("empty.poll.wait.ms", "60000");
        let mut task = bench.task().await?;
        let dropped = timeout(Duration::from_millis(5), task.poll()).await;
        assert!(dropped.is_err());
        bench.drop_file("a.csv", "id\n1\n");
        assert_eq!(task.poll().await?.records.len(), 1);
        Ok(())
    });
}

#[test]
fn offsets_that_mean_nothing_are_refused() {
    let json = |text: &str| serde_json::from_str(text).unwrap();
    let alter = |partition: &str, offset: &str| {
        let partition = connect_api::record::SourcePartition(json(partition));
        let offset = connect_api::record::SourceOffset(json(offset));
        CsvSource.alter_offsets(&Bench::new().props, &[(partition, Some(offset))])
    };
    assert!(alter(r#"{"fileName":"a.csv"}"#, r#"{"offset":3}"#).unwrap());
    assert!(alter(r#"{"file":"a.csv"}"#, r#"{"offset":3}"#).is_err());
    assert!(alter(r#"{"fileName":"a.csv"}"#, r#"{"offset":"x"}"#).is_err());
}

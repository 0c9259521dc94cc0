//! Files and directories that are not as they should be.

use std::{fs, os::unix::fs::PermissionsExt as _};

use connect_api::error::{ErrorClass, Result, chain};
use connect_testkit::source::run;

use super::support::{Bench, row};

fn case(case: impl Future<Output = Result<()>>) {
    assert_eq!(run(case), Ok(()));
}

const BAD: &str = "id,name\n1,a\n2,b\n3,c\n4,d\nfive,e\n6,f\n";

fn bench() -> Bench {
    Bench::new().with_fields(&[("id", "INT32"), ("name", "STRING")])
}

#[test]
fn a_bad_row_halts_the_task_and_says_where_it_is() {
    case(async {
        let bench = bench();
        bench.drop_file("a.csv", BAD);
        let mut task = bench.task().await?;
        let mut rows = Vec::new();
        let error = loop {
            match task.poll().await {
                Ok(batch) => {
                    rows.extend(batch.records.iter().map(row));
                    bench.commit(&mut task, &batch).await;
                }
                Err(error) => break error,
            }
        };
        let text = chain(&error);
        for part in ["line 6, column 1 (\"id\")", "a.csv", "'five' to INT32", "bad"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(error.class(), ErrorClass::Record);
        assert_eq!(rows, ["1,a", "2,b", "3,c", "4,d"], "what came before it is delivered");
        assert_eq!((bench.names("in").len(), bench.names("bad")), (0, vec!["a.csv".to_owned()]));
        // A new task is not held up by it.
        bench.drop_file("b.csv", "id,name\n7,g\n");
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?, ["7,g"]);
        Ok(())
    });
}

#[test]
fn without_halting_the_next_file_is_read() {
    case(async {
        let bench = bench().with("halt.on.error", "false");
        bench.drop_file("a.csv", BAD);
        bench.drop_file("b.csv", "id,name\n1\n");
        bench.drop_file("c.csv", "id,name\n1,\"a\n");
        bench.drop_file("d.csv.gz", "no gzip");
        bench.drop_file("e.csv", "id,name\n7,g\n");
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?, ["1,a", "2,b", "3,c", "4,d", "7,g"]);
        assert_eq!(bench.names("bad"), ["a.csv", "b.csv", "c.csv", "d.csv.gz"]);
        assert_eq!((bench.names("in").len(), bench.names("done")), (0, vec!["e.csv".to_owned()]));
        Ok(())
    });
}

#[test]
fn tolerated_rows_are_skipped_and_counted() {
    case(async {
        let bench = bench().with("errors.tolerance", "all");
        bench.drop_file("a.csv", BAD);
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?, ["1,a", "2,b", "3,c", "4,d", "6,f"]);
        assert_eq!(bench.names("done"), ["a.csv"]);
        let offset = bench.offset("a.csv").await.unwrap();
        assert_eq!((offset.0["rows"].as_i64(), offset.0["failed"].as_i64()), (Some(6), Some(1)));
        Ok(())
    });
}

#[test]
fn blank_lines_are_rows_unless_nulls_are_told() {
    case(async {
        for (indicator, expected) in [("NEITHER", None), ("BOTH", Some(2))] {
            let bench = bench().with("csv.null.field.indicator", indicator);
            bench.drop_file("a.csv", "id,name\n\n1,a\n\n2,b\n\n");
            let mut task = bench.task().await?;
            let rows = bench.drain(&mut task).await;
            assert_eq!(rows.ok().map(|rows| rows.len()), expected, "{indicator}");
        }
        Ok(())
    });
}

#[test]
fn a_row_that_is_too_long_is_refused() {
    case(async {
        let bench = bench().with("csv.max.row.bytes", "50").with("halt.on.error", "false");
        bench.drop_file("a.csv", format!("id,name\n1,{}\n", "x".repeat(60)));
        bench.drop_file("b.csv", format!("id,name\n1,\"{}\"\n", "x\n".repeat(60)));
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?.len(), 0);
        assert_eq!(bench.names("bad"), ["a.csv", "b.csv"]);
        Ok(())
    });
}

#[test]
fn a_missing_or_closed_directory_is_named_at_the_start() {
    case(async {
        let elsewhere = bench().with("error.path", "/nowhere/at/all");
        let error = elsewhere.task().await.err().unwrap();
        assert_eq!(error.class(), ErrorClass::NotFound);
        assert_eq!(
            error.to_string(),
            "Directory \"/nowhere/at/all\" of 'error.path' does not exist. Create it"
        );
        for policy in ["NONE", "DELETE"] {
            let unused = bench().with("finished.path", "/nowhere/at/all");
            assert!(unused.with("cleanup.policy", policy).task().await.is_ok());
        }
        let bench = bench();
        fs::set_permissions(bench.path("done"), fs::Permissions::from_mode(0o500)).unwrap();
        // Root may write anywhere.
        let may_write = fs::write(bench.path("done/probe"), b"").is_ok();
        if let Some(error) = bench.task().await.err() {
            assert!(chain(&error).contains("'finished.path' is not writable"), "{error}");
        } else {
            assert!(may_write);
        }
        Ok(())
    });
}

#[test]
fn a_directory_that_goes_away_is_waited_for() {
    case(async {
        let bench = bench();
        let mut task = bench.task().await?;
        fs::remove_dir(bench.path("in")).unwrap();
        let error = task.poll().await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Retriable);
        assert!(chain(&error).contains("Create the directory"), "{error}");
        fs::create_dir(bench.path("in")).unwrap();
        bench.drop_file("a.csv", "id,name\n1,a\n");
        assert_eq!(bench.drain(&mut task).await?, ["1,a"]);
        Ok(())
    });
}

#[test]
fn flags_of_others_are_respected_and_own_ones_taken_back() {
    case(async {
        let bench = bench();
        for (name, owner) in [("a.csv", "another"), ("b.csv", &*bench.connector), ("c.csv", "")] {
            bench.drop_file(name, "id,name\n1,a\n");
            bench.drop_file(&format!("{name}.PROCESSING"), owner);
        }
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?, ["1,a"]);
        assert_eq!(bench.names("done"), ["b.csv"]);
        fs::remove_file(bench.path("in/a.csv.PROCESSING")).unwrap();
        assert_eq!(bench.drain(&mut task).await?, ["1,a"]);
        assert_eq!(bench.names("in"), ["c.csv", "c.csv.PROCESSING"]);
        Ok(())
    });
}

#[test]
fn files_of_two_shapes_make_no_schema() {
    case(async {
        let bench = Bench::new();
        bench.drop_file("a.csv", "id,name\n");
        bench.drop_file("b.csv", "id,other\n");
        let error = bench.task().await.err().unwrap();
        assert_eq!(error.class(), ErrorClass::Invalid);
        assert!(error.to_string().starts_with("More than one schema was found"), "{error}");
        Ok(())
    });
}

#[test]
fn a_header_with_one_name_twice_is_refused() {
    case(async {
        let generated = Bench::new();
        let in_any_case = bench();
        for (bench, header, columns) in [
            (generated, "id,name,id", ["Columns 1 (\"id\")", "3 (\"id\")"]),
            (in_any_case, "id,name,ID", ["Columns 1 (\"id\")", "3 (\"ID\")"]),
        ] {
            bench.drop_file("a.csv", format!("{header}\n1,a,2\n"));
            let mut task = bench.task().await?;
            let batch = task.poll().await?;
            bench.commit(&mut task, &batch).await;
            let error = task.poll().await.unwrap_err();
            let text = chain(&error);
            assert!(text.contains("a.csv"), "{text}");
            assert!(columns.iter().all(|column| text.contains(column)), "{text}");
            assert_eq!(bench.names("bad"), ["a.csv"]);
        }
        // Columns that the schema does not have are not read, whatever they are called.
        let bench = bench();
        bench.drop_file("a.csv", "id,name,x,x\n1,a,2,3\n");
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?, ["1,a"]);
        Ok(())
    });
}

#[test]
fn a_file_that_changed_after_its_end_is_read_again() {
    case(async {
        let bench = bench();
        bench.drop_file("a.csv", "id,name\n1,a\n");
        let mut task = bench.task().await?;
        let batch = task.poll().await?;
        bench.drop_file("a.csv", "id,name\n2,b\n3,c\n");
        bench.commit(&mut task, &batch).await;
        assert_eq!(bench.names("done").len(), 0);
        assert_eq!(bench.drain(&mut task).await?, ["2,b", "3,c"]);
        assert_eq!(bench.names("done"), ["a.csv"]);
        Ok(())
    });
}

#[test]
fn empty_files_have_no_rows_and_are_moved() {
    case(async {
        let bench = Bench::new();
        bench.drop_file("a.csv", "");
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?.len(), 0);
        assert_eq!(bench.names("done"), ["a.csv"]);
        Ok(())
    });
}

#[test]
fn empty_files_do_not_keep_others_from_being_read() {
    case(async {
        for has_header in ["true", "false"] {
            let bench = Bench::new().with("csv.first.row.as.header", has_header);
            bench.drop_file("a.csv", "id\n1\n");
            bench.drop_file("b.csv", "");
            bench.drop_file("c.csv", "id\n2\n");
            let mut task = bench.task().await?;
            let rows = bench.drain(&mut task).await?;
            assert_eq!(rows.iter().filter(|row| *row != "id").collect::<Vec<_>>(), ["1", "2"]);
            assert_eq!(bench.names("done"), ["a.csv", "b.csv", "c.csv"]);
        }
        Ok(())
    });
}

#[test]
fn types_are_inferred_from_a_bounded_part_of_a_file() {
    case(async {
        let bench = Bench::new()
            .with("schema.generation.types", "inferred")
            .with("errors.tolerance", "all")
            .with("batch.size", "10");
        let wide = "x".repeat(600_000);
        bench.drop_file("a.csv", format!("id,name\n1,{wide}\n2,{wide}\nthree,c\n"));
        let mut task = bench.task().await?;
        assert_eq!(bench.drain(&mut task).await?.len(), 2, "the third is beyond what is looked at");
        Ok(())
    });
}

//! The sink through its public doors, read back by another library.

use std::{collections::BTreeMap, os::unix::fs::symlink, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use axum::{
    body::{Body, to_bytes},
    http::{Request, header},
};
use calamine::{Data, Reader as _, Xlsx, open_workbook};
use connect_api::{
    cluster::{ConnectClusterState, ConnectorView},
    config::Props,
    error::{ErrorClass, Result},
    record::{SchemaAndValue, SinkRecord, TopicPartition},
    schema::{Schema, Type, logical},
    sink::{SinkConnector, SinkTask},
    value::{Map, Struct, Value},
};
use connect_testkit::{
    ManualClock,
    sink::{Fault, Handling, SinkDriver, SinkFixture, run},
    sink_context,
};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::{
    ExcelSink,
    config::ExcelConfig,
    openapi,
    render::{part_of, render},
    router,
    store::Store,
};
use connect_api::config::Config as _;

/// A workbook in a directory of its own.
struct Workbook {
    directory: TempDir,
    props: Props,
}

/// Rows of each sheet as texts, the header first.
type Sheets = BTreeMap<String, Vec<Vec<Data>>>;

impl Workbook {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("book.xlsx");
        let props = Props::from([("file", file.to_str().unwrap()), ("topics", "a")]);
        Self { directory, props }
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        self.props.insert(key, value);
        self
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("book.xlsx")
    }

    fn sheets(&self) -> Sheets {
        read(&self.file())
    }

    async fn task(&self, clock: &Arc<ManualClock>) -> Box<dyn SinkTask> {
        ExcelSink.start_task(&self.props, sink_context(clock)).await.unwrap()
    }
}

fn read(file: &std::path::Path) -> Sheets {
    let mut book: Xlsx<_> = open_workbook(file).unwrap();
    let names = book.sheet_names();
    let sheets = names.into_iter().map(|name| {
        let range = book.worksheet_range(&name).unwrap();
        (name, range.rows().map(<[Data]>::to_vec).collect())
    });
    sheets.collect()
}

impl SinkFixture for Workbook {
    async fn start() -> Self {
        Self::new()
    }

    fn connector(&self) -> Box<dyn SinkConnector> {
        Box::new(ExcelSink)
    }

    fn props(&self) -> Props {
        self.props.clone()
    }

    fn lost(&self) -> &'static [(&'static str, &'static str)] {
        &[("file", "/nowhere/book.xlsx")]
    }

    /// What a workbook would have that is made now.
    async fn arrived(&self) -> Vec<String> {
        let config = ExcelConfig::parse(&self.props).unwrap();
        let Ok(store) = Store::open(&config.store_file()) else { return Vec::new() };
        let file = self.directory.path().join("now.xlsx");
        render(&store, &file, config.sheet_max_rows).unwrap();
        let rows = read(&file).into_values().flat_map(|rows| rows.into_iter().skip(1));
        rows.map(|row| row[0].to_string()).collect()
    }

    fn tombstones(&self) -> Handling {
        Handling::Skipped
    }

    fn bad_record(&self, origin: &TopicPartition, offset: i64) -> Option<SinkRecord> {
        let mut record = self.record(origin, offset, "bad");
        record.value = SchemaAndValue::schemaless(Value::string("x".repeat(32_768)));
        Some(record)
    }

    /// The disk is full when rows are kept already and the workbook is made of them. A store of rows that
    /// lies beside it cannot be made to refuse just once.
    fn fail_next(&self, fault: Fault) -> bool {
        if fault == Fault::AfterWrite {
            symlink("/dev/full", part_of(&self.file())).unwrap();
        }
        fault == Fault::AfterWrite
    }
}

connect_testkit::sink_conformance!(Workbook);

fn case(case: impl Future<Output = Result<()>>) {
    assert_eq!(run(case), Ok(()));
}

fn record(topic: &str, offset: i64, value: Value) -> SinkRecord {
    let origin = TopicPartition::new(topic, 0);
    let mut record = Workbook::new().record(&origin, offset, "id");
    record.value = SchemaAndValue::schemaless(value);
    record
}

fn map(entries: &[(&str, Value)]) -> Value {
    let entries = entries.iter().map(|(name, value)| ((*name).into(), value.clone()));
    Value::Map(Map::new(entries.collect()))
}

#[test]
fn values_are_what_excel_has_for_them() {
    case(async {
        let book = Workbook::new();
        let clock = ManualClock::at(0);
        let mut task = book.task(&clock).await;
        let timestamp = Schema::new(Type::Int64).named(logical::TIMESTAMP);
        let schema = Schema::new(Type::Struct)
            .field("text", Schema::string())
            .field("number", Schema::new(Type::Float64))
            .field("is", Schema::new(Type::Boolean))
            .field("at", timestamp)
            .field("none", Schema::optional_string());
        let schema = Arc::new(schema);
        let values = vec![
            "é <&>".into(),
            Value::Float64(1.5),
            Value::Boolean(true),
            // 2026-11-21T12:00:00Z
            Value::Timestamp(1_795_262_400_000),
            Value::Null,
        ];
        let mut one = record("a", 0, Value::Null);
        let row = Value::Struct(Struct::new(Arc::clone(&schema), values));
        one.value = SchemaAndValue::new(schema, row);
        task.put(&[one]).await?;
        task.stop().await?;
        let sheets = book.sheets();
        let rows = &sheets["a"];
        let header: Vec<_> = rows[0].iter().map(ToString::to_string).collect();
        assert_eq!(header, ["text", "number", "is", "at", "none"]);
        assert_eq!(rows[1][0], Data::String("é <&>".to_owned()));
        assert_eq!(rows[1][1], Data::Float(1.5));
        assert_eq!(rows[1][2], Data::Bool(true));
        let Data::DateTime(at) = &rows[1][3] else { panic!("{:?}", rows[1][3]) };
        assert!((at.as_f64() - 46_347.5).abs() < 1e-9, "{at:?}");
        assert_eq!(rows[1][4], Data::Empty);
        Ok(())
    });
}

#[test]
fn each_topic_has_a_sheet_and_later_columns_are_appended() {
    case(async {
        let book = Workbook::new();
        let mut task = book.task(&ManualClock::at(0)).await;
        task.put(&[
            record("a", 0, map(&[("x", 1.into_value())])),
            record("b/c", 0, Value::string("alone")),
            record("a", 1, map(&[("y", 2.into_value()), ("x", 3.into_value())])),
        ])
        .await?;
        task.stop().await?;
        let sheets = book.sheets();
        let shown = |name: &str| {
            let rows = sheets[name].iter();
            rows.map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
                .collect::<Vec<_>>()
        };
        assert_eq!(sheets.keys().collect::<Vec<_>>(), ["a", "b_c"]);
        assert_eq!(shown("a"), ["x,y", "1,", "3,2"]);
        assert_eq!(shown("b_c"), ["value", "alone"]);
        Ok(())
    });
}

trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for i64 {
    fn into_value(self) -> Value {
        Value::Int64(self)
    }
}

#[test]
fn more_rows_than_a_sheet_has_go_to_the_next_ones() {
    case(async {
        let book = Workbook::new().with("sheet.max.rows", "4");
        let mut task = book.task(&ManualClock::at(0)).await;
        let rows: Vec<_> =
            (0..8).map(|row| record("a", row, map(&[("n", row.into_value())]))).collect();
        task.put(&rows).await?;
        task.stop().await?;
        let sheets = book.sheets();
        let counts: Vec<_> =
            sheets.iter().map(|(name, rows)| (name.as_str(), rows.len())).collect();
        assert_eq!(counts, [("a", 4), ("a (2)", 4), ("a (3)", 3)]);
        assert!(sheets.values().all(|rows| rows[0][0] == Data::String("n".to_owned())));
        Ok(())
    });
}

#[test]
fn the_workbook_is_replaced_when_it_is_due_and_by_a_new_task() {
    case(async {
        let book = Workbook::new().with("render.interval.ms", "1000");
        let clock = ManualClock::at(0);
        let mut task = book.task(&clock).await;
        let rows = |book: &Workbook| book.sheets().get("a").map_or(0, |rows| rows.len() - 1);
        task.put(&[record("a", 0, map(&[("n", 0.into_value())]))]).await?;
        assert_eq!(rows(&book), 1, "the first is shown at once");
        task.put(&[record("a", 1, map(&[("n", 1.into_value())]))]).await?;
        assert_eq!(rows(&book), 1, "it is not due");
        // Far beyond what the first one may have taken.
        clock.advance_ms(600_000);
        task.put(&[]).await?;
        assert_eq!(rows(&book), 2);
        task.put(&[record("a", 2, map(&[("n", 2.into_value())]))]).await?;
        drop(task);
        let mut next = book.task(&clock).await;
        next.put(&[]).await?;
        assert_eq!(rows(&book), 3, "what a killed task kept is shown by the next one");
        next.put(&[record("a", 3, map(&[("n", 3.into_value())]))]).await?;
        next.finish_files().await?;
        assert_eq!(rows(&book), 4);
        let hidden = std::fs::read_dir(book.directory.path()).unwrap();
        let hidden: Vec<_> = hidden
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name.to_str().unwrap().ends_with(".part"))
            .collect();
        assert_eq!(hidden.len(), 0, "{hidden:?}");
        Ok(())
    });
}

#[test]
fn two_tasks_of_one_workbook_do_not_write_into_each_other() {
    let workbook = Workbook::new();
    let (kept, file) = (workbook.directory.path().join("rows.db"), &workbook.file());
    let stores = [(); 2].map(|()| Store::open(&kept).unwrap());
    std::thread::scope(|scope| {
        for store in stores {
            scope.spawn(move || {
                for _ in 0..20 {
                    render(&store, file, 1000).unwrap();
                }
            });
        }
    });
    assert_eq!(workbook.sheets().len(), 1);
}

#[test]
fn a_record_that_comes_again_is_the_same_row_in_the_same_place() {
    case(async {
        let book = Workbook::new();
        let mut driver = SinkDriver::new(&book);
        let origin = TopicPartition::new("a", 0);
        for offset in 0..50 {
            driver.produce(book.record(&origin, offset, &offset.to_string()));
        }
        for polls in 0..5 {
            driver.start(std::slice::from_ref(&origin)).await?;
            for _ in 0..polls {
                driver.poll(9).await?;
            }
            driver.crash();
        }
        driver.start(std::slice::from_ref(&origin)).await?;
        driver.settle().await?;
        driver.stop().await?;
        let rows: Vec<_> =
            book.sheets()["a"].iter().skip(1).map(|row| row[0].to_string()).collect();
        assert_eq!(rows, (0..50).map(|row| row.to_string()).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn a_topic_that_was_made_anew_is_not_taken_for_the_old_one() {
    case(async {
        let (book, clock) = (Workbook::new(), ManualClock::at(0));
        book.task(&clock).await.put(&[record("a", 0, "old".into())]).await?;
        let mut anew = record("a", 0, "new".into());
        anew.timestamp_ms = anew.timestamp_ms.map(|time_ms| time_ms + 1);
        let error = book.task(&clock).await.put(&[anew]).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Invalid);
        assert!(
            error.to_string().starts_with("The record at offset 0 of a-0 is another"),
            "{error}"
        );
        assert_eq!(book.sheets()["a"].len(), 2);
        Ok(())
    });
}

#[test]
fn what_is_wrong_is_told_in_a_sentence() {
    case(async {
        let book = Workbook::new().with("file", "/nowhere/at/all/book.xlsx");
        let context = sink_context(&ManualClock::at(0));
        let error = ExcelSink.start_task(&book.props, context).await.err().unwrap();
        assert_eq!(error.class(), ErrorClass::NotFound);
        assert!(error.to_string().ends_with("does not exist. Create it"), "{error}");
        let book = Workbook::new();
        std::fs::write(book.directory.path().join("book.xlsx.rows.db"), "no store".repeat(1000))
            .unwrap();
        let context = sink_context(&ManualClock::at(0));
        let error = ExcelSink.start_task(&book.props, context).await.err().unwrap();
        assert_eq!(error.class(), ErrorClass::Invalid, "{error}");
        let wrong = ExcelSink.validate(&Props::from([
            ("file", "book.csv"),
            ("render.interval.ms", "soon"),
            ("sheet.max.rows", "1"),
        ]));
        let wrong: Vec<_> = wrong.into_iter().filter(|value| !value.errors.is_empty()).collect();
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        let path = Workbook::new().directory.path().display().to_string();
        let same =
            [("book.xlsx", "./book.xlsx"), (&format!("{path}/b.xlsx"), &format!("{path}/b.xlsx"))];
        for (file, store) in same {
            let values = ExcelSink.validate(&Props::from([("file", file), ("store.file", store)]));
            let wrong: Vec<_> = values.iter().filter(|value| !value.errors.is_empty()).collect();
            assert_eq!((wrong.len(), &*wrong[0].name), (1, "store.file"), "{wrong:?}");
        }
        Ok(())
    });
}

#[derive(Debug)]
struct Cluster(Props);

#[async_trait]
impl ConnectClusterState for Cluster {
    async fn connectors_of(&self, class: &str) -> Vec<ConnectorView> {
        assert_eq!(class, ExcelSink.class());
        let (name, config) = ("book".to_owned(), self.0.clone());
        vec![ConnectorView { name, config, state: None, tasks: Vec::new() }]
    }
}

#[test]
fn the_workbook_is_handed_out() {
    case(async {
        let book = Workbook::new();
        let router = router(Arc::new(Cluster(book.props.clone())));
        let ask = |name: &str| {
            let path = format!("/connectors/{name}/workbook");
            router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap())
        };
        assert_eq!(ask("nobody").await.unwrap().status(), 404);
        assert_eq!(ask("book").await.unwrap().status(), 404, "there is none yet");
        let mut task = book.task(&ManualClock::at(0)).await;
        task.put(&[record("a", 0, map(&[("n", 0.into_value())]))]).await?;
        let reply = ask("book").await.unwrap();
        assert_eq!(reply.status(), 200);
        let shown = |name| reply.headers()[name].to_str().unwrap().to_owned();
        assert!(shown(header::CONTENT_TYPE).ends_with("spreadsheetml.sheet"));
        assert!(shown(header::CONTENT_DISPOSITION).contains("filename=\"book.xlsx\""));
        let length: usize = shown(header::CONTENT_LENGTH).parse().unwrap();
        let body = to_bytes(reply.into_body(), usize::MAX).await.unwrap();
        assert_eq!(body.len(), length);
        assert_eq!(body, std::fs::read(book.file()).unwrap());
        assert!(
            openapi()["paths"]
                .as_object()
                .unwrap()
                .contains_key("/connectors/{connector}/workbook")
        );
        Ok(())
    });
}

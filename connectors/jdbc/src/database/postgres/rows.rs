//! One transaction that writes rows.
//!
//! Rows reach the server in one of three ways. Many that are only added are copied into the table.
//! Many that may meet others are copied into a temporary table, from which one statement takes them.
//! Few are arrays in the arguments of one statement, which costs one round trip. All three read a value
//! from its text by the column's own type, or from bytes that say what its text would, so that they cannot
//! differ in what they write.
//!
//! When the server refuses, the transaction is undone and tried again with a savepoint around every
//! half, so that the records that are to blame are found in a logarithm of the batch; it is undone as
//! well, because the others are written only once the bad ones are reported.

use std::sync::Arc;

use connect_api::error::{ConnectorError, ErrorClass};
use connect_postgres::Failure;
use futures::future::join;
use tokio_postgres::types::ToSql;

use super::{
    super::{Job, Run, Usage, Written, not_now, refused},
    claims,
    copy::copy_rows,
    failure::{About, Judgement as _, TERMS},
    session::Session,
};
use crate::{
    layout::{Cell, TableName},
    sql::{Action, Rendering, write_cell},
};

/// Rows that are sent as arguments rather than copied: below, the copy's own round trips cost more.
const FEW_ROWS: usize = 64;

/// Where in a transaction it failed.
struct Stopped {
    failure: Failure,
    /// The run that failed; none when it was the end of the transaction.
    run: Option<usize>,
    /// Whether it was about a temporary table.
    is_staging: bool,
}

impl<F: Into<Failure>> From<F> for Stopped {
    fn from(failure: F) -> Self {
        Self { failure: failure.into(), run: None, is_staging: false }
    }
}

/// Writes a job. `may_stage` is whether the user may make temporary tables, which is found out here.
pub(super) async fn write(
    session: &mut Session,
    usage: &Usage,
    job: &Job<'_>,
    may_stage: &mut bool,
) -> Result<Written, Failure> {
    loop {
        let stopped = match Box::pin(attempt(session, usage, job, *may_stage)).await {
            Ok(written) => return Ok(written),
            Err(stopped) => stopped,
        };
        let about = stopped.failure.about();
        let is_answer =
            matches!(&stopped.failure, Failure::Postgres(error) if error.code().is_some());
        if !is_answer {
            return Err(stopped.failure);
        }
        undo(session).await?;
        if stopped.is_staging && *may_stage {
            *may_stage = false;
            continue;
        }
        if !job.is_fresh && stopped.failure.is_of_type() {
            forget_stages(session).await?;
            return Ok(Written::Outdated);
        }
        let table = stopped.run.and_then(|run| job.runs.get(run)).map(|run| &run.layout.table);
        return match about {
            About::Record if job.may_wait && stopped.failure.may_pass() => {
                Err(not_now(table, &stopped.failure.words()).into())
            }
            About::Record => Box::pin(search(session, usage, job, stopped)).await,
            About::Table => {
                let name = table.map(ToString::to_string).unwrap_or_default();
                let message = format!("Table \"{name}\" has changed: {}", stopped.failure.words());
                Ok(Written::Changed(ConnectorError::invalid(message)))
            }
            About::There | About::Rest => Err(named(stopped.failure, table)),
        };
    }
}

/// A failure with the table that it is about.
fn named(failure: Failure, table: Option<&TableName>) -> Failure {
    let Some(of) = table else { return failure };
    let words = failure.words();
    let explained = failure.explain(&format!("Table \"{of}\""), &TERMS);
    match explained.class() {
        ErrorClass::Retriable => {
            let message = format!("Table \"{of}\" could not be written: {words}");
            ConnectorError::retriable(message).into()
        }
        ErrorClass::Conflict => not_now(table, &words).into(),
        _ => explained.into(),
    }
}

async fn undo(session: &mut Session) -> Result<(), Failure> {
    // What the transaction has made is gone with it; the temporary tables of earlier ones stay.
    for made in session.fresh.drain(..) {
        session.stages.remove(&made);
    }
    session.filled.clear();
    Ok(session.client.batch_execute("ROLLBACK").await?)
}

/// Drops the temporary tables, whose columns have the types that those of the tables had.
async fn forget_stages(session: &mut Session) -> Result<(), Failure> {
    if !session.stages.is_empty() {
        session.client.batch_execute("DISCARD TEMP").await?;
        session.stages.clear();
    }
    Ok(())
}

async fn attempt(
    session: &mut Session,
    usage: &Usage,
    job: &Job<'_>,
    may_stage: bool,
) -> Result<Written, Stopped> {
    let lock = claims::lock(session, usage, job).await?;
    let client = Arc::clone(&session.client);
    // The first rows are on their way before the offsets are known to be right: should they not be, all
    // is undone, and until then one answer less is waited for.
    let begun = claims::begin(&client, usage, job, lock.as_ref());
    let written = write_runs(session, job, usage.rendering, may_stage);
    let (begun, written) = join(begun, written).await;
    if let Some(moved) = begun? {
        undo(session).await?;
        return Ok(moved);
    }
    written?;
    claims::commit(session, usage, job).await?;
    session.filled.clear();
    session.fresh.clear();
    Ok(Written::Done)
}

async fn write_runs(
    session: &mut Session,
    job: &Job<'_>,
    how: Rendering,
    may_stage: bool,
) -> Result<(), Stopped> {
    for (place, run) in job.runs.iter().enumerate() {
        let written = write_run(session, job, run, how, may_stage).await;
        written.map_err(|stopped| Stopped { run: Some(place), ..stopped })?;
    }
    Ok(())
}

async fn write_run(
    session: &mut Session,
    job: &Job<'_>,
    run: &Run,
    how: Rendering,
    may_stage: bool,
) -> Result<(), Stopped> {
    let names = &run.target.names;
    if run.rows.len() <= FEW_ROWS || run.action == Action::Delete || may_meet_twice(run) {
        return Ok(send_rows(session, job, run, &run.rows, how).await?);
    }
    if run.action == Action::Insert && run.target.copies {
        return Ok(copy_rows(session, (&names.table, &names.listed()), job, run, how).await?);
    }
    if !may_stage {
        return Ok(send_rows(session, job, run, &run.rows, how).await?);
    }
    let staged = stage(session, run).await;
    let name = staged.map_err(|failure| Stopped { failure, run: None, is_staging: true })?;
    copy_rows(session, (&name, &names.listed()), job, run, how).await?;
    let expressions: Vec<_> =
        names.columns.iter().map(|(column, _)| format!("s.{column}")).collect();
    let source = format!("{name} AS s");
    let statement = names.for_rows_of(run.action, &source, &expressions, is_numbered(run));
    let statement = session.prepared(&statement).await?;
    session.client.execute(&statement, &[]).await?;
    Ok(())
}

/// An empty temporary table with the columns of the run.
async fn stage(session: &mut Session, run: &Run) -> Result<String, Failure> {
    let names = &run.target.names;
    let select = format!("SELECT {} FROM {}", names.listed(), names.table);
    if let Some(name) = session.stages.get(&select).cloned() {
        if !session.filled.insert(name.clone()) {
            session.client.batch_execute(&format!("TRUNCATE {name}")).await?;
        }
        return Ok(name);
    }
    session.made += 1;
    let short = format!("millrace_stage_{}", session.made);
    let create =
        format!("CREATE TEMPORARY TABLE {short} ON COMMIT DELETE ROWS AS {select} WITH NO DATA");
    session.client.batch_execute(&create).await?;
    let name = format!("pg_temp.{short}");
    session.filled.insert(name.clone());
    session.fresh.push(select.clone());
    session.stages.insert(select, name.clone());
    Ok(name)
}

fn is_numbered(run: &Run) -> bool {
    run.target.columns.iter().any(|column| column.is_numbered)
}

/// Whether several rows of an update may change one row of the table. A statement then takes any of them,
/// unless it is told to take the last, which arrays can say and a temporary table cannot.
fn may_meet_twice(run: &Run) -> bool {
    run.action == Action::Update && !run.target.has_exact_keys(&run.layout)
}

/// Sends some rows of a run as arrays of texts, one per column; of a deletion those of the key.
async fn send_rows(
    session: &mut Session,
    job: &Job<'_>,
    run: &Run,
    rows: &[usize],
    how: Rendering,
) -> Result<(), Failure> {
    let columns = run.layout.columns.iter().zip(&run.target.columns);
    let arrays: Vec<Vec<Option<String>>> = columns
        .map(|(column, target)| {
            let records = rows.iter().filter_map(|&row| job.batch.get(row));
            let texts = records.map(|record| match column.cell(record) {
                Cell::Null => None,
                cell => {
                    let mut text = String::new();
                    write_cell(&mut text, cell, &target.kind, how);
                    Some(text)
                }
            });
            texts.collect()
        })
        .collect();
    let list = |item: fn(usize) -> String| {
        let items: Vec<_> = (1..=arrays.len()).map(item).collect();
        items.join(",")
    };
    let (arguments, aliases) =
        (list(|place| format!("${place}::text[]")), list(|place| format!("c{place}")));
    let source =
        |name: &str| format!("unnest({arguments}) WITH ORDINALITY AS {name}({aliases},place)");
    let expressions = |name: &str| -> Vec<_> {
        let targets = run.target.columns.iter().zip(1..);
        targets.map(|(target, place)| format!("{name}.c{place}::{}", target.type_name)).collect()
    };
    let names = &run.target.names;
    let mut statement =
        names.for_rows_of(run.action, &source("s"), &expressions("s"), is_numbered(run));
    if may_meet_twice(run) {
        statement.push_str(&names.unless_followed(&source("l"), &expressions("l")));
    }
    let statement = session.prepared(&statement).await?;
    let arguments: Vec<&(dyn ToSql + Sync)> =
        arrays.iter().map(|array| array as &(dyn ToSql + Sync)).collect();
    session.client.execute(&statement, &arguments).await?;
    Ok(())
}

/// Finds the records that are to blame, and undoes everything; commits when there are none, which is
/// when several were refused together and none alone.
async fn search(
    session: &mut Session,
    usage: &Usage,
    job: &Job<'_>,
    stopped: Stopped,
) -> Result<Written, Failure> {
    let lock = claims::lock(session, usage, job).await?;
    if let Some(moved) = claims::begin(&session.client, usage, job, lock.as_ref()).await? {
        undo(session).await?;
        return Ok(moved);
    }
    if stopped.run.is_none() {
        // It was at the end that the server looked: now it looks at every statement.
        session.client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await?;
    }
    let mut bad = Vec::new();
    for run in job.runs {
        search_run(session, job, run, usage.rendering, &mut bad).await?;
    }
    if !bad.is_empty() {
        session.client.batch_execute("ROLLBACK").await?;
        return Ok(Written::Refused(bad));
    }
    if stopped.run.is_none() {
        // No statement was to blame, and the end of the transaction still would be.
        session.client.batch_execute("ROLLBACK").await?;
        return Err(stopped.failure);
    }
    claims::commit(session, usage, job).await?;
    Ok(Written::Done)
}

async fn search_run(
    session: &mut Session,
    job: &Job<'_>,
    run: &Run,
    how: Rendering,
    bad: &mut Vec<(usize, ConnectorError)>,
) -> Result<(), Failure> {
    let mut parts = vec![run.rows.as_slice()];
    while let Some(part) = parts.pop() {
        session.client.batch_execute("SAVEPOINT part").await?;
        match send_rows(session, job, run, part, how).await {
            Ok(()) => session.client.batch_execute("RELEASE part").await?,
            Err(failure) if failure.about() != About::Record => return Err(failure),
            Err(failure) => {
                session.client.batch_execute("ROLLBACK TO part; RELEASE part").await?;
                if let [row] = *part {
                    if let Some(record) = job.batch.get(row) {
                        bad.push((row, refused(record, &run.layout.table, &failure.words())));
                    }
                    continue;
                }
                let (first, second) = part.split_at(part.len() / 2);
                // The last is the next, and the order of the records is kept.
                parts.extend([second, first]);
            }
        }
    }
    Ok(())
}

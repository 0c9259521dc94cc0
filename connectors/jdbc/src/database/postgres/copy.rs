//! Rows in the text form of `COPY`, which every type of column reads, or in the binary one where it says
//! the same of all of them.

use bytes::{BufMut as _, Bytes, BytesMut};
use connect_api::record::SinkRecord;
use futures::SinkExt as _;

use super::{
    super::{Job, Run},
    binary::{END, Form, HEAD},
    failure::Failure,
    link::Session,
};
use crate::{
    layout::Cell,
    sql::{Rendering, write_cell},
};

/// Bytes that are sent at once: enough that a packet costs nothing, little beside a batch.
const CHUNK_BYTES: usize = 64 << 10;

/// Sends the rows of a run into columns of a table.
pub(super) async fn copy_rows(
    session: &mut Session,
    (table, columns): (&str, &str),
    job: &Job<'_>,
    run: &Run,
    how: Rendering,
) -> Result<(), Failure> {
    let forms = forms(job, run, how);
    let format = if forms.is_some() { " (FORMAT binary)" } else { "" };
    let statement = format!("COPY {table}({columns}) FROM STDIN{format}");
    let statement = session.prepared(&statement).await?;
    let sink = session.client.copy_in::<_, Bytes>(&statement).await?;
    let mut sink = Box::pin(sink);
    let mut chunk = BytesMut::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
    let mut text = String::new();
    chunk.extend_from_slice(if forms.is_some() { HEAD } else { b"" });
    for record in records(job, run) {
        match &forms {
            Some(forms) => write_binary_row(&mut chunk, forms, run, record, how),
            None => write_row(&mut chunk, &mut text, run, record, how),
        }
        if chunk.len() >= CHUNK_BYTES {
            sink.feed(chunk.split().freeze()).await?;
        }
    }
    chunk.extend_from_slice(if forms.is_some() { END } else { b"" });
    sink.feed(chunk.freeze()).await?;
    sink.as_mut().finish().await?;
    Ok(())
}

fn records<'a>(job: &Job<'a>, run: &'a Run) -> impl Iterator<Item = &'a SinkRecord> {
    let batch = job.batch;
    run.rows.iter().filter_map(move |&row| batch.get(row))
}

/// How each column reads bytes, when every value of the run has such a form.
fn forms(job: &Job<'_>, run: &Run, how: Rendering) -> Option<Vec<Form>> {
    let forms = run.target.columns.iter().map(|target| Form::of(&target.base_name));
    let forms = forms.collect::<Option<Vec<_>>>()?;
    let fits = |record: &SinkRecord| {
        let mut columns = run.layout.columns.iter().zip(&forms);
        columns.all(|(column, form)| form.binary(column.cell(record), how).is_some())
    };
    records(job, run).all(fits).then_some(forms)
}

fn write_binary_row(
    out: &mut BytesMut,
    forms: &[Form],
    run: &Run,
    record: &SinkRecord,
    how: Rendering,
) {
    // The server has fewer columns than that.
    out.put_i16(i16::try_from(forms.len()).unwrap_or(i16::MAX));
    for (column, form) in run.layout.columns.iter().zip(forms) {
        if let Some(field) = form.binary(column.cell(record), how) {
            field.write(out);
        }
    }
}

fn write_row(
    out: &mut BytesMut,
    text: &mut String,
    run: &Run,
    record: &SinkRecord,
    how: Rendering,
) {
    for (place, (column, target)) in run.layout.columns.iter().zip(&run.target.columns).enumerate()
    {
        if place > 0 {
            out.extend_from_slice(b"\t");
        }
        match column.cell(record) {
            Cell::Null => out.extend_from_slice(b"\\N"),
            cell => {
                text.clear();
                write_cell(text, cell, &target.kind, how);
                write_escaped(out, text.as_bytes());
            }
        }
    }
    out.extend_from_slice(b"\n");
}

fn write_escaped(out: &mut BytesMut, text: &[u8]) {
    let mut rest = text;
    loop {
        let special = rest.iter().position(|byte| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t'));
        let Some(special) = special else { break };
        let (plain, tail) = rest.split_at(special);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else { break };
        out.extend_from_slice(match byte {
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            _ => b"\\\\",
        });
        rest = tail;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_is_escaped() {
        let mut out = BytesMut::new();
        write_escaped(&mut out, b"a\\N\tb\r\nc");
        assert_eq!(&out[..], b"a\\\\N\\tb\\r\\nc");
    }
}

//! Rows in the binary form of `COPY` where it says the same as their texts, or in the text form, which every
//! type of column reads.

use bytes::{BufMut as _, Bytes, BytesMut};
use connect_api::record::SinkRecord;
use connect_postgres::Failure;
use futures::{SinkExt as _, future::join};

use super::{
    super::{Job, Run},
    binary::{END, Form, HEAD},
    session::Session,
};
use crate::{
    layout::Cell,
    sql::{Rendering, write_cell},
};

/// Bytes that are sent at once: enough that a packet costs nothing, little beside a batch.
const CHUNK_BYTES: usize = 64 << 10;

/// Rows of a run that are still to be sent.
struct Rows<'a> {
    batch: &'a [SinkRecord],
    run: &'a Run,
    left: &'a [usize],
    /// How each column reads bytes, where all can; taken away when a value has no such form.
    forms: Option<Vec<Form>>,
    how: Rendering,
}

impl Rows<'_> {
    /// Appends the next row; nothing when there is none, or none that can be sent like the last.
    fn write(&mut self, out: &mut BytesMut) -> bool {
        let Some((&row, left)) = self.left.split_first() else { return false };
        if let Some(record) = self.batch.get(row) {
            if let Some(forms) = &self.forms {
                if !write_binary_row(out, forms, self.run, record, self.how) {
                    return false;
                }
            } else {
                write_row(out, self.run, record, self.how);
            }
        }
        self.left = left;
        true
    }
}

/// Sends the rows of a run into columns of a table: in the binary form as long as every value has one,
/// and what comes after in the text form.
pub(super) async fn copy_rows(
    session: &mut Session,
    (table, columns): (&str, &str),
    job: &Job<'_>,
    run: &Run,
    how: Rendering,
) -> Result<(), Failure> {
    let forms = run.target.columns.iter().map(|target| Form::of(&target.base_name)).collect();
    let mut rows = Rows { batch: job.batch, run, left: &run.rows, forms, how };
    let statement = format!("COPY {table}({columns}) FROM STDIN");
    if rows.forms.is_some() {
        send(session, &format!("{statement} (FORMAT binary)"), (HEAD, END), &mut rows).await?;
        rows.forms = None;
    }
    send(session, &statement, (b"", b""), &mut rows).await
}

/// Sends rows that are alike, if there are any.
async fn send(
    session: &mut Session,
    statement: &str,
    (head, end): (&[u8], &[u8]),
    rows: &mut Rows<'_>,
) -> Result<(), Failure> {
    let mut chunk = BytesMut::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
    chunk.extend_from_slice(head);
    if !rows.write(&mut chunk) {
        return Ok(());
    }
    let statement = session.prepared(statement).await?;
    let opening = session.client.copy_in::<_, Bytes>(&statement);
    let filling = async {
        // Once it is sent that rows come.
        tokio::task::yield_now().await;
        while chunk.len() < CHUNK_BYTES && rows.write(&mut chunk) {}
    };
    let (sink, ()) = join(opening, filling).await;
    let mut sink = Box::pin(sink?);
    while rows.write(&mut chunk) {
        if chunk.len() >= CHUNK_BYTES {
            sink.feed(chunk.split().freeze()).await?;
        }
    }
    chunk.extend_from_slice(end);
    sink.feed(chunk.freeze()).await?;
    sink.as_mut().finish().await?;
    Ok(())
}

/// Writes a row, unless a value of it has no such form.
fn write_binary_row(
    out: &mut BytesMut,
    forms: &[Form],
    run: &Run,
    record: &SinkRecord,
    how: Rendering,
) -> bool {
    let begin = out.len();
    // The server has fewer columns than that.
    out.put_i16(i16::try_from(forms.len()).unwrap_or(i16::MAX));
    for (column, form) in run.layout.columns.iter().zip(forms) {
        let Some(field) = form.binary(column.cell(record), how) else {
            out.truncate(begin);
            return false;
        };
        field.write(out);
    }
    true
}

fn write_row(out: &mut BytesMut, run: &Run, record: &SinkRecord, how: Rendering) {
    let mut text = String::new();
    for (place, (column, target)) in run.layout.columns.iter().zip(&run.target.columns).enumerate()
    {
        if place > 0 {
            out.extend_from_slice(b"\t");
        }
        match column.cell(record) {
            Cell::Null => out.extend_from_slice(b"\\N"),
            cell => {
                text.clear();
                write_cell(&mut text, cell, &target.kind, how);
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

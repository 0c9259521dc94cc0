//! Rows in the text form of `COPY`, which every type of column reads.

use bytes::{Bytes, BytesMut};
use connect_api::record::SinkRecord;
use futures::SinkExt as _;

use super::{
    super::{Job, Run},
    failure::Failure,
    link::Session,
};
use crate::{
    layout::Cell,
    sql::{Rendering, write_cell},
};

/// Bytes that are sent at once: enough that a packet costs nothing, little beside a batch.
const CHUNK_BYTES: usize = 64 << 10;

/// Sends the rows of a run to a statement that copies from us.
pub(super) async fn copy_rows(
    session: &mut Session,
    statement: &str,
    job: &Job<'_>,
    run: &Run,
    how: Rendering,
) -> Result<(), Failure> {
    let statement = session.prepared(statement).await?;
    let sink = session.client.copy_in::<_, Bytes>(&statement).await?;
    let mut sink = Box::pin(sink);
    let mut chunk = BytesMut::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
    let mut text = String::new();
    for record in run.rows.iter().filter_map(|&row| job.batch.get(row)) {
        write_row(&mut chunk, &mut text, run, record, how);
        if chunk.len() >= CHUNK_BYTES {
            sink.feed(chunk.split().freeze()).await?;
        }
    }
    sink.feed(chunk.freeze()).await?;
    sink.as_mut().finish().await?;
    Ok(())
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

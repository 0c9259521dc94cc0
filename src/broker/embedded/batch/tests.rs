use bytes::Bytes;
use connect_api::record::TimestampType;
use proptest::prelude::*;

use super::{Entry, FrameBuilder, FrameError, records};
use crate::broker::{ConsumerRecord, RawHeader};

fn optional_bytes() -> impl Strategy<Value = Option<Bytes>> {
    prop::option::of(prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from))
}

fn header() -> impl Strategy<Value = RawHeader> {
    (".{0,8}", optional_bytes()).prop_map(|(name, value)| (name.into(), value))
}

fn record() -> impl Strategy<Value = ConsumerRecord> {
    let headers = prop::collection::vec(header(), 0..3);
    (any::<i64>(), optional_bytes(), optional_bytes(), headers).prop_map(
        |(timestamp_ms, key, value, headers)| ConsumerRecord {
            offset: 0,
            timestamp_ms: Some(timestamp_ms),
            timestamp_type: TimestampType::LogAppendTime,
            key,
            value,
            headers,
        },
    )
}

fn entry(record: &ConsumerRecord) -> Entry<'_> {
    Entry {
        timestamp_ms: record.timestamp_ms.unwrap(),
        key: record.key.as_ref(),
        value: record.value.as_ref(),
        headers: &record.headers,
    }
}

fn frame_of(records: &[ConsumerRecord]) -> Vec<u8> {
    let mut builder = FrameBuilder::dense(TimestampType::LogAppendTime);
    for record in records {
        builder.push(entry(record));
    }
    builder.finish().bytes
}

proptest! {
    #[test]
    fn what_goes_into_a_frame_comes_out(
        mut given in prop::collection::vec(record(), 0..20),
        base in 0..i64::MAX / 2,
    ) {
        let frame = Bytes::from(frame_of(&given));
        for (record, offset) in given.iter_mut().zip(base..) {
            record.offset = offset;
        }
        prop_assert_eq!(records(&frame, base).unwrap(), given);
    }

    #[test]
    fn a_sparse_frame_keeps_offsets(
        mut given in prop::collection::vec((record(), 0..1000_u32), 0..20),
        base in 0..i64::MAX / 2,
    ) {
        let mut builder = FrameBuilder::sparse(TimestampType::LogAppendTime);
        let mut distance = 0;
        for (record, gap) in &mut given {
            distance += u64::from(*gap);
            record.offset = base + i64::try_from(distance).unwrap();
            builder.push_at(distance, entry(record));
            distance += 1;
        }
        let read = records(&Bytes::from(builder.finish().bytes), base).unwrap();
        let given: Vec<_> = given.into_iter().map(|(record, _)| record).collect();
        prop_assert_eq!(read, given);
    }

    #[test]
    fn one_changed_bit_is_noticed(
        given in prop::collection::vec(record(), 1..5),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let mut frame = frame_of(&given);
        let place = place.index(frame.len());
        frame[place] ^= 1 << bit;
        prop_assert_eq!(records(&Bytes::from(frame), 0), Err(FrameError::Checksum));
    }

    #[test]
    fn garbage_with_a_right_checksum_is_refused_or_read_but_never_panics(
        mut rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Some(version) = rest.first_mut() {
            *version = super::VERSION;
        }
        let mut frame = crc32fast::hash(&rest).to_le_bytes().to_vec();
        frame.extend(rest);
        let _outcome = records(&Bytes::from(frame), 0);
    }
}

#[test]
fn a_cut_frame_is_refused() {
    assert_eq!(records(&Bytes::from_static(&[1, 2]), 0), Err(FrameError::Short));
}

#[test]
fn a_later_layout_is_refused() {
    let rest = [9, 0, 0, 0, 0, 0];
    let mut frame = crc32fast::hash(&rest).to_le_bytes().to_vec();
    frame.extend(rest);
    assert_eq!(records(&Bytes::from(frame), 0), Err(FrameError::Version(9)));
}

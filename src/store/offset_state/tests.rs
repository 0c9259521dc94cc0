use proptest::prelude::*;

use super::*;

fn partition(json: &str) -> SourcePartition {
    SourcePartition(serde_json::from_str(json).unwrap())
}

fn offset(position: i64) -> SourceOffset {
    SourceOffset([("position".to_owned(), position.into())].into_iter().collect())
}

#[test]
fn keys_keep_the_order_of_the_partition_that_was_stored_first() {
    let mut state = OffsetState::default();
    let first = br#"["c",{"b":1,"a":2}]"#;
    state.apply(first, Some(br#"{"position":1}"#)).unwrap();
    let (key, value) = state.encode("c", &partition(r#"{"a":2,"b":1}"#), Some(&offset(8)));
    assert_eq!(key, first.as_slice());
    assert_eq!(value.unwrap(), r#"{"position":8}"#);
}

#[test]
fn records_of_another_form_are_refused() {
    let mut state = OffsetState::default();
    assert!(state.apply(b"c", None).is_err());
    assert!(state.apply(br#"["c",1]"#, None).is_err());
    assert!(state.apply(br#"["c",{}]"#, Some(b"1")).is_err());
    assert_eq!(state, OffsetState::default());
}

proptest! {
    #[test]
    fn what_was_written_last_is_read(
        writes in proptest::collection::vec((0..3_u8, proptest::option::of(any::<i64>())), 0..20),
    ) {
        let mut state = OffsetState::default();
        let mut expected = BTreeMap::new();
        for (part, position) in writes {
            let name = partition(&format!(r#"{{"file":"f{part}"}}"#));
            let written = position.map(offset);
            let (key, value) = state.encode("c", &name, written.as_ref());
            state.apply(&key, value.as_deref()).unwrap();
            match written {
                Some(written) => expected.insert(part, (name, written)),
                None => expected.remove(&part),
            };
        }
        prop_assert_eq!(state.committed("c"), expected.into_values().collect::<Vec<_>>());
    }
}

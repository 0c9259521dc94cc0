use std::fs;

use bytes::Bytes;

use super::*;

fn one(position: i64) -> (SourcePartition, SourceOffset) {
    let partition = [("filename".to_owned(), "in.txt".into())].into_iter().collect();
    let offset = [("position".to_owned(), position.into())].into_iter().collect();
    (SourcePartition(partition), SourceOffset(offset))
}

fn entries(path: &std::path::Path) -> Vec<java_map::Entry> {
    java_map::read(&fs::read(path).unwrap().into()).unwrap()
}

fn some(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

#[tokio::test]
async fn offsets_survive_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsets");
    fs::write(&path, "").unwrap();
    let (partition, offset) = one(8);
    let store = FileOffsets::load(&path).unwrap();
    store.write("c", &[(partition.clone(), Some(offset.clone()))]).await.unwrap();
    let written = (some(r#"["c",{"filename":"in.txt"}]"#), some(r#"{"position":8}"#));
    assert_eq!(entries(&path), [written]);
    let store = FileOffsets::load(&path).unwrap();
    assert_eq!(store.committed("c").await.unwrap(), [(partition.clone(), offset)]);
    store.write("c", &[(partition, None)]).await.unwrap();
    assert!(FileOffsets::load(&path).unwrap().committed("c").await.unwrap().is_empty());
}

#[tokio::test]
async fn entries_that_are_no_offsets_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsets");
    let strange = [(None, some("1")), (some(r#"["c",7]"#), None), (some("text"), some("2"))];
    fs::write(&path, java_map::write(strange.iter())).unwrap();
    let store = FileOffsets::load(&path).unwrap();
    let (partition, offset) = one(8);
    store.write("c", &[(partition, Some(offset))]).await.unwrap();
    let kept = entries(&path);
    assert_eq!(kept.len(), 4);
    assert!(strange.iter().all(|entry| kept.contains(entry)), "{kept:?}");
}

#[test]
fn a_file_that_is_something_else_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsets");
    fs::write(&path, "nonsense").unwrap();
    let error = FileOffsets::load(&path).unwrap_err();
    assert!(matches!(error, StoreError::DamagedFile { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"nonsense");
}

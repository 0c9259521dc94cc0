use super::*;

fn one(position: i64) -> (SourcePartition, SourceOffset) {
    let partition = [("filename".to_owned(), "in.txt".into())].into_iter().collect();
    let offset = [("position".to_owned(), position.into())].into_iter().collect();
    (SourcePartition(partition), SourceOffset(offset))
}

#[tokio::test]
async fn offsets_survive_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsets");
    let (partition, offset) = one(8);
    let store = FileOffsets::load(&path).unwrap();
    store.write("c", &[(partition.clone(), Some(offset.clone()))]).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, "{\"key\":[\"c\",{\"filename\":\"in.txt\"}],\"value\":{\"position\":8}}\n");
    let store = FileOffsets::load(&path).unwrap();
    assert_eq!(store.committed("c").await.unwrap(), [(partition.clone(), offset)]);
    store.write("c", &[(partition, None)]).await.unwrap();
    assert!(FileOffsets::load(&path).unwrap().committed("c").await.unwrap().is_empty());
}

#[test]
fn a_java_object_stream_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsets");
    fs::write(&path, [0xac, 0xed, 0x00, 0x05, 0x73]).unwrap();
    assert!(matches!(FileOffsets::load(&path), Err(StoreError::JavaFile { .. })));
    assert_eq!(fs::read(&path).unwrap().len(), 5);
}

#[test]
fn a_damaged_line_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("offsets");
    fs::write(&path, "{\"key\":[\"c\",{}],\"value\":{}}\nnonsense\n").unwrap();
    assert!(matches!(FileOffsets::load(&path), Err(StoreError::DamagedFile { line: 2, .. })));
}

//! What objects say of themselves, and how they are found.

use connect_api::insight::{StoredObject, StoredObjects, Wanted};

use super::*;

async fn find(rig: &Rig, wanted: Wanted) -> StoredObjects {
    AivenS3Sink.objects(&rig.props, &wanted).await.unwrap().unwrap()
}

fn holding(offset: i64) -> Wanted {
    Wanted::Record { topic: Some("t".to_owned()), partition: 0, offset }
}

fn said(object: &StoredObject) -> (Option<i64>, Option<i64>, Option<u64>) {
    (object.first_offset, object.last_offset, object.records)
}

#[tokio::test]
async fn the_object_with_an_offset_is_found_by_the_template_of_names() {
    for template in [
        "{{topic}}-{{partition}}-{{start_offset}}",
        "{{timestamp:unit=yyyy}}/{{topic}}/{{partition:padding=true}}/{{start_offset:padding=true}}",
    ] {
        let rig = Rig::new(&[("file.name.template", template), ("file.max.records", "3")]).await;
        rig.written(&numbers(0..8)).await;
        let found = find(&rig, holding(4)).await;
        let [object] = &found.objects[..] else { panic!("{template}: {found:?}") };
        assert_eq!(said(object), (Some(3), Some(5), Some(3)));
        assert_eq!((object.topic.as_deref(), object.partition), (Some("t"), Some(0)));
        assert_eq!(object.first_timestamp_ms, Some(TEN + 3));
        assert_eq!(object.last_timestamp_ms, Some(TEN + 5));
        let mut crc = flate2::Crc::new();
        let key = object.place.strip_prefix(&format!("s3://{BUCKET}/")).unwrap();
        crc.update(&rig.server.objects()[key]);
        assert_eq!(object.content_crc32, Some(crc.sum()));
        let nowhere = find(&rig, holding(8)).await;
        assert!(nowhere.objects.is_empty() && !nowhere.notes.is_empty(), "{nowhere:?}");
        let (topic, after) = (Some("t".to_owned()), None);
        let all = find(&rig, Wanted::Some { topic, partition: None, after, limit: 10 }).await;
        assert_eq!(all.objects.len(), 3);
    }
}

#[tokio::test]
async fn the_object_of_a_key_is_asked_for_by_its_address() {
    let rig = Rig::new(&[("file.name.template", "{{key}}")]).await;
    rig.written(&numbers(0..2)).await;
    let found = find(&rig, Wanted::At(format!("s3://{BUCKET}/k1"))).await;
    assert_eq!(said(&found.objects[0]), (Some(1), Some(1), Some(1)));
    let error = AivenS3Sink.objects(&rig.props, &holding(1)).await.unwrap_err().to_string();
    assert!(error.contains("{{key}}"), "{error}");
}

#[tokio::test]
async fn the_object_of_a_key_tells_of_its_last_record_wherever_that_came_from() {
    let rig = Rig::new(&[("file.name.template", "{{key}}-{{topic}}")]).await;
    let other = SinkRecord { origin: TopicPartition::new("t", 1), ..number(1) };
    rig.written(&[number(1), other]).await;
    let found = find(&rig, Wanted::At(format!("s3://{BUCKET}/k1-t"))).await;
    assert_eq!((said(&found.objects[0]).0, found.objects[0].partition), (Some(1), Some(1)));
}

//! Keys and bytes of objects.

use super::*;

#[tokio::test]
async fn records_since_the_flush_are_one_object_of_lines() {
    let rig = Rig::new(&[("format.output.fields", "key,value,offset")]).await;
    let mut task = rig.task().await;
    task.put(&numbers(0..2)).await.unwrap();
    assert_eq!(rig.server.texts(), texts([]), "nothing is written before the flush");
    assert_eq!(flush(&mut *task, 2).await.unwrap(), 2);
    task.put(&numbers(2..3)).await.unwrap();
    flush(&mut *task, 3).await.unwrap();
    assert_eq!(
        rig.server.texts(),
        texts([
            (
                "t-0-0",
                "{\"offset\":0,\"value\":0,\"key\":\"k0\"}\n{\"offset\":1,\"value\":1,\"key\":\"k1\"}"
            ),
            ("t-0-2", "{\"offset\":2,\"value\":2,\"key\":\"k2\"}"),
        ])
    );
}

#[tokio::test]
async fn json_is_an_array_whatever_the_number_of_records() {
    let settings = [("format.output.type", "json"), ("file.max.records", "2")];
    let rig = Rig::new(&settings).await;
    assert_eq!(
        rig.written(&numbers(0..3)).await,
        texts(
            [("t-0-0", "[\n{\"value\":0},\n{\"value\":1}\n]"), ("t-0-2", "[\n{\"value\":2}\n]"),]
        )
    );
}

#[tokio::test]
async fn a_single_field_needs_no_envelope() {
    let settings = [("format.output.envelope", "false"), ("format.output.fields", "value")];
    let rig = Rig::new(&settings).await;
    assert_eq!(rig.written(&numbers(0..2)).await, texts([("t-0-0", "0\n1")]));
}

#[tokio::test]
async fn csv_has_a_line_per_record_and_none_at_the_end() {
    let settings = [
        ("format.output.type", "csv"),
        ("format.output.fields", "key,value,offset,timestamp,headers"),
        ("aws.s3.prefix", "aiven--"),
    ];
    let rig = Rig::new(&settings).await;
    let mut records: Vec<_> = (0..2).map(|offset| noise(offset, 0)).collect();
    let value = Value::Bytes(Bytes::from_static(b"v"));
    records[0].headers = vec![header("h", None, value.clone())];
    records[1].value.value = value;
    assert_eq!(
        rig.written(&records).await,
        texts([(
            "aiven--t-0-00000000000000000000",
            "azA=,,0,1709632800000,aA==:dg==;\nazE=,dg==,1,1709632800001,"
        )])
    );
}

#[tokio::test]
async fn names_end_with_the_compression_and_templates_with_what_they_say() {
    let expected = b"{\"value\":0}\n{\"value\":1}".as_slice();
    for (compression, extension) in [
        (FileCompression::None, ""),
        (FileCompression::Gzip, ".gz"),
        (FileCompression::Snappy, ".snappy"),
        (FileCompression::Zstd, ".zst"),
    ] {
        let word = compression.to_string();
        let rig = Rig::new(&[("file.compression.type", &word)]).await;
        let mut task = rig.task().await;
        task.put(&numbers(0..2)).await.unwrap();
        flush(&mut *task, 2).await.unwrap();
        let unpacked = rig.unpacked(compression);
        assert_eq!(unpacked[&format!("t-0-0{extension}")], expected);
    }
    let name = "audit/{{topic}}/{{timestamp:unit=yyyy}}/{{timestamp:unit=MM}}/\
                {{timestamp:unit=dd}}/{{partition}}-{{start_offset:padding=true}}.jsonl.gz";
    let rig = Rig::new(&[("file.name.template", name)]).await;
    let key = "audit/t/2024/03/05/0-00000000000000000000.jsonl.gz";
    assert_eq!(rig.written(&numbers(0..1)).await, texts([(key, "{\"value\":0}")]));
}

#[tokio::test]
async fn the_last_record_of_a_key_stays() {
    let rig = Rig::new(&[("file.name.template", "{{topic}}/{{key}}")]).await;
    let mut records = numbers(0..3);
    records[2].key = records[0].key.clone();
    let mut task = rig.task().await;
    task.put(&records).await.unwrap();
    flush(&mut *task, 3).await.unwrap();
    assert_eq!(rig.server.texts(), texts([("t/k0", "{\"value\":2}"), ("t/k1", "{\"value\":1}")]));
    let mut late = number(3);
    late.key = records[1].key.clone();
    task.put(&[late]).await.unwrap();
    flush(&mut *task, 4).await.unwrap();
    assert_eq!(rig.server.texts(), texts([("t/k0", "{\"value\":2}"), ("t/k1", "{\"value\":3}")]));
}

#[tokio::test]
async fn an_endpoint_is_asked_in_path_style_by_one_request_per_small_object() {
    let rig = Rig::new(&[]).await;
    rig.written(&numbers(0..1)).await;
    let writes: Vec<_> =
        rig.server.requests().into_iter().filter(|line| line.starts_with("PUT")).collect();
    assert_eq!(writes.len(), 1);
    assert!(writes[0].contains(&format!("/{BUCKET}/t-0-0")), "{writes:?}");
}

#[test]
fn a_preview_shows_the_object_and_the_text_of_a_record() {
    let props = Props::from([
        ("aws.s3.bucket.name", "logs"),
        ("format.output.type", "parquet"),
        ("format.output.fields", "key,value"),
        ("file.compression.type", "none"),
    ]);
    let value = SchemaAndValue::new(Schema::string(), "x".into());
    let records = [record(7, value), number(8), record(9, SchemaAndValue::NULL)];
    let previews = AivenS3Sink.preview(&props, &records, TEN).unwrap().unwrap();
    let first = previews[0].as_ref().unwrap().as_ref().unwrap();
    assert_eq!(first.place, "t-0-7");
    assert_eq!(first.content, r#"{"value":"x","key":"k7"}"#);
    assert!(previews[1].as_ref().unwrap_err().to_string().contains("without schema"));
    assert!(previews[2].is_err());
}

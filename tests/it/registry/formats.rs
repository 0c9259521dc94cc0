//! JSON Schema and Protobuf: against Confluent's client, both ways.

use std::{fs, path::PathBuf};

use serde_json::{Value as Json, json};

use super::{lines, sink, source, worker};
use crate::services;

const JSON_SCHEMA: &str = "io.confluent.connect.json.JsonSchemaConverter";
const PROTOBUF: &str = "io.confluent.connect.protobuf.ProtobufConverter";

/// The connector with another converter.
fn with_converter(mut connector: Json, class: &str) -> Json {
    connector["config"]["value.converter"] = json!(class);
    connector
}

/// A format, and what its messages and schemas look like.
struct Format {
    word: &'static str,
    class: &'static str,
    /// How the lines of the client's messages begin.
    theirs: [&'static str; 2],
    /// The text that a hoisted line is registered with.
    schema: &'static str,
}

/// Ours read by the client, and the client's read by us.
async fn both_ways(format: Format) {
    let (registry, kafka) = (services::require!(registry), services::require!(kafka));
    let clients = services::require!(clients);
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/registry/formats.py");
    let run = |arguments: &[&str]| {
        let output = tokio::task::block_in_place(|| clients.run(&script, arguments));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let url = registry.url();
    let folder = tempfile::tempdir().unwrap();
    let worker = worker(folder.path(), kafka.bootstrap()).await;
    let (theirs, ours) = (format!("{}-theirs", format.word), format!("{}-ours", format.word));

    run(&["write", format.word, kafka.bootstrap(), &url, &theirs]);
    let reading = sink(&format!("{theirs}-sink"), &theirs, folder.path(), &url);
    worker.rest.create(&with_converter(reading, format.class)).await;
    let read = lines(folder.path(), 2).await;
    for (line, start) in read.iter().zip(format.theirs) {
        assert!(line.starts_with(start), "{line}");
    }

    fs::write(folder.path().join("in.txt"), "one\ntwo\n").unwrap();
    let writing = source(&ours, folder.path(), &url);
    worker.rest.create(&with_converter(writing, format.class)).await;
    assert_eq!(
        run(&["read", format.word, kafka.bootstrap(), &url, &ours, "2"]),
        "{\"line\": \"one\"}\n{\"line\": \"two\"}\n"
    );
    let registered = registry.latest(&format!("{ours}-value")).await;
    assert_eq!(registered["schema"], format.schema);
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_with_a_schema_goes_both_ways() {
    both_ways(Format {
        word: "json",
        class: JSON_SCHEMA,
        theirs: [
            "Struct{price=12.5,name=ä,id=1,tags=[a, b]}",
            "Struct{price=1.0,id=-9007199254740992,tags=[]}",
        ],
        schema: r#"{"type":"object","properties":{"line":{"type":"string","connect.index":0}}}"#,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn protobuf_goes_both_ways() {
    both_ways(Format {
        word: "protobuf",
        class: PROTOBUF,
        theirs: [
            "Struct{either_0=Struct{n=-7},id=1,name=ä,tags=[a, b],counts={k=4294967295},at=Thu Jan 01",
            "Struct{either_0=Struct{s=},id=0,name=,tags=[],counts={}}",
        ],
        schema: "syntax = \"proto3\";\n\nmessage ConnectDefault1 {\n  string line = 1;\n}\n",
    })
    .await;
}

"""Writes and reads JSON Schema and Protobuf as Confluent's own Python client does.

    formats.py write json|protobuf BOOTSTRAP REGISTRY TOPIC
    formats.py read json|protobuf BOOTSTRAP REGISTRY TOPIC COUNT
"""

import json
import sys

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf import timestamp_pb2  # noqa: F401: puts its file into the pool

SCHEMA = """
{"title": "Item", "type": "object", "required": ["id"], "properties": {
  "id": {"type": "integer"},
  "name": {"oneOf": [{"type": "null"}, {"type": "string"}]},
  "tags": {"type": "array", "items": {"type": "string"}},
  "price": {"type": "number"}
}}
"""

ITEMS = [
    {"id": 1, "name": "ä", "tags": ["a", "b"], "price": 12.5},
    {"id": -2**53, "name": None, "tags": [], "price": 1},
]


def field(message, number, name, kind, label="OPTIONAL", **more):
    descriptor = descriptor_pb2.FieldDescriptorProto
    return message.field.add(number=number, name=name, type=getattr(descriptor, "TYPE_" + kind),
                             label=getattr(descriptor, "LABEL_" + label), **more)


def message_class(file, name):
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def item_class():
    file = descriptor_pb2.FileDescriptorProto(
        name="item.proto", package="com.acme", syntax="proto3",
        dependency=["google/protobuf/timestamp.proto"])
    field(file.message_type.add(name="Other"), 1, "x", "INT32")
    item = file.message_type.add(name="Item")
    field(item, 1, "id", "INT64")
    field(item, 2, "name", "STRING")
    field(item, 3, "tags", "STRING", "REPEATED")
    field(item, 4, "counts", "MESSAGE", "REPEATED", type_name=".com.acme.Item.CountsEntry")
    field(item, 5, "at", "MESSAGE", type_name=".google.protobuf.Timestamp")
    item.oneof_decl.add(name="either")
    field(item, 6, "s", "STRING", oneof_index=0)
    field(item, 7, "n", "SINT32", oneof_index=0)
    entry = item.nested_type.add(name="CountsEntry")
    entry.options.map_entry = True
    field(entry, 1, "key", "STRING")
    field(entry, 2, "value", "UINT32")
    return message_class(file, "com.acme.Item")


def line_class():
    file = descriptor_pb2.FileDescriptorProto(name="line.proto", syntax="proto3")
    field(file.message_type.add(name="ConnectDefault1"), 1, "line", "STRING")
    return message_class(file, "ConnectDefault1")


def written(kind, registry, topic):
    context = SerializationContext(topic, MessageField.VALUE)
    if kind == "json":
        serialize = JSONSerializer(SCHEMA, registry)
        return [serialize(item, context) for item in ITEMS]
    item = item_class()
    serialize = ProtobufSerializer(item, registry, {"use.deprecated.format": False})
    first = item(id=1, name="ä", tags=["a", "b"], counts={"k": 2**32 - 1}, n=-7)
    first.at.FromMilliseconds(1500)
    return [serialize(message, context) for message in [first, item(s="")]]


def reader(kind, registry, message=None):
    if kind == "json":
        return JSONDeserializer(None, schema_registry_client=registry)
    deserialize = ProtobufDeserializer(message or line_class(), {"use.deprecated.format": False})
    return lambda value, context: json_format.MessageToDict(deserialize(value, context))


def write(kind, bootstrap, registry, topic):
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in written(kind, registry, topic):
        producer.produce(topic, value=value, partition=0)
    assert producer.flush(60) == 0


def read(kind, bootstrap, registry, topic, count):
    deserialize = reader(kind, registry)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "read-" + topic,
                         "auto.offset.reset": "earliest", "topic.metadata.refresh.interval.ms": 500,
                         "allow.auto.create.topics": False})
    consumer.subscribe([topic])
    for _ in range(count):
        message = None
        while message is None or message.error():
            message = consumer.poll(60)
            assert message is not None, "nothing came"
        value = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
        print(json.dumps(value))
    consumer.close()


if __name__ == "__main__":
    client = SchemaRegistryClient({"url": sys.argv[4]})
    if sys.argv[1] == "write":
        write(sys.argv[2], sys.argv[3], client, sys.argv[5])
    else:
        read(sys.argv[2], sys.argv[3], client, sys.argv[5], int(sys.argv[6]))

"""Writes and reads Avro as Confluent's own Python client does.

    avro.py write BOOTSTRAP REGISTRY TOPIC
    avro.py read BOOTSTRAP REGISTRY TOPIC COUNT
"""

import decimal
import json
import sys

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

SCHEMA = """
{"type": "record", "name": "Item", "namespace": "com.acme", "fields": [
  {"name": "id", "type": "long"},
  {"name": "name", "type": ["null", "string"], "default": null},
  {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
  {"name": "tags", "type": {"type": "array", "items": "string"}},
  {"name": "extra", "type": {"type": "map", "values": "int"}},
  {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
  {"name": "either", "type": ["long", "string"]}
]}
"""

ITEMS = [
    {"id": 1, "name": "ä", "price": decimal.Decimal("12.50"), "tags": ["a", "b"],
     "extra": {"k": 1}, "kind": "B", "either": "s"},
    {"id": -2**63, "name": None, "price": decimal.Decimal("-0.01"), "tags": [],
     "extra": {}, "kind": "A", "either": 7},
]


def write(bootstrap, registry, topic):
    serialize = AvroSerializer(registry, SCHEMA)
    producer = Producer({"bootstrap.servers": bootstrap})
    for item in ITEMS:
        value = serialize(item, SerializationContext(topic, MessageField.VALUE))
        producer.produce(topic, value=value, partition=0)
    assert producer.flush(60) == 0


def read(bootstrap, registry, topic, count):
    deserialize = AvroDeserializer(registry)
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
    client = SchemaRegistryClient({"url": sys.argv[3]})
    if sys.argv[1] == "write":
        write(sys.argv[2], client, sys.argv[4])
    else:
        read(sys.argv[2], client, sys.argv[4], int(sys.argv[5]))

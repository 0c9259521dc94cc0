"""Reads objects of the S3 sink by libraries that others wrote.

    read.py FILE [FILE ...]
"""

import json
import sys

import duckdb
import fastavro
import pyarrow.parquet


def avro(path):
    with open(path, "rb") as file:
        return list(fastavro.reader(file))


def show(reader, rows):
    for row in rows:
        at = row["at"]
        print(json.dumps([reader, row["line"], row["offset"], at.tzname(), at.year >= 2020]))


for path in sys.argv[1:]:
    if path.endswith(".avro"):
        show("fastavro", avro(path))
        continue
    show("pyarrow", pyarrow.parquet.read_table(path).to_pylist())
    query = 'select line, "offset", epoch_ms("at") > 1577836800000 from read_parquet(?) order by 2'
    for row in duckdb.execute(query, [path]).fetchall():
        print(json.dumps(["duckdb", *row]))

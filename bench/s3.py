"""The S3 sink beside its floor: reading the topic and doing nothing with it, and uploading the same
bytes from memory. Both in the same run, on the same broker and the same S3 server. A part of the
scoreboard; see bench/run.sh.

What the floor does is what any sink has to do at least: `kcat -C` of the whole topic to nowhere, openssl
for the digests that requests are signed with, and curl with objects of the same size, four at once."""

import contextlib
import json
import pathlib
import random
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import time

from bench import Process, SERVICES, free_port, request, wait_until

RECORD_BYTES = 206  # with the newline
PARTITIONS = 4
OBJECT_RECORDS = 50_000
SCATTERED_RECORDS = 1_000_000
SITES = 10_000
KEYS = ("testkey", "testsecret")
BYTE_ARRAY = "org.apache.kafka.connect.converters.ByteArrayConverter"
JSON = "org.apache.kafka.connect.json.JsonConverter"
FIELDS = [("time", "string"), ("ip", "string"), ("method", "string"), ("site", "string"),
          ("status", "int32"), ("bytes", "int64"), ("ms", "double"), ("agent", "string"),
          ("path", "string")]
SCHEMA = json.dumps({"type": "struct", "name": "Access", "fields": [
    {"field": name, "type": kind, "optional": False} for name, kind in FIELDS]})
PLAIN_JSON = {"value.converter": JSON, "value.converter.schemas.enable": "false",
              "format.class": "JsonFormat"}
RAW = {"value.converter": BYTE_ARRAY, "format.class": "ByteArrayFormat",
       "format.bytearray.extension": ".log"}
WORDS = "-".join(["item", "list", "cart", "user", "order", "blue", "small", "winter", "sale"] * 6)
# What each case is called, what it sets, how the names of its objects end.
CASES = {
    "raw": ("raw bytes", RAW, ".log"),
    "lines": ("JSON lines, checked and moved", PLAIN_JSON, ".json"),
    "parsed": ("JSON, parsed for a transformation", {
        **PLAIN_JSON, "transforms": "mask", "transforms.mask.fields": "ip",
        "transforms.mask.type": "org.apache.kafka.connect.transforms.MaskField$Value"}, ".json"),
    "gzip": ("raw bytes, gzip", {**RAW, "s3.compression.type": "gzip"}, ".log.gz"),
    "parquet": ("Parquet of JSON with a schema", {
        "value.converter": JSON, "value.converter.schemas.enable": "true",
        "value.converter.schema.content": SCHEMA, "format.class": "ParquetFormat"},
        ".snappy.parquet"),
}
SCATTERED = f"JSON lines, {SITES:,} open partitions"


def access_log(records, seed):
    """Lines of an access log as JSON, all of one length."""
    draw = random.Random(seed)
    agents = ["Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (Macintosh)", "curl/8.5.0",
              "Googlebot/2.1"]
    for number in range(records):
        at = number // 100
        bits = draw.getrandbits(64)
        site = number * 7919 % (SITES // PARTITIONS) * PARTITIONS + seed
        head = (f'{{"time":"2026-11-21T{at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02}.'
                f'{number % 1000:03}Z","ip":"10.{bits & 255}.{bits >> 8 & 255}.{bits >> 16 & 255}",'
                f'"method":"{"POST" if bits >> 24 & 7 == 0 else "GET"}","site":"s{site:05}",'
                f'"status":{404 if bits >> 27 & 15 == 0 else 200},"bytes":{bits >> 31 & 65535},'
                f'"ms":{(bits >> 47 & 4095) / 16},"agent":"{agents[bits >> 59 & 3]}",'
                f'"path":"/shop/{bits % 9973}')
        yield f'{head}/{WORDS[number % 97:][:RECORD_BYTES - len(head) - 4]}"}}\n'


class S3:
    """One topic, and everything that a sink may make of it."""

    def __init__(self, bench, only, compressor):
        self.bench, self.only, self.compressor = bench, only, compressor
        self.records = bench.s3_records
        self.rows, self.notes = [], []

    # --- the services -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def server(self):
        self.port = free_port()
        self.folder = self.bench.folder / "s3"
        self.log = self.bench.folder / "s3-requests.log"
        server = Process([SERVICES / "run-s3.sh", self.folder, self.port, "/up", *KEYS],
                         self.bench.folder / "s3.log",
                         {"VGW_ACCESS_LOG": str(self.log), "VGW_QUIET": "true"})
        try:
            wait_until(self.is_up, "the S3 server")
            (self.folder / "objects" / "bench").mkdir()
            yield
        finally:
            server.end(signal.SIGTERM)

    def is_up(self):
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        return False

    def create_topic(self, name):
        """As an admin client does, by CreateTopics of version 2."""
        topic = struct.pack(">h", len(name)) + name.encode() + struct.pack(">ihii", PARTITIONS, 1, 0, 0)
        body = struct.pack(">i", 1) + topic + struct.pack(">i?", 10_000, False)
        call = struct.pack(">hhih", 19, 2, 0, -1) + body
        host, port = self.bench.bootstrap.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as broker:
            broker.sendall(struct.pack(">i", len(call)) + call)
            answer = broker.makefile("rb")
            answer = answer.read(*struct.unpack(">i", answer.read(4)))
        error, = struct.unpack(">h", answer[14 + len(name):16 + len(name)])
        assert error in (0, 36), f"topic {name}: error {error}"

    def produce(self, topic, records):
        """The same records to each run: one file to a partition."""
        self.create_topic(topic)
        for partition in range(PARTITIONS):
            path = self.bench.folder / f"{topic}-{partition}.log"
            with open(path, "w", encoding="ascii") as out:
                out.writelines(access_log(records // PARTITIONS, partition))
            subprocess.run(["kcat", "-q", "-b", self.bench.bootstrap, "-P", "-t", topic, "-p",
                            str(partition), "-l", str(path), "-X", "acks=all"], check=True)

    def split(self, topic):
        """The objects of the floor: what a sink of raw bytes writes."""
        folder = self.bench.folder / "floor"
        folder.mkdir()
        for partition in range(PARTITIONS):
            # What this process takes would count as the peak of those it starts.
            with open(self.bench.folder / f"{topic}-{partition}.log", "rb") as content:
                while piece := content.read(OBJECT_RECORDS * RECORD_BYTES):
                    (folder / f"{partition}-{content.tell():012}").write_bytes(piece)
        return sorted(folder.iterdir())

    # --- the floor --------------------------------------------------------------------------------

    def floor(self, topic, who):
        consumed = Process(["kcat", "-q", "-b", self.bench.bootstrap, "-C", "-t", topic, "-o",
                            "beginning", "-e"], self.bench.folder / "kcat.log",
                           stdout=subprocess.DEVNULL).end()
        digests = self.bench.folder / "digests"
        with open(digests, "wb") as out:
            hashed = Process(["openssl", "dgst", "-sha256", "-r", *self.pieces],
                             self.bench.folder / "openssl.log", stdout=out).end()
        sent = self.upload([line.split()[0] for line in digests.read_text().splitlines()])
        assert consumed["exit"] == hashed["exit"] == sent["exit"] == 0, (consumed, hashed, sent)
        self.clear("floor")
        parts = {"kcat": consumed, "openssl": hashed, "curl": sent}
        total = lambda key: sum(usage[key] for usage in parts.values())
        self.row(who, total("wall_s"), total("cpu_s"), max(part["peak_mb"] for part in parts.values()))
        told = [f"{name} {usage['cpu_s']:.2f} CPU s in {usage['wall_s']:.2f} s"
                for name, usage in parts.items()]
        self.notes.append(f"- {who}: {', '.join(told)}")

    def upload(self, digests):
        """Puts the objects, signed with their content as every SDK does without TLS."""
        command = ["curl", "-Z", "--parallel-max", "4"]
        for place, (path, digest) in enumerate(zip(self.pieces, digests)):
            command += ["-s", "-S", "-f", "--aws-sigv4", "aws:amz:ap-northeast-2:s3", "--user",
                        ":".join(KEYS), "-H", "Expect:", "-H", f"x-amz-content-sha256: {digest}",
                        "-T", str(path), f"http://127.0.0.1:{self.port}/bench/floor/{place}", "--next"]
        return Process(command[:-1], self.bench.folder / "curl.log", stdout=subprocess.DEVNULL).end()

    def compressors(self):
        """What compressing alone takes: the sink's own library, and gzip."""
        for who, command in [("the sink's own compressor, alone", [self.compressor, *self.pieces]),
                             ("gzip -6, alone", ["gzip", "-6", "-c", *self.pieces])]:
            usage = Process(command, self.bench.folder / "gzip.log", stdout=subprocess.DEVNULL).end()
            assert usage["exit"] == 0, who
            self.row(who, usage["wall_s"], usage["cpu_s"], usage["peak_mb"])

    # --- the sink ---------------------------------------------------------------------------------

    def sink(self, topic, who, config, suffix, records, objects, under=()):
        bench = self.bench
        self.log.write_bytes(b"")
        name = f"s3-{free_port()}"
        worker, url = bench.start_ours(under=under)
        begun = time.monotonic()
        request(f"{url}/connectors", {"name": name, "config": {
            "connector.class": "io.confluent.connect.s3.S3SinkConnector", "topics": topic,
            "tasks.max": str(PARTITIONS), "s3.bucket.name": "bench", "s3.region": "ap-northeast-2",
            "store.url": f"http://127.0.0.1:{self.port}", "aws.access.key.id": KEYS[0],
            "aws.secret.access.key": KEYS[1], "storage.class": "S3Storage", "topics.dir": name,
            "flush.size": str(OBJECT_RECORDS), **config}})
        top = self.folder / "objects" / "bench" / name
        there = lambda: sum(1 for path in top.rglob(f"*{suffix}") if path.is_file())
        wait_until(lambda: there() >= objects, who, pause_s=0.05 if objects < 1000 else 0.25)
        seconds = time.monotonic() - begun
        # What was written last is committed last.
        wait_until(lambda: self.is_committed(url, name, records), f"{who}: offsets")
        peak_mb = worker.peak_mb()
        usage = worker.end(signal.SIGTERM)
        sizes = [path.stat().st_size for path in top.rglob(f"*{suffix}") if path.is_file()]
        assert len(sizes) == objects, f"{who}: {len(sizes)} objects"
        if suffix in (".log", ".json"):
            lines = sum(sum(1 for _ in open(path, "rb")) for path in top.rglob(f"*{suffix}"))
            assert lines == records, f"{who}: {lines} records"
        requests = sum(1 for line in open(self.log, "rb") if line.strip())
        self.clear(name)
        if under:
            return
        self.row(who, seconds, usage["cpu_s"], peak_mb, records,
                 sum(sizes) / (records * RECORD_BYTES), requests * 1000 / records)

    @staticmethod
    def is_committed(url, name, records):
        offsets = request(f"{url}/connectors/{name}/offsets")["offsets"]
        return sum(one["offset"]["kafka_offset"] for one in offsets) >= records

    def clear(self, folder):
        for side in ("objects", "attributes"):
            shutil.rmtree(self.folder / side / "bench" / folder, ignore_errors=True)

    def row(self, who, seconds, cpu_s, peak_mb, records=None, sent=None, requests=None):
        records = records or self.records
        self.rows.append({"who": who, "rate": records / seconds, "cpu_s": cpu_s, "peak_mb": peak_mb,
                          "per_cpu": records / cpu_s, "sent": sent, "requests": requests,
                          "records": records})
        print(f"  {who:36} {records / seconds:10,.0f} records/s {records / cpu_s:10,.0f} per CPU s "
              f"{cpu_s:7.2f} CPU-s {peak_mb:6.0f} MB", flush=True)

    def run(self):
        with self.server():
            self.produce("access", self.records)
            self.pieces = self.split("access")
            self.floor("access", "warm-up")
            self.rows, self.notes = [], []
            wants = lambda case: not self.only or case in self.only
            cases = [(case, ("access", *told, self.records, self.records // OBJECT_RECORDS))
                     for case, told in CASES.items() if wants(case)]
            for _ in range(self.bench.rounds):
                self.floor("access", "kcat -C, openssl and curl (A)")
                for _, told in cases:
                    self.sink(*told)
                self.floor("access", "kcat -C, openssl and curl (A again)")
                if wants("gzip"):
                    self.compressors()
            if wants("scattered"):
                self.scatter()
            for case, told in cases if self.bench.profiles else ():
                data = self.bench.profiles / f"{case}.data"
                self.sink(*told, under=["perf", "record", "-q", "-F", "199", "-g", "-o", str(data)])

    def scatter(self):
        spill = self.bench.folder / "spill"
        spill.mkdir()
        self.produce("scattered", SCATTERED_RECORDS)
        config = {**PLAIN_JSON, "partitioner.class": "FieldPartitioner", "partition.field.name": "site",
                  "flush.size": str(SCATTERED_RECORDS // PARTITIONS), "store.spill.path": str(spill)}
        self.sink("scattered", SCATTERED, config, ".json", SCATTERED_RECORDS, SITES)

    # --- the report -------------------------------------------------------------------------------

    def report(self):
        if not self.rows:
            return []
        lines = ["", f"| S3 sink, {self.records:,} records of {RECORD_BYTES} bytes, {PARTITIONS} "
                 f"partitions, objects of {OBJECT_RECORDS:,} records | records/s | records per CPU s | "
                 "CPU s | against the floor | peak MB | bytes sent / in the topic | requests per 1,000 "
                 "records |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
        spread = lambda values, form: (
            format(statistics.median(values), form) if len(values) == 1 else
            f"{statistics.median(values):{form}} [{min(values):{form}}, {max(values):{form}}]")
        floor = statistics.median(row["cpu_s"] for row in self.rows if row["who"].startswith("kcat"))
        for who in dict.fromkeys(row["who"] for row in self.rows):
            rows = [row for row in self.rows if row["who"] == who]
            all_of = lambda key: [row[key] for row in rows]
            share = self.records / rows[0]["records"]
            sent, requests = rows[0]["sent"], rows[0]["requests"]
            lines.append("| {} | {} | {} | {} | {:.2f}x | {} | {} | {} |".format(
                who, spread(all_of("rate"), ",.0f"), spread(all_of("per_cpu"), ",.0f"),
                spread(all_of("cpu_s"), ".2f"), statistics.median(all_of("cpu_s")) * share / floor,
                spread(all_of("peak_mb"), ".0f"), "" if sent is None else f"{sent:.3f}",
                "" if requests is None else f"{requests:.2f}"))
        return lines + [""] + self.notes

#!/usr/bin/env python3
"""Measures Millrace beside kcat and the JVM worker; see bench/run.sh.

Every figure of a process is the kernel's own for the whole process (wait4): user and system
seconds, peak resident memory. Rates count from the request that starts the work to the moment
the last record is there. The peer that is measured twice (A/A) shows the noise.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVICES = ROOT / "tests" / "services"
LINE_BYTES = 79  # with the newline
# The broker and the JVM worker as their own scripts start them: full compiler, their default heap.
BROKER_JVM = "-Xms512m -Xmx1g"
WORKER_JVM = "-Xms256m -Xmx2g"
DEADLINE_S = 120
FILE_SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
STRING = "org.apache.kafka.connect.storage.StringConverter"
JSON = "org.apache.kafka.connect.json.JsonConverter"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(done, what, deadline_s=DEADLINE_S, pause_s=0.02):
    end = time.monotonic() + deadline_s
    while not done():
        if time.monotonic() > end:
            raise SystemExit(f"bench: gave up after {deadline_s} s: {what}")
        time.sleep(pause_s)


class Process:
    """A process and what the kernel says of it once it has ended."""

    def __init__(self, command, log, env=None, stdin=None, stdout=None):
        self.started = time.monotonic()
        self.child = subprocess.Popen(
            [str(part) for part in command],
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or open(log, "ab"),
            stderr=open(log, "ab"),
            env={**os.environ, **(env or {})},
        )

    def resident_mb(self):
        for line in pathlib.Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0

    def peak_mb(self):
        """Its own peak: what wait4 says includes what this process took when it was forked."""
        for line in pathlib.Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0

    def end(self, signal_number=None):
        if signal_number:
            self.child.send_signal(signal_number)
        _, status, usage = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        return {
            "wall_s": time.monotonic() - self.started,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_mb": usage.ru_maxrss / 1024,
            "exit": self.child.returncode,
        }


def request(url, body=None, method=None):
    data = json.dumps(body).encode() if body is not None else None
    call = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(call, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def answers(url):
    try:
        request(url)
        return True
    except (urllib.error.URLError, ConnectionError, OSError):
        return False


class Bench:
    def __init__(self, arguments, folder):
        self.binary = pathlib.Path(arguments.binary).resolve()
        self.lines = arguments.lines
        self.rounds = arguments.rounds
        self.connectors = arguments.connectors
        self.s3_records = arguments.s3_records
        self.profiles = arguments.s3_profiles and pathlib.Path(arguments.s3_profiles)
        if self.profiles:
            self.profiles.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.topics = 0
        self.results = []

    # --- the broker -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def kafka(self):
        port = free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        self.broker = Process(
            [SERVICES / "run-kafka.sh", self.folder / "kafka", port, free_port(), "MillraceBench-00000001"],
            self.folder / "kafka.log",
            {"MILLRACE_SERVICE_JVM": BROKER_JVM},
        )
        try:
            listed = ["kcat", "-q", "-b", self.bootstrap, "-L", "-m", "1"]
            wait_until(lambda: subprocess.run(listed, capture_output=True).returncode == 0, "Kafka")
            yield
        finally:
            self.broker.end(signal.SIGTERM)

    def new_topic(self):
        self.topics += 1
        topic = f"bench-{self.topics}"
        subprocess.run(["kcat", "-q", "-b", self.bootstrap, "-L", "-t", topic,
                        "-X", "allow.auto.create.topics=true"], capture_output=True)
        wait_until(lambda: self.end_offset(topic) is not None, f"topic {topic}")
        return topic

    def end_offset(self, topic):
        """Where partition 0 ends; asked often, so in a way that costs the machine next to nothing."""
        name = struct.pack(">h", len(topic)) + topic.encode()
        body = struct.pack(">ii", -1, 1) + name + struct.pack(">iiq", 1, 0, -1)
        request = struct.pack(">hhih", 2, 1, 0, -1) + body  # ListOffsets, version 1
        host, port = self.bootstrap.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as broker:
            broker.sendall(struct.pack(">i", len(request)) + request)
            answer = broker.makefile("rb")
            answer = answer.read(*struct.unpack(">i", answer.read(4)))
        error, _timestamp, offset = struct.unpack(">hqq", answer[-18:])
        return offset if error == 0 else None

    # --- workers --------------------------------------------------------------------------------

    def properties(self, port, group, extra):
        values = {
            "bootstrap.servers": self.bootstrap,
            "listeners": f"http://127.0.0.1:{port}",
            "key.converter": STRING,
            "value.converter": STRING,
            "offset.flush.interval.ms": "1000",
            "group.id": group,
            "config.storage.topic": f"{group}-configs",
            "offset.storage.topic": f"{group}-offsets",
            "status.storage.topic": f"{group}-status",
            "config.storage.replication.factor": "1",
            "offset.storage.replication.factor": "1",
            "status.storage.replication.factor": "1",
            **extra,
        }
        path = self.folder / f"{group}.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        return path

    def start_ours(self, extra=None, group=None, under=()):
        """Starts a worker; one of a group that was there before finds its connectors again."""
        port = free_port()
        path = self.properties(port, group or f"bench-{port}", extra or {})
        worker = Process([*under, self.binary, "distributed", path], self.folder / "millrace.log",
                         {"RUST_LOG": "warn"})
        return worker, self.up(worker, port)

    def start_jvm(self):
        port = free_port()
        folder = self.folder / f"jvm-{port}"
        worker = Process([SERVICES / "run-connect.sh", folder, port, self.bootstrap, "standalone",
                          f"key.converter={STRING}", f"value.converter={STRING}"],
                         self.folder / "connect.log", {"MILLRACE_SERVICE_JVM": WORKER_JVM})
        return worker, self.up(worker, port)

    def up(self, worker, port):
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: worker.child.poll() is None and answers(f"{url}/connectors"), url,
                   pause_s=0.002)
        worker.ready_s = time.monotonic() - worker.started
        return url

    # --- measurements ---------------------------------------------------------------------------

    def row(self, job, who, seconds, usage, count=None):
        count = count or self.lines
        self.results.append({"job": job, "who": who, "rate": count / seconds, "cpu_s": usage["cpu_s"],
                             "peak_mb": usage["peak_mb"], "seconds": seconds})
        print(f"  {job:16} {who:22} {count / seconds:12,.0f} records/s "
              f"{usage['cpu_s']:7.2f} CPU-s {usage['peak_mb']:7.0f} MB", flush=True)

    def write_input(self, name="input.log", lines=None):
        self.input = self.folder / name
        with open(self.input, "w", encoding="ascii") as out:
            for number in range(lines or self.lines):
                head = f"[2026-11-21 10:00:00.{number % 1000:03}] [INFO] line {number:09} "
                out.write(head + "x" * (LINE_BYTES - 1 - len(head)) + "\n")

    def kcat_produce(self, who):
        topic = self.new_topic()
        peer = Process(["kcat", "-q", "-b", self.bootstrap, "-P", "-t", topic, "-l", self.input,
                        "-X", "acks=all"], self.folder / "kcat.log")
        usage = peer.end()
        assert self.end_offset(topic) == self.lines, "kcat lost lines"
        self.row("file -> Kafka", who, usage["wall_s"], usage)
        return topic

    def source(self, who, start, connector):
        topic = self.new_topic()
        worker, url = start()
        begun = time.monotonic()
        request(f"{url}/connectors", {"name": f"source-{topic}", "config": {**connector, "topic": topic}})
        wait_until(lambda: (self.end_offset(topic) or 0) >= self.lines, who)
        seconds = time.monotonic() - begun
        usage = worker.end(signal.SIGTERM)
        assert self.end_offset(topic) == self.lines, f"{who}: {self.end_offset(topic)} records"
        self.row("file -> Kafka", who, seconds, usage)
        return topic

    def kcat_consume(self, who, topic):
        out = self.folder / "kcat.out"
        with open(out, "wb") as target:
            peer = Process(["kcat", "-q", "-b", self.bootstrap, "-C", "-t", topic, "-o", "beginning",
                            "-e"], self.folder / "kcat.log", stdout=target)
            usage = peer.end()
        assert out.stat().st_size == self.lines * LINE_BYTES, "kcat lost lines"
        self.row("Kafka -> file", who, usage["wall_s"], usage)

    def sink(self, job, who, start, topic, target):
        worker, url = start()
        name = f"sink-{free_port()}"
        begun = time.monotonic()
        request(f"{url}/connectors", {"name": name, "config": {
            "connector.class": FILE_SINK, "topics": topic, "file": str(target), "tasks.max": "1"}})
        if target == pathlib.Path("/dev/null"):
            done = lambda: self.committed(url, name) >= self.lines
        else:
            done = lambda: target.exists() and target.stat().st_size >= self.lines * LINE_BYTES
        wait_until(done, f"{job} {who}")
        seconds = time.monotonic() - begun
        usage = worker.end(signal.SIGTERM)
        if target.is_file():
            assert target.stat().st_size == self.lines * LINE_BYTES, f"{who}: wrong size"
            target.unlink()
        self.row(job, who, seconds, usage)

    @staticmethod
    def committed(url, name):
        offsets = request(f"{url}/connectors/{name}/offsets")["offsets"]
        return sum(part["offset"]["kafka_offset"] for part in offsets)

    def embedded(self):
        log = self.folder / "embedded-log"
        worker, url = self.start_ours({"bootstrap.servers": f"embedded:{log}"})
        begun = time.monotonic()
        request(f"{url}/connectors", {"name": "source", "config": {
            "connector.class": "millrace.LogFileSourceConnector", "path": str(self.input), "topic": "t"}})
        wanted = self.input.stat().st_size
        wait_until(lambda: self.file_position(url, "source") >= wanted, "file -> embedded")
        seconds = time.monotonic() - begun
        usage = worker.end(signal.SIGTERM)
        self.row("file -> embedded", "Millrace", seconds, usage)

    @staticmethod
    def file_position(url, connector):
        offsets = request(f"{url}/connectors/{connector}/offsets")["offsets"]
        return sum(part["offset"].get("position", 0) for part in offsets)

    def start_times(self):
        rows = []
        for name, extra in [
            ("embedded", {"bootstrap.servers": f"embedded:{self.folder / 'start-log'}"}),
            ("Kafka", {}),
        ]:
            worker, _url = self.start_ours(extra, "started")
            worker.end(signal.SIGTERM)
            taken, resident = [], []
            for _ in range(self.rounds):
                worker, _url = self.start_ours(extra, "started")
                taken.append(worker.ready_s * 1000)
                time.sleep(1)
                resident.append(worker.resident_mb())
                worker.end(signal.SIGTERM)
            rows.append((f"Millrace on {name}", taken, resident))
        rows.append(self.many_connectors())
        worker, _url = self.start_jvm()
        time.sleep(1)
        rows.append(("JVM worker on Kafka", [worker.ready_s * 1000], [worker.resident_mb()]))
        worker.end(signal.SIGTERM)
        self.starts = rows
        for name, taken, resident in rows:
            print(f"  start {name:40} {spread(taken)} ms to the first GET /connectors, "
                  f"{spread(resident)} MB idle", flush=True)

    def many_connectors(self, count=1000):
        extra = {"bootstrap.servers": f"embedded:{self.folder / 'many-log'}"}
        worker, url = self.start_ours(extra, "many")
        for number in range(count):
            request(f"{url}/connectors", {
                "name": f"c{number}", "initial_state": "STOPPED",
                "config": {"connector.class": FILE_SINK, "topics": "t", "file": "/dev/null"}})
        worker.end(signal.SIGTERM)
        taken, resident = [], []
        for _ in range(self.rounds):
            worker, url = self.start_ours(extra, "many")
            wait_until(lambda: len(request(f"{url}/connectors")) == count, "stored connectors")
            taken.append((time.monotonic() - worker.started) * 1000)
            resident.append(worker.resident_mb())
            worker.end(signal.SIGTERM)
        return (f"Millrace with {count:,} stored connectors", taken, resident)

    def latency(self, name, extra, seconds=20, rate=1000):
        """From the write of a line to its count in the aggregates API, at a steady rate."""
        folder = self.folder / f"latency-{name}"
        folder.mkdir()
        log = folder / "live.log"
        log.touch()
        worker, url = self.start_ours(extra)
        topic = f"latency-{name}"
        request(f"{url}/connectors", {"name": "source", "config": {
            "connector.class": "millrace.LogFileSourceConnector", "path": str(log), "topic": topic,
            "parse": "pattern", "pattern": "^(?<level>[A-Z]+) (?<message>.*)$",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false"}})
        request(f"{url}/connectors", {"name": "aggregate", "config": {
            "connector.class": "millrace.AggregateSinkConnector", "topics": topic,
            "aggregate.name": "latency", "group.by": "level", "window.ms": "3600000",
            "measures": "count", "store.url": f"sqlite:{folder / 'aggregates.db'}",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false"}})
        windows = f"{url}/aggregates/latency/windows?group_by="
        delays = self.follow(log, windows, seconds, rate)
        worker.end(signal.SIGTERM)
        p50, p99 = statistics.median(delays), sorted(delays)[int(len(delays) * 0.99)]
        self.latencies.append((name, p50, p99, max(delays), len(delays)))
        print(f"  latency {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {max(delays):.1f} ms "
              f"({len(delays):,} lines)", flush=True)

    @staticmethod
    def follow(log, windows, seconds, rate):
        """Writes lines at the rate and looks at the count all the time; the delay of each line."""
        def count():
            with contextlib.suppress(urllib.error.URLError):
                return sum(row["count"] for row in request(windows)["rows"])
            return 0
        with open(log, "ab", buffering=0) as out:
            out.write(b"INFO warm up\n")
            wait_until(lambda: count() == 1, "first line in the aggregates API")
            begun, written, seen, delays = time.monotonic(), [], 0, []
            while seen < seconds * rate:
                due = min(int((time.monotonic() - begun) * rate), seconds * rate)
                while len(written) < due:
                    out.write(b"INFO hello\n")
                    written.append(time.monotonic())
                asked = count() - 1
                now = time.monotonic()
                delays += [(now - at) * 1000 for at in written[seen:asked]]
                seen = max(seen, asked)
                if now - begun > seconds + DEADLINE_S:
                    raise SystemExit("bench: lines did not arrive in the aggregates API")
        return delays

    def warm_up(self):
        """What a broker does once in its life counts for nobody: its offsets topic, the ids of
        producers, and the compilation of its code."""
        lines, self.lines = self.lines, 1000
        self.write_input("warm-up.log")
        topic = self.source("warm-up", self.start_ours,
                            {"connector.class": "millrace.LogFileSourceConnector", "path": str(self.input)})
        self.sink("Kafka -> file", "warm-up", self.start_ours, topic, self.folder / "warm-up.out")
        self.lines = lines
        self.write_input()
        for _ in range(2):
            self.kcat_consume("warm-up", self.kcat_produce("warm-up"))
        self.results = []

    def run(self, only):
        wants = lambda job: not only or job in only
        self.latencies, self.starts = [], []
        self.rest, self.fleet = fleet.RestLoad(self), fleet.Fleet(self, self.connectors)
        self.web = web_events.WebEvents(self)
        self.record_path = record_path.RecordPath(self, self.binary.parent / "record-path")
        cases = {job.removeprefix("s3-") for job in only if job.startswith("s3-")}
        self.s3 = s3.S3(self, cases, self.binary.parent / "compressor")
        if wants("record-path"):
            self.record_path.run()
        self.jdbc_rows = jdbc_rows.JdbcRows(self, self.binary.parent / "jdbc-rows")
        if wants("jdbc"):
            self.jdbc_rows.run()
        if only and only <= {"record-path", "jdbc"}:
            return
        with self.kafka():
            if wants("s3") or self.s3.only:
                self.s3.run()
            if only and all(job.startswith("s3") for job in only):
                return
            self.warm_up()
            log_source = {"connector.class": "millrace.LogFileSourceConnector", "path": str(self.input)}
            jvm_source = {"connector.class": FILE_SOURCE, "file": str(self.input), "tasks.max": "1"}
            full = None
            if wants("source") or wants("sink") or wants("null"):
                for _ in range(self.rounds):
                    full = self.kcat_produce("kcat -P -l (A)")
                    if wants("source"):
                        self.source("Millrace", self.start_ours, log_source)
                        self.kcat_produce("kcat -P -l (A again)")
                        self.source("JVM FileStreamSource", self.start_jvm, jvm_source)
            if wants("sink"):
                for _ in range(self.rounds):
                    self.kcat_consume("kcat -C (A)", full)
                    self.sink("Kafka -> file", "Millrace", self.start_ours, full, self.folder / "ours.out")
                    self.kcat_consume("kcat -C (A again)", full)
                    self.sink("Kafka -> file", "JVM FileStreamSink", self.start_jvm, full, self.folder / "jvm.out")
            if wants("null"):
                # Its end is seen by what it has committed.
                start = lambda: self.start_ours({"offset.flush.interval.ms": "50"})
                for _ in range(self.rounds):
                    self.sink("Kafka -> null", "Millrace", start, full, pathlib.Path("/dev/null"))
            if wants("embedded"):
                self.embedded()
            if wants("latency"):
                self.latency("embedded", {"bootstrap.servers": f"embedded:{self.folder / 'latency-log'}"})
                self.latency("Kafka", {})
            if wants("start"):
                self.start_times()
            if wants("rest"):
                self.rest.run()
            if wants("fleet"):
                self.fleet.run()
            if wants("documents"):
                documents.Documents(self).run()
            if wants("web"):
                self.web.run()

    # --- the report -----------------------------------------------------------------------------

    def report(self):
        lines = ["# Results", "",
                 f"Written by `make bench` with {self.lines:,} lines of {LINE_BYTES} bytes. "
                 "Figures are medians with the least and the most in brackets; CPU seconds and peak "
                 "memory are those of the whole process.", "",
                 *machine(), "",
                 "| job | who | records/s | CPU s | peak MB | against the first |",
                 "| --- | --- | --- | --- | --- | --- |"]
        first = {}
        for job, who in dict.fromkeys((row["job"], row["who"]) for row in self.results):
            rows = [row for row in self.results if (row["job"], row["who"]) == (job, who)]
            rate = statistics.median(row["rate"] for row in rows)
            first.setdefault(job, rate)
            lines.append("| {} | {} | {} | {} | {} | {:.2f}x |".format(
                job, who, spread([row["rate"] for row in rows], ",.0f"),
                spread([row["cpu_s"] for row in rows], ".2f"),
                spread([row["peak_mb"] for row in rows], ".0f"), rate / first[job]))
        if self.starts:
            lines += ["", "| start | ms to the first `GET /connectors` | MB resident when idle |",
                      "| --- | --- | --- |"]
            lines += [f"| {name} | {spread(taken)} | {spread(resident)} |"
                      for name, taken, resident in self.starts]
        if self.latencies:
            lines += ["", "| line to aggregates API at 1,000 lines/s | p50 ms | p99 ms | max ms | lines |",
                      "| --- | --- | --- | --- | --- |"]
            lines += [f"| {name} | {p50:.1f} | {p99:.1f} | {most:.1f} | {count:,} |"
                      for name, p50, p99, most, count in self.latencies]
        for part in (self.record_path, self.jdbc_rows, self.s3, self.rest, self.fleet):
            lines += part.report()
        lines += self.web.report()
        return "\n".join(lines) + "\n"


def spread(values, form=".1f"):
    middle, low, high = statistics.median(values), min(values), max(values)
    return format(middle, form) if low == high else f"{middle:{form}} [{low:{form}}, {high:{form}}]"


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "?")
    version = lambda *command: subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [f"- Machine: {os.cpu_count()} cores ({cpu}), {memory:.0f} GB, Linux {platform.release()}",
            f"- kcat {version('dpkg-query', '-W', '-f', '${Version}', 'kcat') or 'of unknown version'}, "
            "Apache Kafka and the JVM worker 4.3.1",
            f"- Date: {time.strftime('%Y-%m-%d')}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connectors", type=int, default=1000)
    parser.add_argument("--only", default="",
                        help="source, sink, null, embedded, latency, start, rest, fleet, documents, web, "
                             "record-path, jdbc, s3; "
                             "s3-raw, s3-lines, s3-parsed, s3-gzip, s3-parquet, s3-scattered for some "
                             "cases of s3")
    parser.add_argument("--s3-records", type=int, default=2_000_000, help="a multiple of 200,000")
    parser.add_argument("--s3-profiles", help="folder for what perf sees of each case of s3")
    parser.add_argument("--keep", action="store_true", help="leave the folder of logs and data")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-"))
    bench = Bench(arguments, folder)
    only = set(filter(None, arguments.only.split(",")))
    try:
        bench.run(only)
    finally:
        if arguments.keep:
            print(f"bench: left {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(bench.report())
    if not only:
        (ROOT / "bench" / "RESULTS.md").write_text(bench.report())


if __name__ == "__main__":
    # What is measured in other files builds on this one, under its name.
    sys.modules["bench"] = sys.modules["__main__"]
    import documents
    import fleet
    import jdbc_rows
    import record_path
    import s3
    import web_events

    main()

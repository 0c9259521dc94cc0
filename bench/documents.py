"""Documents into a search server: the sink beside a raw loop of `_bulk` requests with the same
documents and as many on their way. A part of the scoreboard; see bench/run.sh.

The bodies of the loop are made before its clock starts, and it reads them from no broker. On a machine that
the cluster fills, what the worker and the broker take is the cluster's; so the same is measured a second
time with one half of the cores for the cluster and the other for all the rest, which is how a cluster stands
beside its clients."""

import http.client
import json
import os
import pathlib
import queue
import signal
import subprocess
import threading
import time
import urllib.request

from bench import Process, SERVICES, answers, free_port, request, wait_until

DOCUMENTS = 1_000_000
BULK = 2000
IN_FLIGHT = 5
SEARCH_JVM = "-Xms1g -Xmx1g"
CONVERTER = {
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
}


def document(number):
    return json.dumps({"n": number, "level": "INFO", "user": number % 1000, "ms": number % 977,
                       "message": f"line {number:09} of a log that is neither short nor long"})


def pin(process, cores):
    """Binds all threads of a process, and those that they will start, to some cores."""
    for thread in pathlib.Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


class Documents:
    """One OpenSearch for all rounds, another index for each."""

    def __init__(self, bench):
        self.bench = bench

    def run(self):
        port = free_port()
        folder = self.bench.folder / "opensearch"
        folder.mkdir()
        # The server's user is another one than ours.
        for path in (self.bench.folder, folder):
            path.chmod(0o755)
        server = Process([SERVICES / "run-opensearch.sh", folder, port, free_port(), "millrace-bench"],
                         self.bench.folder / "opensearch.log", {"MILLRACE_SERVICE_JVM": SEARCH_JVM})
        self.host, self.url = f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: answers(f"{self.url}/_cluster/health"), "OpenSearch")
            lines = self.bench.folder / "documents.json"
            lines.write_text("".join(document(number) + "\n" for number in range(DOCUMENTS)))
            topic = self.bench.new_topic()
            subprocess.run(["kcat", "-q", "-b", self.bench.bootstrap, "-P", "-t", topic, "-l", lines],
                           check=True)
            self.job = "warm-up"
            self.raw("warm-up", "warm-up")
            self.bench.results = [row for row in self.bench.results if row["job"] != "warm-up"]
            self.rounds("Kafka -> documents", "shared", topic)
            cores = sorted(os.sched_getaffinity(0))
            if len(cores) > 1:
                half = len(cores) // 2
                pin(server.child.pid, cores[:half])
                for client in (os.getpid(), self.bench.broker.child.pid):
                    pin(client, cores[half:])
                self.rounds("Kafka -> documents, cluster on cores of its own", "own", topic)
                for client in (os.getpid(), self.bench.broker.child.pid):
                    pin(client, cores)
        finally:
            server.end(signal.SIGTERM)

    def rounds(self, job, prefix, topic):
        self.job = job
        for turn in range(self.bench.rounds):
            self.raw(f"{prefix}-raw{turn}", "raw _bulk loop (A)")
            self.sink(f"{prefix}-ours{turn}", topic)
            self.raw(f"{prefix}-again{turn}", "raw _bulk loop (A again)")

    def create(self, index):
        request(f"{self.url}/{index}", {"settings": {"number_of_shards": 1, "number_of_replicas": 0}}, "PUT")

    def count(self, index):
        urllib.request.urlopen(f"{self.url}/{index}/_refresh", timeout=60).read()
        return request(f"{self.url}/{index}/_count")["count"]

    def raw(self, index, who):
        """Bodies are made before the clock starts."""
        self.create(index)
        bodies = queue.SimpleQueue()
        for first in range(0, DOCUMENTS, BULK):
            lines = []
            for number in range(first, first + BULK):
                lines += [json.dumps({"index": {"_index": index, "_id": f"t+0+{number}"}}), document(number)]
            bodies.put(("\n".join(lines) + "\n").encode())
        failures = []

        def loop():
            connection = http.client.HTTPConnection(self.host, timeout=120)
            while True:
                try:
                    body = bodies.get_nowait()
                except queue.Empty:
                    return
                connection.request("POST", "/_bulk?filter_path=errors,items.*.status,items.*.error", body,
                                   {"Content-Type": "application/x-ndjson"})
                answer = json.loads(connection.getresponse().read())
                if answer["errors"]:
                    failures.append(answer)

        begun, cpu = time.monotonic(), time.process_time()
        threads = [threading.Thread(target=loop) for _ in range(IN_FLIGHT)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - begun
        assert not failures and self.count(index) == DOCUMENTS, "the raw loop lost documents"
        usage = {"cpu_s": time.process_time() - cpu, "peak_mb": 0}
        self.bench.row(self.job, who, seconds, usage, DOCUMENTS)

    def sink(self, index, topic):
        self.create(index)
        worker, url = self.bench.start_ours({"offset.flush.interval.ms": "100"})
        name = f"sink-{index}"
        begun = time.monotonic()
        request(f"{url}/connectors", {"name": name, "config": {
            "connector.class": "io.aiven.kafka.connect.opensearch.OpenSearchSinkConnector",
            "connection.url": self.url, "topics": topic, "tasks.max": "1", "key.ignore": "true",
            "schema.ignore": "true", "existing.resource.type": "index",
            "topic.to.existing.resource.mapping": f"{topic}:{index}", "read.timeout.ms": "120000",
            "flush.timeout.ms": "120000", **CONVERTER}})
        # A committed offset is one whose documents are answered. To ask for it takes the worker, the
        # broker and this process time that the cluster could have.
        wait_until(lambda: self.bench.committed(url, name) >= DOCUMENTS, name, pause_s=0.2)
        seconds = time.monotonic() - begun
        peak_mb = worker.peak_mb()
        usage = {**worker.end(signal.SIGTERM), "peak_mb": peak_mb}
        assert self.count(index) == DOCUMENTS, "the sink lost documents"
        self.bench.row(self.job, "Millrace", seconds, usage, DOCUMENTS)

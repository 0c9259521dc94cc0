"""What an operator of many connectors meets: a worker with a thousand of them, and its REST API
under load. A part of the scoreboard; see bench/run.sh."""

import json
import signal
import statistics
import subprocess
import time

from bench import FILE_SOURCE, Process, SERVICES, STRING, WORKER_JVM, free_port, request, wait_until

# A thousand connectors of a JVM worker may take minutes.
FLEET_DEADLINE_S = 900
BOTH = "connectors?expand=info&expand=status"


class Fleet:
    """Idle file sources on one worker: created in a loop, listed, brought back."""

    def __init__(self, bench, count):
        self.bench, self.count = bench, count
        self.empty = bench.folder / "empty.log"
        self.empty.touch()
        self.rows = []

    def measure(self, who, start):
        worker, url = start()
        begun = time.monotonic()
        for number in range(self.count):
            request(f"{url}/connectors", {"name": f"c{number}", "config": {
                "connector.class": FILE_SOURCE, "topic": "fleet", "file": str(self.empty)}})
        created = time.monotonic() - begun
        self.until_all_run(url)
        settled = time.monotonic() - begun
        listed = [self.list(url) for _ in range(5)]
        time.sleep(2)
        resident = worker.resident_mb()
        worker.end(signal.SIGTERM)
        again, url = start()
        self.until_all_run(url)
        back = time.monotonic() - again.started
        again.end(signal.SIGTERM)
        row = (who, created, settled, statistics.median(listed) * 1000, resident, back)
        self.rows.append(row)
        print("  {}: created in {:.1f} s, all RUNNING after {:.1f} s, listed in {:.0f} ms, {:.0f} MB, "
              "all RUNNING {:.1f} s after a start".format(*row), flush=True)

    def until_all_run(self, url):
        def all_run():
            try:
                listed = request(f"{url}/connectors?expand=status")
            except OSError:
                return False
            states = [connector["status"]["tasks"] for connector in listed.values()]
            running = sum(1 for tasks in states if tasks and tasks[0]["state"] == "RUNNING")
            return running == self.count
        wait_until(all_run, "every connector RUNNING", FLEET_DEADLINE_S, 0.1)

    @staticmethod
    def list(url):
        begun = time.monotonic()
        request(f"{url}/{BOTH}")
        return time.monotonic() - begun

    def run(self):
        log = self.bench.folder / "fleet-log"
        embedded = {"bootstrap.servers": f"embedded:{log}"}
        self.measure("Millrace on embedded", lambda: self.bench.start_ours(embedded, "fleet-embedded"))
        self.measure("Millrace on Kafka", lambda: self.bench.start_ours({}, "fleet-kafka"))
        self.measure("JVM worker on Kafka", self.start_jvm)

    def start_jvm(self):
        port = free_port()
        worker = Process([SERVICES / "run-connect.sh", self.bench.folder / "fleet-jvm", port,
                          self.bench.bootstrap, "distributed", f"key.converter={STRING}",
                          f"value.converter={STRING}"],
                         self.bench.folder / "connect.log", {"MILLRACE_SERVICE_JVM": WORKER_JVM})
        return worker, self.bench.up(worker, port)

    def report(self):
        if not self.rows:
            return []
        title = f"| {self.count:,} idle file sources | created in s | all RUNNING after s | " \
                "listed with both expands in ms | MB resident | start to all RUNNING in s |"
        return ["", title, "| --- | --- | --- | --- | --- | --- |"] + [
            f"| {who} | {created:.1f} | {settled:.1f} | {listed:.0f} | {resident:.0f} | {back:.1f} |"
            for who, created, settled, listed, resident, back in self.rows]


class RestLoad:
    """Mixed reads at a steady rate while a connector runs at full speed, the worker on one core."""

    def __init__(self, bench, rate=2000, seconds=10):
        self.bench, self.rate, self.seconds = bench, rate, seconds
        self.rows = []

    def run(self):
        bench = self.bench
        extra = {"bootstrap.servers": f"embedded:{bench.folder / 'load-log'}"}
        lines = bench.lines * 8
        bench.write_input("load.log", lines)
        worker, url = bench.start_ours(extra, "load", ["taskset", "-c", "0"])
        request(f"{url}/connectors", {"name": "load", "config": {
            "connector.class": "millrace.LogFileSourceConnector", "path": str(bench.input), "topic": "t"}})
        wait_until(lambda: bench.file_position(url, "load") > 0, "the first records")
        seen = self.load(url)
        moved = bench.file_position(url, "load")
        worker.end(signal.SIGTERM)
        assert moved < bench.input.stat().st_size, "the source was done before the load was"
        bench.input.unlink()
        self.rows.append(seen)
        print("  REST: {per_second:,.0f} reads/s, p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms, max "
              "{max_ms:.1f} ms, {failed} failed".format(**seen), flush=True)

    def load(self, url):
        paths = ["/", "/connectors", f"/{BOTH}", "/connectors/load", "/connectors/load/status",
                 "/connectors/load/config", "/connectors/load/tasks", "/connector-plugins"]
        client = self.bench.binary.parent / "rest-load"
        command = [str(client), url, str(self.rate), str(self.seconds), *paths]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    def report(self):
        if not self.rows:
            return []
        title = f"| mixed reads at {self.rate:,}/s, the worker and a source at full speed on one core |" \
                " reads/s | p50 ms | p99 ms | max ms | failed |"
        return ["", title, "| --- | --- | --- | --- | --- | --- |"] + [
            "| Millrace | {per_second:,.0f} | {p50_ms:.1f} | {p99_ms:.1f} | {max_ms:.1f} | {failed} |"
            .format(**seen) for seen in self.rows]

"""What a web page meets: requests that become events, the worker on one core. A part of the
scoreboard; see bench/run.sh."""

import json
import re
import shutil
import signal
import subprocess

from bench import JSON, STRING, free_port, request, wait_until

ROUTES = [{"path": "/api/select", "fields": {
    "userAgent": "header:User-Agent?", "colorName": "query:color", "userName": "query:user"}}]
PATH = "/api/select?color=red&user=somebody"
MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class WebEvents:
    """Requests at a steady rate, and where wrk is at hand as many as there can be."""

    def __init__(self, bench, rate=20_000, seconds=10):
        self.bench, self.rate, self.seconds = bench, rate, seconds
        self.rows = []

    def run(self):
        for acks in ("1", "all"):
            self.measure(acks)

    def measure(self, acks):
        bench = self.bench
        name = f"web-{acks}"
        extra = {"bootstrap.servers": f"embedded:{bench.folder / name}-log"}
        worker, url = bench.start_ours(extra, name, ["taskset", "-c", "0"])
        port = free_port()
        request(f"{url}/connectors", {"name": name, "config": {
            "connector.class": "WebEventSource", "listen": f"127.0.0.1:{port}", "topic": "select-color",
            "routes": json.dumps(ROUTES), "acks": acks, "buffer.path": str(bench.folder / f"{name}-buffer"),
            "key.converter": STRING, "value.converter": JSON, "value.converter.schemas.enable": "false"}})
        wait_until(lambda: self.answers(port), "the first event")
        base = f"http://127.0.0.1:{port}"
        client = bench.binary.parent / "rest-load"
        command = ["taskset", "-c", "1", str(client), base, str(self.rate), str(self.seconds), PATH]
        steady = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        most = self.most(base)
        peak = worker.resident_mb()
        worker.end(signal.SIGTERM)
        self.rows.append((acks, steady, most, peak))
        print(f"  web events, acks={acks}: {steady['per_second']:,.0f}/s at p99 {steady['p99_ms']:.1f} ms, "
              f"{steady['failed']} failed; at most {most}", flush=True)

    @staticmethod
    def answers(port):
        try:
            return request(f"http://127.0.0.1:{port}{PATH}")["accepted"] == 1
        except OSError:
            return False

    def most(self, base):
        """Requests per second of 64 connections that never wait, and their p99."""
        if not shutil.which("wrk"):
            return "not measured: wrk is missing"
        command = ["taskset", "-c", "1", "wrk", "-t1", "-c64", f"-d{self.seconds}s", "--latency", base + PATH]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert "Non-2xx" not in said and "Socket errors" not in said, said
        number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()
        per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
        return f"{per_second:,.0f}/s, p99 {float(number) * MS[unit]:.1f} ms"

    def report(self):
        if not self.rows:
            return []
        title = f"| web events at {self.rate:,}/s, the worker on one core | events/s | p50 ms | p99 ms | " \
                "max ms | failed | MB | 64 connections of wrk |"
        return ["", title, "| --- | --- | --- | --- | --- | --- | --- | --- |"] + [
            "| acks={} | {per_second:,.0f} | {p50_ms:.1f} | {p99_ms:.1f} | {max_ms:.1f} | {failed} | {:.0f} | {} |"
            .format(acks, peak, most, **steady) for acks, steady, most, peak in self.rows]

"""Converters and transformations alone, on records in memory: Millrace's beside Kafka Connect's own
classes. A part of the scoreboard; see bench/run.sh."""

import json
import statistics
import subprocess

from bench import SERVICES

CASES = {
    "avro": ("Avro, read and written", 2_000_000),
    "json": ("JSON without a schema, read and written", 2_000_000),
    "json-schema": ("JSON with a schema, read and written", 1_000_000),
    "transforms": ("five transformations of a record with a schema", 2_000_000),
}


class RecordPath:
    """One thread, the same documents, a quarter more of them first to warm up."""

    def __init__(self, bench, program):
        self.bench, self.program = bench, program
        self.rows = []

    def run(self):
        java = [str(SERVICES / "run-record-path.sh")]
        for case, (name, records) in CASES.items():
            for who, command in (("Millrace", [str(self.program)]), ("Kafka Connect", java)):
                figures = [self.measure(command + [case, str(records)]) for _ in range(self.bench.rounds)]
                self.rows.append((name, who, figures))
                rate = statistics.median(figure["records"] / figure["cpu_seconds"] for figure in figures)
                print(f"  {name}, {who}: {rate:,.0f} records per CPU second", flush=True)

    def measure(self, command):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def report(self):
        if not self.rows:
            return []
        lines = ["", "| records in memory, one thread | who | records per CPU second | against Kafka Connect |",
                 "| --- | --- | --- | --- |"]
        per_cpu = lambda figures: [figure["records"] / figure["cpu_seconds"] for figure in figures]
        peer = {name: statistics.median(per_cpu(figures))
                for name, who, figures in self.rows if who == "Kafka Connect"}
        for name, who, figures in self.rows:
            rates = per_cpu(figures)
            middle, low, high = statistics.median(rates), min(rates), max(rates)
            lines.append(f"| {name} | {who} | {middle:,.0f} [{low:,.0f}, {high:,.0f}] | "
                         f"{middle / peer[name]:.1f}x |")
        return lines

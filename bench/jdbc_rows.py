"""The JDBC sink beside a loop of insertions with many rows each, on one PostgreSQL. A part of the
scoreboard; see bench/run.sh."""

import contextlib
import json
import signal
import statistics
import subprocess

from bench import SERVICES, Process, free_port, wait_until

USER, PASSWORD = "bench", "benchsecret"
RECORDS = 500_000
CASES = {"insert": "rows added", "upsert": "rows added or changed, keys come again"}


class JdbcRows:
    """Batches of 5,000 records in memory, each in one transaction."""

    def __init__(self, bench, program):
        self.bench, self.program = bench, program
        self.rows = []

    @contextlib.contextmanager
    def postgres(self):
        port = free_port()
        server = Process(
            [SERVICES / "run-postgres.sh", self.bench.folder / "postgres", port, "bench", USER, PASSWORD],
            self.bench.folder / "postgres.log",
        )
        try:
            place = f"127.0.0.1:{port}"
            wait_until(lambda: self.answers(place), "PostgreSQL")
            yield place
        finally:
            server.end(signal.SIGINT)

    def answers(self, place):
        """It listens before it takes anybody in."""
        return self.start("loop", "insert", 0, place).returncode == 0

    def run(self):
        # PostgreSQL's own user must reach its folder.
        self.bench.folder.chmod(0o711)
        with self.postgres() as place:
            for case, name in CASES.items():
                for who in ("loop", "millrace"):
                    figures = [self.measure(who, case, place) for _ in range(self.bench.rounds)]
                    self.rows.append((name, who, figures))
                    print(f"  {name}, {who}: {statistics.median(figures):,.0f} records/s", flush=True)

    def measure(self, who, case, place):
        done = self.start(who, case, RECORDS, place)
        assert done.returncode == 0, done.stderr
        figure = json.loads(done.stdout)
        return figure["records"] / figure["seconds"]

    def start(self, who, case, records, place):
        command = [str(self.program), who, case, str(records), place, USER, PASSWORD]
        return subprocess.run(command, capture_output=True, text=True)

    def report(self):
        if not self.rows:
            return []
        lines = ["", "| records to PostgreSQL, one connection | who | records/s | against the loop |",
                 "| --- | --- | --- | --- |"]
        peer = {name: statistics.median(rates) for name, who, rates in self.rows if who == "loop"}
        shown = {"loop": "`INSERT`s of 1,000 rows, prepared", "millrace": "Millrace"}
        for name, who, rates in self.rows:
            middle, low, high = statistics.median(rates), min(rates), max(rates)
            lines.append(f"| {name} | {shown[who]} | {middle:,.0f} [{low:,.0f}, {high:,.0f}] | "
                         f"{middle / peer[name]:.1f}x |")
        return lines

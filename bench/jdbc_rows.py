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
PARTIES = {"loop": "`INSERT`s of 1,000 rows, prepared", "millrace": "Millrace"}
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
                # In turns, so that a slower minute of the machine is one for both.
                rounds = [[self.measure(who, case, place) for who in PARTIES]
                          for _ in range(self.bench.rounds)]
                for who, figures in zip(PARTIES, zip(*rounds)):
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
        peer = {name: rates for name, who, rates in self.rows if who == "loop"}
        for name, who, rates in self.rows:
            middle, low, high = statistics.median(rates), min(rates), max(rates)
            ratio = statistics.median(rate / beside for rate, beside in zip(rates, peer[name]))
            lines.append(f"| {name} | {PARTIES[who]} | {middle:,.0f} [{low:,.0f}, {high:,.0f}] | "
                         f"{ratio:.2f}x |")
        return lines

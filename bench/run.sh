#!/usr/bin/env bash
# The scoreboard: Millrace beside kcat and the JVM worker, on the same broker, in the same run.
#
#   bench/run.sh [--lines N] [--only NAME,...]     (see bench/bench.py --help)
#
# Prints a table and writes bench/RESULTS.md with the machine, the versions and the spread.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for tool in kcat curl gzip openssl python3; do
    command -v "$tool" >/dev/null || { echo "bench: $tool is missing: install Debian's $tool" >&2; exit 1; }
done
tests/services/fetch.sh kafka connect avro opensearch postgres s3
cargo build --release -p millrace
# On its own: what it needs of libraries must not find its way into what is measured.
cargo build --release -p rest-load
cargo build --release -p record-path
cargo build --release -p jdbc-rows
cargo build --release -p compressor
binary=${CARGO_TARGET_DIR:-target}/release/millrace
exec python3 bench/bench.py --binary "$binary" "$@"

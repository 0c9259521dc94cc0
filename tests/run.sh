#!/usr/bin/env bash
# Runs every test and sums up: `make test`. Arguments go to `cargo test`.
#
# The real services are fetched first, so that no test waits for a download. One that cannot be
# had is named here and again by each test that is skipped for it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for service in postgres postgis kafka connect s3 s3proxy registry elasticsearch opensearch opensearch3 hdfs clients browser; do
    tests/services/fetch.sh "$service" || echo "test: going on without $service" >&2
done

output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
cargo test --workspace --no-fail-fast "$@" 2>&1 | tee "$output" || status=$?

# Every binary has closed with a line of its own; these are about all of them.
skips=$(grep -o 'skipped: .*' "$output" | sort -u || true)
[ -z "$skips" ] || printf '\n%s\n' "$skips"
skipped=$(grep -c . <<<"$skips" || true)
echo
awk -v skipped="$skipped" '
    /^test result: / { for (i = 1; i < NF; i++) { if ($(i + 1) == "passed;") passed += $i
                                                  if ($(i + 1) == "failed;") failed += $i
                                                  if ($(i + 1) == "ignored;") ignored += $i } }
    END { printf "%d passed, %d failed, %d skipped\n", passed - skipped, failed, skipped + ignored }
' "$output"
exit "$status"

#!/usr/bin/env bash
# Measures Kafka Connect's own converters and transformations on records in memory.
#
#   run-record-path.sh CASE RECORDS
#
# bench/RecordPath.java tells what the cases are. "fetch.sh connect" must have run. One collector
# thread, so that its work shows as CPU seconds and needs no second core.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

java=$(java_17)
exec "$java" -Xmx512m -XX:+UseSerialGC -cp "$CACHE/connect/lib/*" \
    "$(dirname "${BASH_SOURCE[0]}")/../../bench/RecordPath.java" "$@"

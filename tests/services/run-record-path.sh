#!/usr/bin/env bash
# Measures Kafka Connect's own converters and transformations on records in memory.
#
#   run-record-path.sh CASE RECORDS
#
# bench/RecordPath.java tells what the cases are, bench/AvroPath.java what "avro" is. "fetch.sh
# connect avro" must have run. One collector thread, so that its work shows as CPU seconds and needs
# no second core.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

java=$(java_17)
jars=connect program=RecordPath
[ "$1" != avro ] || jars=avro program=AvroPath
exec "$java" -Xmx512m -XX:+UseSerialGC -cp "$CACHE/$jars/lib/*" \
    "$(dirname "${BASH_SOURCE[0]}")/../../bench/$program.java" "$@"

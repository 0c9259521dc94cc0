#!/usr/bin/env bash
# Runs HDFS in the foreground: name nodes and data nodes in one process.
#
#   run-hdfs.sh DIR TOKEN ORDERS DATA_NODES NN_RPC NN_HTTP [NN_RPC NN_HTTP]
#
# DIR keeps its data over restarts. A folder /TOKEN appears when all of it is up, so the caller can
# tell its own server from a stranger. What the port ORDERS is asked to do is in Hdfs.java.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 6 ] || [ $# -eq 8 ] ||
    fail "usage: run-hdfs.sh DIR TOKEN ORDERS DATA_NODES NN_RPC NN_HTTP [NN_RPC NN_HTTP]"
dir=$1
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/Hdfs.java
mkdir -p "$dir"
java=$(java_17)
cd "$dir"
# shellcheck disable=SC2086  # several options
exec "$java" ${MILLRACE_SERVICE_JVM:--Xmx384m -XX:TieredStopAtLevel=1} -Dhadoop.log.dir="$dir" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$CACHE/hdfs/lib/*" "$source" "$@"

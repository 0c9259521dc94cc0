#!/usr/bin/env bash
# Runs the JVM Kafka Connect worker in the foreground.
#
#   run-connect.sh DIR REST_PORT BOOTSTRAP standalone|distributed [KEY=VALUE ...]
#
# Further KEY=VALUE arguments are appended to the worker's properties and win over what is here.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -ge 4 ] || fail "usage: run-connect.sh DIR REST_PORT BOOTSTRAP standalone|distributed [KEY=VALUE ...]"
dir=$1 port=$2 bootstrap=$3 mode=$4
shift 4
case $mode in
    standalone)
        main=ConnectStandalone
        storage="offset.storage.file.filename=$dir/connect.offsets"
        ;;
    distributed)
        main=ConnectDistributed
        storage='group.id=connect-cluster
config.storage.topic=jvm-connect-configs
config.storage.replication.factor=1
offset.storage.topic=jvm-connect-offsets
offset.storage.replication.factor=1
offset.storage.partitions=5
status.storage.topic=jvm-connect-status
status.storage.replication.factor=1
scheduled.rebalance.max.delay.ms=0'
        ;;
    *) fail "Unknown mode \"$mode\": standalone or distributed" ;;
esac
java=$(java_17)

mkdir -p "$dir"
cat >"$dir/worker.properties" <<PROPERTIES
bootstrap.servers=$bootstrap
listeners=http://127.0.0.1:$port
rest.advertised.host.name=127.0.0.1
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
offset.flush.interval.ms=1000
$storage
# The only plugins are those on the class path; scanning by reflection is slow.
plugin.discovery=service_load
PROPERTIES
[ $# = 0 ] || printf '%s\n' "$@" >>"$dir/worker.properties"
cat >"$dir/log4j2.properties" <<'PROPERTIES'
appender.console.type=Console
appender.console.name=CONSOLE
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d] %p %X{connector.context}%m (%c:%L)%n
rootLogger.level=INFO
rootLogger.appenderRef.console.ref=CONSOLE
PROPERTIES
# A measurement wants the worker as it runs in production.
read -r -a jvm <<<"${MILLRACE_SERVICE_JVM:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xms64m -Xmx256m}"
exec "$java" "${jvm[@]}" \
    -Dlog4j2.configurationFile="$dir/log4j2.properties" -cp "$CACHE/connect/lib/*" \
    "org.apache.kafka.connect.cli.$main" "$dir/worker.properties"

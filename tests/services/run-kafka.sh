#!/usr/bin/env bash
# Runs one Apache Kafka node (KRaft, broker and controller) in the foreground.
#
#   run-kafka.sh DIR BROKER_PORT CONTROLLER_PORT CLUSTER_ID
#
# Data stays in DIR over restarts; the first start formats it. CLUSTER_ID (22 characters of
# base64) comes back in metadata answers, so the caller can tell its own broker from a stranger.
# The process that answers is the one that was started: `exec`, no wrapper in between.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# = 4 ] || fail "usage: run-kafka.sh DIR BROKER_PORT CONTROLLER_PORT CLUSTER_ID"
dir=$1 broker=$2 controller=$3 cluster=$4
java=$(java_17)
classpath="$CACHE/kafka/lib/*"
# A test broker starts often and lives briefly: quick compilation, one collector thread, small heap.
jvm=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto)

mkdir -p "$dir"
cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$broker
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/logs
auto.create.topics.enable=true
# One node holds everything; few partitions of the internal topics, because each costs files.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=5
# Tests wait for a first assignment all the time.
group.initial.rebalance.delay.ms=0
# After a crash the controller waits this long before it lets the broker in again.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
PROPERTIES

if [ ! -f "$dir/logs/meta.properties" ]; then
    "$java" "${jvm[@]}" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$classpath" \
        kafka.tools.StorageTool format -t "$cluster" -c "$dir/server.properties"
fi
# A measurement wants the broker as it runs in production.
if [ -n "${MILLRACE_SERVICE_JVM:-}" ]; then
    read -r -a jvm <<<"$MILLRACE_SERVICE_JVM"
else
    jvm+=(-Xms96m -Xmx384m)
fi
exec "$java" "${jvm[@]}" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -cp "$classpath" kafka.Kafka "$dir/server.properties"

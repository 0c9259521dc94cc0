#!/usr/bin/env bash
# Runs a schema registry in the foreground; everything is in its memory.
#
#   run-registry.sh DIR PORT TOKEN
#
# Every answer has the header X-Run: TOKEN. Confluent's interface is at /apis/ccompat/v7.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# = 3 ] || fail "usage: run-registry.sh DIR PORT TOKEN"
dir=$1 port=$2 token=$3
java=$(java_17)
cd "$dir"
read -r -a jvm <<<"${MILLRACE_SERVICE_JVM:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m}"
exec "$java" "${jvm[@]}" -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" \
    "-Dquarkus.http.header.\"X-Run\".value=$token" \
    -jar "$CACHE/registry/apicurio-registry-app-$APICURIO_VERSION-runner.jar"

#!/usr/bin/env bash
# Runs an S3 server (S3Proxy) in the foreground; everything is in its memory.
#
#   run-s3proxy.sh DIR PORT ACCESS_KEY SECRET_KEY
#
# An access key that nobody else has lets the caller tell its own server from a stranger.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# = 4 ] || fail "usage: run-s3proxy.sh DIR PORT ACCESS_KEY SECRET_KEY"
dir=$1
java=$(java_17)

mkdir -p "$dir"
cat >"$dir/s3proxy.properties" <<PROPERTIES
s3proxy.endpoint=http://127.0.0.1:$2
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity=$3
s3proxy.credential=$4
jclouds.provider=transient-nio2
jclouds.identity=nobody
jclouds.credential=none
PROPERTIES
cat >"$dir/logback.xml" <<'XML'
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %p %logger %m%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
XML
read -r -a jvm <<<"${MILLRACE_SERVICE_JVM:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx384m}"
exec "$java" "${jvm[@]}" -Dlogback.configurationFile="$dir/logback.xml" \
    -cp "$CACHE/s3proxy/lib/*" org.gaul.s3proxy.Main --properties "$dir/s3proxy.properties"

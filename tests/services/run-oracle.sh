#!/usr/bin/env bash
# Applies Kafka Connect's own transformations and converters to the cases on the standard input.
#
#   run-oracle.sh < CASES > ANSWERS
#
# Oracle.java tells what a case and an answer are. "fetch.sh connect" must have run.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

java=$(java_17)
command -v javac >/dev/null ||
    unavailable "The Java compiler is missing: install Debian's default-jdk-headless"
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
jars="$CACHE/connect/lib/*"
javac -d "$classes" -cp "$jars" "$(dirname "${BASH_SOURCE[0]}")/Oracle.java"
"$java" -Xshare:auto -XX:TieredStopAtLevel=1 -cp "$jars:$classes" Oracle

#!/usr/bin/env bash
# Runs kafka-connect-healthcheck in the foreground, for one worker of Kafka Connect.
#
#   run-healthcheck.sh DIR PORT CONNECT_URL

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# = 3 ] || fail "usage: run-healthcheck.sh DIR PORT CONNECT_URL"
mkdir -p "$1"
cd "$1"
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
exec "$CACHE/clients/bin/kafka-connect-healthcheck" --port "$2" --connect-url "$3"

#!/usr/bin/env bash
# Runs a Python script that has the clients of Kafka Connect at hand.
#
#   run-python.sh SCRIPT [ARGUMENT ...]

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -ge 1 ] || fail "usage: run-python.sh SCRIPT [ARGUMENT ...]"
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 PYTHONDONTWRITEBYTECODE=1
exec "$CACHE/clients/bin/python" "$@"

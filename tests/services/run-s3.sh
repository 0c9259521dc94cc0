#!/usr/bin/env bash
# Runs an S3 server (versitygw) in the foreground.
#
#   run-s3.sh DIR PORT HEALTH_PATH [ACCESS_KEY SECRET_KEY]
#
# It speaks TLS where there are DIR/server.crt and DIR/server.key.
# Objects are plain files under DIR/BUCKET, so a test can look at them. HEALTH_PATH answers 200;
# a path that nobody else has lets the caller tell its own server from a stranger. Not like S3:
# an object "x" and an object "x/y" cannot both be there.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -ge 3 ] || fail "usage: run-s3.sh DIR PORT HEALTH_PATH [ACCESS_KEY SECRET_KEY]"
mkdir -p "$1/objects"
# Attributes lie beside the objects rather than on them: /tmp is often a tmpfs, which may have none.
mkdir -p "$1/attributes"
tls=()
[ ! -f "$1/server.key" ] || tls=(--cert "$1/server.crt" --key "$1/server.key")
exec "$CACHE/s3/bin/versitygw" --region ap-northeast-2 --access "${4:-testkey}" --secret "${5:-testsecret}" \
    --port "127.0.0.1:$2" --health "$3" "${tls[@]}" posix --sidecar "$1/attributes" "$1/objects"

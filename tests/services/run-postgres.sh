#!/usr/bin/env bash
# Runs PostgreSQL in the foreground.
#
#   run-postgres.sh DIR PORT CLUSTER_NAME [USER PASSWORD]
#
# DIR keeps its data over restarts. CLUSTER_NAME comes back from `show cluster_name`, so the
# caller can tell its own server from a stranger. PostgreSQL refuses to run as root: then the
# server runs as the user `postgres`, who must be able to reach DIR (any directory under /tmp
# will do). With server.crt and server.key in DIR it speaks TLS to those who want it. `setpriv` execs, so the process that was started is still the server: SIGTERM is
# a smart stop, SIGINT a fast one, SIGKILL a crash.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -ge 3 ] || fail "usage: run-postgres.sh DIR PORT CLUSTER_NAME [USER PASSWORD]"
dir=$1 port=$2 name=$3 user=${4:-test} password=${5:-testsecret}
bin=$(postgres_bin)
[ -n "$bin" ] || unavailable "PostgreSQL 13 or newer is missing: install Debian's postgresql"

mkdir -p "$dir"
as=()
if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid=postgres --regid=postgres --init-groups)
    chown postgres: "$dir"
fi
cd "$dir"
if [ ! -f data/PG_VERSION ]; then
    echo "$password" >"$dir/password"
    # A start that was killed half-way leaves a directory that initdb would refuse.
    rm -rf "$dir/data"
    "${as[@]}" "$bin/initdb" -D "$dir/data" -U "$user" --pwfile="$dir/password" \
        --auth=scram-sha-256 -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
fi
tls=()
if [ -f server.key ]; then
    [ "$(id -u)" != 0 ] || chown postgres: server.key
    chmod 600 server.key
    tls=(-c ssl=on -c ssl_cert_file="$dir/server.crt" -c ssl_key_file="$dir/server.key")
fi
# Only TCP on loopback: a socket file's path has a short limit. Nothing is flushed to disk,
# because tests kill processes, not machines.
exec "${as[@]}" "$bin/postgres" -D "$dir/data" -p "$port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c cluster_name="$name" \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    "${tls[@]}" -c shared_buffers=64MB -c max_connections=200 -c wal_level=logical

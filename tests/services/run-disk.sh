#!/usr/bin/env bash
# Holds a small disk in the foreground: a file system in memory that only those see who enter the namespaces
# of this process.
#
#   run-disk.sh DIR SIZE
#
# It is mounted on DIR/disk; DIR/disk/ready says that it is.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 2 ] || fail "usage: run-disk.sh DIR SIZE"
mkdir -p "$1/disk"
# shellcheck disable=SC2016  # the inner shell's own arguments
exec unshare --user --map-root-user --mount sh -c \
    'mount -t tmpfs -o size="$2" small "$1/disk" && touch "$1/disk/ready" && exec sleep infinity' sh "$1" "$2"

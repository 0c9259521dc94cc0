#!/usr/bin/env bash
# Runs one server for a test process and ends it with that process, however that one ends.
#
#   supervise.sh DIR COMMAND...
#
# A Rust static is never dropped and a killed test runs no clean-up, so the test process cannot
# be trusted to end its servers. It holds the write end of a pipe that is this script's standard
# input instead: the kernel closes it even on kill -9, and what was started is then ended, by its
# own process id, and DIR removed.
#
# Standard input, one word a line:  TERM, KILL, INT   send that signal to the server
#                                   START             start it again, once it has ended
# Standard output:                  the server's process id, one line for each start
# DIR/log                           what the server prints
# DIR/exited                        its exit status; there while it is not running

set -u
dir=$1
shift
exec 3<&0

# Passes signals on, and ends the server when nobody holds the pipe any more. It runs while the
# server is a child that was not yet waited for, so the id cannot be somebody else's.
listen() {
    local word
    while read -r word; do
        kill -s "$word" "$server" 2>/dev/null
    done
    kill -s TERM "$server" 2>/dev/null
    for _ in $(seq 50); do
        kill -0 "$server" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -s KILL "$server" 2>/dev/null
}

# Starts the server and waits until it has ended.
run() {
    rm -f "$dir/exited"
    "$@" </dev/null >>"$dir/log" 2>&1 3<&- &
    server=$!
    echo "$server"
    listen <&3 &
    listener=$!
    wait "$server"
    status=$?
    kill "$listener" 2>/dev/null
    wait "$listener" 2>/dev/null
    echo "$status" >"$dir/exited.new"
    mv "$dir/exited.new" "$dir/exited"
}

run "$@"
# A signal may still arrive for a server that has just ended: it has nobody to go to.
while read -r word <&3; do
    [ "$word" != START ] || run "$@"
done
rm -rf "$dir"

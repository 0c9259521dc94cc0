#!/usr/bin/env bash
# Runs one server for a test process and ends it with that process, however that one ends.
#
#   supervise.sh DIR LOG COMMAND...
#
# A Rust static is never dropped and a killed test runs no clean-up, so the test process cannot
# be trusted to end its servers. It holds the write end of a pipe that is this script's standard
# input instead: the kernel closes it even on kill -9, and what was started is then ended, by its
# own process id, and DIR removed.
#
# Standard input, one word a line:  TERM, KILL        send that signal to the server
#                                   keep              leave DIR and end (once the server is gone)
# Standard output, one line each:   pid N             the server's process id
#                                   exit N            it has ended, with that status

set -u
dir=$1 log=$2
shift 2
exec 3<&0

"$@" </dev/null >>"$log" 2>&1 3<&- &
server=$!
echo "pid $server"

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
listen <&3 &
listener=$!

wait "$server"
status=$?
kill "$listener" 2>/dev/null
wait "$listener" 2>/dev/null
echo "exit $status"

read -r word <&3 && [ "$word" = keep ] && exit 0
rm -rf "$dir"

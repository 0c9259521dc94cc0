#!/usr/bin/env bash
# Runs a script of Node's with playwright-core and Chromium at hand: run-browser.sh SCRIPT ARGUMENTS...

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

NODE_PATH=$CACHE/browser/node_modules CHROMIUM=$(command -v chromium) exec node "$@"

#!/usr/bin/env bash
# Runs OpenSearch in the foreground, one node without plug-ins: plain HTTP, no users. Its version is 2, or
# 3 as run-opensearch3.sh.
#
#   run-opensearch.sh DIR PORT TRANSPORT_PORT CLUSTER_NAME [LINE...]
#
# DIR keeps its data over restarts. CLUSTER_NAME comes back from /_cluster/health, so the caller can
# tell its own server from a stranger. Further lines go into opensearch.yml.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -ge 4 ] || fail "usage: run-opensearch.sh DIR PORT TRANSPORT_PORT CLUSTER_NAME [LINE...]"
dir=$1 port=$2 transport=$3 name=$4
shift 4
mkdir -p "$dir"
service=$(basename "$0" .sh)
service=${service#run-}
home=$(search_home "$service" "$dir")
case $service in
    opensearch3) java=$(java_21) ;;
    *) java=$(java_17) ;;
esac
search_config "$home" "$dir" opensearch "http.port: $port" "transport.port: $transport" \
    "cluster.name: $name" "$@"
cd "$dir"
OPENSEARCH_JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$java")")")
OPENSEARCH_PATH_CONF=$dir/config
OPENSEARCH_TMPDIR=$dir/tmp
OPENSEARCH_JAVA_OPTS=${MILLRACE_SERVICE_JVM:--Xms512m -Xmx512m -XX:TieredStopAtLevel=1}
HOME=$dir
export OPENSEARCH_JAVA_HOME OPENSEARCH_PATH_CONF OPENSEARCH_TMPDIR OPENSEARCH_JAVA_OPTS HOME
# shellcheck disable=SC2046  # words of a command
exec $(as_nobody) "$home/bin/opensearch"

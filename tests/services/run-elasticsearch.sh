#!/usr/bin/env bash
# Runs Elasticsearch in the foreground, one node with users over plain HTTP or TLS.
#
#   run-elasticsearch.sh DIR PORT TRANSPORT_PORT CLUSTER_NAME USER PASSWORD [LINE...]
#
# DIR keeps its data over restarts. CLUSTER_NAME comes back from /_cluster/health, so the caller can
# tell its own server from a stranger. With server.crt and server.key in DIR it speaks TLS. Further
# lines go into elasticsearch.yml.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -ge 6 ] || fail "usage: run-elasticsearch.sh DIR PORT TRANSPORT_PORT CLUSTER_NAME USER PASSWORD [LINE...]"
dir=$1 port=$2 transport=$3 name=$4 user=$5 password=$6
shift 6
mkdir -p "$dir"
home=$(search_home elasticsearch "$dir")
java=$(java_17)
ES_JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$java")")")
ES_PATH_CONF=$dir/config
ES_TMPDIR=$dir/tmp
ES_JAVA_OPTS=${MILLRACE_SERVICE_JVM:--Xms512m -Xmx512m -XX:TieredStopAtLevel=1}
HOME=$dir
export ES_JAVA_HOME ES_PATH_CONF ES_TMPDIR ES_JAVA_OPTS HOME
tls=()
if [ -f "$dir/server.key" ]; then
    tls=('xpack.security.http.ssl.enabled: true' 'xpack.security.http.ssl.certificate: server.crt'
        'xpack.security.http.ssl.key: server.key')
fi
is_new=$([ -d "$dir/config" ] || echo yes)
search_config "$home" "$dir" elasticsearch "http.port: $port" "transport.port: $transport" \
    "cluster.name: $name" 'xpack.security.enabled: true' "${tls[@]}" "$@"
if [ ${#tls[@]} != 0 ]; then
    install -m 644 "$dir/server.crt" "$dir/server.key" "$dir/config"
fi
cd "$dir"
read -r -a as <<<"$(as_nobody)"
if [ -n "$is_new" ]; then
    "${as[@]}" "$home/bin/elasticsearch-users" useradd "$user" -p "$password" -r superuser
fi
exec "${as[@]}" "$home/bin/elasticsearch"

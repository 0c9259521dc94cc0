# shellcheck shell=bash disable=SC2034  # the constants are for those who source this file
# Shared by the scripts beside it: source it, do not run it.
#
# Exit codes that the callers read:
#   0  done
#   3  cannot be had here (a prerequisite is missing, the registry says no): the suite is skipped
#   1  anything else: a real failure

set -euo pipefail

readonly CACHE="${MILLRACE_SERVICES_DIR:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/millrace/services}"
readonly KAFKA_VERSION=4.3.1
readonly VERSITYGW_VERSION=v1.8.0
readonly S3PROXY_VERSION=4.1.0
readonly JACKSON_VERSION=2.22
readonly APICURIO_VERSION=2.6.13.Final
readonly PLAYWRIGHT_VERSION=1.64.1
readonly HADOOP_VERSION=3.4.2
readonly JAXB_VERSION=2.3.1
readonly SLF4J_VERSION=1.7.36
readonly ELASTICSEARCH_VERSION=8.19.21
readonly OPENSEARCH_VERSION=2.19.6
readonly OPENSEARCH_3_VERSION=3.6.0
readonly LOG4J_VERSION=2.25.4
readonly CLIENT_PACKAGES=(
    kafka-connect-healthcheck==0.3.0 kafka-connect-api==0.5.10 requests==2.34.2
    'confluent-kafka[avro,json,protobuf]==2.16.0'
    fastavro==1.13.1 cramjam==2.14.0 pyarrow==26.0.1 duckdb==2.0.0
)

# Ends the script as "cannot be had": one line that names what is missing and what to install.
unavailable() {
    echo "$*" >&2
    exit 3
}

# Ends the script as a real failure.
fail() {
    echo "$*" >&2
    exit 1
}

# Prints the java to use, which must be 17 or newer (Kafka 4 brokers and workers).
java_17() {
    local java=java version
    [ -n "${JAVA_HOME:-}" ] && [ -x "$JAVA_HOME/bin/java" ] && java=$JAVA_HOME/bin/java
    command -v "$java" >/dev/null ||
        unavailable "Java 17 or newer is missing: install Debian's default-jre-headless"
    version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${version:-0}" -ge 17 ] ||
        unavailable "Java ${version:-of an unknown version} is too old, 17 or newer is needed: install Debian's default-jre-headless"
    command -v "$java"
}

# Prints the java of OpenSearch 3, which must be 21 or newer and need not be the first one there is.
java_21() {
    local java version
    for java in "${JAVA_HOME:-/nonexistent}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        [ -x "$java" ] || continue
        version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
        [ "${version:-0}" -ge 21 ] && echo "$java" && return
    done
    unavailable "Java 21 or newer is missing: install Eclipse Temurin or a later Debian's default-jre-headless"
}

# Prints the directory of PostgreSQL's server programs (13 or newer), or nothing.
postgres_bin() {
    local dir best='' best_major=0 major
    for dir in /usr/lib/postgresql/*/bin "$(dirname "$(command -v postgres || echo /nonexistent/postgres)")"; do
        [ -x "$dir/postgres" ] || continue
        major=$("$dir/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
        [ "$major" -ge 13 ] && [ "$major" -gt "$best_major" ] && best=$dir best_major=$major
    done
    echo "$best"
}

# Prints where the programs of a search server are: search_home NAME DIR
# Root's cache is closed to whom the server must run as, so that DIR gets a copy of its own.
search_home() {
    local name=$1 dir=$2
    [ "$(id -u)" = 0 ] || { echo "$CACHE/$name/home" && return; }
    [ -d "$dir/home" ] || { cp -r "$CACHE/$name/home" "$dir/home.new" && mv "$dir/home.new" "$dir/home"; }
    echo "$dir/home"
}

# Writes the configuration of a search server into DIR/config and lets nobody have the directory,
# because these servers refuse to run as root: search_config DIST DIR BINARY LINE...
search_config() {
    local dist=$1 dir=$2 binary=$3
    shift 3
    mkdir -p "$dir/data" "$dir/logs" "$dir/tmp"
    [ -d "$dir/config" ] || cp -r "$dist/config" "$dir/config"
    # Their log of the garbage collector would go beside the programs.
    sed -i '/gc.log/d' "$dir/config/jvm.options"
    printf '%s\n' 'discovery.type: single-node' 'network.host: 127.0.0.1' \
        "path.data: $dir/data" "path.logs: $dir/logs" \
        'cluster.routing.allocation.disk.threshold_enabled: false' "$@" >"$dir/config/$binary.yml"
    [ "$(id -u)" != 0 ] || chown -R nobody "$dir"
}

# Prints the command that makes somebody else of root.
as_nobody() {
    [ "$(id -u)" != 0 ] || echo setpriv --reuid=nobody --regid=nogroup --clear-groups
}

#!/usr/bin/env bash
# Makes sure that a real service is on this machine.
#
#   tests/services/fetch.sh SERVICE ...
#
# Everything lands in the cache directory (see lib.sh), except PostgreSQL, PostGIS and Chromium, which are the
# system's own. A stamp file marks what is complete, so that a second run costs nothing; a lock lets
# several runs start at once. Exit code 3 means "cannot be had here", with the reason in one line.

# shellcheck source=tests/services/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SERVICES='avro, browser, clients, connect, disk, elasticsearch, hdfs, kafka, opensearch, opensearch3, postgis, postgres, registry, s3, s3proxy'

# Copies Maven artifacts and all they need into a directory of jars: maven_jars DIR G:A:V...
maven_jars() {
    local dir=$1 work log coordinate group artifact version
    shift
    command -v mvn >/dev/null || unavailable "Maven is missing: install Debian's maven"
    work=$(mktemp -d "$CACHE/maven.XXXXXX")
    log=$CACHE/maven.log
    {
        echo '<project><modelVersion>4.0.0</modelVersion>'
        echo '<groupId>millrace</groupId><artifactId>service</artifactId><version>1</version><dependencies>'
        for coordinate; do
            IFS=: read -r group artifact version <<<"$coordinate"
            echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
        done
        echo '</dependencies></project>'
    } >"$work/pom.xml"
    # -U: a "not found" that an earlier run remembered must not last a day.
    if ! (cd "$work" && mvn -B -q -U dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory=lib) >"$log" 2>&1 </dev/null; then
        rm -rf "$work"
        unavailable "Maven could not fetch $1 (is Maven Central reachable?): $(grep -m 1 ERROR "$log" || tail -n 1 "$log")"
    fi
    rm -rf "$dir"
    mkdir -p "$dir"
    mv "$work/lib" "$dir/lib"
    rm -rf "$work"
}

fetch_kafka() {
    java_17 >/dev/null
    maven_jars "$CACHE/kafka" \
        "org.apache.kafka:kafka_2.13:$KAFKA_VERSION" \
        "org.apache.kafka:kafka-tools:$KAFKA_VERSION" \
        "org.slf4j:slf4j-simple:$SLF4J_VERSION"
}

# The JVM Kafka Connect worker, the oracle that ours is compared with. Log4j is what its
# /admin/loggers talks to; without it that resource answers nothing.
fetch_connect() {
    java_17 >/dev/null
    maven_jars "$CACHE/connect" \
        "org.apache.kafka:connect-runtime:$KAFKA_VERSION" \
        "org.apache.kafka:connect-api:$KAFKA_VERSION" \
        "org.apache.kafka:connect-json:$KAFKA_VERSION" \
        "org.apache.kafka:connect-transforms:$KAFKA_VERSION" \
        "org.apache.kafka:connect-file:$KAFKA_VERSION" \
        "org.apache.logging.log4j:log4j-core:$LOG4J_VERSION" \
        "org.apache.logging.log4j:log4j-slf4j-impl:$LOG4J_VERSION"
}

# What Confluent's Avro converter is made of, for measurements: Maven Central has it in Apicurio's
# copy only.
fetch_avro() {
    java_17 >/dev/null
    maven_jars "$CACHE/avro" "io.apicurio:apicurio-registry-utils-converter:$APICURIO_VERSION"
}

# versitygw: an S3 server (Apache-2.0) that keeps its objects as plain files.
fetch_s3() {
    local log=$CACHE/s3.log
    command -v go >/dev/null || unavailable "Go is missing: install Debian's golang (1.21 or newer, from bookworm-backports on Debian 12)"
    if ! GOBIN="$CACHE/s3/bin" nice -n 10 \
        go install -ldflags '-s -w' "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW_VERSION" \
        >"$log" 2>&1 </dev/null; then
        unavailable "Go could not build versitygw $VERSITYGW_VERSION: $(tail -n 1 "$log")"
    fi
}

# S3Proxy: another S3 server (Apache-2.0), which shares no code with the first one. What it needs
# of Jackson is newer than what Maven would choose.
fetch_s3proxy() {
    java_17 >/dev/null
    maven_jars "$CACHE/s3proxy" \
        "com.fasterxml.jackson.core:jackson-annotations:$JACKSON_VERSION" \
        "org.gaul:s3proxy:$S3PROXY_VERSION"
}

fetch_postgres() {
    local log=$CACHE/postgres.log
    [ -z "$(postgres_bin)" ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        # The package makes a cluster of its own on port 5432, which nothing here touches.
        if { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; } \
            >"$log" 2>&1 </dev/null && [ -n "$(postgres_bin)" ]; then
            return 0
        fi
        unavailable "apt-get could not install postgresql: $(tail -n 1 "$log")"
    fi
    unavailable "PostgreSQL 13 or newer is missing: install Debian's postgresql"
}

# The extension with geometries, for the PostgreSQL that is there.
fetch_postgis() {
    local log=$CACHE/postgis.log bin share major
    fetch postgres
    bin=$(postgres_bin)
    share=$("$bin/pg_config" --sharedir 2>/dev/null || echo "/usr/share/postgresql/$(basename "$(dirname "$bin")")")
    [ ! -f "$share/extension/postgis.control" ] || return 0
    major=$("$bin/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        if { apt-get update -qq && apt-get install -y -qq --no-install-recommends "postgresql-$major-postgis-3"; } \
            >"$log" 2>&1 </dev/null && [ -f "$share/extension/postgis.control" ]; then
            return 0
        fi
        unavailable "apt-get could not install postgresql-$major-postgis-3: $(tail -n 1 "$log")"
    fi
    unavailable "PostGIS is missing: install Debian's postgresql-$major-postgis-3"
}

# Apicurio Registry, which speaks Confluent's interface: one archive with all it needs. This is the
# last version that runs on Java 17.
fetch_registry() {
    local dir=$CACHE/registry log=$CACHE/registry.log
    java_17 >/dev/null
    command -v mvn >/dev/null || unavailable "Maven is missing: install Debian's maven"
    rm -rf "$dir"
    mkdir -p "$dir"
    # -U: a "not found" that an earlier run remembered must not last a day.
    if ! (cd "$dir" && mvn -B -q -U dependency:copy \
        -Dartifact="io.apicurio:apicurio-registry-app:$APICURIO_VERSION:tar.gz:all" \
        -DoutputDirectory="$dir") >"$log" 2>&1 </dev/null; then
        unavailable "Maven could not fetch Apicurio Registry (is Maven Central reachable?): $(grep -m 1 ERROR "$log" || tail -n 1 "$log")"
    fi
    tar -xzf "$dir"/*.tar.gz -C "$dir"
    rm "$dir"/*.tar.gz
}

# A search server without plug-ins, as its makers test it: fetch_search SERVICE GROUP NAME VERSION
fetch_search() {
    local group=$2 name=$3 version=$4 dir=$CACHE/$1 log=$CACHE/$1.log
    command -v mvn >/dev/null || unavailable "Maven is missing: install Debian's maven"
    command -v unzip >/dev/null || unavailable "unzip is missing: install Debian's unzip"
    rm -rf "$dir"
    mkdir -p "$dir"
    # -U: a "not found" that an earlier run remembered must not last a day.
    if ! (cd "$dir" && mvn -B -q -U dependency:copy \
        -Dartifact="$group.distribution.integ-test-zip:$name:$version:zip" \
        -DoutputDirectory="$dir") >"$log" 2>&1 </dev/null; then
        unavailable "Maven could not fetch $name $version (is Maven Central reachable?): $(grep -m 1 ERROR "$log" || tail -n 1 "$log")"
    fi
    unzip -q -o "$dir"/*.zip -d "$dir" >>"$log" 2>&1 || fail "The archive of $name cannot be read: $(tail -n 1 "$log")"
    rm "$dir"/*.zip
    mv "$dir/$name-$version" "$dir/home"
}

fetch_elasticsearch() {
    java_17 >/dev/null
    fetch_search elasticsearch org.elasticsearch elasticsearch "$ELASTICSEARCH_VERSION"
}

fetch_opensearch() {
    java_17 >/dev/null
    fetch_search opensearch org.opensearch opensearch "$OPENSEARCH_VERSION"
}

fetch_opensearch3() {
    java_21 >/dev/null
    fetch_search opensearch3 org.opensearch opensearch "$OPENSEARCH_3_VERSION"
}

# A small disk is mounted in namespaces of its own, which the system has to allow.
fetch_disk() {
    command -v nsenter >/dev/null || unavailable "nsenter is missing: install Debian's util-linux"
    unshare --user --map-root-user --mount true 2>/dev/null ||
        unavailable "A small disk cannot be mounted: allow user namespaces (kernel.unprivileged_userns_clone, or --security-opt seccomp=unconfined in a container)"
}

# HDFS in one process, as its makers test it. Without JAXB the name node has no WebHDFS.
fetch_hdfs() {
    java_17 >/dev/null
    maven_jars "$CACHE/hdfs" \
        "org.apache.hadoop:hadoop-client-minicluster:$HADOOP_VERSION" \
        "javax.xml.bind:jaxb-api:$JAXB_VERSION" \
        "org.slf4j:slf4j-simple:$SLF4J_VERSION"
}

# Clients of Kafka Connect that others have written, in a virtual environment of Python's.
fetch_clients() {
    local dir=$CACHE/clients log=$CACHE/clients.log
    command -v python3 >/dev/null || unavailable "Python is missing: install Debian's python3 (3.10 or newer) and python3-venv"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        unavailable "$(python3 --version) is too old, Python 3.10 or newer is needed: install Debian's python3"
    rm -rf "$dir"
    python3 -m venv "$dir" >"$log" 2>&1 </dev/null ||
        unavailable "Python has no venv with pip: install Debian's python3-venv"
    # Only what is pinned, and nothing that would have to be built here.
    if ! "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        "${CLIENT_PACKAGES[@]}" >"$log" 2>&1 </dev/null; then
        unavailable "pip could not install ${CLIENT_PACKAGES[*]}: $(grep -m 1 ERROR "$log" || tail -n 1 "$log")"
    fi
}

# Chromium, and what steers it.
fetch_browser() {
    local dir=$CACHE/browser log=$CACHE/browser.log
    command -v node >/dev/null || unavailable "Node is missing: install Debian's nodejs and npm"
    command -v npm >/dev/null || unavailable "npm is missing: install Debian's npm"
    if ! command -v chromium >/dev/null; then
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
            unavailable "Chromium is missing: install Debian's chromium"
        fi
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } \
            >"$log" 2>&1 </dev/null || unavailable "apt-get could not install chromium: $(tail -n 1 "$log")"
    fi
    rm -rf "$dir"
    mkdir -p "$dir"
    npm install --prefix "$dir" --no-audit --no-fund "playwright-core@$PLAYWRIGHT_VERSION" \
        >"$log" 2>&1 </dev/null ||
        unavailable "npm could not install playwright-core: $(tail -n 1 "$log")"
}

# Runs fetch_SERVICE once, under a lock. A stamp holds what was fetched, so that a new version
# in this file is fetched again.
fetch() {
    local service=$1 stamp=$CACHE/$1.stamp wanted
    case $service in
        kafka | connect) wanted="$KAFKA_VERSION" ;;
        s3) wanted="$VERSITYGW_VERSION" ;;
        s3proxy) wanted="$S3PROXY_VERSION $JACKSON_VERSION" ;;
        avro | registry) wanted="$APICURIO_VERSION" ;;
        elasticsearch) wanted="$ELASTICSEARCH_VERSION" ;;
        hdfs) wanted="$HADOOP_VERSION $JAXB_VERSION" ;;
        opensearch) wanted="$OPENSEARCH_VERSION" ;;
        opensearch3) wanted="$OPENSEARCH_3_VERSION" ;;
        clients) wanted="${CLIENT_PACKAGES[*]}" ;;
        browser) wanted="$PLAYWRIGHT_VERSION" ;;
        disk | postgres | postgis) wanted='' ;; # the system's own: looked for each time
        *) fail "Unknown service \"$service\": it is none of $SERVICES" ;;
    esac
    [ -n "$wanted" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
    mkdir -p "$CACHE"
    (
        flock 9
        # Somebody else may have fetched it while we waited.
        [ -n "$wanted" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0
        "fetch_$service"
        [ -z "$wanted" ] || echo "$wanted" >"$stamp"
    ) 9>"$CACHE/$service.lock"
}

[ $# -gt 0 ] || fail "usage: fetch.sh SERVICE ..., each one of $SERVICES"
command -v flock >/dev/null || unavailable "flock is missing: install Debian's util-linux"
for service; do
    fetch "$service"
done

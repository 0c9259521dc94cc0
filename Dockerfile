# Builds a worker in a small image: docker build -t millrace .

FROM rust:1.95-bookworm AS build
# The Rust image has a C compiler, make and perl, which librdkafka, SQLite and OpenSSL need.
WORKDIR /src
COPY . .
# The caches speed up the next build; the binary must leave them to get into the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin millrace \
    && cp target/release/millrace /usr/local/bin/millrace

FROM debian:12.11-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/millrace millrace
COPY --from=build /usr/local/bin/millrace /usr/local/bin/millrace
COPY configs /etc/millrace
USER millrace
WORKDIR /var/lib/millrace
VOLUME /var/lib/millrace
EXPOSE 8083
# No curl in the image: bash speaks TCP itself. The worker answers 503 until it has started.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8083 && printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 && read -r answer <&3 && [[ $answer == *' 200 '* ]]"]
ENTRYPOINT ["millrace"]
CMD ["distributed", "/etc/millrace/worker-distributed.properties"]

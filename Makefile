# The two commands on a fresh machine are `make demo` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Further arguments: make demo DEMO_ARGS='--for 30', make test TEST_ARGS='-p millrace rest::',
# make bench BENCH_ARGS='--only files'.
DEMO_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help demo test lint bench check-prerequisites

help: ## Shows what can be made
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
	    printf 'make %-20s %s\n' "$$name" "$$text"; done

demo: check-prerequisites ## Builds the worker and shows it at work, with nothing else installed
	@cargo build --profile demo --no-default-features --bin millrace
	@exec $(TARGET_DIR)/demo/millrace demo $(DEMO_ARGS)

test: check-prerequisites ## Runs every test, on real services where they can be fetched
	@tests/run.sh $(TEST_ARGS)

lint: check-prerequisites ## Checks format, lints, documentation, scripts and licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --no-default-features --bin millrace -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items --workspace
	@if command -v cargo-deny >/dev/null; then \
	    cargo fetch && cargo deny --offline check licenses bans sources; \
	else echo 'lint: skipped the check of licences and sources: cargo-deny is not installed'; fi
	@if command -v shellcheck >/dev/null; then \
	    shellcheck -x tests/run.sh tests/services/*.sh .ci/run; \
	else echo 'lint: skipped the check of shell scripts: shellcheck is not installed'; fi

bench: check-prerequisites ## Measures Millrace beside its peers on this machine
	@bench/run.sh $(BENCH_ARGS)

check-prerequisites: ## Names what is missing to build, and the package to install
	@missing=0; \
	need() { command -v "$$1" >/dev/null || { echo "$$1 is missing: $$2" >&2; missing=1; }; }; \
	need cargo "install Rust with rustup"; \
	need cc "install Debian's build-essential"; \
	need perl "install Debian's perl (OpenSSL is built with it)"; \
	exit $$missing

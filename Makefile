.DEFAULT_GOAL := help
.PHONY: help demo test bench sim lint fmt

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 8

demo: ## the lab provider and the daemon over two regions; no configuration needed; installs a browser if there is none
	ci/setup.sh demo
	cargo run --locked -- demo

test: ## every test, against a real provider, Prometheus, collector and proxies; installs what is missing
	ci/setup.sh test
	ci/test.sh

bench: ## side by side with blackbox_exporter, k6 and playwright-core; prints what was reached
	ci/setup.sh bench
	benches/bench.sh

sim: ## how soon an outage pages, and how often nothing does: the shipped code on a virtual clock; no network
	cargo bench --locked --bench sim

lint: ## format, clippy, links of the documentation, licences and sources of dependencies
	cargo fmt --check
	python3 -m unittest discover -q -s ci
	python3 ci/links.py
	cargo clippy --locked --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --offline --locked check licenses bans sources; \
	else python3 ci/dependencies.py; fi

fmt: ## format
	cargo fmt

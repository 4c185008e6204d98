# The commands of this repository. Each does its own set-up; a missing prerequisite gets one sentence.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PORT ?= 7878
CLOUD_PORT ?= 7979
DATA ?= .demo
SEEDS ?= 200
CYCLES ?= 100000
FLIPS ?= 100000
MINUTES ?= 5

TARGET := $(or $(CARGO_TARGET_DIR),target)
# Every program in its debug build, out of what the tests are built from: another choice of packages would have other features, for which SQLite, TLS,
# tokio and most of what is ours would be built once more.
WORKSPACE := --workspace --features arcade/aws --locked
BUILD := cargo build $(WORKSPACE) --bins --examples

.PHONY: help demo test test-that-computes test-that-waits check web generate e2e sim chaos fuzz conformance cloud cloud-test cloud-e2e bench bench-cloud pictures tools clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: tools web ## Build everything and serve the demo on http://localhost:7878
	cargo build --release --locked -p arcade
	@echo "Open http://localhost:$(PORT) in two windows. Ctrl-C stops; the rooms are kept in $(DATA)."
	exec target/release/arcade serve --port $(PORT) --data $(DATA)

test: tools web ## Run every check and test
	cargo fmt --all --check
	cargo clippy $(WORKSPACE) --all-targets -- -D warnings
	# What `make demo` builds, which knows nothing of AWS.
	cargo check --workspace --bins --locked
	# The suites on the slower of two emulators in a share; `make cloud-test` plays all.
	DORMOUSE_CLOUD_SHARE=1 tools/cloud/run tools/test $(WORKSPACE)
	cd web && npm run check && npm test
	$(MAKE) --no-print-directory generate CHECK=--check
	npm test --prefix web/tools
	$(MAKE) --no-print-directory -j 2 --output-sync=line test-that-computes test-that-waits
	$(MAKE) --no-print-directory e2e
	$(MAKE) --no-print-directory cloud-e2e PAGES="share.spec gone.spec liap.spec.ts:10"

# Side by side: one keeps the cores busy, the other mostly waits for processes to die and start, and judges no times.
test-that-computes:
	$(MAKE) --no-print-directory sim CYCLES=2000 FLIPS=2000

test-that-waits:
	$(MAKE) --no-print-directory conformance
	$(TARGET)/debug/chaos all --small

check: tools ## The fast loop: formatting, lints, unit tests
	cargo fmt --all --check
	cargo clippy $(WORKSPACE) --all-targets -- -D warnings
	cargo test $(WORKSPACE) --lib --bins
	cd web && npm run check

web: web/node_modules/.built ## Build the pages and the TypeScript clients

# Built again only when a source changed: the server embeds the pages, so each build of them is one of it.
WEB_SOURCES := $(shell find web/client web/react web/console web/package.json web/tsconfig.base.json -type f -not -path '*/node_modules/*' -not -path '*/dist/*')

web/node_modules/.built: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run build
	touch $@

web/node_modules/.installed: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	touch $@

web/tools/node_modules/.installed: web/tools/package-lock.json
	cd web/tools && npm ci --no-audit --no-fund
	touch $@

generate: web/tools/node_modules/.installed ## Write what is generated: documents, codes and types (CHECK=--check compares)
	$(BUILD)
	tools/generate $(CHECK)

e2e: web ## Drive the real page and the real binary with a browser
	$(BUILD)
	cd web && ARCADE=$(abspath $(TARGET)/debug/arcade) npm run e2e

sim: tools ## Find planted bugs; cut the power (CYCLES=100000, FLIPS=100000); play the engine with faults (SEEDS=200, or HOURS=…)
	cargo build --profile quick --locked -p dormouse-sim -p dormouse-power
	$(TARGET)/quick/sim --planted 150
	$(TARGET)/quick/power --planted 400
	$(TARGET)/quick/power --cycles $(CYCLES) --flips $(FLIPS)
	$(TARGET)/quick/sim $(if $(HOURS),--hours $(HOURS),--seeds $(SEEDS))

fuzz: tools ## Give everything that reads from outside what nobody would send, guided by coverage (MINUTES=5)
	@tools/fuzz $(MINUTES)

conformance: web ## Let others' suites test WebSockets and the OpenAPI document (API_SECONDS=60)
	$(BUILD)
	tools/conformance/run $(API_SECONDS)

cloud: tools web ## Bring the shape of AWS up on this machine and serve the demo in it, on http://localhost:7979
	cargo build --release --locked -p arcade --features aws
	@echo "Open http://localhost:$(CLOUD_PORT) when its address is printed. Ctrl-C stops, and says what AWS would have charged for; nothing is kept."
	exec tools/cloud/run $(TARGET)/release/arcade dev --cloud --port $(CLOUD_PORT)

cloud-test: tools ## Test what runs on AWS beside two emulators, in full, and drive the page there with a browser
	tools/cloud/run cargo test --locked $(addprefix -p dormouse-,aws journal-dynamodb lambda localcloud)
	$(MAKE) --no-print-directory cloud-e2e

cloud-e2e: web ## Drive the page with a browser where the binary is a Lambda function (PAGES="liap.spec" for a part)
	$(BUILD)
	ARCADE=$(abspath $(TARGET)/debug/arcade) tools/cloud/run npm run cloud --prefix web -- $(PAGES)

bench-cloud: tools web ## Measure latency and cost of the path through AWS on this machine; the last line is JSON
	cargo build --release --locked -p dormouse-bench --bin cloud
	cargo build --release --locked -p arcade --features aws
	tools/cloud/zip $(TARGET)/release/arcade $(TARGET)/release/bootstrap.zip
	tools/cloud/run $(TARGET)/release/cloud --zip $(TARGET)/release/bootstrap.zip $(ARGS)

chaos: tools web ## Kill, stop, fill and flood real processes beside real clients in full (ARGS="crowd --loris 1000" for a part)
	cargo build --release --locked -p arcade
	cargo run --release --locked -p dormouse-chaos -- $(or $(ARGS),all)

bench: tools web ## Measure speed and memory beside raw baselines on this machine
	cargo build --release --locked -p dormouse-bench
	cargo build --release --locked -p dormouse --example counter
	cargo build --release --locked -p arcade
	target/release/bench $(ARGS)

pictures: web ## Take the pictures of the README from the running page
	$(BUILD)
	cd web && npm run pictures

tools: ## Say what is missing on this machine
	@tools/prerequisites

clean: ## Remove what was built
	rm -rf target web/node_modules web/*/dist

# Lanecast: everything that a fresh clone needs. `make` alone lists the targets.
#
# Wanted beforehand: Python >= 3.11 and Node >= 20.19 (for the dashboard). PYTHON=… and NODE=… name others than those found.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory --no-builtin-rules
.SUFFIXES:
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
BUILD := build
STAMPS := $(BUILD)/stamps
ARGS ?=
NATS := v2.15.2

export PIP_DISABLE_PIP_VERSION_CHECK := 1

PACKAGES := pyproject.toml constraints.txt
WEB_SOURCES := $(shell find web/src web/public web/wasm -type f ! -name "*.wasm" 2>/dev/null) $(wildcard web/*.html web/*.ts web/*.json)

say = @printf '%s\n' '$(1)'

.PHONY: help
help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(STAMPS)/run $(STAMPS)/native web ## Cologne's traffic, live in the browser: make demo ARGS="--port 8081 --seconds 60"
	@exec $(BIN)/lanecast up --demo cologne8 $(ARGS)

.PHONY: setup
setup: $(STAMPS)/dev $(STAMPS)/native $(STAMPS)/node ## install all that is needed, pinned

.PHONY: web
web: web/dist/index.html ## build the dashboard

.PHONY: test
test: setup ## every check and test there is
	@PATH="$(abspath $(BIN)):$$PATH" ops/check.sh checks tests

.PHONY: check
check: setup ## linters, formatters, types and import rules only
	@PATH="$(abspath $(BIN)):$$PATH" ops/check.sh checks

.PHONY: fmt
fmt: setup ## format everything
	@$(BIN)/ruff format --quiet --exclude '*.md' .
	@$(BIN)/ruff check --quiet --fix --exit-zero .
	@cd web && npm run --silent format >/dev/null

.PHONY: bench-web
bench-web: setup web ## measure the dashboard in Chromium: make bench-web ARGS=--quick
	@cd web && npm run --silent bench -- $(ARGS)

.PHONY: chaos
chaos: setup ## make every fault on a real system: make chaos ARGS="-k black_hole"
	@PATH="$(abspath $(BIN)):$$PATH" pytest tests/chaos -m chaos $(ARGS) && $(BIN)/python -m tests.chaos.report

.PHONY: docs
docs: setup ## the documentation as a site: build/site/index.html
	@PATH="$(abspath $(BIN)):$$PATH" NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	$(call say,The documentation is in $(BUILD)/site/index.html)

.PHONY: image
image: setup web ## the container image lanecast:dev, which compose.yaml runs
	@ops/docker/build

.PHONY: secrets
secrets: ## write .env with passwords for compose.yaml, where there are none yet
	@ops/docker/secrets

.PHONY: bench-peers
bench-peers: ## install the servers that `lanecast bench fanout` measures next to ours
	@if command -v npm >/dev/null; then cd ops/bench/peers && npm ci --ignore-scripts --loglevel=error >/dev/null && echo "ws, Socket.IO: installed"; \
	else echo "ws, Socket.IO: left out, there is no npm"; fi
	@mkdir -p $(BUILD)/bench-peers
	@if command -v nats-server >/dev/null || [ -x $(BUILD)/bench-peers/nats-server ]; then echo "NATS: there"; \
	elif command -v go >/dev/null; then \
	  GOBIN="$(abspath $(BUILD)/bench-peers)" go install github.com/nats-io/nats-server/v2@$(NATS) && echo "NATS: built"; \
	else echo "NATS: left out; install nats-server, or Go to build it"; fi

.PHONY: clean
clean: ## remove what was built and installed; data/ stays
	rm -rf $(VENV) $(BUILD) dist gateway/native/build web/dist web/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

# The demo needs no developer's tools: `run` is enough for it, `dev` holds all of it and more.
$(STAMPS)/run: $(STAMPS)/venv $(PACKAGES)
	@if [ ! -e $(STAMPS)/dev ] || [ -n "$(filter $(PACKAGES),$?)" ]; then \
	  echo "Installing Lanecast with its server and SUMO into $(VENV) …"; \
	  $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[server,embedded,sumo]'; \
	fi
	@touch $@

$(STAMPS)/dev: $(STAMPS)/venv $(PACKAGES)
	$(call say,Installing Lanecast and its developer tools into $(VENV) …)
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $(STAMPS)/run $@

# Optional: without it gateways write in Python.
$(STAMPS)/native: $(STAMPS)/venv $(wildcard gateway/native/pyproject.toml gateway/native/lanecast_native/*)
	@if command -v "$${CC:-cc}" >/dev/null; then \
	  echo "Building the native writer …"; \
	  $(BIN)/python -m pip install --quiet ./gateway/native || echo "It cannot be built here: gateways write in Python."; \
	else echo "No C compiler: no native writer, gateways write in Python."; fi
	@mkdir -p $(STAMPS) && touch $@

# The wheel carries web/dist; an editable installation wants the folder, and takes the page from it later.
$(STAMPS)/venv:
	@mkdir -p web/dist
	@python=$$(ops/find-tool python) && echo "Making $(VENV) with $$python …" && "$$python" -m venv --clear $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/node: web/package.json web/package-lock.json
	@ops/find-tool node >/dev/null
	$(call say,Installing the packages of the dashboard …)
	@cd web && npm ci --loglevel=error --no-fund --no-audit >/dev/null
	@mkdir -p $(STAMPS) && touch $@

web/dist/index.html: $(STAMPS)/node $(WEB_SOURCES)
	$(call say,Building the dashboard …)
	@mkdir -p $(BUILD)
	@cd web && npm run --silent build >../$(BUILD)/web.log 2>&1 || { cat ../$(BUILD)/web.log; exit 1; }
	@touch $@

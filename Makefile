# The one door to the project: `make run` needs make, Python 3.11+ with venv, and PyPI; `make test` also a JDK, Maven and Go.
# Steps that download are stamped and done again only when their inputs change. Flags pass through: make run ARGS="--port 9000".

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
MINIO_VERSION := $(shell sed -n 's/^ARG MINIO_VERSION=//p' deploy/minio/Dockerfile)
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
SERVERS := .tools/kafka/.stamp .tools/minio-$(MINIO_VERSION).stamp
CHECKERS := .tools/bin/linearizable .tools/tla/.stamp
CLIENTS := .venv/.clients .tools/javascript/.stamp .tools/java/.stamp .tools/bin/films
SIMULATE = $(BIN)/python -m tests.simulation.run --seeds $(SEEDS)
COMPUTED := $(addprefix tests/,architecture consistency golden simulation tla unit)
SEEDS ?= 200
SEED ?= $(shell date +%Y%m%d)
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
EXPORT := uv export --quiet --format requirements-txt --no-emit-project --no-header

##@ Run
run: setup ## serve the DynamoDB API on http://localhost:8000, data in ./data
	$(BIN)/stator serve --data ./data $(ARGS)

cluster: toolchain setup $(SERVERS) ## a whole cluster of native processes; API on :8000, pid files in .cluster/pids
	$(BIN)/python -m tools.cluster up

cluster-down: ## stop the cluster, keep its data
	$(BIN)/python -m tools.cluster down

cluster-clean: cluster-down ## stop the cluster and delete its data
	rm -rf .cluster

up: docker ## a whole cluster in containers; API on :8000, data in named volumes (docs/compose.md)
	$(COMPOSE) up --build --detach --wait

down: docker ## stop the containers, keep their data
	$(COMPOSE) down

##@ Develop
setup: .venv/.runtime ## make .venv with the hashed runtime requirements and the stator command
	@$(BIN)/python -m compileall -q stator services

check: setup .venv/.dev ## format, lint, types, import contracts, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_shapes.py --check

test: toolchain setup .venv/.dev $(SERVERS) $(CHECKERS) $(CLIENTS) ## everything: check, SEEDS=200 simulated clusters, and every test with real Kafka, MinIO and clients
	@$(MAKE) check
	@$(MAKE) --jobs 2 served computed

sim: setup .venv/.dev ## run SEEDS=n simulated clusters
	$(SIMULATE) --jobs 0 $(ARGS)

sim-mutants: setup .venv/.dev ## what the simulator is worth: plant bugs, count the seeds until each is found
	$(BIN)/python -m tests.simulation.mutants $(ARGS)

chaos: toolchain setup .venv/.dev $(SERVERS) .tools/bin/linearizable ## break a whole cluster for half an hour under load, as SEED= says, and judge all answers
	$(BIN)/pytest --times 10 --seed $(SEED) --timeout 7200 --durations 0 tests/chaos $(ARGS)

tla: toolchain setup .venv/.dev .tools/tla/.stamp ## model check the protocol as far as every push does
	$(BIN)/pytest --durations 0 tests/tla $(ARGS)

tla-deep: toolchain setup .venv/.dev .tools/tla/.stamp ## model check the protocol with larger bounds, an hour or so
	$(BIN)/pytest --durations 0 -m tla_deep --timeout 7200 tests/tla $(ARGS)

clients: toolchain setup .venv/.dev $(SERVERS) $(CLIENTS) ## each common client drives a small program of its own; they are fetched first
	$(BIN)/pytest tests/clients $(ARGS)

compose-test: docker setup .venv/.dev ## run the containers through writes, faults and a restart (its own project and volumes)
	COMPOSE="$(COMPOSE)" $(BIN)/pytest -m compose --timeout 3600 --durations 0 tests/compose $(ARGS)

nightly: toolchain setup .venv/.dev $(SERVERS) $(CHECKERS) $(CLIENTS) ## what takes long: 2,000 simulated clusters, every planted bug, ten times the kills and random requests, chaos, the containers
	@$(MAKE) sim SEEDS=2000 ARGS=--registers
	@$(MAKE) sim-mutants ARGS="--jobs 2"
	$(BIN)/pytest --times 10 --timeout 3600 $(addprefix tests/integration/test_,kill_standalone.py start_after_kill.py without_control.py differential.py)
	@$(MAKE) chaos
	@$(MAKE) compose-test

bench: setup .venv/.dev ## measure; results say commit and machine
	$(BIN)/python -m bench $(ARGS)

lock: ## pin every requirement by hash (needs uv)
	@command -v uv >/dev/null || { echo 'make lock needs uv: https://docs.astral.sh/uv/' >&2; exit 1; }
	uv lock --quiet $(ARGS)
	$(EXPORT) --no-dev --group build --output-file requirements.txt >/dev/null
	$(EXPORT) --group dev --output-file requirements-dev.txt >/dev/null
	$(EXPORT) --only-group clients --output-file requirements-clients.txt >/dev/null

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# --- the halves of `make test` -----------------------------------------------------------------------------
# Tests of servers wait a lot, and look at the clock. What only computes takes what they leave of the machine, and tells of itself when
# it is done. The second half is whatever the first is not, so that no folder can be left out.
computed: setup .venv/.dev $(CHECKERS)
	@nice -n 19 sh -c '$(SIMULATE) && $(BIN)/pytest --timeout 1800 $(COMPUTED)' > .tools/computed.log 2>&1; \
	failed=$$?; cat .tools/computed.log; exit $$failed

served: setup .venv/.dev $(SERVERS) $(CHECKERS) $(CLIENTS)
	$(BIN)/pytest $(addprefix --ignore=,$(COMPUTED))

# --- stamped steps -----------------------------------------------------------------------------------------
# The link lets the checkout answer to the wheel's name (docs/decisions/0002-services-as-stator_services.md).
.venv/.runtime: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo 'Stator needs Python 3.11 or newer with venv (Debian: apt install python3 python3-venv)' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@ln -sfn "$(CURDIR)/services" "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/stator_services"
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.runtime
	$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

.venv/.clients: requirements-clients.txt .venv/.dev
	$(PIP) --require-hashes -r requirements-clients.txt
	@touch $@

# Said before anything is downloaded. Nothing is skipped when one is missing: a green run means that real servers were tried.
toolchain:
	@java -version 2>&1 | grep -Eq 'version "(1[7-9]|[2-9][0-9])' || { echo 'Kafka needs a JDK, 17 or newer: apt install default-jdk-headless' >&2; exit 1; }
	@command -v mvn >/dev/null || { echo 'Fetching Kafka needs Maven: apt install maven' >&2; exit 1; }
	@command -v go >/dev/null || { echo 'Building MinIO needs Go, 1.24 or newer: https://go.dev/doc/install' >&2; exit 1; }

.tools/kafka/.stamp: tools/kafka/pom.xml | toolchain
	@rm -rf .tools/kafka/libs
	mvn -q -B -f tools/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$(CURDIR)/.tools/kafka/libs"
	@touch $@

.tools/minio-$(MINIO_VERSION).stamp: | toolchain
	GOBIN="$(CURDIR)/.tools/bin" go install -ldflags '-s -w' github.com/minio/minio@$(MINIO_VERSION)
	@touch $@

# What the clients that are not Python need. Their locks hold hashes and no host: whoever installs chooses a registry.
.tools/javascript/.stamp: tests/clients/javascript/package.json tests/clients/javascript/package-lock.json .venv/.clients
	@mkdir -p $(@D)
	@cp $(filter %.json,$^) $(@D)
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.tools/java/.stamp: tests/clients/java/pom.xml | toolchain
	@rm -rf $(@D)/libs
	mvn -q -B -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$(CURDIR)/$(@D)/libs"
	@touch $@

.tools/bin/films: $(wildcard tests/clients/go/*) | toolchain
	go build -C tests/clients/go -trimpath -o "$(CURDIR)/$@" .

.tools/tla/.stamp: tools/tla/pom.xml | toolchain
	@rm -rf $(@D)/libs
	mvn -q -B -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$(CURDIR)/$(@D)/libs"
	@touch $@

.tools/bin/linearizable: $(wildcard tests/porcupine/*) | toolchain
	go build -C tests/porcupine -trimpath -o "$(CURDIR)/$@" .

docker:
	@$(COMPOSE) version >/dev/null 2>&1 && docker info >/dev/null 2>&1 || { echo 'This needs a running Docker engine and the Compose plugin, 2.24 or newer: https://docs.docker.com/compose/install' >&2; exit 1; }

.PHONY: computed served nightly chaos run cluster cluster-down cluster-clean up down setup check test sim sim-mutants tla tla-deep clients compose-test bench lock help toolchain docker

# `make` prints what it can do. Long-running recipes replace their shell (exec), so that a signal to make
# reaches the program and nothing is left behind.

PYTHON ?= python3
ARGS ?=
TESTS ?= 1
SEED ?= 1
N ?= 200
FIRST ?= 1
RUNS ?= 3000
KILLS ?= 30
ROUNDS ?= 100
ROWS ?= 1000000
PEERS ?= none
CASES ?=
SECONDS ?= 5
BIN := .venv/bin
# Many tests wait for real processes, so four at a time pay even on two cores.
PYTEST := $(BIN)/python -m pytest -n 4 --dist loadfile
RUN := .venv/.installed
DEV := .venv/.installed-dev
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
OLD := Python 3.11 or newer is needed, and $(PYTHON) is not. Name another: make demo PYTHON=python3.12
NO_VENV := $(PYTHON) cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv
NO_COMPOSE := Docker with the compose plugin is needed for this. Without Docker: make demo

.DEFAULT_GOAL := help
.PHONY: help demo run test smoke check audit bench bench-read scale clean up down logs crash chaos broker zombies recovery memory leaks seeded-bugs

##@ Try it, without Docker

demo: $(RUN) ## The whole system with stand-in upstream APIs: runs every source, serves until Ctrl-C
	@exec $(BIN)/python -m local.demo

run: $(RUN) ## The same with the real upstream APIs
	@exec $(BIN)/python -m local.demo --real

##@ Change it

test: $(DEV) ## Run the tests; some of them: make test ARGS="-k pipeline"
	@exec $(PYTEST) $(ARGS)

check: $(DEV) ## Format, lint, types, imports, security, then the tests (TESTS=0 leaves those out)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy ingest models
	$(BIN)/lint-imports
	$(BIN)/bandit -c pyproject.toml -q -r ingest models tasks webapp cli deploy migrations celeryconfig.py
	@if [ "$(TESTS)" != 0 ]; then exec $(PYTEST) $(ARGS); fi

audit: $(RUN) ## Look the pinned packages up among the known vulnerabilities; needs the network
	@$(PYTHON) -m venv --clear .venv/audit && .venv/audit/bin/pip install -q --disable-pip-version-check pip-audit==2.10.1
	@exec .venv/audit/bin/pip-audit -r requirements.txt --no-deps --disable-pip

smoke: $(RUN) ## Start the whole system, use it as a stranger would, stop it
	@exec $(BIN)/python -m local.smoke $(ARGS)

bench: ROUNDS := 5
bench: $(RUN) ## Measure beside bare COPY and other loaders: make bench ROWS=100000 ROUNDS=3 PEERS=all
	@exec $(BIN)/python -m bench --rows $(ROWS) --rounds $(ROUNDS) --peers $(PEERS) $(CASES:%=--cases %) $(ARGS)

scale: $(RUN) ## Measure rows a second against workers that share a run: make scale ARGS="--pullers 1,2"
	@exec $(BIN)/python -m bench.scale $(ARGS)

bench-read: ROUNDS := 3
bench-read: $(RUN) ## Measure /data beside bare Flask and FastAPI: make bench-read ROUNDS=3 SECONDS=5 ARGS="--servers"
	@exec $(BIN)/python -m bench.read_api --rounds $(ROUNDS) --seconds $(SECONDS) $(ARGS)

clean: ## Remove caches and .venv; data (.data) and secrets (.env) stay
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache bench/out bench/.peers
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Prove it: each ends by itself, prints its figures, and fails on any violation

crash: $(DEV) ## Kill a worker at every operation of a run, once and twice
	@exec $(BIN)/python -m tests.proofs.crash $(ARGS)

chaos: $(DEV) ## Random faults from a seed: make chaos N=200 SEED=1
	@exec $(BIN)/python -m tests.proofs.chaos --iterations $(N) --seed $(SEED) --first $(FIRST)

broker: $(DEV) ## Lose messages by the thousand: make broker RUNS=3000 KILLS=30
	@exec $(BIN)/python -m tests.proofs.broker --runs $(RUNS) --kills $(KILLS) --seed $(SEED)

zombies: $(DEV) ## Wake workers that were stopped past their lease: make zombies ROUNDS=100
	@exec $(BIN)/python -m tests.proofs.zombies --rounds $(ROUNDS) --seed $(SEED)

recovery: $(DEV) ## The time from the end of a fault to the next commit
	@exec $(BIN)/python -m tests.proofs.recovery $(ARGS)

memory: $(DEV) ## A gigabyte in every awkward shape, each in 400 MB: make memory ARGS="--mb 100"
	@exec $(BIN)/python -m tests.proofs.memory $(ARGS)

leaks: $(DEV) ## A thousand runs in one process, watching files, threads and memory
	@exec $(BIN)/python -m tests.proofs.leaks $(ARGS)

seeded-bugs: $(DEV) ## Put small faults into a copy, one at a time; the tests have to notice each
	@exec $(BIN)/python -m tests.proofs.seeded_bugs $(ARGS)

##@ Run it in containers

up: .env ## Build and start everything with Docker Compose, return when it is healthy
	@docker compose version >/dev/null 2>&1 || { echo "$(NO_COMPOSE)" >&2; exit 1; }
	@exec docker compose up -d --build --wait

down: ## Stop the containers; the data stays in its volumes
	@exec docker compose down

logs: ## Follow what the containers say
	@exec docker compose logs --follow --tail 100

# --- what the targets need ---

help:
	@if [ -t 1 ]; then bold='\033[1m' blue='\033[36m' off='\033[0m'; fi; \
	awk -v bold="$$bold" -v blue="$$blue" -v off="$$off" 'BEGIN { FS = ":.*## "; print "make TARGET" } \
	  /^##@ / { printf "\n%s%s%s\n", bold, substr($$0, 5), off } \
	  /^[a-z-]+:.*## / { printf "  %s%-11s%s %s\n", blue, $$1, off, $$2 }' $(MAKEFILE_LIST)

.env:
	@$(PYTHON) local/dotenv.py

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(OLD)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(NO_VENV)" >&2; exit 1; }
	@echo "Making .venv ..."
	@$(PYTHON) -m venv --clear .venv

$(RUN): $(BIN)/python requirements.txt requirements-local.txt
	@echo "Installing what it needs into .venv (about 20 seconds, once) ..."
	@$(PIP) -r requirements.txt -r requirements-local.txt
	@touch $@

$(DEV): $(RUN) requirements-dev.txt
	@echo "Installing the tools for tests and checks ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

# Everything a person does here. `make run` and `make test` set up what they need on a machine
# that has only Python 3.11 or later, venv and make.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN = $(VENV)/bin
PORT ?= 8787
ARGS ?=
UV = $(BIN)/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header
# Wheels only: a source distribution would run its own code while it is installed.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all:

.PHONY: help run ready test agents lint types bench profile wheel docs console lock sbom clean
help: ## show this page
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.core ## set up and serve on PORT (8787); more flags in ARGS
	$(BIN)/penstock serve --port $(PORT) $(ARGS)

ready: $(VENV)/.dev ## set up what tests and checks need

test: $(VENV)/.dev ## set up and run every test; pytest flags in ARGS
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev ## style, formatting and the floors of the house
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

agents: $(VENV)/.dev ## run real clients, whose drivers are in the folder AGENTS, against a gateway on loopback
	$(BIN)/python tests/support/gateway/agents.py $(ARGS)

types: $(VENV)/.dev ## strict type check
	$(BIN)/mypy

bench: $(VENV)/.dev ## measure against nginx (needs Debian's nginx, its lua module and wrk)
	$(BIN)/python -m bench $(ARGS)

profile: $(VENV)/.dev ## count what a request costs: instructions, calls, system calls (also needs valgrind, strace)
	$(BIN)/python -m bench.counts $(ARGS)

wheel: $(VENV)/.core ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel -d dist

docs: $(VENV)/.dev ## regenerate the reference pages that come from the code
	$(BIN)/python docs/generate.py

console: console/node_modules/.installed ## build the console into the package (needs Node 20 or later)
	cd console && npm run --silent types && npm run --silent build -- --logLevel warn

console/node_modules/.installed: console/package.json console/package-lock.json
	cd console && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

lock: $(VENV)/.dev ## lock the newest allowed dependencies, with hashes
	$(PIP) uv
	$(UV) requirements/build.in -o requirements/build.txt
	$(UV) pyproject.toml -o requirements/core.txt
	$(UV) pyproject.toml --extra aws -c requirements/core.txt -o requirements/aws.txt
	$(UV) pyproject.toml --extra postgres -c requirements/core.txt -o requirements/postgres.txt
	$(UV) pyproject.toml --extra redis -c requirements/core.txt -o requirements/redis.txt
	$(UV) pyproject.toml --extra google -c requirements/core.txt -o requirements/google.txt
	$(UV) pyproject.toml requirements/dev.in -c requirements/core.txt -c requirements/build.txt -o requirements/dev.txt

sbom: $(VENV)/.dev ## write the software bill of materials, dist/sbom.cdx.json
	$(BIN)/python requirements/sbom.py

clean: ## forget the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.venv:
	@test -n "$(PYTHON)" || { echo "Penstock needs Python 3.11 or later"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.core: $(VENV)/.venv requirements/core.txt requirements/build.txt pyproject.toml
	$(PIP) --require-hashes -r requirements/core.txt -r requirements/build.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core requirements/dev.txt
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

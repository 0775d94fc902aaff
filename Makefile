# Everything installs into .venv of this checkout. `make help` lists the targets.
.DEFAULT_GOAL := .venv/.installed
.PHONY: help demo ready test soak chaos check fix bench endurance database lock clean
PYTHON ?= python3
BIN := .venv/bin
SECONDS ?= 0
# Where it is off, as in many containers, each process compiles all modules again, and each of the tests' workers rewrites all tests.
export PYTHONDONTWRITEBYTECODE =
soak: MINUTES ?= 60
chaos: MINUTES ?= 2

help:            ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

.venv/.installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "the module venv is missing; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: .venv/.installed    ## a simulated plant into a real database; SECONDS=60 ends by itself
	@scripts/demo --seconds $(SECONDS)

database: .venv/.installed    ## a TimescaleDB for development; prints its DSN
	@$(PYTHON) scripts/timescaledb.py start

ready: .venv/.installed    ## install the real servers, and compile the tests once for all workers
	@scripts/install-test-servers
	@$(BIN)/python -m pytest --collect-only --quiet >/dev/null || true    # make test tells what cannot be collected

test: .venv/.installed    ## install the real servers and run every test
	@scripts/install-test-servers
	$(BIN)/python -m pytest --numprocesses 6 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

soak: .venv/.installed    ## hours of a service to which nobody answers; MINUTES=60
	SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest tests/endurance/test_standing_still.py -m endurance -s

chaos: .venv/.installed    ## everything breaks, and nothing may be lost: an account by number; MINUTES=2 SEED=
	@scripts/install-test-servers
	@PYTHONPATH=tests:scripts $(BIN)/python -m chaos --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

check: .venv/.installed    ## ruff, mypy, import-linter; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/.installed    ## format and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.installed    ## speed and memory as ratios against bare-library loops
	@scripts/install-test-servers
	PYTHONPATH=scripts $(BIN)/python bench/run.py

endurance: .venv/.installed    ## what takes too long for every change: hundreds of thousands of messages, floods, restarts, long outages
	@scripts/install-test-servers
	$(BIN)/python -m pytest -m endurance tests $(PYTEST_ARGS)

lock: .venv/.installed    ## resolve the dependencies anew
	$(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --output-file requirements/run.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --output-file requirements/dev.txt
	echo hatchling | $(BIN)/uv pip compile --quiet - --constraint requirements/dev.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --output-file requirements/build.txt

clean:           ## remove what was installed and built here
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache tests/servers/node/node_modules

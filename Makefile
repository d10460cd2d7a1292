# Every target makes its own .venv from the hashed lock; uv is installed where it is missing.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
STAMP := .venv/.locked
RUN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-compose compose-up test-unit check format lock bench bench-landing bench-scale bench-freshness bench-forwarder bench-seed bench-api bench-powerbi seed api-guide powerbi powerbi-preview chaos fuzz-lines fuzz-odata clean venv

help: ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock

ifeq ($(UV),.uv/bin/uv)
$(STAMP): .uv/bin/uv
endif
$(STAMP): requirements-dev.lock pyproject.toml
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements-dev.lock
	$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

venv: $(STAMP) ## make .venv from the lock

demo: $(STAMP) ## start the real parts, break five runs, explain them
	$(RUN)/clearsight demo --json .clearsight/demo.json

test: $(STAMP) ## every test, on real parts
	$(RUN)/pytest

test-compose: $(STAMP) ## the whole Compose system: demo, kills, restart loops; needs Docker
	$(RUN)/python tests/compose/run.py

compose-up: ## start docker-compose.yml; names what does not come up
	$(PYTHON) docker/up.py

test-unit: $(STAMP) ## the pure tests only
	$(RUN)/pytest tests/unit tests/contract

# Microsoft's validators of the Power BI report, for the node that .venv has
NODE_PACKAGES := powerbi/checks/node/node_modules/.package-lock.json
$(NODE_PACKAGES): powerbi/checks/node/package-lock.json | $(STAMP)
	$(RUN)/npm ci --prefix powerbi/checks/node --ignore-scripts --no-audit --no-fund --loglevel error

check: $(STAMP) $(NODE_PACKAGES) ## format, lint, types, import directions, Compose file, Dockerfile, Power BI report
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(RUN)/hadolint Dockerfile
	$(RUN)/python -m powerbi.checks

format: $(STAMP) ## format the code and sort imports
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

lock: ## renew the locks from pyproject.toml
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	echo uv | $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" - -o requirements-uv.lock

bench: $(STAMP) ## landing, scale, freshness and checks, one after the other; figures go to bench-results/
	$(MAKE) bench-landing
	$(MAKE) bench-scale
	$(MAKE) bench-freshness
	$(MAKE) bench-seed

bench-landing: $(STAMP) ## how fast a full topic lands, beside its peers; ARGS="--transactions 2000" for a quick look
	$(RUN)/python tests/bench/landing.py $(ARGS)

bench-scale: $(STAMP) ## landing beside 20 million facts, by three workers, of one correlation id; ARGS="--history 1000000"
	$(RUN)/python tests/bench/landing_scale.py $(ARGS)

bench-freshness: $(STAMP) ## commit to answer at 500 commits/s, beside Debezium's own floor
	$(RUN)/python tests/bench/freshness.py $(ARGS)

bench-forwarder: $(STAMP) ## the log forwarder: history, lag, a soak of two hours in ten minutes with 50 kills, other algorithms
	PYTHONPATH=tests $(RUN)/python tests/bench/forwarder.py $(ARGS)

bench-seed: $(STAMP) ## 10,000 log records, a long audit trail, answer times of the API
	$(RUN)/python tests/bench/seed.py $(ARGS)

bench-api: $(STAMP) ## the seven endpoints beside their bare SQL, pages a second beside a minimal server; EVENTS=10000000
	PYTHONPATH=tests $(RUN)/python -m bench.api --events $(EVENTS) $(ARGS)

bench-powerbi: $(STAMP) ## each visual's SQL, the OData feed, its metadata, freshness through bi; EVENTS=10000000
	PYTHONPATH=tests $(RUN)/python -m bench.powerbi --events $(EVENTS) $(ARGS)
	$(RUN)/python tests/bench/powerbi_freshness.py

EVENTS ?= 1000000
seed: $(STAMP) ## fill the local stack's reporting database with realistic history; EVENTS=10000000
	PYTHONPATH=tests $(RUN)/python -m history --events $(EVENTS) $(ARGS)

api-guide: $(STAMP) ## renew docs/API.md and the OpenAPI examples from a running demo
	PYTHONPATH=tests $(RUN)/python tests/kit/api_guide.py

powerbi: $(STAMP) ## write the Power BI project anew from its description, powerbi/describe
	$(RUN)/python -m powerbi

powerbi-preview: $(STAMP) ## pictures of the Power BI pages for docs/power-bi, from the running stack's data
	$(RUN)/python -m powerbi.preview $(ARGS)

LINES ?= 200000
fuzz-lines: $(STAMP) ## damaged log lines through forwarder and worker; LINES=200000 SEED=7
	PYTHONPATH=tests $(RUN)/python -m fuzz.lines --lines $(LINES) --seed $(SEED)

FAULTS ?= 20
SEED ?= 1
MINUTES ?= 60
chaos: $(STAMP) ## random faults under load, compared with what was committed; FAULTS=50 SEED=7
	PYTHONPATH=tests $(RUN)/python -m chaos --faults $(FAULTS) --seed $(SEED) --minutes $(MINUTES) $(ARGS)

EXPRESSIONS ?= 20000
fuzz-odata: $(STAMP) ## filters right and broken to the OData feed: rows or an OData error, never a 500; EXPRESSIONS=50000
	PYTHONPATH=tests $(RUN)/python -m fuzz.odata --expressions $(EXPRESSIONS) --seed $(SEED)

clean: ## stop the stack, remove its data, .venv and caches
	-@test -x $(RUN)/clearsight && $(RUN)/clearsight down --purge
	rm -rf .venv .uv .clearsight .clearsight-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis bench-results

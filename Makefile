# Everything a user or a contributor runs. Needs Python 3.11 to 3.13 and a package index.
PYTHON ?= python3
CONFIG ?= demo/monitoring.yaml
# What is make-believe is known to the demo's code location alone.
DEFINITIONS := $(if $(filter demo/%,$(CONFIG)),--definitions llm_monitoring.simulation.definitions)
VENV := .venv
BIN := $(VENV)/bin
# Two at a time, a file to each: what a file shares is made once.
PARALLEL := -n 2 --dist loadfile

.PHONY: demo test slow dev check bench clean

demo: $(VENV)/installed ## simulate a product with faults, monitor it, print what was caught
	$(BIN)/llm-monitoring demo

test: $(VENV)/installed-dev ## the whole default test suite
	$(BIN)/pytest $(PARALLEL)

slow: $(VENV)/installed-dev ## calibration by simulation
	$(BIN)/pytest $(PARALLEL) -m slow

dev: $(VENV)/installed ## Dagster on http://127.0.0.1:3000, incident reports on port 3001
	@$(BIN)/llm-monitoring dev --config $(CONFIG) $(DEFINITIONS)

check: $(VENV)/installed-dev ## lint, types, architecture, definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	LLM_MONITORING_CONFIG=demo/monitoring.yaml $(BIN)/dg check defs

bench: $(VENV)/installed-bench ## speed, memory and detection against peers; writes benchmarks/results
	$(BIN)/python -m benchmarks.windows
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.backfill
	$(BIN)/python -m benchmarks.lake
	$(BIN)/python -m benchmarks.recomputing
	$(BIN)/python -m benchmarks.segments
	$(BIN)/python -m benchmarks.endurance
	$(BIN)/python -m benchmarks.sparkline
	$(BIN)/python -m benchmarks.detection

clean: ## everything that was made here
	rm -rf $(VENV) .dagster demo/logs demo/lake demo/reports demo/.dagster demo/summary.json

$(VENV)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

$(VENV)/installed: $(VENV)/uv pyproject.toml constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/uv pyproject.toml constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/installed

$(VENV)/installed-bench: $(VENV)/uv pyproject.toml constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[dev,bench]"
	@touch $@

# Short targets that only call tools. Without make: pip install -e . ; qa run digits
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DAGSTER_HOME := $(CURDIR)
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: help run test check ui pictures bench bench-peers mutate clean
help:
	@grep -E '^# [a-z-]+:' Makefile | sed 's/^# //'

$(VENV)/.run: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e .
	@touch $@
$(VENV)/.dev: pyproject.toml $(VENV)/.run
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

# run: the digits pipeline end to end, on this machine
run: $(VENV)/.run
	@$(BIN)/qa run digits
# ui: the Dagster UI on http://127.0.0.1:3000
ui: $(VENV)/.run
	$(BIN)/dagster dev -h 127.0.0.1 -p 3000
# test: every test
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile
# check: lint, format, types, layers
check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/basedpyright
# bench-peers: what users would pick instead, on the same faults (needs the bench extra)
bench-peers: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet -e '.[bench]'
	$(BIN)/python -m qa_assets_tests.faults.peers
# mutate: breaks the deciding code in one place at a time; what its tests do not notice is printed
mutate: $(VENV)/.dev
	$(BIN)/python -W ignore -m benchmarks.mutate $(MODULES)
# pictures: make the pictures of the README anew from the real thing (needs Chromium)
pictures: $(VENV)/.dev
	QA_WRITE_PICTURES=1 $(BIN)/python -m pytest -m browser
# bench: the edge, memory at a million samples, images a second, and 1 % more: make bench FOLDERS='a b' MNIST=c
bench: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet -e '.[bench]'
	$(BIN)/python -m benchmarks.edge_latency
	$(BIN)/python -m benchmarks.million
	$(if $(FOLDERS),$(BIN)/python -m benchmarks.data $(FOLDERS))
	$(if $(MNIST),$(BIN)/python -m benchmarks.growing $(MNIST))
# clean: remove what runs left behind; the next run makes it again
clean:
	rm -rf .qa .dagster reports

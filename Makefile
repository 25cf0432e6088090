# Everything starts from `python3` (3.11 or newer) and `make`: each target sets up what it needs.
#
#   make demo    set up, run the smoke suite on both reference models, show the result
#   make test    set up, every check and every test, real vLLM included
#   make check   the quick inner loop: format, lint, types, unit tests
#   make bench   the harness' own speed and cost, against rivals and limits
#   make nightly run suites/nightly.yaml, compare with results/nightly-baseline, leave artifacts/

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := requirements/cpu-py311.lock
E2E := tests/e2e
EXTRAS := tokenizers,datasets,dev
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEVICE := $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format unit integration e2e golden bench lock clean

help:
	@sed -n '3,7s/^# *//p' Makefile

setup: $(READY)

$(READY): pyproject.toml $(LOCK)
	$(PYTHON) -m venv $(VENV)
	$(MAKE) --no-print-directory install-$(DEVICE)
	@touch $(READY)

.PHONY: install-cpu install-gpu
install-cpu:
	@echo "installing the pinned CPU packages (about three minutes)"
	$(PIP) install --no-deps --requirement $(LOCK) || \
	  $(PIP) install --no-deps --extra-index-url $(TORCH_CPU_INDEX) --requirement $(LOCK)
	$(PIP) install --no-deps --no-build-isolation --editable .

install-gpu:
	@echo "installing for the GPU"
	$(PIP) install --editable '.[gpu,$(EXTRAS)]'

demo: $(READY)
	$(BIN)/stressbench run smoke
	@run=$$(ls -d results/smoke-2* | tail -n 1); $(BIN)/stressbench report $$run --html $$run/report.html

# Starting engines and building models takes one core; the other tests take the other.
test: $(READY)
	$(MAKE) --no-print-directory static
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target e2e without-engine

.PHONY: without-engine
without-engine: $(READY)
	$(BIN)/python -m pytest -p no:cacheprovider tests/unit tests/integration

check: $(READY)
	$(MAKE) --no-print-directory static
	$(BIN)/python -m pytest tests/unit

.PHONY: static
static:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

unit integration: $(READY)
	$(BIN)/python -m pytest tests/$@

e2e: $(READY)
	$(BIN)/python -m pytest $(E2E)

# What takes an engine of its own for minutes: MLA models, captures of other packages, merged outputs.
.PHONY: e2e-long
e2e-long: $(READY)
	$(BIN)/python -m pytest tests/e2e_long

golden: $(READY)
	$(BIN)/python -m pytest tests/unit tests/integration --update-golden

bench: $(READY)
	$(BIN)/python -m benchmarks

# Cut files at any byte, and kill runs at any moment: what was gone on with is the uncut run.
.PHONY: campaign-cut campaign-kill
campaign-cut: $(READY)
	$(BIN)/python -m tests.campaign cut --minutes $(or $(MINUTES),30)

campaign-kill: $(READY)
	$(BIN)/python -m tests.campaign kill --kills $(or $(KILLS),100)

.PHONY: nightly
nightly: $(READY)
	@STRESSBENCH=$(BIN)/stressbench examples/nightly/nightly.sh

lock: $(READY)
	$(PIP) install 'uv>=0.5'
	$(BIN)/uv pip compile pyproject.toml --quiet --python-version 3.11 --no-header --no-annotate \
	  --extra cpu --extra tokenizers --extra datasets --extra dev \
	  --override requirements/overrides.txt \
	  $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS),--index $(TORCH_CPU_INDEX) --index-strategy unsafe-best-match) \
	  --output-file $(LOCK)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

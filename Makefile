# Everything starts from GNU make and `python3` (3.11 or newer): each target sets up what it needs.
# Times are for two idle CPU cores. The first target also sets up: about a minute, or three with pip.
#
#   make check        format, lint, types, unit tests: the quick inner loop           45 s
#   make test         every check and every test, real vLLM included: what CI runs    15 min
#   make demo         run the smoke suite on both reference models, show the result   6 min
#   make unit         the unit tests, with all examples of each property              2 min
#   make integration  whole commands with the simulated engine                        4 min
#   make e2e          real vLLM and the real reference models                         12 min
#   make e2e-long     rarer engines, captures of other packages, models built again   11 min
#   make bench-scorers: how scorers agree with labels that a person gave to answers
#   make bench        the harness' own speed and cost, against rivals and limits      hours
#   make nightly      run suites/nightly.yaml, compare with results/nightly-baseline  20 min
#   make setup        install the pinned packages into .venv                          1 min
#   make format       fix what ruff can fix, and format
#   make golden       rewrite the golden files; read the diff
#   make lock         resolve requirements/cpu-py311.lock again
#   make campaign-cut, make campaign-kill: cut files, kill runs (MINUTES=30, KILLS=100)
#   make clean        remove .venv and caches

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := requirements/cpu-py311.lock
E2E := tests/e2e
# End-to-end tests that start no engine: of models as they are built, and of vLLM's scheduler.
NO_ENGINE := tests/e2e/test_reference_models.py tests/e2e/test_simulated_scheduler.py
EXTRAS := tokenizers,datasets,dev
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu
# Where uv looks for packages: in pip's index, and in pip's folder of wheels or PyTorch's index.
WHEELS := $(if $(PIP_INDEX_URL),--default-index $(PIP_INDEX_URL)) $(if $(PIP_FIND_LINKS),\
  --find-links $(PIP_FIND_LINKS),--index $(TORCH_CPU_INDEX) --index-strategy unsafe-best-match)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEVICE := $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)
CANNOT_SET_UP = $(shell sh requirements/can-set-up.sh '$(PYTHON)' $(DEVICE) $(MAKECMDGOALS))

# Bytecode is compiled once, not again in every process that a test starts.
unexport PYTHONDONTWRITEBYTECODE

ifeq ($(filter output-sync,$(.FEATURES)),)
$(error this is make $(MAKE_VERSION), and stressbench needs GNU make 4.0 or newer: \
install it (Debian, Ubuntu: apt install make))
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format unit integration e2e golden bench bench-scorers lock clean

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

setup: $(READY)

$(READY): pyproject.toml $(LOCK)
	$(eval fault := $(CANNOT_SET_UP))$(if $(fault),$(error $(fault)))
	$(PYTHON) -m venv $(VENV)
	$(MAKE) --no-print-directory install-$(DEVICE)
	@touch $(READY)

.PHONY: install-cpu install-gpu
# uv unpacks and compiles on every core, in a third of pip's time. pip is there to fall back on: it
# reads indexes from configuration files that uv does not know.
install-cpu:
	@echo "installing the pinned CPU packages (one to three minutes)"
	@$(PIP) install 'uv>=0.5' && \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --no-deps \
	    $(WHEELS) --requirement $(LOCK) || \
	  $(PIP) install --no-deps --requirement $(LOCK) || \
	  $(PIP) install --no-deps --extra-index-url $(TORCH_CPU_INDEX) --requirement $(LOCK) || \
	  { echo "pip could not install the packages of $(LOCK), for the reason above: see to" \
	    "its network or index (PIP_INDEX_URL), then type: make setup" >&2; exit 1; }
	$(PIP) install --no-deps --no-build-isolation --editable .

install-gpu:
	@echo "installing for the GPU"
	$(PIP) install --editable '.[gpu,$(EXTRAS)]'

demo: $(READY)
	$(BIN)/stressbench run smoke
	@run=$$(ls -d results/smoke-2* | tail -n 1); $(BIN)/stressbench report $$run --html $$run/report.html

# Starting engines takes one core, one engine after another; whatever starts none takes the other.
test: $(READY)
	$(MAKE) --no-print-directory static
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target with-engine without-engine

.PHONY: with-engine without-engine
with-engine: $(READY)
	$(BIN)/python -m pytest $(E2E) $(NO_ENGINE:%=--ignore=%)

without-engine: $(READY)
	$(BIN)/python -m pytest -p no:cacheprovider tests/unit tests/integration $(NO_ENGINE)

# Two processes, and fewer examples of each property than `make unit` and `make test` try.
check: $(READY)
	$(MAKE) --no-print-directory static
	$(BIN)/python -m pytest --numprocesses 2 --hypothesis-profile quick tests/unit

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

# ARGS=--failures names the answers that a scorer judges wrongly.
bench-scorers: $(READY)
	$(BIN)/python -m benchmarks.scorers $(ARGS)

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
	  $(WHEELS) \
	  --output-file $(LOCK)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

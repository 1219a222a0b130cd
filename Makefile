# Everything runs from a fresh clone with make and Python 3.11 or newer: each target first builds .venv.

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready

# The Python that builds .venv: the first of these that runs. CI uses 3.11.
BOOTSTRAP = $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# Folders and files of Python: those of them that are there.
SOURCES := $(wildcard pytest_ftcheck tests fixtures examples benchmarks conftest.py hatch_build.py docs/conf.py)

TASK ?= mrpc
# More options for pytest: make test PYTEST_ARGS="-n 0 -k collator"
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-slow test-lowest test-newest lint docs red-sessions format bench constraints constraints-lowest \
	constraints-newest clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY)  ## Build .venv with the versions that CI uses

$(READY): pyproject.toml constraints.txt
	@test -x $(PYTHON) || test -n "$(BOOTSTRAP)" || { echo "Python 3.11 or newer is needed, and none was found." >&2; exit 1; }
	test -x $(PYTHON) || $(BOOTSTRAP) -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,test]"
	@touch $@

demo: $(READY)  ## Fine-tune the bundled tiny checkpoint and judge it (TASK=mrpc)
	@echo "Fine-tuning a tiny checkpoint on the bundled task '$(TASK)' and judging what comes out. No network, no GPU."
	@echo "$$ pytest --ftcheck-task=$(TASK) $(PYTEST_ARGS)"
	@$(VENV)/bin/pytest --ftcheck-task=$(TASK) $(PYTEST_ARGS)

# A file's tests stay in one process: they share what their module sets up. One thread a process: on busy cores, the threads of a tiny matmul spend their time waiting for each other.
test test-slow: export OMP_NUM_THREADS ?= 1
test: $(READY)  ## Run the tests
	$(VENV)/bin/pytest -n 2 --dist loadfile -o strict=true $(PYTEST_ARGS)

test-slow: $(READY)  ## Run the tests on real data and real checkpoints
	$(VENV)/bin/pytest -m slow -n 2 --dist loadfile $(PYTEST_ARGS)

# What a user does first, in an empty folder; then tests: all, or those of TESTS.
test-lowest: .venv-lowest/.ready  ## Run the tests with the lowest versions that pyproject.toml allows
test-newest: .venv-newest/.ready  ## Run the tests with the newest versions (of the last make constraints-newest)
test-lowest test-newest: export OMP_NUM_THREADS ?= 1
test-lowest test-newest: test-%:
	folder=$$(mktemp -d) && cd "$$folder" && $(CURDIR)/.venv-$*/bin/pytest --ftcheck-task=$(TASK); \
		code=$$?; rm -rf "$$folder"; exit $$code
	.venv-$*/bin/pytest -n 2 --dist loadfile $(PYTEST_ARGS) $(TESTS)

.venv-lowest/.ready .venv-newest/.ready: .venv-%/.ready: pyproject.toml constraints-%.txt
	@test -n "$(BOOTSTRAP)" || { echo "Python 3.11 or newer is needed, and none was found." >&2; exit 1; }
	rm -rf .venv-$*
	$(BOOTSTRAP) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-$*.txt --editable ".[test]"
	@touch $@

lint: $(READY)  ## Check style, format, types and the direction of imports
	$(VENV)/bin/ruff check $(SOURCES)
	$(VENV)/bin/ruff format --check $(SOURCES)
	$(VENV)/bin/mypy $(SOURCES)
	$(VENV)/bin/lint-imports --no-logo

docs: $(READY)  ## Build the documentation site into build/docs; a broken link or reference fails
	$(PYTHON) -m sphinx -q -W --keep-going -b html docs build/docs

red-sessions: $(READY)  ## Run the red sessions, and write their page and the picture of the terminal
	$(PYTHON) docs/make_red_sessions.py

format: $(READY)  ## Format, and fix what ruff can fix
	$(VENV)/bin/ruff check --fix-only $(SOURCES)
	$(VENV)/bin/ruff format $(SOURCES)

bench: $(READY)  ## Measure the speed of training steps on this machine
	$(PYTHON) benchmarks/run_all.py

constraints: $(READY)  ## Write constraints.txt from what .venv holds
	@{ grep '^#' constraints.txt; $(PYTHON) -m pip freeze --exclude pytest-ftcheck | sed 's/+cpu$$//'; } > constraints.new
	mv constraints.new constraints.txt
	@touch $(READY)

# torch stands on the one version that was run; what its CUDA build needs follows from it.
constraints-lowest: RESOLUTION := lowest-direct
constraints-newest: RESOLUTION := highest
constraints-lowest: $(READY)  ## Find the lowest versions that pyproject.toml allows
constraints-newest: $(READY)  ## Find the newest versions that fit together
constraints-lowest constraints-newest:
	echo "torch==2.13.0" | $(VENV)/bin/uv pip compile --quiet --resolution $(RESOLUTION) --python-version 3.11 \
		--no-annotate --no-header --constraint - --extra test pyproject.toml > $@.found
	{ echo "# What 'make test-$(@:constraints-%=%)' installs. Made by 'make $@'."; \
		grep -vE '^(cuda|nvidia|triton)' $@.found; } > $@.txt
	rm $@.found

clean:  ## Remove .venv, caches and builds
	rm -rf $(VENV) .venv-lowest .venv-newest build dist .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(SOURCES) -type d -name __pycache__ -prune -exec rm -rf {} +

# `make help` lists what there is; everything sets itself up and is quick the second time.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
PYTHON ?= $(shell for p in python3.11 python3 python3.12; do \
  $$p -c '$(SUITABLE)' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --constraint constraints.txt
export DO_NOT_TRACK = 1
export YOLO_OFFLINE = true
export YOLO_AUTOINSTALL = false

.DEFAULT_GOAL := help
.PHONY: help demo test check serve

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.runtime ## Footage of a simulated street becomes a queue in PostGIS
	@$(BIN)/roadwear demo

serve: $(VENV)/.runtime ## Serve the engineers' pages
	@$(BIN)/roadwear db start && $(BIN)/roadwear serve

test: check ## Checks, then all tests (real PostGIS, real browser)
	@echo "== tests"
	@$(BIN)/python -m pytest

check: $(VENV)/.tests ## Format, lint, types, floors
	@echo "== format and lint"
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@echo "== types"
	@$(BIN)/mypy --no-error-summary
	@echo "== floors"
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -n 2

$(VENV)/bin/python:
	@deploy/setup/system_packages.sh
	@echo "Making the virtual environment .venv …"
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or 3.12 is needed; name it: make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt deploy/setup/system_packages.sh | $(VENV)/bin/python
	@deploy/setup/system_packages.sh
	@echo "Installing what Roadwear needs to run (about 1 GB, once) …"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.tests: pyproject.toml constraints.txt deploy/setup/system_packages.sh | $(VENV)/bin/python
	@deploy/setup/system_packages.sh tests
	@echo "Installing what the tests need (torch among it: several GB, once) …"
	@$(PIP) --editable '.[export,dev]'
	@touch $@ $(VENV)/.runtime

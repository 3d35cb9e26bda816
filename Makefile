# The two commands: `make app` opens the sandbox, `make test` runs every check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test

.PHONY: app demo test test-slow lint types imports spell bench lock clean help

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "meshdojo needs Python 3.11 or later, found " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) (once, about a minute) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e .
	@touch $@

$(TEST_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[test]'
	@touch $@

app: $(STAMP) ## Open the sandbox in the browser
	@$(BIN)/meshdojo app

demo: $(STAMP) ## Play the tutorial in the terminal
	@$(BIN)/meshdojo lesson play 01-the-tutorial

lint: $(TEST_STAMP) ## Style: ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TEST_STAMP) ## Types: mypy --strict
	$(BIN)/mypy

imports: $(TEST_STAMP) ## Direction of imports
	$(BIN)/lint-imports

spell: $(TEST_STAMP) ## Spelling
	$(BIN)/codespell

test: lint types imports spell ## Every check that takes less than ten minutes
	$(BIN)/pytest -n auto -m "not slow"

test-slow: $(TEST_STAMP) ## The checks that take longer
	$(BIN)/pytest -n auto -m slow

bench: $(TEST_STAMP) ## Speed, as ratios to bare simpy
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/replay.py
	$(BIN)/python benchmarks/flows.py

lock: ## Pin what pyproject.toml asks for
	$(PYTHON) -m venv .lock-venv && .lock-venv/bin/pip install --quiet pip-tools
	.lock-venv/bin/pip-compile --quiet --strip-extras --extra test --no-header --no-emit-index-url --no-emit-find-links --output-file requirements.lock pyproject.toml
	rm -rf .lock-venv

clean: ## Remove what make made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Every target works as the only command on a machine with Python 3.11 or newer and make: what it needs is installed
# into .venv first, and again when pyproject.toml changes.
#   make SYSTEM_PYTHON=/path/to/python3.12 test    chooses the interpreter;  make JOBS=8 check    uses more cores;
#   make OPTIONS="--last-failed" e2e               hands options to pytest.

VENV := .venv
PY := $(VENV)/bin/python
JOBS ?= 2
OPTIONS ?=
SYSTEM_PYTHON ?=

# What mypy reads: packages that have Python in them.
TYPED := polos handlers examples $(if $(wildcard infra/*.py),infra)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check bench e2e smoke docs format clean

help:  ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '%-14s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.installed-demo  ## a workflow is killed in the middle, restarted, and finishes
	@$(PY) -m examples.demo

test: $(VENV)/.installed-dev  ## every test that needs nothing but this machine
	$(PY) -m pytest -n $(JOBS)

check: $(VENV)/.installed-dev  ## the gate: format, lint, types, import contracts, tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy $(TYPED)
	$(VENV)/bin/lint-imports --no-logo
	$(PY) -m pytest -n $(JOBS)

bench: $(VENV)/.installed-bench  ## time, memory and AWS calls, as a table and as bench.json
	@$(PY) -m tests.bench

e2e: $(VENV)/.installed-dev  ## tests against emulators, deployments and browsers
	$(PY) -m pytest -m "emulator or e2e or browser" $(OPTIONS)

smoke: $(VENV)/.installed-dev  ## one stack on an emulated AWS: deployed, used, destroyed; some minutes
	$(PY) -m pytest -m e2e tests/e2e/test_smoke.py $(OPTIONS)

docs: $(VENV)/.installed-docs  ## the documentation, as pages in site/
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo "site/index.html"

format: $(VENV)/.installed-dev  ## rewrite the code in the project's format, mend what lint can mend
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

clean:  ## remove what the other targets made, .venv included
	rm -rf $(VENV) build dist site htmlcov .coverage bench.json \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -type d -name __pycache__ -prune -exec rm -rf {} +

# --- the virtual environment -----------------------------------------------------------------------------------------

# The first Python that is new enough. Where the venv module comes without ensurepip (Debian has it in a package of its
# own), the system's pip brings one; where .venv was made by uv, it has no pip yet.
$(PY):
	@python=; for candidate in $(or $(SYSTEM_PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then \
		echo "No Python 3.11 or newer: tried $(or $(SYSTEM_PYTHON),python3 and python3.11 to python3.14)." >&2; \
		echo "Install one, or say where it is: make SYSTEM_PYTHON=/path/to/python ..." >&2; \
		exit 1; fi; \
	echo "Creating $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv --clear $(VENV) >/dev/null 2>&1 || { \
		"$$python" -m venv --clear --without-pip $(VENV) && "$$python" -m pip --python $(PY) install -q pip; } || { \
		rm -rf $(VENV); \
		echo "$$python can make no virtual environment with pip in it. On Debian: apt install python3-venv" >&2; exit 1; }

define install
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null
	@echo "Installing polos[$(1)] into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable ".[$(1)]"
endef

$(VENV)/.installed-%: pyproject.toml | $(PY)
	$(call install,$*)
	@touch $@

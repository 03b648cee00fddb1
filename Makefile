# Two commands matter: `make run` and `make test`. Both set up what they need in .venv, with uv where it is there.
VENV ?= .venv
PY   := $(VENV)/bin/python
UV   := $(shell command -v uv 2>/dev/null)
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# uv brings certificates of its own; behind a company's proxy only the system's are right. Two names: old and new uv.
INSTALL := $(if $(UV),UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet,$(PY) -m pip install --quiet --disable-pip-version-check)

.PHONY: run test lint types bench chaos clean system-parts

run: $(VENV)/.run
	$(VENV)/bin/andon serve --demo

# What only computes runs on every core; then, one by one, what starts servers and browsers and watches the time.
test: lint types system-parts
	$(PY) -m pytest -n auto --dist worksteal tests/unit tests/contracts tests/guards tests/surfaces
	$(PY) -m pytest tests/flows tests/bench

lint: $(VENV)/.test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.test
	$(VENV)/bin/mypy

bench: $(VENV)/.test
	$(PY) -m tests.bench $(BENCH_ARGS)

# Thousands of faults on real processes; a short version of each is among the tests.
chaos: $(VENV)/.test system-parts
	$(PY) -m tests.chaos $(CHAOS_ARGS)

# nginx, Chromium and axe-core for the tests that use them: installed where this may be done, named where it may not.
system-parts: $(VENV)/.test
	@$(PY) -m tests.system_parts

$(PY):
	@test -n "$(PYTHON)" || { echo "Andon needs Python 3.11 or newer on the PATH" >&2; exit 1; }
	$(if $(UV),$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV),$(PYTHON) -m venv $(VENV))

$(VENV)/.run: pyproject.toml | $(PY)
	$(INSTALL) -e .
	@touch $@

$(VENV)/.test: pyproject.toml | $(PY)
	$(INSTALL) -e '.[test,lint]'
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache htmlcov

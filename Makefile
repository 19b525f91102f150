# Every target prepares .venv by itself, again whenever pyproject.toml changes.
# Another Python: make test PYTHON=python3.12        Some tests: make test TESTS=tests/language

PYTHON ?=
TESTS  ?=
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.prepared
CHECK  := $(BIN)/guiju check examples/companion/service.yaml --events examples/companion/events.ndjson \
          --regulation cn/human-like-ai
DIFF   := cn/human-like-ai@draft final --only behaviour --rule reminder_every_two_hours --rule copy_and_delete_options

.PHONY: help demo test lint bench clean prepare

help:
	@echo "make demo    judge the example companion service under the draft and the final, and compare the two"
	@echo "make test    lint, type check and every test"
	@echo "make lint    ruff and mypy alone"
	@echo "make bench   the benchmarks, side by side"
	@echo "make clean   remove .venv and every cache"

# `check` says 1 when it found something, which is what the demo is about. Anything else is a failure of the demo.
demo: $(STAMP)
	@for version in draft final; do \
	    echo; echo "\$$ guiju check … --version $$version"; \
	    code=0; $(CHECK) --version $$version || code=$$?; \
	    if [ $$code -gt 1 ]; then echo "demo: check of the $$version ended with $$code" >&2; exit $$code; fi; \
	done
	@echo; echo '$$ guiju diff $(DIFF)'
	@$(BIN)/guiju diff $(DIFF)

test: lint
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_FLAGS) $(TESTS)

lint: $(STAMP)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary

bench: $(STAMP)
	@$(BIN)/python -c 'import matplotlib' 2>/dev/null || $(BIN)/python -m pip install --quiet -e '.[bench]'
	@set -e; for bench in benchmarks/*/run.py; do echo "== $$bench"; $(BIN)/python "$$bench"; echo; done

clean:
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

prepare: $(STAMP)

# A candidate counts only if it is new enough and can make an environment: Debian ships python3 without ensurepip.
$(STAMP): pyproject.toml
	@set -e; \
	able='import sys; sys.exit(0 if sys.version_info >= (3, 11) else 3)'; \
	whole='import ensurepip, venv'; \
	chosen=; old=; bare=; \
	for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	    command -v "$$python" >/dev/null 2>&1 || continue; \
	    "$$python" -c pass >/dev/null 2>&1 || continue; \
	    if ! "$$python" -c "$$able"; then old=$$python; continue; fi; \
	    if ! "$$python" -c "$$whole" >/dev/null 2>&1; then bare=$$python; continue; fi; \
	    chosen=$$python; break; \
	done; \
	if [ -z "$$chosen" ] && [ -n "$$bare" ]; then \
	    echo "$$bare cannot make virtual environments here." >&2; \
	    echo "On Debian and Ubuntu: apt-get install $$("$$bare" -c \
	        'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; exit 1; \
	elif [ -z "$$chosen" ]; then \
	    echo "Python 3.11 or newer is needed$${old:+; $$old is $$("$$old" -V 2>&1)}." >&2; \
	    echo "On Debian and Ubuntu: apt-get install python3 python3-venv; or name one: make test PYTHON=/path/to/python" >&2; \
	    exit 1; \
	fi; \
	$(BIN)/python -c "$$able" >/dev/null 2>&1 || rm -rf $(VENV); \
	[ -d $(VENV) ] || { echo "preparing $(VENV) with $$("$$chosen" -V), once" >&2; "$$chosen" -m venv $(VENV); }; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' >$(VENV)/install.log 2>&1 || { \
	    cat $(VENV)/install.log >&2; exit 1; }; \
	touch $@
